"""The other forecast: a logistic regression on how much happened nearby, over several times and distances.

For each cell the chance of at least one incident, from the logarithms of counts over 30 days to all time, in the cell
and spread over 10 and 25 km; recalibrated by what the last 52 windows expected and what then came. As arithmetic the
past and the present are one: a backtest asks for each week what a forecast of that week would have been.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from safeconduct.risk.events import Floats, Ints
from safeconduct.risk.grid import Grid
from safeconduct.risk.logistic import Logistic, NotFitted, fit

WINDOWS = (30, 90, 365, 1825, None)
"""Days that are counted; None: all before."""
SPREADS_KM = (10.0, 25.0)
FACTOR = 10.0
"""Counts enter as log(1 + 10 count): a tenth of an incident, as kernels spread it, is told from none."""
YEARS, STEP, REFIT = 9, 14, 364
"""A fit looks back so many years, at one window every so many days, and serves for so many days."""
ANCHOR = 4
"""Fits begin on Monday 5 January 1970 and every 364 days after, so that a day always has the same fit."""
KEPT = 0.05
"""Of cells in which nothing happened so many are drawn for a fit, and weigh as all of them."""
RECENT, WEEK = 52, 7
FEWEST = 50
"""Cells with an incident in all windows of a fit; with fewer there is nothing to fit."""
_LONG_AGO = 20_000
_HIGHEST = 1 - 1e-9


class TooFew(ValueError):
    """Too few incidents before the origin for anything to be fitted to them."""


class _Drawn(NamedTuple):
    features: Floats
    happened: Floats
    weight: Floats


class ManyScales:
    """Forecasts of one horizon from one set of incidents; fits and forecasts are made when first asked for.

    `cell` and `day` as in `standard.expected`; `lag` in days. `seed` draws the cells without an incident.
    """

    def __init__(self, grid: Grid, cell: Ints, day: Ints, horizon: int, lag: int = 0, seed: int = 0) -> None:
        if horizon < 1 or lag < 0:
            raise ValueError("a horizon is at least 1 day, a lag at least 0")
        inside = cell >= 0
        self.grid, self.horizon, self.lag, self.seed = grid, horizon, lag, seed
        self._day = day[inside]
        self._active, self._at = np.unique(cell[inside], return_inverse=True)
        self._spread = [grid.kernel(km)[:, self._active] for km in SPREADS_KM]
        self._drawn: dict[int, _Drawn] = {}
        self._fits: dict[int, Logistic | None] = {}
        self._raw: dict[int, tuple[Floats, float]] = {}

    def expected(self, origin: int) -> Floats:
        """Expected incidents per cell from day `origin` to before `origin + horizon`, from those before
        `origin - lag` alone; shape (m,). Raises TooFew.
        """
        found: Floats = self._before_recalibration(origin)[0] * self.factor(origin)
        return found

    def factor(self, origin: int) -> float:
        """Cells with an incident in the last 52 weekly windows that are over, to those that were expected."""
        last = origin - self.lag - self.horizon
        first = origin + (last - origin) // WEEK * WEEK
        happened = chances = 0.0
        for week in range(RECENT):
            then = first - week * WEEK
            try:
                chances += self._before_recalibration(then)[1]
            except TooFew:
                break
            happened += int((self._count(then, then + self.horizon) > 0).sum())
        return (happened + 1) / (chances + 1)

    def _before_recalibration(self, origin: int) -> tuple[Floats, float]:
        """Expected incidents, and the expected number of cells with one."""
        if origin not in self._raw:
            chance = np.minimum(self._fit_of(origin).chance(self._features(origin)), _HIGHEST)
            self._raw[origin] = -np.log1p(-chance), float(chance.sum())
        return self._raw[origin]

    def _fit_of(self, origin: int) -> Logistic:
        begun = (origin - ANCHOR) // REFIT * REFIT + ANCHOR
        if begun not in self._fits:
            self._fits[begun] = self._fit(begun - self.lag - self.horizon)
        found = self._fits[begun]
        if found is None:
            raise TooFew("too few incidents for a regression")
        return found

    def _fit(self, last: int) -> Logistic | None:
        """From windows that begin on day `last` and every 14 days before."""
        windows = [self._draw(last - step * STEP) for step in range(YEARS * REFIT // STEP)]
        features, happened, weight = (np.concatenate(each) for each in zip(*windows, strict=True))
        if happened.sum() < FEWEST:
            return None
        try:
            return fit(features, happened, weight)
        except (NotFitted, ValueError):
            return None

    def _draw(self, origin: int) -> _Drawn:
        """The cells of a window that a fit looks at: each with an incident, and a part of those without."""
        if origin not in self._drawn:
            happened = np.zeros(len(self.grid), np.bool_)
            happened[self._active] = self._count(origin, origin + self.horizon) > 0
            lots = np.random.default_rng((self.seed, abs(origin), int(origin < 0))).random(len(self.grid))
            chosen = np.flatnonzero(happened | (lots < KEPT))
            told = happened[chosen]
            weight = np.where(told, 1.0, 1 / KEPT)
            self._drawn[origin] = _Drawn(self._features(origin)[chosen], told.astype(np.float64), weight)
        return self._drawn[origin]

    def _count(self, since: int | None, until: int) -> Ints:
        """Incidents in each cell that ever had one, from one day to before another."""
        first = 0 if since is None else int(np.searchsorted(self._day, since))
        last = int(np.searchsorted(self._day, until))
        return np.bincount(self._at[first:last], minlength=len(self._active))

    def _features(self, origin: int) -> Floats:
        """(m, p) of what was known on a day; the same for any incidents from `origin - lag` on."""
        until = origin - self.lag
        counts = np.stack(
            [self._count(None if window is None else until - window, until) for window in WINDOWS], axis=-1
        ).astype(np.float64)
        own = np.zeros((len(self.grid), len(WINDOWS)))
        own[self._active] = counts
        spread: list[Any] = [matrix @ counts for matrix in self._spread]
        logs = np.log1p(FACTOR * np.concatenate((own, *spread), axis=1))
        known = int(np.searchsorted(self._day, until))
        since = np.full(len(self.grid), _LONG_AGO, np.int64)
        newest = np.full(len(self._active), until - _LONG_AGO)
        newest[self._at[:known]] = self._day[:known]
        since[self._active] = np.minimum(until - newest, _LONG_AGO)
        level = np.log1p(counts[:, 1:3].sum(axis=0))
        return np.column_stack((logs, np.log1p(since), np.tile(level, (len(self.grid), 1))))
