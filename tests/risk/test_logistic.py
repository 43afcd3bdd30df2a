"""The regression against closed forms and against the slope of its own likelihood."""

from __future__ import annotations

import numpy as np
import pytest

from safeconduct.risk.logistic import fit


def test_one_yes_or_no_feature_gives_the_odds_of_the_table() -> None:
    """30 of 100 without, 60 of 80 with: intercept log(30/70), slope the log of the odds ratio."""
    feature = np.repeat([0.0, 1.0], [100, 80])[:, None]
    happened = np.concatenate((np.repeat([1.0, 0.0], [30, 70]), np.repeat([1.0, 0.0], [60, 20])))
    found = fit(feature, happened, np.ones(180), ridge=0.0)
    assert found.intercept == pytest.approx(np.log(30 / 70), abs=1e-4)
    assert found.slope[0] == pytest.approx(np.log(60 / 20) - np.log(30 / 70), abs=1e-4)
    assert found.chance(np.array([[0.0], [1.0]])) == pytest.approx([0.3, 0.75], abs=1e-4)


def test_a_weight_is_so_many_rows() -> None:
    draw = np.random.default_rng(1)
    features, weight = draw.normal(0, 1, (200, 3)), draw.integers(1, 4, 200)
    happened = (draw.random(200) < 1 / (1 + np.exp(-features[:, 0]))).astype(float)
    rows = np.repeat(np.arange(200), weight)
    one = fit(features, happened, weight.astype(float))
    other = fit(features[rows], happened[rows], np.ones(len(rows)))
    assert one.slope == pytest.approx(other.slope, abs=1e-6)


def test_it_ends_where_the_penalised_likelihood_is_level() -> None:
    draw = np.random.default_rng(2)
    features = draw.normal(3, 2, (500, 4))
    happened = (draw.random(500) < 1 / (1 + np.exp(3 - features[:, 1]))).astype(float)
    weight = draw.uniform(0.5, 2, 500)
    found = fit(features, happened, weight, ridge=5.0)
    off = weight * (happened - found.chance(features))
    spread = np.sqrt(
        np.average((features - np.average(features, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
    )
    assert off.sum() == pytest.approx(0, abs=0.02)
    centred = features - np.average(features, axis=0, weights=weight)
    assert off @ centred == pytest.approx(5.0 * found.slope * spread**2, abs=0.05)


def test_what_never_varies_and_what_says_everything_does_no_harm() -> None:
    draw = np.random.default_rng(3)
    happened = (np.arange(60) >= 30).astype(float)
    telling = np.column_stack((happened, np.full(60, 7.0), draw.normal(0, 1, 60), happened))
    found = fit(telling, happened, np.ones(60))
    assert np.isfinite(found.slope).all()
    assert found.slope[1] == 0
    assert found.slope[0] == pytest.approx(found.slope[3])
    assert ((found.chance(telling) > 0.5) == (happened > 0)).all()


@pytest.mark.parametrize("came", [0.0, 1.0])
def test_there_is_nothing_to_fit_where_nothing_differs(came: float) -> None:
    with pytest.raises(ValueError, match="something not"):
        fit(np.ones((5, 1)), np.full(5, came), np.ones(5))
