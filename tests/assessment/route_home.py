"""A home with the demonstration's roads and incidents on them, for the tests of route options."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from geo.maps import SCHEMATIC
from safeconduct.geo.atlas import Atlas, roads_file
from safeconduct.geo.roads import read
from safeconduct.geo.routing import RoadGraph
from safeconduct.records.commit import Draft, commit_many
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject


def today() -> date:
    return datetime.now(UTC).date()


def with_roads(home: Home) -> RoadGraph:
    read(SCHEMATIC, source="Own schematic roads", licence="CC0", schematic=True).save(roads_file(home.path))
    roads = Atlas.load(home.path).roads
    assert roads is not None
    return roads


def at(graph: RoadGraph, name: str) -> tuple[float, float]:
    place = graph.places.find(name)
    assert place is not None
    return place.lat, place.lon


def struck(home: Home, graph: RoadGraph, count: int = 40, level: int = 0) -> list[str]:
    """So many incidents of the last year on the quickest way from Peshawar to Quetta; their records."""
    course = graph.routes(at(graph, "Peshawar"), at(graph, "Quetta"), 1)[0].coordinates[2:-2]
    rng = np.random.default_rng(7)
    drafts = []
    for place, back in zip(rng.integers(0, len(course), count), rng.integers(1, 350, count), strict=True):
        lon, lat = course[int(place)]
        day = today() - timedelta(days=int(back))
        parts: dict[str, Any] = {
            "summary": {"title": "Shots at a lorry", "category": "attack"},
            "when": {"start": day.isoformat(), "time_precision": 1},
            "where": {"latitude": lat, "longitude": lon, "geo_precision": 1, "district": "Zhob"},
        }
        levels = {"summary": level, "when": level, "where": level}
        drafts.append(Draft("incident", parts, state="closed", levels=levels))
    done = commit_many(system_subject(home.party), drafts)
    return [each.record for each in done if not isinstance(each, Exception)]


def question(**changed: Any) -> dict[str, Any]:
    """What the form is given; a value of None leaves the field out."""
    filled = {
        "origin": "Peshawar",
        "destination": "Quetta",
        "depart": today().isoformat(),
        "until": today().isoformat(),
        "half_width_km": "1",
        "window_minutes": "30",
        "longest": "2",
        "times": "1",
        **changed,
    }
    return {name: value for name, value in filled.items() if value is not None}
