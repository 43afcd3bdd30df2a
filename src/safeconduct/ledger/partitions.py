"""A table of PostgreSQL in partitions, by ranges of one number: what is let go of as a whole goes with its files, and
the disk has it back at once, without a row being touched.

A table of SQLite, or one that an earlier version made, is one piece and stays as it is, until `take_in`. A partition is
made as a table of its own and attached: unlike `PARTITION OF`, which waits for everybody who reads the whole, that
waits for no reader, and no reader for it.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from safeconduct.ledger.database import FAULTS, Database, DatabaseBusy, apart

SOON_MS = 250
"""How long somebody waits where it can as well be done later."""
LEAVES = 1 << 20
"""Entries of a ledger in a partition: at one and a half kilobytes each, a file or two of a server's."""
_RETRIES = 64
"""How many times in a partition the next one is tried again."""
_PIECES = (
    "SELECT CAST(c.relname AS TEXT), pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i "
    "JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(CAST(? AS TEXT))"
)
_INDEXES = (
    "SELECT CAST(c.relname AS TEXT), pg_get_indexdef(i.indexrelid), pg_get_constraintdef(k.oid) FROM pg_index i "
    "JOIN pg_class c ON c.oid = i.indexrelid LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid "
    "WHERE i.indrelid = to_regclass(CAST(? AS TEXT))"
)
_BOUNDS = re.compile(r"FOR VALUES FROM \('?([^')]+)'?\) TO \('?([^')]+)'?\)")


class Partition(NamedTuple):
    """A table that holds the rows [start, end)."""

    name: str
    start: int
    end: int


def in_partitions(db: Database, create: str, key: str) -> str:
    """A CREATE TABLE whose rows lie in partitions by that column, where the database has such a thing."""
    return create if isinstance(db, sqlite3.Connection) else f"{create} PARTITION BY RANGE ({key})"


