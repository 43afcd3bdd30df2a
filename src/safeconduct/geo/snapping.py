"""The road nearest to a position, and the roads within a box: an index of cells over the pieces of a network.

Every piece of road is listed in each cell of 0.05 degrees in which it has a sample; samples are a kilometre apart.
The cells only choose candidates; the distance on the sphere decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from safeconduct.geo.boxes import flat
from safeconduct.geo.network import SCALE, Ints, RoadNetwork
from safeconduct.geo.sphere import (
    Point,
    Vectors,
    normals,
    of_vector,
    pieces,
    segment_distances,
    separations,
    vector,
    vectors,
)

CELL = 0.05
COLUMNS = round(360 / CELL)
APART = 1_000.0
DEGREE = 111_195.0
"""Metres of a degree of latitude."""
MOST_RINGS = 400
_CHUNK = 500_000


@dataclass(frozen=True)
class Snap:
    """A position on a road: the edge, how much of its course from its tail on, and the metres off the road."""

    edge: int
    fraction: float
    at: Point
    off: float


class EdgeIndex:
    """Finds edges of a network by position."""

    def __init__(self, network: RoadNetwork) -> None:
        self._network = network
        low = np.minimum(network.first, network.last).astype(np.int64)
        counts = np.abs(network.last.astype(np.int64) - network.first)
        self._edge = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        begin = np.cumsum(counts) - counts
        self._start = (low[self._edge] + np.arange(len(self._edge)) - begin[self._edge]).astype(np.int32)
        keys, segments = [], []
        for at in range(0, len(self._start), _CHUNK):
            a, b = self.ends(np.arange(at, min(at + _CHUNK, len(self._start))))
            starts, ends, owner = pieces(a, b, APART)
            listed = np.concatenate((_cells(starts), _cells(ends))) * (1 << 32) + np.tile(owner + at, 2)
            found = np.unique(listed)
            keys.append(found >> 32)
            segments.append((found & 0xFFFFFFFF).astype(np.int32))
        every = np.concatenate(keys)
        order = np.argsort(every, kind="stable")
        self._keys, self._segments = every[order], np.concatenate(segments)[order]

    def ends(self, segments: Ints) -> tuple[Vectors, Vectors]:
        """Unit vectors of both ends of segments, in the order of the course's positions."""
        start, n = self._start[segments], self._network
        return (
            vectors(n.course_lat[start] / SCALE, n.course_lon[start] / SCALE),
            vectors(n.course_lat[start + 1] / SCALE, n.course_lon[start + 1] / SCALE),
        )

    def edges(self, segments: Ints) -> Ints:
        """The edge that each segment belongs to."""
        return self._edge[segments]

    def nearest(self, at: Point, within: float) -> list[Snap]:
        """Positions on the nearest edge and on those hardly farther (half as far again, or 1 km), nearest first.

        Empty where no road is within that many metres.
        """
        here = vector(at)
        column = math.floor((at.lon + 180.0) / CELL)
        row = math.floor((at.lat + 90.0) / CELL)
        segments = np.empty(0, np.int32)
        off = np.empty(0)
        for ring in range(MOST_RINGS):
            found = self._listed(_ring(row, column, ring))
            if len(found):
                segments = np.concatenate((segments, found))
                off = np.concatenate((off, segment_distances(here, *self.ends(found))))
            best = float(off.min()) if len(off) else math.inf
            shrunk = math.cos(math.radians(min(90.0, abs(at.lat) + (ring + 1) * CELL)))
            seen = ring * CELL * DEGREE * shrunk - APART / 2
            if seen >= max(1.5 * best, best + 1000.0) or seen > within:
                break
        chosen = off <= min(within, max(1.5 * best, best + 1000.0))
        return self._snaps(here, segments[chosen], off[chosen])

    def within(self, rows: Vectors) -> Ints:
        """Segments that have a sample in one of the boxes (as `boxes.flat` takes them) or close beside it."""
        found = [np.empty(0, np.int32)]
        for west, south, east, north in flat(rows)[0]:
            first = max(0, math.floor((south + 90.0) / CELL) - 1)
            last = math.floor((north + 90.0) / CELL) + 1
            low, high = math.floor((west + 180.0) / CELL) - 1, math.floor((east + 180.0) / CELL) + 1
            lines = np.arange(first, min(last, COLUMNS // 2) + 1) * COLUMNS
            for near, far in _columns(low, high):
                for line in lines:
                    begin, end = np.searchsorted(self._keys, (line + near, line + far + 1))
                    found.append(self._segments[begin:end])
        return np.unique(np.concatenate(found))

    def _listed(self, cells: Ints) -> Ints:
        begin, end = np.searchsorted(self._keys, cells), np.searchsorted(self._keys, cells, side="right")
        found = [self._segments[b:e] for b, e in zip(begin, end, strict=True) if e > b]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int32)

    def _snaps(self, here: Vectors, segments: Ints, off: npt.NDArray[np.float64]) -> list[Snap]:
        snaps: dict[int, Snap] = {}
        for n in np.argsort(off, kind="stable"):
            edge = int(self._edge[segments[n]])
            if edge not in snaps:
                snaps[edge] = self._snap(here, int(segments[n]), edge, float(off[n]))
            if len(snaps) >= 50:
                break
        return list(snaps.values())

    def _snap(self, here: Vectors, segment: int, edge: int, off: float) -> Snap:
        ends = self.ends(np.array([segment]))
        a, b = ends[0][0], ends[1][0]
        n = normals(a, b)
        raw = here - (n @ here) * n
        raw = raw / max(float(np.linalg.norm(raw)), 1e-300)
        foot = min((a, b, raw), key=lambda v: abs(float(separations(here, v)) - off))
        course = self.course(edge)
        steps = separations(course[:-1], course[1:])
        low = int(min(self._network.first[edge], self._network.last[edge]))
        number = int(self._start[segment]) - low
        ahead = float(steps[:number].sum()) + float(separations(course[number], foot))
        share = min(1.0, ahead / max(float(steps.sum()), 1e-9))
        backwards = self._network.first[edge] > self._network.last[edge]
        return Snap(edge, 1.0 - share if backwards else share, of_vector(foot), off)

    def course(self, edge: int) -> Vectors:
        """Unit vectors along an edge, in the order of the course's positions."""
        n = self._network
        low, high = sorted((int(n.first[edge]), int(n.last[edge])))
        return vectors(n.course_lat[low : high + 1] / SCALE, n.course_lon[low : high + 1] / SCALE)


def _cells(v: Vectors) -> Ints:
    lat = np.degrees(np.arctan2(v[:, 2], np.hypot(v[:, 0], v[:, 1])))
    lon = np.degrees(np.arctan2(v[:, 1], v[:, 0]))
    rows = np.floor((lat + 90.0) / CELL).astype(np.int64)
    return rows * COLUMNS + np.floor((lon + 180.0) / CELL).astype(np.int64) % COLUMNS


def _ring(row: int, column: int, ring: int) -> Ints:
    """Cells exactly that many rows or columns away."""
    span = np.arange(-ring, ring + 1)
    rows = np.concatenate((np.full(len(span), -ring), np.full(len(span), ring), span, span))
    columns = np.concatenate((span, span, np.full(len(span), -ring), np.full(len(span), ring)))
    cells: Ints = np.unique((row + rows) * COLUMNS + (column + columns) % COLUMNS)
    return cells


def _columns(low: int, high: int) -> list[tuple[int, int]]:
    """Ranges of columns, cut at the antimeridian."""
    if high - low >= COLUMNS:
        return [(0, COLUMNS - 1)]
    low, high = low % COLUMNS, high % COLUMNS
    return [(low, high)] if low <= high else [(low, COLUMNS - 1), (0, high)]
