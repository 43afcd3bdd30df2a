"""Verifying the ledger while the node goes on working: a slice at a time, inside the writer.

Every leaf is hashed again into a tree of its own, whose root must be the stored tree's at each step and the one
that each partner has cosigned at its size; every part still held must be the one whose digest the leaf carries.
"""

from __future__ import annotations

import secrets
import time
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field

from safeconduct.exchange.delivery import feed_of
from safeconduct.exchange.identity import Card
from safeconduct.ledger.notes import NoteRefused, open_checkpoint
from safeconduct.ledger.tiles import ArchiveRefused
from safeconduct.ledger.tree import Frontier
from safeconduct.records.following import fault_of_parts
from safeconduct.records.transaction import Tx

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
    run = Verification(secrets.token_hex(8), tx.log.size, tuple(anchors(tx)))
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
    fault: list[str] = []

    def holds(leaf: bytes, body: bytes | None) -> bool:
        fault[:] = [why] if (why := fault_of_parts(tx.keystore, leaf, body)) else []
        return not fault

    grown = run.frontier.copy()
    try:
        broken = tx.log.verify_next(grown, last, holds)
    except ArchiveRefused as refused:
        run.fail(first, f"the archive does not hold: {refused}")
        return
    if broken is not None:
        run.fail(broken, fault[0] if fault else "the leaf or the tree above it was changed")
        return
    for anchor in run.anchors[after:]:
        if anchor.size == last and anchor.root != grown.root():
            run.fail(first, f"{anchor.partner} has cosigned another history up to {anchor.size}")
            return
    run.frontier = grown


def anchors(tx: Tx) -> list[Anchor]:
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
