"""Route options as a page shows them: from the parts of a record, kept or not, to lines, sentences and the map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from safeconduct.assessment.route_words import ALWAYS_MISSING
from safeconduct.risk.passage import one_in

MILLION, BILLION = 1e6, 1e9
LEAST_SHARE = 0.005
OLD_DAYS = 30
"""Days without a counted incident before the last day looked at, from which on the data is called old."""


@dataclass(frozen=True)
class Stretch:
    """The cell of a way near a town: kilometres in it, its share of the figure in hundredths, incidents in it."""

    near: str
    km: int
    share: int
    year: int
    ever: int


@dataclass(frozen=True)
class Line:
    """One way. `per_million`, `low`, `high`: expected incidents near a million passages. `one_in` and its ends: None
    where nothing is known."""

    number: int
    quickest: bool
    km: int
    hours: int
    minutes: int
    roads: tuple[str, ...]
    towns: tuple[str, ...]
    per_million: float
    low: float
    high: float
    one_in: int | None
    one_in_low: int | None
    one_in_high: int | None
    year: int
    ever: int
    beyond_km: int
    halts: tuple[str, ...]
    against: Mapping[str, Any] | None
    of_hundred: int
    crash_one_in: int | None
    stretches: tuple[Stretch, ...]
    span: tuple[int, int, int]
    """Where the interval begins, where the figure is, and where the interval ends, in thousandths of the widest."""


def lines(parts: Mapping[str, Any]) -> list[Line]:
    """Every way of the parts of a record, in their order: by time."""
    options = parts.get("options") or {}
    crash = (parts.get("basis") or {}).get("crash")
    ways = options.get("ways") or []
    widest = max((way["high"] for way in ways), default=0.0) or 1.0
    halts = [_halt(halt) for halt in options.get("halts") or []]
    return [_line(number, way, halts, crash, widest) for number, way in enumerate(ways, 1)]


def _halt(halt: Mapping[str, Any]) -> str:
    """Where, and for how long: R grows with the minutes."""
    minutes = _("%(minutes)s min") % {"minutes": f"{halt['minutes']:g}"}
    return f"\u2068{halt['place']}\u2069 ({minutes})"


def _line(
    number: int, way: Mapping[str, Any], halts: list[str], crash: Mapping[str, Any] | None, widest: float
) -> Line:
    minutes = round(way["duration_s"] / 60)
    against = way.get("against")
    deaths = crash["rate"] * way["distance_m"] / 1000 / BILLION if crash else 0.0
    return Line(
        number=number,
        quickest=number == 1,
        km=round(way["distance_m"] / 1000),
        hours=minutes // 60,
        minutes=minutes % 60,
        roads=tuple(way.get("roads") or ())[:8],
        towns=tuple(way.get("towns") or ())[:10],
        per_million=way["expected"] * MILLION,
        low=way["low"] * MILLION,
        high=way["high"] * MILLION,
        one_in=one_in(way["expected"]),
        one_in_low=one_in(way["high"]),
        one_in_high=one_in(way["low"]),
        year=way["year"],
        ever=way["ever"],
        beyond_km=round(way["beyond_m"] / 1000),
        halts=tuple(halts[n] for n in way.get("halts") or () if n < len(halts)),
        against=against,
        of_hundred=round(100 * against["lower"]) if against else 0,
        crash_one_in=one_in(deaths),
        stretches=tuple(
            Stretch(
                each.get("near", ""),
                round(each["metres"] / 1000),
                round(100 * each["share"]),
                each["year"],
                each["ever"],
            )
            for each in way.get("stretches") or ()
            if each["share"] >= LEAST_SHARE
        ),
        span=(
            round(1000 * way["low"] / widest),
            round(1000 * min(way["expected"], widest) / widest),
            round(1000 * way["high"] / widest),
        ),
    )


def drawn(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The courses as GeoJSON for the map, each with its number."""
    options = parts.get("options") or {}
    features = [
        {
            "type": "Feature",
            "properties": {"number": number, "title": _("Option %(n)s") % {"n": number}},
            "geometry": {"type": "LineString", "coordinates": [list(at) for at in way["coordinates"]]},
        }
        for number, way in enumerate(options.get("ways") or [], 1)
    ]
    return {"type": "FeatureCollection", "features": features}


def missing(parts: Mapping[str, Any]) -> list[str]:
    """What the data does not hold, and what the figures leave out: shown with every assessment."""
    basis = parts.get("basis") or {}
    found = []
    newest, until = basis.get("newest"), basis.get("until")
    if newest is None:
        found.append(_("No incident that is known well enough in place and time: the figures say nothing."))
    elif until and (age := (date.fromisoformat(until) - date.fromisoformat(newest)).days) > OLD_DAYS:
        text = _("The newest incident that counts is %(n)s days older than the last day looked at.")
        found.append(text % {"n": age})
    joined = basis.get("joined", 0)
    if joined:
        text = ngettext(
            "%(n)s record is of the same event as another and is not counted again.",
            "%(n)s records are of the same event as another and are not counted again.",
            joined,
        )
        found.append(text % {"n": joined})
    unsure = basis.get("known", 0) - joined - basis.get("counted", 0)
    if unsure > 0:
        text = _(
            "%(n)s incidents that you may know of are not counted: their place or day is withheld or "
            "not known well enough, they are exercises, or they are after the last day."
        )
        found.append(text % {"n": unsure})
    if basis.get("schematic"):
        found.append(_("Schematic roads: straight lines between towns. Not for navigation."))
    return found + [str(text) for text in ALWAYS_MISSING]
