"""Cells of degrees: for each the fences that lie over all of it, and those that lie over a part and must be asked.

A cell's side is a power of two of degrees, so which cell a position lies in is exact arithmetic. For an area a cell
is widened to sides of great circles, which the area's plane draws as straight lines: what shapely says of that square
holds for every position in the cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from safeconduct.geo.boxes import SLACK
from safeconduct.geo.sphere import Vectors, segment_distances, separations, vectors

SCALES = (256.0, 64.0, 16.0, 4.0, 1.0, 0.25)
"""Cells to a degree, the finest first; of each a whole number goes around the earth."""
MOST_CELLS = 1_200
"""Cells that one fence is cut into at the most, unless the coarsest are more."""
SLACK_METRES = 1e-3
NONE, PART, WHOLE = 0, 1, 2

Numbers = npt.NDArray[np.int64]
States = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
_ROW = 1 << 24
"""Between the numbers of two rows of cells."""


class Drawn(Protocol):
    """An area that says of squares (their corners, as unit vectors) which may touch it, and which lie within."""

    def meets(self, corners: Vectors) -> tuple[Bools, Bools]: ...


def scale_for(rows: Vectors) -> float:
    """The finest scale at which boxes (west, south, width, north) are not too many cells."""
    for scale in SCALES[:-1]:
        tall = np.floor(rows[:, 3] * scale) - np.floor(rows[:, 1] * scale) + 1
        wide = np.minimum(np.floor(rows[:, 2] * scale) + 2, 360 * scale)
        if float((tall * wide).sum()) <= MOST_CELLS:
            return scale
    return SCALES[-1]


def number(lats: Vectors, lons: Vectors, scale: float) -> Numbers:
    """The numbers of the cells in which positions lie, longitude within -180 to 180."""
    found: Numbers = (np.floor(lats * scale) * _ROW + np.floor(lons * scale)).astype(np.int64)
    return found


def number_of(lat: float, lon: float, scale: float) -> int:
    """The same for one position."""
    return math.floor(lat * scale) * _ROW + math.floor(lon * scale)


class Cells:
    """All cells that a box (west, south, width, north) touches at one scale."""

    def __init__(self, row: Sequence[float], scale: float) -> None:
        west, south, width, north = row
        lats = np.arange(math.floor(south * scale), math.floor(min(north, 90.0) * scale) + 1)
        around = int(360 * scale)
        first = math.floor(west * scale)
        count = min(around, math.floor((west + width) * scale) - first + 1)
        lons = (np.arange(first, first + count) + around // 2) % around - around // 2
        down, across = (each.ravel() for each in np.meshgrid(lats, lons, indexing="ij"))
        self.numbers: Numbers = down.astype(np.int64) * _ROW + across
        self._south, self._west = down / scale, across / scale
        self._side = 1 / scale

    def of_area(self, area: Drawn) -> States:
        """How much of each an area has."""
        north, east = self._south + self._side, self._west + self._side
        # A great circle between two positions of a parallel passes nearer to the pole. So the side towards the equator
        # is moved there until the circle between its ends meets the parallel in the middle.
        bulge = math.cos(math.radians(self._side / 2))
        upper = np.where(self._south < 0, _moved(north, bulge), north) + SLACK
        lower = np.where(self._south < 0, self._south, _moved(self._south, bulge)) - SLACK
        left, right = self._west - SLACK, east + SLACK
        lats = np.stack((lower, lower, upper, upper), axis=-1)
        corners = vectors(np.clip(lats, -90.0, 90.0), np.stack((left, right, right, left), axis=-1))
        touched, inside = area.meets(corners)
        # Where the cells' sides run together, nothing is left for rounding.
        polar = np.maximum(np.abs(upper), np.abs(lower)) >= 90.0 - self._side
        states: States = np.where(touched | polar, np.where(inside & ~polar, WHOLE, PART), NONE).astype(
            np.int8
        )
        return states

    def of_segment(self, start: Vectors, end: Vectors, metres: float) -> States:
        """How much of each lies within that many metres of a segment, or of a place when both ends are one."""
        middle = vectors(self._south + self._side / 2, self._west + self._side / 2)
        lats = np.stack((self._south, self._south + self._side), axis=-1)
        corners = vectors(np.clip(lats, -90.0, 90.0), self._west[:, None])
        reach = separations(middle[:, None, :], corners).max(axis=-1) + SLACK_METRES
        off = segment_distances(middle, start, end)
        states: States = np.where(
            off - reach > metres, NONE, np.where(off + reach < metres, WHOLE, PART)
        ).astype(np.int8)
        return states


def _moved(lats: Vectors, bulge: float) -> Vectors:
    moved: Vectors = np.degrees(np.arctan(np.tan(np.radians(lats)) * bulge))
    return moved


class Level:
    """The cells of one scale that any fence touches, and the pieces of fences over each."""

    def __init__(self, scale: float, numbers: Numbers, fence: Numbers, place: Numbers, whole: Bools) -> None:
        self.scale = scale
        # What has all of a cell comes first, and speaks for the rest of its fence.
        order = np.lexsort((place, ~whole, fence, numbers))
        numbers, fence, place, whole = numbers[order], fence[order], place[order], whole[order]
        same = np.zeros(len(order), bool)
        same[1:] = (numbers[1:] == numbers[:-1]) & (fence[1:] == fence[:-1])
        spoken = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
        twice = np.zeros(len(order), bool)
        twice[1:] = same[1:] & (place[1:] == place[:-1])
        kept = (~same | ~whole[spoken]) & ~twice
        numbers, self.fence, self.place, self.whole = numbers[kept], fence[kept], place[kept], whole[kept]
        self.keys, self._first, self._count = np.unique(numbers, return_index=True, return_counts=True)
        self._by_key: dict[int, tuple[tuple[int, ...], tuple[tuple[int, int], ...]]] = {}

    def pieces(self, lats: Vectors, lons: Vectors) -> tuple[Numbers, Numbers]:
        """Pairs (number of the position, number of a piece that may contain it), in the order of positions."""
        wanted = number(lats, lons, self.scale)
        found = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        at = np.flatnonzero(self.keys[found] == wanted)
        cell = found[at]
        count = self._count[cell]
        last = np.cumsum(count)
        piece = np.arange(last[-1] if len(last) else 0) + np.repeat(self._first[cell] - last + count, count)
        return np.repeat(at, count), piece

    def over(self, lat: float, lon: float) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]] | None:
        """The fences that have all of the cell of a position, and (fence, place) of the pieces to be asked."""
        if not self._by_key:
            self._by_key = self._tabled()
        return self._by_key.get(number_of(lat, lon, self.scale))

    def _tabled(self) -> dict[int, tuple[tuple[int, ...], tuple[tuple[int, int], ...]]]:
        pieces = list(zip(self.fence.tolist(), self.place.tolist(), self.whole.tolist(), strict=True))
        tabled = {}
        for key, first, count in zip(
            self.keys.tolist(), self._first.tolist(), self._count.tolist(), strict=True
        ):
            here = pieces[first : first + count]
            tabled[key] = (
                tuple(fence for fence, _, whole in here if whole),
                tuple((fence, place) for fence, place, whole in here if not whole),
            )
        return tabled
