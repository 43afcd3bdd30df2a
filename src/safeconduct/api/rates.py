"""How often a token may ask: a bucket of requests that fills up again at a steady rate.

The buckets live in this process, of which a node has one.
"""

from __future__ import annotations

import math
import threading
import time

from safeconduct.records import here

PER_MINUTE = 1_200
"""Requests a minute and token that a node takes unless `api_rate` in its node.toml says otherwise."""

BURST_SECONDS = 10
MAX_BUCKETS = 10_000


class Rates:
    """Token buckets by name. `per_minute` is the steady rate; a tenth of a minute's worth may come at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[int, tuple[float, float]] = {}

    def wait(self, who: int, per_minute: int, now: float | None = None) -> int:
        """Take one request; 0 if it may go on, else the seconds after which it may."""
        moment = time.monotonic() if now is None else now
        rate = max(per_minute, 1) / 60
        most = max(1.0, rate * BURST_SECONDS)
        with self._lock:
            left, since = self._buckets.get(who, (most, moment))
            left = min(most, left + (moment - since) * rate)
            allowed = left >= 1
            if len(self._buckets) >= MAX_BUCKETS:
                self._buckets.clear()
            self._buckets[who] = (left - 1 if allowed else left, moment)
        return 0 if allowed else math.ceil((1 - left) / rate)

    def forget(self) -> None:
        with self._lock:
            self._buckets.clear()


RATES = Rates()


def per_minute() -> int:
    return int(here.home().settings.get("api_rate", PER_MINUTE))
