"""Where the positions of journeys lie: a database of their own in the home, and never the ledger.

A position is kept for as long as the clause says that lets it be read, and then it is gone: its page is overwritten,
and no backup has it. The same fix sent twice is one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from safeconduct.ledger.log import open_database
from safeconduct.records.home import Home

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS position (
        movement TEXT NOT NULL,
        person TEXT NOT NULL,
        at REAL NOT NULL,
        latitude REAL NOT NULL,
        longitude REAL NOT NULL,
        accuracy_m REAL,
        speed REAL,
        heading REAL,
        told INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (movement, person, at)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS position_at ON position (at)",
    "CREATE INDEX IF NOT EXISTS position_untold ON position (movement, at) WHERE told = 0",
)
_COLUMNS = "movement, person, at, latitude, longitude, accuracy_m, speed, heading"


@dataclass(frozen=True, slots=True)
class Position:
    """One fix of a phone: seconds since 1970, degrees WGS 84, metres, metres a second, degrees from north."""

    movement: str
    person: str
    at: float
    latitude: float
    longitude: float
    accuracy_m: float | None = None
    speed: float | None = None
    heading: float | None = None


def database(home: Home) -> Path:
    return home.path / "positions.sqlite3"


class Store:
    """Reads and writes the positions. For any process of the node, one thread at a time."""

    def __init__(self, home: Home) -> None:
        self._lock = threading.Lock()
        self.db = open_database(database(home))
        # A power cut may take the last second of a phone's positions, never more: the phone sends them again.
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute("PRAGMA busy_timeout = 10000")
        for statement in _SCHEMA:
            self.db.execute(statement)

    def close(self) -> None:
        self.db.close()

    def put(self, positions: Sequence[Position]) -> int:
        """Keep these; returns how many were new."""
        rows = [
            (p.movement, p.person, p.at, p.latitude, p.longitude, p.accuracy_m, p.speed, p.heading)
            for p in positions
        ]
        with self._lock, self.db:
            before = self.db.total_changes
            self.db.execute("BEGIN IMMEDIATE")
            self.db.executemany(
                f"INSERT OR IGNORE INTO position ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                rows,
            )
            return self.db.total_changes - before

    def untold(self, movement: str, limit: int = 2_000) -> list[Position]:
        """Those of which the writer has not heard, oldest first."""
        return self._read("movement = ? AND told = 0 ORDER BY at LIMIT ?", (movement, limit))

    def tell(self, positions: Iterable[Position]) -> None:
        with self._lock, self.db:
            self.db.execute("BEGIN IMMEDIATE")
            self.db.executemany(
                "UPDATE position SET told = 1 WHERE movement = ? AND person = ? AND at = ?",
                [(p.movement, p.person, p.at) for p in positions],
            )

    def latest(self, movements: Sequence[str], since: float) -> dict[str, Position]:
        """The newest position of each movement, not older than `since`."""
        found = {}
        for movement in movements:
            rows = self._read("movement = ? AND at >= ? ORDER BY at DESC LIMIT 1", (movement, since))
            if rows:
                found[movement] = rows[0]
        return found

    def recent(self, since: float, limit: int) -> list[Position]:
        """Positions of any movement later than `since`, oldest first; the newest when they are too many."""
        return self._read("at > ? ORDER BY at DESC LIMIT ?", (since, limit))[::-1]

    def track(self, movement: str, since: float, limit: int) -> list[Position]:
        """The positions of a movement not older than `since`, oldest first; the newest when they are too many."""
        return self._read("movement = ? AND at >= ? ORDER BY at DESC LIMIT ?", (movement, since, limit))[::-1]

    def movements(self) -> list[str]:
        """The movements of which positions are kept."""
        rows = self.db.execute(
            "WITH RECURSIVE each(movement) AS (SELECT min(movement) FROM position UNION ALL "
            "SELECT (SELECT min(movement) FROM position WHERE movement > each.movement) FROM each "
            "WHERE each.movement IS NOT NULL) SELECT movement FROM each WHERE movement IS NOT NULL"
        )
        return [movement for (movement,) in rows.fetchall()]

    def forget(self, movement: str, before: float = float("inf")) -> int:
        """Erase the positions of a movement that are older; returns how many were."""
        with self._lock, self.db:
            self.db.execute("BEGIN IMMEDIATE")
            gone = self.db.execute("DELETE FROM position WHERE movement = ? AND at < ?", (movement, before))
            count = gone.rowcount
        return int(count)

    def sweep(self) -> None:
        """Empty the write-ahead log, which still has what was erased; not while a reader needs it."""
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _read(self, where: str, values: Sequence[object]) -> list[Position]:
        rows = self.db.execute(f"SELECT {_COLUMNS} FROM position WHERE {where}", values).fetchall()  # noqa: S608
        return [Position(*row) for row in rows]
