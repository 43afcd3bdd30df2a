"""Entries that only a later version understands: they do not stop the feed, and are taken in after an upgrade.

What is not known may be a kind, or a state, a part, a field or a word of one. With such an entry waits all that
follows of its record.

Until then each lies in the ledger as it came, its parts sealed by their labels. Nobody is shown any of it, but
an erasure that its originator asks for is done at once.
"""

from __future__ import annotations

import json
from typing import Any

from safeconduct.exchange.arrival import Arrival
from safeconduct.exchange.bundle import FeedEntry
from safeconduct.exchange.leaves import REMOVED, LeafRefused
from safeconduct.exchange.receipts import send_receipt
from safeconduct.exchange.state import Received, received_id
from safeconduct.ledger.parts import digest, open_disclosure
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records.home import Partner
from safeconduct.records.transaction import Tx, iso

HIGHEST = 3


def as_it_is(index: int, entry: FeedEntry, header: dict[str, Any], ceiling: int) -> Arrival:
    """One entry of what is not known here, checked as far as it can be. Raises LeafRefused.

    Its parts fit their digests and are those that it labels; what is in them, only a later version can judge.
    """
    texts = {position: text for position, text in entry.parts if text is not None}
    if header["type"] not in ("version", "parts"):
        if entry.parts:
            raise LeafRefused("an entry without parts discloses some")
        return Arrival(index, entry.leaf, header, {}, {}, later=True)
    if len(entry.parts) != len(header["labels"]):
        raise LeafRefused("the disclosures are not those of the labelled parts")
    kept: dict[int, str] = {}
    for position, text in texts.items():
        if position >= len(header["digests"]) or digest(text) != header["digests"][position]:
            raise LeafRefused("a part is not the one in the leaf")
        _, name, value = open_disclosure(text)
        if value is None or name not in header["labels"]:
            raise LeafRefused("a part discloses another part or nothing")
        if header["labels"][name] <= ceiling:
            kept[position] = text
    return Arrival(index, entry.leaf, header, kept, {}, later=True)


def keep_unread(tx: Tx, partner: Partner, arrival: Arrival, answered: bool = False) -> None:
    """Keep an entry beside its place in the feed. `answered`: somebody else gives the receipt for an erasure."""
    header = arrival.header
    digests = header.get("digests", [])
    disclosures = [arrival.texts.get(position) for position in range(len(digests))]
    levels = [HIGHEST] * len(disclosures)
    index = tx.append(
        "unread",
        {
            "partner": partner.party,
            "kind": header["kind"],
            "what": header["type"],
            "sent_as": header["record"],
            "at": iso(tx.now),
            "parts": digests,
            "feed_index": arrival.index,
            "feed_leaf": leaf_hash(arrival.leaf).hex(),
        },
        disclosures,
        levels,
    )
    tx.db.execute(
        "INSERT INTO exchange_unread VALUES (?, ?, ?, ?, ?, ?)",
        (partner.party, arrival.index, index, header["kind"], header["record"], arrival.leaf),
    )
    if header["type"] == "erase":
        _erase(tx, partner, arrival, answered)
    tx.announce({"topic": "exchange", "partner": partner.party, "unread": header["kind"]})


def _erase(tx: Tx, partner: Partner, arrival: Arrival, answered: bool) -> None:
    opaque, names = arrival.header["record"], set(arrival.header["parts"])
    for (index,) in tx.db.execute(
        "SELECT ledger_index FROM exchange_unread WHERE partner = ? AND record = ?", (partner.party, opaque)
    ).fetchall():
        held = tx.disclosures(index)
        gone = [at for at, text in enumerate(held) if text is not None and open_disclosure(text)[1] in names]
        if gone:
            tx.erase(index, gone)
    if answered:
        return
    unread_record = Received(partner.party, opaque, received_id(partner.party, opaque), 0, 0, 0, {})
    send_receipt(tx, partner, unread_record, arrival.index, 0, REMOVED, "")


def lies_unread(tx: Tx, partner: str, opaque: str) -> bool:
    """Whether entries of a record of a partner wait here for a later version."""
    found = tx.db.execute(
        "SELECT 1 FROM exchange_unread WHERE partner = ? AND record = ? LIMIT 1", (partner, opaque)
    ).fetchone()
    return found is not None


def unread(tx: Tx, partner: str) -> dict[str, int]:
    """How many entries of a partner wait for a version that understands them, by kind."""
    return dict(
        tx.db.execute(
            "SELECT kind, count(*) FROM exchange_unread WHERE partner = ? GROUP BY kind ORDER BY kind",
            (partner,),
        ).fetchall()
    )


def stored(tx: Tx, ledger_index: int, leaf: bytes) -> FeedEntry:
    """An entry as it came, without what was erased since."""
    header = json.loads(leaf)
    if header["type"] not in ("version", "parts"):
        return FeedEntry(leaf)
    return FeedEntry(leaf, tuple(enumerate(tx.disclosures(ledger_index))))
