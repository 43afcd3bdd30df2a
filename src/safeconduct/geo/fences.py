"""Fences: a corridor along a route, a perimeter around a place, a Designated Area.

Each answers whether a position is inside and how far outside it is, exactly on the sphere. `FenceSet` asks
thousands at once: where a fence has all of a position's cell that is the answer, elsewhere the exact test decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import shapely

from safeconduct.geo import boxes
from safeconduct.geo.cells import NONE, WHOLE, Cells, Level, scale_for
from safeconduct.geo.sphere import (
    EARTH_RADIUS,
    GeometryError,
    Plane,
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
_SHOWN = math.cos(math.radians(Plane.REACH))


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
        """Boxes around it: west, south, width, north."""
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
        """Boxes around it, one for each segment: west, south, width, north."""
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
        self._repaired = False
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

    def meets(self, corners: Vectors) -> tuple[Bools, Bools]:
        """Which of many squares (four unit vectors each) may touch it, and which lie within it."""
        shown: Bools = np.all(self.plane.shows(corners), axis=-1)
        touched, inside = ~shown, np.zeros(len(shown), bool)
        squares = shapely.polygons(np.stack(self.plane.draw(corners[shown]), axis=-1))
        touched[shown] = shapely.intersects(self.shape, squares)
        inside[shown] = shapely.contains_properly(self.shape, squares)
        return touched, inside

    def rows(self) -> Vectors:
        """Boxes around it, one for each ring that may be on its outside: west, south, width, north."""
        # A hole that reaches out of its polygon is inside there, once it was repaired.
        rings = [ring for polygon in self.rings for ring in (polygon if self._repaired else polygon[:1])]
        return np.concatenate([boxes.of_ring(ring, *self._around_poles(ring)) for ring in rings])

    def _around_poles(self, ring: Sequence[Point]) -> list[bool]:
        """Whether a ring may surround the north and the south pole, in a hole or not."""
        drawn = shapely.MultiPoint(np.stack(self.plane.draw(vectors(*zip(*ring, strict=True))), -1))
        poles = [vector(Point(lat, 0.0)) for lat in (90.0, -90.0)]
        return [
            bool(self.plane.shows(pole)) and shapely.intersects_xy(drawn.convex_hull, *self.plane.draw(pole))
            for pole in poles
        ]

    def _drawn(self, repair: bool) -> Any:
        flat = [
            [np.stack(self.plane.draw(vectors(*zip(*r, strict=True))), -1) for r in p] for p in self.rings
        ]
        shape = shapely.multipolygons([shapely.Polygon(rings[0], rings[1:]) for rings in flat])
        if not shapely.is_valid(shape):
            if not repair:
                raise GeometryError("the boundary crosses itself")
            self._repaired, shape = True, shapely.make_valid(shape)
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
        self._areas = [f for f in every if isinstance(f, Area)]
        self._axes = np.array([f.plane.axes() for f in self._areas]).reshape(-1, 3, 3)
        self._plain_axes = self._axes.tolist()
        self._shapes = np.array([f.shape for f in self._areas], dtype=object)
        lines = [f for f in every if isinstance(f, Corridor)]
        rounds = [f for f in every if isinstance(f, Perimeter)]
        self._starts = _stacked([f.starts for f in lines] + [f._centre[None, :] for f in rounds])
        self._ends = _stacked([f.ends for f in lines] + [f._centre[None, :] for f in rounds])
        widths = [np.full(len(f.starts), f.half_width) for f in lines] + [
            np.array([f.radius]) for f in rounds
        ]
        self._widths = np.concatenate([*widths, np.empty(0)])
        self._normals = normals(self._starts, self._ends)

    @cached_property
    def _levels(self) -> list[Level]:
        """The cells, made when they are first asked for. An area's place is -1 and less, a segment's 0 and more."""
        areas = corridors = 0
        perimeters = sum(len(f.starts) for f in self.fences.values() if isinstance(f, Corridor))
        by_scale: dict[float, list[tuple[Cells, npt.NDArray[np.int8], int, int]]] = {}
        for fence, shape in enumerate(self.fences.values()):
            rows = shape.rows()
            scale = scale_for(rows)
            covered = by_scale.setdefault(scale, [])
            if isinstance(shape, Area):
                areas += 1
                for row in rows:
                    cells = Cells(row, scale)
                    covered.append((cells, cells.of_area(shape), fence, -areas))
                continue
            first = corridors if isinstance(shape, Corridor) else perimeters
            for place, row in enumerate(rows, first):
                cells = Cells(row, scale)
                ends = self._starts[place], self._ends[place]
                covered.append((cells, cells.of_segment(*ends, self._widths[place]), fence, place))
            if isinstance(shape, Corridor):
                corridors += len(rows)
            else:
                perimeters += 1
        return [_level(scale, covered) for scale, covered in by_scale.items() if covered]

    def containing(self, at: Point) -> list[Key]:
        """Keys of the fences that contain a position, in the order they were given."""
        lat, lon = at.lat, (at.lon + 180.0) % 360.0 - 180.0
        found: set[int] = set()
        asked: list[tuple[int, int]] = []
        for level in self._levels:
            over = level.over(lat, lon)
            if over is not None:
                found.update(over[0])
                asked += over[1]
        if asked:
            found.update(self._asked(lat, lon, asked))
        return [self.keys[fence] for fence in sorted(found)]

    def _asked(self, lat: float, lon: float, asked: Sequence[tuple[int, int]]) -> list[int]:
        """Those of the pieces (fence, place) that contain a position: the same arithmetic as for many."""
        phi, lam = math.radians(lat), math.radians(lon)
        cosines, sines = np.cos((phi, lam)).tolist(), np.sin((phi, lam)).tolist()
        x, y, z = cosines[0] * cosines[1], cosines[0] * sines[1], sines[0]
        found, drawn = [], []
        lines = [(fence, place) for fence, place in asked if place >= 0]
        if lines:
            near = self._near(np.array([place for _, place in lines]), np.array((x, y, z)))
            found += [lines[number][0] for number in np.flatnonzero(near)]
        for fence, place in asked:
            if place < 0:
                centre, east, north = self._plain_axes[-1 - place]
                depth = x * centre[0] + y * centre[1] + z * centre[2]
                if depth > _SHOWN:
                    right = (x * east[0] + y * east[1] + z * east[2]) / depth
                    up = (x * north[0] + y * north[1] + z * north[2]) / depth
                    drawn.append((fence, -1 - place, right, up))
        if len(drawn) == 1:
            fence, area, right, up = drawn[0]
            if shapely.intersects_xy(self._areas[area].shape, right, up):
                found.append(fence)
        elif drawn:
            fences, areas, rights, ups = zip(*drawn, strict=True)
            inside = shapely.intersects_xy(self._shapes[list(areas)], rights, ups)
            found += [fences[number] for number in np.flatnonzero(inside)]
        return found

    def containing_many(
        self, lats: npt.ArrayLike, lons: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Pairs (number of the position, number of the fence in `keys`), sorted, each once."""
        lat, lon = np.asarray(lats, float), (np.asarray(lons, float) + 180.0) % 360.0 - 180.0
        most = max(1, len(self.keys))
        pairs = [np.empty(0, np.intp)]
        for level in self._levels:
            at, piece = level.pieces(lat, lon)
            inside = level.whole[piece]
            part = np.flatnonzero(~inside)
            inside[part] = self._contain(level.place[piece[part]], lat[at[part]], lon[at[part]])
            pairs.append(at[inside] * most + level.fence[piece[inside]])
        found = np.concatenate(pairs)
        if np.any(found[1:] <= found[:-1]):
            found = np.unique(found)
        return found // most, found % most

    def _contain(self, place: npt.NDArray[np.int64], lat: Vectors, lon: Vectors) -> Bools:
        v = vectors(lat, lon)
        inside = np.empty(len(place), bool)
        by_area = place < 0
        area, w = -1 - place[by_area], v[by_area]
        depth, x, y = (along(w, self._axes[area, axis]) for axis in range(3))
        seen: Bools = depth > _SHOWN
        with np.errstate(divide="ignore", invalid="ignore"):
            inside[by_area] = seen & shapely.intersects_xy(self._shapes[area], x / depth, y / depth)
        inside[~by_area] = self._near(place[~by_area], v[~by_area])
        return inside

    def _near(self, place: npt.NDArray[np.int64], v: Vectors) -> Bools:
        off = segment_distances(v, self._starts[place], self._ends[place], self._normals[place])
        near: Bools = off <= self._widths[place]
        return near


def _level(scale: float, covered: Sequence[tuple[Cells, npt.NDArray[np.int8], int, int]]) -> Level:
    numbers, fence, place, whole = [], [], [], []
    for cells, states, number, where in covered:
        touched = states != NONE
        numbers.append(cells.numbers[touched])
        fence.append(np.full(len(numbers[-1]), number))
        place.append(np.full(len(numbers[-1]), where))
        whole.append(states[touched] == WHOLE)
    return Level(scale, *map(np.concatenate, (numbers, fence, place, whole)))


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
    corners = corners[:-1] if len(corners) > 1 and corners[0] == corners[-1] else corners
    if 0 < len(corners) < 3:
        raise GeometryError("a ring has three corners or more")
    return corners


def _checked(line: Sequence[Point]) -> list[Point]:
    if len(line) > MOST_CORNERS:
        raise GeometryError(f"a line has at most {MOST_CORNERS:,} positions")
    return [point(lat, lon) for lat, lon in line]


def _metres(value: float) -> float:
    if not 0 < value <= WIDEST_METRES:
        raise GeometryError(f"{value:g} m is no width: it is more than 0 and at most {WIDEST_METRES:,.0f} m")
    return float(value)
