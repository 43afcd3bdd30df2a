"""Weeks drawn again, and when a way may be called lower: the rule, its symmetry, and what is not known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.risk.comparing import compare
from safeconduct.risk.week_bootstrap import DRAWS, Interval, tails, week_weights

DRAWN = st.lists(st.one_of(st.just(0.0), st.floats(1e-12, 1e3)), min_size=20, max_size=60)


UNTIL = 19_800


def test_events_of_a_week_are_drawn_together_and_weeks_apart() -> None:
    day = UNTIL - np.array([80, 15, 14, 8, 7, 1])
    weights = week_weights(day, UNTIL, 400)
    assert weights.shape == (400, 6)
    assert (weights[:, 2] == weights[:, 3]).all()
    assert (weights[:, 4] == weights[:, 5]).all()
    for other in (0, 1, 4):
        assert abs(np.corrcoef(weights[:, 2], weights[:, other])[0, 1]) < 0.2


def test_each_year_keeps_its_weeks() -> None:
    day = UNTIL - 1 - np.arange(0, 7 * 52 * 3, 7)[::-1]
    weights = week_weights(day, UNTIL)
    assert weights.shape == (DRAWS, 156)
    for year in np.split(weights, 3, axis=1):
        assert (year.sum(axis=1) == 52).all()
    assert weights.var() == pytest.approx(51 / 52, abs=0.04)
    assert (weights == 0).mean() == pytest.approx((51 / 52) ** 52, abs=0.01)
    assert set(np.unique(weights)) <= set(range(12))


def test_what_is_not_over_yet_does_not_count() -> None:
    weights = week_weights(np.array([UNTIL - 1, UNTIL, UNTIL + 400]), UNTIL, 50)
    assert weights[:, 0].any() and not weights[:, 1:].any()


@given(day=st.lists(st.integers(1, 9_000), min_size=1, max_size=40), seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_the_same_seed_gives_the_same_draws_whatever_lies_further_back(day: list[int], seed: int) -> None:
    days = UNTIL - np.array(day)
    weights = week_weights(days, UNTIL, 20, seed)
    assert (weights == week_weights(days, UNTIL, 20, seed)).all()
    longer = week_weights(np.concatenate((days[:1] - 400, days)), UNTIL, 20, seed)
    assert (longer[:, 1:] == weights).all()


def test_no_draws_of_what_cannot_be_drawn() -> None:
    assert week_weights(np.array([], np.int64), UNTIL, 5).shape == (5, 0)
    for days, draws in (([UNTIL - 300 * 364], 5), ([UNTIL - 1], 0)):
        with pytest.raises(ValueError):
            week_weights(np.array(days), UNTIL, draws)


def test_the_tails_of_a_hundred_and_one_draws() -> None:
    assert tails(np.arange(101.0)[::-1]) == (5.0, 95.0)
    assert Interval.of(7, np.full(300, 3.0)) == Interval(7.0, 3.0, 3.0)
    for wrong in (np.array([]), np.array([1.0, np.nan])):
        with pytest.raises(ValueError):
            tails(wrong)


def test_the_interval_covers_a_known_rate_about_as_often_as_it_says() -> None:
    """Events of a steady rate, counted: the interval of their number holds the true mean some nine times of ten."""
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(200):
        day = UNTIL - 1 - rng.integers(0, 7 * 52, rng.poisson(120))
        low, high = tails(week_weights(day, UNTIL, 200, seed).sum(axis=1))
        held += low <= 120 <= high
    assert 165 <= held <= 194


def few(n: int, of: int = 300) -> np.ndarray:
    """Draws of which `n` lie below 1, far from it, and the others just above."""
    return np.concatenate((np.full(n, 0.2), np.full(of - n, 1.02)))


def test_lower_needs_nine_draws_of_ten_and_an_interval_below_one() -> None:
    one = np.ones(300)
    assert compare(0.3, 1.0, few(300), one, (3, 3)).verdict == "lower"
    assert compare(0.3, 1.0, few(290), one, (3, 3)).verdict == "lower"
    almost = compare(0.3, 1.0, few(280), one, (3, 3))  # 93 % lower, but the interval reaches beyond 1
    assert almost.lower == pytest.approx(280 / 300) and almost.high == pytest.approx(1.02)
    assert almost.verdict == "no_difference"
    assert compare(0.3, 1.0, few(200), one, (3, 3)).verdict == "no_difference"
    assert compare(1.0, 0.3, one, few(300), (3, 3)).verdict == "higher"


def test_nothing_is_known_where_nothing_was_reported() -> None:
    """However clear the draws: figures that rest on no event of the time that counts are no finding."""
    found = compare(0.1, 1.0, few(300), np.ones(300), (0, 0))
    assert found.verdict == "unknown"
    assert compare(0.0, 0.0, np.zeros(300), np.zeros(300), (0, 0)).verdict == "unknown"
    assert compare(0.0, 0.0, np.zeros(300), np.zeros(300), (0, 0)).ratio is None


def test_a_way_by_itself_is_no_different() -> None:
    drawn = np.random.default_rng(1).gamma(1, 1, 300)
    found = compare(1.0, 1.0, drawn, drawn, (9, 9))
    assert (found.verdict, found.ratio, found.low, found.high, found.lower) == ("no_difference", 1, 1, 1, 0)


@given(
    pairs=st.lists(st.tuples(*[st.one_of(st.just(0.0), st.floats(1e-9, 1e3))] * 2), min_size=20, max_size=60)
)
@settings(max_examples=60, deadline=None)
def test_the_other_way_round_it_is_the_other_way_round(pairs: list[tuple[float, float]]) -> None:
    a, b = np.array(pairs).T
    forth = compare(float(a.mean()), float(b.mean()), a, b, (2, 1))
    back = compare(float(b.mean()), float(a.mean()), b, a, (1, 2))
    turned = {"lower": "higher", "higher": "lower"}
    assert back.verdict == turned.get(forth.verdict, forth.verdict)
    if forth.ratio and back.ratio:
        assert forth.ratio * back.ratio == pytest.approx(1)
    if forth.low and back.high:
        assert forth.low * back.high == pytest.approx(1)
    assert forth.lower + back.lower <= 1 + 1e-9


@given(first=DRAWN, scale=st.floats(1e-6, 1e6))
@settings(max_examples=30, deadline=None)
def test_what_scales_both_changes_nothing(first: list[float], scale: float) -> None:
    a = np.array(first)
    b = np.roll(a, 3) * 1.5
    before, after = compare(1.0, 2.0, a, b, (1, 1)), compare(scale, 2 * scale, a * scale, b * scale, (1, 1))
    assert before.verdict == after.verdict
    assert before.low == pytest.approx(after.low)


@pytest.mark.parametrize(
    ("a", "b"),
    [([1.0], [1.0, 2.0]), ([-1.0], [1.0]), ([np.nan], [1.0]), ([np.inf], [1.0]), ([[1.0]], [[1.0]])],
)
def test_draws_that_do_not_belong_together_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError):
        compare(1.0, 1.0, np.array(a), np.array(b), (1, 1))
