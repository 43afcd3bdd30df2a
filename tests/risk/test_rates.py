"""The interval of a rate ratio: against published and reference values, and by its own laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.risk.rates import rate_ratio, share_interval

COUNTS = st.integers(0, 400)
SPANS = st.floats(1, 10_000)


@pytest.mark.parametrize(
    ("before", "over", "after", "over_after", "low", "high"),
    [
        # poisson.test(c(11, 6+8+7), c(800, 1083+1050+878)) of R's documentation
        (21, 3011, 11, 800, 0.858426403391619, 4.277265943654079),
        # scipy.stats.binomtest(...).proportion_ci(method="exact"), SciPy 1.17
        (9, 365, 2, 365, 0.023364641053048658, 1.073638435829745),
        (5, 100, 0, 100, 0.0, 1.091279105182546),
        (2, 400, 3, 365, 0.18830519732057066, 19.68127214249044),
        (300, 365, 120, 365, 0.3209371621696057, 0.4959219452720051),
    ],
)
def test_the_exact_interval_is_that_of_others(
    before: int, over: float, after: int, over_after: float, low: float, high: float
) -> None:
    found = rate_ratio(before, over, after, over_after)
    assert found.low == pytest.approx(low, rel=1e-9, abs=1e-12)
    assert found.high == pytest.approx(high, rel=1e-9)


def test_without_an_event_nothing_is_said_and_without_one_before_there_is_no_upper_end() -> None:
    assert rate_ratio(0, 10, 0, 10).verdict == "none"
    found = rate_ratio(0, 100, 8, 100)
    assert found.ratio is None and found.high is None and found.verdict == "more"
    assert rate_ratio(0, 100, 1, 100).verdict == "unclear"


@given(before=COUNTS, after=COUNTS, over=SPANS, over_after=SPANS)
def test_the_interval_holds_the_ratio_and_turns_with_it(
    before: int, after: int, over: float, over_after: float
) -> None:
    found, turned = rate_ratio(before, over, after, over_after), rate_ratio(after, over_after, before, over)
    if before and after:
        assert found.ratio is not None and found.low is not None and found.high is not None
        assert found.low < found.ratio < found.high
        assert turned.low == pytest.approx(1 / found.high, rel=1e-6)
        assert turned.high == pytest.approx(1 / found.low, rel=1e-6)


@pytest.mark.parametrize(
    "given_", [(-1, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, -5), (1, 1, 1, float("nan")), (60_000, 1, 60_000, 1)]
)
def test_what_is_no_count_or_no_exposure_is_refused(given_: tuple[int, float, int, float]) -> None:
    with pytest.raises(ValueError):
        rate_ratio(*given_)


@pytest.mark.parametrize(
    ("successes", "trials", "confidence", "low", "high"),
    [
        # binom.test(682, 682 + 243) of R's documentation (Mendelian inheritance, Conover 1971)
        (682, 925, 0.95, 0.7076683, 0.7654066),
        # Newcombe (1998), Statistics in Medicine 17, table I, method 5 (Clopper-Pearson)
        (81, 263, 0.95, 0.2527, 0.3676),
        (15, 148, 0.95, 0.0578, 0.1617),
        (0, 20, 0.95, 0.0, 0.1684),
        (1, 29, 0.95, 0.0009, 0.1776),
        # the rule of three made exact: 1 - 0.025 ** (1 / n), and its mirror image
        (0, 10, 0.95, 0.0, 1 - 0.025 ** (1 / 10)),
        (10, 10, 0.95, 0.025 ** (1 / 10), 1.0),
        (0, 1, 0.9, 0.0, 0.95),
    ],
)
def test_the_interval_of_a_share_is_the_published_one(
    successes: int, trials: int, confidence: float, low: float, high: float
) -> None:
    found = share_interval(successes, trials, confidence)
    assert found.low == pytest.approx(low, abs=5.1e-5)
    assert found.high == pytest.approx(high, abs=5.1e-5)


def test_of_nothing_the_share_may_be_anything() -> None:
    found = share_interval(0, 0)
    assert (found.low, found.high) == (0.0, 1.0)


@given(trials=st.integers(1, 300), data=st.data())
def test_a_share_lies_in_its_interval_which_mirrors_and_agrees_with_the_tail(
    trials: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, trials))
    found, turned = share_interval(successes, trials), share_interval(trials - successes, trials)
    assert found.low <= successes / trials <= found.high
    assert turned.low == pytest.approx(1 - found.high, abs=1e-9)
    if successes:
        tail = sum(
            math.comb(trials, k) * found.low**k * (1 - found.low) ** (trials - k)
            for k in range(successes, trials + 1)
        )
        assert tail == pytest.approx(0.025, rel=1e-6), "the definition, term by term"


@pytest.mark.parametrize("given_", [(-1, 2), (3, 2), (0, -1), (1, 100_001), (1, 2, 0.0), (1, 2, 1.0)])
def test_what_is_no_share_is_refused(given_: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        share_interval(*given_)
