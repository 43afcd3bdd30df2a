"""The standard forecast: each cell goes on as in the last 365 days, and a part is spread as ever since the beginning.

A count over a year is what an analyst would do by hand. To a share `spread` of the year's incidents another place is
given: where a Gaussian kernel lays all incidents before the origin (Chainey, Tompson and Uhlig 2008), and a little of
it evenly over the area. Whatever else is offered must do measurably better than this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from safeconduct.risk.events import Floats, Ints
from safeconduct.risk.grid import Cells, Grid, find


@dataclass(frozen=True)
class Settings:
    """`window`: days that are counted. `spread`: the share that the kernel of `sigma_km` lays elsewhere, of which a
    share `even` goes evenly over the area. Chosen by log loss on 2012-2015 (UCDP GED, Pakistan) and left so.
    """

    window: int = 365
    spread: float = 0.3
    sigma_km: float = 10.0
    even: float = 0.03


STANDARD = Settings()


def expected(
    grid: Grid,
    cell: Ints,
    day: Ints,
    origin: int,
    horizon: int,
    lag: int = 0,
    weights: Floats | None = None,
    settings: Settings = STANDARD,
) -> Floats:
    """Expected incidents per cell from day `origin` to before `origin + horizon`; shape (m,).

    `cell` (the grid's number, -1 outside) and `day` have an entry for each incident, in the order of days. Only
    those before `origin - lag` are looked at: nearer ones are taken to be still unreported. `weights` says how often
    each incident counts, (n,); or in rows, (k, n), for k forecasts at once: then the answer is (k, m).
    """
    return horizon * per_day(grid, cell, day, origin, lag, weights, settings)


def per_day(
    grid: Grid,
    cell: Ints,
    day: Ints,
    origin: int,
    lag: int = 0,
    weights: Floats | None = None,
    settings: Settings = STANDARD,
) -> Floats:
    """Expected incidents per cell and day; see `expected`."""
    until = origin - lag
    first, last = (int(each) for each in np.searchsorted(day, (until - settings.window, until)))
    year = counted(grid, cell, weights, first, last)
    ever = year + counted(grid, cell, weights, 0, first)
    spread = (grid.kernel(settings.sigma_km) @ ever.T).T
    total = spread.sum(axis=-1, keepdims=True)
    level = year.sum(axis=-1, keepdims=True)
    even = grid.area_km2 / grid.area_km2.sum()
    share = np.divide(spread, total, out=np.zeros_like(spread), where=total > 0)
    share = (1 - settings.even) * share + settings.even * even
    found: Floats = ((1 - settings.spread) * year + settings.spread * level * share) / settings.window
    return found


def counted(grid: Grid, cell: Ints, weights: Floats | None, first: int, last: int) -> Floats:
    """How many incidents, from number `first` to before `last`, lie in each cell: (m,), or (k, m)."""
    at = cell[first:last]
    inside = np.flatnonzero(at >= 0)
    at = at[inside]
    if weights is None:
        return np.asarray(np.bincount(at, minlength=len(grid)), np.float64)
    chosen = weights[..., first:last][..., inside]
    if chosen.ndim == 1:
        return np.asarray(np.bincount(at, weights=chosen, minlength=len(grid)), np.float64)
    from scipy import sparse

    shape = (len(at), len(grid))
    lies: Any = sparse.csr_matrix((np.ones(len(at)), (np.arange(len(at)), at)), shape=shape)
    found: Floats = np.asarray((lies.T @ chosen.T).T)
    return found


@dataclass(frozen=True, eq=False)
class RateField:
    """Incidents per km2 and day in m cells, as the standard forecast has them.

    `rate`: (m,), or (k, m) for k weightings. `elsewhere`: the rate where no cell of the area is, () or (k,): what is
    laid evenly over the area, which says that nothing is known there, not that it is safe. `year`, `ever`: how many
    incidents of the last 365 days and of all time before lie in each cell itself, unweighted.
    """

    cells: Cells
    rate: Floats
    elsewhere: Floats
    year: Ints
    ever: Ints

    def at(self, cells: Cells) -> tuple[Floats, Ints]:
        """The rates in cells (the last axis), and the numbers of these cells: -1 for one outside the area."""
        number = find(self.cells, cells)
        padded = np.concatenate((self.rate, np.asarray(self.elsewhere)[..., None]), axis=-1)
        return padded[..., number], number


def rate_field(
    grid: Grid,
    cell: Ints,
    day: Ints,
    origin: int,
    lag: int = 0,
    weights: Floats | None = None,
    settings: Settings = STANDARD,
) -> RateField:
    """The rates that incidents before `origin - lag` give; see `expected` for the arguments."""
    rates = per_day(grid, cell, day, origin, lag, weights, settings)
    first, last = (int(each) for each in np.searchsorted(day, (origin - lag - settings.window, origin - lag)))
    level = counted(grid, cell, weights, first, last).sum(axis=-1) / settings.window
    even = settings.spread * settings.even / (grid.area_km2.sum() or 1.0)
    return RateField(
        cells=grid.cells,
        rate=rates / grid.area_km2,
        elsewhere=np.asarray(level * even),
        year=counted(grid, cell, None, first, last).astype(np.int64),
        ever=counted(grid, cell, None, 0, last).astype(np.int64),
    )
