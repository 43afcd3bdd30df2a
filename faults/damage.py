"""A home with damage in it: was it noticed, or is all that the node says as it was? And is nobody accused?"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from django.db import DatabaseError

from exchange.nodes import INCIDENT, Node, bundle_bytes
from faults import judge
from faults.ground import PARTIES, Sides
from faults.outcome import Outcome
from safeconduct.exchange.bundle import BundleRefused
from safeconduct.exchange.delivery import close_feeds
from safeconduct.ledger.database import DatabaseFault
from safeconduct.ledger.keys import KeyRefused
from safeconduct.ledger.keystore import KeyStoreRefused
from safeconduct.oversight.recompute import recompute, result
from safeconduct.records.home import Home, HomeError
from safeconduct.records.rebuild import fingerprint
from safeconduct.records.refusals import Refused, Unavailable

STOPS = (
    SystemExit, sqlite3.Error, DatabaseError, DatabaseFault, OSError, HomeError, KeyRefused, KeyStoreRefused,
    LookupError, ValueError, TypeError,
)  # fmt: skip
"""What a node that does not start, or does not answer, ends with."""
MOST_TICKS = 200


@dataclass(frozen=True)
class Said:
    """All that a home says: its ledger, its tables and its feed, as they are read."""

    ledger: tuple[object, ...]
    tables: str
    feed: tuple[object, ...]

    @classmethod
    def of(cls, node: Node) -> Said:
        log, feed = node.writer.log, node.feed(PARTIES[node.home.party])
        with node.active():
            tables = fingerprint()
        return cls(
            (log.size, log.root(), *(tuple(entry) for entry in log.entries(0, log.size))),
            tables,
            (feed.size, feed.log.root(), *((e.leaf, e.parts) for e in feed.bundle(0).entries)),
        )


def judged(outcome: Outcome, sides: Sides, party: str, before: Said, what: str) -> str:
    """How the damage to a closed home came out: stopped, found, harmless, or (in `missed`) nothing of it.

    The partner then gets what the node has to say: it may refuse it, and must not be made to accuse it.
    """
    answer = _judged(outcome, sides, party, before, what)
    other = sides[PARTIES[party]]
    if why := judge.frozen(other, party):
        outcome.accused.append(f"{what}: {other.home.party} accuses {party}: {why}")
    sides.pop(party, None)
    return answer


def _judged(outcome: Outcome, sides: Sides, party: str, before: Said, what: str) -> str:
    try:
        node = sides.open(party)
    except STOPS:
        return "did not start"
    other = sides[PARTIES[party]]
    try:
        found = gone_through(node)
        said = None if found else Said.of(node)
        # What it goes on to say and to sign, its partner gets.
        with suppress(Refused, Unavailable, ValueError):
            node.commit("incident", INCIDENT)
        node.publish()
        with suppress(BundleRefused, ValueError, Refused):
            other.ingest(party, bundle_bytes(node, other, other.have(party)))
            other.ingest(party, bundle_bytes(node, other, 0))
    except STOPS:
        return "stopped"
    finally:
        with suppress(*STOPS):
            node.close()
    if found:
        return "found"
    if said == before:
        return "harmless"
    outcome.missed.append(f"{what}: the home says something else, and nothing found it")
    return "missed"


def gone_through(node: Node) -> list[str]:
    """Let the scheduled recompute go through everything once; where it found damage."""
    settings = {**node.home.settings, "recompute_hours": 0.01}
    node.writer.home = replace(node.home, settings=settings)
    before = result(node.home).finished
    for _ in range(MOST_TICKS):
        node.writer.tick(recompute)
        known = result(node.home)
        if known.finished > before:
            return [f"{fault.where} {fault.index}: {fault.why}" for fault in known.faults]
    raise AssertionError("the recompute never came to its end")


def files_of(home: Path) -> dict[str, bytes]:
    """The files of a closed home that are worth damaging, by their path within it."""
    found = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if path.is_file() and not name.endswith(("-shm", ".lock", ".sock", ".toml", ".key", ".pem", ".json")):
            found[name] = path.read_bytes()
    return found


def put(home: Path, files: dict[str, bytes]) -> None:
    """Make the home consist of these contents again, and drop what lies beside its databases."""
    for path in home.rglob("*.sqlite3-*"):
        path.unlink()
    (home / "recompute.json").unlink(missing_ok=True)
    for name, raw in files.items():
        (home / name).write_bytes(raw)


def reset(sides: Sides, party: str, copy: Path) -> None:
    """Put a node's home back as it was kept, closed."""
    home = sides.shut(party)
    close_feeds(Home.load(home))
    shutil.rmtree(home)
    shutil.copytree(copy, home)


class Answered(Protocol):
    """What a node had answered for when it crashed: (size, root) of its ledger and of the feed to cn, and the versions
    of its records."""

    @property
    def ledger(self) -> tuple[int, bytes]: ...
    @property
    def feed(self) -> tuple[int, bytes]: ...
    @property
    def records(self) -> Mapping[str, int]: ...


def crashed(outcome: Outcome, sides: Sides, node: Node, old: Answered, what: str) -> None:
    """Both sides are open again: everything that was answered for is there and holds, and they go on together."""
    outcome.tried["crashes"] += 1
    size, root = old.ledger
    if node.writer.log.size < size or node.writer.log.root_at(size) != root:
        outcome.lost.append(f"{what}: {size} entries were answered for, {node.writer.log.size} are left")
        return
    judge.kept(outcome, node, old.records)
    if found := gone_through(node):
        outcome.lost.append(f"{what}: what is left does not hold: {found}")
    feed = node.feed("cn").log
    if feed.size < old.feed[0] or feed.root_at(old.feed[0]) != old.feed[1]:
        outcome.lost.append(f"{what}: the feed has lost what was signed")
    node.commit("incident", INCIDENT)
    judge.settle(sides)
    judge.agreed(outcome, sides)