class Partitions:
    """The partitions of one table. A partition is called after the table and the first `unit` of numbers in it."""

    def __init__(self, db: Database, table: str, key: str, width: int | None, unit: int) -> None:
        """`width`: how many numbers a partition holds, from a multiple of it to the next; None where none are made.
        Raises ValueError when that is no multiple of `unit`."""
        if width is not None and (width <= 0 or width % unit):
            raise ValueError(f"a partition of {table} holds a multiple of {unit}")
        self.table, self.key, self.width = table, key, width or unit
        self._db, self._unit, self._wanted = db, unit, width is not None
        self._there: bool | None = False if isinstance(db, sqlite3.Connection) else None
        self._near = None if self._wanted and self._there is None else sys.maxsize
        self._unsure = False

    def made_by(self, create: str) -> str:
        """The statement, which makes the table in partitions if it makes this table, and they are wanted."""
        ours = self._wanted and re.search(rf"\b{self.table} \(", create)
        return in_partitions(self._db, create, self.key) if ours else create

    @property
    def there(self) -> bool:
        """Whether the table is in partitions."""
        if self._there is None:
            sql = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(CAST(? AS TEXT))"
            found = self._db.execute(sql, (self.table,)).fetchone()
            if found is None:
                return False
            self._there = bool(found[0])
        return self._there

    @property
    def plain(self) -> bool:
        """Whether the table is one piece where it could be in partitions."""
        return not (isinstance(self._db, sqlite3.Connection) or self.there)

    def all(self) -> list[Partition]:
        """Those with a range, in order."""
        found = []
        for name, bounds in self._db.execute(_PIECES, (self.table,)).fetchall():
            if ranged := _BOUNDS.fullmatch(bounds):
                found.append(Partition(str(name), int(float(ranged[1])), int(float(ranged[2]))))
        return sorted(found, key=lambda each: each.start)

    def reach(self, end: int, first: int = 0) -> None:
        """See to it, inside the caller's transaction, that rows before `end` have a place, and the next partition is
        there before it is needed. `first`: where an empty table begins.

        No more than a comparison until the last partition is reached.
        """
        if self._near is None or end > self._near:
            self._grow(end, first)

    def reload(self) -> None:
        """After a rollback: what was made in it is not there."""
        if self._unsure:
            self._near, self._unsure = None, False

    def _grow(self, end: int, first: int) -> None:
        if not self.there:
            self._near = sys.maxsize
            return
        found = self.all()
        start, reached = (found[-1].start, found[-1].end) if found else (-1, first // self.width * self.width)
        while end > start:
            following = (reached // self.width + 1) * self.width
            if reached < end:
                self.attach(reached, following)
            elif not self.attach_soon(reached, following):
                self._near = min(end + self.width // _RETRIES, reached)
                return
            start, reached = reached, following
            self._unsure = True
        self._near = start

    def attach_soon(self, start: int, end: int) -> bool:
        """Make a partition that is not needed yet. False when something keeps it from that: it is to be tried again."""
        try:
            with apart(self._db), _impatient(self._db):
                self.attach(start, end)
        except FAULTS:
            return False
        return True

    def attach(self, start: int, end: int) -> Partition:
        """Make a partition, inside the caller's transaction."""
        made = Partition(f"{self.table}_{start // self._unit}", start, end)
        self._db.execute(f"CREATE TABLE {made.name} (LIKE {self.table} INCLUDING ALL EXCLUDING INDEXES)")
        self._db.execute(
            f"ALTER TABLE {self.table} ATTACH PARTITION {made.name} FOR VALUES FROM ({start}) TO ({end})"
        )
        return made

    def before(self, end: int) -> list[Partition]:
        """Those that hold nothing but what is before `end`."""
        return [each for each in self.all() if each.end <= end] if self.there else []

    def drop(self, partition: Partition) -> bool:
        """Let go of a partition and all that is in it, inside the caller's transaction. False when somebody reads the
        table: nobody is made to wait, and it is to be tried again."""
        return self._at_once(f"DROP TABLE {partition.name}")

    def empty(self, name: str) -> bool:
        """The same for what is in it, which stays as an empty one."""
        return self._at_once(f"TRUNCATE {name}")

    def _at_once(self, sql: str) -> bool:
        try:
            with apart(self._db), _impatient(self._db):
                self._db.execute(sql)
        except DatabaseBusy:
            return False
        return True

    def take_in(self, end: int) -> bool:
        """Put the plain table of an earlier version, whose rows are all before `end`, into a partitioned one as its
        first, inside the caller's transaction, while nobody else is at work. False where there is nothing to do.

        Nothing is copied, but the server reads it through once, to see that every row is within.
        """
        if not self.plain:
            return False
        self._take_in(f"{self.table}_0", f"FOR VALUES FROM (0) TO ({(end // self.width + 1) * self.width})")
        return True

    def take_in_as_rest(self, name: str) -> None:
        """The same, as the one that holds whatever no other has a range for: at once, nothing is read."""
        self._take_in(name, "DEFAULT")

    def _take_in(self, name: str, bound: str) -> None:
        indexes = self._db.execute(_INDEXES, (self.table,)).fetchall()
        for index, *_ in indexes:
            self._db.execute(f"ALTER INDEX {index} RENAME TO {name}{index.removeprefix(self.table)}")
        self._db.execute(f"ALTER TABLE {self.table} RENAME TO {name}")
        like = f"CREATE TABLE {self.table} (LIKE {name} INCLUDING ALL EXCLUDING INDEXES)"
        self._db.execute(in_partitions(self._db, like, self.key))
        for index, made, key in indexes:
            constraint = f"ALTER TABLE {self.table} ADD CONSTRAINT {index} {key}"
            self._db.execute(constraint if key else made)
        self._db.execute(f"ALTER TABLE {self.table} ATTACH PARTITION {name} {bound}")
        self._there, self._near = True, None


@contextmanager
def _impatient(db: Database) -> Iterator[None]:
    """Waits for locks are short: inside a savepoint, which takes that back when it fails."""
    before = db.execute("SELECT current_setting('lock_timeout')").fetchone()[0]
    db.execute(f"SET LOCAL lock_timeout = {SOON_MS}")
    yield
    db.execute(f"SET LOCAL lock_timeout = '{before}'")
