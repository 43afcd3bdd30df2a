"""The twelve faults by name, and how many of each a short and a long run try."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faults.ground import Ground
    from faults.outcome import Outcome

DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Fault:
    """`short` fits into the tests, `long` into an hour on two processors."""

    name: str
    short: int
    long: int
    files: bool = False
    """Whether it is done to the files of a home, and so of SQLite alone."""

    def run(self, ground: Ground, size: int, seed: int) -> Outcome:
        """Django must have been started: each fault is a module that works with a node's records."""
        outcome: Outcome = import_module(f"faults.{self.name}").run(ground, size, seed)
        return outcome


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("kill", 9, 600),
        Fault("torn", 16, 3_000, files=True),
        Fault("disk", 16, 100_000, files=True),
        Fault("bits", 28, 6_000, files=True),
        Fault("chaos", 3, 300),
        Fault("peer", 200, 20_000),
        Fault("snapshot", 3, 300, files=True),
        Fault("partition", 5, 400),
        Fault("clocks", 8, 320),
        Fault("rotation", 3, 12),
        Fault("erasure", 6, 300, files=True),
        Fault("leaks", 1, 60),
    )
}
