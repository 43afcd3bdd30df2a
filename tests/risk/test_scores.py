"""Scores against figures reckoned by hand, by sorting, and by the formulas of the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.risk import scores
from safeconduct.risk.blocks import RESAMPLES, Blocks, Estimate
from safeconduct.risk.interval import count_range, exposure_days, interval

EVEN = np.ones(10)


def test_a_hit_rate_is_what_lay_in_the_foremost_cells() -> None:
    expected = np.array([5, 4, 3, 2, 1, 0.9, 0.8, 0.7, 0.6, 0.5])
    happened = np.array([2, 0, 1, 0, 0, 0, 0, 0, 0, 1])
    assert scores.hit_rate(expected, EVEN, happened, 0.1) == 0.5
    assert scores.hit_rate(expected, EVEN, happened, 0.3) == 0.75
    assert scores.hit_rate(expected, EVEN, happened, 1.0) == 1.0
    assert scores.hit_rate(expected, EVEN, np.zeros(10), 0.1) is None


def test_what_is_expected_counts_by_area_and_half_a_cell_by_half() -> None:
    expected, area = np.array([4.0, 3.0, 1.0]), np.array([8.0, 1.0, 1.0])
    assert scores.foremost(expected, area, 0.1).tolist() == [0, 1, 0]
    assert scores.foremost(expected, area, 0.15).tolist() == [0, 1, 0.5]


def test_ties_are_shared_and_no_order_decides() -> None:
    expected = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    for place in range(4):
        happened = np.eye(5)[place]
        assert scores.hit_rate(expected, np.ones(5), happened, 0.2) == pytest.approx(0.25)


@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.01, 0.05, 0.5]))
def test_the_foremost_part_is_that_of_sorting_cell_by_cell(seed: int, share: float) -> None:
    draw = np.random.default_rng(seed)
    expected, area, happened = draw.random(60), draw.uniform(0.5, 2, 60), draw.poisson(1, 60)
    left, hits = share * area.sum(), 0.0
    for cell in sorted(range(60), key=lambda each: -expected[each] / area[each]):
        part = min(1.0, left / area[cell])
        hits += part * happened[cell]
        left -= part * area[cell]
        if left <= 0:
            break
    assert scores.hit_rate(expected, area, happened, share) == pytest.approx(hits / happened.sum())


def test_the_accuracy_index_is_hits_over_area() -> None:
    """Chainey, Tompson and Uhlig's own way of writing it: (n / N x 100) / (a / A x 100)."""
    assert scores.accuracy_index(50 / 200, 0.05) == pytest.approx((50 / 200 * 100) / (5 / 100 * 100))


def test_brier_and_log_loss_by_hand() -> None:
    expected, happened = -np.log1p(-np.array([0.8, 0.1])), np.array([3, 0])
    assert scores.chance(expected) == pytest.approx([0.8, 0.1])
    assert scores.brier(expected, happened) == pytest.approx(0.2**2 + 0.1**2)
    assert scores.log_loss(expected, happened) == pytest.approx(-math.log(0.8) - math.log(0.9))
    assert math.isfinite(scores.log_loss(np.zeros(2), happened))


@given(true=st.floats(0.01, 3), stated=st.floats(0.01, 3))
def test_both_are_proper(true: float, stated: float) -> None:
    """On the average of what may come, nobody gains by stating another expectation than the true one."""
    chance = -math.expm1(-true)
    for score in (scores.brier, scores.log_loss):

        def mean(told: float, score: object = score) -> float:
            return sum(
                weight * score(np.array([told]), np.array([came]))  # type: ignore[operator]
                for weight, came in ((chance, 1), (1 - chance, 0))
            )

        assert mean(true) <= mean(stated) + 1e-12


def test_calibration_is_a_count_in_bins() -> None:
    table = scores.Calibration((0.0, 0.5, 1.0))
    table.add(-np.log1p(-np.array([0.2, 0.4, 0.9])), np.array([0, 2, 1]))
    table.add(-np.log1p(-np.array([0.7])), np.array([0]))
    low, high = table.bins()
    assert (low.count, low.stated, low.came) == (2, pytest.approx(0.3), 0.5)
    assert (high.count, high.stated, high.came) == (2, pytest.approx(0.8), 0.5)
    assert scores.Calibration().bins() == ()


