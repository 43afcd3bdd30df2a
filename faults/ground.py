"""Where the faults happen: homes of two parties, prepared once, and copies of them to do harm to."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import ready
from bench.nodes import free_port
from exchange.nodes import Node, own_connections
from safeconduct.exchange.delivery import close_feeds
from safeconduct.records.home import Home

PARTIES = {"pk": "cn", "cn": "pk"}


@dataclass
class Ground:
    """`made` holds the prepared homes of `pk` and `cn`, to be read only; `folder` is for copies."""

    made: Path
    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def fresh(self) -> Path:
        """An empty folder of its own."""
        folder = self.folder / f"{next(self._numbers)}"
        folder.mkdir(parents=True)
        return folder

    @contextmanager
    def world(self) -> Iterator[Path]:
        """A copy of the homes, gone afterwards, with Django's databases as they were found."""
        folder = self.fresh() / "world"
        mark = ready.begun()
        ready.copy(self.made, folder)
        with own_connections():
            try:
                yield folder
            finally:
                shutil.rmtree(folder.parent, ignore_errors=True)
                ready.drop_since(mark)

    @contextmanager
    def nodes(self) -> Iterator[Sides]:
        """Both nodes, with their writers in this process."""
        with self.world() as folder:
            sides = Sides(folder, self.made)
            try:
                yield sides
            finally:
                sides.close()


class Sides(dict[str, Node]):
    """The nodes of both parties by name, which can be closed, copied and opened again."""

    def __init__(self, folder: Path, made: Path) -> None:
        super().__init__({party: Node(folder / party) for party in PARTIES})
        self.folder = folder
        self.made = made

    @property
    def host(self) -> Node:
        return self["pk"]

    @property
    def partner(self) -> Node:
        return self["cn"]

    def shut(self, party: str) -> Path:
        """Close a node; its home."""
        node = self.pop(party, None)
        if node is not None:
            node.close()
        return self.folder / party

    def open(self, party: str) -> Node:
        """Open a node again. Raises what its writer refuses to start with."""
        self.shut(party)
        self[party] = Node(self.folder / party)
        return self[party]

    def close(self) -> None:
        for party in list(self):
            self.shut(party)
        for party in PARTIES:
            close_feeds(Home.load(self.folder / party))


def linked(folder: Path, addresses: dict[str, str] | None = None, **settings: object) -> dict[str, Home]:
    """The homes of a world whose exchange answers at ports of its own, each knowing where the other's is.

    `addresses` are the parties' own, 127.0.0.1 unless given. Only the two of them; a third party has no address.
    """
    ports = {party: free_port() for party in PARTIES}
    at = addresses or dict.fromkeys(PARTIES, "127.0.0.1")
    homes = {}
    for party, other in PARTIES.items():
        home = Home.load(folder / party)
        told = {
            **home.settings,
            "port": free_port(),
            "exchange_port": ports[party],
            "exchange_address": at[party],
            "second_factor": "optional",
            **settings,
        }
        partner = replace(home.partners[other], url=f"https://{at[other]}:{ports[other]}")
        partners = {**home.partners, other: partner}
        changed = Home(home.path, home.party, home.side, home.name, partners, told)
        changed.save()
        homes[party] = changed
    return homes
