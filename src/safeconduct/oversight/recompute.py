"""Everything that can be recomputed is, again and again, a piece at a time inside the writer.

A bit that flips on a disk is silent until somebody reads it, and what is read most seldom matters most. So all that
proves itself is gone through within a day: the ledger's leaves, tree and parts, the mirrored trees of partners, the
feeds with their disclosures and signed heads, every slot of the key stores, and the tables, which are made again from
the ledger beside those that are read. What does not hold is kept in the home's `recompute.json` and told by the status
page. Nothing is mended by itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safeconduct.exchange.bundle import BundleRefused
from safeconduct.exchange.delivery import feed_of
from safeconduct.exchange.feed import Feed, seal_context
from safeconduct.exchange.identity import Card, feed_key
from safeconduct.exchange.inbound import mirror_of
from safeconduct.ledger.database import FAULTS
from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import NoteRefused, open_checkpoint
from safeconduct.ledger.parts import digest, unseal
from safeconduct.ledger.tiles import ArchiveRefused
from safeconduct.ledger.tree import Frontier
from safeconduct.oversight.verification import anchors
from safeconduct.records.entries import SEALED, StoredPart, unpack
from safeconduct.records.events import log_event
from safeconduct.records.following import fault_of_parts
from safeconduct.records.home import Home
from safeconduct.records.hooks import job, on_stop, on_tick
from safeconduct.records.shadow import cast_shadow, drop_shadow
from safeconduct.records.transaction import Tx

SECONDS = 10.0
"""Between two pieces; `recompute` in node.toml says otherwise."""
HOURS = 24.0
"""Within which everything is gone through; `recompute_hours` in node.toml says otherwise."""
LONGEST, IN_A_HURRY = 0.1, 0.02
"""Seconds that a piece may take, and one of those that follow one another: the writer has other work waiting."""
PIECE = 100
FILE = "recompute.json"

Holds = Callable[[bytes, bytes | None], bool]
Walk = Iterator[int]
"""Goes through something piece by piece and gives, after each, how many things that were."""


@dataclass(frozen=True)
class Fault:
    """`where` is ledger, mirror:PARTY, feed:PARTY or keys:NAME; `index` the first thing there that does not hold."""

    where: str
    index: int
    why: str
    at: float


@dataclass
class Round:
    """One time through everything. `total` counts entries and slots, `begun` is in seconds since 1970."""

    begun: float
    total: int
    walk: Walk
    done: int = 0
    hurries: bool = False
    """While two sets of tables are compared as they were at one moment, which the log of one has to keep."""
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """What is known: when everything was last gone through (0 for never), and what did not hold then or since."""

    finished: float = 0.0
    faults: tuple[Fault, ...] = ()


_rounds: dict[Path, Round] = {}


@on_tick("recompute", SECONDS)
def recompute(tx: Tx) -> bool:
    """Go on by a piece, as large as it must be for everything to be gone through in time."""
    round_ = _rounds.get(tx.home.path) or _begin(tx)
    _advance(tx, round_, _share(tx.home, round_.total))
    return round_.hurries


def hours(home: Home) -> float:
    return max(0.01, float(home.settings.get("recompute_hours", HOURS)))


def _share(home: Home, total: int) -> int:
    ticks = hours(home) * 3600 / max(0.01, float(home.settings.get("recompute", SECONDS)))
    return max(PIECE, int(total / ticks) + 1)


@job("recompute")
def status_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """How far the round has come (`done` of `total`), when one was last whole, and what does not hold."""
    round_now, known = _rounds.get(tx.home.path), result(tx.home)
    return {
        "done": round_now.done if round_now else 0,
        "total": round_now.total if round_now else 0,
        "begun": round_now.begun if round_now else 0.0,
        "finished": known.finished,
        "hours": hours(tx.home),
        "faults": [vars(fault) for fault in known.faults],
    }


def _begin(tx: Tx) -> Round:
    stores = [("keys:parts", tx.keystore)]
    logs = [tx.log]
    walks: list[Walk] = []
    round_ = _rounds[tx.home.path] = Round(tx.now, 0, iter(()))
    walks.append(_ledger(tx, round_))
    for party in tx.home.partners:
        try:
            mirror = mirror_of(tx, party)
        except (LookupError, *FAULTS) as fault:
            _found(round_, f"mirror:{party}", 0, str(fault))
        else:
            logs.append(mirror)
            walks.append(_follow(round_, f"mirror:{party}", mirror, Frontier()))
        feed = feed_of(tx.home, party)
        logs.append(feed.log)
        walks.append(_feed(tx, round_, feed))
        stores.append((f"keys:{party}", feed.keystore))
    walks += [_slots(round_, where, store) for where, store in stores]
    walks.append(_tables(tx, round_))
    round_.total = sum(map(_size, logs)) + 2 * _size(tx.log) + sum(store.slots() for _, store in stores)
    round_.walk = (count for walk in walks for count in walk)
    return round_


def _size(of: Log) -> int:
    try:
        return of.size
    except (LookupError, *FAULTS):
        return 0


def _advance(tx: Tx, round_: Round, share: int) -> None:
    started, done, before = time.monotonic(), 0, len(round_.faults)
    while done < share:
        count = next(round_.walk, None)
        if len(round_.faults) > before:
            tx.db.execute(
                "SELECT 1"
            )  # raises where nothing is damaged, and only the way to the database was lost
        if count is None:
            del _rounds[tx.home.path]
            _keep(tx.home, Result(tx.now, tuple(round_.faults)))
            return
        done += count
        round_.done += count
        if time.monotonic() - started > (IN_A_HURRY if round_.hurries else LONGEST):
            break
    if len(round_.faults) > before:
        known = result(tx.home)
        fresh = [
            f for f in round_.faults if (f.where, f.index) not in {(k.where, k.index) for k in known.faults}
        ]
        _keep(tx.home, Result(known.finished, (*known.faults, *fresh)))


def _found(round_: Round, where: str, index: int, why: str) -> None:
    log_event(
        "proof_broken", code=where.partition(":")[0], partner=where.partition(":")[2] or None, entry=index
    )
    round_.faults.append(Fault(where, index, why, time.time()))


class _Slots:
    """The slots of sealed parts in the order of a log. Each is used once, and they only ever grow: a number that
    does not, or that no key store has reached, was changed on the disk and would pass for an erased part."""

    def __init__(self, keystore: KeyStore) -> None:
        self._keystore = keystore
        self._newest = -1

    def fault(self, parts: Sequence[StoredPart]) -> str:
        for part in parts:
            if part.state == SEALED:
                if part.slot <= self._newest or not self._keystore.reaches(part.slot):
                    return "a part names a key that is not its own"
                self._newest = part.slot
        return ""


def _ledger(tx: Tx, round_: Round) -> Walk:
    """Leaves, hashes, tiles and parts, and the heads that partners have cosigned."""
    keystore, slots = tx.keystore, _Slots(tx.keystore)
    why: list[str] = []

    def holds(leaf: bytes, body: bytes | None) -> bool:
        fault = fault_of_parts(keystore, leaf, body) or slots.fault(unpack(body or b""))
        why[:] = [fault] if fault else []
        return not fault

    waiting = anchors(tx)
    frontier = Frontier()
    for count in _follow(round_, "ledger", tx.log, frontier, holds, why, [anchor.size for anchor in waiting]):
        for anchor in waiting:
            if anchor.size == frontier.size and anchor.root != frontier.root():
                _found(round_, "ledger", anchor.size - 1, f"{anchor.partner} has cosigned another history")
        yield count


def _feed(tx: Tx, round_: Round, feed: Feed) -> Walk:
    """Leaves, hashes, tiles and disclosures, then the heads that were signed."""
    before = len(round_.faults)
    yield from _follow(round_, f"feed:{feed.partner}", feed.log, Frontier(), _disclosed(feed))
    if len(round_.faults) == before:
        yield from _heads(tx, round_, feed)
        _beside(tx, round_, feed)


def _follow(
    round_: Round,
    where: str,
    of: Log,
    frontier: Frontier,
    holds: Holds | None = None,
    why: Sequence[str] = (),
    stops: Sequence[int] = (),
) -> Walk:
    """Everything that is in the log now, ending a piece at each of `stops`."""
    try:
        size = of.size
    except (LookupError, *FAULTS) as fault:
        _found(round_, where, 0, f"the log cannot be read: {fault}")
        return
    while frontier.size < size:
        first = frontier.size
        last = min([first + PIECE, size, *(stop for stop in stops if stop > first)])
        try:
            broken = of.verify_next(frontier, last, holds)
        except ArchiveRefused as fault:
            _found(round_, where, first, f"the archive does not hold: {fault}")
            return
        if broken is not None:
            _found(round_, where, broken, why[0] if why else "the leaf or the tree above it was changed")
            return
        yield last - first


def _disclosed(feed: Feed) -> Holds:
    """Whether each part that a feed still discloses is the one that its leaf promises."""
    slots = _Slots(feed.keystore)

    def holds(leaf: bytes, body: bytes | None) -> bool:
        try:
            parts = unpack(body or b"")
            digests = json.loads(leaf).get("digests", ())
            for position, part in enumerate(parts):
                key = feed.keystore.key(part.slot) if part.state == SEALED else None
                if key is None:
                    continue
                text = unseal(key, part.data, seal_context(feed.partner, position)).decode()
                if digest(text) != digests[position]:
                    return False
            return not slots.fault(parts)
        except (ValueError, LookupError, TypeError, AttributeError):
            return False

    return holds


def _heads(tx: Tx, round_: Round, feed: Feed) -> Walk:
    """Each signed size bears this node's own signature and is one that the feed had."""
    where, verifier = f"feed:{feed.partner}", feed_key(tx.home, feed.partner).verifier
    after = -1
    while True:
        try:
            row = feed.db.execute(
                "SELECT size, note FROM signed WHERE size > ? ORDER BY size LIMIT 1", (after,)
            ).fetchone()
            if row is None:
                return
            after, note = row
            head = open_checkpoint(note, [verifier]).checkpoint
            good = head.size == after and feed.log.root_at(after) == head.root
        except (NoteRefused, *FAULTS, ValueError, LookupError, TypeError):
            good = False
        if not good:
            _found(round_, where, max(0, int(after)), "a signed head does not hold")
            return
        yield 1


