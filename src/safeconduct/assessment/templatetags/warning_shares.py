"""Shares as pages about warnings write them: whole per cent, low to high in every direction of writing."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from safeconduct.risk.rates import Share
from safeconduct.shell.templatetags.shell import between, ltr

register = template.Library()


@register.filter
def percent(share: float) -> SafeString:
    """A share from 0 to 1."""
    return ltr(f"{round(100 * share)} %")


@register.filter
def percents(share: Share) -> SafeString:
    """The interval of a share."""
    return between(f"{round(100 * share.low)}", f"{round(100 * share.high)} %")
