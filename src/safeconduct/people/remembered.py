"""What was looked up in the accounts is remembered for as long as nobody has written there since.

SQLite counts, for each connection, the commits of all others. A session that ended, an account that was locked, a
token or a device that was revoked is such a commit, whichever process made it: nothing that was looked up before is
believed after it. A database that does not count is asked each time.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from django.db import connections

from safeconduct.ledger.database import open_database

T = TypeVar("T")
MOST = 20_000


class Remembered(Generic[T]):
    """For any thread. `recall`, then look up and `keep` under the mark that held before the look-up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counter: sqlite3.Connection | None = None
        self._path = ""
        self._mark = 0
        self._found: dict[Hashable, T] = {}

    def recall(self, key: Hashable) -> tuple[T | None, int]:
        """What is remembered (None: look it up), and the mark that holds now."""
        with self._lock:
            mark = self._count()
            if mark != self._mark:
                self._found.clear()
                self._mark = mark
            return self._found.get(key), mark

    def keep(self, key: Hashable, found: T, mark: int) -> None:
        """Remember what was looked up after `recall` gave this mark, unless something was written since."""
        with self._lock:
            if mark and mark == self._mark and self._count() == mark:
                if len(self._found) >= MOST:
                    self._found.clear()
                self._found[key] = found

    def close(self) -> None:
        with self._lock:
            if self._counter is not None:
                self._counter.close()
            self._counter, self._path, self._mark = None, "", 0
            self._found.clear()

    def _count(self) -> int:
        """The number of the last commit as this connection, which never writes, sees it; 0 where none is counted."""
        path = str(connections.settings["default"]["NAME"])
        if connections.settings["default"]["ENGINE"] != "django.db.backends.sqlite3":
            return 0
        if self._counter is None or path != self._path:
            if self._counter is not None:
                self._counter.close()
            self._counter, self._path, self._mark = open_database(path, read_only=True), path, -1
        return int(self._counter.execute("PRAGMA data_version").fetchone()[0])
