"""After an upgrade: entries that are understood now are taken in, in the order in which the feed brought them."""

from __future__ import annotations

import json
from functools import partial

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.exchange.bundle import FeedEntry
from safeconduct.exchange.inbound import verified
from safeconduct.exchange.leaves import Frame, LeafRefused
from safeconduct.exchange.reception import Reception
from safeconduct.exchange.unread import stored
from safeconduct.records.events import log_event
from safeconduct.records.home import Partner
from safeconduct.records.hooks import on_start
from safeconduct.records.kinds import all_kinds
from safeconduct.records.transaction import Tx


@on_start
def take_in_unread(tx: Tx) -> None:
    """Take in what waited for this version. What does not fit the kind as it is now goes on waiting, and with it all
    that follows of its record: a withdrawal that was taken in before its version would not hold for that version."""
    known = all_kinds()
    waiting: set[tuple[str, str]] = set()
    rows = tx.db.execute(
        "SELECT partner, idx, ledger_index, kind, record, leaf FROM exchange_unread ORDER BY partner, idx"
    ).fetchall()
    for party, index, ledger_index, kind, record, leaf in rows:
        partner = tx.home.partners.get(party)
        if partner is None or kind not in known or (party, record) in waiting:
            waiting.add((party, record))
            continue
        fault = tx.attempt(
            partial(_take_in, tx, partner, index, ledger_index, stored(tx, ledger_index, leaf))
        )
        if fault is not None:
            waiting.add((party, record))
            log_event("link_waiting", fault=fault, partner=party, kind=kind)


def _take_in(tx: Tx, partner: Partner, index: int, ledger_index: int, entry: FeedEntry) -> None:
    frame = Frame(partner.party, partner.agreement, tx.home.party)
    ceiling = LEVELS.index(tx.home.settings.get("exchange_ceiling", LEVELS[-1]))
    tx.db.execute("DELETE FROM exchange_unread WHERE partner = ? AND idx = ?", (partner.party, index))
    arrival = verified(frame, index, _labelled(entry), ceiling)
    if arrival.later:
        raise LeafRefused("this version does not understand it either")
    if arrival.header["type"] != "erase":  # that was done, and answered, when it came
        reception = Reception(tx, partner)
        reception.take_known(arrival)
        reception.announce()
    # What is erased later is erased where it was taken in: no second copy may lie where it waited.
    if waited := [at for at, text in entry.parts if text is not None]:
        tx.erase(ledger_index, waited)


def _labelled(entry: FeedEntry) -> FeedEntry:
    """The entry with its labelled parts only, None for one that was erased since or is above the ceiling."""
    header = json.loads(entry.leaf)
    if header["type"] not in ("version", "parts"):
        return entry
    kind = all_kinds()[header["kind"]]
    labelled = {kind.bit(name) for name in header["labels"] if name in kind.part_names}
    return FeedEntry(entry.leaf, tuple((at, text) for at, text in entry.parts if at in labelled))
