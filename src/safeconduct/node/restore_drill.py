"""A restore on trial: the latest backup, brought back into a scratch folder and compared with the node that runs.

The node is only read. The copy gets no writer and no courier, so that it signs nothing and tells nobody anything:
two nodes that run with the same keys would sign two histories.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from safeconduct.exchange.cadence import cosigned
from safeconduct.exchange.identity import feed_origin, ledger_origin
from safeconduct.ledger.database import Database, open_database
from safeconduct.ledger.log import Log
from safeconduct.ledger.notes import unverified_checkpoint
from safeconduct.ledger.tree import verify_consistency
from safeconduct.node.backups import Manifest, check_copy
from safeconduct.node.replicas import fetch
from safeconduct.records.databases import ledger_of, needs_files
from safeconduct.records.erased import LEDGER, NAME, erased_in, read_erased, strike_out
from safeconduct.records.home import Home, HomeError, backup_folder

WORDS: Mapping[str, str] = {
    "version": "versions of own records",
    "received": "versions that came from a partner",
    "disclosure": "releases to a partner",
    "withdrawal": "withdrawals",
    "erasure": "erasures",
    "receipt": "receipts of erasures",
    "refusal": "refusals",
    "key": "acceptances of a card",
    "hold": "holds",
    "epoch": "new epochs",
    "flow": "starts and ends of what flows live",
    "sealed": "sealed bundles",
    "stream": "openings and ends of a live page",
}
"""What kinds of ledger entries are for people; fillings and checkpoints are nobody's loss."""


@dataclass(frozen=True)
class Step:
    """One step of the drill: what was done, in words, and how many seconds it took."""

    what: str
    seconds: float


@dataclass(frozen=True)
class Drill:
    """A restore that succeeded on trial. `lost` says by type of entry what the running node has and the backup has
    not, `feeds` by partner how many entries of its feed and how many of these the partner has; `compared` is False
    where no node was there."""

    folder: Path
    manifest: Manifest
    steps: tuple[Step, ...]
    compared: bool
    lost: Mapping[str, int]
    feeds: Mapping[str, tuple[int, int]]

    def lines(self) -> Iterator[str]:
        made = f", made {self.manifest.at}" if self.manifest.at else ""
        yield f"backup {self.folder}: {self.manifest.size:,} ledger entries{made}"
        for step in self.steps:
            yield f"  {step.seconds:7.1f} s  {step.what}"
        yield f"  {sum(step.seconds for step in self.steps):7.1f} s  in all"
        if not self.compared:
            yield "there is no ledger in this home to compare with"
            return
        said = [f"{self.lost[name]:,} {words}" for name, words in WORDS.items() if self.lost.get(name)]
        yield f"with this backup would be lost: {', '.join(said) or 'nothing'}"
        for partner, (count, there) in self.feeds.items():
            if count:
                has = f"which has {there:,} of them and can give them back"
                yield f"  {count:,} entries of the feed to {partner}, {has}"


@dataclass
class Clock:
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self) -> Iterator[list[str]]:
        """The block says in the list what it has done."""
        said: list[str] = []
        started = time.monotonic()
        yield said
        self.steps.append(Step("; ".join(said), time.monotonic() - started))


def drill(
    home: Home, folder: Path | None = None, scratch: Path | None = None, replica: str | None = None
) -> Drill:
    """Restore the backup in `folder` (None: the latest that was noted), or what is copied to `replica`, on trial,
    below `scratch` (None: the system's place for temporary files). Raises HomeError that says what does not hold;
    nothing is left behind either way."""
    needs_files(home, "a restore on trial")
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="restore-drill-", dir=scratch) as place:
        if replica is not None:
            source = Path(place) / "replica"
            with clock.step() as said:
                fetch(home, replica, source)
                said.append(f"fetched from {replica}")
        elif (latest := folder or backup_folder(home)) is not None:
            source = latest
        else:
            raise HomeError("no backup of this node was noted; name one with --backup FOLDER")
        copy = Path(place) / "home"
        with clock.step() as said:
            manifest = Manifest.of(source)
            _copy(source, copy)
            said.append("copied into a scratch folder")
        with clock.step() as said:
            check_copy(copy, home)
            said.append("every leaf, every part that has its key, and the tree above them hold")
        with clock.step() as said:
            struck = _erase_again(home, copy)
            said.append(f"{struck:,} parts that were erased since are erased in the copy, too")
        with clock.step() as said:
            compared, lost, feeds = _compare(home, copy, manifest, said)
        with clock.step() as said:
            entries = tables_made(home, copy)
            said.append(f"tables made again from {entries:,} entries")
    return Drill(source, manifest, tuple(clock.steps), compared, lost, feeds)


