"""How good a forecast was: what share of what came lay where it pointed, and how true its probabilities were.

Hit rate and Prediction Accuracy Index: Chainey, Tompson and Uhlig (2008). Brier score: Brier (1950). Both it and log
loss are proper: nobody gains by stating another probability than he believes (Gneiting and Raftery 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from safeconduct.risk.events import Floats, Ints

SHARES = (0.01, 0.05)
"""Of the area: what could be given particular attention."""
BINS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SMALLEST = 1e-9
"""A forecast that calls something impossible is read as this many incidents, or one of them would cost everything."""
TIED = 1e-9


@dataclass(frozen=True)
class Bin:
    """Of the cells and windows with a stated chance from `low` to `high`: how many, the mean stated, what came."""

    low: float
    high: float
    count: int
    stated: float
    came: float


def foremost(expected: Floats, area: Floats, share: float) -> Floats:
    """For each cell how much of it, 0 to 1, belongs to that share of the area with the most expected per km2.

    Cells with the same expectation are taken in equally, so that no order of theirs decides anything.
    """
    if not len(expected):
        return np.zeros(0)
    density = expected / area
    order = np.argsort(-density, kind="stable")
    sorted_density = density[order]
    begins = np.ones(len(order), np.bool_)
    begins[1:] = sorted_density[1:] < sorted_density[:-1] * (1 - TIED)
    group = np.cumsum(begins) - 1
    size = np.bincount(group, weights=area[order])
    before = np.cumsum(size) - size
    taken = np.clip((share * area.sum() - before) / size, 0.0, 1.0)
    inside = np.empty(len(order))
    inside[order] = taken[group]
    return inside


def hit_rate(expected: Floats, area: Floats, happened: Floats | Ints, share: float) -> float | None:
    """The share of incidents in the foremost share of the area; None where nothing happened."""
    total = happened.sum()
    return float(happened @ foremost(expected, area, share) / total) if total else None


def accuracy_index(hits: float, share: float) -> float:
    """PAI: the hit rate over the share of the area. 1 is what pointing anywhere would give."""
    return hits / share


def chance(expected: Floats) -> Floats:
    """The chance of at least one incident, as of a Poisson count."""
    found: Floats = -np.expm1(-np.maximum(expected, SMALLEST))
    return found


def log_loss(expected: Floats, happened: Floats | Ints) -> float:
    """Minus the log of the stated chance of what came, summed over cells; natural logarithm."""
    stated = np.maximum(expected, SMALLEST)
    hit = happened > 0
    return float(stated[~hit].sum() - np.log(-np.expm1(-stated[hit])).sum())


def brier(expected: Floats, happened: Floats | Ints) -> float:
    """The squared difference between the stated chance and what came (0 or 1), summed over cells."""
    return float(((chance(expected) - (happened > 0)) ** 2).sum())


class Calibration:
    """Stated chances in bins, and how often it came, over many forecasts."""

    def __init__(self, edges: Sequence[float] = BINS) -> None:
        self.edges = tuple(edges)
        self._sums = np.zeros((3, len(edges) - 1))

    def add(self, expected: Floats, happened: Floats | Ints) -> None:
        stated = chance(expected)
        number = np.clip(np.searchsorted(self.edges, stated, side="right") - 1, 0, len(self.edges) - 2)
        for row, weights in enumerate((np.ones(len(stated)), stated, (happened > 0).astype(np.float64))):
            self._sums[row] += np.bincount(number, weights=weights, minlength=len(self.edges) - 1)

    def bins(self) -> tuple[Bin, ...]:
        """Those in which there is anything."""
        return tuple(
            Bin(low, high, int(count), float(stated / count), float(came / count))
            for low, high, (count, stated, came) in zip(
                self.edges[:-1], self.edges[1:], self._sums.T, strict=True
            )
            if count
        )
