"""What else is known along the way: incidents near the route, headcounts in the districts it crosses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.geo.sphere import GeometryError, Point, distance, of_geojson, polyline_distance
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds
from safeconduct.records.release import Released
from safeconduct.shell.same_event import counted_once

NEAR_M = 25_000.0
"""How near to the route an incident counts as being on the way."""
LOOK_BACK = 365 * 86_400.0
MOST, LOOKED_AT, DISTRICTS = 20, 300, 10
DEGREE_M = 90_000.0
"""Metres of a degree, low for the latitudes people travel in, so that the box is never too small."""


@dataclass(frozen=True)
class Nearby:
    """An incident on the way; `kilometres` from the route, None where only the district is known. `also`: how many
    more of the records speak of the same event."""

    id: str
    title: str
    start: str
    place: str
    kilometres: int | None
    label: str
    also: int = 0


@dataclass(frozen=True)
class Count:
    """The latest headcount of a site that the reader may see."""

    site: str
    count: int
    as_of: str
    label: str


def incidents_near(reader: Subject, movement: Released, now: float) -> list[Nearby]:
    """The latest incidents of a year along the route, each event once; without a route that may be seen, in the
    districts."""
    line = _line(movement.parts.get("itinerary") or {})
    if line:
        return _along(reader, line, now)
    found: dict[str, Released] = {}
    for district in _districts(movement):
        query = Query(
            "incident",
            place=district,
            since=now - LOOK_BACK,
            withdrawn=False,
            parts=("summary", "when", "where"),
        )
        found |= {each.id: each for each in find(reader, query).records}
    told = _once(reader, [(each, None) for each in found.values()])
    return sorted(told, key=lambda each: each.start, reverse=True)[:MOST]


def headcounts(reader: Subject, movement: Released) -> list[Count]:
    """The latest headcounts at the sites of the districts crossed."""
    if not {"site", "headcount"} <= set(all_kinds()):
        return []
    names: dict[str, str] = {}
    for district in _districts(movement):
        query = Query("site", place=district, parts=("identity",), withdrawn=False, sort="at", limit=50)
        for site in find(reader, query).records:
            names[site.id] = (site.parts.get("identity") or {}).get("name", "")
    if not names:
        return []
    query = Query("headcount", about=list(names), parts=("figure",), withdrawn=False, sort="at", limit=500)
    found: dict[str, Count] = {}
    for each in find(reader, query).records:
        figure = each.parts.get("figure")
        if not figure or not each.about or not names.get(each.about):
            continue
        before = found.get(each.about)
        if before is None or before.as_of < figure["as_of"]:
            found[each.about] = Count(names[each.about], figure["count"], figure["as_of"], each.label)
    return sorted(found.values(), key=lambda count: count.site)


def _line(itinerary: Mapping[str, Any]) -> list[Point]:
    route = (itinerary.get("route") or {}).get("coordinates")
    try:
        if route:
            return of_geojson(route)
    except GeometryError:
        return []
    ends = [itinerary.get("origin") or {}, *itinerary.get("stops", ()), itinerary.get("destination") or {}]
    return [Point(e["latitude"], e["longitude"]) for e in ends if e.get("latitude") is not None]


def _along(reader: Subject, line: Sequence[Point], now: float) -> list[Nearby]:
    margin = 2 * NEAR_M / DEGREE_M
    box = (
        max(-180.0, min(p.lon for p in line) - margin),
        max(-90.0, min(p.lat for p in line) - margin),
        min(180.0, max(p.lon for p in line) + margin),
        min(90.0, max(p.lat for p in line) + margin),
    )
    parts = ("summary", "when", "where")
    query = Query("incident", bbox=box, since=now - LOOK_BACK, withdrawn=False, parts=parts, limit=LOOKED_AT)
    found: list[tuple[Released, int | None]] = []
    for each in find(reader, query).records:
        where = each.parts.get("where") or {}
        if where.get("latitude") is None:
            continue
        at = Point(where["latitude"], where["longitude"])
        metres = polyline_distance(at, line) if len(line) > 1 else distance(at, line[0])
        if metres <= NEAR_M:
            found.append((each, round(metres / 1000)))
    return _once(reader, found)[:MOST]


def _once(reader: Subject, found: Sequence[tuple[Released, int | None]]) -> list[Nearby]:
    """Each event once, by the record that counts for the reader."""
    instead = counted_once(reader, [each for each, _ in found])
    also = Counter(instead.values())
    return [_nearby(each, far, also[each.id]) for each, far in found if each.id not in instead]


def _nearby(found: Released, kilometres: int | None, also: int) -> Nearby:
    summary, when, where = (found.parts.get(name) or {} for name in ("summary", "when", "where"))
    place = where.get("place") or where.get("district", "")
    title, start = summary.get("title", ""), when.get("start", "")
    return Nearby(found.id, title, start, place, kilometres, found.label, also)


def _districts(movement: Released) -> list[str]:
    notice = movement.parts.get("notice") or {}
    ends = (notice.get("origin_district"), notice.get("destination_district"))
    return list(dict.fromkeys(d for d in (*ends, *notice.get("districts", ())) if d))[:DISTRICTS]
