"""The cells of an area that forecasts are made for, and how far what happened in one tells of those around it.

Cells are those of H3 (Uber, 2018): at resolution 5 some 250 km2 each, about 17 km from centre to centre.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from safeconduct.risk.events import Floats, Ints

RESOLUTION = 5
AROUND_KM = 50.0
"""How far from any incident the area reaches where nobody gave its outline."""
MOST_CELLS = 100_000
MOST_CORNERS = 500_000
REACH = 4.0
"""A kernel ends at so many times its sigma: what lies beyond is 0.03 % of it in the plane."""
EARTH_KM = 6371.007
POLYGONS, AROUND = "polygons", "around"
_NEAREST = 0.6
"""Rows of hexagons to a mean distance of centres, with room for H3's smallest cells."""

Cells: TypeAlias = npt.NDArray[np.uint64]
Ring: TypeAlias = Sequence[Sequence[float]]


class AreaError(ValueError):
    """An outline that is none, or one that is out of bounds; the text says why."""


@dataclass(frozen=True, eq=False)
class Grid:
    """m cells in ascending order of their numbers, each array of length m.

    `lat`, `lon`: centres in degrees. `area_km2`: on the sphere. `made` says how the area came about: "polygons", the
    cells whose centre lies in an outline and those with an incident; "around", those within `reach_km` of one.
    """

    resolution: int
    cells: Cells
    lat: Floats
    lon: Floats
    area_km2: Floats
    made: str
    reach_km: float | None = None
    _kernels: dict[float, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def over(cls, outlines: Iterable[Any], lat: Floats, lon: Floats, resolution: int = RESOLUTION) -> Grid:
        """The cells with their centre in one of the outlines (GeoJSON geometry, feature or collection; or a list of
        rings of [longitude, latitude], the first the outside), and those in which any of the positions lies.

        Raises AreaError where an outline is none, or the cells would be too many.
        """
        import h3.api.numpy_int as h3
        from h3 import H3BaseException as h3_failed

        found = [cells_of(lat, lon, resolution)]
        for rings in _polygons(outlines):
            if _extent_km2(rings) / h3.average_hexagon_area(resolution, "km^2") > MOST_CELLS:
                raise AreaError(f"the area has more than {MOST_CELLS:,} cells of resolution {resolution}")
            outer, *holes = ([(at[1], at[0]) for at in ring] for ring in rings)
            try:
                found.append(h3.h3shape_to_cells(h3.LatLngPoly(outer, *holes), resolution))
            except (h3_failed, ValueError) as fault:
                raise AreaError("the outline is no polygon that can be filled with cells") from fault
        if len(found) == 1:
            raise AreaError("the outline has no polygon")
        return cls._of(np.unique(np.concatenate(found)), resolution, POLYGONS, None)

    @classmethod
    def around(cls, lat: Floats, lon: Floats, km: float = AROUND_KM, resolution: int = RESOLUTION) -> Grid:
        """The cells with their centre within `km` of any position, or a position in them; none without positions.

        Raises AreaError where the cells would be too many.
        """
        import h3.api.numpy_int as h3
        from scipy.spatial import cKDTree

        own = cells_of(lat, lon, resolution)
        spacing = math.sqrt(2 / math.sqrt(3) * h3.average_hexagon_area(resolution, "km^2"))
        rows = math.ceil(km / (spacing * _NEAREST))
        near: set[int] = set()
        for cell in own.tolist():
            near.update(h3.grid_disk(cell, rows).tolist())
            if len(near) > MOST_CELLS:
                raise AreaError(f"the area has more than {MOST_CELLS:,} cells of resolution {resolution}")
        wanted = np.array(sorted(near), np.uint64)
        if len(wanted):
            placed = ~np.isnan(lat)
            off, _ = cKDTree(unit(lat[placed], lon[placed])).query(unit(*_centres(wanted)))
            wanted = np.unique(np.concatenate((own, wanted[off <= _chord(km)])))
        return cls._of(wanted, resolution, AROUND, km)

    @classmethod
    def _of(cls, cells: Cells, resolution: int, made: str, reach_km: float | None) -> Grid:
        import h3.api.numpy_int as h3

        if len(cells) > MOST_CELLS:
            raise AreaError(f"the area has more than {MOST_CELLS:,} cells of resolution {resolution}")
        lat, lon = _centres(cells)
        area = np.array([h3.cell_area(cell, "km^2") for cell in cells.tolist()], np.float64)
        return cls(resolution, cells.astype(np.uint64), lat, lon, area, made, reach_km)

    def __len__(self) -> int:
        return len(self.cells)

    def number(self, lat: Floats, lon: Floats) -> Ints:
        """For each position the number of its cell; -1 outside the area, or where there is no position."""
        at = np.full(len(lat), -1, np.int64)
        placed = np.flatnonzero(~np.isnan(lat))
        both = np.stack((lat[placed], lon[placed]), axis=-1)
        places, which = np.unique(both, axis=0, return_inverse=True)
        at[placed] = self.find(cells_each(places, self.resolution))[which.ravel()]
        return at

    def find(self, cells: Cells) -> Ints:
        """The numbers of cells of this resolution; -1 for one that is not of the area."""
        return find(self.cells, cells)

    def kernel(self, sigma_km: float) -> Any:
        """A sparse matrix (CSR, m by m) that spreads counts: `kernel @ counts` has in each cell what reaches it.

        A Gaussian of the distance between centres, weighted by the area of the cell that it reaches, and 0 beyond
        four sigma. Each column sums to 1: nothing leaves the area. Made once for each sigma.
        """
        if sigma_km not in self._kernels:
            self._kernels[sigma_km] = self._spread(sigma_km)
        return self._kernels[sigma_km]

    def _spread(self, sigma_km: float) -> Any:
        from scipy import sparse
        from scipy.spatial import cKDTree

        if not sigma_km > 0:
            raise ValueError("a kernel is wider than 0 km")
        size = len(self)
        if not size:
            return sparse.csr_matrix((0, 0))
        centres = unit(self.lat, self.lon)
        pairs = cKDTree(centres).query_pairs(_chord(REACH * sigma_km), output_type="ndarray")
        apart = np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1)
        km = 2 * EARTH_KM * np.arcsin(np.minimum(apart / 2, 1.0))
        near = np.exp(-(km**2) / (2 * sigma_km**2))
        own = np.arange(size)
        to = np.concatenate((pairs[:, 0], pairs[:, 1], own))
        source = np.concatenate((pairs[:, 1], pairs[:, 0], own))
        weight = np.concatenate((near, near, np.ones(size))) * self.area_km2[to]
        weight /= np.bincount(source, weights=weight, minlength=size)[source]
        spread = sparse.csr_matrix((weight, (to, source)), shape=(size, size))
        spread.sort_indices()
        return spread


