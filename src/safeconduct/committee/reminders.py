"""What of the committee's work has a day by which it is due, and who is reminded when that has come.

A measure by its due day, an objective and a deployment by their review, an end-use condition by its next check; a line
for the press ends by itself. The reminder is told over the house's channels and shown as overdue; nothing else follows.
"""

from __future__ import annotations

from typing import Any

from safeconduct.committee.assistance_kinds import END_USE_CHECK, OFFER
from safeconduct.committee.deployment_kinds import DEPLOYMENT
from safeconduct.committee.statement_kinds import STATEMENT
from safeconduct.committee.strategy_kinds import MEASURE, OBJECTIVE
from safeconduct.committee.work_writer import move
from safeconduct.notify.rota import Told, told_by
from safeconduct.notify.rungs import Rung, Where
from safeconduct.notify.telling import tell
from safeconduct.records import moments
from safeconduct.records.hooks import on_received, on_version
from safeconduct.records.moments import MomentRefused
from safeconduct.records.principals import SYSTEM
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.timers.due import arm, disarm, timer

DAY = 86_400.0
WAITS = {
    MEASURE.name: ("planned", "under_way"),
    OBJECTIVE.name: ("current",),
    DEPLOYMENT.name: ("proposed", "approved"),
    OFFER.name: ("accepted", "fulfilled"),
    STATEMENT.name: ("put_forward", "agreed", "in_use", "neither"),
}
"""By kind, the states in which something is still due."""


def ends(text: str) -> float | None:
    """The moment by which something is due, in epoch seconds: a day is over at its end."""
    try:
        return moments.ends(text)
    except MomentRefused:
        return None


def due_of(kind: str, state: str, parts: dict[str, Any], checked: float = 0.0) -> float | None:
    """When a record is due next, in epoch seconds, by its visible parts; None when nothing is.

    `checked` is when its end use was last checked.
    """
    if state not in WAITS.get(kind, ()):
        return None
    if kind == MEASURE.name:
        return ends(str((parts.get("plan") or {}).get("due", "")))
    if kind == OBJECTIVE.name:
        return ends(str((parts.get("goal") or {}).get("review", "")))
    if kind == DEPLOYMENT.name:
        proposal = parts.get("proposal") or {}
        return ends(str(proposal.get("review", "") or proposal.get("until", "")))
    if kind == STATEMENT.name:
        return ends(str((parts.get("line") or {}).get("until", "")))
    every = (parts.get("condition") or {}).get("every_days")
    made = ends(str((parts.get("offer") or {}).get("at", "")))
    return max(checked, made) + every * DAY if every and made is not None else None


@on_version
def follow_own(tx: Tx, row: RowView, index: int) -> None:
    """An own record that is due is armed; a check puts the next one off."""
    if row.kind == END_USE_CHECK.name:
        _rearm(tx, row.about)
    elif row.kind in WAITS:
        _arm(tx, row)


@on_received
def follow_received(tx: Tx, row: RowView, index: int) -> None:
    """The other party's check counts as well."""
    if row.kind == END_USE_CHECK.name:
        _rearm(tx, row.about)


def _rearm(tx: Tx, record: str) -> None:
    offer = tx.row(record)
    if offer is not None and offer.originator == tx.home.party:
        _arm(tx, offer)


def _arm(tx: Tx, row: RowView) -> None:
    key = f"committee:{row.id}"
    due = None if row.withdrawn else due_of(row.kind, row.state, row.values(), _checked(tx, row))
    if due is None:
        disarm(tx, key)
    elif due > tx.now or row.kind == STATEMENT.name:
        arm(tx, key, due, "committee_due", {"record": row.id})


def _checked(tx: Tx, row: RowView) -> float:
    """When the end use of an offer was last checked, by either party; 0 for never."""
    if row.kind != OFFER.name:
        return 0.0
    made = [
        ends(str((each.values().get("check") or {}).get("at", ""))) or 0.0
        for each in tx.rows_about(row.id, END_USE_CHECK.name)
    ]
    return max(made, default=0.0)


@timer("committee_due")
def is_due(tx: Tx, payload: dict[str, Any], _due: float) -> None:
    """Remind whoever answers for it, once for each due moment; a line for the press ends."""
    row = tx.row(str(payload["record"]))
    if row is None or row.withdrawn:
        return
    due = due_of(row.kind, row.state, row.values(), _checked(tx, row))
    if due is None:
        return
    if due > tx.now:
        arm(tx, f"committee:{row.id}", due, "committee_due", payload)
        return
    if row.kind == STATEMENT.name:
        move(tx, row, "ended")
        return
    persons = _answering(tx, row)
    tell(tx, row, persons, occasion=f"due|{row.id}|{due:.0f}")
    tx.announce({"topic": row.kind, "kind": row.kind, "record": row.id, "index": row.ledger_index})


def _answering(tx: Tx, row: RowView) -> list[Told]:
    """The owner of a measure; for anything else, and a measure without one, the coordinators."""
    owner = str((row.values().get("owner") or {}).get("account", ""))
    if owner and owner != SYSTEM:
        return [Told(owner, "", True)]
    return told_by(tx, Rung(0, roles=("coordinator",)), frozenset(), Where())
