"""What a route passes: towns in order, and the areas it crosses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from safeconduct.geo.areas import AreaMap
from safeconduct.geo.places import Place, Places
from safeconduct.geo.sphere import Vectors, normals, pieces, segment_distances, separations, vectors

REACH = {"city": 6_000.0, "town": 3_000.0, "village": 700.0}
"""Metres from a route within which a place counts as passed."""
_CELL = 0.1
_STEP = 3_000.0


@dataclass(frozen=True)
class Passed:
    """Towns passed, in order, and areas crossed, in order.

    `areas_by` says how the areas are known: `areas` by the polygons of the operator's areas file, exactly;
    `towns` by the districts of the towns passed, so that a district without a town on the way is missing; empty
    where neither is known.
    """

    towns: tuple[Place, ...] = ()
    areas: tuple[str, ...] = ()
    areas_by: str = ""


class TownIndex:
    """The towns of a network, to be found along a line."""

    def __init__(self, places: Places) -> None:
        self._places = places.all
        self._cells: dict[tuple[int, int], list[int]] = {}
        for number, place in enumerate(self._places):
            self._cells.setdefault(_cell(place.lat, place.lon), []).append(number)

    def passed(self, course: Vectors) -> list[Place]:
        """Towns within reach of a line of unit vectors, in the order in which it passes them."""
        if len(course) < 2 or not self._places:
            return []
        starts, ends, _ = pieces(course[:-1], course[1:], _STEP)
        along = np.concatenate(([0.0], np.cumsum(separations(starts, ends))))
        lats = np.degrees(np.arctan2(starts[:, 2], np.hypot(starts[:, 0], starts[:, 1])))
        lons = np.degrees(np.arctan2(starts[:, 1], starts[:, 0]))
        cells = {_cell(lat, lon) for lat, lon in zip(lats.tolist(), lons.tolist(), strict=True)}
        reach = {key for cell in cells for key in _around(*cell)}
        normal = normals(starts, ends)
        found = []
        for number in {n for key in reach for n in self._cells.get(key, ())}:
            place = self._places[number]
            at = vectors(place.lat, place.lon)
            off = segment_distances(at, starts, ends, normal)
            nearest = int(np.argmin(off))
            if off[nearest] <= REACH.get(place.kind, 0.0):
                found.append((along[nearest] + float(separations(starts[nearest], at)), place.name, place))
        return [place for _, _, place in sorted(found, key=lambda f: f[:2])]


def passed_on(coordinates: Sequence[tuple[float, float]], towns: TownIndex, areas: AreaMap | None) -> Passed:
    """What a line of `[longitude, latitude]` passes."""
    lons, lats = zip(*coordinates, strict=True)
    places = tuple(towns.passed(vectors(lats, lons)))
    if areas is not None:
        return Passed(places, tuple(dict.fromkeys(a.name for a in areas.crossed(coordinates))), "areas")
    districts = tuple(dict.fromkeys(d for d, _ in groupby(p.district for p in places) if d))
    return Passed(places, districts, "towns" if districts else "")


def _cell(lat: float, lon: float) -> tuple[int, int]:
    return int(lat // _CELL), int(lon // _CELL) % round(360 / _CELL)


def _around(row: int, column: int) -> list[tuple[int, int]]:
    columns = round(360 / _CELL)
    return [(row + r, (column + c) % columns) for r in (-1, 0, 1) for c in (-1, 0, 1)]
