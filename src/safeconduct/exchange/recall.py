"""Withdrawal and erasure: taking back what was released, as far as anyone can.

Withdrawal tells each partner not to use it. Erasure destroys salt and part here and in the feeds, and asks each
partner who holds it to do the same and to answer with a receipt. A sovereign party cannot be forced to forget:
what it retains, and why, stays on the list of what it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from safeconduct.agreement.policy import Subject, under_each
from safeconduct.exchange.delivery import erase_in_feed, post
from safeconduct.exchange.hold_state import HoldState
from safeconduct.exchange.leaves import MAX_REASON, write_leaf
from safeconduct.exchange.limits import follow
from safeconduct.exchange.outbound import bring_up_to_date
from safeconduct.exchange.projection import OWN, SENT
from safeconduct.exchange.sealed_state import SealedState, with_bundles
from safeconduct.exchange.state import Sent, State
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records.commit import decide
from safeconduct.records.hooks import HOOKS, job
from safeconduct.records.joined import event_of
from safeconduct.records.kinds import Kind, all_kinds
from safeconduct.records.principals import SYSTEM
from safeconduct.records.projection import derived_from
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso


@job("withdraw")
def withdraw_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Payload: actor, record, parts (names; none = the whole record), reason. Answers the partners told.

    With a whole record go the own records about it that make no sense without it, for the same reason: `along`.
    """
    row, kind, mask, reason = _asked(tx, payload, "withdraw")
    whole = not payload.get("parts")
    by = str(payload["actor"]["person"])
    # The last word first: no partner is told of a name on a list that it was told not to use any more.
    along = list(falling_with(tx, row)) if whole else []
    for each in reversed(along):
        falling = all_kinds()[each.kind]
        _withdraw(tx, each, falling, (1 << len(falling.part_names)) - 1, True, reason, by, row.id)
    index, told = _withdraw(tx, row, kind, mask, whole, reason, by)
    for hook in HOOKS.withdrawn if whole else ():
        hook(tx, row)
    return {"index": index, "partners": told, "along": [each.id for each in along]}


def falling_with(tx: Tx, row: RowView) -> Iterator[RowView]:
    """The own records, not withdrawn yet, that fall with this one: about it, or about one that falls with it; and of
    what joins records all halves."""
    waiting, seen = [row.id], {row.id}
    for half in tx.siblings(row):
        if not half.withdrawn:
            seen.add(half.id)
            yield half
    while waiting:
        for (record,) in tx.tables.all(
            "SELECT id FROM records_row WHERE about = %s AND originator = %s AND NOT withdrawn ORDER BY born",
            [waiting.pop(0), tx.home.party],
        ):
            found = tx.row(record)
            if found is not None and record not in seen and all_kinds()[found.kind].falls_with:
                for each in (found, *tx.siblings(found)):
                    if each.id not in seen and not each.withdrawn:
                        seen.add(each.id)
                        waiting.append(each.id)
                        yield each


@job("falls_with")
def falls_with_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """What would be withdrawn with an own record: [id, kind] of those that the actor may know of, and how many
    more there are. Payload: actor, record."""
    row, _, _, _ = _asked(tx, {**payload, "parts": ()}, "withdraw")
    subject = tx.subject(payload["actor"])
    falling = list(falling_with(tx, row))
    known = [[each.id, each.kind] for each in falling if tx.knows(subject, each)]
    return {"known": known, "more": len(falling) - len(known)}


def _withdraw(
    tx: Tx, row: RowView, kind: Kind, mask: int, whole: bool, reason: str, by: str, along: str = ""
) -> tuple[int, list[str]]:
    """Withdraw one record, or parts of it; `along` is the record that it falls with. (entry, partners told)."""
    state = State(tx.db)
    sealed = SealedState(tx.db)
    told = [s.partner for s in state.sent_to(row.id) if (s.held | sealed.given(s.partner, row.id)[0]) & mask]
    header = {
        "side": OWN,
        "record": row.id,
        "partner": "",
        "withdrawn": _names(kind, mask),
        "mask": mask,
        "whole": whole,
        "reason": reason,
        "by": by,
        "at": iso(tx.now),
        **({"along": along} if along else {}),
    }
    index = tx.append("withdrawal", header)
    if not whole:
        state.hold_back(row.id, state.held_back(row.id) | mask)
    _tell_partners(tx, row.id)
    tx.announce(event_of(tx, row, index))
    return index, told


