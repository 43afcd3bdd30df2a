"""Where the positions of journeys lie: a database of their own in the home, and never the ledger.

A position is kept for as long as the clause says that lets it be read, and then it is gone: its page is overwritten,
and no backup has it. The same fix sent twice is one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from safeconduct.ledger.database import columns, free_pages, give_back, sweep, transaction, wait_for_disk
from safeconduct.ledger.partitions import in_partitions
from safeconduct.positions.days import Days
from safeconduct.records.databases import open_positions
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
        party TEXT NOT NULL DEFAULT '',
        until REAL,
        PRIMARY KEY (movement, person, at)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS position_at ON position (at)",
    "CREATE INDEX IF NOT EXISTS position_untold ON position (movement, at) WHERE told = 0",
)
_LATER = {"party": "TEXT NOT NULL DEFAULT ''", "until": "REAL"}
"""Columns that a database of an earlier version lacks."""
_COLUMNS = "movement, person, at, latitude, longitude, accuracy_m, speed, heading, party"
OWN = ""
PAGES = 500
"""Pages of the file that are given back to the disk in one go: phones wait meanwhile."""
_NEWEST = (
    "WITH RECURSIVE each(who) AS (SELECT min(person) FROM position WHERE movement = ? UNION ALL "
    "SELECT (SELECT min(person) FROM position WHERE movement = ? AND person > each.who) FROM each "
    "WHERE each.who IS NOT NULL) "
    "SELECT {columns} FROM each JOIN position ON movement = ? AND person = each.who "
    "AND at = (SELECT max(p.at) FROM position p WHERE p.movement = ? AND p.person = each.who) "
    "WHERE party IN ({marks}) AND at >= ? AND coalesce(until, ?) >= ? ORDER BY at DESC LIMIT 1"
)
"""The newest of those of each person: by the key, however long the track is."""
_NAMES = _COLUMNS.split(", ")
_INSERT = f"INSERT INTO position ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))}) ON CONFLICT DO NOTHING"  # noqa: S608
_row = attrgetter(*_NAMES)


@dataclass(frozen=True, slots=True)
class Position:
    """One fix of a phone: seconds since 1970, degrees WGS 84, metres, metres a second, degrees from north.

    `party` is the partner whose node sent it, "" for one that this node's own devices took; a partner does not say
    whose phone it was, and speaks for itself: `speaker`.
    """

    movement: str
    person: str
    at: float
    latitude: float
    longitude: float
    accuracy_m: float | None = None
    speed: float | None = None
    heading: float | None = None
    party: str = OWN


def speaker(party: str) -> str:
    """Whose positions those of a partner are."""
    return f"{party}/"


class Store:
    """Reads and writes the positions. For any process of the node, one thread at a time."""

    def __init__(self, home: Home) -> None:
        self._lock = threading.Lock()
        self.db = open_positions(home)
        # A power cut may take the last second of a phone's positions, never more: the phone sends them again.
        wait_for_disk(self.db, False)
        self._days = Days(self.db)
        if not {*_NAMES, *_LATER} <= columns(self.db, "position"):
            self._make()

    def _make(self) -> None:
        table, *indexes = _SCHEMA
        with transaction(self.db):
            known = columns(self.db, "position")
            self.db.execute(in_partitions(self.db, table, "at"))
            if not known and self._days.there:
                self._days.begin()
            for index in indexes:
                self.db.execute(index)
            known = columns(self.db, "position")
            for name, declared in _LATER.items():
                if name not in known:
                    self.db.execute(f"ALTER TABLE position ADD COLUMN {name} {declared}")

    def make_days(self, now: float) -> None:
        """On PostgreSQL: a place for the positions of this day and the next. By its owner, now and then."""
        if self._days.possible:
            with self._lock, transaction(self.db):
                self._days.take_in()
                self._days.make(now)

    def close(self) -> None:
        self.db.close()

    def wait_for_disk(self) -> None:
        """From now on what is kept outlives a power cut before it is acknowledged: its sender may forget it."""
        wait_for_disk(self.db, True)

    def put(self, positions: Sequence[Position]) -> int:
        """Keep these, which this node's own devices took; returns how many were new."""
        return self.put_each([positions])[0]

    def untold(self, movement: str, limit: int = 2_000) -> list[Position]:
        """Those of which the writer has not heard, oldest first."""
        return self._read("movement = ? AND told = 0 ORDER BY at LIMIT ?", (movement, limit))

    def tell(self, positions: Iterable[Position]) -> None:
        with self._lock, transaction(self.db):
            self.db.executemany(
                "UPDATE position SET told = 1 WHERE movement = ? AND person = ? AND at = ?",
                [(p.movement, p.person, p.at) for p in positions],
            )

    def receive(self, positions: Sequence[Position], until: float) -> None:
        """Keep what came from a partner, at most until that moment (seconds since 1970)."""
        rows = [
            (
                p.movement,
                speaker(p.party),
                p.at,
                p.latitude,
                p.longitude,
                p.accuracy_m,
                p.speed,
                p.heading,
                p.party,
            )
            for p in positions
        ]
        with self._lock, transaction(self.db):
            self.db.executemany(
                f"INSERT INTO position ({_COLUMNS}, told, until) "  # noqa: S608
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING",
                [(*row, until) for row in rows],
            )

    def latest(
        self, movements: Sequence[str], since: float, parties: Collection[str] = (OWN,)
    ) -> dict[str, Position]:
        """The newest position of each movement that these parties' devices took, not older than `since`."""
        marks, now = ", ".join("?" * len(parties)), time.time()
        found = {}
        for movement in movements:
            row = self.db.execute(
                _NEWEST.format(columns=_COLUMNS, marks=marks),
                (movement, *[movement] * 3, *parties, since, now, now),
            ).fetchone()
            if row is not None:
                found[movement] = Position(*row)
        return found

    def recent(self, since: float, limit: int) -> list[Position]:
        """Positions of any movement later than `since`, oldest first; the newest when they are too many."""
        return self._read("at > ? ORDER BY at DESC LIMIT ?", (since, limit))[::-1]

    def track(
        self, movement: str, since: float, limit: int, parties: Collection[str] = (OWN,)
    ) -> list[Position]:
        """The positions of a movement that these parties' devices took, not older than `since`, oldest first; the
        newest when they are too many."""
        marks, now = ", ".join("?" * len(parties)), time.time()
        where = f"movement = ? AND at >= ? AND party IN ({marks}) AND coalesce(until, ?) >= ?"
        found = self._read(f"{where} ORDER BY at DESC LIMIT ?", (movement, since, *parties, now, now, limit))
        return found[::-1]

    def movements(self) -> list[str]:
        """The movements of which positions are kept."""
        rows = self.db.execute(
            "WITH RECURSIVE each(movement) AS (SELECT min(movement) FROM position UNION ALL "
            "SELECT (SELECT min(movement) FROM position WHERE movement > each.movement) FROM each "
            "WHERE each.movement IS NOT NULL) SELECT movement FROM each WHERE movement IS NOT NULL"
        )
        return [movement for (movement,) in rows.fetchall()]

    def forget(self, movement: str, before: float = float("inf"), party: str | None = None) -> int:
        """Erase the positions of a movement that are older, of all parties' devices or of one's; returns how many."""
        whose, parties = ("", ()) if party is None else ("AND party = ?", (party,))
        with self._lock, transaction(self.db):
            gone = self.db.execute(
                f"DELETE FROM position WHERE movement = ? AND at < ? {whose}",  # noqa: S608
                (movement, before, *parties),
            )
            count = gone.rowcount
        return int(count)

    def forget_received(self, movement: str, party: str, now: float, before: float) -> int:
        """Erase what a partner sent of a movement and whose time is over, or that is older than `before`."""
        with self._lock, transaction(self.db):
            gone = self.db.execute(
                "DELETE FROM position WHERE movement = ? AND party = ? AND (until < ? OR at < ?)",
                (movement, party, now, before),
            )
            count = gone.rowcount
        return int(count)

    def forget_days(self, before: float, partners: Collection[str], now: float) -> None:
        """Let go of whole days of all movements, where positions lie by day, if all that is own or came from these
        partners and is older than that moment is to go. What does not go so is left to `forget`."""
        if self._days.there:
            with self._lock, transaction(self.db):
                self._days.drop(before, [OWN, *partners], now)
                self._days.empty_rest()

    def sweep(self) -> None:
        """Empty the write-ahead log, which still has what was erased; not while a reader needs it."""
        sweep(self.db, "position")

    def give_back(self) -> bool:
        """Give the disk back some of what was let go of; whether there is more."""
        with self._lock:
            more = free_pages(self.db) > PAGES
            give_back(self.db, PAGES)
        return more

    def put_each(self, batches: Sequence[Sequence[Position]]) -> list[int]:
        """Keep several batches in one transaction; returns how many of each were new."""
        new = []
        with self._lock, transaction(self.db):
            for batch in batches:
                new.append(self.db.executemany(_INSERT, map(_row, batch)).rowcount)
        return new

    def _read(self, where: str, values: Sequence[object]) -> list[Position]:
        rows = self.db.execute(f"SELECT {_COLUMNS} FROM position WHERE {where}", values).fetchall()  # noqa: S608
        return [Position(*row) for row in rows]
