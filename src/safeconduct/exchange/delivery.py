"""From the ledger's promise to the feed: copying the outbox, erasing from feeds, keeping feeds open.

The outbox is filled in the transaction that writes the ledger entry; the copy comes after it is durable, and
may be repeated: it takes up where the feed ends. So a crash between the two loses and doubles nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from safeconduct.exchange.feed import Feed, seal_context
from safeconduct.exchange.identity import Keys, feed_key
from safeconduct.exchange.state import State
from safeconduct.ledger.database import Database
from safeconduct.ledger.notes import unverified_checkpoint
from safeconduct.ledger.parts import seal
from safeconduct.records.entries import EMPTY, ERASED, SEALED, StoredPart, pack, unpack
from safeconduct.records.erased import (
    erased_of,
    feed_log,
    highest_slot,
    note_erased,
    older_than,
    read_erased,
)
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.hooks import on_start, on_stop
from safeconduct.records.kinds import all_kinds
from safeconduct.records.transaction import Tx

COPY = 5000
"""Outbox rows read at a time."""

KEPT = 5000
"""Rows kept in the outbox after they were copied: a backup of the feed may be a little older than the ledger's."""
TIDIED = 64
"""After so many rows those that were kept long enough are let go of."""

_open: dict[Path, dict[str, Feed]] = {}


def feed_of(home: Home, partner: str) -> Feed:
    """The writer's own handle on a partner's feed; it is kept open until the writer closes."""
    feeds = _open.setdefault(home.path, {})
    if partner not in feeds:
        feed = feeds[partner] = Feed(home, partner, appends=True)
        feed.sign_with(Keys.of(home).ledger.verifier, feed_key(home, partner).verifier)
    return feeds[partner]


def restored_mark(home: Home, partner: str) -> Path:
    """The file that stands while a restored node does not know yet what the partner has of it."""
    return home.feed(partner) / "restored"


def restored(home: Home, partner: str) -> bool:
    return restored_mark(home, partner).exists()


def behind(tx: Tx, partner: str) -> str:
    """What of this node a partner has cosigned and this node has no more; "" when all is here."""
    feed = feed_of(tx.home, partner)
    acks = feed.acks()
    for what, log in (("feed", feed.log), ("ledger", tx.log)):
        ack = acks.get(what)
        if ack is not None and not log.fits(unverified_checkpoint(ack.note)):
            return f"{partner} has cosigned the {what} to {ack.size:,}; here it ends or differs before"
    if feed.log.size > State(tx.db).partner(partner).feed_size:
        return f"the feed to {partner} has entries that the ledger does not tell of"
    return ""


def settle_restored(tx: Tx, partner: str, carried: bool) -> None:
    """The partner has said what it cosigned: go on if this node has all of it, else freeze the exchange.

    What was `carried` on a stick may be older than the backup: that nothing is missing by it proves nothing.
    """
    missing = behind(tx, partner)
    if missing:
        State(tx.db).freeze(partner, f"restored from an older backup: {missing}")
        tx.announce({"topic": "exchange", "partner": partner, "alarm": "restored"})
        return
    if carried:
        return
    restored_mark(tx.home, partner).unlink(missing_ok=True)
    deliver_after(tx, partner)


@on_stop
def close_feeds(home: Home) -> None:
    """Let go of every feed of a home."""
    for feed in _open.pop(home.path, {}).values():
        feed.close()


def let_go(home: Home, partner: str) -> None:
    """Close the writer's handle on the feed of a partner that is none any more."""
    feed = _open.get(home.path, {}).pop(partner, None)
    if feed is not None:
        feed.close()


def post(tx: Tx, partner: str, leaf: bytes, texts: Mapping[int, str | None], parts: int = 0) -> int:
    """Promise a feed entry within the transaction; returns its feed index. The copy follows the commit.

    `texts` are the disclosures by part position, None for one that was erased; each is sealed under a key of
    its own in the feed's key store. `parts` is the number of parts of the version.
    """
    feed = feed_of(tx.home, partner)
    stored = [StoredPart(EMPTY)] * parts
    for position, text in texts.items():
        if text is None:
            stored[position] = StoredPart(ERASED)
            continue
        slot, key = feed.keystore.take()
        stored[position] = StoredPart(SEALED, slot, seal(key, text.encode(), seal_context(partner, position)))
    state = State(tx.db)
    index = state.post(partner, leaf, pack(stored))
    if index % TIDIED == 0:
        state.posted(partner, feed.log.size - KEPT)
    deliver_after(tx, partner)
    return index


