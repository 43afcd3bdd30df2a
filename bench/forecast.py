"""Weekly forecasts per second against the bare arithmetic: a bincount and a sparse product.

Incidents are made up: thick around towns, spread over thirty years, in a country of some 3,300 cells. Ten and a
hundred times as many are drawn from them with a shift of some kilometres and days.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from bench.measure import heading, side_by_side
from safeconduct.risk.events import Floats, Ints
from safeconduct.risk.grid import Grid
from safeconduct.risk.scales import ManyScales
from safeconduct.risk.standard import STANDARD, expected, rate_field

COUNTRY = [[[61.0, 24.0], [70.0, 24.0], [73.0, 31.0], [66.0, 33.0], [61.0, 30.0], [61.0, 24.0]]]
YEARS, ORIGINS = 30, 52
WEIGHTINGS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000, help="incidents (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--most", type=int, default=100, choices=(1, 10, 100), help="times as many at most")
    given = parser.parse_args()
    heading("Forecast")
    lat, lon, day = made_up(given.events)
    begun = time.perf_counter()
    grid = Grid.over([COUNTRY], lat, lon)
    grid.kernel(STANDARD.sigma_km)
    print(f"{len(grid):,} cells and their kernel, once for an area: {time.perf_counter() - begun:.2f} s")
    for times in (1, 10, 100):
        if times <= given.most:
            weekly(grid, *resampled(lat, lon, day, times), given.pairs)
    cell = grid.number(lat, lon)
    bootstrap(grid, cell, day)
    option(grid, cell, day)


def made_up(count: int) -> tuple[Floats, Floats, Ints]:
    draw = np.random.default_rng(1)
    towns = draw.uniform((25.0, 63.0), (30.0, 70.0), (60, 2))
    at = towns[draw.zipf(1.6, count) % 60] + draw.normal(0, 0.2, (count, 2))
    return at[:, 0], at[:, 1], np.sort(draw.integers(0, YEARS * 365, count))


def resampled(lat: Floats, lon: Floats, day: Ints, times: int) -> tuple[Floats, Floats, Ints]:
    draw = np.random.default_rng(times)
    chosen = draw.integers(0, len(day), len(day) * times)
    moved = np.clip(day[chosen] + draw.integers(-30, 31, len(chosen)), 0, YEARS * 365 - 1)
    order = np.argsort(moved, kind="stable")
    shift = draw.normal(0, 0.05, (2, len(chosen)))
    return (lat[chosen] + shift[0])[order], (lon[chosen] + shift[1])[order], moved[order]


def weekly(grid: Grid, lat: Floats, lon: Floats, day: Ints, pairs: int) -> None:
    """As many origins as a year has weeks, each a forecast of every cell from what was known before it."""
    cell = grid.number(lat, lon)
    origins = [YEARS * 365 - 7 * week for week in range(ORIGINS)]
    kernel, inside = grid.kernel(STANDARD.sigma_km), np.maximum(cell, 0)

    def ours() -> int:
        for origin in origins:
            expected(grid, cell, day, origin, 7)
        return ORIGINS

    def bare() -> int:
        for origin in origins:
            kernel @ np.bincount(inside[: np.searchsorted(day, origin)], minlength=len(grid))
        return ORIGINS

    ours()
    bare()
    found = side_by_side(ours, bare, pairs)
    print(found.line(f"weekly forecast, {len(day):,} incidents", "bincount and product"))
    print(f"{'':<46} {1_000 / found.rate:>9.2f} ms   aim 5 ms")


def bootstrap(grid: Grid, cell: Ints, day: Ints) -> None:
    weeks = np.random.default_rng(2).poisson(1, (WEIGHTINGS, YEARS * 53)).astype(np.float64)
    begun = time.perf_counter()
    rate_field(grid, cell, day, YEARS * 365, weights=weeks[:, day // 7])
    print(f"rates of every cell for {WEIGHTINGS} weightings of weeks: {time.perf_counter() - begun:.2f} s")


def option(grid: Grid, cell: Ints, day: Ints) -> None:
    begun = time.perf_counter()
    scales = ManyScales(grid, cell, day, 7)
    scales.expected(YEARS * 365)
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    scales.expected(YEARS * 365 + 7)
    print(
        f"the other forecast: the first with its fits and a year to recalibrate {first:.1f} s, "
        f"the next week {(time.perf_counter() - begun) * 1_000:.0f} ms"
    )


if __name__ == "__main__":
    main()
