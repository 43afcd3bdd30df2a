"""A second set of the tables, made again from the ledger a piece at a time, to compare with the one that is read.

It lies beside the tables while it is made and compared, and nowhere else: a file in the home, or a schema of the
node's database. It holds plain values as the tables do: an erasure drops it at once, and it begins anew. What is
compared are rows and the words of the search, of files their indices too, by digests that do not depend on order.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

from django.db import DatabaseError

from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log
from safeconduct.records.dialect import DIALECTS, INSTR
from safeconduct.records.following import applied, follow
from safeconduct.records.home import Home
from safeconduct.records.projection import Tables

FILE = "tables.check.sqlite3"
SCHEMA = "tables_check"
ROWS = 500
"""Rows that are compared at a time."""
_SEARCH = "records_search"


class Shadow(Protocol):
    """The second set of a home's tables."""

    dropped: bool

    def follow(self, log: Log, keystore: KeyStore, most: int) -> int:
        """Apply the next entries of the ledger; how many they were."""

    def meets(self) -> bool:
        """Whether both sets are at the same entry; from then on the other one is looked at as it is now."""

    def compare(self) -> Iterator[tuple[int, str]]:
        """After `meets`: how many rows were looked at, and after each table its name if it differs, else ""."""

    def drop(self) -> None:
        """Let nothing of it be left. What had begun with it begins anew."""


def cast_shadow(home: Home, tables: Tables) -> Shadow:
    """A second set of these tables, in place of any that there was."""
    drop_shadow(home)
    made = (FileShadow if tables.dialect is DIALECTS["sqlite"] else SchemaShadow)(home, tables)
    _open[home.path] = made
    return made


class FileShadow:
    """Of tables that are a SQLite file."""

    def __init__(self, home: Home, tables: Tables) -> None:
        self.home = home
        self.dropped = False
        self._path = home.path / FILE
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._live: sqlite3.Connection | None = None
        # Nothing of it need outlive the process: no log, no waiting for the disk, nothing left in free pages.
        for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "secure_delete=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        for (sql,) in tables.all(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite^_%%' ESCAPE '^' "
            f"AND name NOT LIKE '{_SEARCH}^_%%' ESCAPE '^' ORDER BY type = 'table' DESC"
        ):
            self._db.execute(sql)
        self._tables = _plain(self._db)

    def follow(self, log: Log, keystore: KeyStore, most: int) -> int:
        return follow(log, self._tables, keystore, most=most)

    def meets(self) -> bool:
        if self._live is None:
            address = f"file:{self.home.tables}?mode=ro"
            self._live = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        if self._live.in_transaction:
            self._live.execute("ROLLBACK")
        self._live.execute("BEGIN")
        return applied(_plain(self._live)) == applied(self._tables)

    def compare(self) -> Iterator[tuple[int, str]]:
        if self._live is None:
            raise RuntimeError("compare comes after meets")
        for db in (self._live, self._db):
            db.execute(f"CREATE VIRTUAL TABLE temp.check_words USING fts5vocab(main, {_SEARCH}, instance)")
        for name, sql in self._asked():
            sums = []
            for db in (self._live, self._db):
                total = 0
                try:
                    cursor = db.execute(sql)
                    while rows := cursor.fetchmany(ROWS):
                        total += sum(map(_number, rows))
                        yield len(rows), ""
                except sqlite3.DatabaseError:
                    if self.dropped:
                        return
                    total = -1
                sums.append(total % (1 << 256))
            yield 0, name if sums[0] != sums[1] else ""

    def _asked(self) -> Iterator[tuple[str, str]]:
        from safeconduct.records.rebuild import explained

        for table, columns in explained().items():
            yield table, f"SELECT {', '.join(columns)} FROM {table} NOT INDEXED"
            for index, partial in self._tables.all(f"SELECT name, partial FROM pragma_index_list('{table}')"):
                names = [n for (n,) in self._tables.all(f"SELECT name FROM pragma_index_info('{index}')")]
                if not partial and set(names) <= set(columns):
                    yield index, f'SELECT {", ".join(names)} FROM {table} INDEXED BY "{index}"'
        yield _SEARCH, f"SELECT rowid, words FROM {_SEARCH}"
        yield f"{_SEARCH}_words", "SELECT term, doc, col, offset FROM temp.check_words"

    def drop(self) -> None:
        if self.dropped:
            return
        self.dropped = True
        _open.pop(self.home.path, None)
        for db in (self._live, self._db):
            if db is not None:
                db.close()
        _remove(self._path)


