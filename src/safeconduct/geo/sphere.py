"""Geometry on the sphere: distances, bearings, segments and polygons that follow great circles.

WGS84 positions are taken as positions on a sphere of the earth's mean radius; against the ellipsoid a distance is
wrong by at most 0.56 %. Within the sphere everything is exact to a micrometre or so: positions are unit vectors
in space, so neither the antimeridian nor a pole is special, and a side of a polygon is a great circle, not a
line of a flat map.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

EARTH_RADIUS = 6_371_008.8
"""Mean radius of WGS84 in metres, (2a + b) / 3."""

ON_IT = 1e-6
"""Metres within which a position is on a line."""
WIDEST = 70
"""Degrees from its middle to the farthest corner of an area."""

Vectors: TypeAlias = npt.NDArray[np.float64]
"""Unit vectors, the last axis of length 3."""


class Point(NamedTuple):
    """A position in degrees; latitude first. GeoJSON has it the other way round: see `of_geojson`."""

    lat: float
    lon: float


class GeometryError(ValueError):
    """Coordinates that are none, or a shape that cannot be one."""


def point(lat: Any, lon: Any) -> Point:
    """A checked position; longitude is brought into -180 to 180. Raises GeometryError."""
    try:
        latitude, longitude = float(lat), float(lon)
    except (TypeError, ValueError, OverflowError) as fault:
        raise GeometryError("a position is two numbers of degrees") from fault
    if not (-90 <= latitude <= 90 and -540 <= longitude <= 540):
        raise GeometryError(f"{latitude:g}, {longitude:g} is no position")
    return Point(latitude, wrap(longitude) if abs(longitude) > 180 else longitude)


def of_geojson(coordinates: Iterable[Any]) -> list[Point]:
    """Positions of a list of `[longitude, latitude]`; a third number (height) is ignored. Raises GeometryError."""
    found = []
    for pair in coordinates:
        if not isinstance(pair, (list, tuple)) or len(pair) < 2:
            raise GeometryError("a position is [longitude, latitude]")
        found.append(point(pair[1], pair[0]))
    return found


def wrap(degrees: float) -> float:
    """An angle of any size as -180 to 180 (180 itself excluded)."""
    return (degrees + 180.0) % 360.0 - 180.0


def vector(at: Point) -> Vectors:
    """The unit vector of a position."""
    return vectors(at.lat, at.lon)


def vectors(lats: npt.ArrayLike, lons: npt.ArrayLike) -> Vectors:
    """Unit vectors of arrays of degrees."""
    phi, lam = np.radians(np.asarray(lats, float)), np.radians(np.asarray(lons, float))
    flat = np.cos(phi)
    return np.stack((flat * np.cos(lam), flat * np.sin(lam), np.sin(phi)), axis=-1)


def of_vector(v: Vectors) -> Point:
    """The position of a vector of any length but zero."""
    x, y, z = float(v[0]), float(v[1]), float(v[2])
    return Point(math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x)))


def distance(a: Point, b: Point) -> float:
    """Metres along the great circle. Good at any distance, opposite points included (Vincenty's formula)."""
    p, q, d = math.radians(a.lat), math.radians(b.lat), math.radians(b.lon - a.lon)
    east = math.cos(q) * math.sin(d)
    north = math.cos(p) * math.sin(q) - math.sin(p) * math.cos(q) * math.cos(d)
    along = math.sin(p) * math.sin(q) + math.cos(p) * math.cos(q) * math.cos(d)
    return EARTH_RADIUS * math.atan2(math.hypot(east, north), along)


def bearing(a: Point, b: Point) -> float:
    """Degrees from north, 0 to 360, in which one leaves `a` for `b`; 0 where no direction leads there."""
    p, q, d = math.radians(a.lat), math.radians(b.lat), math.radians(b.lon - a.lon)
    east = math.cos(q) * math.sin(d)
    north = math.cos(p) * math.sin(q) - math.sin(p) * math.cos(q) * math.cos(d)
    return math.degrees(math.atan2(east, north)) % 360.0


def destination(a: Point, degrees: float, metres: float) -> Point:
    """Where one gets from `a`, setting out in that direction and keeping to the great circle."""
    p, turn, arc = math.radians(a.lat), math.radians(degrees), metres / EARTH_RADIUS
    sine = math.sin(p) * math.cos(arc) + math.cos(p) * math.sin(arc) * math.cos(turn)
    east = math.sin(turn) * math.sin(arc)
    north = math.cos(p) * math.cos(arc) - math.sin(p) * math.sin(arc) * math.cos(turn)
    flat = math.hypot(east, north)
    lon = a.lon + math.degrees(math.atan2(east, north))
    return Point(math.degrees(math.atan2(sine, flat)), wrap(lon) if abs(lon) > 180 else lon)


def between(a: Point, b: Point, fraction: float) -> Point:
    """The position at a fraction of the way from `a` to `b`. Raises GeometryError for opposite points."""
    if fraction <= 0 or a == b:
        return a
    if fraction >= 1:
        return b
    check_joinable(vector(a), vector(b))
    return destination(a, bearing(a, b), fraction * distance(a, b))


def cross_track(at: Point, start: Point, end: Point) -> float:
    """Metres from the great circle through `start` and `end`: positive to the right of the way, negative left."""
    normal = normals(vector(start), vector(end))
    return -EARTH_RADIUS * math.asin(max(-1.0, min(1.0, float(normal @ vector(at)))))


def separations(a: Vectors, b: Vectors) -> Vectors:
    """Metres between unit vectors, element by element; good at any distance."""
    across = length(cross(a - b, a + b)) / 2
    metres: Vectors = EARTH_RADIUS * np.arctan2(across, along(a, b))
    return metres


def normals(a: Vectors, b: Vectors) -> Vectors:
    """Unit normals of the great circles from `a` to `b`; zero where the two are one and the same.

    (a - b) x (a + b) is twice b x a without the cancellation that a x b suffers from for close points.
    """
    raw = cross(a + b, b - a)
    size = length(raw)[..., None]
    unit: Vectors = np.divide(raw, size, out=np.zeros_like(raw), where=size > 1e-150)
    return unit


def segment_distances(at: Vectors, a: Vectors, b: Vectors, normal: Vectors | None = None) -> Vectors:
    """Metres from unit vectors to great-circle segments `a` to `b`, shorter than half the earth; broadcasts."""
    n = normals(a, b) if normal is None else normal
    beside = (along(cross(n, a), at) >= 0) & (along(cross(b, n), at) >= 0)
    beside &= np.any(n != 0, axis=-1)
    height = along(n, at)
    foot = length(at - height[..., None] * n)
    across = EARTH_RADIUS * np.arctan2(np.abs(height), foot)
    ends = np.minimum(separations(at, a), separations(at, b))
    return np.where(beside, np.minimum(across, ends), ends)


def segment_distance(at: Point, start: Point, end: Point) -> float:
    """Metres from a position to the nearest one of a segment. Raises GeometryError for opposite ends."""
    a, b = vector(start), vector(end)
    check_joinable(a, b)
    return float(segment_distances(vector(at), a, b))


def polyline_distance(at: Point, line: Sequence[Point]) -> float:
    """Metres from a position to the nearest one of a line. Raises GeometryError for an empty line."""
    if not line:
        raise GeometryError("a line has at least one position")
    if len(line) == 1:
        return distance(at, line[0])
    course = vectors([p.lat for p in line], [p.lon for p in line])
    check_joinable(course[:-1], course[1:])
    return float(np.min(segment_distances(vector(at), course[:-1], course[1:])))


def polyline_length(line: Sequence[Point]) -> float:
    """Metres from one end of a line to the other."""
    return sum(distance(a, b) for a, b in pairwise(line))


def pieces(a: Vectors, b: Vectors, metres: float) -> tuple[Vectors, Vectors, npt.NDArray[np.intp]]:
    """Segments cut into pieces no longer than that: their ends, and which segment each is a piece of."""
    far = separations(a, b)
    counts = np.maximum(1, np.ceil(far / metres)).astype(np.intp)
    owner = np.repeat(np.arange(len(a)), counts)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    arc = (far / EARTH_RADIUS)[owner]
    ends = [_at(a[owner], b[owner], arc, (step + add) / counts[owner]) for add in (0, 1)]
    return ends[0], ends[1], owner


def _at(a: Vectors, b: Vectors, arc: Vectors, fraction: Vectors) -> Vectors:
    with np.errstate(divide="ignore", invalid="ignore"):
        near, far = np.sin((1 - fraction) * arc) / np.sin(arc), np.sin(fraction * arc) / np.sin(arc)
    short = arc < 1e-12
    near, far = np.where(short, 1 - fraction, near), np.where(short, fraction, far)
    mixed: Vectors = near[:, None] * a + far[:, None] * b
    mixed /= np.linalg.norm(mixed, axis=-1, keepdims=True)
    return mixed


def check_joinable(a: Vectors, b: Vectors) -> None:
    """Raises GeometryError where two ends lie opposite each other: no single great circle joins them."""
    if np.any(np.linalg.norm(a + b, axis=-1) < 1e-9):
        raise GeometryError("between opposite points of the earth there is no one way")


def along(v: Vectors, axis: Vectors) -> Vectors:
    """Components along an axis; unlike a matrix product the same for a vector alone and among others."""
    components: Vectors = v[..., 0] * axis[..., 0] + v[..., 1] * axis[..., 1] + v[..., 2] * axis[..., 2]
    return components


def cross(a: Vectors, b: Vectors) -> Vectors:
    """The vector product; several times as fast as numpy's for few vectors."""
    ax, ay, az, bx, by, bz = a[..., 0], a[..., 1], a[..., 2], b[..., 0], b[..., 1], b[..., 2]
    return np.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), axis=-1)


