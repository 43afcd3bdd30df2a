"""Fences: a corridor along a route, a perimeter around a place, a Designated Area.

Each answers whether a position is inside and how far outside it is, exactly on the sphere. `FenceSet` asks
thousands at once: boxes of degrees find the candidates, the exact test decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import shapely

from safeconduct.geo import boxes
from safeconduct.geo.sphere import (
    EARTH_RADIUS,
    GeometryError,
    Point,
    Vectors,
    along,
    check_joinable,
    cross,
    normals,
    of_geojson,
    pieces,
    plane_of,
    point,
    segment_distances,
    separations,
    vector,
    vectors,
)

WIDEST_METRES = 2_000_000.0
"""The largest radius or half width. What is wider is a mistake of units."""
MOST_CORNERS = 500_000

Key = TypeVar("Key")
Bools: TypeAlias = npt.NDArray[np.bool_]
_LONG = math.radians(5.0) * EARTH_RADIUS


class Perimeter:
    """All that lies within a radius of a place. Raises GeometryError for what is none."""

    def __init__(self, centre: Point, radius: float) -> None:
        self.centre, self.radius = _checked([centre])[0], _metres(radius)
        self._centre = vector(self.centre)

    def distance(self, at: Point) -> float:
        """Metres to the nearest position inside; 0 inside."""
        return max(0.0, float(separations(vector(at), self._centre)) - self.radius)

    def contains(self, at: Point) -> bool:
        return self.distance(at) == 0.0

    def touches(self, a: Vectors, b: Vectors) -> Bools:
        """Which of the segments `a` to `b` (unit vectors) have a position inside."""
        found: Bools = segment_distances(self._centre, a, b) <= self.radius
        return found

    def rows(self) -> Vectors:
        """Boxes around it, as `boxes.flat` takes them."""
        return boxes.of_segments([self.centre], self.radius)


class Corridor:
    """All that lies within half a width of a line, such as a route. Raises GeometryError for what is none."""

    def __init__(self, line: Sequence[Point], half_width: float) -> None:
        self.line = [at for at, _ in groupby(_checked(line))]
        if not self.line:
            raise GeometryError("a corridor follows a line")
        self.half_width = _metres(half_width)
        course = vectors([p.lat for p in self.line], [p.lon for p in self.line])
        self.starts, self.ends = (course[:-1], course[1:]) if len(course) > 1 else (course, course)
        check_joinable(self.starts, self.ends)
        self._normals = normals(self.starts, self.ends)

    def distance(self, at: Point) -> float:
        """Metres to the nearest position inside; 0 inside."""
        return max(0.0, self.off_line(at) - self.half_width)

    def off_line(self, at: Point) -> float:
        """Metres to the line itself."""
        return float(segment_distances(vector(at), self.starts, self.ends, self._normals).min())

    def contains(self, at: Point) -> bool:
        return self.distance(at) == 0.0

    def touches(self, a: Vectors, b: Vectors) -> Bools:
        """Which of the segments `a` to `b` (unit vectors) have a position inside."""
        found = np.zeros(len(a), bool)
        n = normals(a, b)
        for start, end, normal in zip(self.starts, self.ends, self._normals, strict=True):
            near = segment_distances(start, a, b, n) <= self.half_width
            near |= segment_distances(end, a, b, n) <= self.half_width
            near |= segment_distances(a, start, end, normal) <= self.half_width
            near |= segment_distances(b, start, end, normal) <= self.half_width
            found |= near | _cross(a, b, n, start, end, normal)
        return found

    def rows(self) -> Vectors:
        """Boxes around it, one for each segment, as `boxes.flat` takes them."""
        return boxes.of_segments(self.line, self.half_width)


class Area:
    """A Designated Area, a district, a province: one or more polygons, with holes, whose sides are great circles.

    `polygons` are lists of rings, the outer one first. The boundary belongs to the area. A ring may cross the
    antimeridian or surround a pole. Raises GeometryError for a shape that crosses itself, unless `repair` is set
    (then what an odd number of rings surrounds is inside), and for one that is too wide to have an inside.
    """

    def __init__(self, polygons: Sequence[Sequence[Sequence[Point]]], *, repair: bool = False) -> None:
        self.rings = [[_ring(ring) for ring in polygon] for polygon in polygons]
        if not self.rings or not all(self.rings):
            raise GeometryError("an area has at least one ring")
        every = [p for polygon in self.rings for ring in polygon for p in ring]
        if len(every) > MOST_CORNERS:
            raise GeometryError(f"an area has at most {MOST_CORNERS:,} corners")
        self.plane = plane_of(vectors([p.lat for p in every], [p.lon for p in every]))
        self.shape = self._drawn(repair)
        shapely.prepare(self.shape)
        sides = [(ring, [*ring[1:], ring[0]]) for polygon in self.rings for ring in polygon]
        self._starts = np.concatenate([vectors(*zip(*ring, strict=True)) for ring, _ in sides])
        self._ends = np.concatenate([vectors(*zip(*shifted, strict=True)) for _, shifted in sides])
        self._normals = normals(self._starts, self._ends)

    @classmethod
    def of_boundary(cls, boundary: Iterable[Any]) -> Area:
        """The area within one ring of `[longitude, latitude]`, as records hold it."""
        return cls([[of_geojson(boundary)]])

    @classmethod
    def of_geometry(cls, geometry: Any, *, repair: bool = True) -> Area:
        """The area of a GeoJSON Polygon or MultiPolygon."""
        kind = geometry.get("type") if isinstance(geometry, Mapping) else None
        coordinates = geometry.get("coordinates") if isinstance(geometry, Mapping) else None
        if kind not in ("Polygon", "MultiPolygon") or not isinstance(coordinates, (list, tuple)):
            raise GeometryError("an area is a Polygon or a MultiPolygon")
        polygons = [coordinates] if kind == "Polygon" else coordinates
        if not all(isinstance(rings, (list, tuple)) for rings in polygons):
            raise GeometryError(f"the coordinates are not those of a {kind}")
        if not all(isinstance(ring, (list, tuple)) for rings in polygons for ring in rings):
            raise GeometryError(f"the coordinates are not those of a {kind}")
        return cls([[of_geojson(ring) for ring in rings] for rings in polygons], repair=repair)

    def contains(self, at: Point) -> bool:
        return bool(self.contain(vector(at)[None, :])[0])

    def contain(self, v: Vectors) -> Bools:
        """Which of many unit vectors are inside."""
        found: Bools = self.plane.shows(v)
        x, y = self.plane.draw(v[found])
        found[found] = shapely.intersects_xy(self.shape, x, y)
        return found

    def distance(self, at: Point) -> float:
        """Metres to the nearest position inside; 0 inside."""
        here = vector(at)
        if self.contain(here[None, :])[0]:
            return 0.0
        return float(segment_distances(here, self._starts, self._ends, self._normals).min())

    def touches(self, a: Vectors, b: Vectors) -> Bools:
        """Which of the segments `a` to `b` (unit vectors) have a position inside."""
        found = np.zeros(len(a), bool)
        starts, ends, owner = pieces(a, b, _LONG)
        seen = self.plane.shows(starts) & self.plane.shows(ends)
        drawn = [np.stack(self.plane.draw(v[seen]), axis=-1) for v in (starts, ends)]
        found[owner[seen][shapely.intersects(self.shape, shapely.linestrings(np.stack(drawn, axis=1)))]] = (
            True
        )
        return found

    def rows(self) -> Vectors:
        """Boxes around it, one for each polygon, as `boxes.flat` takes them."""
        poles = [self.contains(Point(lat, 0.0)) for lat in (90.0, -90.0)]
        return np.concatenate([boxes.of_ring(polygon[0], *poles) for polygon in self.rings])

    def _drawn(self, repair: bool) -> Any:
        flat = [
            [np.stack(self.plane.draw(vectors(*zip(*r, strict=True))), -1) for r in p] for p in self.rings
        ]
        shape = shapely.multipolygons([shapely.Polygon(rings[0], rings[1:]) for rings in flat])
        if not shapely.is_valid(shape):
            if not repair:
                raise GeometryError("the boundary crosses itself")
            shape = shapely.make_valid(shape)
        if shapely.area(shape) == 0:
            raise GeometryError("the boundary surrounds nothing")
        return shape


Fence: TypeAlias = Perimeter | Corridor | Area


class FenceSet(Generic[Key]):
    """Many fences by key, asked together which of them contain a position."""

    def __init__(self, fences: Mapping[Key, Fence]) -> None:
        self.fences = dict(fences)
        self.keys = list(self.fences)
        every = list(self.fences.values())
        self._areas = _Areas([f for f in every if isinstance(f, Area)])
        lines = [f for f in every if isinstance(f, Corridor)]
        rounds = [f for f in every if isinstance(f, Perimeter)]
        self._starts = _stacked([f.starts for f in lines] + [f._centre[None, :] for f in rounds])
        self._ends = _stacked([f.ends for f in lines] + [f._centre[None, :] for f in rounds])
        widths = [np.full(len(f.starts), f.half_width) for f in lines] + [
            np.array([f.radius]) for f in rounds
        ]
        self._widths = np.concatenate([*widths, np.empty(0)])
        self._normals = normals(self._starts, self._ends)
        self._index(every)

    def _index(self, every: Sequence[Fence]) -> None:
        """A tree of boxes; for each box its fence, and the place of its area or segment in the arrays."""
        areas = corridors = perimeters = 0
        segments = sum(len(f.starts) for f in every if isinstance(f, Corridor))
        fences, places, rows = [], [], []
        for number, fence in enumerate(every):
            found = fence.rows()
            if isinstance(fence, Area):
                place = np.full(len(found), -1 - areas)
                areas += 1
            elif isinstance(fence, Corridor):
                place = corridors + np.arange(len(found))
                corridors += len(found)
            else:
                place = np.array([segments + perimeters])
                perimeters += 1
            rows.append(found)
            places.append(place)
            fences.append(np.full(len(found), number))
        cut, owner = boxes.flat(np.concatenate([*rows, np.empty((0, 4))]))
        self._tree = shapely.STRtree(shapely.box(cut[:, 0], cut[:, 1], cut[:, 2], cut[:, 3]))
        self._fence = np.concatenate([*fences, np.empty(0, int)]).astype(np.intp)[owner]
        self._place = np.concatenate([*places, np.empty(0, int)]).astype(np.intp)[owner]

    def containing(self, at: Point) -> list[Key]:
        """Keys of the fences that contain a position, in the order they were given."""
        _, fences = self.containing_many([at.lat], [at.lon])
        return [self.keys[number] for number in fences]

    def containing_many(
        self, lats: npt.ArrayLike, lons: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Pairs (number of the position, number of the fence in `keys`), sorted, each once."""
        lat, lon = np.asarray(lats, float), (np.asarray(lons, float) + 180.0) % 360.0 - 180.0
        at, box = self._tree.query(shapely.points(lon, lat))
        if not len(at):
            return at, at
        place, fence = self._place[box], self._fence[box]
        v = vectors(lat, lon)
        inside = np.empty(len(at), bool)
        by_area = place < 0
        if by_area.any():
            inside[by_area] = self._areas.contain(-1 - place[by_area], v[at[by_area]])
        if not by_area.all():
            line = ~by_area
            number = place[line]
            off = segment_distances(
                v[at[line]], self._starts[number], self._ends[number], self._normals[number]
            )
            inside[line] = off <= self._widths[number]
        pairs = np.unique(at[inside] * max(1, len(self.keys)) + fence[inside])
        return pairs // max(1, len(self.keys)), pairs % max(1, len(self.keys))


