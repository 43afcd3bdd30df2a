"""Incidents as arrays: when and where each was, how surely that is known, and what it is grouped by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Texts: TypeAlias = npt.NDArray[np.str_]

SURE_OF_PLACE, SURE_OF_DAY = 2, 2
"""What is counted by cell and day: known to within about 25 km and six days, in UCDP's degrees of precision."""
EXACT = 1


@dataclass(frozen=True, eq=False)
class Events:
    """n incidents in the order of their days, each array of length n.

    `day`: whole days since 1970-01-01, as the report names the day. `lat`, `lon`: degrees; NaN where the place has no
    position. `place`, `time`: UCDP's precision of place (1 exact, 2 within about 25 km, 3 district, 4 province,
    5 linear or fuzzy, 6 country, 7 sea or air) and of time (1 the day, 2 two to six days, 3 the week, 4 the month,
    5 longer). `names`: for each way of grouping ("province", "district", "category", ...) a name, "" where unknown.
    """

    day: Ints
    lat: Floats
    lon: Floats
    place: Ints
    time: Ints
    names: Mapping[str, Texts]

    def __post_init__(self) -> None:
        lengths = {len(each) for each in (self.lat, self.lon, self.place, self.time, *self.names.values())}
        if lengths - {len(self.day)}:
            raise ValueError("every array has one entry for each event")
        if len(self.day) and bool((np.diff(self.day) < 0).any()):
            raise ValueError("events are in the order of their days")

    @classmethod
    def of(cls, rows: Iterable[tuple[int, float, float, int, int]], **names: Iterable[str]) -> Events:
        """From (day, latitude, longitude, precision of place, of time) in any order, names in the same one.

        Events of one day stay in the order in which they were given. Raises ValueError for a position that is none.
        """
        told = np.array(list(rows), np.float64).reshape(-1, 5)
        order = np.argsort(told[:, 0], kind="stable")
        told = told[order]
        lat, lon = told[:, 1], told[:, 2]
        if bool(
            (np.abs(lat) > 90).any() or (np.abs(lon) > 180).any() or (np.isnan(lat) != np.isnan(lon)).any()
        ):
            raise ValueError("a position is a latitude from -90 to 90 and a longitude from -180 to 180")
        grouped = {name: np.array(list(each), np.str_)[order] for name, each in names.items()}
        day, place, time = (told[:, column].astype(np.int64) for column in (0, 3, 4))
        return cls(day, lat.copy(), lon.copy(), place, time, grouped)

    def __len__(self) -> int:
        return len(self.day)

    def where(self, chosen: Any) -> Events:
        """Those that a mask, or numbers in ascending order, choose."""
        names = {name: each[chosen] for name, each in self.names.items()}
        return Events(
            self.day[chosen], self.lat[chosen], self.lon[chosen], self.place[chosen], self.time[chosen], names
        )

    def between(self, since: int, until: int) -> Events:
        """From the first day to before the last."""
        first, last = np.searchsorted(self.day, (since, until))
        return self.where(slice(first, max(first, last)))

    @property
    def sure(self) -> Bools:
        """Which are known well enough in place and time to be counted by cell and day."""
        found: Bools = ~np.isnan(self.lat) & (self.place <= SURE_OF_PLACE) & (self.time <= SURE_OF_DAY)
        return found
