"""What the live map draws, as GeoJSON: planned routes, legs by who holds them, last positions, sites and areas."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import cos, hypot, radians
from pathlib import Path
from typing import Any

from django.urls import reverse
from django.utils.translation import get_language

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.geo.areas import AreaMap, AreasError, NamedArea
from safeconduct.geo.atlas import designated_file
from safeconduct.geo.sphere import Point, between, destination, distance
from safeconduct.journeys.board_holder import holder_of, unit_of
from safeconduct.journeys.board_journeys import Journey
from safeconduct.journeys.underway_course import instant_of
from safeconduct.journeys.words import STAGES, word
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.kinds import all_kinds
from safeconduct.records.release import Released
from safeconduct.shell.terms import LEVEL_NAMES

SITES = 2_000
MOST_CORNERS = 40_000
"""Corners of areas that are drawn; a file with more would make the page slow for little."""
CIRCLE = 36
COLOURS = 8
"""Colours that units are told apart by; the legend and the table name them, and more units share them in turn."""

Feature = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """Where a journey was last heard of: degrees, metres, and when, in epoch seconds. `party` is the partner whose node
    sent it live, "" for word given with a check-in and for own devices."""

    latitude: float
    longitude: float
    accuracy_m: float | None
    at: float
    point: str
    label: str
    party: str = ""


def collection(features: Sequence[Feature], now: float) -> dict[str, Any]:
    return {"type": "FeatureCollection", "now": now, "features": list(features)}


def drawn(journeys: Sequence[Journey], positions: Mapping[str, Seen], now: float) -> Iterator[Feature]:
    """Routes, legs and last positions as GeoJSON features, those on top last."""
    colours = _colours(journeys)
    for journey in journeys:
        yield from _course(journey, colours)
    for journey in journeys:
        seen = positions.get(journey.movement.id)
        if seen is not None:
            yield from _position(journey, seen, now)


def _course(journey: Journey, colours: Mapping[str, int]) -> Iterator[Feature]:
    route = _route(journey)
    common = {"journey": journey.movement.id, "schematic": is_schematic(journey), "stage": journey.stage}
    if route:
        yield _feature("LineString", route, {**common, "what": "route", "level": journey.movement.label})
    for leg in journey.legs:
        course = leg.parts.get("course")
        if not course or leg.state == "cancelled":
            continue
        line = _leg(journey, course, route)
        if len(line) < 2:
            continue
        duty = leg.parts.get("duty") or {}
        told = {
            **common,
            "what": "leg",
            "unit": unit_of(leg),
            "colour": colours.get(duty.get("unit", ""), 0),
            "level": max(leg.label, journey.movement.label if route else leg.label, key=LEVELS.index),
        }
        yield _feature("LineString", line, told)


def _leg(
    journey: Journey, course: Mapping[str, Any], route: Sequence[Sequence[float]]
) -> Sequence[Sequence[float]]:
    """The stretch of a leg: between its ends along the route, or straight; without ends, as its share of the
    planned time."""
    if course.get("from_latitude") is not None and course.get("to_latitude") is not None:
        start = (course["from_longitude"], course["from_latitude"])
        end = (course["to_longitude"], course["to_latitude"])
        return stretch(route, start, end) if route else [start, end]
    itinerary = journey.movement.parts.get("itinerary") or {}
    if not route or not itinerary:
        return []
    since, until = instant_of(itinerary["depart"]), instant_of(itinerary["arrive"])
    whole = max(1.0, until - since)
    return share(
        route,
        (instant_of(course["depart"]) - since) / whole,
        (instant_of(course["arrive"]) - since) / whole,
    )


def _position(journey: Journey, seen: Seen, now: float) -> Iterator[Feature]:
    movement = journey.movement
    notice = movement.parts.get("notice") or {}
    common = {"journey": movement.id, "stage": journey.stage, "at": seen.at, "level": seen.label}
    common["party"] = seen.party or here.home().party
    if seen.accuracy_m:
        ring = circle(seen.latitude, seen.longitude, min(seen.accuracy_m, 200_000))
        yield _feature("Polygon", [ring], {**common, "what": "accuracy"})
    yield _feature(
        "Point",
        (seen.longitude, seen.latitude),
        {
            **common,
            "what": "position",
            "title": notice.get("reference", ""),
            "stage_word": word(STAGES, journey.stage),
            "holder": _held_by(journey, now),
            "place": seen.point,
            "accuracy_m": round(seen.accuracy_m) if seen.accuracy_m is not None else None,
            "level_text": str(LEVEL_NAMES[seen.label]),
            "url": reverse("journeys:board") + f"#j-{movement.id}",
        },
    )


def places(reader: Subject) -> Iterator[Feature]:
    """Perimeters of sites that the reader may see, and the node's Designated Areas."""
    for named, polygons in _designated(here.home()):
        told = {"what": "area", "title": named.named(get_language() or "en")}
        yield _feature("MultiPolygon", polygons, told)
    if "site" not in all_kinds():
        return
    page = find(reader, Query("site", parts=("identity", "place"), withdrawn=False, sort="at", limit=SITES))
    for site in page.records:
        identity, place = site.parts.get("identity") or {}, site.parts.get("place") or {}
        told = {"what": "site", "title": identity.get("name", ""), "level": site.label}
        if place.get("boundary"):
            ring = [tuple(corner) for corner in place["boundary"]]
            yield _feature("Polygon", [[*ring, ring[0]]], told)
        elif place.get("latitude") is not None:
            ring = circle(place["latitude"], place["longitude"], place.get("radius_m") or 500)
            yield _feature("Polygon", [ring], told)


