"""A second set of the tables, made again from the ledger a piece at a time, to compare with the one that is read.

It lies in the home while it is made and compared, and nowhere else. It holds plain values as the tables do: an erasure
drops it at once, and it begins anew. What is compared are rows, indices and the words of the search, by digests that
do not depend on their order.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log
from safeconduct.records.following import applied, follow
from safeconduct.records.home import Home
from safeconduct.records.projection import Tables

FILE = "tables.check.sqlite3"
ROWS = 500
"""Rows that are compared at a time."""
_SEARCH = "records_search"


class Shadow:
    """The second set of a home's tables. SQLite only."""

    def __init__(self, home: Home, tables: Tables) -> None:
        drop_shadow(home)
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
        _open[home.path] = self

    def follow(self, log: Log, keystore: KeyStore, most: int) -> int:
        """Apply the next entries of the ledger; how many they were."""
        return follow(log, self._tables, keystore, most=most)

    def meets(self) -> bool:
        """Whether both sets are at the same entry; from then on the other one is looked at as it is now."""
        if self._live is None:
            address = f"file:{self.home.tables}?mode=ro"
            self._live = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        if self._live.in_transaction:
            self._live.execute("ROLLBACK")
        self._live.execute("BEGIN")
        return applied(_plain(self._live)) == applied(self._tables)

    def compare(self) -> Iterator[tuple[int, str]]:
        """After `meets`: how many rows were looked at, and after each table its name if it differs, else ""."""
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
        """Close it and remove its file. What had begun with it begins anew."""
        if self.dropped:
            return
        self.dropped = True
        _open.pop(self.home.path, None)
        for db in (self._live, self._db):
            if db is not None:
                db.close()
        _remove(self._path)


_open: dict[Path, Shadow] = {}


def drop_shadow(home: Home) -> None:
    """Drop what a home has of a second set of tables, whoever made it."""
    if (shadow := _open.get(home.path)) is not None:
        shadow.drop()
    _remove(home.path / FILE)


def _remove(path: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _plain(db: sqlite3.Connection) -> Tables:
    return Tables(
        SimpleNamespace(vendor="sqlite", connection=db, settings_dict={}, ensure_connection=lambda: None)
    )


def _number(row: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.sha256(repr(row).encode()).digest(), "big")
