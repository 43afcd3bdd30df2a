"""Boxes of degrees around segments and areas, to find candidates by. They may be too large, never too small."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from safeconduct.geo.sphere import EARTH_RADIUS, Point, Vectors, cross, normals, vectors

SLACK = 1e-9
"""Degrees (a tenth of a millimetre) by which every box is larger, so that rounding loses nothing."""


def of_segments(line: Sequence[Point], metres: float) -> Vectors:
    """For each segment of a line one row (west, south, width, south to north), widened by that many metres.

    A line of one position gives the box of a circle. West lies in -180 to 180, width in 0 to 360.
    """
    lats, lons = (np.array(column, float) for column in zip(*line, strict=True))
    if len(line) == 1:
        lats, lons = np.repeat(lats, 2), np.repeat(lons, 2)
    low, high = _latitudes(lats, lons)
    turn = (np.diff(lons) + 180.0) % 360.0 - 180.0
    west = np.where(turn >= 0, lons[:-1], lons[1:])
    pad = math.degrees(metres / EARTH_RADIUS) + SLACK
    steepest = np.maximum(np.abs(low), np.abs(high))
    polar = steepest + pad >= 90.0 - 1e-7
    widen = math.sin(math.radians(min(pad, 90.0))) / np.cos(np.radians(np.where(polar, 0.0, steepest)))
    side = np.degrees(np.arcsin(np.minimum(1.0, widen))) + SLACK
    width = np.where(polar, 360.0, np.minimum(360.0, np.abs(turn) + 2 * side))
    south, north = np.maximum(-90.0, low - pad), np.minimum(90.0, high + pad)
    return np.stack((np.where(polar, -180.0, west - side), south, width, north), axis=-1)


def of_ring(ring: Sequence[Point], north_pole: bool, south_pole: bool) -> Vectors:
    """One row like those of `of_segments` for all that a closed ring surrounds, and whether that is a pole."""
    closed = [*ring, ring[0]]
    lats, lons = (np.array(column, float) for column in zip(*closed, strict=True))
    low, high = _latitudes(lats, lons)
    south = -90.0 if south_pole else float(low.min()) - SLACK
    north = 90.0 if north_pole else float(high.max()) + SLACK
    if north_pole or south_pole or max(high.max(), -low.min()) > 90.0 - 1e-7:
        return np.array([[-180.0, south, 360.0, north]])
    course = lons[0] + np.concatenate(([0.0], np.cumsum((np.diff(lons) + 180.0) % 360.0 - 180.0)))
    west, east = float(course.min()) - SLACK, float(course.max()) + SLACK
    return np.array([[west, south, min(360.0, east - west), north]])


def flat(rows: Vectors) -> tuple[Vectors, npt.NDArray[np.intp]]:
    """Rows as boxes (west, south, east, north) within -180 to 180, cut at the antimeridian, and their rows."""
    west = (rows[:, 0] + 180.0) % 360.0 - 180.0
    east = west + rows[:, 2]
    numbers = np.arange(len(rows))
    over = east >= 180.0
    first = np.stack((west, rows[:, 1], np.minimum(east, 180.0), rows[:, 3]), axis=-1)
    second = np.stack((np.full(len(rows), -180.0), rows[:, 1], east - 360.0, rows[:, 3]), axis=-1)[over]
    return np.concatenate((first, second)), np.concatenate((numbers, numbers[over]))


def _latitudes(lats: Vectors, lons: Vectors) -> tuple[Vectors, Vectors]:
    """Lowest and highest latitude of each segment: a great circle bulges towards the pole between its ends."""
    v = vectors(lats, lons)
    a, b = v[:-1], v[1:]
    n = normals(a, b)
    summit = np.array([0.0, 0.0, 1.0]) - n[:, 2:] * n
    reaches = np.linalg.norm(summit, axis=-1) > 1e-12
    low, high = np.minimum(lats[:-1], lats[1:]), np.maximum(lats[:-1], lats[1:])
    top = np.degrees(np.arctan2(np.linalg.norm(summit, axis=-1), np.hypot(n[:, 2], 0.0)))
    for sign in (1.0, -1.0):
        toward = sign * summit
        on_way = (np.sum(cross(n, a) * toward, axis=-1) > 0) & (np.sum(cross(b, n) * toward, axis=-1) > 0)
        bulge = on_way & reaches & np.any(n != 0, axis=-1)
        if sign > 0:
            high = np.where(bulge, np.maximum(high, top), high)
        else:
            low = np.where(bulge, np.minimum(low, -top), low)
    return low, high
