"""A node that is put back to an older day: by its operator, who says so, and by somebody who does not."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from exchange.nodes import INCIDENT, Node, bundle_bytes, pull
from exchange.test_epochs import resume
from faults import copies, judge
from faults.chaos import act
from faults.ground import PARTIES, Ground, Sides
from faults.outcome import Outcome
from safeconduct.exchange.cadence import keep_acks
from safeconduct.exchange.delivery import close_feeds
from safeconduct.exchange.inbound import mirror_of
from safeconduct.node.backups import backup
from safeconduct.records.home import Home
from safeconduct.records.refusals import Malformed

HOW = (
    "backups restored by the command (of a server: dumps, by the handbook), whole homes and single databases put "
    "back unsaid, on the sender's side and on the receiver's; work in between; then one circle of everything, after a "
    "new epoch where one was needed"
)
WORK = 25
"""What happens before, and what happens after the snapshot."""


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` rounds, each with one of the ways to go back."""
    outcome = Outcome(HOW)
    ways = list(WAYS.items())
    for number in range(size):
        name, way = ways[number % len(ways)]
        with ground.nodes() as sides:
            way(outcome, sides, random.Random(f"{seed}/{number}"))
        outcome.tried[name] += 1
    return outcome


def _work(sides: Sides, chance: random.Random, made: dict[str, list[tuple[str, int]]]) -> None:
    for _ in range(WORK):
        party = chance.choice(sorted(PARTIES))
        if chance.random() < 0.7:
            act(sides[party], chance, made[party])
        else:
            pull(sides[PARTIES[party]], sides[party])
    for node in sides.values():
        node.publish()
        node.writer.tick(keep_acks)
    pull(sides.partner, sides.host)
    pull(sides.host, sides.partner)


def _held(node: Node, of: str) -> list[bytes]:
    """The leaves that a node has taken in from another."""
    found: list[bytes] = []

    def read(tx: object) -> None:
        mirror = mirror_of(tx, of)  # type: ignore[arg-type]
        found.extend(entry.leaf for entry in mirror.entries(0, mirror.size))

    node.writer.tick(read)
    return found


def _restored(outcome: Outcome, sides: Sides, chance: random.Random) -> None:
    """The command `restore`, as the handbook says it."""
    made: dict[str, list[tuple[str, int]]] = {party: [] for party in PARTIES}
    party = chance.choice(sorted(PARTIES))
    _work(sides, chance, made)
    folder = sides.folder.parent / "backup"
    on_files = sides[party].home.database is None
    (backup if on_files else copies.dump)(sides[party].home, folder)
    before = dict(made[party])
    _work(sides, chance, made)
    held = _held(sides[PARTIES[party]], party)
    home = sides.shut(party)
    if on_files:
        command = [sys.executable, "-m", "safeconduct", "--home", str(home), "restore", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            outcome.lost.append(f"the restore failed: {done.stderr[-300:]}")
            return
        shutil.rmtree(home / "before-restore")
    else:
        close_feeds(Home.load(home))
        copies.restore(Home.load(home), folder)
    node = sides.open(party)
    node.commit("incident", INCIDENT)
    size = node.feed(PARTIES[party]).size
    _after(outcome, sides, party, held)
    judge.kept(outcome, node, dict.fromkeys(before, 1))
    outcome.seen["entries of the feed that went back"] += max(0, len(held) - size)


def _put_back(outcome: Outcome, sides: Sides, chance: random.Random) -> None:
    """The whole folder of an earlier day, keys and all: the node cannot know, its partner does."""
    made: dict[str, list[tuple[str, int]]] = {party: [] for party in PARTIES}
    party = chance.choice(sorted(PARTIES))
    _work(sides, chance, made)
    home = sides.shut(party)
    old = sides.folder.parent / "old"
    shutil.copytree(home, old)
    kept = "" if Home.load(home).database is None else copies.whole(Home.load(home))
    sides.open(party)
    _work(sides, chance, made)
    held = _held(sides[PARTIES[party]], party)
    sides.shut(party)
    shutil.rmtree(home)
    shutil.copytree(old, home)
    if kept:
        close_feeds(Home.load(home))
        copies.whole_back(Home.load(home), kept)
    node = sides.open(party)
    node.commit("incident", INCIDENT)
    node.publish()
    _after(outcome, sides, party, held)


def _ledger_alone(outcome: Outcome, sides: Sides, chance: random.Random) -> None:
    """Only the ledger is of an earlier day: the node sees it by its own feeds, and does not start."""
    made: dict[str, list[tuple[str, int]]] = {party: [] for party in PARTIES}
    party = chance.choice(sorted(PARTIES))
    _work(sides, chance, made)
    home = Home.load(sides.shut(party))
    old, newest = sides.folder.parent / "old", sides.folder.parent / "newest"
    keep, put = (_keep, _put) if home.database is None else (copies.dump_ledger, copies.put_ledger)
    keep(home, old)
    node = sides.open(party)
    node.commit("incident", INCIDENT)
    sides.shut(party)
    keep(home, newest)
    put(home, old)
    try:
        sides.open(party)
        outcome.missed.append(f"{party} starts with a ledger older than its feeds")
    except SystemExit as said:
        if "older" not in str(said):
            outcome.missed.append(f"{party} does not say why it does not start: {said}")
    sides.shut(party)
    put(home, newest)
    sides.open(party)
    judge.settle(sides)
    judge.agreed(outcome, sides)


def _keep(home: Home, file: Path) -> None:
    shutil.copy(home.ledger, file)


def _put(home: Home, file: Path) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{home.ledger}{suffix}").unlink(missing_ok=True)
    shutil.copy(file, home.ledger)


def _after(outcome: Outcome, sides: Sides, party: str, held: list[bytes]) -> None:
    """Let both meet; where the exchange rests, both sign a new epoch; then everything must go round again."""
    node, other = sides[party], sides[PARTIES[party]]
    try:
        node.ingest(other.home.party, bundle_bytes(other, node, node.have(other.home.party)))
    except Malformed:
        # An answer to what the node does not remember: it waits until both have signed from where to go on.
        outcome.seen["answers that waited for the epoch"] += 1
    other.ingest(party, bundle_bytes(node, other, min(other.have(party), node.feed(other.home.party).size)))
    stopped = [n for n, o in ((node, other), (other, node)) if judge.frozen(n, o.home.party)]
    if stopped:
        outcome.seen["times both signed a new epoch"] += 1
        resume(stopped[0], other if stopped[0] is node else node, sides.folder)
    for each in sides.values():
        each.sweep()
    judge.settle(sides)
    judge.agreed(outcome, sides, gone_back=True)
    for each in sides.values():
        judge.sound(outcome, each)
    feed = node.feed(other.home.party).log
    there = {entry.leaf for entry in feed.entries(0, feed.size)}
    gone = sum(leaf not in there for leaf in held)
    if gone:
        outcome.lost.append(
            f"{gone} entries that {other.home.party} had acknowledged are in no feed of {party}"
        )
    outcome.tried["acknowledged entries looked for"] += len(held)


WAYS: dict[str, Callable[[Outcome, Sides, random.Random], None]] = {
    "backups restored": _restored,
    "homes put back unsaid": _put_back,
    "ledgers put back alone": _ledger_alone,
}
