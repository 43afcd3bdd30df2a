"""Positions on PostgreSQL by the day (UTC) of the fix, so that the disk has a day back when the day's term is over.

The writer makes the days ahead, since processes with rights of their own may make no table. What no day was made for
lies in `position_rest`: a late fix of a day that is gone, or what a table of an earlier version held.
"""

from __future__ import annotations

from collections.abc import Sequence

from safeconduct.ledger.database import Database
from safeconduct.ledger.partitions import Partitions

DAY = 86_400
AHEAD = 2
"""Days that are there before they begin: for so long positions are kept by day while no writer is at work."""
REST = "position_rest"


class Days:
    """The partitions of `position`. Everything here is done inside the caller's transaction, where no position comes
    between; what somebody reads meanwhile is left for the next time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._partitions = Partitions(db, "position", "at", DAY, DAY)
        self._made = -1

    @property
    def there(self) -> bool:
        """Whether positions lie by day."""
        return self._partitions.there

    @property
    def possible(self) -> bool:
        """Whether they do or can."""
        return self._partitions.there or self._partitions.plain

    def begin(self) -> None:
        """A new table has its rest."""
        self._db.execute(f"CREATE TABLE {REST} PARTITION OF position DEFAULT")

    def take_in(self) -> None:
        """The plain table of an earlier version is the rest from now on: nothing is copied or read."""
        if self._partitions.plain:
            self._partitions.take_in_as_rest(REST)

    def make(self, now: float) -> None:
        """The days from now on. One that the rest holds positions of already stays there."""
        today = int(now // DAY)
        if self._made == today or not self.there:
            return
        there = {each.start for each in self._partitions.all()}
        for start in range(today * DAY, (today + AHEAD + 1) * DAY, DAY):
            if start in there or self._rest_has(start, start + DAY):
                continue
            if not self._partitions.attach_soon(start, start + DAY):
                return
        self._made = today

    def drop(self, before: float, parties: Sequence[str], now: float) -> None:
        """Let go of the days that were over before a moment, which is so for all that came from these parties; what
        came from another, who is no partner any more, stays for as long as was said when it came."""
        marks = ", ".join("?" * len(parties))
        for each in self._partitions.before(int(before)):
            others = f"SELECT EXISTS (SELECT 1 FROM {each.name} WHERE party NOT IN ({marks}) AND until >= ?)"  # noqa: S608
            if self._db.execute(others, (*parties, now)).fetchone()[0]:
                continue
            if not self._partitions.drop(each):
                return

    def empty_rest(self) -> None:
        """The disk has back what the rest took, when nothing is left in it."""
        if not self.there:
            return
        asked = f"SELECT pg_relation_size('{REST}') > 0 AND NOT EXISTS (SELECT 1 FROM {REST})"  # noqa: S608
        if self._db.execute(asked).fetchone()[0]:
            self._partitions.empty(REST)

    def _rest_has(self, start: int, end: int) -> bool:
        asked = f"SELECT EXISTS (SELECT 1 FROM {REST} WHERE at >= ? AND at < ?)"  # noqa: S608
        return bool(self._db.execute(asked, (start, end)).fetchone()[0])