def _beside(tx: Tx, round_: Round, feed: Feed) -> None:
    """What goes out with every bundle, and what the partner has cosigned, can be read and is signed."""
    try:
        feed.bundle(feed.size)
        witness = Card.of(tx.home.partners[feed.partner].card).witness
        for ack in feed.acks().values():
            if ack.note:
                open_checkpoint(ack.note, [witness])
    except (BundleRefused, NoteRefused, *FAULTS, ValueError, LookupError, TypeError):
        _found(
            round_, f"feed:{feed.partner}", _size(feed.log), "what stands beside the entries does not hold"
        )


def _slots(round_: Round, where: str, store: KeyStore) -> Walk:
    first = 0
    while first < store.slots():
        if fault := store.damage(first, PIECE):
            _found(round_, where, first, fault)
        first += PIECE
        yield PIECE


def _tables(tx: Tx, round_: Round) -> Walk:
    """The tables are those that the ledger makes. An erasure meanwhile drops the second set, and it begins anew."""
    if round_.faults:
        return  # what is damaged explains nothing
    if tx.log.past.end and tx.log.past.folder is None:
        return  # nor does what lies in an archive that is not attached
    ledger, keystore, tables, home = tx.log, tx.keystore, tx.tables, tx.home
    while True:
        shadow = cast_shadow(home, tables)
        try:
            while not shadow.dropped:
                count = shadow.follow(ledger, keystore, PIECE)
                if count:
                    yield count
                elif shadow.meets():
                    break
                else:
                    yield 1
            round_.hurries = not shadow.dropped
            for count, name in () if shadow.dropped else shadow.compare():
                if name:
                    _found(round_, f"tables:{name}", 0, "the table is not what the ledger says")
                yield count
                if shadow.dropped:
                    break
            else:
                if not shadow.dropped:
                    return
        finally:
            round_.hurries = False
            shadow.drop()
        yield 1


def result(home: Home) -> Result:
    """What the last rounds came to."""
    try:
        said = json.loads((home.path / FILE).read_text())
        return Result(float(said["finished"]), tuple(Fault(**fault) for fault in said["faults"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Result()


def _keep(home: Home, found: Result) -> None:
    draft = home.path / f"{FILE}.new"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({"finished": found.finished, "faults": [vars(f) for f in found.faults]}))
    draft.replace(home.path / FILE)


@on_stop
def forget(home: Home) -> None:
    """The next writer begins anew."""
    _rounds.pop(home.path, None)
    drop_shadow(home)
