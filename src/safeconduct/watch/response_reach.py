"""How far help is: the nearest suitable hospitals by road where there is one, and the journeys on a closed road."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.geo.atlas import Atlas
from safeconduct.geo.routing import NoRoute, RoadGraph
from safeconduct.geo.sphere import Point, distance, polyline_distance
from safeconduct.records.find import Query, find
from safeconduct.records.transaction import iso
from safeconduct.watch.response_files import HospitalLine, HospitalTable

LOOKED_AT = 8
"""Hospitals, by straight line, that a road is looked for to: the nearest by road is seldom farther down."""
KEPT = 3
OFF_ROAD_M_MINUTE = 250.0
"""Metres a minute between a place and its road: 15 km/h, on tracks."""
OPEN_JOURNEYS = ("under_way", "overdue", "notified")
MOST_JOURNEYS = 500
ROAD_M = 3_000
"""Metres around a closed place within which a journey's way counts as passing it."""


def hospital_detail(
    place: Point | None, needed: str, table: HospitalTable | None, home: Path
) -> dict[str, Any]:
    """The detail of the item `hospital`: the nearest that suit, the one soonest reached by road first.

    Those that no road of this node reaches follow by straight line, and say so; they have no minutes.
    """
    if place is None:
        return {}
    found: dict[str, Any] = {"latitude": place.lat, "longitude": place.lon, "as_of": iso(time.time())}
    if table is None:
        return found
    suited = [each for each in table.hospital if each.suits(needed)]
    near = sorted(suited, key=lambda each: distance(place, each.point))[:LOOKED_AT]
    roads = Atlas.load(home).roads
    lines = [_line(place, each, roads) for each in near]
    lines.sort(key=lambda each: (each.get("minutes", math.inf), each["distance_m"]))
    by_road = roads is not None and any(each["reach"] == "road" for each in lines[:KEPT])
    return found | {
        "hospitals": lines[:KEPT],
        "source": table.source,
        "made_up": table.made_up,
        "schematic": bool(by_road and roads is not None and roads.origin.schematic),
    }


def _line(place: Point, hospital: HospitalLine, roads: RoadGraph | None) -> dict[str, Any]:
    found: dict[str, Any] = hospital.model_dump()
    if roads is not None:
        try:
            (route, *_) = roads.routes(
                (place.lat, place.lon), (hospital.latitude, hospital.longitude), alternatives=1
            )
        except NoRoute:
            pass
        else:
            off = route.origin_off_road_m + route.destination_off_road_m
            minutes = math.ceil(route.duration_s / 60 + off / OFF_ROAD_M_MINUTE)
            return found | {"reach": "road", "minutes": minutes, "distance_m": round(route.distance_m + off)}
    return found | {"reach": "straight_line", "distance_m": round(distance(place, hospital.point))}


@dataclass(frozen=True)
class OnRoad:
    """An open journey whose way passes a place; `straight` when it has no route and only its ends are known."""

    id: str
    reference: str
    state: str
    origin: str
    destination: str
    metres: int
    straight: bool
    label: str


def journeys_on(reader: Subject, place: Point, within: float = ROAD_M) -> list[OnRoad]:
    """The open journeys that pass within so many metres of a place, as far as the reader may see where they go.

    Reading their itineraries is noted. What happens to them stays with who may decide it for each.
    """
    found = []
    for state in OPEN_JOURNEYS:
        query = Query(
            "movement",
            state=state,
            parts=("notice", "itinerary"),
            withdrawn=False,
            sort="at",
            limit=MOST_JOURNEYS,
        )
        for each in find(reader, query).records:
            line, straight = _way(each.parts.get("itinerary") or {})
            metres = polyline_distance(place, line) if len(line) > 1 else math.inf
            if metres <= within:
                notice = each.parts.get("notice") or {}
                ends = (notice.get("origin_district", ""), notice.get("destination_district", ""))
                reference = notice.get("reference") or each.id[:8]
                found.append(
                    OnRoad(each.id, reference, each.state, *ends, round(metres), straight, each.label)
                )
    return sorted(found, key=lambda each: (each.state == "notified", each.metres))


def _way(itinerary: dict[str, Any]) -> tuple[Sequence[Point], bool]:
    route = itinerary.get("route") or {}
    if route.get("coordinates"):
        return [Point(lat, lon) for lon, lat in route["coordinates"]], False
    ends = [
        itinerary.get("origin") or {},
        *(itinerary.get("stops") or []),
        itinerary.get("destination") or {},
    ]
    known = [(end.get("latitude"), end.get("longitude")) for end in ends]
    return [Point(lat, lon) for lat, lon in known if lat is not None and lon is not None], True
