"""Logistic regression with weights and a ridge, by Newton's method; the same input gives the same answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from safeconduct.risk.events import Floats

RIDGE = 1.0
_STEPS = 60
_CLOSE = 1e-8
_HALVINGS = 30


class NotFitted(ArithmeticError):
    """Newton's method came to no end."""


@dataclass(frozen=True, eq=False)
class Logistic:
    """`intercept` and a coefficient for each feature as it was given, not scaled."""

    intercept: float
    slope: Floats

    def chance(self, features: Floats) -> Floats:
        """Between 0 and 1 for each row of (n, p)."""
        return _chance(self.intercept + features @ self.slope)


def fit(features: Floats, happened: Floats, weight: Floats, ridge: float = RIDGE) -> Logistic:
    """The maximum of the weighted log likelihood less `ridge` / 2 times the squares of the slopes.

    `features` (n, p), `happened` 0 or 1 and `weight` (n,). Slopes are penalised per standard deviation of their
    feature, the intercept is not. A feature that never varies gets the slope 0. Raises ValueError where nothing or
    everything happened, NotFitted where no maximum is found.
    """
    told = float(weight @ happened)
    whole = float(weight.sum())
    if not 0 < told < whole:
        raise ValueError("to fit, something has to have happened, and something not")
    mean = weight @ features / whole
    spread = np.sqrt(np.maximum(weight @ (features - mean) ** 2 / whole, 0.0))
    varies = spread > _CLOSE * (1.0 + np.abs(mean))
    scaled = np.column_stack((np.ones(len(features)), (features[:, varies] - mean[varies]) / spread[varies]))
    penalty = np.full(scaled.shape[1], ridge)
    penalty[0] = 0.0
    at = np.zeros(scaled.shape[1])
    at[0] = np.log(told / (whole - told))
    at = _climb(scaled, happened, weight, penalty, at)
    slope = np.zeros(features.shape[1])
    slope[varies] = at[1:] / spread[varies]
    return Logistic(float(at[0] - slope @ mean), slope)


def _climb(scaled: Floats, happened: Floats, weight: Floats, penalty: Floats, at: Floats) -> Floats:
    score = scaled @ at
    height = _height(score, happened, weight, penalty, at)
    for _ in range(_STEPS):
        chance = _chance(score)
        uphill = scaled.T @ (weight * (happened - chance)) - penalty * at
        curve = (scaled.T * (weight * chance * (1 - chance))) @ scaled + np.diag(penalty)
        step = np.linalg.lstsq(curve, uphill, rcond=None)[0]
        for _ in range(_HALVINGS):
            score = scaled @ (at + step)
            reached = _height(score, happened, weight, penalty, at + step)
            if reached >= height:
                break
            step = step / 2
        else:
            return at
        at = at + step
        if reached - height <= _CLOSE * (1.0 + abs(height)):
            return at
        height = reached
    raise NotFitted("the regression did not come to an end")


def _height(score: Floats, happened: Floats, weight: Floats, penalty: Floats, at: Floats) -> float:
    soft = np.maximum(score, 0.0) + np.log1p(np.exp(-np.abs(score)))
    return float(weight @ (happened * score - soft) - penalty @ at**2 / 2)


def _chance(score: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(score, -500.0, 500.0)))
    return found