def _designated(home: Home) -> list[tuple[NamedArea, list[Any]]]:
    """The Designated Areas of the node, up to as many corners as a page can draw."""
    file = designated_file(home.path)
    try:
        stamp = file.stat().st_mtime_ns
    except OSError:
        return []
    return _outlines(file, stamp)


@lru_cache(maxsize=2)
def _outlines(file: Path, _stamp: int) -> list[tuple[NamedArea, list[Any]]]:
    try:
        outlines = AreaMap.load(file).outlines()
    except (AreasError, OSError):
        return []
    drawn: list[tuple[NamedArea, list[Any]]] = []
    corners = 0
    for named, polygons in outlines:
        corners += sum(len(ring) for rings in polygons for ring in rings)
        if corners > MOST_CORNERS:
            break
        drawn.append((named, polygons))
    return drawn


def circle(latitude: float, longitude: float, metres: float) -> list[tuple[float, float]]:
    """A closed ring of [longitude, latitude] around a position."""
    centre = Point(latitude, longitude)
    ring = [destination(centre, 360.0 * step / CIRCLE, metres) for step in range(CIRCLE)]
    return [(round(at.lon, 6), round(at.lat, 6)) for at in (*ring, ring[0])]


def stretch(
    route: Sequence[Sequence[float]], start: Sequence[float], end: Sequence[float]
) -> list[Sequence[float]]:
    """The piece of a route between the corners nearest to two positions, with these at its ends."""
    first, last = _nearest(route, start), _nearest(route, end)
    if first > last:
        return [start, end]
    return [start, *route[first : last + 1], end]


def share(route: Sequence[Sequence[float]], since: float, until: float) -> list[Sequence[float]]:
    """The piece of a route from one fraction of its length to another, each of them brought into 0 to 1."""
    points = [Point(lat, lon) for lon, lat in (corner[:2] for corner in route)]
    along = [0.0]
    for earlier, later in pairwise(points):
        along.append(along[-1] + distance(earlier, later))
    if along[-1] == 0.0:
        return []
    begin, end = (min(1.0, max(0.0, each)) * along[-1] for each in (since, until))
    if begin >= end:
        return []
    within = [corner for corner, metres in zip(route, along, strict=True) if begin < metres < end]
    return [_at(points, along, begin), *within, _at(points, along, end)]


def _at(points: Sequence[Point], along: Sequence[float], metres: float) -> tuple[float, float]:
    number = min(max(1, bisect_left(along, metres)), len(points) - 1)
    piece = along[number] - along[number - 1]
    found = between(
        points[number - 1], points[number], (metres - along[number - 1]) / piece if piece else 0.0
    )
    return (found.lon, found.lat)


def _nearest(route: Sequence[Sequence[float]], at: Sequence[float]) -> int:
    narrow = cos(radians(at[1]))
    return min(range(len(route)), key=lambda n: hypot((route[n][0] - at[0]) * narrow, route[n][1] - at[1]))


def _feature(kind: str, coordinates: Any, told: Mapping[str, Any]) -> Feature:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": dict(told),
    }


def _route(journey: Journey) -> list[Sequence[float]]:
    route = (journey.movement.parts.get("itinerary") or {}).get("route") or {}
    return list(route.get("coordinates") or ())


def is_schematic(journey: Journey) -> bool:
    return bool(((journey.movement.parts.get("itinerary") or {}).get("route") or {}).get("schematic"))


def _held_by(journey: Journey, now: float) -> str:
    holder = holder_of(journey.legs, journey.handovers, None, now)
    return holder.name if holder is not None else ""


def _colours(journeys: Sequence[Journey]) -> dict[str, int]:
    units = sorted({_unit(leg) for each in journeys for leg in each.legs} - {""})
    return {unit: number % COLOURS for number, unit in enumerate(units)}


def legend(journeys: Sequence[Journey]) -> list[tuple[str, int]]:
    """Each unit on the map with the number of its colour."""
    colours = _colours(journeys)
    names = {_unit(leg): unit_of(leg) for each in journeys for leg in each.legs}
    return [(names[unit], colour) for unit, colour in colours.items()]


def _unit(leg: Released) -> str:
    return str((leg.parts.get("duty") or {}).get("unit", ""))
