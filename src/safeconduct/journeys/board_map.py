"""The live map: journeys under way with their planned route, where they were last heard of, who holds each leg.

Opening it reads itineraries and positions, and each reading is noted where the agreement says so; therefore only
the last position of a journey is read, and later only what has changed. The table beside it says the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, hypot, radians
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.geo.areas import AreaMap, AreasError, NamedArea
from safeconduct.geo.atlas import designated_file
from safeconduct.geo.sphere import Point, destination
from safeconduct.journeys import board_rows as rows
from safeconduct.journeys.board import LIVE
from safeconduct.journeys.board_holder import holder_of, unit_of
from safeconduct.journeys.board_journeys import Journey, certain, under_way
from safeconduct.journeys.board_link import links_down
from safeconduct.journeys.board_times import Clock
from safeconduct.journeys.underway_course import instant_of
from safeconduct.journeys.words import STAGES, word
from safeconduct.positions.reading import newest
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.kinds import all_kinds
from safeconduct.records.release import Released
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.templatetags.shell import label_banner
from safeconduct.shell.terms import LEVEL_NAMES

SITES = 2_000
MOST_CORNERS = 40_000
"""Corners of areas that are drawn; a file with more would make the page slow for little."""
AT_ONCE = 100
EVERY = "*"
"""Asks for every journey under way: after a line that was lost nobody knows what has changed."""
CIRCLE = 36
COLOURS = 8
"""Colours that units are told apart by; the legend and the table name them, and more units share them in turn."""

Feature = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """Where a journey was last heard of: degrees, metres, and when, in epoch seconds."""

    latitude: float
    longitude: float
    accuracy_m: float | None
    at: float
    point: str
    label: str


@dataclass(frozen=True)
class MapLine:
    """One journey in the table beside the map."""

    line: rows.BoardLine
    seen: Seen | None
    seen_at: str
    withheld: bool
    focus: str


@require_safe
@answering
def board_map(request: HttpRequest) -> HttpResponse:
    """The journeys under way on the map, and the same in a table."""
    now = time.time()
    reader = reader_of(request)
    journeys = sorted(under_way(reader, now), key=rows.order)
    positions, unseen = last_seen(reader, journeys)
    features = [*places(reader), *drawn(journeys, positions, now)]
    lines = rows.Lines(reader, here.state().policy, now, links_down(now), may_answer=False)
    clock = Clock(now)
    shown = [_line(lines, clock, each, positions, unseen) for each in journeys]
    context = {
        "lines": shown,
        "now": now,
        "clock_now": clock.at(now),
        "zone": clock.zone_name,
        "features": collection(features, now),
        "units": _legend(journeys),
        "schematic": any(_is_schematic(each) for each in journeys),
        "live_url": LIVE,
        "page_level": _level(shown, positions, features),
    }
    return render(request, "journeys/board_map.html", context)


@require_safe
@answering
def map_features(request: HttpRequest) -> JsonResponse:
    """What is drawn of certain journeys as they are now; who is not in the answer is on the map no more."""
    now = time.time()
    reader = reader_of(request)
    asked = request.GET.get("ids", "")
    ids = [each for each in asked.split(",") if each][:AT_ONCE]
    if asked == EVERY:
        journeys = under_way(reader, now)
    else:
        journeys = [each for each in certain(reader, ids, now, places=True) if _goes(each)] if ids else []
    positions, unseen = last_seen(reader, journeys)
    lines = rows.Lines(reader, here.state().policy, now, links_down(now), may_answer=False)
    clock = Clock(now)
    shown = [_line(lines, clock, each, positions, unseen) for each in journeys]
    body = collection(list(drawn(journeys, positions, now)), now)
    body["lines"] = {
        each.line.id: render_to_string("journeys/_board_map_line.html", {"each": each}, request)
        for each in shown
    }
    body["banner"] = label_banner(_level(shown, positions, body["features"]))
    return JsonResponse(body, content_type="application/geo+json")


def _level(shown: Sequence[MapLine], positions: Mapping[str, Seen], features: Sequence[Feature]) -> str:
    labels = [each.line.label for each in shown] + [seen.label for seen in positions.values()]
    return rows.highest(
        labels + [each["properties"]["level"] for each in features if "level" in each["properties"]]
    )


def collection(features: Sequence[Feature], now: float) -> dict[str, Any]:
    return {"type": "FeatureCollection", "now": now, "features": list(features)}


def last_seen(reader: Subject, journeys: Sequence[Journey]) -> tuple[dict[str, Seen], set[str]]:
    """The last position of each journey that the reader may see, and those whose last one is withheld.

    Only these positions are read, not the track: `journey.check_ins` says of each whether it would be shown.
    """
    wanted, unseen = {}, set()
    for journey in journeys:
        heard = [each for each in journey.check_ins if each.parts.get("word")]
        heard.sort(key=lambda each: instant_of(each.parts["word"]["at"]), reverse=True)
        for each in heard:
            told = each.told.get("position", "absent")
            if told == "shown":
                wanted[each.id] = each.about
                break
            if told in ("withheld", "awaited"):
                unseen.add(journey.movement.id)
    found = _from_phones(journeys)
    page = find(
        reader,
        Query("check_in", ids=list(wanted), parts=("word", "position"), sort="at", limit=max(1, len(wanted))),
    )
    for each in page.records:
        said, position, movement = each.parts.get("word"), each.parts.get("position"), wanted[each.id]
        if not said or not position:
            continue
        at = instant_of(said["at"])
        if movement not in found or found[movement].at < at:
            place = (position["latitude"], position["longitude"], position.get("accuracy_m"))
            found[movement] = Seen(*place, at, said.get("point", ""), each.label)
    return found, unseen - set(found)


def _from_phones(journeys: Sequence[Journey]) -> dict[str, Seen]:
    """The newest positions of phones, for journeys whose itinerary has just been read: who may read that may see
    where the journey is, and the one note says both."""
    read = {
        each.movement.id: each.movement.label for each in journeys if each.movement.parts.get("itinerary")
    }
    return {
        movement: Seen(fix.latitude, fix.longitude, fix.accuracy_m, fix.at, "", read[movement])
        for movement, fix in newest(sorted(read)).items()
    }


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
    common = {"journey": journey.movement.id, "schematic": _is_schematic(journey), "stage": journey.stage}
    if route:
        yield _feature("LineString", route, {**common, "what": "route", "level": journey.movement.label})
    for leg in journey.legs:
        course = leg.parts.get("course")
        if not course or leg.state == "cancelled" or course.get("from_latitude") is None:
            continue
        if course.get("to_latitude") is None:
            continue
        start = (course["from_longitude"], course["from_latitude"])
        end = (course["to_longitude"], course["to_latitude"])
        duty = leg.parts.get("duty") or {}
        told = {
            **common,
            "what": "leg",
            "unit": unit_of(leg),
            "colour": colours.get(duty.get("unit", ""), 0),
            "straight": not route,
            "level": leg.label,
        }
        yield _feature("LineString", stretch(route, start, end) if route else [start, end], told)


def _position(journey: Journey, seen: Seen, now: float) -> Iterator[Feature]:
    movement = journey.movement
    notice = movement.parts.get("notice") or {}
    common = {"journey": movement.id, "stage": journey.stage, "at": seen.at, "level": seen.label}
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


def _is_schematic(journey: Journey) -> bool:
    return bool(((journey.movement.parts.get("itinerary") or {}).get("route") or {}).get("schematic"))


def _goes(journey: Journey) -> bool:
    return rows.group_of(journey) != "ended" and journey.stage in ("under_way", "overdue")


def _held_by(journey: Journey, now: float) -> str:
    holder = holder_of(journey.legs, journey.handovers, None, now)
    return holder.name if holder is not None else ""


def _colours(journeys: Sequence[Journey]) -> dict[str, int]:
    units = sorted({_unit(leg) for each in journeys for leg in each.legs} - {""})
    return {unit: number % COLOURS for number, unit in enumerate(units)}


def _legend(journeys: Sequence[Journey]) -> list[tuple[str, int]]:
    """Each unit on the map with the number of its colour."""
    colours = _colours(journeys)
    names = {_unit(leg): unit_of(leg) for each in journeys for leg in each.legs}
    return [(names[unit], colour) for unit, colour in colours.items()]


def _unit(leg: Released) -> str:
    return str((leg.parts.get("duty") or {}).get("unit", ""))


def _line(
    lines: rows.Lines, clock: Clock, journey: Journey, positions: Mapping[str, Seen], unseen: set[str]
) -> MapLine:
    seen = positions.get(journey.movement.id)
    return MapLine(
        lines.line(journey),
        seen,
        clock.at(seen.at) if seen is not None else "",
        journey.movement.id in unseen,
        f"{seen.longitude},{seen.latitude}" if seen is not None else "",
    )
