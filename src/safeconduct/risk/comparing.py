"""Two ways compared: one is called lower only where the draws leave little doubt of it.

A way is lower than another if its expected events are fewer in at least nine draws of ten and the interval of the
ratio, which holds nine tenths of the draws, lies below 1. Otherwise there is no measurable difference, which is not to
say that there is none. Where no incident is known on either of them in the time that counts, nothing is known: that is
neither a difference nor safety.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from safeconduct.risk.events import Floats
from safeconduct.risk.week_bootstrap import tails

SURE = 0.9
Verdict = Literal["lower", "higher", "no_difference", "unknown"]


@dataclass(frozen=True)
class Comparison:
    """The first way by the second. `ratio` of their expected events and the interval of its draws, None where it has
    no value (the second is 0); `lower`: the share of draws in which the first has fewer."""

    verdict: Verdict
    ratio: float | None
    low: float | None
    high: float | None
    lower: float


def compare(
    first: float, second: float, first_drawn: Floats, second_drawn: Floats, events: tuple[int, int]
) -> Comparison:
    """Compare the expected events of two ways, with draws made under the same weights.

    `events`: incidents in the cells that each passes, in the time that counts. Raises ValueError for draws that do
    not belong together, or for what is no number of expected events.
    """
    a, b = np.asarray(first_drawn, np.float64), np.asarray(second_drawn, np.float64)
    both = np.concatenate((a.ravel(), b.ravel(), [first, second]))
    if a.shape != b.shape or a.ndim != 1 or not np.isfinite(both).all() or bool((both < 0).any()):
        raise ValueError("draws of both, as many of each, none below 0")
    ratios = np.divide(a, b, out=np.where(a > 0, np.inf, 1.0), where=b > 0)
    low, high = tails(ratios)
    fewer, more = float(np.mean(a < b)), float(np.mean(a > b))
    verdict: Verdict = "no_difference"
    if not any(events):
        verdict = "unknown"
    elif fewer >= SURE and high < 1:
        verdict = "lower"
    elif more >= SURE and low > 1:
        verdict = "higher"
    return Comparison(verdict, first / second if second else None, low, _finite(high), fewer)


def in_both(found: Comparison, otherwise: Comparison) -> Comparison:
    """A comparison made under two assumptions: it says of the difference only what it says under either."""
    same = found.verdict == otherwise.verdict
    return found if same or found.verdict == "unknown" else replace(found, verdict="no_difference")


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