def _tell_partners(tx: Tx, record: str) -> None:
    row = tx.row(record)
    if row is not None:
        for partner in tx.home.partners.values():
            bring_up_to_date(tx, tx.policy, row, partner)
        follow(tx, row)


@job("erase")
def erase_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Payload: actor, record, parts (names; none = all of them), reason. Answers the partners asked and the
    records derived from this one, which people must look at themselves. What is on hold is not erased."""
    row, kind, mask, reason = _asked(tx, payload, "erase")
    if HoldState(tx.db).hold(row.id) is not None:
        attempt = {"person": str(payload["actor"]["person"]), "act": "erase", "record": row.id}
        raise Refused("this record is on hold: the hold is lifted first", attempt=attempt)
    index, asked = erase_own(tx, row, kind, mask, reason, str(payload["actor"]["person"]))
    return {"index": index, "partners": asked, "derived": derived_from(tx.tables, row.id)}


def erase_own(
    tx: Tx, row: RowView, kind: Kind, mask: int, reason: str, by: str = SYSTEM
) -> tuple[int, list[str]]:
    """Destroy parts of an own record in every version, and ask each partner that was given some to do the same.

    Returns the entry's ledger index and the partners asked.
    """
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
            "by": by,
            "at": iso(tx.now),
        },
    )
    for (version_index,) in tx.tables.all(
        "SELECT ledger_index FROM records_version WHERE record = %s ORDER BY version", [row.id]
    ):
        tx.erase(version_index, positions)
    state = State(tx.db)
    asked = [sent.partner for sent in state.sent_to(row.id) if ask_to_erase(tx, state, sent, kind, mask)]
    tx.announce(event_of(tx, row, index))
    return index, asked


def ask_to_erase(tx: Tx, state: State, sent: Sent, kind: Kind, mask: int) -> bool:
    """Erase from one partner's feed, and ask the partner to erase; False when it never had any of it."""
    entries = state.sent_entries(sent.partner, sent.record)
    given = 0
    for _, disclosed in entries:
        given |= disclosed
    sealed, bundles = SealedState(tx.db).given(sent.partner, sent.record)
    bundles = bundles if sealed & mask else ()
    given = (given | sealed) & mask
    partner = tx.home.partners.get(sent.partner)
    if not given or partner is None:
        return False
    for index, disclosed in entries:
        if disclosed & given:
            erase_in_feed(tx, sent.partner, index, disclosed & given)
    header = {
        "type": "erase",
        "record": sent.opaque,
        "kind": kind.name,
        "originator": tx.home.party,
        "agreement": partner.agreement,
        "parts": _names(kind, given),
    }
    leaf = write_leaf(with_bundles(header, bundles))
    tx.append(
        "erasure",
        {
            "side": SENT,
            "record": sent.record,
            "partner": sent.partner,
            "sent_as": sent.opaque,
            "erased": _names(kind, given),
            "mask": given,
            "sealed": list(bundles),
            "at": iso(tx.now),
            "feed_index": state.partner(sent.partner).feed_size,
            "feed_leaf": leaf_hash(leaf).hex(),
        },
    )
    index = post(tx, sent.partner, leaf, {})
    tx.db.execute("INSERT INTO exchange_asked VALUES (?, ?, ?, ?)", (sent.partner, index, sent.record, given))
    state.set_held(sent, sent.held & ~given)
    SealedState(tx.db).no_longer_given(sent.partner, sent.record, given)
    SealedState(tx.db).forget_files(bundles)
    return True


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
    permit(tx, subject, act, row, kind, mask & row.present or mask)
    return row, kind, mask, str(payload.get("reason", ""))[:MAX_REASON]


def permit(tx: Tx, subject: Subject, act: str, row: RowView, kind: Kind, mask: int) -> None:
    """Raises Refused unless the subject may do this to each of these parts."""
    if subject.person == SYSTEM:
        return
    attempt = {"person": subject.person, "act": act, "record": row.id}
    for name in _names(kind, mask):
        for item in under_each(subject, tx.item(row)):
            decision = decide(tx, subject, act, item, name)
            if not decision.permit:
                raise Refused(f"{act} {kind.name}.{name}: {decision.refused_by}", decision.would, attempt)


def _names(kind: Kind, mask: int) -> list[str]:
    return [name for bit, name in enumerate(kind.part_names) if mask >> bit & 1]
