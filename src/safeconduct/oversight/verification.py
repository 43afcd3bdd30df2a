"""Verifying the ledger while the node goes on working: a slice at a time, inside the writer.

Every leaf is hashed again into a tree of its own, whose root must be the stored tree's at each step and the one
that each partner has cosigned at its size; every part still held must be the one whose digest the leaf carries.
"""

from __future__ import annotations

import secrets
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from safeconduct.exchange.delivery import feed_of
from safeconduct.exchange.identity import Card
from safeconduct.ledger.log import Entry, Log
from safeconduct.ledger.notes import NoteRefused, open_checkpoint
from safeconduct.ledger.parts import digest
from safeconduct.ledger.tree import Frontier, leaf_hash
from safeconduct.records.transaction import Tx, open_body
from safeconduct.records.writer import decode

SLICE_ENTRIES = 20_000
SLICE_SECONDS = 0.2
"""A slice ends with whichever comes first: the writer has other work waiting."""

BLOCK = 500
REMEMBERED = 8


@dataclass(frozen=True)
class Anchor:
    """A head of this ledger that a partner has cosigned."""

    partner: str
    size: int
    root: bytes


@dataclass
class Verification:
    """How far a verification has come. `broken` is the first index that does not hold, with `why`."""

    id: str
    size: int
    anchors: tuple[Anchor, ...]
    frontier: Frontier = field(default_factory=Frontier)
    broken: int | None = None
    why: str = ""
    seconds: float = 0.0

    @property
    def finished(self) -> bool:
        return self.broken is not None or self.frontier.size == self.size

    def fail(self, index: int, why: str) -> None:
        self.broken, self.why = index, why


_running: OrderedDict[str, Verification] = OrderedDict()


def begin(tx: Tx) -> Verification:
    """Start verifying everything that is in the ledger now. The oldest of many runs is forgotten."""
    run = Verification(secrets.token_hex(8), tx.log.size, tuple(_anchors(tx)))
    _running[run.id] = run
    while len(_running) > REMEMBERED:
        _running.popitem(last=False)
    return run


def find(name: str) -> Verification | None:
    """A verification that was begun since this writer started; None when it is not known any more."""
    return _running.get(name)


def advance(tx: Tx, run: Verification) -> None:
    """Verify one more slice."""
    started = time.monotonic()
    end = min(run.size, run.frontier.size + SLICE_ENTRIES)
    while not run.finished and run.frontier.size < end:
        _block(tx, run, end)
        if time.monotonic() - started > SLICE_SECONDS:
            break
    run.seconds += time.monotonic() - started


def _block(tx: Tx, run: Verification, end: int) -> None:
    first = run.frontier.size
    sizes = [anchor.size for anchor in run.anchors]
    after = bisect_right(sizes, first)
    last = min(first + BLOCK, end, *sizes[after : after + 1])
    entries = tx.log.entries(first, last)
    if [entry[0] for entry in entries] != list(range(first, last)):
        run.fail(first, "entries are missing")
        return
    for entry in entries:
        if not isinstance(entry.leaf, bytes) or not isinstance(entry.body, bytes | None):
            run.fail(entry[0], "the entry is not of bytes")
            return
    grown = run.frontier.copy()
    grown.extend(leaf_hash(entry.leaf) for entry in entries)
    if not _same(tx.log, grown):
        run.fail(_first_changed(tx.log, run.frontier, entries), "the leaf or the tree above it was changed")
        return
    for anchor in run.anchors[after:]:
        if anchor.size == last and anchor.root != grown.root():
            run.fail(first, f"{anchor.partner} has cosigned another history up to {anchor.size}")
            return
    for entry in entries:
        if fault := _fault_of_parts(tx, entry):
            run.fail(entry[0], fault)
            return
    run.frontier = grown


def _same(log: Log, grown: Frontier) -> bool:
    """Whether the stored tree has the root that its leaves make."""
    try:
        return log.root_at(grown.size) == grown.root()
    except (LookupError, ValueError):
        return False


def _first_changed(log: Log, before: Frontier, entries: Sequence[Entry]) -> int:
    """The first entry with which the two trees part: everything before it is the same in both."""
    hashes = [leaf_hash(entry.leaf) for entry in entries]
    low, high = 0, len(hashes)
    while low + 1 < high:
        middle = (low + high) // 2
        grown = before.copy()
        grown.extend(hashes[:middle])
        low, high = (middle, high) if _same(log, grown) else (low, middle)
    return before.size + low


def _fault_of_parts(tx: Tx, entry: Entry) -> str:
    if entry.body is None:
        return ""
    try:
        header = decode(entry.leaf)
        opened = open_body(tx.keystore, header, entry.body)
    except (ValueError, LookupError, TypeError):
        return "a part does not open"
    promised = header.get("parts", ())
    if len(opened) != len(promised):
        return "parts are missing"
    for text, expected in zip(opened, promised, strict=True):
        if text is not None and digest(text) != expected:
            return "a part is not the one the header promises"
    return ""


def _anchors(tx: Tx) -> list[Anchor]:
    """The heads that partners have cosigned, by size."""
    found = []
    for partner in tx.home.partners.values():
        if not partner.card:
            continue
        ack = feed_of(tx.home, partner.party).acks().get("ledger")
        if ack is None or not ack.size or not ack.note:
            continue
        try:
            head = open_checkpoint(ack.note, [Card.of(partner.card).witness]).checkpoint
        except NoteRefused:
            continue
        found.append(Anchor(partner.party, head.size, head.root))
    return sorted(found, key=lambda anchor: anchor.size)
