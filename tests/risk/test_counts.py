"""Counts by unit of time, and the interval of a Poisson count against published values."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.risk.counts import UNITS, counts, garwood
from safeconduct.risk.days import date_of, day_of


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        # Garwood (1936), table of the limits at 0.025 in each tail
        (0, 0.0, 3.689),
        (1, 0.0253, 5.572),
        (5, 1.623, 11.668),
        (10, 4.795, 18.390),
        (20, 12.217, 30.888),
        # poisson.test(137, 24.19893) of R's documentation, times the exposure
        (137, 4.753125 * 24.19893, 6.692709 * 24.19893),
    ],
)
def test_the_interval_of_a_count_is_garwoods(count: int, low: float, high: float) -> None:
    assert garwood(count) == pytest.approx((low, high), abs=6e-4)


@given(st.integers(0, 3_000))
def test_the_interval_holds_the_count_and_its_ends_have_the_tail_probability(count: int) -> None:
    from scipy.special import pdtr

    low, high = garwood(count)
    assert low <= count < high
    assert pdtr(count, high) == pytest.approx(0.025, rel=1e-6)
    if count:
        assert 1 - pdtr(count - 1, low) == pytest.approx(0.025, rel=1e-6)


def number(day: date) -> int:
    return day_of(day)


def unit_of(day: date, unit: str) -> tuple[int, int]:
    year, week, _ = day.isocalendar()
    return {
        "week": (year, week),
        "month": (day.year, day.month),
        "quarter": (day.year, (day.month + 2) // 3),
        "year": (day.year, 1),
    }[unit]


@given(
    st.integers(0, 20_000),
    st.integers(1, 1_500),
    st.lists(st.integers(0, 1_499), max_size=60),
    st.sampled_from(UNITS),
)
def test_every_event_is_counted_once_in_the_unit_that_the_calendar_says(
    since: int, length: int, offsets: list[int], unit: str
) -> None:
    day = np.sort(np.array([since + each for each in offsets], np.int64))
    spans = counts(day, since, since + length, unit)
    inside = [date_of(each) for each in day if each < since + length]
    assert sum(each.count for each in spans) == len(inside)
    assert number(spans[0].since) == since and number(spans[-1].until) == since + length
    assert all(one.until == other.since for one, other in itertools.pairwise(spans))
    for span in spans:
        last = span.until - timedelta(days=1)
        assert unit_of(span.since, unit) == unit_of(last, unit)
        assert span.count == sum(unit_of(each, unit) == unit_of(last, unit) for each in inside)
    assert all(each.whole for each in spans[1:-1])


def test_a_unit_that_is_cut_says_so() -> None:
    spans = counts(np.array([], np.int64), number(date(2023, 1, 10)), number(date(2023, 4, 1)), "month")
    assert [each.whole for each in spans] == [False, True, True]


@pytest.mark.parametrize(
    ("since", "until", "unit"),
    [
        (0, 0, "month"),
        (5, 1, "year"),
        (0, 10, "decade"),
        (0, 10**7, "year"),
        (0, 100_000, "week"),
        (-(10**9), 0, "year"),
    ],
)
def test_what_is_no_period_is_refused(since: int, until: int, unit: str) -> None:
    with pytest.raises(ValueError):
        counts(np.array([], np.int64), since, until, unit)
