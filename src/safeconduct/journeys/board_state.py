"""How a journey stands at a moment, from what was released of it: its stage, who holds it, what is due next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.journeys.underway_course import Course, Due, Plan, course_of, heard_in, instant_of
from safeconduct.records.release import Released

NOWHERE = Course(False, False, None, ())


@dataclass(frozen=True)
class Holder:
    """The duty bearer that answers for the journey now, since when (epoch seconds), and a handover that is open.

    `next_name` is who is to take it and `given` when it was given to them; until they take it the giver holds it.
    """

    unit: str
    name: str
    since: float
    leg: int
    next_name: str = ""
    given: float | None = None


def course(movement: Released, check_ins: Sequence[Released]) -> Course:
    """How far the journey has come, going by the check-ins and the plan as far as they are visible."""
    try:
        plan = Plan.of(movement.parts)
    except (KeyError, TypeError, ValueError):
        return NOWHERE
    return course_of(plan, heard_in(each.parts["word"] for each in check_ins if each.parts.get("word")))


def stage_of(
    movement: Released,
    acknowledgements: Sequence[Released],
    clearance: Released | None,
    done: Course,
    now: float,
) -> str:
    """Where a movement stands: the farthest that either party has said, and overdue before under way."""
    if movement.state in ("arrived", "cancelled"):
        return movement.state
    if done.arrived:
        return "arrived"
    if movement.state == "overdue" or (done.departed and done.missed(now)):
        return "overdue"
    if movement.state == "under_way" or done.departed:
        return "under_way"
    if clearance is not None:
        return "cleared" if clearance.state == "cleared" else "refused"
    return "acknowledged" if acknowledgements else "notified"


def next_due(stage: str, done: Course) -> Due | None:
    """The word that is awaited first; None for a journey that is not expected to be heard of."""
    return done.unmet[0] if done.unmet and stage in ("under_way", "overdue", "cleared") else None


def holder_of(
    legs: Sequence[Released], handovers: Sequence[Released], departed: float | None
) -> Holder | None:
    """Who holds the journey: the unit of the first leg until another unit has taken it over."""
    courses = sorted(
        (each for each in legs if each.parts.get("course") and each.state != "cancelled"),
        key=lambda each: each.parts["course"]["sequence"],
    )
    if not courses:
        return None
    begins = {each.parts["course"]["sequence"]: each for each in courses}
    planned = instant_of(courses[0].parts["course"]["depart"])
    leg, since = courses[0], departed if departed is not None else planned
    waiting: dict[str, Any] = {}
    for each in sorted(handovers, key=lambda one: (one.parts.get("point") or {}).get("to_leg", 0)):
        point, word = each.parts.get("point") or {}, each.parts.get("word") or {}
        if word.get("taken_at") and point.get("to_leg") in begins:
            leg, since, waiting = begins[point["to_leg"]], instant_of(word["taken_at"]), {}
        elif word.get("given_at"):
            waiting = {
                "given": instant_of(word["given_at"]),
                "next_name": unit_of(begins.get(point.get("to_leg"))),
            }
    duty = leg.parts.get("duty") or {}
    return Holder(duty.get("unit", ""), unit_of(leg), since, leg.parts["course"]["sequence"], **waiting)


def unit_of(leg: Released | None) -> str:
    """The name of the unit of a leg, or its code."""
    duty = (leg.parts.get("duty") or {}) if leg is not None else {}
    return str(duty.get("unit_name") or duty.get("unit") or "")
