"""Incidents and claims as pages show them: words for codes, facts in order, nothing that was not released."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.incidents import words
from safeconduct.incidents.figures import Interval, severity
from safeconduct.incidents.kinds import FIGURES, INCIDENT
from safeconduct.records.moments import instant, is_day
from safeconduct.records.release import Released, Withheld
from safeconduct.shell.terms import LEVEL_NAMES, reason_withheld

_LAST = ("time_precision", "geo_precision", "external")
_HIDDEN = ("latitude", "longitude", "reliability", "credibility", "local_hour_known", "exercise", "title")


@dataclass(frozen=True)
class Moment:
    """A moment ready for the `moment` filter: `precision` is "day" or "minute"."""

    at: datetime
    precision: str

    @classmethod
    def of(cls, text: str | None) -> Moment | None:
        return cls(instant(text), "day" if is_day(text) else "minute") if text else None


@dataclass(frozen=True)
class Fact:
    """One line of a part. Exactly one of `text`, `moment`, `link` and `position` is set."""

    label: str | Promise
    text: str = ""
    moment: Moment | None = None
    link: str = ""
    position: tuple[float, float] | None = None
    long: bool = False


@dataclass(frozen=True)
class FigureLine:
    """One counted group of persons: low, best and high as given, and as people say it."""

    label: str | Promise
    text: str
    low: int | None
    best: int | None
    high: int | None


@dataclass(frozen=True)
class PartView:
    """A part as the page shows it: its facts, or that it is withheld, erased, or not there."""

    name: str
    title: str | Promise
    level: str = ""
    facts: tuple[Fact, ...] = ()
    figures: tuple[FigureLine, ...] = ()
    withheld: Withheld | None = None
    reason: str = ""
    erased: bool = False


def part_views(found: Released) -> list[PartView]:
    """The parts of a record in the order of its kind; parts that were never filled are left out."""
    withheld = {each.part: each for each in found.withheld}
    views = []
    for name in INCIDENT.part_names:
        title = words.PARTS[name]
        if name in found.parts:
            value = found.parts[name]
            figures = tuple(_figures(value)) if name == "people" else ()
            views.append(PartView(name, title, found.levels[name], tuple(_facts(value)), figures))
        elif name in found.erased:
            views.append(PartView(name, title, erased=True))
        elif name in withheld:
            reason = reason_withheld(withheld[name].reason)
            views.append(PartView(name, title, withheld=withheld[name], reason=reason))
    return views


def _facts(value: Mapping[str, Any]) -> Iterable[Fact]:
    figures = {f"{name}_{end}" for name in FIGURES for end in ("low", "best", "high")}
    for name in sorted(value, key=lambda name: name in _LAST):
        content = value[name]
        if content in (None, "") or name in figures or name in _HIDDEN:
            continue
        if name == "geo_precision" and value.get("latitude") is not None:
            yield Fact(words.FIELDS["coordinates"], position=(value["latitude"], value["longitude"]))
        label = words.FIELDS.get(name, name)
        if name in ("start", "end", "published"):
            yield Fact(label, moment=Moment.of(content))
        elif name == "url":
            yield Fact(label, link=str(content))
        elif name in words.CODES:
            yield Fact(label, words.word(words.CODES[name], content))
        else:
            yield Fact(label, str(content), long=len(str(content)) > 120)
    if graded := grade(value):
        yield Fact(words.FIELDS["grade"], graded)


def _figures(people: Mapping[str, Any]) -> Iterable[FigureLine]:
    for name in FIGURES:
        numbers = {end: people.get(f"{name}_{end}") for end in ("low", "best", "high")}
        if any(number is not None for number in numbers.values()):
            yield FigureLine(words.MEASURED[name], Interval.of(numbers).text, **numbers)


def grade(source: Mapping[str, Any]) -> str:
    """The admiralty grade, such as B2; an ungraded half is a dash."""
    reliability, credibility = source.get("reliability"), source.get("credibility")
    return f"{reliability or '–'}{credibility or '–'}" if reliability or credibility else ""


@dataclass(frozen=True)
class ListLine:
    """An incident in a list or on the map."""

    id: str
    title: str
    exercise: bool
    category: str
    start: Moment | None
    place: str
    figures: str
    severity: str
    severity_word: str
    state: str
    originator: str
    label: str
    withheld: tuple[str, ...]
    withdrawn: bool
    joined: bool = False
    """Whether it is one event with another record."""


def list_line(found: Released, joined: bool = False) -> ListLine:
    summary, when, where = (found.parts.get(name, {}) for name in ("summary", "when", "where"))
    grave = severity(found.parts) or ""
    return ListLine(
        id=found.id,
        title=summary.get("title") or _("Title withheld"),
        exercise=bool(summary.get("exercise")),
        category=words.word(words.CATEGORIES, summary["category"]) if summary else "",
        start=Moment.of(when.get("start")),
        place=place_name(where),
        figures=_short_figures(found.parts.get("people", {})),
        severity=grave,
        severity_word=words.word(words.SEVERITIES, grave) if grave else "",
        state=words.word(words.STATES, found.state),
        originator=found.originator,
        label=found.label,
        withheld=tuple(words.word(words.PARTS, each.part) for each in found.withheld),
        withdrawn=found.withdrawn,
        joined=joined,
    )


def place_name(where: Mapping[str, Any]) -> str:
    """The place and its district or province, without saying the same name twice."""
    names = [where.get(name) for name in ("place", "district", "province", "country")]
    kept = list(dict.fromkeys(name for name in names if name))
    return ", ".join(kept[:2])


def _short_figures(people: Mapping[str, Any]) -> str:
    said = []
    for name in ("killed", "injured"):
        numbers = {end: people.get(f"{name}_{end}") for end in ("low", "best", "high")}
        if any(number is not None for number in numbers.values()):
            said.append(f"{words.MEASURED[name]}: {Interval.of(numbers).text}")
    return "; ".join(said)


def map_feature(found: Released, url: str) -> dict[str, Any] | None:
    """An incident as a point of the map, with no more than its card shows; None where it has no point."""
    where = found.parts.get("where", {})
    if where.get("latitude") is None:
        return None
    line = list_line(found)
    shown = line.start.at.date().isoformat() if line.start else ""
    mark = _("EXERCISE") + " · " if line.exercise else ""
    return {
        "type": "Feature",
        "id": found.id,
        "geometry": {"type": "Point", "coordinates": [where["longitude"], where["latitude"]]},
        "properties": {
            "title": mark + line.title,
            "when": shown,
            "place": line.place,
            "summary": line.category,
            "level": found.label,
            "level_text": str(LEVEL_NAMES[found.label]),
            "exact": where.get("geo_precision", 1) <= 2,
            "url": url,
        },
    }


def highest(labels: Iterable[str]) -> str:
    """The highest of the labels on a page; OPEN for a page that shows none."""
    return max(labels, key=LEVELS.index, default=LEVELS[0])
