"""The outgoing feed of one partner: its own tree, its own database, its own keys.

The writer appends and signs; the process that serves the feed only reads, and notes what the partner has
cosigned. Disclosures lie sealed, each under a key of its own, so that erasing the key erases the part here
and in every copy of this database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from safeconduct.exchange.bundle import Bundle, BundleRefused, Cosignatures, FeedEntry
from safeconduct.exchange.epochs import extension
from safeconduct.exchange.identity import Card, feed_origin, party_id
from safeconduct.ledger.database import snapshot, sweep, transaction
from safeconduct.ledger.keys import Signer, Verifier
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import (
    Checkpoint,
    NoteRefused,
    open_checkpoint,
    sign_checkpoint,
    unverified_checkpoint,
)
from safeconduct.ledger.parts import unseal
from safeconduct.records.databases import keys_address, open_feed, open_keys
from safeconduct.records.entries import EMPTY, ERASED, SEALED, StoredPart, pack, unpack
from safeconduct.records.home import Home
from safeconduct.records.users import permit

SIGNED_ENTRIES = 1000
"""Entries after which a size is signed: a bundle ends at a signed size."""

SIGNED_BYTES = 8 * 1024 * 1024

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS signed (size INTEGER PRIMARY KEY, note BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS head (size INTEGER PRIMARY KEY, note BLOB NOT NULL, old INTEGER NOT NULL,"
    " request BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ack (what TEXT PRIMARY KEY, size INTEGER NOT NULL, time INTEGER NOT NULL,"
    " note BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS reached (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS own (what TEXT PRIMARY KEY, vkey TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS given (one INTEGER PRIMARY KEY CHECK (one = 1), cosignatures BLOB NOT NULL)",
)
_OWN = "INSERT INTO own (what, vkey) VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET vkey = excluded.vkey"
_REACHED = (
    "INSERT INTO reached (one, size) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET size = excluded.size"
)


class AckRefused(ValueError):
    """A cosignature that is not the partner's, or not on a head that this node has signed."""


@dataclass(frozen=True)
class Ack:
    """How far the partner has cosigned: tree size and time (seconds since 1970), with the cosigned note."""

    size: int
    time: int
    note: bytes = b""


