"""Tests on both databases: on PostgreSQL a home's ledger, positions and feeds are carried over when it opens.

Where all homes of a run live there, only their feeds are still to be carried over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import ready
from postgres import Server
from safeconduct.exchange import feed
from safeconduct.ledger.carrying import carry
from safeconduct.ledger.database import open_database, transaction
from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log
from safeconduct.ledger.postgres import Postgres
from safeconduct.ledger.slots_postgres import SlotsPostgres
from safeconduct.ledger.tree import TILE_WIDTH
from safeconduct.node.moving_keys import copy_slots
from safeconduct.records import databases
from safeconduct.records.home import Home


@pytest.fixture(params=["sqlite", "postgresql"])
def carried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Which of the two it is; homes that are opened from here on have their ledger and their feeds there."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    with on_postgresql(request, monkeypatch):
        yield "postgresql"


@contextmanager
def on_postgresql(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    for side in ("host", "partner"):
        if f"{side}_home" in request.fixturenames:
            # What all tests copy is made of files, whoever needs it first.
            request.getfixturevalue("ruled")(side)
    places = Places()
    monkeypatch.setattr(databases, "address", places.of)
    monkeypatch.setattr(databases, "feeds_address", places.of)
    try:
        yield places
    finally:
        places.drop()


@contextmanager
def keys_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyPlaces]:
    """Homes that are opened from here on have their keys, and the list of what was erased, there."""
    places = KeyPlaces()
    for module in (databases, feed):
        monkeypatch.setattr(module, "keys_address", places.of)
    try:
        yield places
    finally:
        places.drop()


_empty: list[str] = []
"""Databases that a test has done with: to empty one is quicker than to make one."""


class Places:
    """PostgreSQL databases for homes, each made when it is first asked for."""

    def __init__(self, server: Server | None = None) -> None:
        """`server`: another one than that of the run, which takes its databases with it."""
        self.own = server
        self.names: list[str] = []
        self.of_home: dict[Path, str] = {}

    def new(self) -> str:
        """The address of an empty database."""
        if self.own is not None:
            return self.own.address(self.own.fresh())
        self.names.append(_empty.pop() if _empty else ready.server().fresh())
        return ready.server().address(self.names[-1])

    def drop(self) -> None:
        for name in self.names:
            ready.server().ask(
                f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            _clear(ready.server().address(name))
        _empty.extend(self.names)

    def of(self, home: Home) -> str:
        if home.path not in self.of_home or home.database not in (None, self.of_home[home.path]):
            place = self.of_home[home.path] = home.database or self.new()
            for schema, file in (("ledger", home.ledger), ("positions", home.positions)):
                _carry(file, place, schema)
            for file in sorted((home.path / "feeds").glob("*/feed.sqlite3")):
                _carry(file, place, f"feed_{file.parent.name}")
        return self.of_home[home.path]


class KeyPlaces(Places):
    """The same for keys: what a home's files have is there when it opens."""

    def of(self, home: Home) -> str:
        if home.path not in self.of_home:
            place = self.of_home[home.path] = self.new()
            stores = [(home.keys / "parts", "parts")]
            stores += [(file, f"feed_{file.parent.name}") for file in (home.path / "feeds").glob("*/keys")]
            for file, schema in stores:
                if file.exists():
                    with KeyStore.open(file, write=False) as source, closing(Postgres(place, schema)) as db:
                        copy_slots(source, KeyStore(SlotsPostgres(db, schema, True), True))
        return self.of_home[home.path]


def _clear(place: str) -> None:
    with closing(Postgres(place, "public")) as db:
        mine = "nspowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        for (name,) in db.execute(f"SELECT CAST(nspname AS TEXT) FROM pg_namespace WHERE {mine}").fetchall():
            db.execute(f'DROP SCHEMA "{name}" CASCADE')


def _carry(file: Path, place: str, schema: str) -> None:
    """A database that is a copy of another home's has what was carried there."""
    if not file.exists():
        return
    with (
        closing(open_database(file)) as source,
        closing(Postgres(place, schema)) as target,
        transaction(target),
    ):
        if not target.execute("SELECT 1 FROM pg_tables WHERE schemaname = ?", (schema,)).fetchall():
            carry(source, target, partitioned={"ledger_leaf": ("idx", TILE_WIDTH, TILE_WIDTH)})


def repartition(address: str, width: int | None) -> None:
    """Let the ledger of a node that does not run lie in partitions so wide; None: in none, as earlier versions did."""
    with closing(Postgres(address, "ledger")) as db, transaction(db):
        db.execute("CREATE TABLE aside AS SELECT * FROM ledger_leaf")
        db.execute("DROP TABLE ledger_leaf")
        db.execute("ALTER TABLE ledger_tile RENAME TO tile_aside")
        log = Log(db, "ledger", "", width=width)
        db.execute("DROP TABLE ledger_tile")
        db.execute("ALTER TABLE tile_aside RENAME TO ledger_tile")
        log.partitions.reach(db.execute("SELECT max(idx) + 1 FROM aside").fetchone()[0])
        db.execute("INSERT INTO ledger_leaf SELECT * FROM aside")
        db.execute("DROP TABLE aside")
