"""The work on route options, one function for each rule of it. Each acts in the name of a person.

Each raises what `records.commit` raises. What is reckoned here is an input to a decision: that is a person's, who is on
record with the reason.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from weakref import WeakKeyDictionary

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment.route_kinds import (
    MOST_HALTS,
    MOST_POINTS,
    MOST_STRETCHES,
    MOST_WAYS,
    ROUTE_OPTION,
)
from safeconduct.assessment.route_places import Spot, nearest_towns
from safeconduct.assessment.seen import Seen, incidents_seen
from safeconduct.geo.routing import RoadGraph
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.transaction import iso
from safeconduct.risk.days import day_of, iso_of
from safeconduct.risk.passage import Halt, Nearness
from safeconduct.risk.road_exposure import RoadExposure
from safeconduct.risk.ways import Asked, Past, Way, by_cell, ways
from safeconduct.risk.week_bootstrap import DRAWS

MOST_NAMED = 60
"""Incidents that a record names as what it is derived from: the newest ones in the cells passed."""
METHOD = "standard forecast, 365 days and kernel; weeks drawn again"
ALTERNATIVES = 3


@dataclass(frozen=True)
class Question:
    """What a journey manager asks: from where to where, on which day, under which assumptions.

    `until` is the last day whose incidents are looked at. `halts` are (place, minutes).
    """

    origin: Spot
    destination: Spot
    depart: date
    until: date
    near: Nearness
    longest: float
    halts: tuple[tuple[Spot, float], ...] = ()
    crash: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Assessed:
    """The ways there are with their figures, as the parts of a record, and the incidents they rest on."""

    parts: Mapping[str, Any]
    level: str
    incidents: tuple[str, ...]


def assess(reader: Subject, graph: RoadGraph, asked: Question, by: str = "") -> Assessed:
    """Reckon the ways from what the reader may see now. Nothing is stored.

    Raises NoRoute with the reason, and ValueError (AreaError) where the incidents cannot be reckoned with.
    """
    end = datetime.combine(asked.until, datetime.min.time(), UTC).timestamp() + 2 * 86_400
    seen = incidents_seen(reader, until=end)
    past = Past.of(seen.events, day_of(asked.until) + 1)
    halts = tuple(
        Halt(spot.latitude, spot.longitude, minutes, asked.near.half_width_km)
        for spot, minutes in asked.halts[:MOST_HALTS]
    )
    question = Asked(asked.origin.at, asked.destination.at, asked.near, halts, asked.longest)
    found = ways(graph, roads_of(graph), past, question, ALTERNATIVES)[:MOST_WAYS]
    passed = _passed(found, past, seen)
    parts = {
        "options": _options(asked, [_course(way, past, asked.near, graph) for way in found]),
        "basis": {**_basis(asked, seen, past, graph), "by": by or reader.person}
        | {"passed": len(passed), "named": min(len(passed), MOST_NAMED)},
    }
    level = max("CONFIDENTIAL", seen.level, key=LEVELS.index)
    return Assessed(parts, level, passed[:MOST_NAMED])


def keep_options(actor: Subject, found: Assessed, movement: str = "", door: Door | None = None) -> Committed:
    """Keep the ways as they were reckoned, about a movement or by themselves. They go to no other party."""
    level = LEVELS.index(found.level)
    levels = {name: max(own, level) for name, own in ROUTE_OPTION.default_levels().items()}
    draft = Draft(
        ROUTE_OPTION.name,
        found.parts,
        about=movement or None,
        derived_from=found.incidents,
        levels=levels,
        releasable=(),
    )
    return commit(actor, draft, door=door)


def choose_way(
    actor: Subject,
    record: str,
    seen: int,
    way: int,
    why: str,
    expires: str,
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """A person decides for one of the ways, says why, and until when that holds."""
    choice = {"way": way, "why": why, "expires": expires, "at": iso(time.time()), "by": by or actor.person}
    draft = Draft(ROUTE_OPTION.name, {"choice": choice}, record=record, expected=seen, state="chosen")
    return commit(actor, draft, act="approve", door=door)


def drop_options(actor: Subject, record: str, seen: int, door: Door | None = None) -> Committed:
    """They are used no more: the journey is off, or was assessed again."""
    draft = Draft(ROUTE_OPTION.name, {}, record=record, expected=seen, state="dropped")
    return commit(actor, draft, door=door)


def may(reader: Subject, act: str) -> bool:
    """Whether some clause in force could let this person do this; it is decided when it is done."""
    return bool(here.state().policy.entries(reader, act, ROUTE_OPTION.name))


def roads_of(graph: RoadGraph) -> RoadExposure:
    """The roads by cell: cut once for each road file that is in use."""
    with _lock:
        found = _held.get(graph)
        if found is None:
            found = _held[graph] = RoadExposure.of(graph.network)
        return found


def _passed(found: Sequence[Way], past: Past, seen: Seen) -> tuple[str, ...]:
    """The incidents of the last 365 days in any of the cells passed, the newest first."""
    numbers = {int(number) for way in found for number in past.within(way.exposed.cells)}
    return tuple(seen.records[number] for number in sorted(numbers, reverse=True))


def _options(asked: Question, courses: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "origin": asked.origin.plain(),
        "destination": asked.destination.plain(),
        "depart": asked.depart.isoformat(),
        "halts": [{**spot.plain(), "minutes": minutes} for spot, minutes in asked.halts[:MOST_HALTS]],
        "ways": courses,
    }


def _course(way: Way, past: Past, near: Nearness, graph: RoadGraph) -> dict[str, Any]:
    foremost = [part for part in by_cell(way, past, near)[:MOST_STRETCHES] if part.events > 0]
    towns = nearest_towns(graph.places, [(part.lat, part.lon) for part in foremost])
    told: dict[str, Any] = {
        "coordinates": thinned(way.route.coordinates),
        "distance_m": round(way.route.distance_m),
        "duration_s": round(way.route.duration_s),
        "roads": list(way.route.roads[:60]),
        "towns": [place.name for place in way.route.passed.towns][:60],
        "expected": way.events.value,
        "low": way.events.low,
        "high": way.events.high,
        "year": way.year,
        "ever": way.ever,
        "beyond_m": round(way.beyond_km * 1000),
        "halts": list(way.halts),
        "stretches": [
            {
                "near": town,
                "metres": round(part.km * 1000),
                "share": min(1.0, part.events / way.events.value),
                "year": part.year,
                "ever": part.ever,
            }
            for part, town in zip(foremost, towns, strict=True)
        ],
    }
    if way.against is not None:
        told["against"] = {
            name: value
            for name in ("verdict", "ratio", "low", "high", "lower")
            if (value := getattr(way.against, name)) is not None
        }
    return told


def _basis(asked: Question, seen: Seen, past: Past, graph: RoadGraph) -> dict[str, Any]:
    told: dict[str, Any] = {
        "at": iso(time.time()),
        "until": asked.until.isoformat(),
        "known": seen.known,
        "joined": seen.joined,
        "counted": len(past.day),
        "half_width_km": asked.near.half_width_km,
        "window_minutes": asked.near.window_minutes,
        "times": asked.near.times,
        "longest": asked.longest,
        "draws": DRAWS,
        "seed": past.seed,
        "method": METHOD,
        "roads": graph.origin.source[:200],
        "licence": graph.origin.licence[:200],
        "schematic": graph.origin.schematic,
    }
    if past.newest is not None:
        told["newest"] = iso_of(past.newest)
    if asked.crash:
        told["crash"] = dict(asked.crash)
    return told


def thinned(course: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """So many positions of a course at the most, its ends among them: to be drawn, not to be reckoned with."""
    if len(course) <= most:
        return list(course)
    return [course[round(n * (len(course) - 1) / (most - 1))] for n in range(most)]


_lock = threading.Lock()
_held: WeakKeyDictionary[RoadGraph, RoadExposure] = WeakKeyDictionary()