class Feed:
    """One partner's feed. Opened for writing by the writer, and by the feed server to note cosignatures."""

    def __init__(self, home: Home, partner: str, *, appends: bool = False) -> None:
        """Raises FileNotFoundError for a reader when the writer has not made the feed yet."""
        folder = home.feed(party_id(partner))
        if appends:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif keys_address(home) is None and not (folder / "keys").exists():
            raise FileNotFoundError(folder)
        self.partner = partner
        self._given: Cosignatures | None = None
        self.db = open_feed(home, partner, appends=appends)
        try:
            self.keystore = open_keys(home, partner, write=appends)
        except BaseException:
            self.db.close()
            raise
        if appends:
            for made in (folder, *folder.glob("keys"), *folder.glob("feed.sqlite3*")):
                permit(home, made)
        if appends:
            with transaction(self.db):
                for statement in _SCHEMA:
                    self.db.execute(statement)
        self.log = Log(self.db, "feed", feed_origin(home.party, partner))

    def close(self) -> None:
        self.db.close()
        self.keystore.close()

    # --- the writer's side

    def sign_with(self, ledger: Verifier, feed: Verifier) -> None:
        """Keep the public keys that this node's heads are signed with, to know them again when cosigned."""
        with transaction(self.db):
            for what, verifier in (("ledger", ledger), ("feed", feed)):
                self.db.execute(_OWN, (what, verifier.vkey))

    def append(self, entries: Sequence[tuple[bytes, bytes]], key: Signer) -> None:
        """Append (leaf, packed sealed body) pairs in order, durable and signed on return."""
        batch: list[tuple[bytes, bytes | None]] = []
        weight = 0
        with transaction(self.db):
            for leaf, body in entries:
                batch.append((leaf, body or None))
                weight += len(leaf) + len(body)
                if len(batch) >= SIGNED_ENTRIES or weight >= SIGNED_BYTES:
                    self._sign_after(batch, key)
                    batch, weight = [], 0
            if batch or not self.signed():
                self._sign_after(batch, key)

    def continues(self) -> bool:
        """Whether the log is still the one whose head was signed last: what is appended to another would be a fork."""
        row = self.db.execute("SELECT size, note FROM signed ORDER BY size DESC LIMIT 1").fetchone()
        try:
            return row is None or (
                self.log.size == row[0] and self.log.root() == unverified_checkpoint(row[1]).root
            )
        except (LookupError, ValueError):
            return False

    def epoch(self) -> int:
        """In which epoch the feed's heads are signed."""
        row = self.db.execute("SELECT vkey FROM own WHERE what = 'epoch'").fetchone()
        return int(row[0]) if row else 1

    def renew(
        self, epoch: int, keep: int, adopted: Sequence[tuple[bytes, bytes]], reached: int, key: Signer
    ) -> None:
        """Begin an epoch: what follows the first `keep` entries gives way to (leaf, body) pairs that the partner has,
        and every head is signed anew. `reached` is the size of the own ledger that both agree on. Safe to repeat."""
        if self.epoch() >= epoch:
            return
        with transaction(self.db):
            gone = [e.body for e in self.log.entries(keep, self.log.size) if e.body is not None]
            self.log.cut(keep)
            self.log.append([(leaf, body or None) for leaf, body in adopted])
            self.db.execute(_OWN, ("epoch", str(epoch)))
            self.db.execute("DELETE FROM head")
            self.db.execute("DELETE FROM ack")
            # What was cosigned before stands under the key of then, which the partner may know no more.
            self.db.execute("DELETE FROM given")
            self.db.execute(_REACHED, (reached,))
            sizes = {size for (size,) in self.db.execute("SELECT size FROM signed WHERE size <= ?", (keep,))}
            self.db.execute("DELETE FROM signed")
            for size in sorted({*sizes, *range(keep, self.log.size, SIGNED_ENTRIES), self.log.size}):
                self._sign(self.log.checkpoint_at(size), key)
        self._given = None
        self.keystore.erase([part.slot for body in gone for part in unpack(body) if part.state == SEALED])

    def _sign(self, checkpoint: Checkpoint, key: Signer) -> None:
        marked = replace(checkpoint, extensions=extension(self.epoch()))
        self.db.execute(
            "INSERT INTO signed (size, note) VALUES (?, ?) ON CONFLICT (size) DO UPDATE SET note = excluded.note",
            (checkpoint.size, sign_checkpoint(marked, key)),
        )

    def _sign_after(self, batch: Sequence[tuple[bytes, bytes | None]], key: Signer) -> None:
        # A reader sees the signature only once the leaves under it are durable: same transaction.
        self.log.append(batch)
        self._sign(self.log.checkpoint(), key)

    def erase(self, index: int, positions: Sequence[int]) -> None:
        """Destroy what an entry disclosed at these positions: the keys first, then the sealed bytes."""
        body = self.log.entry(index).body
        if body is None:
            return
        parts = unpack(body)
        gone = [p for p in positions if p < len(parts) and parts[p].state == SEALED]
        self.keystore.erase([parts[p].slot for p in gone])
        for position in gone:
            parts[position] = StoredPart(ERASED)
        with transaction(self.db):
            self.log.replace_body(index, pack(parts))

    def sweep(self) -> None:
        """Let go of what was erased, as far as the database can at once: it lay sealed, and its key is gone."""
        sweep(self.db, "feed_leaf", wait_ms=0)

    def offer_head(self, note: bytes, size: int, old: int, request: bytes) -> None:
        """Put the own ledger's newest checkpoint up for blind cosigning, with the proof from `old` on."""
        with transaction(self.db):
            self.db.execute("DELETE FROM head WHERE size < (SELECT max(size) FROM head)")
            self.db.execute(
                "INSERT INTO head (size, note, old, request) VALUES (?, ?, ?, ?) ON CONFLICT (size) "
                "DO UPDATE SET note = excluded.note, old = excluded.old, request = excluded.request",
                (size, note, old, request),
            )

    def give(self, cosignatures: Cosignatures) -> None:
        """Keep what this node has cosigned of the partner, to go out with every bundle."""
        if cosignatures == self._given:
            return
        with transaction(self.db):
            self.db.execute(
                "INSERT INTO given (one, cosignatures) VALUES (1, ?) "
                "ON CONFLICT (one) DO UPDATE SET cosignatures = excluded.cosignatures",
                (cosignatures.pack(),),
            )
        self._given = cosignatures

    # --- what the partner gets

    def signed(self) -> bool:
        """Is there a signed size at all? An empty feed has one too."""
        return self.db.execute("SELECT 1 FROM signed LIMIT 1").fetchone() is not None

    @property
    def size(self) -> int:
        """The largest signed size."""
        return int(self.db.execute("SELECT coalesce(max(size), 0) FROM signed").fetchone()[0])

    def note(self) -> bytes:
        """The signed head of the largest signed size; b"" when nothing is signed yet."""
        row = self.db.execute("SELECT note FROM signed ORDER BY size DESC LIMIT 1").fetchone()
        return bytes(row[0]) if row else b""

    def head(self) -> tuple[int, bytes, int] | None:
        """The own ledger's newest checkpoint on offer: its size, signed note, and where its proof begins."""
        row = self.db.execute("SELECT size, note, old FROM head ORDER BY size DESC LIMIT 1").fetchone()
        return (int(row[0]), bytes(row[1]), int(row[2])) if row else None

    def reached(self) -> int:
        """The size of the own ledger that the partner last said it had cosigned; less after its own restore."""
        row = self.db.execute("SELECT size FROM reached").fetchone()
        return int(row[0]) if row else 0

    def head_size(self) -> int:
        """Size of the own ledger's newest checkpoint on offer."""
        return int(self.db.execute("SELECT coalesce(max(size), 0) FROM head").fetchone()[0])

    def bundle(self, start: int, limit: int = SIGNED_ENTRIES) -> Bundle:
        """Entries from `start` on, up to a signed size, about `limit` of them.

        Raises BundleRefused when the feed does not reach as far as `start`.
        """
        with snapshot(self.db):
            end, note = self._signed_end(start, limit)
            entries = []
            for index, leaf, body in self.log.entries(start, end):
                entries.append(FeedEntry(leaf, self._disclosed(index, body)))
            request = self.db.execute("SELECT request FROM head ORDER BY size DESC LIMIT 1").fetchone()
            given = self.db.execute("SELECT cosignatures FROM given").fetchone()
        return Bundle(
            start,
            note,
            tuple(entries),
            request[0] if request else b"",
            Cosignatures.unpack(given[0]) if given else Cosignatures(),
        )

    def _signed_end(self, start: int, limit: int) -> tuple[int, bytes]:
        if start > self.size:
            raise BundleRefused("the feed does not reach that far")
        wanted = start + max(1, min(limit, SIGNED_ENTRIES))
        found = self.db.execute(
            "SELECT size, note FROM signed WHERE size >= ? AND size <= ? ORDER BY size DESC LIMIT 1",
            (start, wanted),
        ).fetchone()
        if found is None or (found[0] == start < self.size):
            found = self.db.execute(
                "SELECT size, note FROM signed WHERE size > ? ORDER BY size LIMIT 1", (start,)
            ).fetchone()
        if found is None:
            raise BundleRefused("the feed is not signed yet")
        return int(found[0]), bytes(found[1])

    def _disclosed(self, index: int, body: bytes | None) -> tuple[tuple[int, str | None], ...]:
        found: list[tuple[int, str | None]] = []
        for position, part in enumerate(unpack(body or b"")):
            if part.state == EMPTY:
                continue
            key = self.keystore.key(part.slot) if part.state == SEALED else None
            text = unseal(key, part.data, seal_context(self.partner, position)).decode() if key else None
            found.append((position, text))
        return tuple(found)

    # --- what the partner answers

    def acks(self) -> dict[str, Ack]:
        """The partner's furthest cosignatures, of "feed" and "ledger"."""
        rows = self.db.execute("SELECT what, size, time, note FROM ack").fetchall()
        return {what: Ack(size, time, bytes(note)) for what, size, time, note in rows}

    def note_cosignatures(self, card: Card, given: Cosignatures) -> None:
        """Keep the partner's cosignatures after verifying them against what this node signed.

        Raises AckRefused; one that is older than what is kept changes nothing. One that is further than this
        node goes is kept: it tells that this node was restored from an older backup.
        """
        accepted = [
            (what, ack)
            for what, note in (("feed", given.feed), ("ledger", given.ledger))
            if note and (ack := self._cosigned(card, what, note)) is not None
        ]
        kept = self.acks()
        newer = [
            (w, a) for w, a in accepted if w not in kept or (a.size, a.time) > (kept[w].size, kept[w].time)
        ]
        if newer or given.ledger_size != self.reached():
            with transaction(self.db):
                self.db.execute(_REACHED, (given.ledger_size,))
                for what, ack in newer:
                    self.db.execute(
                        "INSERT INTO ack (what, size, time, note) VALUES (?, ?, ?, ?) ON CONFLICT (what) "
                        "DO UPDATE SET size = excluded.size, time = excluded.time, note = excluded.note",
                        (what, ack.size, ack.time, ack.note),
                    )

    def _cosigned(self, card: Card, what: str, note: bytes) -> Ack | None:
        """None for one of an epoch that is over, which says nothing any more."""
        row = self.db.execute("SELECT vkey FROM own WHERE what = ?", (what,)).fetchone()
        if row is None:
            raise AckRefused("nothing was signed yet")
        own = Verifier.parse(row[0])
        try:
            opened = open_checkpoint(note, [own, card.witness])
        except NoteRefused as fault:
            raise AckRefused(str(fault)) from fault
        head = opened.checkpoint
        if set(opened.signers) != {own, card.witness} or head.origin != own.name:
            raise AckRefused("a cosignature on a head that this node did not sign")
        if head.extensions != extension(self.epoch()):
            return None
        if what == "feed":
            self.log.reload()
            if head.size <= self.log.size and not self.log.fits(head):
                raise AckRefused("a cosignature on another feed")
        return Ack(head.size, opened.verified[card.witness.name] or 0, note)


def seal_context(partner: str, position: int) -> bytes:
    """What a sealed disclosure in a feed is bound to."""
    return f"safeconduct/feed/{partner}/{position}".encode()
