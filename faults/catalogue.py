"""The thirteen faults by name, and how many of each a short and a long run try."""

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
    """`short` fits into the tests, `long` into an hour on two processors; `there` is the short one on a server of
    databases, if it is another."""

    name: str
    short: int
    long: int
    there: int = 0
    server: str = ""
    """The module of its counterpart where the databases are a server's, which is stopped for it."""
    stops: bool = False
    """Whether the server of databases must be this run's alone: it is stopped or killed."""
    files: bool = False
    """Whether it begins with homes of files; it may bring a server of its own."""

    def size(self, long: bool) -> int:
        """How many a run tries."""
        import ready

        return self.long if long else (ready.POSTGRESQL and self.there) or self.short

    def run(self, ground: Ground, size: int, seed: int) -> Outcome:
        """Django must have been started: each fault is a module that works with a node's records."""
        import ready

        module = self.server if ready.POSTGRESQL and self.server else self.name
        outcome: Outcome = import_module(f"faults.{module}").run(ground, size, seed)
        return outcome


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("kill", 9, 600, there=3, stops=True),
        Fault("torn", 16, 3_000, there=3, server="server_torn", stops=True),
        Fault("disk", 16, 100_000, there=5, server="server_disk", stops=True),
        Fault("bits", 28, 6_000, there=3, server="server_bits", stops=True),
        Fault("chaos", 3, 300),
        Fault("peer", 200, 20_000),
        Fault("snapshot", 3, 300),
        Fault("partition", 5, 400),
        Fault("clocks", 8, 320),
        Fault("rotation", 3, 12),
        Fault("erasure", 6, 300, there=3),
        Fault("leaks", 1, 60),
        Fault("failover", 1, 12, files=True),
    )
}
