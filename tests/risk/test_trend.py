"""The trend: recovered where it is known, the maximum of its likelihood, and rarely seen where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.made import clustered
from safeconduct.risk.events import Ints
from safeconduct.risk.trend import FEWEST_EVENTS, FEWEST_SPANS, SPANS, YEAR, Trend, trend

FOUR_YEARS = 1_461


def falling(by_year: float, count: int, days: int) -> Ints:
    """Days whose density falls to the share `by_year` each year, without any chance in them."""
    rate = np.log(by_year) / YEAR
    quantiles = (np.arange(count) + 0.5) / count
    found = np.log1p(quantiles * np.expm1(rate * days)) / rate
    return np.floor(found).astype(np.int64)


@pytest.mark.parametrize("by_year", [0.5, 0.8, 1.25, 2.0])
def test_a_known_trend_is_found(by_year: float) -> None:
    found = trend(falling(by_year, 4_000, FOUR_YEARS), 0, FOUR_YEARS)
    assert found.ratio == pytest.approx(by_year, rel=0.02)
    assert found.verdict == ("falling" if by_year < 1 else "rising")
    assert found.dispersion is not None and found.dispersion < 1
    assert found.at_start is not None and found.at_end is not None
    years = FOUR_YEARS / YEAR
    assert found.at_end / found.at_start == pytest.approx(found.ratio**years, rel=1e-9)
    assert found.rate(0.5) == pytest.approx(np.sqrt(found.at_start * found.at_end))


def test_the_slope_is_the_maximum_of_the_likelihood() -> None:
    from scipy.optimize import minimize

    day = np.sort(np.random.default_rng(3).integers(0, FOUR_YEARS, 90)).astype(np.int64)
    seen = np.histogram(day + 0.5, np.linspace(0, FOUR_YEARS, SPANS + 1))[0]
    time = (np.arange(SPANS) + 0.5) / SPANS - 0.5

    def loss(given: np.ndarray) -> float:
        return float(np.exp(given[0] + given[1] * time).sum() - (seen * (given[0] + given[1] * time)).sum())

    best = minimize(loss, [2.0, 0.0], method="BFGS", options={"gtol": 1e-8}).x
    found = trend(day, 0, FOUR_YEARS)
    assert found.ratio == pytest.approx(np.exp(best[1] / (FOUR_YEARS / YEAR)), rel=1e-5)


@given(st.lists(st.integers(0, FOUR_YEARS - 1), max_size=60), st.integers(-20_000, 20_000))
def test_time_turned_back_turns_the_trend_and_time_moved_leaves_it(offsets: list[int], moved: int) -> None:
    day = np.sort(np.array(offsets, np.int64))
    found = trend(day, 0, FOUR_YEARS)
    later = trend(day + moved, moved, moved + FOUR_YEARS)
    turned = trend(FOUR_YEARS - 1 - day[::-1], 0, FOUR_YEARS)
    if len(day) < FEWEST_EVENTS:
        assert found == Trend(len(day), FOUR_YEARS) and found.verdict == "few"
        return
    if len({(2 * each + 1) * SPANS // (2 * FOUR_YEARS) for each in offsets}) < FEWEST_SPANS:
        assert found == Trend(len(day), FOUR_YEARS) and found.verdict == "spell"
        return
    assert found.ratio and found.low and found.high and turned.high and turned.ratio and later.ratio
    assert found.low <= found.ratio <= found.high
    assert later.ratio == pytest.approx(found.ratio, rel=1e-6)
    assert np.log(turned.ratio) == pytest.approx(-np.log(found.ratio), abs=1e-6)
    assert np.log(turned.high) == pytest.approx(-np.log(found.low), abs=1e-4)


@pytest.mark.parametrize(("expected", "branching"), [(80, 0.0), (80, 0.4), (400, 0.4), (400, 0.6)])
def test_where_there_is_no_trend_one_is_rarely_seen(expected: float, branching: float) -> None:
    """At a confidence of 0.95 at most one in twenty; of 300 draws 29 would be four standard errors above."""
    draw = np.random.default_rng(11)
    tried = [trend(clustered(draw, FOUR_YEARS, expected, branching), 0, FOUR_YEARS) for _ in range(300)]
    assert sum(each.verdict in ("falling", "rising") for each in tried) < 29


@pytest.mark.parametrize("day", [3, FOUR_YEARS - 1, FOUR_YEARS // 2])
def test_one_bad_day_is_a_spell_and_no_trend(day: int) -> None:
    found = trend(np.full(40, day, np.int64), 0, FOUR_YEARS)
    assert found.verdict == "spell" and found.ratio is None and found.events == 40


def test_what_lies_in_two_spans_scatters_about_no_line() -> None:
    days = np.array([FOUR_YEARS - 260] + [FOUR_YEARS - 11] * 40, np.int64)
    assert trend(days, 0, FOUR_YEARS).verdict == "spell"
    assert trend(np.r_[FOUR_YEARS - 500, days], 0, FOUR_YEARS).ratio is not None


@pytest.mark.parametrize(("since", "until"), [(0, 0), (10, 5)])
def test_an_empty_period_is_refused(since: int, until: int) -> None:
    with pytest.raises(ValueError):
        trend(np.array([], np.int64), since, until)
    with pytest.raises(ValueError):
        Trend(0, 0).rate(0.5)
