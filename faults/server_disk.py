"""The nth flush or write of the server of databases fails, for every n until the work passes without a fault."""

from __future__ import annotations

import ctypes
import os
import random
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import ready
from faults import cluster
from faults.disk import KINDS, Worker, after, built, some, worker
from faults.ground import Ground
from faults.outcome import Outcome

HOW = (
    "a library preloaded into the server makes the nth fsync or write of all its processes fail, once or from then "
    "on, with an I/O error, a full disk or half a write; what the node answered for before must be there, and the node "
    "must go on afterwards"
)
ROOM = 2 * 4096
UNBROKEN = (0, 0, 0)


@dataclass
class Disk:
    """The server's disk, that this process arms: both have the same pages in their memory."""

    library: Path
    shared: Path
    hand: ctypes.CDLL

    @classmethod
    def beside(cls, folder: Path) -> Disk:
        """In a folder that the server can read."""
        library, shared = built(folder), folder / "failing_disk"
        shared.write_bytes(bytes(ROOM))
        for path in (library, shared):
            path.chmod(0o666 if path == shared else 0o755)
        os.environ["FAILING_DISK"] = str(shared)
        try:
            hand = ctypes.CDLL(str(library))
        finally:
            del os.environ["FAILING_DISK"]
        hand.disk_flushes.restype = hand.disk_writes.restype = ctypes.c_long
        disk = cls(library, shared, hand)
        disk.arm(UNBROKEN, "")
        return disk

    def arm(self, order: tuple[int, int, int], below: str) -> None:
        """Let files below a folder fail in this way from now on; below "" none."""
        kind, nth, stays = order
        self.hand.disk_arm(below.encode(), kind, ctypes.c_long(nth), stays)


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """At most `size` faults, evenly over all that could be: every flush and every write is one."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    server = ready.server()
    with cluster.prepared(ground) as (sides, _, kept, _):
        folder = sides.folder.parent
        disk = Disk.beside(server.folder)
        server.serve()  # whoever starts as the node's process looks at its database
        with worker(folder, sides.folder / "pk") as at_work:
            flushes, writes, _ = _once(disk, kept, sides, at_work, UNBROKEN, folder / "clean")
            every = [
                (name, (kind, nth, stays))
                for name, kind, stays in KINDS
                for nth in some(chance, writes if kind else flushes, size // len(KINDS))
            ]
            outcome.seen["flushes in a run without a fault"] = flushes
            outcome.seen["writes in a run without a fault"] = writes
            for number, (name, order) in enumerate(every):
                answers = folder / f"answers{number}"
                _, _, code = _once(disk, kept, sides, at_work, order, answers)
                outcome.tried[name] += 1
                outcome.seen["the node stopped" if code else "the node went on"] += 1
                with suppress(RuntimeError):
                    server.stop("immediate")
                server.serve()
                after(outcome, sides, answers.read_text(), f"{name} of the server, number {order[1]}")
    return outcome


def _once(
    disk: Disk,
    kept: cluster.Kept,
    sides: cluster.Sides,
    at_work: Worker,
    order: tuple[int, int, int],
    answers: Path,
) -> tuple[int, int, int]:
    """(flushes, writes, how the node ended) of one run of the work, the pages written out at its end."""
    kept.put_back(sides)
    server = ready.server()
    server.serve({"LD_PRELOAD": str(disk.library), "FAILING_DISK": str(disk.shared)})
    disk.arm(order, str((server.folder / "data").resolve()))
    code, _, _ = at_work.order(*UNBROKEN, sides.folder / "pk", answers)
    with suppress(Exception):
        server.ask("CHECKPOINT")
    counted = disk.hand.disk_flushes(), disk.hand.disk_writes(), code
    disk.arm(UNBROKEN, "")
    return counted
