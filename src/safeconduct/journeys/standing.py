"""Where a movement stands, and who answers for it at any second: pure functions of what both parties said.

Two nodes that have heard the same come to the same answer, in whatever order they heard it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, cast

from safeconduct.journeys import board_state
from safeconduct.journeys.underway_course import instant_of
from safeconduct.records.release import Released

Stage = Literal[
    "notified", "acknowledged", "cleared", "refused", "under_way", "overdue", "arrived", "cancelled"
]


def stage_of(
    movement: Released,
    acknowledgements: Sequence[Released],
    clearance: Released | None,
    check_ins: Sequence[Released],
    now: float,
) -> Stage:
    """Where a movement stands at `now` (epoch seconds).

    An acknowledgement says that the notice was received and clears nothing; a clearance that was refused or
    revoked refuses, however many acknowledged; what is under way goes before what was decided about it.
    """
    done = board_state.course(movement, check_ins, now)
    return cast(Stage, board_state.stage_of(movement, acknowledgements, clearance, done, now))


class Leg(NamedTuple):
    """One unit's stretch, in order of `sequence`; times in epoch seconds."""

    sequence: int
    unit: str
    depart: float
    arrive: float
    name: str = ""


class Handover(NamedTuple):
    """What was said of the passing of the responsibility to the leg `to_leg`; None for a word not yet given."""

    to_leg: int
    given: float | None = None
    taken: float | None = None


class Held(NamedTuple):
    """A unit holds the journey from `since` until `until` (None: still); `leg` is the sequence number."""

    leg: int
    unit: str
    since: float
    until: float | None


def clock(legs: Sequence[Leg], handovers: Iterable[Handover], now: float) -> list[Held]:
    """Who has held the journey until `now`, without gap or overlap, beginning with the first leg's departure.

    The giving unit holds until the other has taken; a word that was only given changes nothing. The farthest leg
    that was taken holds, also where a word between has not arrived yet.
    """
    known = {leg.sequence: leg for leg in sorted(legs)}
    order = sorted(known)
    if not order:
        return []
    first = known[order[0]]
    taken = sorted(
        (max(each.taken, first.depart), each.to_leg)
        for each in set(handovers)
        if each.taken is not None
        and each.taken <= now
        and each.to_leg in known
        and each.to_leg > first.sequence
    )
    if now < first.depart:
        return []
    held = [Held(first.sequence, first.unit, first.depart, None)]
    for since, sequence in taken:
        last = held[-1]
        if sequence <= last.leg:
            continue
        held.pop()
        if since > last.since:
            held.append(last._replace(until=since))
        held.append(Held(sequence, known[sequence].unit, since, None))
    return held


def legs_of(records: Iterable[Released]) -> list[Leg]:
    """The legs that stand, of released records: cancelled ones and those withheld are left out.

    Of two with one number, the one that was committed last stands.
    """
    found: dict[int, tuple[tuple[float, str], Leg]] = {}
    for each in records:
        course, duty = each.parts.get("course"), each.parts.get("duty")
        if each.withdrawn or each.state == "cancelled" or not course or not duty:
            continue
        leg = Leg(
            course["sequence"],
            duty["unit"],
            instant_of(course["depart"]),
            instant_of(course["arrive"]),
            duty.get("unit_name") or duty["unit"],
        )
        mark = (each.at.timestamp(), each.id)
        if leg.sequence not in found or found[leg.sequence][0] < mark:
            found[leg.sequence] = (mark, leg)
    return [found[number][1] for number in sorted(found)]


def handovers_of(records: Iterable[Released]) -> list[Handover]:
    """The handovers of released records, with the words that were given."""
    found = []
    for each in records:
        point, word = each.parts.get("point"), each.parts.get("word") or {}
        if each.withdrawn or not point:
            continue
        given, taken = word.get("given_at"), word.get("taken_at")
        found.append(
            Handover(
                point["to_leg"],
                instant_of(given) if given else None,
                instant_of(taken) if taken else None,
            )
        )
    return found
