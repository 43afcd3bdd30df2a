"""The slots of a key store in a schema of a PostgreSQL database that holds nothing but keys.

A changed row leaves the old one behind on its page, and VACUUM gives room free without overwriting it. So slots lie in
shelves, tables of limited size, and a shelf from which something is erased is written anew without it, in the same
transaction: the old file goes with the commit. What the server's write-ahead log still has is let go of as far as the
role may (`let_go_of_log`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise

from safeconduct.ledger.database import columns, transaction
from safeconduct.ledger.postgres import Postgres
from safeconduct.ledger.slots import ERASED_SLOT, SLOT_SIZE, KeyStoreRefused

SHELF = 65_536
"""Slots in one table: what an erasure rewrites, some 6 MB."""
AHEAD = 256
"""Slots that the writer reads at a time: nobody else changes them."""
_COUNTS = (
    "CREATE TABLE IF NOT EXISTS counts (one INTEGER PRIMARY KEY CHECK (one = 1), filled INTEGER NOT NULL, "
    "reserved INTEGER NOT NULL CHECK (0 <= reserved AND reserved <= filled))"
)


class SlotsPostgres:
    """The slots of one schema over one connection, which the writer has claimed and a reader makes again."""

    def __init__(self, db: Postgres, name: str, write: bool) -> None:
        """Raises FileNotFoundError for a reader while there is no store."""
        self.name = name
        self._db = db
        self._write = write
        self._lock = threading.RLock()
        self._ahead: dict[int, bytes] = {}
        self._known: set[str] = set()
        self._filled = 0
        if not columns(db, "counts"):
            if not write:
                raise FileNotFoundError(f"{name} is not there yet")
            with transaction(db):
                db.execute(_COUNTS)
                db.execute("INSERT INTO counts VALUES (1, 0, 0) ON CONFLICT DO NOTHING")

    def counts(self) -> tuple[int, int]:
        with self._lock:
            found = self._db.execute("SELECT filled, reserved FROM counts").fetchone()
        if found is None:
            raise KeyStoreRefused(f"{self.name} is damaged: nothing says how many slots it has")
        self._filled = int(found[0])
        return self._filled, int(found[1])

    def whole(self) -> bool:
        with self._lock:
            return self._db.execute("SELECT 1 FROM counts").fetchone() is not None

    def count(self, filled: int, reserved: int) -> None:
        with self._lock:
            self._db.execute("UPDATE counts SET filled = ?, reserved = ?", (filled, reserved))
            self._filled = filled

    def extent(self) -> int:
        return self._filled if self._write else self.counts()[0]

    def write(self, first: int, slots: bytes) -> None:
        with self._lock, transaction(self._db):
            for shelf, start, end in _shelves(first, first + len(slots) // SLOT_SIZE):
                self._db.execute(
                    f"CREATE TABLE IF NOT EXISTS {shelf} (slot INTEGER PRIMARY KEY, held BLOB NOT NULL)"
                )
                # A block that a crash left uncounted is there already: nothing of it was handed out.
                self._db.execute(f"DELETE FROM {shelf} WHERE slot >= ? AND slot < ?", (start, end))  # noqa: S608
                at = range(start, end)
                given = ((n, slots[(n - first) * SLOT_SIZE : (n - first + 1) * SLOT_SIZE]) for n in at)
                self._db.put_unlogged(shelf, ("int8", "bytea"), given)
            self._ahead.clear()

    def read(self, first: int, count: int) -> bytes:
        with self._lock:
            if not self._write or count > 1:
                return self._read(first, count)
            if first not in self._ahead:
                begin = first - first % AHEAD
                raw = self._read(begin, AHEAD)
                self._ahead = {
                    begin + at // SLOT_SIZE: raw[at : at + SLOT_SIZE] for at in range(0, len(raw), SLOT_SIZE)
                }
            return self._ahead.get(first, b"")

    def _read(self, first: int, count: int) -> bytes:
        """A slot that has no row reads as zeros, which no slot is."""
        end = first + count
        if count > 1 or not (found := self._rows(first, end)):
            end = min(end, self.extent())
            found = self._rows(first, end)
        nothing = bytes(SLOT_SIZE)
        return b"".join([found.get(slot, nothing) for slot in range(first, end)])

    def _rows(self, first: int, end: int) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for shelf, start, stop in _shelves(first, end):
            if self._there(shelf):
                rows = self._db.execute(
                    f"SELECT slot, held FROM {shelf} WHERE slot >= ? AND slot < ?",  # noqa: S608
                    (start, stop),
                )
                found.update((slot, bytes(held)) for slot, held in rows)
        return found

    def _there(self, shelf: str) -> bool:
        if shelf not in self._known:
            row = self._db.execute("SELECT to_regclass(CAST(? AS TEXT)) IS NOT NULL", (shelf,)).fetchone()
            if not row[0]:
                return False
            self._known.add(shelf)
        return True

    def overwrite(self, slots: Sequence[int]) -> None:
        with self._lock:
            self._ahead.clear()
            with transaction(self._db):
                changed = {shelf for start, end in _runs(slots) for shelf in self._erase(start, end)}
                for shelf in sorted(changed):
                    self._write_anew(shelf)
            if changed:
                self.let_go_of_log()

    def _erase(self, start: int, end: int) -> Iterator[str]:
        """The shelves in which a slot from `start` up to `end` was not erased before."""
        for shelf, first, stop in _shelves(start, end):
            done = self._db.execute(
                f"INSERT INTO {shelf} AS there (slot, held) SELECT n, CAST(? AS BYTEA) "  # noqa: S608
                "FROM generate_series(CAST(? AS BIGINT), CAST(? AS BIGINT)) AS n "
                "ON CONFLICT (slot) DO UPDATE SET held = excluded.held WHERE there.held <> excluded.held",
                (ERASED_SLOT, first, stop - 1),
            )
            if done.rowcount:
                yield shelf

    def _write_anew(self, shelf: str) -> None:
        # TRUNCATE begins a new file whatever other sessions still look at, which VACUUM FULL does not.
        self._db.execute(f"CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT slot, held FROM {shelf}")  # noqa: S608
        self._db.execute(f"TRUNCATE {shelf}")
        self._db.execute(f"INSERT INTO {shelf} SELECT slot, held FROM kept ORDER BY slot")  # noqa: S608
        self._db.execute("DROP TABLE kept")

    def let_go_of_log(self) -> bool:
        """Have the server end its write-ahead log's segment and not need those before; False where the role may not."""
        return let_go_of_log(self._db)

    def close(self) -> None:
        with self._lock:
            self._ahead.clear()
            self._db.close()


