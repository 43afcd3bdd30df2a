"""What leaves: for every own version, each partner is brought to know what policy lets it know, and no more.

The ledger's `disclosure` entry comes first, in the transaction that decided; the feed gets the same leaf
after it. A partner sees a header of its own: an opaque id, its own count of versions, nothing of what stays.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from safeconduct.agreement.books import digest_of
from safeconduct.agreement.policy import Policy
from safeconduct.exchange.delivery import post
from safeconduct.exchange.joined import waits
from safeconduct.exchange.leaves import write_leaf
from safeconduct.exchange.limits import expired, remember
from safeconduct.exchange.own_version import Version, as_opened
from safeconduct.exchange.projection import SENT
from safeconduct.exchange.sealed_recall import take_back
from safeconduct.exchange.sealed_state import SealedState
from safeconduct.exchange.state import Sent, State, new_opaque
from safeconduct.exchange.view import (
    NOTHING,
    Permitted,
    authorised_there,
    coarse,
    decide,
    new_commitment,
    outward,
)
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records.home import Partner
from safeconduct.records.hooks import on_policy, on_tick, on_version, on_withdrawn
from safeconduct.records.kinds import all_kinds
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso

SWEEP_ROWS = 250
SWEEP_SECONDS = 0.2
"""How long one round of looking at older records may hold up the writer."""


def bring_up_to_date(tx: Tx, policy: Policy, row: RowView, partner: Partner) -> None:
    """Tell one partner what it may know of an own record now: a version, more parts, or a withdrawal."""
    state = State(tx.db)
    sent = state.sent(partner.party, row.id)
    held_back = state.held_back(row.id)
    permitted = NOTHING if row.withdrawn else _permitted(tx, policy, row, partner)
    open_mask = permitted.mask & ~held_back & ~expired(tx, partner.party, row)
    _look_at_sealed(tx, policy, row, partner, held_back)
    if sent is None:
        if open_mask & row.present:
            _send_first(tx, state, policy, row, partner, permitted, open_mask & row.present)
        return
    if sent.held & ~open_mask:
        reason = "withdrawn" if row.withdrawn or sent.held & held_back else "no clause permits it any more"
        sent = withdraw_parts(tx, state, sent, row.kind, partner, sent.held & ~open_mask, reason)
    if open_mask & ~sent.held and sent.own_version >= 0:
        sent = _send_more(tx, state, policy, row, sent, partner, open_mask)
    untold = bool(row.about) and not sent.about
    if open_mask and (sent.own_version != row.version or untold):
        _send_amendment(tx, state, row, sent, partner, permitted, open_mask)


def _introduce(tx: Tx, policy: Policy, row: RowView, partner: Partner) -> None:
    """Tell one partner of a record that was made a moment ago: nobody knows it, none of it is held back, over or given
    in advance, and no other speaks of it."""
    permitted = _permitted(tx, policy, row, partner)
    mask = permitted.mask & row.present
    if mask:
        blank = Sent(partner.party, row.id, new_opaque(), 0, 0, 0, 0, (), "", "", "")
        _send_version(tx, State(tx.db), Version(tx, row.ledger_index), row, blank, partner, permitted, mask)


def _permitted(tx: Tx, policy: Policy, row: RowView, partner: Partner) -> Permitted:
    if waits(tx, row, partner):
        return NOTHING
    values = row.values() if all_kinds()[row.kind].crosses_by_pairing else {}
    item = as_opened(tx, outward(tx.tables, row, partner.party))
    authorised = authorised_there(tx.tables, policy, row, partner, tx.now)
    return decide(policy, item, values, partner, tx.home.party, tx.now, authorised)


def _look_at_sealed(tx: Tx, policy: Policy, row: RowView, partner: Partner, held_back: int) -> None:
    """What was given in advance is taken back once the opening would not bring it any more."""
    mask, _ = SealedState(tx.db).given(partner.party, row.id)
    if not mask:
        return
    if not row.withdrawn:
        item = outward(tx.tables, row, partner.party)._replace(opens=None)
        authorised = authorised_there(tx.tables, policy, row, partner, tx.now)
        mask &= ~decide(policy, item, {}, partner, tx.home.party, tx.now, authorised).mask | held_back
    if mask:
        reason = "withdrawn" if row.withdrawn or mask & held_back else "no clause permits it any more"
        take_back(tx, row, partner, mask, reason)


def _send_first(
    tx: Tx, state: State, policy: Policy, row: RowView, partner: Partner, permitted: Permitted, mask: int
) -> None:
    version = Version(tx, row.ledger_index)
    opaque = state.reserve(partner.party, row.id)
    blank = Sent(partner.party, row.id, opaque, 0, 0, 0, 0, (), "", "", "")
    _send_version(tx, state, version, row, blank, partner, permitted, mask)
    # Own records that speak of this one could not say so until now; what joins it to others waited for it.
    for (about,) in tx.tables.all(
        "SELECT r.id FROM records_row r WHERE r.about = %s AND r.originator = %s", [row.id, tx.home.party]
    ):
        speaking = tx.row(about)
        if speaking is None:
            continue
        known = state.sent(partner.party, about)
        if known is not None and not known.about:
            bring_up_to_date(tx, policy, speaking, partner)
        if all_kinds()[speaking.kind].joins:
            for half in (speaking, *tx.siblings(speaking)):
                bring_up_to_date(tx, policy, half, partner)


def _send_more(
    tx: Tx, state: State, policy: Policy, row: RowView, sent: Sent, partner: Partner, open_mask: int
) -> Sent:
    """More parts of the version that the partner has, under the digests that it has of them."""
    version = Version(tx, sent.own_index)
    values = row.values() if version.kind.crosses_by_pairing else {}
    item = as_opened(tx, version.item(outward(tx.tables, row, partner.party).assigned))
    authorised = authorised_there(tx.tables, policy, row, partner, tx.now)
    permitted = decide(policy, item, values, partner, tx.home.party, tx.now, authorised)
    mask = permitted.mask & open_mask & ~sent.held & version.present()
    if not mask:
        return sent
    header = version_header(tx, state, version, sent, partner, permitted, mask, "parts")
    given = version.crossing(partner.party)
    texts = {bit: given.texts[bit] for bit in range(len(given.texts)) if mask >> bit & 1}
    return _post(tx, state, row, header, replace(sent, held=sent.held | mask), mask, texts, {})


def _send_amendment(
    tx: Tx, state: State, row: RowView, sent: Sent, partner: Partner, permitted: Permitted, open_mask: int
) -> Sent:
    """The next version, unless it looks to the partner just as the one it has."""
    new, old = Version(tx, row.ledger_index), Version(tx, sent.own_index)
    mask = open_mask & row.present
    # What the partner has of a history that was lost here is not known well enough to compare it.
    if sent.own_version >= 0 and not _looks_different(tx, state, new, old, sent, partner, mask, open_mask):
        return sent
    return _send_version(tx, state, new, row, sent, partner, permitted, mask)


def _looks_different(
    tx: Tx, state: State, new: Version, old: Version, sent: Sent, partner: Partner, mask: int, open_mask: int
) -> bool:
    if any(new.header[name] != old.header[name] for name in ("state", "orcon")):
        return True
    if about_of(tx, state, new, partner)[0] != sent.about or mask != sent.held & open_mask:
        return True
    was, now = old.values(), new.values()
    return any(
        was[bit] != now[bit] or old.levels()[bit] != new.levels()[bit]
        for bit in range(len(now))
        if mask >> bit & 1
    )


def _send_version(
    tx: Tx,
    state: State,
    version: Version,
    row: RowView,
    before: Sent,
    partner: Partner,
    permitted: Permitted,
    mask: int,
) -> Sent:
    given = version.crossing(partner.party)
    tied, salt = new_commitment(version.hash)
    sent = replace(
        before,
        version=before.version + 1,
        own_version=row.version,
        own_index=row.ledger_index,
        held=mask,
        digests=given.digests,
        commitment=tied,
        at=coarse(row.at, version.kind, mask),
        about=about_of(tx, state, version, partner)[0],
    )
    header = version_header(tx, state, version, sent, partner, permitted, mask, "version")
    texts = {bit: given.texts[bit] for bit in range(len(given.texts)) if mask >> bit & 1}
    return _post(tx, state, row, header, sent, mask, texts, {"salt": salt})


def version_header(
    tx: Tx,
    state: State,
    version: Version,
    sent: Sent,
    partner: Partner,
    permitted: Permitted,
    mask: int,
    entry_type: str,
) -> dict[str, Any]:
    levels = version.levels()
    header: dict[str, Any] = {
        "type": entry_type,
        "record": sent.opaque,
        "version": sent.version,
        "kind": version.kind.name,
        "originator": tx.home.party,
        "agreement": partner.agreement,
        "clauses": permitted.clauses(version.kind, mask),
        "state": version.header["state"],
        "labels": {n: levels[bit] for bit, n in enumerate(version.kind.part_names) if mask >> bit & 1},
        "at": sent.at,
        "digests": list(sent.digests),
        "commitment": sent.commitment,
        "orcon": bool(version.header["orcon"]),
    }
    about = about_of(tx, state, version, partner)[1]
    if about is not None:
        header["about"] = about
    return header


def about_of(tx: Tx, state: State, version: Version, partner: Partner) -> tuple[str, dict[str, str] | None]:
    """What a version is about, in own ids and in the partner's terms, if the partner knows of it."""
    about = version.header.get("about") or ""
    if not about:
        return "", None
    sent = state.sent(partner.party, about)
    if sent is not None:
        return about, {"originator": tx.home.party, "record": sent.opaque}
    received = state.received_record(about)
    if received is not None and received.partner == partner.party:
        return about, {"originator": partner.party, "record": received.opaque}
    return "", None