def _copy(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    try:
        for file in sorted(source.rglob("*")):
            if file.is_file() and not file.is_symlink():
                place = target / file.relative_to(source)
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(file, place)
                place.chmod(0o600)
    except OSError as fault:
        raise HomeError(f"the backup cannot be copied: {fault}") from fault
    if not (target / "node.toml").exists():
        raise HomeError(f"{source} is no backup: it lacks node.toml")


def _compare(
    home: Home, copy: Path, manifest: Manifest, said: list[str]
) -> tuple[bool, Mapping[str, int], Mapping[str, tuple[int, int]]]:
    """Prove that the running ledger and feeds begin as the copy does, and count what they have since."""
    origin = ledger_origin(home.party)
    with _opened(copy / "ledger.sqlite3", "ledger", origin) as held:
        root, size = held.root(), held.size
        checked = _cosigned(copy, held)
    said.append(f"{checked:,} cosigned heads fit")
    ledger = home.path / "ledger.sqlite3"
    if not ledger.exists():
        return False, {}, {}
    with _opened(ledger, "ledger", origin) as running:
        begins_with(running, size, root, "ledger")
        lost = since(running, size)
        said.append(f"the ledger of this node, now {running.size:,} entries, begins with it")
    feeds = {}
    for partner, feed in _feeds(copy).items():
        own = home.feed(partner) / "feed.sqlite3"
        if not own.exists():
            continue
        name = feed_origin(home.party, partner)
        with _opened(feed, "feed", name) as held, _opened(own, "feed", name) as running:
            begins_with(running, held.size, held.root(), f"feed to {partner}")
            seen = cosigned(home, partner).feed_size
            feeds[partner] = running.size - held.size, max(0, seen - held.size)
    return True, lost, feeds


def _erase_again(home: Home, copy: Path) -> int:
    lists = [*read_erased(home), *erased_in(copy / NAME)]
    with closing(open_database(copy / "ledger.sqlite3")) as connection:
        log = ledger_of(home, connection)
        connection.execute("BEGIN IMMEDIATE")
        struck, _ = strike_out(connection, log, LEDGER, lists)
        connection.execute("COMMIT")
    return struck


def begins_with(running: Log, size: int, root: bytes, what: str) -> None:
    if running.size < size:
        raise HomeError(
            f"the {what} of this node is shorter than the backup's: was this node restored since?"
        )
    proof = running.consistency(size, running.size)
    if running.root_at(size) != root or not verify_consistency(
        size, running.size, root, running.root(), proof
    ):
        raise HomeError(f"the {what} in the backup is not how this node's began: it is another node's backup")


def since(log: Log, size: int) -> Counter[str]:
    """How many entries of each type a log has from this size on."""
    return Counter(
        str(json.loads(entry.leaf)["type"])
        for first in range(size, log.size, 5000)
        for entry in log.entries(first, min(first + 5000, log.size))
    )


def _cosigned(copy: Path, ledger: Log) -> int:
    """Check the partners' cosignatures in the copy against it; how many there are."""
    found = 0
    for partner, path in _feeds(copy).items():
        with closing(open_database(path, read_only=True)) as connection:
            found += feed_holds(connection, partner, ledger)
    return found


def feed_holds(connection: Database, partner: str, ledger: Log) -> int:
    """Check a feed that was brought back, and what its partner has cosigned of it and of the ledger; how many heads
    that are. Raises HomeError."""
    log = Log(connection, "feed", feed_origin(ledger.origin.split(".")[0], partner))
    if (broken := log.verify()) is not None:
        raise HomeError(f"the feed to {partner} in the backup is damaged at entry {broken}")
    heads = connection.execute("SELECT what, note FROM ack").fetchall()
    for what, note in heads:
        if not (ledger if what == "ledger" else log).fits(unverified_checkpoint(bytes(note))):
            raise HomeError(f"{partner} has cosigned a {what} that is not the one in the backup")
    return len(heads)


def _feeds(copy: Path) -> dict[str, Path]:
    return {path.parent.name: path for path in sorted((copy / "feeds").glob("*/feed.sqlite3"))}


@contextmanager
def _opened(path: Path, name: str, origin: str) -> Iterator[Log]:
    """A log in a database that is only read, unchanging for as long as it is looked at."""
    try:
        with closing(open_database(path, read_only=True)) as connection:
            connection.execute("BEGIN")
            yield Log(connection, name, origin)
    except (sqlite3.DatabaseError, LookupError) as fault:
        raise HomeError(f"{path} cannot be read: {fault}") from fault


def tables_made(home: Home, copy: Path) -> int:
    """Make the tables of the home in `copy` in a process of its own, with this one's keys; from how many entries."""
    command = [sys.executable, "-m", "safeconduct.node.scratch", str(copy), str(home.path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SAFECONDUCT_")}
    made = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if made.returncode:
        last = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise HomeError(f"the tables cannot be made from the backup: {last}")
    return int(json.loads(made.stdout)["entries"])
