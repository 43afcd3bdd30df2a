"""How sure an expected number is: the standard forecast read as what Bayes' rule makes of a count.

The standard forecast is the mean of a Gamma distribution. Before the year is looked at, a cell's daily rate is taken
to be as the kernel lays it, as firmly as `window * spread / (1 - spread)` days of counting would (156 days); a year's
count, taken as Poisson at a steady rate, makes of it a Gamma with that mean and 521 days of exposure. Its quantiles
are the interval: they cover what few incidents can tell about a steady rate. They do not cover that incidents
come in clusters, that violence as a whole rises or falls, that incidents are not reported, or that the kernel is wrong;
a backtest says how often the number that came lay in its range.
"""

from __future__ import annotations

import numpy as np

from safeconduct.risk.events import Floats
from safeconduct.risk.standard import STANDARD, Settings

CONFIDENCE = 0.9


def exposure_days(settings: Settings = STANDARD) -> float:
    """Days of counting that stand behind a rate: those that were counted, and those that the kernel is worth."""
    return settings.window / (1 - settings.spread)


def interval(
    expected: Floats, horizon: int, confidence: float = CONFIDENCE, settings: Settings = STANDARD
) -> tuple[Floats, Floats]:
    """Lower and upper end for expected numbers of `horizon` days; also for the sum of cells.

    For another forecast than the standard one: as if it rested on as many days of counting.
    """
    from scipy.special import gammaincinv

    days = exposure_days(settings)
    shape = np.asarray(expected, np.float64) * days / horizon
    tail = (1 - confidence) / 2
    positive = shape > 0
    safe = np.where(positive, shape, 1.0)
    low, high = (
        np.where(positive, gammaincinv(safe, each) * horizon / days, 0.0) for each in (tail, 1 - tail)
    )
    return low, high


def count_range(
    expected: float, horizon: int, confidence: float = CONFIDENCE, settings: Settings = STANDARD
) -> tuple[int, int]:
    """The fewest and most incidents of a range in which the number that comes lies with at least that chance:
    negative binomial, since the rate is unsure as above and the count is by chance.
    """
    if expected <= 0:
        return 0, 0
    days = exposure_days(settings)
    tail = (1 - confidence) / 2
    shape, share = expected * days / horizon, days / (days + horizon)
    return _fewest(tail, shape, share), _fewest(1 - tail, shape, share)


def _fewest(chance: float, shape: float, share: float) -> int:
    """The fewest of a negative binomial count that so much of it does not exceed."""
    from scipy.special import betainc

    low, high = -1, 1
    while betainc(shape, high + 1, share) < chance:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if betainc(shape, middle + 1, share) < chance:
            low = middle
        else:
            high = middle
    return high