def erase_in_feed(tx: Tx, partner: str, index: int, mask: int) -> None:
    """Have the parts in `mask` of a feed entry destroyed once the transaction is durable."""
    tx.db.execute(
        "INSERT INTO exchange_erasing VALUES (?, ?, ?)"
        " ON CONFLICT (partner, idx) DO UPDATE SET mask = exchange_erasing.mask | excluded.mask",
        (partner, index, mask),
    )
    deliver_after(tx, partner)


def deliver_after(tx: Tx, partner: str) -> None:
    """Bring the feed up to date once the transaction is durable."""
    home, db = tx.home, tx.db
    tx.after_commit(lambda: deliver(home, db, partner), once=("deliver", partner))


def deliver(home: Home, db: Database, partner: str) -> None:
    """Copy what the outbox has and the feed has not, then do the erasures that wait. Safe to repeat.

    Nothing is added to the feed of a partner with whom the exchange is frozen, or of whom it is not known yet
    what it saw before this node was restored from a backup: what was signed twice would be a fork.
    """
    state, feed = State(db), feed_of(home, partner)
    if state.partner(partner).frozen or restored(home, partner):
        return
    _renew(home, db, feed)
    if not feed.continues():
        log_event("feed_damaged", partner=partner)
        return
    _copy(home, state, feed)
    waiting = db.execute(
        "SELECT idx, mask FROM exchange_erasing WHERE partner = ? ORDER BY idx", (partner,)
    ).fetchall()
    for index, mask in waiting:
        feed.erase(index, [bit for bit in range(mask.bit_length()) if mask >> bit & 1])
    if waiting:
        log = feed.log
        note_erased(
            home,
            [erased_of(feed_log(partner), index, log.entry(index).leaf, mask) for index, mask in waiting],
        )
        db.execute("DELETE FROM exchange_erasing WHERE partner = ?", (partner,))
        feed.sweep()


def _renew(home: Home, db: Database, feed: Feed) -> None:
    """Let the feed follow into a new epoch that both parties have signed."""
    row = db.execute(
        "SELECT epoch, keep, adopted, reached FROM exchange_renewal WHERE partner = ?", (feed.partner,)
    ).fetchone()
    if row is None:
        return
    epoch, keep, adopted, reached = row
    entries = [(leaf, _without_parts(leaf)) for leaf in map(base64.b64decode, json.loads(adopted))]
    feed.renew(epoch, keep, entries, reached, feed_key(home, feed.partner))
    db.execute("DELETE FROM exchange_renewal WHERE partner = ?", (feed.partner,))


def _without_parts(leaf: bytes) -> bytes:
    """The body of an entry whose disclosures only the partner has."""
    header = json.loads(leaf)
    kind = all_kinds().get(str(header.get("kind")))
    labels = header.get("labels", {})
    if kind is None or header["type"] not in ("version", "parts"):
        return b""
    return pack([StoredPart(ERASED if name in labels else EMPTY) for name in kind.part_names])


def _copy(home: Home, state: State, feed: Feed) -> None:
    while rows := state.waiting(feed.partner, feed.log.size, COPY):
        if rows[0][0] != feed.log.size:
            raise LookupError(f"the outbox for {feed.partner} does not continue its feed")
        feed.append([(leaf, body) for _, leaf, body in rows], feed_key(home, feed.partner))
    if not feed.signed():
        feed.append([], feed_key(home, feed.partner))


def _settle_feed(tx: Tx, feed: Feed) -> None:
    """After a restore: what was erased from the feed since is erased again, and no key is handed out twice."""
    promised = tx.db.execute("SELECT body FROM exchange_outbox WHERE partner = ?", (feed.partner,)).fetchall()
    slots = [part.slot for (body,) in promised for part in unpack(body) if part.state == SEALED]
    feed.keystore.advance_past(max([highest_slot(feed.log), *slots]))
    for each in read_erased(tx.home):
        if each.log == feed_log(feed.partner) and each.entry < feed.log.size:
            leaf = feed.log.entry(each.entry).leaf
            if erased_of(each.log, each.entry, leaf, each.mask) == each:
                feed.erase(each.entry, [bit for bit in range(each.mask.bit_length()) if each.mask >> bit & 1])


@on_start
def open_feeds(tx: Tx) -> None:
    """Make each partner's tables and feed, and finish what a crash may have left undone."""
    from safeconduct.exchange.refill import refill
    from safeconduct.exchange.schema import create_tables

    create_tables(tx.db, tx.log)
    state = State(tx.db)
    for partner in tx.home.partners:
        if state.meet(partner):
            state.start_sweep(partner)
        feed = feed_of(tx.home, partner)
        if restored(tx.home, partner) or older_than(feed.keystore, feed.log):
            _settle_feed(tx, feed)
        if not state.renewing(partner):
            refill(tx, tx.home.partners[partner], feed_of(tx.home, partner))
        deliver_after(tx, partner)