class SchemaShadow:
    """Of tables that are a schema of a PostgreSQL database: another schema, which its log never sees.

    The server reads its indices for itself; whether they are what the rows say is for `pg_amcheck`.
    """

    def __init__(self, home: Home, tables: Tables) -> None:
        self.home = home
        self.dropped = False
        self._live: Tables | None = None
        # Never over the writer's own connection: it is in the middle of a transaction.
        self._tables = tables.beside(SCHEMA)
        _drop_schema(self._tables)
        self._tables.execute(f"CREATE SCHEMA {SCHEMA}")
        for (name,) in tables.all(
            "SELECT relname FROM pg_class WHERE relnamespace = 'tables'::regnamespace AND relkind = 'r'"
        ):
            self._tables.execute(f'CREATE UNLOGGED TABLE "{name}" (LIKE tables."{name}" INCLUDING ALL)')
        self._tables.execute(INSTR)

    def follow(self, log: Log, keystore: KeyStore, most: int) -> int:
        return follow(log, self._tables, keystore, most=most)

    def meets(self) -> bool:
        if self._live is None:
            self._live = self._tables.beside("tables")
        else:
            self._live.execute("ROLLBACK")
        self._live.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return applied(self._live) == applied(self._tables)

    def compare(self) -> Iterator[tuple[int, str]]:
        if self._live is None:
            raise RuntimeError("compare comes after meets")
        self._tables.execute("BEGIN")
        for name, columns in self._asked():
            sums = []
            for tables in (self._live, self._tables):
                total = 0
                tables.execute("SAVEPOINT looking")
                try:
                    # A cursor of the server's: a table may be larger than this process should become.
                    tables.execute(f"DECLARE looking NO SCROLL CURSOR FOR SELECT {columns} FROM {name}")
                    while rows := tables.all(f"FETCH {ROWS} FROM looking"):
                        total += sum(map(_number, rows))
                        yield len(rows), ""
                        if self.dropped:
                            return
                except DatabaseError:
                    total = -1
                tables.execute("ROLLBACK TO looking")
                sums.append(total % (1 << 256))
            yield 0, name if sums[0] != sums[1] else ""
            if self.dropped:
                return

    def _asked(self) -> Iterator[tuple[str, str]]:
        from safeconduct.records.rebuild import explained

        for table, columns in explained().items():
            # What the wall goes by is a column that the server itself keeps.
            more = ["lowest", "highest"] if table == "records_row" else []
            yield table, ", ".join([*columns, *more])
        yield _SEARCH, "rowid, words, lexemes::text"

    def drop(self) -> None:
        if self.dropped:
            return
        self.dropped = True
        _open.pop(self.home.path, None)
        if self._live is not None:
            self._live.close()
        # A server that is gone takes the second set with it when this node begins anew.
        with suppress(DatabaseError):
            self._tables.execute("ROLLBACK")
            _drop_schema(self._tables)
        self._tables.close()


_open: dict[Path, Shadow] = {}


def drop_shadow(home: Home, tables: Tables | None = None) -> None:
    """Drop what a home has of a second set of tables; given the tables, also what an earlier process left of one."""
    if (shadow := _open.get(home.path)) is not None:
        shadow.drop()
    _remove(home.path / FILE)
    if tables is not None and tables.dialect is not DIALECTS["sqlite"]:
        _drop_schema(tables)


def _drop_schema(tables: Tables) -> None:
    tables.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def _remove(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _plain(db: sqlite3.Connection) -> Tables:
    return Tables(
        SimpleNamespace(vendor="sqlite", connection=db, settings_dict={}, ensure_connection=lambda: None)
    )


def _number(row: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.sha256(repr(row).encode()).digest(), "big")
