"""Filters for what only this room knows the words of: `{% load incidents %}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

from safeconduct.incidents import words
from safeconduct.incidents.figures import Interval
from safeconduct.incidents.presentation import Moment
from safeconduct.incidents.presentation import grade as grade_of
from safeconduct.shell.templatetags.shell import moment

register = template.Library()


@register.filter
def measured(what: str) -> str:
    """What a claim counts, in words."""
    return words.word(words.MEASURED, what)


@register.filter
def claimant(party: str) -> str:
    return words.word(words.CLAIMANTS, party)


@register.filter
def interval(figure: Mapping[str, Any]) -> str:
    return Interval.of(figure).text


@register.filter
def grade(source: Mapping[str, Any]) -> str:
    return grade_of(source)


@register.filter
def event_moment(text: str) -> str:
    """A day or an instant as the report gives it."""
    found = Moment.of(text)
    return moment(found.at, found.precision) if found else ""


@register.simple_tag
def part_name(part: str) -> str:
    return words.word(words.PARTS, part)
