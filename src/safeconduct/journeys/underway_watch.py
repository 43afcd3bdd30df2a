"""The writer's watch over every journey: what is due next is a durable timer, what was missed is escalated.

`look` is the whole rule. It reads the movement and all that was said about it as they are now, moves the states
that follow from them, settles what is settled, escalates what was missed, and arms one timer for the next moment
at which it has to look again. It is called after every version that could change its answer, so it may be called
too often, but never too seldom.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safeconduct.journeys.kinds import LEG, MOVEMENT
from safeconduct.journeys.raising import SILENCE, escalate, legs_of, with_standing
from safeconduct.journeys.underway_course import Course, Plan, course_of, heard_in, instant_of
from safeconduct.journeys.underway_fences import forget, watch_check_in
from safeconduct.journeys.underway_word import AHEAD_SECONDS
from safeconduct.notify.ladder import escalations, settle, stop
from safeconduct.records.commit import Draft, store
from safeconduct.records.events import log_event
from safeconduct.records.hooks import on_received, on_version
from safeconduct.records.kinds import Kind
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.timers.due import arm, disarm, timer

GRACE = 60.0
"""Seconds after a version of a movement in which nothing is missed yet."""
SETTLING = 2.0
"""Seconds after the latest version from the other party in which more of it may follow."""
SAID_ABOUT = frozenset({"check_in", "clearance", "leg", "escalation"})


_looking: set[tuple[int, str]] = set()
"""Movements that are being looked at: what that changes is no reason to look again."""


def look(tx: Tx, movement: str) -> None:
    """See to one movement, own or received."""
    mark = (id(tx.log), movement)
    if mark in _looking:
        return
    _looking.add(mark)
    try:
        _look(tx, movement)
    finally:
        _looking.discard(mark)


def _look(tx: Tx, movement: str) -> None:
    row = tx.row(movement)
    if row is None or row.kind != MOVEMENT.name:
        return
    disarm(tx, _key(movement))
    try:
        plan = Plan.of(row.values())
    except (KeyError, TypeError, ValueError):
        # Its notice was erased, or withheld by the other party: there is nothing to go by.
        _end(tx, row, "cancelled")
        return
    if row.withdrawn or row.state == "cancelled":
        _end(tx, row, "cancelled")
        return
    words = (check_in.values().get("word") for check_in in tx.rows_about(movement, "check_in"))
    course = course_of(plan, heard_in((word for word in words if word), tx.now + AHEAD_SECONDS))
    own = row.originator == tx.home.party
    if course.arrived or row.state == "arrived":
        if own:
            _move(tx, row, MOVEMENT, "arrived")
        _follow_legs(tx, row, course, over=True)
        _end(tx, row, "arrived")
        return
    _follow_legs(tx, row, course, over=False)
    refused = _decision(tx, row) == "refused" and not course.departed
    _see_to_clearance(tx, row, plan, course)
    told_afterwards = row.version == 1 and plan.until < row.at and not course.departed
    missed = not (refused or told_afterwards) and _see_to_silence(tx, row, plan, course)
    if own:
        state = "notified" if not course.departed else "overdue" if missed else "under_way"
        if state != "notified" or row.state == "overdue":
            _move(tx, row, MOVEMENT, state)


def _see_to_silence(tx: Tx, row: RowView, plan: Plan, course: Course) -> bool:
    """Escalate word that was missed, or arm the moment at which it will be; True while some is missing."""
    raised = [(each, each.values()["step"]) for each in escalations(tx, row.id) if "step" in each.values()]
    silence = [(each, instant_of(step["due"])) for each, step in raised if step["reason"] in SILENCE]
    known = max((due for _, due in silence), default=float("-inf"))
    missing = [due for due in course.unmet if due.due <= known]
    open_now = False
    for each, due in silence:
        if each.state != "raised":
            continue
        if any(unmet.due <= due for unmet in course.unmet):
            open_now = True
        else:
            settle(tx, each, _settled_by(course, due - plan.window))
    waiting = [due for due in course.unmet if due.due > known]
    # Who gives a notice late says what was heard of the journey in the next breath.
    soonest = _known_since(tx, row) + GRACE
    past = [due for due in waiting if max(due.deadline, soonest) <= tx.now]
    if past and not open_now:
        # A node that was off escalates once, by what it missed last, not once for every point.
        latest = max(past, key=lambda due: due.due)
        escalate(tx, row, latest.reason, latest.due, latest.point)
        return True
    ahead = [moment for due in waiting if (moment := max(due.deadline, soonest)) > tx.now]
    if ahead and not open_now:
        arm(tx, _key(row.id), min(ahead), "journey_watch", {"movement": row.id})
    return bool(missing)


def _settled_by(course: Course, since: float) -> str:
    """What put an end to a silence: word that could count for it, or a plan that no longer asks for it."""
    last = course.last
    if last is None or (last.at < since and last.category != "delayed"):
        return "amended"
    return "departed" if last.category == "departed" else "heard"


def _see_to_clearance(tx: Tx, row: RowView, plan: Plan, course: Course) -> None:
    """A movement that is due to depart and was neither cleared nor refused is pointed out once."""
    start = plan.depart if plan.depart is not None else plan.since
    raised = [each for each in escalations(tx, row.id) if _reason(each) == "not_cleared"]
    if _decision(tx, row):
        for each in raised:
            if each.state == "raised":
                settle(tx, each, "cleared")
    elif not raised and not course.departed and start > _known_since(tx, row):
        if start <= tx.now:
            escalate(tx, row, "not_cleared", start, climb=False)
        else:
            arm(tx, _clearance_key(row.id), start, "journey_watch", {"movement": row.id})
            return
    disarm(tx, _clearance_key(row.id))


def _known_since(tx: Tx, row: RowView) -> float:
    """When this node got the version that it has; of a received one the header tells no more than the day."""
    if row.originator == tx.home.party:
        return row.at
    received = tx.header(row.ledger_index).get("received")
    return instant_of(received) if received else row.at


def _decision(tx: Tx, row: RowView) -> str:
    """The Host Party's latest word on whether it may go: cleared, refused (also: no longer cleared) or ""."""
    decisions = with_standing(tx, row, tx.rows_about(row.id, "clearance"))
    if not decisions:
        return ""
    return "cleared" if decisions[-1].state == "cleared" else "refused"


