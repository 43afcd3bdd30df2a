"""Made-up events: independent ones, and clusters in which each event may bring others soon after it."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from safeconduct.risk.events import Ints

LASTING = 14.0
"""Mean days from an event to one that it brings."""


def clustered(draw: Generator, days: int, expected: float, branching: float) -> Ints:
    """Days of about so many events, each of which brings `branching` others on average; no trend."""
    begun = draw.poisson(expected * (1 - branching) / days, days)
    generation = np.repeat(np.arange(days), begun)
    found = [generation]
    while len(generation):
        many = draw.poisson(branching, len(generation))
        generation = np.repeat(generation, many) + draw.exponential(LASTING, int(many.sum())).astype(np.int64)
        generation = generation[generation < days]
        found.append(generation)
    return np.sort(np.concatenate(found)).astype(np.int64)
