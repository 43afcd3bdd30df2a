"""Withdrawal and erasure: taking back what was released, as far as anyone can.

Withdrawal tells each partner not to use it. Erasure destroys salt and part here and in the feeds, and asks each
partner who holds it to do the same and to answer with a receipt. A sovereign party cannot be forced to forget:
what it retains, and why, stays on the list of what it holds.
"""

from __future__ import annotations

from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.delivery import erase_in_feed, post
from safeconduct.exchange.leaves import MAX_REASON, REMOVED, write_leaf
from safeconduct.exchange.outbound import bring_up_to_date
from safeconduct.exchange.projection import OWN, SENT
from safeconduct.exchange.reception import erase_received, send_receipt
from safeconduct.exchange.state import Sent, State
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records.commit import decide
from safeconduct.records.hooks import job
from safeconduct.records.kinds import Kind, all_kinds
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso


@job("withdraw")
def withdraw_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Payload: actor, record, parts (names; none = the whole record), reason. Answers the partners told."""
    row, kind, mask, reason = _asked(tx, payload, "withdraw")
    whole = not payload.get("parts")
    state = State(tx.db)
    told = [s.partner for s in state.sent_to(row.id) if s.held & mask]
    header = {
        "side": OWN,
        "record": row.id,
        "partner": "",
        "withdrawn": _names(kind, mask),
        "mask": mask,
        "whole": whole,
        "reason": reason,
        "by": str(payload["actor"]["person"]),
        "at": iso(tx.now),
    }
    index = tx.append("withdrawal", header)
    if not whole:
        state.hold_back(row.id, state.held_back(row.id) | mask)
    _tell_partners(tx, row.id)
    tx.announce({"topic": kind.name, "kind": kind.name, "record": row.id, "index": index})
    return {"index": index, "partners": told}


def _tell_partners(tx: Tx, record: str) -> None:
    row = tx.row(record)
    if row is not None:
        for partner in tx.home.partners.values():
            bring_up_to_date(tx, tx.policy, row, partner)


@job("erase")
def erase_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Payload: actor, record, parts (names; none = all of them), reason. Answers the partners asked and the
    records derived from this one, which people must look at themselves."""
    row, kind, mask, reason = _asked(tx, payload, "erase")
    positions = [bit for bit in range(len(kind.part_names)) if mask >> bit & 1]
    index = tx.append(
        "erasure",
        {
            "side": OWN,
            "record": row.id,
            "partner": "",
            "erased": _names(kind, mask),
            "mask": mask,
            "reason": reason,
            "by": str(payload["actor"]["person"]),
            "at": iso(tx.now),
        },
    )
    for (version_index,) in tx.tables.all(
        "SELECT ledger_index FROM records_version WHERE record = %s ORDER BY version", [row.id]
    ):
        tx.erase(version_index, positions)
    state = State(tx.db)
    asked = [sent.partner for sent in state.sent_to(row.id) if _ask(tx, state, sent, kind, mask)]
    tx.announce({"topic": kind.name, "kind": kind.name, "record": row.id, "index": index})
    return {"index": index, "partners": asked}


def _ask(tx: Tx, state: State, sent: Sent, kind: Kind, mask: int) -> bool:
    """Erase from one partner's feed, and ask the partner to erase; False when it never had any of it."""
    entries = state.sent_entries(sent.partner, sent.record)
    given = 0
    for _, disclosed in entries:
        given |= disclosed
    given &= mask
    partner = tx.home.partners.get(sent.partner)
    if not given or partner is None:
        return False
    for index, disclosed in entries:
        if disclosed & given:
            erase_in_feed(tx, sent.partner, index, disclosed & given)
    leaf = write_leaf(
        {
            "type": "erase",
            "record": sent.opaque,
            "kind": kind.name,
            "originator": tx.home.party,
            "agreement": partner.agreement,
            "parts": _names(kind, given),
        }
    )
    tx.append(
        "erasure",
        {
            "side": SENT,
            "record": sent.record,
            "partner": sent.partner,
            "sent_as": sent.opaque,
            "erased": _names(kind, given),
            "mask": given,
            "at": iso(tx.now),
            "feed_index": state.partner(sent.partner).feed_size,
            "feed_leaf": leaf_hash(leaf).hex(),
        },
    )
    index = post(tx, sent.partner, leaf, {})
    tx.db.execute("INSERT INTO exchange_asked VALUES (?, ?, ?, ?)", (sent.partner, index, sent.record, given))
    state.set_held(sent, sent.held & ~given)
    return True


