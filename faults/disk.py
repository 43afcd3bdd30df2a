"""The nth flush or write of a node fails, for every n until the work passes without a fault."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faults import canary, damage, judge
from faults.bits import prepared
from faults.ground import PARTIES, Ground, Sides
from faults.outcome import Outcome

HOW = (
    "a library preloaded into the node makes the nth fsync or write fail, once or from then on, with an I/O error, a "
    "full disk or half a write; what was answered for before must be there, and the node must go on afterwards"
)
SOURCE = Path(__file__).with_name("failing_disk.c")
ERASED = "Qzxdiskcanary0wjQ"
KINDS = (
    ("failed flushes", 0, 0),
    ("flushes that fail from then on", 0, 1),
    ("failed writes", 1, 0),
    ("writes to a full disk", 2, 1),
    ("half writes", 3, 0),
)
"""Name, what fails, and whether it stays so."""


@dataclass
class Worker:
    """The process on the failing disk."""

    process: subprocess.Popen[str]

    def order(self, kind: int, nth: int, stays: int, home: Path, answers: Path) -> tuple[int, int, int]:
        """(exit code, flushes, writes) of one run of the work."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{kind}\t{nth}\t{stays}\t{home}\t{answers}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the process on the failing disk ended"
        code, flushes, writes = map(int, line.split())
        return code, flushes, writes


def built(folder: Path) -> Path:
    """The library, in this folder."""
    library = folder / "failing_disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


@contextmanager
def worker(folder: Path, home: Path) -> Iterator[Worker]:
    library = built(folder)
    root = SOURCE.parent.parent
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")]),
    }
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "faults.disk_worker", str(home)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
        )  # fmt: skip
    try:
        yield Worker(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """At most `size` faults, evenly over all that could be: every flush and every write is one."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    with prepared(ground) as (sides, _, copies):
        folder = sides.folder.parent
        with worker(folder, copies["pk"]) as on_disk:
            _, flushes, writes = _once(sides, copies, on_disk, (0, 0, 0), folder / "clean")
            every = [
                (name, (kind, nth, stays))
                for name, kind, stays in KINDS
                for nth in some(chance, writes if kind else flushes, size // len(KINDS))
            ]
            outcome.seen["flushes in a run without a fault"] = flushes
            outcome.seen["writes in a run without a fault"] = writes
            for number, (name, order) in enumerate(every):
                answers = folder / f"answers{number}"
                code, _, _ = _once(sides, copies, on_disk, order, answers)
                outcome.tried[name] += 1
                outcome.seen["the node stopped" if code else "the node went on"] += 1
                after(outcome, sides, answers.read_text(), f"{name}, number {order[1]}")
    return outcome


def some(chance: random.Random, count: int, most: int) -> range:
    """At most about so many of 1 to count, evenly spread from a random one on."""
    step = max(1, -(-count // max(1, most)))
    return range(chance.randint(1, step), count + 1, step)


def _once(
    sides: Sides, copies: dict[str, Path], on_disk: Worker, order: tuple[int, int, int], answers: Path
) -> tuple[int, int, int]:
    for party in PARTIES:
        damage.reset(sides, party, copies[party])
    kind, nth, stays = order
    return on_disk.order(kind, nth, stays, sides.folder / "pk", answers)


def after(outcome: Outcome, sides: Sides, said: str, what: str) -> None:
    """The disk is well again: all that was answered for is there, and both go on together."""
    try:
        node = sides.open("pk")
    except damage.STOPS as fault:
        outcome.lost.append(f"{what}: the node does not start again: {fault!r}")
        return
    sides.open("cn")
    records: dict[str, int] = {}
    for line in said.splitlines():
        word, *rest = line.split()
        if word == "record":
            records[rest[0]] = int(rest[1])
        elif word == "size":
            for log, size, root in (
                (node.writer.log, int(rest[0]), rest[1]),
                (node.feed("cn").log, int(rest[2]), rest[3]),
            ):
                if log.size < size or log.root_at(size).hex() != root:
                    outcome.lost.append(f"{what}: {log.origin} had {size} entries, {log.size} are left")
        elif word == "erased":
            outcome.leaked += [
                f"{what}: {path.name} bears what was answered for as erased"
                for path, raw in canary.bytes_of(node.home.path)
                if canary.found_in(raw, [ERASED])
            ]
    judge.kept(outcome, node, records)
    if found := damage.gone_through(node):
        outcome.lost.append(f"{what}: what is left does not hold: {found}")
    judge.settle(sides)
    judge.agreed(outcome, sides)
