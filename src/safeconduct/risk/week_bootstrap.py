"""How far chance alone may have moved a figure: whole weeks of the record drawn again, with replacement.

Attacks come in clusters of days, so that single events are not drawn but weeks (a block bootstrap: Künsch, "The
jackknife and the bootstrap for general stationary observations", Annals of Statistics 17, 1989). Weeks are counted back
from the last day that is looked at, empty ones too, and of each 52 of them 52 are drawn from among themselves. So a
year keeps its number of weeks, and what was long ago does not come to stand in the last year. How often a week was
drawn is the weight of each event in it. (Independent Poisson weights instead would let the number of weeks vary: the
interval of a count of two a week would be 1.7 times as wide as chance makes it.) Everything that is reckoned under one
draw uses the same weights, so that two roads are compared under the same past.

The interval covers sampling alone: not the model, the positions, what was never reported, or that those who attack
choose. The same seed and the same days give the same draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from safeconduct.risk.events import Floats, Ints

DRAWS = 300
SEED = 20240601
TAIL = 0.05
"""Of each side: the interval holds nine tenths of the draws."""
WEEKS = 52
MOST_YEARS = 200


def week_weights(day: Ints, until: int, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """The weight of each event in each draw, of shape (draws, events): one for all events of a week.

    `until` is the day after the last one that is looked at; events from then on have the weight 0. Raises ValueError
    for less than one draw, or for events more than 200 years back.
    """
    drawn, week = weeks_drawn(day, until, draws, seed)
    found: Floats = drawn[:, week]
    return found


def weeks_drawn(day: Ints, until: int, draws: int = DRAWS, seed: int = SEED) -> tuple[Floats, Ints]:
    """How often each week was drawn, of shape (draws, weeks), and the number of each event's week.

    `drawn[some][:, week]` are the weights of some draws: of many events all at once would be large.
    """
    if draws < 1:
        raise ValueError("at least one draw")
    back = (until - 1 - np.asarray(day, np.int64)) // 7
    years = int(back.max(initial=-1)) // WEEKS + 1
    if years > MOST_YEARS:
        raise ValueError(f"an event lies more than {MOST_YEARS} years back")
    rng = np.random.default_rng(seed)
    rows = np.arange(draws)[:, None] * WEEKS
    # the last year is drawn first: what lies further back than before changes nothing of what was drawn
    drawn = [
        np.bincount((rng.integers(0, WEEKS, (draws, WEEKS)) + rows).ravel(), minlength=draws * WEEKS)
        for _ in range(years)
    ]
    never = np.zeros((draws, 1))
    weeks: Floats = np.concatenate(
        (*(each.reshape(draws, WEEKS) for each in drawn), never), axis=1, dtype=np.float64
    )
    number: Ints = np.where(back < 0, years * WEEKS, back)
    return weeks, number


@dataclass(frozen=True)
class Interval:
    """A figure, and where nine tenths of its draws lie."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, drawn: Floats) -> Interval:
        low, high = tails(drawn)
        return cls(float(value), low, high)


def tails(drawn: Floats, tail: float = TAIL) -> tuple[float, float]:
    """The draws that cut off so much on either side: as many below the one as above the other.

    Raises ValueError without a draw, or with one that is no number.
    """
    if not len(drawn) or bool(np.isnan(drawn).any()):
        raise ValueError("draws are numbers, and at least one")
    ordered = np.sort(drawn)
    cut = int(tail * (len(ordered) - 1))
    return float(ordered[cut]), float(ordered[len(ordered) - 1 - cut])
