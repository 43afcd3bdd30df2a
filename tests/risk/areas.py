"""Small areas and made-up incidents."""

from __future__ import annotations

from typing import Any

import numpy as np

from safeconduct.risk.events import Events
from safeconduct.risk.grid import Grid

SQUARE: dict[str, Any] = {
    "type": "Polygon",
    "coordinates": [[[66.0, 28.0], [67.5, 28.0], [67.5, 29.5], [66.0, 29.5], [66.0, 28.0]]],
}
NOWHERE = np.zeros(0)


def square() -> Grid:
    return Grid.over([SQUARE], NOWHERE, NOWHERE)


def scattered(count: int, days: int, seed: int = 1, first: int = 10_000) -> Events:
    """So many incidents in the square, thicker around three towns."""
    draw = np.random.default_rng(seed)
    towns = np.array([(28.3, 66.4), (28.9, 67.1), (29.2, 66.3)])
    at = towns[draw.integers(0, 3, count)] + draw.normal(0, 0.15, (count, 2))
    day = np.sort(draw.integers(first, first + days, count))
    lat, lon = np.clip(at[:, 0], 28.05, 29.45), np.clip(at[:, 1], 66.05, 67.45)
    sides = np.where(lon < 66.75, "West", "East").tolist()
    return Events.of(
        ((int(d), float(y), float(x), 1, 1) for d, y, x in zip(day, lat, lon, strict=True)), province=sides
    )