def test_an_interval_covers_the_true_rate_as_often_as_it_says() -> None:
    """Rates drawn as the method takes them to be, counts drawn from them: 9 in 10 lie inside."""
    draw = np.random.default_rng(5)
    days, prior_days = 365, exposure_days() - 365
    prior = draw.uniform(0.001, 0.05, 20_000)
    rate = draw.gamma(prior * prior_days, 1 / prior_days)
    count = draw.poisson(rate * days)
    expected = 7 * (prior * prior_days + count) / exposure_days()
    low, high = interval(expected, 7)
    assert ((low <= rate * 7) & (rate * 7 <= high)).mean() == pytest.approx(0.9, abs=0.01)
    assert ((low <= expected) & (expected <= high)).mean() > 0.9
    came = draw.poisson(rate * 7)
    ranges = np.array([count_range(each, 7) for each in expected[:400]])
    assert ((ranges[:, 0] <= came[:400]) & (came[:400] <= ranges[:, 1])).mean() >= 0.9


@pytest.mark.parametrize("expected", [0.001, 0.3, 1.42, 7.0, 250.0])
@pytest.mark.parametrize("horizon", [7, 30])
def test_a_range_is_that_of_the_negative_binomial(expected: float, horizon: int) -> None:
    from scipy.stats import nbinom

    days = exposure_days()
    spread = nbinom(expected * days / horizon, days / (days + horizon))
    assert count_range(expected, horizon) == (spread.ppf(0.05), spread.ppf(0.95))


def test_intervals_narrow_with_more_incidents_and_nothing_has_none() -> None:
    low, high = interval(np.array([0.0, 0.01, 0.1, 1.0, 10.0]), 7)
    width = (high - low)[1:] / np.array([0.01, 0.1, 1.0, 10.0])
    assert (np.diff(width) < 0).all()
    assert (low[0], high[0]) == (0, 0)
    assert count_range(0.0, 7) == (0, 0)


def test_blocks_take_the_same_weeks_for_all_and_cover() -> None:
    tally = np.random.default_rng(3).poisson(2, 104).astype(float)
    blocks = Blocks(104, seed=4)
    found = blocks.estimate(lambda sums: sums[0] / sums[1], tally, np.full(104, 2.0))
    assert found.low is not None and found.high is not None and found.value is not None
    assert found.value == pytest.approx(tally.sum() / 208)
    assert found.low < found.value < found.high
    assert blocks.estimate(lambda sums: sums[0] - sums[1], tally, tally) == Estimate(0.0, 0.0, 0.0)
    assert Blocks(104, seed=4).estimate(lambda sums: sums[0], tally) == blocks.estimate(lambda s: s[0], tally)


def test_few_weeks_and_no_incidents_have_no_interval() -> None:
    assert Blocks(15).estimate(lambda sums: sums[0], np.ones(15)) == Estimate(15.0)
    assert Blocks(60).estimate(lambda sums: sums[0] / sums[1], np.zeros(60), np.zeros(60)) == Estimate(None)
    assert Estimate(1.0).direction == "unclear"
    assert [Estimate(1, *ends).direction for ends in ((0.1, 2), (-2, -0.1), (-1, 1))] == [
        "more",
        "less",
        "unclear",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_the_bootstrap_covers_the_mean_of_dependent_weeks(seed: int) -> None:
    """Weeks that follow each other (correlation 0.5): the interval of 95 % covers the mean in 85 to 100 of 100."""
    draw = np.random.default_rng(seed)
    inside = 0
    for trial in range(100):
        noise = draw.normal(0, 1, 220)
        level = np.zeros(220)
        for week in range(1, 220):
            level[week] = 0.5 * level[week - 1] + noise[week]
        found = Blocks(208, seed=trial).estimate(lambda sums: sums[0] / 208, level[12:] + 5)
        assert found.low is not None and found.high is not None
        inside += found.low <= 5 <= found.high
    assert 85 <= inside <= 100
    assert RESAMPLES == 1_000
