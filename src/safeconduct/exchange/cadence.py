"""The ledger's heads for the partners: on a cadence, padded, so that growth does not tell how busy one is.

At every beat the ledger is filled up with random leaves to the next multiple of the pad, signed, and offered to
each partner for blind cosigning. `publish` does the same at once, for what must not wait.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from safeconduct.exchange.delivery import behind, feed_of, restored
from safeconduct.exchange.epochs import extension
from safeconduct.exchange.feed import Ack
from safeconduct.exchange.identity import Keys
from safeconduct.exchange.state import State
from safeconduct.ledger.database import FAULTS, columns
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import build_add_checkpoint, sign_checkpoint, unverified_checkpoint
from safeconduct.records.databases import open_feed
from safeconduct.records.door import Door
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.hooks import job, on_start, on_tick, on_version
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso

PAD = 256
"""Leaves that the ledger's published size is a multiple of; `exchange_pad` in node.toml says otherwise."""

CADENCE = 600.0

AT_ONCE_PAUSE = 10.0
"""Seconds between two heads that are published at once: many readings together need one."""


class RestoredBackup(SystemExit):
    """The ledger is older than what a partner has cosigned: going on would fork it."""


@on_tick("cadence", CADENCE)
def publish(tx: Tx) -> None:
    """Pad the ledger, and once that is durable sign its head and offer it to every partner."""
    if not tx.home.partners:
        return
    _pad(tx)
    _offer_after(tx, tx.home.partners)


def _pad(tx: Tx) -> None:
    pad = max(1, int(tx.home.settings.get("exchange_pad", PAD)))
    for _ in range(pad - tx.log.size % pad):
        tx.append("pad", {"nonce": secrets.token_hex(16)})


def _offer_after(tx: Tx, partners: Iterable[str]) -> None:
    size, home, log, told = tx.log.size, tx.home, tx.log, tuple(partners)
    tx.after_commit(lambda: offer(home, log, size, told))


@on_version
def publish_after_reading(tx: Tx, row: RowView, index: int) -> None:
    """Have the reading of an itinerary cosigned at once, and not only with the next beat."""
    if row.kind != "reading":
        return
    what = row.values().get("what") or {}
    shown = {part for item in what.get("records", ()) for part in item["parts"]}
    if "itinerary" not in shown or what["act"] not in ("read", "export"):
        return
    publish_now(tx, _party_to(tx, what))


def _party_to(tx: Tx, what: dict[str, Any]) -> set[str]:
    """The partners whose records were read, or to whom the own records that were read may go."""
    if what["of"] != tx.home.party:
        return {str(what["of"])}
    rows = [tx.row(str(item["record"])) for item in what["records"]]
    return {party for row in rows if row is not None for party in names_in(row.releasable)}


def publish_now(tx: Tx, concerned: Collection[str]) -> None:
    """Publish between two beats, for what must be cosigned at once; many such within a moment are one head.

    Only to the partners whom it concerns: a head out of turn tells that something has happened.
    """
    place = str(tx.home.path)
    told = [
        partner
        for partner in tx.home.partners
        if partner in concerned and tx.now - _published.get((place, partner), 0.0) >= AT_ONCE_PAUSE
    ]
    if told:
        _published.update({(place, partner): tx.now for partner in told})
        _pad(tx)
        _offer_after(tx, told)


_published: dict[tuple[str, str], float] = {}
"""When a head was last published between two beats, by home and partner."""


def offer(home: Home, log: Log, size: int, partners: Iterable[str]) -> None:
    """Sign the ledger's head at `size`, which must be durable, and put it up with its proof for these partners."""
    for partner in partners:
        _offer(home, log, partner, size)


def _offer(home: Home, log: Log, partner: str, size: int) -> None:
    feed = feed_of(home, partner)
    if not _continues(log, feed.head()):
        # It is not the one whose head was signed last.
        log_event("ledger_damaged", partner=partner)
        return
    old = feed.reached()
    if old <= size and not restored(home, partner):
        head = replace(log.checkpoint_at(size), extensions=extension(feed.epoch()))
        note = sign_checkpoint(head, Keys.of(home).ledger)
        feed.offer_head(note, size, old, build_add_checkpoint(old, log.consistency(old, size), note))


def _continues(log: Log, head: tuple[int, bytes, int] | None) -> bool:
    """Whether the log is still the one whose head was signed last: to sign over damage would be a fork of one's own."""
    if head is None:
        return True
    size, note, _ = head
    try:
        return size <= log.size and log.root_at(size) == unverified_checkpoint(note).root
    except (LookupError, ValueError):
        return False


