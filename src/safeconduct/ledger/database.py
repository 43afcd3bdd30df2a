"""A connection by which the project speaks to a database, whichever one it is: SQLite's files, or PostgreSQL.

Statements are the same for both, with `?` for values. Tables know whole numbers, floats, texts and bytes, and no
booleans: those are 0 and 1. Texts compare by their code points. `BEGIN` is one unchanging view for several reads,
`BEGIN IMMEDIATE` a turn at writing that no two have at a time; without either, every statement stands alone.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote


class DatabaseFault(Exception):
    """What a PostgreSQL server, or the way to it, reports. Says nothing of the values that were asked for."""


class DatabaseBusy(DatabaseFault):
    """Somebody else has what was asked for, for longer than it was waited."""


FAULTS = (sqlite3.Error, DatabaseFault)
"""What means that a database failed, and not only what was asked of it."""


class Rows(Protocol):
    """What a statement answers."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """One connection, for one thread at a time."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows: ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Rows: ...

    def close(self) -> None: ...


def open_database(path: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
    """A file's connection, fit for a log: WAL, synchronous=FULL, foreign keys, explicit transactions.

    FULL, because with NORMAL a power cut could take back what a signed checkpoint has promised. The
    file is created with mode 0600. `read_only` needs a file that exists.
    """
    location = Path(path).absolute()
    if read_only:
        address = f"file:{quote(str(location))}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
    else:
        os.close(os.open(location, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(location, isolation_level=None, check_same_thread=False)
        # Of a file that is made now: what is let go of can be given back to the disk (`give_back`).
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            connection.close()
            raise sqlite3.OperationalError(f"{location} cannot be put into WAL mode")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """A turn at writing: durable when the block ends, undone when it fails."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


@contextmanager
def snapshot(db: Database) -> Iterator[None]:
    """One unchanging view of the database for several reads."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def apart(db: Database) -> Iterator[None]:
    """Reads whose failure the transaction around them outlives: after it, PostgreSQL would refuse all the rest."""
    if isinstance(db, sqlite3.Connection) or not db.in_transaction:
        yield
        return
    db.execute("SAVEPOINT apart")
    try:
        yield
    except FAULTS:
        db.execute("ROLLBACK TO apart")
        raise
    db.execute("RELEASE apart")


def columns(db: Database, table: str) -> set[str]:
    """The names of a table's columns; none when there is no such table."""
    if isinstance(db, sqlite3.Connection):
        sql = "SELECT name FROM pragma_table_info(?)"
    else:
        sql = (
            "SELECT CAST(attname AS TEXT) FROM pg_attribute WHERE attrelid = to_regclass(CAST(? AS TEXT)) "
            "AND attnum > 0 AND NOT attisdropped"
        )
    return {str(name) for (name,) in db.execute(sql, (table,))}


def wait_for_disk(db: Database, always: bool) -> None:
    """Whether all that is committed on this connection outlives a power cut, or all but its last moment."""
    if isinstance(db, sqlite3.Connection):
        db.execute(f"PRAGMA synchronous = {'FULL' if always else 'NORMAL'}")
    else:
        db.execute(f"SET synchronous_commit = {'on' if always else 'off'}")


def sweep(db: Database, *tables: str, wait_ms: int | None = None) -> bool:
    """Let go of what was erased from these tables: SQLite empties its write-ahead log, PostgreSQL gives up dead rows.

    False when a reader stood in the way for longer than `wait_ms`: then it is to be tried again.
    """
    if not isinstance(db, sqlite3.Connection):
        for table in tables:
            db.execute(f"VACUUM {table}")
        return True
    before = db.execute("PRAGMA busy_timeout").fetchone()[0]
    if wait_ms is not None:
        db.execute(f"PRAGMA busy_timeout = {wait_ms}")
    busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    db.execute(f"PRAGMA busy_timeout = {before}")
    return not busy


def free_pages(db: Database) -> int:
    """Pages that a SQLite file has let go of and can give back. A file of an earlier version can give none until it was
    compacted; PostgreSQL sees to its own."""
    if not isinstance(db, sqlite3.Connection) or db.execute("PRAGMA auto_vacuum").fetchone()[0] != 2:
        return 0
    return int(db.execute("PRAGMA freelist_count").fetchone()[0])


def give_back(db: Database, pages: int) -> None:
    """Give the disk back so many of them at most. Outside a transaction."""
    if isinstance(db, sqlite3.Connection) and free_pages(db):
        # `execute` would take one step of it, which is one page.
        db.executescript(f"PRAGMA incremental_vacuum({pages})")


def compact(path: Path | str) -> tuple[int, int]:
    """Write a SQLite file anew without what it let go of, while nobody else has it open: bytes before and after.

    It takes as much room again until it is done; a crash leaves it as it was. From then on `give_back` works on it.
    """
    location = Path(path)
    before = location.stat().st_size
    connection = open_database(location)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return before, location.stat().st_size