def _post(
    tx: Tx,
    state: State,
    row: RowView,
    header: dict[str, Any],
    sent: Sent,
    mask: int,
    texts: dict[int, str | None],
    more: dict[str, Any],
) -> Sent:
    """Promise a feed entry and have the ledger tell of it, in one transaction: the feed gets it after that."""
    leaf = write_leaf(header)
    kind = all_kinds()[header["kind"]]
    index = post(tx, sent.partner, leaf, texts, len(sent.digests))
    disclosed = {
        "record": sent.record,
        "version": sent.own_version,
        "version_index": sent.own_index,
        "partner": sent.partner,
        "kind": kind.name,
        "sent_as": sent.opaque,
        "sent_version": sent.version,
        "released": [name for bit, name in enumerate(kind.part_names) if mask >> bit & 1],
        "mask": mask,
        "more": header["type"] == "parts",
        "clauses": header["clauses"],
        "at": iso(tx.now),
        "feed_index": index,
        "feed_leaf": leaf_hash(leaf).hex(),
        "policy": tx.state.index,
        "commitment": sent.commitment,
        **more,
    }
    tx.append("disclosure", disclosed)
    state.put_sent(sent, index, mask)
    SealedState(tx.db).no_longer_given(sent.partner, sent.record, mask)
    if mask and header["clauses"]:
        remember(tx, SENT, sent.partner, row, mask, header["clauses"])
    return sent


