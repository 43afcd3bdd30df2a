"""The cells of a forecast as the page shows them: the foremost ones in a table, and a map of three classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from safeconduct.assessment.forecast_made import Made
from safeconduct.geo.atlas import Atlas
from safeconduct.geo.places import Place
from safeconduct.geo.sphere import Point
from safeconduct.records import here
from safeconduct.risk.events import Floats
from safeconduct.risk.grid import EARTH_KM, unit
from safeconduct.risk.interval import interval
from safeconduct.risk.scores import foremost

TOP = 20
CLASSES = (0.01, 0.05, 0.10)
"""Shares of the area: each cell of the map is in the first of these that holds half of it or more."""
FARTHEST_KM = 100.0


@dataclass(frozen=True)
class Row:
    """One cell: its place in the order of each method (1 the foremost; None without the other method)."""

    number: int
    cell: str
    latitude: float
    longitude: float
    place: str
    district: str
    km: int | None
    rank: int
    expected: float
    low: float
    high: float
    other_rank: int | None
    option: float | None
    option_low: float | None
    option_high: float | None
    year: int
    ever: int

    @property
    def ends(self) -> tuple[str, str]:
        return figures(self.low, self.high)

    @property
    def option_ends(self) -> tuple[str, str]:
        return figures(self.option_low or 0.0, self.option_high or 0.0)


def figures(low: float, high: float, digits: int = 3) -> tuple[str, str]:
    """Both ends of an interval as they are shown."""
    return f"{low:.{digits}f}", f"{high:.{digits}f}"


def order(made: Made, numbers: Floats) -> Any:
    """The cells from most expected per km2 to least, by number."""
    return np.argsort(-numbers / made.grid.area_km2, kind="stable")


def rows(made: Made, option: Floats | None, language: str, top: int = TOP) -> list[Row]:
    """The foremost cells of the standard forecast, and those of the other one that are not among them."""
    ranks = _ranks(order(made, made.numbers))
    others = None if option is None else _ranks(order(made, option))
    chosen = np.flatnonzero(ranks <= top)
    if others is not None:
        chosen = np.union1d(chosen, np.flatnonzero(others <= top))
    chosen = chosen[made.numbers[chosen] > 0] if option is None else chosen
    chosen = chosen[np.argsort(ranks[chosen], kind="stable")]
    low, high = interval(made.numbers, made.asked.days)
    ends = None if option is None else interval(option, made.asked.days)
    named = Nearby(made, language)
    found = []
    for number in chosen.tolist():
        place, km = named.town(number)
        found.append(
            Row(
                number=number,
                cell=f"{int(made.grid.cells[number]):x}",
                latitude=round(float(made.grid.lat[number]), 4),
                longitude=round(float(made.grid.lon[number]), 4),
                place=place,
                district=named.district(number),
                km=km,
                rank=int(ranks[number]),
                expected=float(made.numbers[number]),
                low=float(low[number]),
                high=float(high[number]),
                other_rank=None if others is None else int(others[number]),
                option=None if option is None else float(option[number]),
                option_low=None if ends is None else float(ends[0][number]),
                option_high=None if ends is None else float(ends[1][number]),
                year=int(made.year[number]),
                ever=int(made.ever[number]),
            )
        )
    return found


def _ranks(ordered: Any) -> Any:
    found = np.empty(len(ordered), np.int64)
    found[ordered] = np.arange(1, len(ordered) + 1)
    return found


class Nearby:
    """The town nearest to a cell, and the district that incidents in it name."""

    def __init__(self, made: Made, language: str) -> None:
        from scipy.spatial import cKDTree

        self._language, self._made = language, made
        self._towns: list[Place] = Atlas.load(here.home().path).places.all
        self._areas = Atlas.load(here.home().path).areas
        self._tree = None
        if self._towns:
            at = np.array([(town.lat, town.lon) for town in self._towns], np.float64)
            self._tree = cKDTree(unit(at[:, 0], at[:, 1]))
        said = made.known.names.get("district")
        self._districts: dict[int, Counter[str]] = {}
        for cell, name in zip(made.cell.tolist(), said.tolist() if said is not None else [], strict=False):
            if name:
                self._districts.setdefault(cell, Counter())[name] += 1

    def town(self, number: int) -> tuple[str, int | None]:
        """Its name and how many kilometres it is from the cell's centre; "" where none is near."""
        if self._tree is None:
            return "", None
        grid = self._made.grid
        off, which = self._tree.query(unit(grid.lat[number : number + 1], grid.lon[number : number + 1]))
        km = 2 * EARTH_KM * float(np.arcsin(min(float(off[0]) / 2, 1.0)))
        return (
            ("", None) if km > FARTHEST_KM else (self._towns[int(which[0])].named(self._language), round(km))
        )

    def district(self, number: int) -> str:
        told = self._districts.get(number)
        if told:
            return max(sorted(told), key=told.__getitem__)
        if self._areas is None:
            return ""
        grid = self._made.grid
        within = self._areas.at(Point(float(grid.lat[number]), float(grid.lon[number])))
        return within[0].named(self._language) if within else ""


def drawn(made: Made, numbers: Floats, words: Mapping[int, str]) -> dict[str, Any]:
    """The cells of the foremost tenth of the area as GeoJSON polygons, each with its class (0 the foremost)."""
    import h3.api.numpy_int as h3

    kind = np.full(len(made.grid), len(CLASSES), np.int64)
    for position in reversed(range(len(CLASSES))):
        inside = foremost(numbers, made.grid.area_km2, CLASSES[position])
        kind[(inside >= 0.5) & (numbers > 0)] = position
    features = []
    for number in np.flatnonzero(kind < len(CLASSES)).tolist():
        cell = int(made.grid.cells[number])
        ring = [[round(lon, 4), round(lat, 4)] for lat, lon in h3.cell_to_boundary(cell)]
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
                "properties": {
                    "id": f"{cell:x}",
                    "title": words[int(kind[number])],
                    "class": int(kind[number]),
                    "expected": round(float(numbers[number]), 3),
                    "year": int(made.year[number]),
                },
            }
        )
    return {"type": "FeatureCollection", "features": features}
