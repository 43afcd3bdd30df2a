"""What two counts can tell: the ratio of two rates, or a share, and how far chance alone may have moved it.

Events are taken to be independent and to come at a steady rate within each period (Poisson). Given their sum, the
count after is then binomial, so that the interval is exact (Clopper and Pearson, as `poisson.test` in R): with few
events it is wide, and that is what it has to say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CONFIDENCE = 0.95
MOST_EVENTS = 100_000
_STEPS = 60
"""Halvings of the interval from 0 to 1: beyond what a double can tell apart where it matters."""
_TERMS = 10_000
_CLOSE, _TINY = 1e-15, 1e-300


@dataclass(frozen=True)
class RateRatio:
    """The rate after divided by the rate before; None where it has no value, or (`high`) no upper end."""

    ratio: float | None
    low: float | None
    high: float | None

    @property
    def verdict(self) -> str:
        """ "none" (no event at all), "fewer", "more", or "unclear" where chance alone explains the difference."""
        if self.low is None:
            return "none"
        if self.high is not None and self.high < 1:
            return "fewer"
        return "more" if self.low > 1 else "unclear"


def rate_ratio(
    before: int, exposed_before: float, after: int, exposed_after: float, confidence: float = CONFIDENCE
) -> RateRatio:
    """Compare two counts over exposures in the same unit (days, or days times persons).

    Raises ValueError for a negative count, more than 100,000 events, or an exposure that is not positive.
    """
    total = before + after
    if before < 0 or after < 0 or total > MOST_EVENTS:
        raise ValueError(f"counts are 0 to {MOST_EVENTS:,}")
    if not (0 < exposed_before < math.inf and 0 < exposed_after < math.inf):
        raise ValueError("an exposure is more than 0")
    if total == 0:
        return RateRatio(None, None, None)
    scale = exposed_before / exposed_after
    share = share_interval(after, total, confidence)
    return RateRatio(
        ratio=after / before * scale if before else None,
        low=share.low / (1 - share.low) * scale,
        high=None if before == 0 else share.high / (1 - share.high) * scale,
    )


@dataclass(frozen=True)
class Share:
    """Bounds of the true share, both from 0 to 1; a share of nothing may be anything."""

    low: float
    high: float


def share_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> Share:
    """The exact interval of a share (Clopper and Pearson 1934): it covers the truth at least this often.

    Raises ValueError for counts that are none, more than 100,000 trials, or a confidence that is not between 0 and 1.
    """
    if not 0 <= successes <= trials <= MOST_EVENTS:
        raise ValueError(f"successes are 0 to the trials, and those at most {MOST_EVENTS:,}")
    if not 0 < confidence < 1:
        raise ValueError("a confidence is between 0 and 1")
    tail = (1 - confidence) / 2
    return Share(
        low=0.0 if successes == 0 else _share(successes - 1, trials, 1 - tail),
        high=1.0 if successes == trials else _share(successes, trials, tail),
    )


def _share(successes: int, trials: int, below: float) -> float:
    """The share at which so many successes or fewer have this probability."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _at_most(successes, trials, middle) > below:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(successes: int, trials: int, share: float) -> float:
    """Binomial probability of so many successes or fewer, as an incomplete beta function of the share."""
    return 1.0 if successes >= trials else _beta(trials - successes, successes + 1, 1.0 - share)


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction on the side where that is quick."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta(b, a, 1.0 - x)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log) / (a * _fraction(a, b, x))


def _fraction(a: float, b: float, x: float) -> float:
    """The denominator of the continued fraction, by Lentz's method: some hundred terms for 100,000 events."""
    value = c = 1.0
    d = 0.0
    for n in range(1, _TERMS):
        m = n // 2
        if n % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / (1.0 + term * d or _TINY)
        c = 1.0 + term / c or _TINY
        value *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            break
    return value
