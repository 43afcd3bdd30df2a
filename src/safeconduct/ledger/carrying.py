"""Carrying what a SQLite file of the project's own tables holds over into another database, row by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from types import MappingProxyType

from safeconduct.ledger.database import Database
from safeconduct.ledger.partitions import Partitions, in_partitions

ROWS = 1_000


def carry(
    source: sqlite3.Connection,
    target: Database,
    progress: Callable[[str, int], None] | None = None,
    partitioned: Mapping[str, tuple[str, int, int]] = MappingProxyType({}),
) -> dict[str, int]:
    """Make the tables and indexes of the source in the target, which has none of them, and copy every row, inside the
    caller's transactions. Returns how many rows each table has; `progress` hears (table, rows so far). `partitioned`
    says of tables by which column they are in partitions, how wide these are, and by which unit they are named.

    Raises ValueError for a value that the target's column does not take.
    """
    made = source.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "
        "ORDER BY type = 'index', name"
    ).fetchall()
    counts: dict[str, int] = {}
    for kind, name, sql in made:
        if name in partitioned:
            _make(source, target, name, sql, *partitioned[name])
        else:
            target.execute(sql)
        if kind == "table":
            counts[name] = _rows(source, target, name, progress)
    return counts


def _make(
    source: sqlite3.Connection, target: Database, name: str, sql: str, key: str, width: int, unit: int
) -> None:
    target.execute(in_partitions(target, sql, key))
    first, last = source.execute(f'SELECT min({key}), max({key}) FROM "{name}"').fetchone()  # noqa: S608
    if last is not None:
        Partitions(target, name, key, width, unit).reach(last + 1, first)


def _rows(
    source: sqlite3.Connection, target: Database, name: str, progress: Callable[[str, int], None] | None
) -> int:
    keys = [
        f'"{column}"'
        for _, column, _, _, _, place in source.execute(f'PRAGMA table_info("{name}")').fetchall()
        if place
    ]
    order = f" ORDER BY {', '.join(keys)}" if keys else ""
    cursor = source.execute(f'SELECT * FROM "{name}"{order}')  # noqa: S608  (names of the source's own tables)
    marks = ", ".join("?" * len(cursor.description))
    count = 0
    while rows := cursor.fetchmany(ROWS):
        target.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)  # noqa: S608
        count += len(rows)
        if progress is not None:
            progress(name, count)
    return count
