"""How often a token may ask: a bucket of requests that fills up again at a steady rate, one for all web processes."""

from __future__ import annotations

import time

from safeconduct.records import commons, here

PER_MINUTE = 1_200
"""Requests a minute and token that a node takes unless `api_rate` in its node.toml says otherwise."""

BURST_SECONDS = 10


class Rates:
    """Token buckets by name. `per_minute` is the steady rate; a sixth of a minute's worth may come at once."""

    def __init__(self) -> None:
        self._levels = commons.levels()

    def wait(self, who: int, per_minute: int, now: float | None = None) -> int:
        """Take one request; 0 if it may go on, else the seconds after which it may."""
        rate = max(per_minute, 1) / 60
        most = max(1.0, rate * BURST_SECONDS)
        moment = time.monotonic() if now is None else now
        return int(self._levels.level(f"api\n{who}", 1, most, rate, moment))

    def forget(self) -> None:
        self._levels = commons.levels()


RATES = Rates()


def per_minute() -> int:
    return int(here.home().settings.get("api_rate", PER_MINUTE))
