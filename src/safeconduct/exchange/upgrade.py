"""After an upgrade: entries of kinds that are known now are taken in, in the order in which the feed brought them."""

from __future__ import annotations

import json
import logging
from functools import partial

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.exchange.bundle import FeedEntry
from safeconduct.exchange.inbound import verified
from safeconduct.exchange.leaves import Frame
from safeconduct.exchange.reception import Reception
from safeconduct.exchange.unread import stored
from safeconduct.records.home import Partner
from safeconduct.records.hooks import on_start
from safeconduct.records.kinds import all_kinds
from safeconduct.records.transaction import Tx

log = logging.getLogger(__name__)


@on_start
def take_in_unread(tx: Tx) -> None:
    """Take in what waited for this version. What does not fit the kind as it is now goes on waiting."""
    known = all_kinds()
    rows = tx.db.execute(
        "SELECT partner, idx, ledger_index, kind, leaf FROM exchange_unread ORDER BY partner, idx"
    ).fetchall()
    for party, index, ledger_index, kind, leaf in rows:
        partner = tx.home.partners.get(party)
        if partner is None or kind not in known:
            continue
        fault = tx.attempt(partial(_take_in, tx, partner, index, stored(tx, ledger_index, leaf)))
        if fault is not None:
            log.warning("%s: an entry of kind %s still waits: %s", party, kind, fault)


def _take_in(tx: Tx, partner: Partner, index: int, entry: FeedEntry) -> None:
    frame = Frame(partner.party, partner.agreement, tx.home.party)
    ceiling = LEVELS.index(tx.home.settings.get("exchange_ceiling", LEVELS[-1]))
    tx.db.execute("DELETE FROM exchange_unread WHERE partner = ? AND idx = ?", (partner.party, index))
    arrival = verified(frame, index, _labelled(entry), ceiling)
    if arrival.header["type"] != "erase":  # that was done, and answered, when it came
        reception = Reception(tx, partner)
        reception.take(arrival)
        reception.announce()


def _labelled(entry: FeedEntry) -> FeedEntry:
    """The entry with its labelled parts only, None for one that was erased since or is above the ceiling."""
    header = json.loads(entry.leaf)
    if header["type"] not in ("version", "parts"):
        return entry
    kind = all_kinds()[header["kind"]]
    labelled = {kind.bit(name) for name in header["labels"] if name in kind.part_names}
    return FeedEntry(entry.leaf, tuple((at, text) for at, text in entry.parts if at in labelled))
