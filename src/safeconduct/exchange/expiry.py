"""Timed erasure: what a grant gave for a time is destroyed when that time is over, on both sides by itself.

The side that got it destroys it and keeps an entry of that; the side that gave it takes it out of the feed and
asks for a receipt, so that a list says what became of it; a house rule does the same to an own record. A hold
stops it and says why; when the hold is lifted, what was due meanwhile is erased.
"""

from __future__ import annotations

from typing import Any

from safeconduct.exchange.hold_state import HoldState
from safeconduct.exchange.limits import (
    DAY,
    TIMER,
    arm_next,
    due,
    follow,
    forget,
    mark_expired,
    remember,
)
from safeconduct.exchange.projection import OWN, RECEIVED
from safeconduct.exchange.recall import ask_to_erase, erase_own
from safeconduct.exchange.receipts import erase_received
from safeconduct.exchange.state import State
from safeconduct.records.hooks import on_received, on_version
from safeconduct.records.kinds import all_kinds
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import timer

LOOK_AGAIN = DAY
"""Seconds after which a record that is on hold is looked at again."""


@on_version
def limit_own(tx: Tx, row: RowView, index: int) -> None:
    """An own version: the house rules may limit how long its parts are kept; its end may be that of others."""
    if row.present:
        remember(tx, OWN, "", row, row.present)
    follow(tx, row)


@on_received
def limit_received(tx: Tx, row: RowView, index: int) -> None:
    """A partner's version: the grants by which it came limit how long it is kept."""
    header = tx.header(index)
    if header.get("held"):
        remember(tx, RECEIVED, row.originator, row, header["held"], header["clauses"])
    follow(tx, row)


@timer(TIMER)
def expire(tx: Tx, payload: dict[str, Any], due_at: float) -> None:
    """Erase what is due of one record on one side, unless a hold keeps it; then wait for what is due next."""
    side, partner, record = str(payload["side"]), str(payload["partner"]), str(payload["record"])
    mask, _ = due(tx, side, partner, record)
    row = tx.row(record)
    if not mask or row is None:
        arm_next(tx, side, partner, record)
        return
    hold = HoldState(tx.db).because(record)
    if hold and side in (OWN, RECEIVED):
        _note_kept(tx, record, mask, hold)
        arm_next(tx, side, partner, record, LOOK_AGAIN)
        return
    if side == OWN:
        erase_own(tx, row, all_kinds()[row.kind], mask, EXPIRED)
    elif side == RECEIVED:
        _erase_received(tx, record, mask)
    else:
        mark_expired(tx, partner, row, mask)
        sent = State(tx.db).sent(partner, record)
        if sent is not None:
            ask_to_erase(tx, State(tx.db), sent, all_kinds()[row.kind], mask)
    forget(tx, side, partner, record, mask)


EXPIRED = "its time is over, by the clause's limit"


def _erase_received(tx: Tx, record: str, mask: int) -> None:
    known = State(tx.db).received_record(record)
    left = tx.db.execute(
        "SELECT 1 FROM exchange_received_entry WHERE record = ? AND held & ? <> 0 LIMIT 1", (record, mask)
    ).fetchone()
    if known is None or left is None:
        return
    erase_received(tx, known, mask, None, EXPIRED)
    tx.announce(
        {"topic": known.leaf["kind"], "kind": known.leaf["kind"], "record": record, "index": tx.log.size - 1}
    )


def _note_kept(tx: Tx, record: str, mask: int, because: str) -> None:
    """Say once in the ledger that what was due is kept, and why."""
    noted = tx.db.execute(
        "SELECT 1 FROM exchange_kept WHERE record = ? AND mask = ?", (record, mask)
    ).fetchone()
    if noted is None:
        tx.db.execute(
            "INSERT INTO exchange_kept (record, mask) VALUES (?, ?) "
            "ON CONFLICT (record) DO UPDATE SET mask = excluded.mask",
            (record, mask),
        )
        header = {"at": iso(tx.now), "what": "kept", "record": record, "mask": mask, "because": because}
        tx.append("hold", header)
