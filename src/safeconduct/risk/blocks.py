"""How far a score may be chance: the bootstrap over blocks of weeks (Künsch 1989), since weeks are not independent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from safeconduct.risk.events import Floats

BLOCK = 8
RESAMPLES = 1_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value and the interval around it; None where there are too few weeks or no incident to tell."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def direction(self) -> str:
        """ "more", "less", or "unclear" where the interval reaches over 0 or is not known."""
        if self.low is None or self.high is None:
            return "unclear"
        return "more" if self.low > 0 else "less" if self.high < 0 else "unclear"


class Blocks:
    """Resamples of n weeks in a row, the same ones for everything that is compared."""

    def __init__(self, weeks: int, seed: int = 0) -> None:
        self.weeks = weeks
        self._times = np.zeros((0, weeks))
        if weeks >= 2 * BLOCK:
            draw = np.random.default_rng(seed)
            starts = draw.integers(0, weeks - BLOCK + 1, (RESAMPLES, -(-weeks // BLOCK)))
            drawn = (starts[..., None] + np.arange(BLOCK)).reshape(RESAMPLES, -1)[:, :weeks]
            drawn += weeks * np.arange(RESAMPLES)[:, None]
            counted = np.bincount(drawn.ravel(), minlength=weeks * RESAMPLES)
            self._times = counted.reshape(RESAMPLES, weeks).astype(np.float64)

    def estimate(self, value: Callable[[Floats], Floats], *tallies: Floats) -> Estimate:
        """Of `value(sums)`: sums is (tallies, resamples), each tally (weeks,); NaN where a resample tells nothing."""
        rows = np.array(tallies, np.float64).reshape(len(tallies), self.weeks)
        with np.errstate(invalid="ignore", divide="ignore"):
            whole = float(value(rows.sum(axis=1)[:, None])[0])
            drawn = value(rows @ self._times.T)
        if not np.isfinite(whole):
            return Estimate(None)
        told = drawn[np.isfinite(drawn)]
        if len(told) < RESAMPLES // 2:
            return Estimate(whole)
        tail = 100 * (1 - CONFIDENCE) / 2
        low, high = np.percentile(told, (tail, 100 - tail))
        return Estimate(whole, float(low), float(high))
