"""Whether incidents become more or fewer, and how far chance and clustering alone could have moved them.

The counts of eight equal spans of the period are fitted by a log-linear Poisson regression on time. Attacks come in
clusters and in spells of months, so that their counts vary more than a Poisson process would let them: the interval
is widened by the dispersion (quasi-Poisson; McCullagh and Nelder 1989, Generalized Linear Models, section 6.2, with
Pearson's statistic) and taken from Student's t with six degrees of freedom. Few long spans instead of many short ones
put what neighbouring weeks have in common into the dispersion, where it belongs (batch means; Ibragimov and Müller
2010, Journal of Business & Economic Statistics 28). `tests/risk/test_trend.py` counts how often this sees a trend in
clustered events that have none: about as often as it should, where spans of four weeks with a block bootstrap saw one
up to six times too often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from safeconduct.risk.events import Floats, Ints
from safeconduct.risk.rates import CONFIDENCE

SPANS = 8
YEAR = 365.25
FEWEST_EVENTS, FEWEST_DAYS = 10, 365
FEWEST_SPANS = 3
"""With events in one or two spans alone a line goes through all of them: what they scatter about it is not known, so
that one bad day at the end would pass for a rise."""
_STEPS, _CLOSE = 100, 1e-12
_STEEPEST = 40.0
"""A change by e to the 40th over the whole period: steeper is no fit."""


@dataclass(frozen=True)
class Trend:
    """`ratio`: the rate after a year as a share of the rate before it, with `low` and `high`; None where there are
    too few events or too short a time to say, or all events lie in a quarter of it. `dispersion`: variance by mean of
    the spans about the fitted line, 1 for a Poisson process. `at_start`, `at_end`: fitted events per year."""

    events: int
    days: int
    dispersion: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    at_start: float | None = None
    at_end: float | None = None

    @property
    def verdict(self) -> str:
        """ "few" (nothing can be said), "spell" (all in one or two of the eight spans: there is no line to fit),
        "falling", "rising", or "none" (no measurable trend)."""
        if self.low is None or self.high is None:
            return "few" if self.events < FEWEST_EVENTS or self.days < FEWEST_DAYS else "spell"
        return "falling" if self.high < 1 else "rising" if self.low > 1 else "none"

    def rate(self, position: float) -> float:
        """Fitted events per year at 0 (the period's begin) to 1 (its end). Raises ValueError without a fit."""
        if self.at_start is None or self.at_end is None:
            raise ValueError("there is no fit")
        return self.at_start * math.exp(position * math.log(self.at_end / self.at_start))


def trend(day: Ints, since: int, until: int, confidence: float = CONFIDENCE) -> Trend:
    """The trend of events on these days (since 1970) from the day `since` to before `until`.

    Raises ValueError for an empty period.
    """
    if not since < until:
        raise ValueError("a period has at least one day")
    day = day[(day >= since) & (day < until)]
    if len(day) < FEWEST_EVENTS or until - since < FEWEST_DAYS:
        return Trend(len(day), until - since)
    # A day's events lie in the middle of the day: with whole days, spans of unequal whole length would differ.
    seen = np.histogram(day + 0.5, np.linspace(since, until, SPANS + 1))[0].astype(np.float64)
    if (seen > 0).sum() < FEWEST_SPANS:
        return Trend(len(day), until - since)
    time = (np.arange(SPANS) + 0.5) / SPANS - 0.5
    years = (until - since) / YEAR
    slope = _slope(time, seen)
    fitted = _fitted(time, slope, float(seen.sum()))
    dispersion = float((np.square(seen - fitted) / fitted).sum() / (SPANS - 2))
    low, high = _widened(time, fitted, slope, dispersion, confidence)
    middle = float(seen.sum()) / float(np.exp(slope * time).sum()) * SPANS / years
    return Trend(
        events=len(day),
        days=until - since,
        dispersion=dispersion,
        ratio=math.exp(slope / years),
        low=_power(low / years),
        high=_power(high / years),
        at_start=middle * math.exp(-slope / 2),
        at_end=middle * math.exp(slope / 2),
    )


def _power(exponent: float) -> float:
    return math.exp(min(max(exponent, -700.0), 700.0))


def _slope(time: Floats, seen: Floats) -> float:
    """The slope of the log rate over the whole period, by Newton's steps.

    With one regressor the likelihood's equation is that the fitted mean time of the events is the seen one.
    """
    aim, slope = float(seen @ time / seen.sum()), 0.0
    for _ in range(_STEPS):
        rate = np.exp(slope * time)
        mean = float(rate @ time / rate.sum())
        spread = float(rate @ np.square(time) / rate.sum()) - mean**2
        step = min(max((aim - mean) / max(spread, _CLOSE), -2.0), 2.0)
        slope = min(max(slope + step, -_STEEPEST), _STEEPEST)
        if abs(step) < _CLOSE:
            break
    return slope


def _fitted(time: Floats, slope: float, total: float) -> Floats:
    rate: Floats = np.exp(slope * time)
    rate *= total / rate.sum()
    return rate


def _widened(
    time: Floats, fitted: Floats, slope: float, dispersion: float, confidence: float
) -> tuple[float, float]:
    """The quasi-Poisson interval of the slope; a dispersion below 1 is taken to be chance."""
    from scipy.special import stdtrit

    mean = float(fitted @ time / fitted.sum())
    spread = float(fitted @ np.square(time - mean))
    error = math.sqrt(max(dispersion, 1.0) / max(spread, _CLOSE))
    reach = float(stdtrit(SPANS - 2, (1 + confidence) / 2)) * error
    return slope - reach, slope + reach