def length(v: Vectors) -> Vectors:
    """Lengths of vectors."""
    found: Vectors = np.sqrt(along(v, v))
    return found


class Plane:
    """The gnomonic projection about a centre: every great circle becomes a straight line, so what is true of
    straight lines there (inside, crosses, touches) is true on the sphere. It shows less than a hemisphere.
    """

    REACH = 80.0
    """Degrees from the centre within which it is used."""

    def __init__(self, centre: Vectors) -> None:
        self.centre = centre / np.linalg.norm(centre)
        pole = np.array([0.0, 0.0, 1.0]) if abs(self.centre[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
        self.east = cross(pole, self.centre)
        self.east /= np.linalg.norm(self.east)
        self.north = cross(self.centre, self.east)

    def axes(self) -> Vectors:
        """The centre and the directions of x and y, one below the other."""
        return np.stack((self.centre, self.east, self.north))

    def shows(self, v: Vectors) -> npt.NDArray[np.bool_]:
        """Which unit vectors lie near enough to the centre to be drawn."""
        seen: npt.NDArray[np.bool_] = along(v, self.centre) > math.cos(math.radians(self.REACH))
        return seen

    def draw(self, v: Vectors) -> tuple[Vectors, Vectors]:
        """x and y of unit vectors, in radii of the earth at the centre. Only for what the plane shows."""
        depth = along(v, self.centre)
        return along(v, self.east) / depth, along(v, self.north) / depth


def polygon_contains(ring: Sequence[Point], at: Point) -> bool:
    """Whether a position lies in a polygon whose sides are great circles; the boundary belongs to it.

    The inside is the side that does not reach round the earth. The ring may cross the antimeridian or enclose
    a pole. Raises GeometryError for fewer than three corners or one that lies 70 degrees from the middle.
    `fences.Area` does the same faster for many positions, and knows holes.
    """
    corners = vectors([p.lat for p in ring], [p.lon for p in ring])
    plane = plane_of(corners)
    here = vector(at)
    if not plane.shows(here):
        return False
    if segment_distances(here, corners, np.roll(corners, -1, axis=0)).min() < ON_IT:
        return True
    xs, ys = plane.draw(corners)
    x, y = plane.draw(here)
    x2, y2 = np.roll(xs, -1), np.roll(ys, -1)
    turn = (x2 - xs) * (y - ys) - (y2 - ys) * (x - xs)
    up = (ys <= y) & (y2 > y) & (turn > 0)
    down = (ys > y) & (y2 <= y) & (turn < 0)
    return bool((np.count_nonzero(up) + np.count_nonzero(down)) % 2)


def plane_of(corners: Vectors) -> Plane:
    """The plane about the middle of a shape. Raises GeometryError if the shape is none or too wide."""
    if len(corners) < 3:
        raise GeometryError("an area has at least three corners")
    middle = np.sum(corners, axis=0)
    if np.linalg.norm(middle) < 1e-6 * len(corners):
        raise GeometryError("the area reaches round the earth; which side is its inside?")
    plane = Plane(middle)
    if np.any(corners @ plane.centre < math.cos(math.radians(WIDEST))):
        raise GeometryError(f"the area is too wide: more than {WIDEST} degrees from its middle")
    return plane