def find(cells: Cells, wanted: Cells) -> Ints:
    """Where each of `wanted` is in the ascending `cells`; -1 where it is not."""
    if not len(cells):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(cells, wanted), len(cells) - 1)
    return np.where(cells[at] == wanted, at, -1)


def cells_of(lat: Floats, lon: Floats, resolution: int = RESOLUTION) -> Cells:
    """The cells in which positions lie, each once, ascending; NaN is no position."""
    placed = ~np.isnan(lat)
    places = np.unique(np.stack((lat[placed], lon[placed]), axis=-1), axis=0)
    return np.unique(cells_each(places, resolution))


def unit(lat: Floats, lon: Floats) -> Floats:
    """Positions as unit vectors, (n, 3)."""
    up, across = np.radians(lat), np.radians(lon)
    found: Floats = np.stack((np.cos(up) * np.cos(across), np.cos(up) * np.sin(across), np.sin(up)), axis=-1)
    return found


def _chord(km: float) -> float:
    return 2 * math.sin(min(km / EARTH_KM, math.pi) / 2)


def cells_each(places: Floats, resolution: int) -> Cells:
    """The cell of each (latitude, longitude), (n, 2)."""
    import h3.api.numpy_int as h3

    return np.array([h3.latlng_to_cell(lat, lon, resolution) for lat, lon in places.tolist()], np.uint64)


def _centres(cells: Cells) -> tuple[Floats, Floats]:
    import h3.api.numpy_int as h3

    found = np.array([h3.cell_to_latlng(cell) for cell in cells.tolist()], np.float64).reshape(-1, 2)
    return found[:, 0].copy(), found[:, 1].copy()


def _polygons(outlines: Iterable[Any]) -> list[list[Ring]]:
    """Every polygon as its rings, checked; a Mapping is GeoJSON."""
    found: list[list[Ring]] = []
    for outline in outlines:
        found += _of_geojson(outline) if isinstance(outline, Mapping) else [_checked(outline)]
    if sum(len(ring) for rings in found for ring in rings) > MOST_CORNERS:
        raise AreaError(f"the outline has more than {MOST_CORNERS:,} corners")
    return found


def _of_geojson(told: Mapping[str, Any]) -> list[list[Ring]]:
    match told.get("type"):
        case "FeatureCollection":
            return _polygons(_listed(told.get("features")))
        case "Feature":
            inside = told.get("geometry")
            return _of_geojson(inside) if isinstance(inside, Mapping) else []
        case "GeometryCollection":
            return _polygons(_listed(told.get("geometries")))
        case "Polygon":
            return [_checked(told.get("coordinates"))]
        case "MultiPolygon":
            return [_checked(rings) for rings in _listed(told.get("coordinates"))]
        case _:
            raise AreaError("an outline is made of polygons")


def _listed(told: Any) -> list[Any]:
    if not isinstance(told, list | tuple):
        raise AreaError("an outline is made of polygons")
    return list(told)


def _checked(rings: Any) -> list[Ring]:
    listed: list[Ring] = [_listed(ring) for ring in _listed(rings)]
    if not listed or any(len(ring) < 3 for ring in listed):
        raise AreaError("a ring has at least three corners")
    for ring in listed:
        for corner in ring:
            fits = isinstance(corner, list | tuple) and len(corner) >= 2
            if not fits or not all(isinstance(each, int | float) for each in corner[:2]):
                raise AreaError("a corner is [longitude, latitude]")
            if not (abs(corner[0]) <= 180 and abs(corner[1]) <= 90):
                raise AreaError("a corner is a longitude from -180 to 180 and a latitude from -90 to 90")
    return listed


def _extent_km2(rings: list[Ring]) -> float:
    """About how large the outer ring is, by the trapezoids under its sides on a cylinder of equal area."""
    corners = np.radians(np.array([corner[:2] for corner in rings[0]], np.float64))
    east, north = corners[:, 0], np.sin(corners[:, 1])
    twice = east * np.roll(north, -1) - np.roll(east, -1) * north
    return float(abs(twice.sum()) / 2 * EARTH_KM**2)
