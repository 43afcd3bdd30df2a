"""How a journey stands at a moment, from what was released of it: its stage, and what is due next."""

from __future__ import annotations

from collections.abc import Sequence

from safeconduct.journeys.underway_course import Course, Due, Plan, course_of, heard_in
from safeconduct.journeys.underway_word import AHEAD_SECONDS
from safeconduct.records.release import Released

NOWHERE = Course(False, False, None, ())


def course(movement: Released, check_ins: Sequence[Released], now: float) -> Course:
    """How far the journey has come at `now` (epoch seconds), going by the check-ins and the plan as far as they are
    visible."""
    try:
        plan = Plan.of(movement.parts)
    except (KeyError, TypeError, ValueError):
        return NOWHERE
    words = (each.parts["word"] for each in check_ins if each.parts.get("word"))
    return course_of(plan, heard_in(words, now + AHEAD_SECONDS))


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