@job("hold")
def hold_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Keep a received record even when its originator asks for erasure. Payload: actor, record, because."""
    known = _received(tx, payload)
    because = str(payload.get("because", "")).strip()
    if not 0 < len(because) <= MAX_REASON:
        raise Malformed(f"a hold says why, in up to {MAX_REASON} characters")
    tx.db.execute("INSERT OR REPLACE INTO exchange_hold VALUES (?, ?)", (known.record, because))
    header = {
        "at": iso(tx.now),
        "what": "hold",
        "record": known.record,
        "by": str(payload["actor"]["person"]),
        "because": because,
    }
    return {"index": tx.append("hold", header)}


@job("lift_hold")
def lift_hold_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """End a hold: what was asked for meanwhile is erased now, and a second receipt says so."""
    known = _received(tx, payload)
    partner = tx.home.partners[known.partner]
    tx.db.execute("DELETE FROM exchange_hold WHERE record = ?", (known.record,))
    header = {
        "at": iso(tx.now),
        "what": "lifted",
        "record": known.record,
        "by": str(payload["actor"]["person"]),
    }
    index = tx.append("hold", header)
    waiting = tx.db.execute(
        "SELECT idx, mask FROM exchange_retained WHERE record = ? ORDER BY idx", (known.record,)
    ).fetchall()
    for feed_index, mask in waiting:
        erase_received(tx, known, mask, feed_index)
        send_receipt(tx, partner, known, feed_index, mask, REMOVED, "")
    tx.db.execute("DELETE FROM exchange_retained WHERE record = ?", (known.record,))
    return {"index": index, "erased": len(waiting)}


def _received(tx: Tx, payload: dict[str, Any]) -> Any:
    known = State(tx.db).received_record(str(payload.get("record")))
    if known is None or known.partner not in tx.home.partners:
        raise NotFound(str(payload.get("record")))
    row = tx.row(known.record)
    subject = tx.subject(payload["actor"])
    if row is None:
        raise NotFound(known.record)
    _permit(tx, subject, "erase", row, all_kinds()[row.kind], row.present or 1)
    return known


def _asked(tx: Tx, payload: dict[str, Any], act: str) -> tuple[RowView, Kind, int, str]:
    """The own record, its kind, the parts meant and the reason, once the actor may do this."""
    try:
        subject = tx.subject(payload["actor"])
        record, names = str(payload["record"]), payload.get("parts") or ()
    except (KeyError, TypeError) as fault:
        raise Malformed(f"{act} needs actor and record") from fault
    row = tx.row(record)
    if row is None:
        raise NotFound(record)
    kind = all_kinds()[row.kind]
    if subject.person != SYSTEM and not tx.policy.mask(subject, "read", tx.item(row), tx.now):
        raise NotFound(record)
    attempt = {"person": subject.person, "act": act, "record": record}
    if row.originator != tx.home.party:
        raise Refused("only its originator takes a record back", attempt=attempt)
    if kind.crosses_by_pairing:
        raise Refused(
            "a clause or an act stays on record; its status changes by another act", attempt=attempt
        )
    try:
        mask = sum(1 << kind.bit(str(name)) for name in set(names)) or (1 << len(kind.part_names)) - 1
    except KeyError as fault:
        raise Malformed(f"{kind.name} has no part {fault.args[0]}") from fault
    _permit(tx, subject, act, row, kind, mask & row.present or mask)
    return row, kind, mask, str(payload.get("reason", ""))[:MAX_REASON]


def _permit(tx: Tx, subject: Subject, act: str, row: RowView, kind: Kind, mask: int) -> None:
    if subject.person == SYSTEM:
        return
    attempt = {"person": subject.person, "act": act, "record": row.id}
    for name in _names(kind, mask):
        decision = decide(tx, subject, act, tx.item(row), name)
        if not decision.permit:
            raise Refused(f"{act} {kind.name}.{name}: {decision.refused_by}", decision.would, attempt)


def _names(kind: Kind, mask: int) -> list[str]:
    return [name for bit, name in enumerate(kind.part_names) if mask >> bit & 1]
