"""Counts by week, month, quarter and year, each with the exact interval of a Poisson rate.

Garwood (1936), "Fiducial limits for the Poisson distribution", Biometrika 28: the interval holds the expected count
at least as often as it says when events are independent. They are not quite: see `trend` for how much they cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from safeconduct.risk.days import date_of, day_of
from safeconduct.risk.events import Ints
from safeconduct.risk.rates import CONFIDENCE

UNITS = ("week", "month", "quarter", "year")
MOST_SPANS = 4_000


@dataclass(frozen=True)
class Counted:
    """The events from the day `since` to before the day `until`, and the interval of the count to be expected.

    `whole`: the unit lies wholly in the period that was asked for; the others must not be compared with it.
    """

    since: date
    until: date
    count: int
    low: float
    high: float
    whole: bool


class Interval(NamedTuple):
    """Of the events to be expected in a period as long as the one that was counted."""

    low: float
    high: float


def garwood(count: int, confidence: float = CONFIDENCE) -> Interval:
    """The exact interval of the expected count, where `count` events were seen. Raises ValueError below 0."""
    if count < 0:
        raise ValueError("a count is 0 or more")
    from scipy.special import gammaincinv

    tail = (1 - confidence) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return Interval(low, float(gammaincinv(count + 1, 1 - tail)))


def counts(day: Ints, since: int, until: int, unit: str) -> list[Counted]:
    """Events by unit from the first day to before the last (days since 1970). Weeks begin on Monday.

    Raises ValueError for another unit, an empty period, or more than 4,000 units.
    """
    if unit not in UNITS:
        raise ValueError(f"a unit is one of {', '.join(UNITS)}")
    if not since < until:
        raise ValueError("a period has at least one day")
    first, last = date_of(since), date_of(until)
    starts = list(_starts(first, last, unit))
    edges = [*(day_of(each) for each in starts), until]
    edges[0] = since
    found = np.diff(np.searchsorted(day, edges))
    intervals = {int(count): garwood(int(count)) for count in np.unique(found)}
    spans = []
    for number, (start, count) in enumerate(zip(starts, found, strict=True)):
        end = starts[number + 1] if number + 1 < len(starts) else last
        whole = start >= first and end == _after(start, unit)
        low, high = intervals[int(count)]
        spans.append(Counted(max(start, first), end, int(count), low, high, whole))
    return spans


def _starts(first: date, last: date, unit: str) -> Iterator[date]:
    start = _begin(first, unit)
    for _ in range(MOST_SPANS):
        yield start
        start = _after(start, unit)
        if start >= last:
            return
    raise ValueError(f"more than {MOST_SPANS:,} units: choose a longer one")


def _begin(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    months = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}
    return date(day.year, months[unit], 1)


def _after(start: date, unit: str) -> date:
    if unit == "week":
        return start + timedelta(days=7)
    month = start.month - 1 + {"month": 1, "quarter": 3, "year": 12}[unit]
    return date(start.year + month // 12, month % 12 + 1, 1)
