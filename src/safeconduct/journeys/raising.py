"""What a journey's ladder needs to know of the journey: who holds it, and whether silence means the link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from safeconduct.exchange.last_contact import link_of
from safeconduct.exchange.links import QUIET_SECONDS
from safeconduct.journeys.kinds import MOVEMENT
from safeconduct.notify import ladder
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso

SILENCE = ("missed_check_in", "not_departed", "never_departed", "not_arrived", "link_down")
"""Reasons that word from the journey settles."""


def link_down_since(tx: Tx, movement: RowView) -> float | None:
    """Since when the node that hears from this movement cannot be reached; None while it can, or is this one."""
    if movement.originator == tx.home.party:
        return None
    link = link_of(tx.home, movement.originator)
    if link.failing_since:
        return link.failing_since
    quiet = link.last_contact and tx.now - link.last_contact > QUIET_SECONDS
    return link.last_contact if quiet else None


def with_standing(tx: Tx, movement: RowView, said: Sequence[RowView]) -> list[RowView]:
    """Of decisions on a movement, or of its legs, those that count: no party decides on its own notice by sending
    what only the receiver of a notice may say."""
    own = tx.home.party
    return [each for each in said if each.originator == own or movement.originator == own]


def legs_of(tx: Tx, movement: RowView) -> list[RowView]:
    """The legs of a movement that count, oldest first."""
    return with_standing(tx, movement, tx.rows_about(movement.id, "leg"))


def holders(tx: Tx, movement: str) -> list[str]:
    """The unit that holds the movement now: of the active leg, else of the first that is not behind it."""
    about = tx.row(movement)
    legs = [] if about is None else [leg for leg in legs_of(tx, about) if leg.state in ("assigned", "active")]
    legs.sort(key=lambda row: (row.state != "active", (row.values().get("course") or {}).get("sequence", 0)))
    unit = (legs[0].values().get("duty") or {}).get("unit") if legs else None
    return [unit] if unit else []


def escalate(tx: Tx, movement: RowView, reason: str, due: float, point: str = "", climb: bool = True) -> str:
    """Raise the first rung about a movement, to who holds it now among others; returns the escalation's id."""
    return ladder.escalate(tx, movement, reason, due, point, climb, holders(tx, movement.id))


@ladder.on_rung(MOVEMENT.name)
def silence_or_link(tx: Tx, movement: RowView, step: dict[str, Any]) -> dict[str, Any]:
    """Silence while the other node cannot be reached says nothing about the journey, and the step says so."""
    reason = step["reason"]
    silent = link_down_since(tx, movement) if reason in SILENCE else None
    if silent is not None:
        return {**step, "reason": "link_down", "link_down": iso(silent)}
    return {**step, "reason": "missed_check_in" if reason == "link_down" else reason}
