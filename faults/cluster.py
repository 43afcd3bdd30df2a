"""The server that all homes of a run lie on, taken as a disk: stopped, copied, damaged, put back, started again.

Only in a run that has a server to itself, as `python -m faults` has. Feeds lie there with `--feeds`.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.db import connections

import ready
from faults import damage
from faults.bits import work
from faults.ground import PARTIES, Ground, Sides
from safeconduct.exchange.delivery import close_feeds
from safeconduct.records.home import Home

_RELATIONS = """
SELECT name, pg_relation_filepath(file), index FROM (
    SELECT n.nspname || '.' || c.relname AS name, c.oid AS file, c.relkind = 'i' AS index
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE (n.nspname IN ('ledger', 'tables') OR n.nspname LIKE 'feed\\_%') AND c.relkind IN ('r', 'i')
    UNION ALL
    SELECT n.nspname || '.' || c.relname || ' aside', c.reltoastrelid, false
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE (n.nspname IN ('ledger', 'tables') OR n.nspname LIKE 'feed\\_%') AND c.reltoastrelid <> 0
) AS found ORDER BY name
"""


@dataclass(frozen=True)
class Relation:
    """A table or an index of a node, and the file it lies in, within the server's folder."""

    name: str
    file: str
    index: bool


def relations(home: Home) -> list[Relation]:
    """Those of ledger, tables and feeds that are not empty, as a running server knows them."""
    with psycopg.connect(str(home.database), autocommit=True) as asked:
        found = [Relation(*row) for row in asked.execute(_RELATIONS.encode()).fetchall()]
    data = ready.server().folder / "data"
    return [each for each in found if (data / each.file).stat().st_size]


@dataclass(frozen=True)
class Kept:
    """The files of the server and of both homes, all closed."""

    data: Path
    homes: dict[str, Path]

    @classmethod
    def of(cls, sides: Sides) -> Kept:
        """Of a server that was stopped."""
        folder = sides.folder.parent / "kept"
        folder.mkdir()
        _copy(ready.server().folder / "data", folder / "data")
        for party in PARTIES:
            shutil.copytree(
                sides.folder / party, folder / party, ignore=shutil.ignore_patterns("*.sock"), symlinks=True
            )
        return cls(folder / "data", {party: folder / party for party in PARTIES})

    def put_back(self, sides: Sides) -> None:
        """Everything as it was kept; the server is not started."""
        let_go(sides)
        with suppress(RuntimeError):
            ready.server().stop("immediate")
        data = ready.server().folder / "data"
        shutil.rmtree(data)
        _copy(self.data, data)
        for party, home in self.homes.items():
            shutil.rmtree(sides.folder / party)
            shutil.copytree(home, sides.folder / party)


def let_go(sides: Sides) -> None:
    """Close whatever this process has open of the homes, the server still there or not."""
    for party in PARTIES:
        with suppress(*damage.STOPS):
            sides.shut(party)
        with suppress(*damage.STOPS):
            close_feeds(Home.load(sides.folder / party))
    with suppress(*damage.STOPS):
        connections.close_all()


@contextmanager
def prepared(ground: Ground) -> Iterator[tuple[Sides, damage.Said, Kept, list[Relation]]]:
    """Two nodes that have worked and exchanged, closed, and the server stopped; what the host says; all of it kept;
    and what the host has on the server."""
    with ground.nodes() as sides:
        work(sides)
        before = damage.Said.of(sides.host)
        found = relations(sides.host.home)
        let_go(sides)
        ready.server().stop()
        kept = Kept.of(sides)
        try:
            yield sides, before, kept, found
        finally:
            kept.put_back(sides)
            ready.server().serve()


def _copy(source: Path, target: Path) -> None:
    """With owners and modes: the server runs as somebody else where the tests are root's."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