@on_tick("exchange_acks", 1.0)
def keep_acks(tx: Tx) -> None:
    """Write into the ledger how far each partner has cosigned it, and offer it the head it can now verify."""
    state = State(tx.db)
    for partner in tx.home.partners:
        feed = feed_of(tx.home, partner)
        head, reached = feed.head(), feed.reached()
        if head is not None and head[0] > reached != head[2]:
            _offer(tx.home, tx.log, partner, head[0])
        acks = feed.acks()
        _tell_acknowledged(tx, partner, acks.get("feed"))
        ack = acks.get("ledger")
        if ack is None or ack.size <= state.partner(partner).acked_ledger:
            continue
        state.set_acked(partner, ack.size)
        header = {
            "at": iso(tx.now),
            "what": "cosigned_by",
            "partner": partner,
            "log": tx.log.origin,
            "size": ack.size,
            "note": ack.note.decode(),
        }
        tx.append("checkpoint", header)
        tx.announce({"topic": "cosigned", "partner": partner, "size": ack.size, "time": ack.time})


_told: dict[tuple[str, str], int] = {}
"""Feed sizes whose acknowledgement open screens have heard of, by home and partner."""

TOLD_AT_ONCE = 50


def _tell_acknowledged(tx: Tx, partner: str, ack: Ack | None) -> None:
    """Let open screens know that a partner has what was released to it."""
    size = ack.size if ack is not None else 0
    place = (str(tx.home.path), partner)
    before = _told.setdefault(place, size)
    if size <= before:
        return
    _told[place] = size
    for kind, record, index in tx.tables.all(
        "SELECT kind, record, ledger_index FROM exchange_holding WHERE partner = %s AND feed_index >= %s "
        "AND feed_index < %s ORDER BY feed_index DESC LIMIT %s",
        [partner, before, size, TOLD_AT_ONCE],
    ):
        tx.announce({"topic": "holdings", "kind": kind, "record": record, "index": index})


@on_start
def refuse_undeclared_restore(tx: Tx) -> None:
    """Stop before the first append when a partner has seen more of this node than it has itself.

    A restore that was declared (`safeconduct restore` does) is settled at the next contact instead, so that
    the node can be used meanwhile. Raises RestoredBackup.
    """
    for partner in tx.home.partners:
        state = State(tx.db)
        if restored(tx.home, partner) or state.partner(partner).frozen or state.renewing(partner):
            continue
        missing = behind(tx, partner)
        if missing:
            raise RestoredBackup(f"the ledger is that of an older backup: {missing}")


@dataclass(frozen=True)
class Cosigned:
    """How far a partner has cosigned this node's ledger and its feed. Times in seconds since 1970; size 0 and
    time 0 for not at all."""

    partner: str
    ledger_size: int
    ledger_time: int
    feed_size: int
    feed_time: int
    feed_entries: int

    def age(self, now: float | None = None) -> float | None:
        """Seconds since the ledger was last cosigned; None for never."""
        return (time.time() if now is None else now) - self.ledger_time if self.ledger_time else None


@job("exchange_cosigned", by=("web",))
def cosigned_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """How far each partner has acknowledged, for the pages, which do not open the feeds."""
    return {"partners": [asdict(cosigned(tx.home, partner)) for partner in tx.home.partners]}


def all_cosigned(door: Door) -> dict[str, Cosigned]:
    """How far each partner has acknowledged, by party. Raises Unavailable."""
    answer = door.call("exchange_cosigned", {})
    return {each["partner"]: Cosigned(**each) for each in answer["partners"]}


def cosigned(home: Home, partner: str) -> Cosigned:
    """Read from the feed's database how far the partner has acknowledged: for the writer and for commands."""
    nothing = Ack(0, 0)
    try:
        db = open_feed(home, partner, read_only=True)
    except FAULTS:
        return Cosigned(partner, 0, 0, 0, 0, 0)
    try:
        if not columns(db, "signed"):
            return Cosigned(partner, 0, 0, 0, 0, 0)
        rows: list[Any] = db.execute("SELECT what, size, time FROM ack").fetchall()
        entries = db.execute("SELECT coalesce(max(size), 0) FROM signed").fetchone()[0]
    finally:
        db.close()
    acks = {what: Ack(size, moment) for what, size, moment in rows}
    ledger, feed = acks.get("ledger", nothing), acks.get("feed", nothing)
    return Cosigned(partner, ledger.size, ledger.time, feed.size, feed.time, int(entries))
