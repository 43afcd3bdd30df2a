"""What a passage is exposed to: kilometres of road in each H3 cell, halts, and the expected events that follow.

The expected number of events near a passage is R, the sum over pieces of road of rate x 2W x length x tau, and over
halts of rate x area x dwell: the intensity of a Poisson process integrated over the ground and the time that count as
near. Rates are events per km2 and day; W is the half width of the corridor in km, tau the part of a day within which
an event nearby counts. P = 1 - exp(-R) is the chance of one event or more. Rates add: R of a way is the sum of R of its
parts, in any order. W and tau are assumptions, and R is proportional to each of them.

A line is cut at the borders of cells. A cell's sides are great circles on its face of the grid, so that a piece whose
ends lie in one cell lies within it; a piece with ends in two cells is halved until it is shorter than a metre. So a
length by cell is wrong by at most one metre for each border crossed (`CLOSE`), and a corner of a cell that is cut for
less than that may be missed. The length of the whole is not touched by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from safeconduct.geo.sphere import pieces, separations, vectors
from safeconduct.risk.events import Floats, Ints

Cells: TypeAlias = npt.NDArray[np.uint64]

RESOLUTION = 5
CLOSE = 1.0
"""Metres within which a border is found."""
APART = 2_000.0
"""Metres: no piece is longer before it is looked at, far less than the width of a cell."""
MINUTES = 1_440.0
HALF_WIDTH_KM, WINDOW_MINUTES = 1.0, 30.0
WIDEST_KM, LONGEST_MINUTES = 25.0, MINUTES
MOST_TIMES = 100.0
LONGEST_HALT = 14 * MINUTES
_DEEPEST = 24


@dataclass(frozen=True)
class Nearness:
    """What counts as near: within `half_width_km` of the road, and within `window_minutes` altogether of passing.

    `times` multiplies every rate: the operator's own judgement of the hour, since the data has none. Raises ValueError
    outside of 0 to 25 km, 0 to 1,440 minutes, and 0 to 100 times.
    """

    half_width_km: float = HALF_WIDTH_KM
    window_minutes: float = WINDOW_MINUTES
    times: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.half_width_km <= WIDEST_KM:
            raise ValueError(f"the half width is more than 0 and at most {WIDEST_KM:g} km")
        if not 0 < self.window_minutes <= LONGEST_MINUTES:
            raise ValueError(f"the window is more than 0 and at most {LONGEST_MINUTES:g} minutes")
        if not 0 < self.times <= MOST_TIMES:
            raise ValueError(f"the multiplier is more than 0 and at most {MOST_TIMES:g}")

    @property
    def swept(self) -> float:
        """km2 and days that a kilometre of road is exposed to."""
        return 2 * self.half_width_km * self.window_minutes / MINUTES * self.times


@dataclass(frozen=True)
class Halt:
    """Minutes at a place, exposed to what happens within a radius of it. Raises ValueError for what is none."""

    lat: float
    lon: float
    minutes: float
    radius_km: float = HALF_WIDTH_KM

    def __post_init__(self) -> None:
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):
            raise ValueError("a halt is at a latitude from -90 to 90 and a longitude from -180 to 180")
        if not 0 <= self.minutes <= LONGEST_HALT or not 0 < self.radius_km <= WIDEST_KM:
            raise ValueError("a halt is of at most 14 days, with a radius of more than 0 and at most 25 km")

    @property
    def swept(self) -> float:
        """km2 and days."""
        return math.pi * self.radius_km**2 * self.minutes / MINUTES


@dataclass(frozen=True, eq=False)
class Exposure:
    """By cell, each once and in ascending order: kilometres of road, and km2 x days of halts."""

    cells: Cells
    km: Floats
    halted: Floats

    @property
    def kilometres(self) -> float:
        return float(self.km.sum())

    def swept(self, near: Nearness) -> Floats:
        """km2 x days by cell, passing and halting together."""
        found: Floats = self.km * near.swept + self.halted * near.times
        return found

    def __add__(self, other: Exposure) -> Exposure:
        return _added(
            np.concatenate((self.cells, other.cells)),
            np.concatenate((self.km, other.km)),
            np.concatenate((self.halted, other.halted)),
        )


def exposure(
    course: Sequence[tuple[float, float]],
    reached_m: Sequence[float] = (),
    halts: Iterable[Halt] = (),
    resolution: int = RESOLUTION,
) -> Exposure:
    """The exposure of a way along `(longitude, latitude)`, with halts.

    `reached_m`: metres of road at each position, where the road is longer than it is drawn (schematic lines); without
    them lengths are as drawn. Raises ValueError for what is no line.
    """
    stops = list(halts)
    at = cells_at([halt.lat for halt in stops], [halt.lon for halt in stops], resolution)
    halted = _added(at, np.zeros(len(stops)), np.array([halt.swept for halt in stops], np.float64))
    if len(course) < 2:
        return halted
    lons, lats = np.array(course, np.float64).T
    if not (np.isfinite(lons).all() and (np.abs(lats) <= 90).all() and (np.abs(lons) <= 180).all()):
        raise ValueError("a position is (longitude, latitude) in degrees")
    line = vectors(lats, lons)
    segment, cell, km = cut(line[:-1], line[1:], resolution)
    if len(reached_m):
        told = np.diff(np.asarray(reached_m, np.float64)) / 1000
        if len(told) != len(line) - 1 or not bool((told >= 0).all()):
            raise ValueError("metres reached are one for each position and never fewer than before")
        km = km * _stretched(told, separations(line[:-1], line[1:]) / 1000)[segment]
    return _added(cell, km, np.zeros(len(cell))) + halted


def cut(starts: Floats, ends: Floats, resolution: int = RESOLUTION) -> tuple[Ints, Cells, Floats]:
    """Great-circle segments (unit vectors) cut at the borders of cells: number of the segment, cell, kilometres.

    A segment has several entries, one for each piece, in no order that matters.
    """
    a, b, owner = pieces(starts, ends, APART)
    first, last = _cells_of(a, resolution), _cells_of(b, resolution)
    found: list[tuple[Ints, Cells, Floats]] = []
    for depth in range(_DEEPEST):
        metres = separations(a, b)
        done = (first == last) | (metres <= CLOSE) | (depth == _DEEPEST - 1)
        found.append((owner[done], first[done], metres[done] / 1000))
        a, b, owner, first, last = (each[~done] for each in (a, b, owner, first, last))
        if not len(owner):
            break
        middle = a + b
        middle /= np.linalg.norm(middle, axis=-1, keepdims=True)
        between = _cells_of(middle, resolution)
        a, b = np.concatenate((a, middle)), np.concatenate((middle, b))
        owner = np.concatenate((owner, owner))
        first, last = np.concatenate((first, between)), np.concatenate((between, last))
    segments, cells, km = (np.concatenate(each) for each in zip(*found, strict=True))
    return segments.astype(np.int64), cells.astype(np.uint64), km.astype(np.float64)


def cells_at(lats: Sequence[float] | Floats, lons: Sequence[float] | Floats, resolution: int) -> Cells:
    """The H3 cells of positions in degrees."""
    from h3.api.basic_int import latlng_to_cell  # only for whoever assesses a road

    rows = zip(np.asarray(lats, float).tolist(), np.asarray(lons, float).tolist(), strict=True)
    return np.fromiter((latlng_to_cell(lat, lon, resolution) for lat, lon in rows), np.uint64)


def expected(exposed: Exposure, rates: Floats, near: Nearness) -> Any:
    """R: the expected events of a passage. `rates` (events per km2 and day) by cell of the exposure, of shape (cells,)
    for one figure or (k, cells) for k of them."""
    return rates @ exposed.swept(near)


def chance(expected_events: Any) -> Any:
    """P of one event or more. Exact for the smallest R too, where 1 - exp(-R) would be rounded away."""
    return -np.expm1(-np.asarray(expected_events, np.float64))


def one_in(expected_events: float) -> int | None:
    """How many passages there are to one with an event or more, to two figures; None where that is never."""
    odds = 1 / float(chance(expected_events)) if expected_events > 0 else math.inf
    if not odds < 1e15:
        return None
    digits = max(0, math.floor(math.log10(odds)) - 1)
    return int(round(odds / 10**digits) * 10**digits)


def _stretched(told: Floats, drawn: Floats) -> Floats:
    """How much longer each segment is than it is drawn."""
    factor: Floats = np.divide(told, drawn, out=np.ones_like(drawn), where=drawn > 0)
    return factor


def _cells_of(v: Floats, resolution: int) -> Cells:
    lats = np.degrees(np.arctan2(v[:, 2], np.hypot(v[:, 0], v[:, 1])))
    return cells_at(lats, np.degrees(np.arctan2(v[:, 1], v[:, 0])), resolution)


def _added(cells: Cells, km: Floats, halted: Floats) -> Exposure:
    distinct, number = np.unique(cells.astype(np.uint64), return_inverse=True)
    size = len(distinct)
    return Exposure(
        distinct,
        np.bincount(number, weights=km, minlength=size).astype(np.float64),
        np.bincount(number, weights=halted, minlength=size).astype(np.float64),
    )