class _Areas:
    """The planes and shapes of many areas, to test pairs of an area and a position all at once."""

    def __init__(self, areas: Sequence[Area]) -> None:
        axes = [np.stack((a.plane.centre, a.plane.east, a.plane.north)) for a in areas]
        self._axes = np.array(axes).reshape(-1, 3, 3)
        self._shapes = np.array([a.shape for a in areas], dtype=object)
        shapely.prepare(self._shapes)

    def contain(self, area: npt.NDArray[np.intp], v: Vectors) -> Bools:
        depth, x, y = (along(v, self._axes[area, axis]) for axis in range(3))
        seen: Bools = depth > math.cos(math.radians(80.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Bools = shapely.intersects_xy(self._shapes[area], x / depth, y / depth)
        return found & seen


def _cross(a: Vectors, b: Vectors, n: Vectors, start: Vectors, end: Vectors, normal: Vectors) -> Bools:
    """Which segments cross the one from `start` to `end`: each has its ends on different sides of the other."""
    apart = ((a @ normal) * (b @ normal) < 0) & ((n @ start) * (n @ end) < 0)
    at = cross(n, normal)
    here: Bools = np.sum(at * (a + b), axis=-1) * (at @ (start + end)) > 0
    return apart & here


def _stacked(parts: Sequence[Vectors]) -> Vectors:
    return np.concatenate(parts) if parts else np.empty((0, 3))


def _ring(ring: Sequence[Point]) -> list[Point]:
    corners = _checked(ring)
    return corners[:-1] if len(corners) > 1 and corners[0] == corners[-1] else corners


def _checked(line: Sequence[Point]) -> list[Point]:
    if len(line) > MOST_CORNERS:
        raise GeometryError(f"a line has at most {MOST_CORNERS:,} positions")
    return [point(lat, lon) for lat, lon in line]


def _metres(value: float) -> float:
    if not 0 < value <= WIDEST_METRES:
        raise GeometryError(f"{value:g} m is no width: it is more than 0 and at most {WIDEST_METRES:,.0f} m")
    return float(value)