def withdraw_parts(
    tx: Tx, state: State, sent: Sent, kind_name: str, partner: Partner, mask: int, reason: str
) -> Sent:
    """Tell a partner not to use these parts any more."""
    kind = all_kinds()[kind_name]
    names = [name for bit, name in enumerate(kind.part_names) if mask >> bit & 1]
    leaf = write_leaf(
        {
            "type": "withdraw",
            "record": sent.opaque,
            "kind": kind.name,
            "originator": tx.home.party,
            "agreement": partner.agreement,
            "parts": names,
        }
    )
    tx.append(
        "withdrawal",
        {
            "side": "sent",
            "record": sent.record,
            "partner": partner.party,
            "sent_as": sent.opaque,
            "withdrawn": names,
            "mask": mask,
            "reason": reason,
            "at": iso(tx.now),
            "feed_index": state.partner(partner.party).feed_size,
            "feed_leaf": leaf_hash(leaf).hex(),
            "policy": tx.state.index,
        },
    )
    post(tx, partner.party, leaf, {})
    return state.set_held(sent, sent.held & ~mask)


@on_version
def disclose_version(tx: Tx, row: RowView, index: int) -> None:
    """A new own version: each partner gets what it may have of it, and first of what it authorises somebody for."""
    look_at_authorised(tx, row)
    state = State(tx.db)
    if row.opens is not None and row.opens > tx.now and not state.opened(row.id, row.opens):
        state.lock(row.id, row.opens)
    elif row.opens is not None:
        state.unlock(row.id, row.opens)
    made_now = row.version == 1 and tx.log.size == index + 1
    tell = _introduce if made_now else bring_up_to_date
    for partner in _concerned(tx, row, frozenset() if made_now else state.who_has(row.id)):
        tell(tx, tx.policy, row, partner)
        for half in tx.siblings(row) if made_now else ():
            bring_up_to_date(tx, tx.policy, half, partner)


