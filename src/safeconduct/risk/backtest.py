"""Every week of past years forecast again from what was known before it, and compared with what came.

The area is made of the outline and of incidents known at the first origin; what comes outside it counts as missed.
A forecast sees incidents before its origin less the lag, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from safeconduct.risk import standard
from safeconduct.risk.blocks import Blocks, Estimate
from safeconduct.risk.events import Events, Floats, Ints
from safeconduct.risk.grid import AROUND_KM, RESOLUTION, Grid
from safeconduct.risk.interval import count_range
from safeconduct.risk.scales import ManyScales, TooFew
from safeconduct.risk.scores import (
    SHARES,
    Bin,
    Calibration,
    accuracy_index,
    brier,
    chance,
    foremost,
    log_loss,
)

STANDARD, SCALES = "standard", "scales"
METHODS = ("uniform", "count90", "count365", "ever", STANDARD, SCALES)
WEEK = 7
FEWEST = 30
"""Incidents in the tested time, or in a province; with fewer no verdict and no interval of a difference is given."""
LONGEST_HORIZON, LONGEST_LAG = 90, 365
MOST_WEEKS = 1_600
_EVEN = 0.02
_MONDAY = 4

Forecast = Callable[[int], Floats]


class Refused(ValueError):
    """A backtest that cannot be made; the text says why."""


@dataclass(frozen=True)
class Setting:
    """`since`, `until`: the days of the first possible origin and the end of the last window. `seed` draws."""

    since: int
    until: int
    horizon: int = 7
    lag: int = 0
    seed: int = 0
    resolution: int = RESOLUTION
    around_km: float = AROUND_KM

    def origins(self) -> list[int]:
        """Mondays whose window has ended by `until`."""
        first = self.since + (_MONDAY - self.since) % WEEK
        return list(range(first, self.until - self.horizon + 1, WEEK))


@dataclass(frozen=True)
class OfProvince:
    """`incidents`: that came, in each window anew; `once`: each once. `ends1`, `ends5`: the intervals of the hit rates.
    `gain5`: the difference to the standard forecast in the hit rate at 5 % of the whole area. Intervals and `gain5` are
    None with fewer than 30 incidents, each counted once.
    """

    name: str
    incidents: int
    once: int
    expected: float
    hit1: float | None
    hit5: float | None
    ends1: tuple[float, float] | None
    ends5: tuple[float, float] | None
    gain5: Estimate | None


@dataclass(frozen=True)
class OfMethod:
    """The scores of one method. `brier` and `log_loss` per cell and window; `cells_*`: cells with an incident, summed
    over windows; `in_range`: windows whose number of incidents lay in the range of 90 %. `skill`: the share of the
    standard forecast's log loss that is saved; `gain1`, `gain5`: the difference in hit rate to it, in pairs.
    """

    method: str
    hit1: Estimate
    hit5: Estimate
    pai1: float | None
    pai5: float | None
    brier: float
    log_loss: float
    skill: Estimate | None
    gain1: Estimate | None
    gain5: Estimate | None
    expected: float
    cells_expected: float
    cells_observed: int
    in_range: float
    verdict: str
    calibration: tuple[Bin, ...]
    provinces: tuple[OfProvince, ...]
    milliseconds: float = field(compare=False)


@dataclass(frozen=True)
class Backtest:
    """`known`: incidents before the first origin; `incidents`: in the tested windows, each once; `outside`: of these,
    beyond the area; `came`: in each window anew, as each was forecast. `missing`: methods that could not be asked.
    """

    setting: Setting
    first: int
    last: int
    windows: int
    cells: int
    area_km2: float
    made: str
    known: int
    incidents: int
    outside: int
    came: int
    methods: tuple[OfMethod, ...]
    missing: tuple[str, ...]

    def of(self, method: str) -> OfMethod | None:
        return next((each for each in self.methods if each.method == method), None)

    def plain(self) -> dict[str, Any]:
        """As JSON has it, without what the clock measured."""
        told = asdict(self)
        for each in told["methods"]:
            del each["milliseconds"]
        return told


def backtest(
    events: Events, outlines: Sequence[Any], setting: Setting, methods: Sequence[str] = METHODS
) -> Backtest:
    """Of the incidents that are sure in place and day. The standard forecast is always among the methods.

    Raises Refused where there is no window or nothing known before it, AreaError for an outline that is none.
    """
    if not 1 <= setting.horizon <= LONGEST_HORIZON or not 0 <= setting.lag <= LONGEST_LAG:
        raise Refused(f"a horizon is 1 to {LONGEST_HORIZON} days, a lag 0 to {LONGEST_LAG}")
    sure = events.where(events.sure)
    origins = setting.origins()
    if not origins:
        raise Refused("the time to be tested has no full window that begins on a Monday")
    if len(origins) > MOST_WEEKS:
        raise Refused(f"more than {MOST_WEEKS:,} weeks cannot be tested at once")
    before = sure.where(sure.day < origins[0] - setting.lag)
    if not len(before):
        raise Refused("no incident is known before the time to be tested, sure enough in place and day")
    grid = (
        Grid.over(outlines, before.lat, before.lon, setting.resolution)
        if outlines
        else Grid.around(before.lat, before.lon, setting.around_km, setting.resolution)
    )
    return _Run(sure, grid, setting, origins).all(tuple(dict.fromkeys((*methods, STANDARD))))


def verdict(scores: dict[str, Estimate], incidents: int) -> str:
    """ "few", "better", "mixed" (its chances are truer and its hit rate lower), "worse", or "none": not measurably."""
    if incidents < FEWEST:
        return "few"
    if scores["skill"].direction == "more":
        lower = "less" in (scores["gain1"].direction, scores["gain5"].direction)
        return "mixed" if lower else "better"
    return "worse" if scores["skill"].direction == "less" else "none"


class _Tallies:
    """What one method earned in each window, in rows; and by province, (provinces, windows)."""

    def __init__(self, windows: int, provinces: int) -> None:
        self.hits = np.zeros((len(SHARES), windows))
        self.loss, self.brier, self.expected, self.cells = np.zeros((4, windows))
        self.inside = np.zeros(windows)
        self.of_province = np.zeros((len(SHARES) + 1, provinces, windows))
        self.calibration = Calibration()
        self.seconds = 0.0


class _Run:
    def __init__(self, events: Events, grid: Grid, setting: Setting, origins: list[int]) -> None:
        self.events, self.grid, self.setting, self.origins = events, grid, setting, origins
        self.cell = grid.number(events.lat, events.lon)
        self.blocks = Blocks(len(origins), setting.seed)
        named = events.names.get("province")
        self.provinces, self.province = (
            np.unique(named, return_inverse=True)
            if named is not None
            else (np.array([""]), np.zeros(len(events), np.int64))
        )
        self.of_cell = self._province_of_cells()
        self.tested = slice(*np.searchsorted(events.day, (origins[0], origins[-1] + setting.horizon)))
        self.came = np.zeros((len(self.provinces), len(origins)))
        self.observed = np.zeros(len(origins))

    def all(self, methods: tuple[str, ...]) -> Backtest:
        tallied: dict[str, _Tallies] = {}
        for method in methods:
            try:
                tallied[method] = self._tally(self._forecast(method))
            except TooFew:
                continue
        first, last = self.origins[0], self.origins[-1]
        in_time = int(self.tested.stop - self.tested.start)
        return Backtest(
            setting=self.setting,
            first=first,
            last=last,
            windows=len(self.origins),
            cells=len(self.grid),
            area_km2=float(self.grid.area_km2.sum()),
            made=self.grid.made,
            known=int(np.searchsorted(self.events.day, first - self.setting.lag)),
            incidents=in_time,
            outside=int((self.cell[self.tested] < 0).sum()),
            came=int(self.came.sum()),
            methods=tuple(
                self._scores(method, tallied[method], tallied[STANDARD], in_time)
                for method in methods
                if method in tallied
            ),
            missing=tuple(method for method in methods if method not in tallied),
        )

    def _tally(self, forecast: Forecast) -> _Tallies:
        tallies = _Tallies(len(self.origins), len(self.provinces))
        horizon = self.setting.horizon
        for window, origin in enumerate(self.origins):
            begun = time.perf_counter()
            expected = forecast(origin)
            tallies.seconds += time.perf_counter() - begun
            known = slice(*np.searchsorted(self.events.day, (origin, origin + horizon)))
            cell, province = self.cell[known], self.province[known]
            inside = cell >= 0
            happened = np.bincount(cell[inside], minlength=len(self.grid))
            self.came[:, window] = np.bincount(province, minlength=len(self.provinces))
            self.observed[window] = (happened > 0).sum()
            for row, share in enumerate(SHARES):
                taken = foremost(expected, self.grid.area_km2, share)[cell[inside]]
                of_province = np.bincount(province[inside], weights=taken, minlength=len(self.provinces))
                tallies.of_province[row, :, window] = of_province
                tallies.hits[row, window] = of_province.sum()
            tallies.of_province[-1, :, window] = np.bincount(
                self.of_cell, weights=expected, minlength=len(self.provinces)
            )
            tallies.loss[window] = log_loss(expected, happened)
            tallies.brier[window] = brier(expected, happened)
            tallies.expected[window] = expected.sum()
            tallies.cells[window] = chance(expected).sum()
            low, high = count_range(float(expected.sum()), horizon)
            tallies.inside[window] = low <= happened.sum() <= high
            tallies.calibration.add(expected, happened)
        return tallies

    def _forecast(self, method: str) -> Forecast:
        horizon, lag = self.setting.horizon, self.setting.lag
        even = self.grid.area_km2 / self.grid.area_km2.sum()
        if method == STANDARD:
            return lambda origin: standard.expected(
                self.grid, self.cell, self.events.day, origin, horizon, lag
            )
        if method == SCALES:
            return ManyScales(self.grid, self.cell, self.events.day, horizon, lag, self.setting.seed).expected
        if method in ("count90", "count365"):
            days = int(method.removeprefix("count"))

            def counted(origin: int) -> Floats:
                found = self._counted(origin - lag - days, origin - lag)
                told: Floats = horizon / days * ((1 - _EVEN) * found + _EVEN * found.sum() * even)
                return told

            return counted
        if method == "uniform":
            return lambda origin: self._level(origin) * even
        if method == "ever":

            def ever(origin: int) -> Floats:
                lain = self.grid.kernel(standard.STANDARD.sigma_km) @ self._counted(None, origin - lag)
                share = lain / (lain.sum() or 1.0)
                told: Floats = self._level(origin) * ((1 - _EVEN) * share + _EVEN * even)
                return told

            return ever
        raise Refused(f"no method is called {method}")

    def _level(self, origin: int) -> float:
        until = origin - self.setting.lag
        return float(self._counted(until - 365, until).sum()) * self.setting.horizon / 365

    def _counted(self, since: int | None, until: int) -> Floats:
        first = 0 if since is None else int(np.searchsorted(self.events.day, since))
        return standard.counted(
            self.grid, self.cell, None, first, int(np.searchsorted(self.events.day, until))
        )

    def _scores(self, method: str, own: _Tallies, base: _Tallies, incidents: int) -> OfMethod:
        total = self.came.sum(axis=0)
        ratio, difference = (lambda s: s[0] / s[1]), (lambda s: (s[0] - s[1]) / s[2])
        hit1, hit5 = (self.blocks.estimate(ratio, hits, total) for hits in own.hits)
        against: dict[str, Estimate] = {}
        if own is not base:
            against["skill"] = self.blocks.estimate(lambda s: 1 - s[0] / s[1], own.loss, base.loss)
            for name, mine, other in zip(("gain1", "gain5"), own.hits, base.hits, strict=True):
                against[name] = self.blocks.estimate(difference, mine, other, total)
        cells = len(self.origins) * len(self.grid)
        pai1, pai5 = (
            None if each.value is None else accuracy_index(each.value, share)
            for each, share in zip((hit1, hit5), SHARES, strict=True)
        )
        return OfMethod(
            method=method,
            hit1=hit1,
            hit5=hit5,
            pai1=pai1,
            pai5=pai5,
            brier=float(own.brier.sum() / cells),
            log_loss=float(own.loss.sum() / cells),
            skill=against.get("skill"),
            gain1=against.get("gain1"),
            gain5=against.get("gain5"),
            expected=float(own.expected.sum()),
            cells_expected=float(own.cells.sum()),
            cells_observed=int(self.observed.sum()),
            in_range=float(own.inside.mean()),
            verdict=verdict(against, incidents) if against else "",
            calibration=own.calibration.bins(),
            provinces=tuple(self._of_provinces(own, base)),
            milliseconds=own.seconds / len(self.origins) * 1_000,
        )

    def _of_provinces(self, own: _Tallies, base: _Tallies) -> list[OfProvince]:
        found = []
        once = np.bincount(self.province[self.tested], minlength=len(self.provinces))
        for number, name in enumerate(self.provinces.tolist()):
            came = self.came[number]
            hits = own.of_province[:, number, :]
            # Windows that overlap show the same incident again, which is no further witness.
            enough = once[number] >= FEWEST
            rates = [self.blocks.estimate(lambda s: s[0] / s[1], row, came) for row in hits[:2]]
            gain = None
            if own is not base and enough:
                other = base.of_province[1, number]
                gain = self.blocks.estimate(lambda s: (s[0] - s[1]) / s[2], hits[1], other, came)
            ends1, ends5 = (each.ends if enough else None for each in rates)
            found.append(
                OfProvince(
                    name=name,
                    incidents=int(came.sum()),
                    once=int(once[number]),
                    expected=float(hits[2].sum()),
                    hit1=rates[0].value,
                    hit5=rates[1].value,
                    ends1=ends1,
                    ends5=ends5,
                    gain5=gain,
                )
            )
        return found

    def _province_of_cells(self) -> Ints:
        """Each cell belongs where most incidents in it say; one without, where the nearest such cell does."""
        from scipy.spatial import cKDTree

        from safeconduct.risk.grid import unit

        inside = self.cell >= 0
        said = np.zeros((len(self.grid), len(self.provinces)))
        np.add.at(said, (self.cell[inside], self.province[inside]), 1)
        told = np.flatnonzero(said.sum(axis=1))
        centres = unit(self.grid.lat, self.grid.lon)
        _, nearest = cKDTree(centres[told]).query(centres)
        found: Ints = said[told].argmax(axis=1)[nearest]
        return found
