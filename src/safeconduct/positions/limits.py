"""How much one person's phone may send: a phone that runs wild, or one that was stolen, slows down nobody else."""

from __future__ import annotations

import math
import time

BATCHES_A_MINUTE = 30
POSITIONS_AN_HOUR = 7_200
"""Two a second."""
POSITIONS_AT_ONCE = 5_000
"""What an outbox may hold after hours without a network."""
MOST_PEOPLE = 10_000


class Bucket:
    """An allowance for each of many: so many at once, and so many a second again."""

    def __init__(self, most: float, a_second: float) -> None:
        self.most, self.a_second = most, a_second
        self._left: dict[str, tuple[float, float]] = {}

    def left(self, who: str, now: float) -> float:
        """How many may pass at this moment."""
        left, since = self._left.get(who, (self.most, now))
        return min(self.most, left + (now - since) * self.a_second)

    def take(self, who: str, count: int, now: float) -> int:
        """0 when so many may pass, else the seconds after which they may."""
        left, since = self._left.get(who, (self.most, now))
        left = min(self.most, left + (now - since) * self.a_second)
        allowed = left >= count
        if who not in self._left and len(self._left) >= MOST_PEOPLE:
            self._left.clear()
        self._left[who] = (left - count if allowed else left, now)
        return 0 if allowed else math.ceil((count - left) / self.a_second)


class Allowance:
    """Counts what each person has sent. The counts live in this process, of which a node has one."""

    def __init__(self) -> None:
        self._batches = Bucket(BATCHES_A_MINUTE, BATCHES_A_MINUTE / 60)
        self._positions = Bucket(POSITIONS_AT_ONCE, POSITIONS_AN_HOUR / 3600)

    def batch(self, person: str, now: float | None = None) -> int:
        """Take one batch; the seconds to wait if it is one too many."""
        return self._batches.take(person, 1, time.monotonic() if now is None else now)

    def positions(self, person: str, count: int, now: float | None = None) -> int:
        """Take so many positions; the seconds to wait if they are too many."""
        return self._positions.take(person, count, time.monotonic() if now is None else now)