def _follow_legs(tx: Tx, row: RowView, course: Course, over: bool) -> None:
    """Own legs follow the journey: the first begins when it departs, each next one when it was taken over."""
    legs = [leg for leg in legs_of(tx, row) if leg.state != "cancelled"]
    legs.sort(key=lambda leg: (_course_part(leg).get("sequence", 0), leg.at))
    held = course.departed
    for leg in legs:
        words = (each for each in tx.rows_about(leg.id, "handover") if each.originator == leg.originator)
        taken = any(each.state == "taken" for each in words)
        if leg.originator == tx.home.party:
            state = "completed" if over or (taken and held) else "active" if held else "assigned"
            if state != "assigned" and leg.state != "completed":
                _move(tx, leg, LEG, state)
        held = held and taken


def _course_part(leg: RowView) -> Mapping[str, Any]:
    return leg.values().get("course") or {}


def _end(tx: Tx, row: RowView, outcome: str) -> None:
    """Nothing more is expected of it: settle what is open and arm nothing."""
    disarm(tx, _key(row.id))
    disarm(tx, _clearance_key(row.id))
    forget(tx, row.id)
    for each in escalations(tx, row.id):
        if each.state == "raised":
            settle(tx, each, outcome)


def _move(tx: Tx, row: RowView, kind: Kind, state: str) -> None:
    if row.state != state:
        draft = Draft(kind.name, {}, record=row.id, expected=row.version, state=state)
        store(tx, system_subject(tx.home.party), "write", kind, draft)


def _reason(escalation: RowView) -> str:
    step = escalation.values().get("step") or {}
    return str(step.get("reason", ""))


def _key(movement: str) -> str:
    return f"journey_watch/{movement}"


def _clearance_key(movement: str) -> str:
    return f"journey_clearance/{movement}"


@timer("journey_watch")
def look_again(tx: Tx, payload: dict[str, Any], due: float) -> None:
    look(tx, payload["movement"])


@on_version
def after_version(tx: Tx, row: RowView, index: int) -> None:
    """Look at the movement that an own version speaks of. A fault in that takes nothing else back with it."""
    movement = _spoken_of(tx, row)
    if row.kind == "escalation" and row.state == "answered":
        stop(tx, row.id)
    if not movement:
        return

    def see() -> None:
        look(tx, movement)
        _see_position(tx, row)

    fault = tx.attempt(see)
    if fault is not None:
        log_event("journey_unwatched", fault=fault, unforeseen=True)
        arm(tx, _key(movement), tx.now, "journey_watch", {"movement": movement})


@on_received
def after_received(tx: Tx, row: RowView, index: int) -> None:
    """Look at the movement once what came with this version is in as well: after an outage much comes at once,
    and a notice alone would seem to be a journey that nobody has heard of."""
    movement = _spoken_of(tx, row)
    if movement:
        arm(tx, f"journey_received/{movement}", tx.now + SETTLING, "journey_watch", {"movement": movement})
        fault = tx.attempt(lambda: _see_position(tx, row))
        if fault is not None:
            log_event("journey_unwatched", fault=fault, unforeseen=True)


def _see_position(tx: Tx, row: RowView) -> None:
    if row.kind == "check_in" and row.version == 1:
        watch_check_in(tx, row)


def _spoken_of(tx: Tx, row: RowView) -> str:
    if row.kind == MOVEMENT.name:
        return row.id
    if row.kind in SAID_ABOUT:
        return row.about
    leg = tx.row(row.about) if row.kind == "handover" and row.about else None
    return leg.about if leg is not None else ""