def _concerned(tx: Tx, row: RowView, known: frozenset[str]) -> list[Partner]:
    """The partners that a record may go to, or who know of it: of a hundred mostly one."""
    if all_kinds()[row.kind].crosses_by_pairing:
        return list(tx.home.partners.values())
    parties = names_in(row.releasable) | known
    return [partner for party, partner in tx.home.partners.items() if party in parties]


@on_withdrawn
def look_at_authorised(tx: Tx, row: RowView) -> None:
    """What a disclosure authorisation is about may be given, or is to be taken back, when that changes."""
    about = tx.row(row.about) if row.about and all_kinds()[row.kind].authorises else None
    if about is not None and about.originator == tx.home.party:
        for partner in _concerned(tx, about, State(tx.db).who_has(about.id)):
            bring_up_to_date(tx, tx.policy, about, partner)


@on_policy
def look_again(tx: Tx, before: Policy, after: Policy) -> None:
    """What is agreed has changed: go through all own records, oldest first, for each partner whom that concerns."""
    for party, partner in tx.home.partners.items():
        if _agreed_with(before, partner) != _agreed_with(after, partner):
            State(tx.db).start_sweep(party)


def _agreed_with(policy: Policy, partner: Partner) -> str:
    """Names what decides what this partner gets: its agreement and the house's red lines."""
    return digest_of(book for book in policy.books if book.house or book.agreement == partner.agreement)


@on_tick("exchange_sweep", 0.25)
def sweep(tx: Tx) -> None:
    """Go on looking at older records, then at time locks that have opened since the last round."""
    deadline = time.monotonic() + SWEEP_SECONDS
    state = State(tx.db)
    for party, cursor in state.sweeps():
        partner = tx.home.partners.get(party)
        at: int | None = cursor if partner is not None else None
        while at is not None and partner is not None and time.monotonic() < deadline:
            at = _sweep_some(tx, partner, at)
            state.move_sweep(party, at)
    _opened_locks(tx)


def _sweep_some(tx: Tx, partner: Partner, cursor: int) -> int | None:
    found = tx.tables.all(
        "SELECT id, born FROM records_row WHERE born > %s AND originator = %s ORDER BY born LIMIT %s",
        [cursor, tx.home.party, SWEEP_ROWS],
    )
    for record, _ in found:
        row = tx.row(record)
        if row is not None:
            bring_up_to_date(tx, tx.policy, row, partner)
    return found[-1][1] if len(found) == SWEEP_ROWS else None


def _opened_locks(tx: Tx) -> None:
    """Records whose time lock has opened: the originator's clock says when."""
    state = State(tx.db)
    for record in state.locks_due(tx.now):
        row = tx.row(record)
        if row is None or row.opens is None or row.opens > tx.now:
            tx.db.execute("DELETE FROM exchange_lock WHERE record = ?", (record,))
            continue
        state.unlock(record, row.opens)
        for partner in _concerned(tx, row, state.who_has(record)):
            bring_up_to_date(tx, tx.policy, row, partner)