def let_go_of_log(db: Postgres) -> bool:
    """End the segment of the server's write-ahead log and let those before it go; False where the role may not."""
    may = db.execute(
        "SELECT pg_has_role('pg_checkpoint', 'MEMBER') AND has_function_privilege('pg_switch_wal()', 'EXECUTE')"
    ).fetchone()
    if may[0]:
        db.execute("SELECT pg_switch_wal()")
        db.execute("CHECKPOINT")
    return bool(may[0])


def let_read(db: Postgres, schema: str, role: str) -> None:
    """A role reads the slots of a schema, those that are not made yet, too. Both are quoted as names."""
    db.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    db.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    db.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}")


def _shelves(first: int, end: int) -> Iterator[tuple[str, int, int]]:
    """(table, first slot, end) of each shelf that has slots from `first` up to `end`."""
    bounds = [first, *range((first // SHELF + 1) * SHELF, end, SHELF), end]
    for start, stop in pairwise(bounds):
        if start < stop:
            yield f"slots_{start // SHELF}", start, stop


def _runs(slots: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The sorted slots as (start, end) of those that follow one another."""
    if isinstance(slots, range):
        if slots:
            yield slots.start, slots.stop
        return
    start = last = -1
    for slot in slots:
        if slot != last + 1 or start < 0:
            if start >= 0:
                yield start, last + 1
            start = slot
        last = slot
    if start >= 0:
        yield start, last + 1
