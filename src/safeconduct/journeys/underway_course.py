"""Where a journey should be heard of next, worked out from its plan and from what was heard of it.

A pure function of both: words that reach the node late, doubled or out of order are put in their true order first,
so two nodes that have heard the same come to the same answer. Times are seconds since 1970.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from safeconduct.records.moments import instant

DELAY_MINUTES = 30
"""How long a journey that says it is delayed, and not by how much, is waited for."""
LONGEST_DELAY_MINUTES = 240
"""No word puts the next one off by more: silence may not be bought for a day."""
EARLIEST_BEFORE = 12 * 3600.0
"""Seconds before the earliest departure from which on word is taken to be about this journey."""


class Heard(NamedTuple):
    """One check-in; `at` is its true time, `entered` when the node was told. Sorts in true order."""

    at: float
    entered: float
    category: str
    point: str = ""
    delay_minutes: int | None = None


class Due(NamedTuple):
    """Word that is due at `due` and missed after `deadline`. `reason` is what it is called then."""

    deadline: float
    due: float
    reason: str
    point: str = ""


@dataclass(frozen=True)
class Plan:
    """The times of a movement as far as this node has them; None for what it was not given."""

    since: float
    until: float
    depart: float | None = None
    arrive: float | None = None
    points: tuple[tuple[str, float], ...] = ()
    window: float = 0.0
    allowance: float = 0.0

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> Plan:
        """The plan in a movement's parts. Raises KeyError or ValueError where there is no notice to go by."""
        notice, plan = parts["notice"], parts.get("check_plan") or {}
        itinerary = parts.get("itinerary") or {}
        points = [(p["name"], instant_of(p["due"])) for p in plan.get("points", ())]
        return cls(
            since=instant_of(notice["since"]),
            until=instant_of(notice["until"]),
            depart=instant_of(itinerary["depart"]) if itinerary else None,
            arrive=instant_of(itinerary["arrive"]) if itinerary else None,
            points=tuple(sorted(points, key=lambda point: point[1])),
            window=60.0 * plan.get("window_minutes", 15),
            allowance=60.0 * plan.get("allowance_minutes", 15),
        )


@dataclass(frozen=True)
class Course:
    """How far a journey has come. `unmet` is the word still due, in the order of its deadlines."""

    departed: bool
    arrived: bool
    last: Heard | None
    unmet: tuple[Due, ...]

    def missed(self, now: float) -> list[Due]:
        return [due for due in self.unmet if due.deadline <= now]


def heard_in(words: Iterable[Mapping[str, Any]], until: float = math.inf) -> list[Heard]:
    """The check-ins among these `word` parts, in true order, each once; what is dated after `until` tells of
    nothing that was, and counts for nothing."""
    found = {
        Heard(
            instant_of(w["at"]),
            instant_of(w["entered"]),
            w["category"],
            w.get("point", ""),
            w.get("delay_minutes"),
        )
        for w in words
    }
    told = (heard for heard in found if heard.at <= until)
    return sorted(told, key=lambda heard: (heard.at, heard.entered, heard.category, heard.point))


def course_of(plan: Plan, heard: Sequence[Heard]) -> Course:
    """Where the journey stands after these check-ins, which are in true order."""
    walk = _Walk(plan)
    for each in heard:
        if each.at < plan.since - EARLIEST_BEFORE:
            continue
        walk.hear(each)
        if walk.arrived:
            break
    return Course(walk.departed, walk.arrived, walk.last, tuple(sorted(walk.unmet())))


class _Walk:
    """Goes through the check-ins one by one. `slip` is by how many seconds the rest of the plan is put off."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.departed = self.arrived = False
        self.last: Heard | None = None
        self.met = 0
        self.slip = 0.0

    def hear(self, word: Heard) -> None:
        self.last = word
        match word.category:
            case "arrived":
                self.departed = self.arrived = True
            case "delayed":
                minutes = DELAY_MINUTES if word.delay_minutes is None else word.delay_minutes
                self._put_off(word.at + 60.0 * minutes, self._next(), word.at)
            case "departed":
                if not self.departed and self.plan.depart is not None:
                    self._put_off(word.at, self.plan.depart, word.at)
                self.departed = True
            case _:
                self.departed = True
                self._pass(word)

    def _pass(self, word: Heard) -> None:
        """Word from the road counts for every point whose time has come, and for all before the one it names."""
        points = self.plan.points
        for number in range(self.met, len(points)):
            name, due = points[number]
            if word.point and name.casefold() == word.point.casefold():
                self.met = number + 1
                self._put_off(word.at, due, word.at)
                break
        while self.met < len(points) and word.at >= points[self.met][1] + self.slip - self.plan.window:
            self.met += 1

    def _put_off(self, to: float, due: float | None, at: float) -> None:
        if due is not None:
            latest = at + 60.0 * LONGEST_DELAY_MINUTES
            self.slip = max(0.0, min(to, latest) - due)

    def _next(self) -> float | None:
        if not self.departed and self.plan.depart is not None:
            return self.plan.depart
        if self.met < len(self.plan.points):
            return self.plan.points[self.met][1]
        return self.plan.arrive if self.plan.arrive is not None else self.plan.until

    def unmet(self) -> list[Due]:
        if self.arrived:
            return []
        plan, slip = self.plan, self.slip
        silence = "missed_check_in" if self.departed else "not_departed"
        found = [
            Due(due + slip + plan.allowance, due + slip, silence, name)
            for name, due in plan.points[self.met :]
        ]
        if self.departed:
            end = plan.arrive if plan.arrive is not None else plan.until
            found.append(Due(end + slip + plan.allowance, end + slip, "not_arrived"))
            return found
        if plan.depart is not None:
            start = plan.depart + slip + plan.window
            found.append(Due(start + plan.allowance, start, "not_departed"))
        end = plan.until + slip
        found.append(Due(end + plan.allowance, end, "never_departed"))
        return found


def instant_of(moment: str) -> float:
    return instant(moment).timestamp()
