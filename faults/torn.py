"""What a power cut leaves of files that were being written: torn tails of logs, half-written pages, lost sectors."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from exchange.nodes import INCIDENT, Node
from faults import damage
from faults.bits import prepared
from faults.ground import PARTIES, Ground, Sides
from faults.outcome import Outcome

HOW = (
    "copies of a home as it lay between two acknowledged writes: from the last flush on, any sector may be old, new, "
    "zero, noise or missing, in the order in which the node writes its files; and, as a disk does that lies, pages of "
    "a closed home that are torn, zeroed or of an earlier day"
)
SECTOR, PAGE = 512, 4096
ORDER = (
    "keys/parts",
    "ledger.sqlite3",
    "tables.sqlite3",
    "feeds/cn/keys",
    "feeds/cn/feed.sqlite3",
    "feeds/xx/feed.sqlite3",
)
"""Files in the order in which a commit makes them durable; a database with its log."""


@dataclass(frozen=True)
class Moment:
    """The files of a running node, and what it had answered for by then: ledger size and root, feed size and root."""

    files: dict[str, bytes]
    ledger: tuple[int, bytes]
    feed: tuple[int, bytes]
    records: dict[str, int]


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` crash images, and half as many homes on a disk that lied."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    with prepared(ground) as (sides, before, copies):
        for party in PARTIES:
            damage.reset(sides, party, copies[party])
        moments = _moments(sides, chance)
        for _ in range(size):
            at = chance.randrange(len(moments) - 1)
            for party in PARTIES:
                damage.reset(sides, party, copies[party])
            _crashed(outcome, sides, chance, moments[at], moments[at + 1])
        whole = damage.files_of(copies["pk"])
        for _ in range(size // 2):
            for party in PARTIES:
                damage.reset(sides, party, copies[party])
            _lied(outcome, sides, chance, whole, moments[0].files, before)
    return outcome


def _moments(sides: Sides, chance: random.Random) -> list[Moment]:
    """A node at work, looked at after each answer. Its logs are not emptied meanwhile, so that all is in them."""
    node = sides.open("pk")
    node.writer.db.execute("PRAGMA wal_autocheckpoint = 0")
    node.feed("cn").db.execute("PRAGMA wal_autocheckpoint = 0")
    node.feed("xx").db.execute("PRAGMA wal_autocheckpoint = 0")
    node.writer.tables.execute("PRAGMA wal_autocheckpoint = 0")
    records: dict[str, int] = {}
    found = [_moment(node, records)]
    for _ in range(14):
        match chance.randrange(4):
            case 0 | 1:
                for _ in range(chance.randint(1, 4)):
                    records[node.commit("incident", INCIDENT).record] = 1
            case 2 if records:
                record = chance.choice(sorted(records))
                made = node.commit("incident", {}, record=record, expected=records[record], state="update")
                records[record] = made.version
            case _:
                node.publish()
        found.append(_moment(node, records))
    sides.shut("pk")
    return found


def _moment(node: Node, records: dict[str, int]) -> Moment:
    log, feed = node.writer.log, node.feed("cn").log
    return Moment(
        damage.files_of(node.home.path), (log.size, log.root()), (feed.size, feed.root()), dict(records)
    )


def _crashed(outcome: Outcome, sides: Sides, chance: random.Random, old: Moment, new: Moment) -> None:
    """The power fails while what lies between two answers is written: what was answered before must be there."""
    stage = chance.randrange(len(ORDER))
    files = dict(old.files)
    for name in old.files.keys() | new.files.keys():
        base = name.removesuffix("-wal")
        place = ORDER.index(base) if base in ORDER else len(ORDER)
        if place < stage:
            files[name] = new.files.get(name, b"")
        elif place == stage and old.files.get(name) != new.files.get(name):
            files[name] = between(chance, old.files.get(name, b""), new.files.get(name, b""))
            outcome.tried[f"torn {name}"] += 1
    damage.put(sides.folder / "pk", files)
    what = f"torn at {ORDER[stage]}"
    try:
        node = sides.open("pk")
    except damage.STOPS as fault:
        outcome.lost.append(f"{what}: the node does not start: {fault!r}")
        return
    sides.open("cn")
    damage.crashed(outcome, sides, node, old, what)


def between(chance: random.Random, old: bytes, new: bytes) -> bytes:
    """A file while it grows from old to new: what is written in each sector is old, new, zero, noise, or half of it.

    A byte that was not written stays as it was (SQLite's "powersafe overwrite", which it takes for granted).
    """
    torn = bytearray(new)
    for at in range(0, len(new), SECTOR):
        piece, was = new[at : at + SECTOR], old[at : at + SECTOR].ljust(len(new[at : at + SECTOR]), b"\0")
        if piece == was and at + len(piece) <= len(old):
            continue
        written = [n for n in range(len(piece)) if piece[n] != was[n] or at + n >= len(old)]
        if not written:
            continue
        first, end = at + written[0], at + written[-1] + 1
        match chance.randrange(6):
            case 0:
                torn[first:end] = was[first - at : end - at]
            case 1:
                torn[first:end] = bytes(end - first)
            case 2:
                torn[first:end] = chance.randbytes(end - first)
            case 3:
                cut = chance.randrange(first, end)
                torn[cut:end] = was[cut - at : end - at]
    if len(new) > len(old) and chance.random() < 0.5:
        del torn[chance.randrange(len(old), len(new) + 1) :]
    return bytes(torn)


def _lied(
    outcome: Outcome,
    sides: Sides,
    chance: random.Random,
    whole: dict[str, bytes],
    earlier: dict[str, bytes],
    before: damage.Said,
) -> None:
    """A page of a closed home is not what was written, though the disk had said so: noticed, never signed over."""
    name = chance.choice([n for n in ORDER if n in whole and n != "tables.sqlite3"])
    tears: dict[str, Callable[[bytes], bytes]] = {
        "zeroed": lambda page: bytes(len(page)),
        "half written": lambda page: page[: len(page) // 2] + bytes(len(page) - len(page) // 2),
        "noise": lambda page: chance.randbytes(len(page)),
        "a sector lost": lambda page: _sector_lost(chance, page),
    }
    way = chance.choice(sorted(tears))
    raw = bytearray(whole[name])
    at = chance.randrange(0, len(raw), PAGE)
    raw[at : at + PAGE] = tears[way](bytes(raw[at : at + PAGE]))
    (sides.folder / "pk" / name).write_bytes(raw)
    sides.open("cn")
    how = damage.judged(outcome, sides, "pk", before, f"page {at // PAGE} of {name} {way}")
    outcome.tried[f"pages {way}"] += 1
    outcome.seen[how] += 1


def _sector_lost(chance: random.Random, page: bytes) -> bytes:
    at = chance.randrange(0, len(page), SECTOR)
    return page[:at] + bytes(min(SECTOR, len(page) - at)) + page[at + SECTOR :]
