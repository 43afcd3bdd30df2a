"""Who holds a journey on the board: the responsibility clock, and a handover that is given and not yet taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safeconduct.journeys.standing import clock, handovers_of, legs_of
from safeconduct.records.release import Released


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


def holder_of(
    legs: Sequence[Released], handovers: Sequence[Released], departed: float | None, now: float
) -> Holder | None:
    """Who holds the journey at `now`; before it has departed, who will hold it first. None where nobody is named.

    A journey that left before its time is held by the first unit from when it left.
    """
    known, words = legs_of(legs), handovers_of(handovers)
    if not known:
        return None
    named = {leg.sequence: leg for leg in known}
    held = clock(known, words, max(now, known[0].depart))[-1]
    since = (
        min(held.since, departed) if departed is not None and held.leg == known[0].sequence else held.since
    )
    waiting = [
        each for each in words if each.given is not None and each.taken is None and each.to_leg > held.leg
    ]
    first = min(waiting, key=lambda each: each.to_leg, default=None)
    return Holder(
        held.unit,
        named[held.leg].name,
        since,
        held.leg,
        named[first.to_leg].name if first is not None and first.to_leg in named else "",
        first.given if first is not None else None,
    )


def unit_of(leg: Released | None) -> str:
    """The name of the unit of a leg, or its code."""
    duty = (leg.parts.get("duty") or {}) if leg is not None else {}
    return str(duty.get("unit_name") or duty.get("unit") or "")
