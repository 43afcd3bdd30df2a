"""What a power cut leaves of the server's files: its log torn where it was not flushed, its tables' pages half written.

The server has full_page_writes, as it has unless somebody takes it away. Its files are looked at between two answers,
while nothing else writes to them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ready
from exchange.nodes import INCIDENT, Node
from faults import cluster, damage
from faults.ground import Ground, Sides
from faults.outcome import Outcome
from faults.server_bits import judged
from faults.torn import SECTOR, between

HOW = (
    "copies of the server's files as they lay between two acknowledged writes: from the last flush on any sector of "
    "its log may be old, new, zero, noise or missing; or a checkpoint was under way, and any sector of any page old or "
    "new; or the node's key store is torn. And, as a disk does that lies, pages that are torn, zeroed or noise"
)
PAGE = 8192
STAGES = ("keys", "log", "pages", "nothing")
"""What is being written when the power fails: in this order a commit, and then a checkpoint, write."""
TURNS = ("log", "pages", "keys", "nothing")
ACTS = 12
QUIET = {
    "bgwriter_lru_maxpages": "0",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
    "wal_keep_size": "1GB",
    "wal_level": "replica",
}
"""Settings with which a server writes pages at a checkpoint alone, and keeps its log."""


@dataclass(frozen=True)
class Moment:
    """What the server's files had become since they were kept, the home's, and what was answered for by then."""

    data: dict[str, bytes]
    home: dict[str, bytes]
    ledger: tuple[int, bytes]
    feed: tuple[int, bytes]
    records: dict[str, int]


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` crash images, and half as many servers on a disk that lied."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    with cluster.prepared(ground) as (sides, before, kept, relations):
        moments = _moments(sides, kept, chance)
        for number in range(size):
            stage = TURNS[number % len(TURNS)]
            at = chance.choice([at for at in range(len(moments) - 1) if _writes(kept, moments, at, stage)])
            kept.put_back(sides)
            _crashed(outcome, sides, chance, moments[at], moments[at + 1], stage)
        for _ in range(size // 2):
            kept.put_back(sides)
            _lied(outcome, sides, chance, relations, before)
    return outcome


def _moments(sides: Sides, kept: cluster.Kept, chance: random.Random) -> list[Moment]:
    """A node at work, looked at after each answer, with a checkpoint now and then."""
    ready.server().serve(**QUIET)
    node = sides.open("pk")
    records: dict[str, int] = {}
    found = [_moment(node, kept, records)]
    for number in range(ACTS):
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
        if number % 3 == 2:
            ready.server().ask("CHECKPOINT")
        found.append(_moment(node, kept, records))
    return found


def _moment(node: Node, kept: cluster.Kept, records: dict[str, int]) -> Moment:
    data = ready.server().folder / "data"
    changed: dict[str, bytes] = {}
    for path in data.rglob("*"):
        name = str(path.relative_to(data))
        if path.is_file() and name.startswith(("base/", "global/", "pg_wal/", "pg_xact/")):
            was = kept.data / name
            raw = path.read_bytes() if _newer(path, was) else None
            if raw is not None and not name.endswith("pg_internal.init"):
                changed[name] = raw
    log, feed = node.writer.log, node.feed("cn").log
    return Moment(
        changed,
        damage.files_of(node.home.path),
        (log.size, log.root()),
        (feed.size, feed.root()),
        dict(records),
    )


def _writes(kept: cluster.Kept, moments: list[Moment], at: int, stage: str) -> bool:
    """Whether anything of a stage is written after a moment: the server writes its pages at a checkpoint alone."""

    def before(name: str) -> bytes:
        return (
            old[name]
            if name in old
            else (kept.data / name).read_bytes()
            if (kept.data / name).exists()
            else b""
        )

    old, new = moments[at].data, moments[at + 1].data
    changed = [name for name in new if name != "global/pg_control" and before(name) != new[name]]
    return stage == "keys" or any(name.startswith("pg_wal/") == (stage == "log") for name in changed)


def _newer(path: Path, was: Path) -> bool:
    if not was.exists():
        return True
    now, then = path.stat(), was.stat()
    return (now.st_mtime_ns, now.st_size) != (then.st_mtime_ns, then.st_size)


def _crashed(
    outcome: Outcome, sides: Sides, chance: random.Random, old: Moment, new: Moment, stage: str
) -> None:
    """The power fails while what lies between two answers is written: what was answered before must be there."""
    done = STAGES.index(stage)
    data = ready.server().folder / "data"
    for name in sorted(old.data.keys() | new.data.keys()):
        was = old.data.get(name)
        if was is None:
            was = (data / name).read_bytes() if (data / name).exists() else b""
        now = new.data.get(name, was)
        part = "log" if name.startswith("pg_wal/") else "pages"
        if done > STAGES.index(part):
            raw = now
        elif stage != part or was == now or name == "global/pg_control":
            raw = was
        elif part == "log":
            raw = between(chance, was, now)
            outcome.tried["torn segments of the log"] += 1
        else:
            raw = _sectors(chance, was, now)
            outcome.tried["tables and indices with torn pages"] += 1
        if raw or (data / name).exists():
            _put(data / name, raw)
    home = dict(old.home if stage == "keys" else new.home)
    if stage == "log":  # the feeds are written once the ledger is durable
        home = {name: raw for name, raw in home.items() if not name.startswith("feeds/")}
        home |= {name: raw for name, raw in old.home.items() if name.startswith("feeds/")}
    if stage == "keys":
        home["keys/parts"] = between(chance, old.home["keys/parts"], new.home["keys/parts"])
    damage.put(sides.folder / "pk", home)
    what = f"the power failed as {stage} was written"
    try:
        ready.server().serve(**QUIET)
        node = sides.open("pk")
    except (RuntimeError, *damage.STOPS) as fault:
        outcome.lost.append(f"{what}: server or node does not start: {fault!r}")
        return
    sides.open("cn")
    damage.crashed(outcome, sides, node, old, what)


def _sectors(chance: random.Random, old: bytes, new: bytes) -> bytes:
    """A file of which each sector that was to be written is old or new."""
    torn = bytearray(new)
    for at in range(0, len(old), SECTOR):
        if chance.random() < 0.5:
            torn[at : at + SECTOR] = old[at : at + SECTOR]
    return bytes(torn[: len(old)] if len(new) > len(old) and chance.random() < 0.5 else torn)


def _put(path: Path, raw: bytes) -> None:
    """In the name of whoever the folder is of."""
    fresh = not path.exists()
    path.write_bytes(raw)
    if fresh and os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(0o600)


def _lied(
    outcome: Outcome,
    sides: Sides,
    chance: random.Random,
    relations: list[cluster.Relation],
    before: damage.Said,
) -> None:
    """A page is not what was written, though the disk had said so: noticed, never signed over."""
    tears: dict[str, Callable[[bytes], bytes]] = {
        "zeroed": lambda page: bytes(len(page)),
        "half written": lambda page: page[: len(page) // 2] + bytes(len(page) - len(page) // 2),
        "noise": lambda page: chance.randbytes(len(page)),
    }
    found = chance.choice([each for each in relations if not each.name.startswith("tables.")])
    path = ready.server().folder / "data" / found.file
    raw = bytearray(path.read_bytes())
    way = chance.choice(sorted(tears))
    at = chance.randrange(0, len(raw), PAGE)
    raw[at : at + PAGE] = tears[way](bytes(raw[at : at + PAGE]))
    path.write_bytes(raw)
    ready.server().serve()
    how = judged(outcome, sides, before, f"page {at // PAGE} of {found.name} {way}")
    outcome.tried[f"pages {way}"] += 1
    outcome.seen[how] += 1
