"""What oversight asks of the writer about holds: which are in force, how one record stands, what is held of a partner.

A hold is shown to whoever may know of the record and may audit it, or may set and lift the hold: its reason is not for
everybody who reads the record. Parts that the asker may not read are counted and not named.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import Any

from safeconduct.agreement.policy import Subject, concerning, counting, under_each
from safeconduct.exchange.hold_state import Hold, HoldState
from safeconduct.exchange.holds import holdable
from safeconduct.oversight.jobs import actor_of, may_audit
from safeconduct.records.hooks import job
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso
from safeconduct.records.under import party_under

PAGE = 50
LOOK = 300
"""Records looked at by one call, of which the asker may know of few: the writer has other work waiting."""


@job("holds")
def holds_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """The holds in force, the latest first. Payload: actor, before (the entry of the last one seen, null to begin),
    under (the agreement whose desk the actor looks from, "" for none in particular)."""
    subject = actor_of(tx, payload)
    found = HoldState(tx.db).holds(_before(payload), LOOK + 1)
    listed: list[dict[str, Any]] = []
    for place, each in enumerate(found[:LOOK]):
        row = tx.row(each.record)
        if row is not None and _at_desk(tx, payload, row) and _may_see(tx, subject, row):
            listed.append({**_record(tx, subject, row), "hold": _hold(tx, subject, row, each)})
            if len(listed) == PAGE:
                return {"holds": listed, "next": each.index if place + 1 < len(found) else None}
    return {"holds": listed, "next": found[LOOK - 1].index if len(found) > LOOK else None}


@job("held_on")
def held_on_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """How one record stands: whose it is, the hold on it as far as the actor may see one, whether they may set and lift
    it. Raises NotFound for one that is not to be held, or that the actor may not know of."""
    subject, name = actor_of(tx, payload), str(payload.get("record"))
    row = tx.row(name)
    if row is None or not holdable(tx, row) or not tx.knows(subject, row):
        raise NotFound(name)
    standing = HoldState(tx.db).hold(row.id) if _may_see(tx, subject, row) else None
    return {
        **_record(tx, subject, row),
        "sees": _may_see(tx, subject, row),
        "hold": _hold(tx, subject, row, standing) if standing is not None else None,
    }


@job("held_here")
def held_here_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """What this node holds of its partners' records, withdrawn ones too, the latest received first. Payload: actor,
    partner ("" for every one), before (the entry of the last one seen, null to begin), under (as for `holds`)."""
    subject, partner = actor_of(tx, payload), str(payload.get("partner") or "")
    before = _before(payload)
    found = tx.db.execute(
        "SELECT record, ledger_index FROM exchange_received r WHERE ledger_index < ? "
        "AND (partner = ? OR ? = '') AND EXISTS "
        "(SELECT 1 FROM exchange_received_entry e WHERE e.record = r.record AND e.held <> 0) "
        "ORDER BY ledger_index DESC LIMIT ?",
        (2**53 if before is None else before, partner, partner, LOOK + 1),
    ).fetchall()
    listed: list[dict[str, Any]] = []
    for place, (record, index) in enumerate(found[:LOOK]):
        row = tx.row(record)
        if row is None or not row.present or all_kinds()[row.kind].crosses_by_pairing:
            continue
        if _at_desk(tx, payload, row) and tx.knows(subject, row):
            standing = HoldState(tx.db).hold(row.id) if _may_see(tx, subject, row) else None
            hold = _hold(tx, subject, row, standing) if standing is not None else None
            parts = _named(tx, subject, row, row.present)
            listed.append({**_record(tx, subject, row), "at": iso(row.at), "parts": parts, "hold": hold})
            if len(listed) == PAGE:
                return {"held": listed, "next": index if place + 1 < len(found) else None}
    return {"held": listed, "next": found[LOOK - 1][1] if len(found) > LOOK else None}


def _before(payload: Mapping[str, Any]) -> int | None:
    before = payload.get("before")
    if before is not None and type(before) is not int:
        raise Malformed("`before` is an entry of the ledger, or null")
    return before


def _at_desk(tx: Tx, payload: Mapping[str, Any], row: RowView) -> bool:
    """Whether a record belongs on the lists of this desk, as on all others: it came under the agreement, or is an own
    one that may go to its party or to nobody."""
    under = str(payload.get("under") or "")
    if not under or row.agreement:
        return under in ("", row.agreement)
    goes = names_in(row.releasable)
    return not goes or not frozenset(goes).isdisjoint(concerning([party_under(tx.home, under) or ""]))


def may_hold(tx: Tx, subject: Subject, row: RowView) -> bool:
    """Whether the subject may erase every part that there is, and so may keep the record."""
    if subject.person == SYSTEM:
        return True
    wanted = row.present or 1
    masks = (tx.policy.mask(subject, "erase", item, tx.now) for item in under_each(subject, tx.item(row)))
    return reduce(and_, masks, wanted) == wanted


def _may_see(tx: Tx, subject: Subject, row: RowView) -> bool:
    """Whether a hold on the record is shown to the subject: by a role that counts for this very record."""
    if not tx.knows(subject, row):
        return False
    return may_audit(tx.policy, counting(subject, tx.item(row))) or may_hold(tx, subject, row)


def _record(tx: Tx, subject: Subject, row: RowView) -> dict[str, Any]:
    return {
        "record": row.id,
        "kind": row.kind,
        "about": row.about,
        "originator": row.originator,
        "own": row.originator == tx.home.party,
        "withdrawn": bool(row.withdrawn),
        "may_hold": may_hold(tx, subject, row),
    }


def _hold(tx: Tx, subject: Subject, row: RowView, hold: Hold) -> dict[str, Any]:
    kept = HoldState(tx.db)
    due = kept.due(row.id)
    return {
        "index": hold.index,
        "by": hold.person,
        "at": iso(hold.at) if hold.at else "",
        "because": hold.because,
        "asked": [
            {
                "partner": each.partner,
                "at": iso(each.at) if each.at else "",
                "parts": _named(tx, subject, row, each.mask),
            }
            for each in kept.asked(row.id)
        ],
        "due": _named(tx, subject, row, due) if due else None,
    }


def _named(tx: Tx, subject: Subject, row: RowView, mask: int) -> dict[str, Any]:
    """Parts by name, as far as the subject may read them, and how many more there are."""
    names = all_kinds()[row.kind].part_names
    readable = mask
    if subject.person != SYSTEM:
        readable &= tx.policy.mask(subject, "read", tx.item(row), tx.now)
    return {
        "names": [name for bit, name in enumerate(names) if readable >> bit & 1],
        "more": (mask & ~readable).bit_count(),
    }
