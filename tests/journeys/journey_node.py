"""A node with one movement and a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from firing import fire_all
from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import iso
from safeconduct.records.writer import Writer

T0 = 1_790_000_000.0
"""Earliest departure of the movement, and the clock a little later than when it was notified."""
MINUTE = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = T0 - 3_600

    def __call__(self) -> float:
        return self.now


class Journeys:
    """What a test does to the node, in minutes after the earliest departure."""

    def __init__(self, home: Home, writer: Writer, clock: Clock) -> None:
        self.home, self.writer, self.clock = home, writer, clock
        self.system = system_subject(home.party)

    def at(self, minute: float) -> None:
        """Let time pass until then, with a look at the timers every minute."""
        while self.clock.now < T0 + minute * MINUTE:
            self.clock.now = min(self.clock.now + MINUTE, T0 + minute * MINUTE)
            fire_all(self.writer)

    def jump(self, minute: float) -> None:
        self.clock.now = T0 + minute * MINUTE
        fire_all(self.writer)

    def notify(self, **changes: Any) -> str:
        made = commit(self.system, Draft("movement", movement_parts(**changes)))
        return made.record

    def clear(self, movement: str, state: str = "cleared") -> Committed:
        decision = {"at": iso(self.clock.now), "reason": "" if state == "cleared" else "road closed"}
        return commit(self.system, Draft("clearance", {"decision": decision}, about=movement, state=state))

    def say(self, movement: str, category: str, minute: float | None = None, **word: Any) -> dict[str, Any]:
        """A check-in of the node itself, with its true time; what was heard now unless said otherwise."""
        at = self.clock.now if minute is None else T0 + minute * MINUTE
        position = word.pop("position", None)
        key = word.pop("key", "")
        parts = {"word": {"at": iso(at), "entered": iso(self.clock.now), "category": category, **word}}
        if position:
            parts["position"] = position
        payload = {"actor": {"person": "system"}, "movement": movement, "parts": parts, "key": key}
        return self.writer.call("journey_check_in", payload)

    def row(self, record: str) -> RowView:
        return self.read(lambda tx: tx.row(record))

    def about(self, record: str, kind: str) -> list[RowView]:
        found: list[RowView] = self.read(lambda tx: tx.rows_about(record, kind))
        return found

    def escalations(self, movement: str) -> list[dict[str, Any]]:
        """(state, step, answer) of each, flat."""
        return [
            {"id": row.id, "state": row.state, "version": row.version, **values["step"]}
            | {"answer": values.get("answer")}
            for row in self.about(movement, "escalation")
            for values in (row.values(),)
        ]

    def read(self, function: Any) -> Any:
        found: list[Any] = []
        self.writer.tick(lambda tx: found.append(function(tx)))
        return found[0]

    def person(self, name: str, role: str, units: tuple[str, ...] = ()) -> Subject:
        assignment = {
            "person": name, "account_name": name, "role": role, "clearance": 3, "units": list(units),
        }  # fmt: skip
        commit(self.system, Draft("role_assignment", {"assignment": assignment}, releasable=()))
        return Subject(self.home.party, frozenset({role}), 3, frozenset(units), frozenset(), name)


@contextmanager
def journeys(home: Home) -> Iterator[Journeys]:
    """The node of `home`, with a clock that the test turns."""
    clock = Clock()
    writer = Writer(home, clock)
    with Door(home, writer) as door, here.at(home, door):
        yield Journeys(home, writer, clock)


def movement_parts(points: bool = True, **changes: Any) -> dict[str, Any]:
    def moment(minute: float) -> str:
        return iso(T0 + minute * MINUTE)

    plan = [
        {"name": name, "due": moment(minute)}
        for name, minute in (("Hub", 60), ("Bela", 120), ("Khuzdar", 200))
    ]
    parts: dict[str, Any] = {
        "notice": {
            "reference": "MN-1",
            "since": moment(0),
            "until": moment(600),
            "origin_district": "Karachi",
            "destination_district": "Khuzdar",
            "persons": 4,
        },
        "itinerary": {
            "origin": {"place": "Karachi", "latitude": 24.9, "longitude": 67.0},
            "destination": {"place": "Khuzdar", "latitude": 27.8, "longitude": 66.6},
            "depart": moment(10),
            "arrive": moment(300),
            "route": {
                "coordinates": [[67.0, 24.9], [66.6, 26.2], [66.6, 27.8]],
                "distance_m": 330_000,
                "duration_s": 17_000,
            },
            "corridor_m": 2_000,
        },
        "check_plan": {
            "points": plan if points else [],
            "window_minutes": 15,
            "allowance_minutes": 10,
        },
    }
    for name, change in changes.items():
        parts[name] = {**parts.get(name, {}), **change} if change is not None else None
    return {name: part for name, part in parts.items() if part is not None}
