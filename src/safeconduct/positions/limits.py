"""How much one person's phone may send: a phone that runs wild, or one that was stolen, slows down nobody else."""

from __future__ import annotations

import time

from safeconduct.records import commons

BATCHES_A_MINUTE = 30
POSITIONS_AN_HOUR = 7_200
"""Two a second."""
POSITIONS_AT_ONCE = 5_000
"""What an outbox may hold after hours without a network."""


class Bucket:
    """An allowance for each of many: so many at once, and so many a second again. `name` tells it from other
    allowances, where the web processes of a node keep them together."""

    def __init__(self, name: str, most: float, a_second: float) -> None:
        self.name, self.most, self.a_second = name, most, a_second
        self._levels = commons.levels()

    def take(self, who: str, count: int, now: float) -> int:
        """0 when so many may pass, else the seconds after which they may."""
        return int(self._levels.level(f"{self.name}\n{who}", count, self.most, self.a_second, now))


class Allowance:
    """Counts what each person has sent to this process, and to those that it shares with: all web processes are one."""

    def __init__(self) -> None:
        self._batches = Bucket("batches", BATCHES_A_MINUTE, BATCHES_A_MINUTE / 60)
        self._positions = Bucket("positions", POSITIONS_AT_ONCE, POSITIONS_AN_HOUR / 3600)

    def batch(self, person: str, now: float | None = None) -> int:
        """Take one batch; the seconds to wait if it is one too many."""
        return self._batches.take(person, 1, time.monotonic() if now is None else now)

    def positions(self, person: str, count: int, now: float | None = None) -> int:
        """Take so many positions; the seconds to wait if they are too many."""
        return self._positions.take(person, count, time.monotonic() if now is None else now)
