"""Two periods by group: in which provinces, or kinds, or districts, there were measurably fewer or more incidents.

Given the sum of two Poisson counts the later one is binomial, which makes the test and its interval exact (Clopper and
Pearson; the p value is twice the smaller tail, so that it agrees with the interval: Fay 2010, R Journal 2). Two
corrections keep it honest. Clustered events are no independent witnesses: beside the exact test stands the score test
with the variance widened by the group's dispersion (quasi-binomial; McCullagh and Nelder 1989, section 4.5) and
Student's t, and what is reported is the larger p and the wider interval. The dispersion is that of four long spans of
each period, as in `trend`. And whoever looks at many groups finds a striking one by chance: p values are corrected by
Holm's method (1979, Scandinavian Journal of Statistics 6), so that the chance of even one false verdict in the table
is held to one in twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from safeconduct.risk.events import Floats, Ints
from safeconduct.risk.rates import CONFIDENCE

SPANS = 4
"""Of each period."""
FREEDOM = 2 * (SPANS - 1)


@dataclass(frozen=True)
class Compared:
    """`ratio`: the rate after by the rate before, with the interval of this group alone; None where it has no value
    or no end. `p`: for this group alone; `adjusted`: among all groups of the table. `dispersion`: at least 1."""

    name: str
    before: int
    after: int
    ratio: float | None
    low: float | None
    high: float | None
    p: float
    adjusted: float
    dispersion: float

    @property
    def verdict(self) -> str:
        """ "none" (no event), "fewer", "more", or "unclear": after correction, chance explains the difference."""
        if not self.before + self.after:
            return "none"
        if self.adjusted > 1 - CONFIDENCE or self.low is None:
            return "unclear"
        return "more" if self.low > 1 else "fewer"


def compare(
    groups: Sequence[tuple[str, Ints]], before: tuple[int, int], after: tuple[int, int]
) -> list[Compared]:
    """Each group of events, given by their days in ascending order, in two periods (first day, day after the last).

    Raises ValueError for an empty period or periods that overlap.
    """
    if not (before[0] < before[1] and after[0] < after[1]):
        raise ValueError("a period has at least one day")
    if before[0] < after[1] and after[0] < before[1]:
        raise ValueError("the periods overlap")
    scale = (before[1] - before[0]) / (after[1] - after[0])
    found = []
    for name, day in groups:
        counts = [int(np.diff(np.searchsorted(day, period))[0]) for period in (before, after)]
        found.append((name, counts[0], counts[1], dispersion(day, (before, after))))
    tested = [_tested(first, second, scale, spread) for _, first, second, spread in found]
    adjusted = holm([p for _, _, p in tested])
    return [
        Compared(
            name, first, second, second / first * scale if first else None, low, high, p, corrected, spread
        )
        for (name, first, second, spread), (low, high, p), corrected in zip(
            found, tested, adjusted, strict=True
        )
    ]


Tested = tuple[float | None, float | None, float]
"""The lower and the upper end of the ratio of rates, and the p value that they are equal."""


def _tested(before: int, after: int, scale: float, spread: float) -> Tested:
    if before + after == 0:
        return None, None, 1.0
    exact, score = _exact(before, after, scale), _score(before, after, scale, spread)
    low, high = min(exact[0], score[0]), max(exact[1], score[1])
    return low * scale, high * scale if high < math.inf else None, max(exact[2], score[2])


def _exact(before: int, after: int, scale: float) -> tuple[float, float, float]:
    """(low, high, p) of the odds that an event is of the later period, given how many there are."""
    from scipy.special import betainc, betaincinv

    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(after, before + 1, tail)) if after else 0.0
    high = float(betaincinv(after + 1, before, 1 - tail)) if before else 1.0
    # Without a difference the later count is this share of both.
    share = 1 / (1 + scale)
    at_least = float(betainc(after, before + 1, share)) if after else 1.0
    at_most = float(betainc(before, after + 1, 1 - share)) if before else 1.0
    return _odds(low), _odds(high), min(1.0, 2 * min(at_least, at_most))


def _score(before: int, after: int, scale: float, spread: float) -> tuple[float, float, float]:
    """The same by the score test, whose interval is Wilson's, with the variance of clustered counts."""
    from scipy.special import stdtr, stdtrit

    total, share = before + after, 1 / (1 + scale)
    reach = float(stdtrit(FREEDOM, (1 + CONFIDENCE) / 2)) ** 2 * spread
    middle = (after + reach / 2) / (total + reach)
    half = math.sqrt(reach * (after * before / total + reach / 4)) / (total + reach)
    away = abs(after - total * share) / math.sqrt(spread * total * share * (1 - share))
    low = max(0.0, middle - half) if after else 0.0
    high = min(1.0, middle + half) if before else 1.0
    return _odds(low), _odds(high), min(1.0, 2 * float(stdtr(FREEDOM, -away)))


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else math.inf


def dispersion(day: Ints, periods: Sequence[tuple[int, int]]) -> float:
    """Variance by mean of the counts of four spans of each period, 1 at least: how much events cluster."""
    squares = 0.0
    for since, until in periods:
        seen = np.histogram(day + 0.5, np.linspace(since, until, SPANS + 1))[0]
        if seen.sum():
            squares += float(np.square(seen - seen.mean()).sum() / seen.mean())
    return max(1.0, squares / FREEDOM)


def holm(p: Sequence[float]) -> list[float]:
    """Each p value as it stands among all of them. Raises ValueError for what is no probability."""
    if any(not 0 <= each <= 1 or math.isnan(each) for each in p):
        raise ValueError("a p value is 0 to 1")
    many: Floats = np.array(p, np.float64)
    order = np.argsort(many, kind="stable")
    stepped = np.maximum.accumulate(many[order] * np.arange(len(many), 0, -1))
    adjusted = np.empty_like(many)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(each) for each in adjusted]
