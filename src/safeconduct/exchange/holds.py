"""Holds: keeping a record although its erasure is due or its originator asks for it, with a reason, until it is lifted.

Who may erase a record may keep it. A partner who asks for an erasure meanwhile is told why it is not done, and when the
hold is lifted, that it is.
"""

from __future__ import annotations

from typing import Any

from safeconduct.exchange.hold_state import Asked, Hold, HoldState
from safeconduct.exchange.leaves import MAX_REASON, REMOVED, RETAINED
from safeconduct.exchange.limits import look_again
from safeconduct.exchange.recall import permit
from safeconduct.exchange.receipts import erase_received, send_receipt
from safeconduct.exchange.state import State
from safeconduct.ledger.canonical import CanonicalRefused, canonical
from safeconduct.records.hooks import job
from safeconduct.records.joined import event_of
from safeconduct.records.kinds import all_kinds
from safeconduct.records.once import once
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso


@job("hold")
def hold_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Keep a record although its erasure is due, or its originator asks for it; or say anew why it is kept.

    Payload: actor, record, because, seen (the entry of the hold that was shown, null for none; left out: whatever
    stands), key (with the same one it is done once). Raises Conflict when another hold stands than the one shown.
    """
    row = _holdable(tx, payload)
    if not row.present:
        raise Malformed("nothing of this record is left that a hold could keep")
    because, person = _reason(payload), str(payload["actor"]["person"])
    standing = HoldState(tx.db).hold(row.id)

    def work() -> tuple[str, int, int]:
        if standing is not None and (standing.because, standing.person) == (because, person):
            return row.id, row.version, standing.index
        _as_seen(standing, payload)
        return row.id, row.version, _keep(tx, row, because, person)

    return {"index": once(tx, f"hold\n{person}\n{row.id}", str(payload.get("key") or ""), work)["index"]}


def _keep(tx: Tx, row: RowView, because: str, person: str) -> int:
    """Note the hold, and tell whoever waits for an erasure why it is kept now; the ledger's entry."""
    kept = HoldState(tx.db)
    header = {"at": iso(tx.now), "what": "hold", "record": row.id, "by": person, "because": because}
    index = tx.append("hold", header)
    kept.put(Hold(row.id, because, person, tx.now, index))
    for asked in kept.asked(row.id):
        _answer(tx, row.id, asked, RETAINED, because)
    tx.announce(event_of(tx, row, index))
    return index


@job("lift_hold")
def lift_hold_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """End a hold: what was asked for meanwhile is erased now, and a second receipt says so.

    Payload: actor, record, seen (as for `hold`). Raises Conflict when there is none any more, or another one.
    """
    row = _holdable(tx, payload)
    kept = HoldState(tx.db)
    standing, waiting = kept.hold(row.id), kept.asked(row.id)
    _as_seen(standing, payload)
    if standing is None:
        raise Conflict(0)
    kept.lift(row.id)
    header = {"at": iso(tx.now), "what": "lifted", "record": row.id, "by": str(payload["actor"]["person"])}
    index = tx.append("hold", header)
    known = State(tx.db).received_record(row.id)
    if known is not None:
        for asked in waiting:
            # Another of the erasures may have taken some of what is known to be held.
            still = State(tx.db).received_record(row.id) or known
            erase_received(tx, still, asked.mask, asked.feed_index, up_to=asked.version)
            _answer(tx, row.id, asked, REMOVED, "")
    look_again(tx, row.id)
    tx.announce(event_of(tx, row, index))
    return {"index": index, "erased": len(waiting)}


def _answer(tx: Tx, record: str, asked: Asked, outcome: str, because: str) -> None:
    """A receipt to whoever asked, unless the link on which it was asked was closed since."""
    known, partner = State(tx.db).received_record(record), tx.home.partners.get(asked.partner)
    if known is not None and partner is not None and asked.feed_index >= 0:
        send_receipt(tx, partner, known, asked.feed_index, asked.mask, outcome, because)


def _as_seen(standing: Hold | None, payload: dict[str, Any]) -> None:
    if "seen" not in payload:
        return
    seen = payload["seen"]
    if seen is not None and type(seen) is not int:
        raise Malformed("`seen` is the entry of the hold that was shown, or null")
    if seen != (standing.index if standing is not None else None):
        raise Conflict(standing.index if standing is not None else 0)


def _reason(payload: dict[str, Any]) -> str:
    """Why, as it can stand in the ledger and in a receipt."""
    because = str(payload.get("because") or "").strip()
    try:
        canonical({"because": because})
    except (CanonicalRefused, UnicodeEncodeError) as fault:
        raise Malformed("the reason of a hold is text") from fault
    if not 0 < len(because) <= MAX_REASON or "\0" in because:
        raise Malformed(f"a hold says why, in up to {MAX_REASON} characters")
    return because


def holdable(tx: Tx, row: RowView | None) -> bool:
    """Whether a record is one to be kept: an own one, or one that came from a partner; no clause and no act."""
    if row is None or all_kinds()[row.kind].crosses_by_pairing:
        return False
    return row.originator == tx.home.party or State(tx.db).received_record(row.id) is not None


def _holdable(tx: Tx, payload: dict[str, Any]) -> RowView:
    """The own or received record that the actor may erase, and so may keep."""
    row = tx.row(str(payload.get("record")))
    if row is None or not holdable(tx, row):
        raise NotFound(str(payload.get("record")))
    subject = tx.subject(payload["actor"])
    if not tx.knows(subject, row):
        raise NotFound(row.id)
    permit(tx, subject, "erase", row, all_kinds()[row.kind], row.present or 1)
    return row
