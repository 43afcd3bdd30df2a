"""That two records speak of the same event: what one party says about an incident of its own and another.

After an attack each party records an incident of its own, and nobody's record is merged into another's. That the two
are one event is said beside them, by each party in its own name. A statement has two halves, each about one of the two
incidents, with the same `pair`: so each is told to another party in the terms in which that party knows the incident,
and only where it knows of both.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from safeconduct.incidents.kinds import INCIDENT
from safeconduct.records.checks import about, all_of, requires, stays
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant
from safeconduct.records.own import own_rows
from safeconduct.records.refusals import Malformed
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.risk.same_event import DIFFERENT, SAME, TAKEN_BACK

STATES = (SAME, DIFFERENT, TAKEN_BACK)
"""What the party says now: that they are one event, that they are not, or nothing any more."""


class Statement(PartModel):
    """`pair` is drawn for one statement and says nothing; both halves bear it."""

    pair: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    at: Instant


class Reason(PartModel):
    """Why, on the half from which it was said."""

    text: Annotated[str, Field(min_length=1, max_length=2_000)]


def may_be_joined(tx: Tx, one: RowView, other: RowView) -> bool:
    """Whether this party may say of two incidents that they are one event: of an own one and any other, of two
    partners' records, and in answer to a partner that has said so of its own."""
    own = tx.home.party
    if own in (one.originator, other.originator) or one.originator != other.originator:
        return True
    keys = [
        {
            (half.originator, (half.values().get("statement") or {}).get("pair"))
            for half in tx.rows_about(each.id, SAME_EVENT.name)
            if half.originator == one.originator
        }
        for each in (one, other)
    ]
    return any(pair for _, pair in keys[0] & keys[1])


def _check(tx: Any, given: Any) -> None:
    """Two halves and no third, about two incidents of which this party may say so."""
    if given.previous is not None:
        return
    pair = given.parts["statement"]["pair"]
    halves = own_rows(tx, SAME_EVENT.name, external=pair)
    if not halves:
        return
    one, other = tx.row(halves[0].about), tx.row(given.header["about"])
    if len(halves) > 1 or one is None or one.id == other.id:
        raise Malformed("a statement has two halves, about two incidents")
    if not may_be_joined(tx, one, other):
        raise Malformed("a party says so of an incident of its own, of two partners', or in answer")


SAME_EVENT = register(
    Kind(
        name="same_event",
        parts={"statement": Statement, "reason": Reason},
        states=STATES,
        check=all_of(
            about(INCIDENT.name),
            requires("statement", "a statement says which two records it joins"),
            stays("statement"),
            _check,
        ),
        dimensions={"time": ("statement", "at"), "external": ("statement", "pair")},
        searched=("reason.text",),
        falls_with=True,
        joins=("statement", "pair"),
    )
)
