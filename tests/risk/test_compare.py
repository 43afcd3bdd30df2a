"""Two periods by group: the exact interval where nothing clusters, Holm's values, and few false verdicts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.made import clustered
from safeconduct.risk.compare import _exact as exact
from safeconduct.risk.compare import compare, dispersion, holm
from safeconduct.risk.rates import rate_ratio

YEAR = 365


def even(count: int, since: int, until: int) -> np.ndarray:
    return np.floor(since + (np.arange(count) + 0.5) * (until - since) / count).astype(np.int64)


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.05, 20))
def test_the_exact_part_is_the_exact_interval_and_its_p_agrees_with_it(
    before: int, after: int, scale: float
) -> None:
    if before + after == 0:
        return
    low, high, p = exact(before, after, scale)
    told = rate_ratio(before, scale, after, 1.0)
    assert low * scale == pytest.approx(told.low, rel=1e-6, abs=1e-9)
    if told.high is None:
        assert high == float("inf")
    else:
        assert high * scale == pytest.approx(told.high, rel=1e-6)
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == (told.verdict in ("fewer", "more"))


def test_the_p_value_is_twice_the_smaller_tail_of_the_binomial() -> None:
    """11 and 21 events over 800 and 3,011, as in R's `poisson.test`; the tail summed term by term."""
    from math import comb

    share = 800 / (800 + 3011)
    tail = sum(comb(32, k) * share**k * (1 - share) ** (32 - k) for k in range(11, 33))
    low, high, p = exact(21, 11, 3011 / 800)
    assert p == pytest.approx(2 * tail, rel=1e-9)
    assert low * 3011 / 800 == pytest.approx(0.858426403391619)
    assert high * 3011 / 800 == pytest.approx(4.277265943654079)


def test_a_clear_difference_is_told_and_what_is_small_is_not() -> None:
    groups = [
        ("fewer", np.r_[even(200, 0, YEAR), even(60, YEAR, 2 * YEAR)]),
        ("same", np.r_[even(100, 0, YEAR), even(104, YEAR, 2 * YEAR)]),
        ("more", np.r_[even(5, 0, YEAR), even(60, YEAR, 2 * YEAR)]),
        ("new", even(40, YEAR, 2 * YEAR)),
        ("nothing", np.array([], np.int64)),
    ]
    found = {each.name: each for each in compare(groups, (0, YEAR), (YEAR, 2 * YEAR))}
    verdicts = {name: each.verdict for name, each in found.items()}
    assert verdicts == {"fewer": "fewer", "same": "unclear", "more": "more", "new": "more", "nothing": "none"}
    assert found["fewer"].ratio == pytest.approx(0.3)
    assert found["new"].ratio is None and found["new"].high is None
    assert all(each.adjusted >= each.p for each in found.values())


def test_clusters_widen_the_interval() -> None:
    spread = np.r_[even(40, 0, YEAR), even(16, YEAR, 2 * YEAR)]
    heaped = np.sort(np.r_[np.full(38, 10), [200, 300], np.full(16, YEAR + 50)])
    one, other = compare([("spread", spread), ("heaped", heaped)], (0, YEAR), (YEAR, 2 * YEAR))
    assert (one.before, one.after) == (other.before, other.after)
    assert one.dispersion == 1.0 and other.dispersion > 5
    assert one.low and other.low is not None and one.high and other.high
    assert other.low < one.low and other.high > one.high and other.p > one.p


@pytest.mark.parametrize(("expected", "branching"), [(60, 0.0), (60, 0.4), (300, 0.5)])
def test_where_nothing_differs_a_table_seldom_has_one_verdict(expected: float, branching: float) -> None:
    """Six groups in four years: at most one table in twenty; of 150 tables 18 are four standard errors above."""
    draw = np.random.default_rng(8)
    wrong = 0
    for _ in range(150):
        groups = [(str(n), clustered(draw, 4 * YEAR, expected, branching)) for n in range(6)]
        wrong += any(
            each.verdict in ("fewer", "more") for each in compare(groups, (0, 2 * YEAR), (2 * YEAR, 4 * YEAR))
        )
    assert wrong < 18


@given(st.lists(st.integers(0, 2 * YEAR - 1), max_size=80))
def test_turned_about_the_comparison_turns(offsets: list[int]) -> None:
    day = np.sort(np.array(offsets, np.int64))
    (one,) = compare([("", day)], (0, YEAR), (YEAR, 2 * YEAR))
    (other,) = compare([("", day)], (YEAR, 2 * YEAR), (0, YEAR))
    assert one.p == pytest.approx(other.p, rel=1e-6)
    if one.ratio and other.ratio and one.low and other.high:
        assert one.ratio * other.ratio == pytest.approx(1)
        assert one.low * other.high == pytest.approx(1, rel=1e-6)


def test_holms_values_are_those_of_r() -> None:
    """p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")"""
    assert holm([0.03, 0.01, 0.05, 0.02, 0.04]) == pytest.approx([0.09, 0.05, 0.09, 0.08, 0.09])
    assert holm([]) == [] and holm([0.7, 0.9]) == [1.0, 1.0]
    with pytest.raises(ValueError):
        holm([0.2, float("nan")])


@pytest.mark.parametrize(
    ("before", "after"), [((0, 0), (1, 2)), ((0, 10), (5, 15)), ((5, 15), (0, 10)), ((3, 2), (5, 9))]
)
def test_periods_that_are_none_or_overlap_are_refused(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    with pytest.raises(ValueError):
        compare([], before, after)


def test_without_events_nothing_is_dispersed() -> None:
    assert dispersion(np.array([], np.int64), ((0, 10), (10, 20))) == 1.0
