"""Ways from one place to another, each with what it is exposed to: candidates of the road graph, and their figures.

Candidates are the quickest way, alternatives that differ from it, and ways that trade time against expected events.
None is longer than the asked limit of the quickest one's time. They are told in the order of their time: their figures
are compared with the quickest one's, and they are not ranked, since a figure that chance alone explains makes no order.

Where no incident was ever near, nothing is known: the field has there what is laid evenly over the area. So that a way
is not called lower for leading through such country, a comparison must say the same when that country is given the mean
rate of all the area instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from safeconduct.geo.routing import LONGER, RoadGraph, Route
from safeconduct.geo.sphere import segment_distances, vectors
from safeconduct.risk.comparing import Comparison, compare, in_both
from safeconduct.risk.events import Bools, Events, Floats, Ints
from safeconduct.risk.grid import Cells, Grid
from safeconduct.risk.passage import Exposure, Halt, Nearness, expected, exposure
from safeconduct.risk.road_exposure import RoadExposure
from safeconduct.risk.standard import STANDARD, RateField, rate_field
from safeconduct.risk.week_bootstrap import DRAWS, SEED, Interval, weeks_drawn

REACHED_KM = 10.0
"""From a way within which a halt is made on it."""
_AT_ONCE = 50
"""Draws for which weights of all events are held at a time."""


@dataclass(frozen=True, eq=False)
class Past:
    """What incidents before the day `until` say of rates: one field, and `draws` more with weeks drawn again.

    `chosen`: the numbers, among the events given, of those known well enough in place and time to count. `newest`: the
    day of the newest of them, None without any.
    """

    until: int
    grid: Grid
    chosen: Ints
    cell: Ints
    day: Ints
    plain: RateField
    drawn: RateField
    seed: int

    @classmethod
    def of(cls, events: Events, until: int, draws: int = DRAWS, seed: int = SEED) -> Past:
        """Raises AreaError where the incidents lie in more cells than can be reckoned with."""
        sure = np.flatnonzero(events.sure & (events.day < until))
        lat, lon, day = events.lat[sure], events.lon[sure], events.day[sure]
        grid = Grid.around(lat, lon)
        cell = grid.number(lat, lon)
        plain = rate_field(grid, cell, day, until)
        weeks, week = weeks_drawn(day, until, draws, seed)
        some = [
            rate_field(grid, cell, day, until, weights=weeks[first : first + _AT_ONCE][:, week])
            for first in range(0, draws, _AT_ONCE)
        ]
        drawn = replace(
            plain,
            rate=np.concatenate([each.rate for each in some]),
            elsewhere=np.concatenate([each.elsewhere for each in some]),
        )
        return cls(until, grid, sure, cell, day, plain, drawn, seed)

    @property
    def newest(self) -> int | None:
        return int(self.day[-1]) if len(self.day) else None

    def rates(self, cells: Cells) -> tuple[Floats, Floats, Floats, Bools]:
        """In cells: the rates, those of the draws, the mean rates of the area by draw, and which cells are of it."""
        rates, number = self.plain.at(cells)
        drawn, _ = self.drawn.at(cells)
        area = self.grid.area_km2
        means = self.drawn.rate @ area / (area.sum() or 1.0)
        return rates, drawn, means, number >= 0

    def within(self, cells: Cells) -> Ints:
        """The numbers, among the events given, of incidents of the last 365 days in these cells, the newest first."""
        at = self.grid.find(cells)
        late = self.day >= self.until - STANDARD.window
        return self.chosen[late & np.isin(self.cell, at[at >= 0])][::-1]


@dataclass(frozen=True)
class Asked:
    """From where to where, as (latitude, longitude); what counts as near; halts; how much longer than the quickest."""

    origin: tuple[float, float]
    destination: tuple[float, float]
    near: Nearness
    halts: tuple[Halt, ...] = ()
    longest: float = LONGER


@dataclass(frozen=True, eq=False)
class Way:
    """A way and its figures. `events`: R with its interval. `year`, `ever`: incidents in the cells passed, of the last
    365 days and of all time. `beyond_km`: kilometres where no incident was ever near, of which nothing is known.
    `halts`: the numbers of the halts that lie on it. `against`: compared with the quickest, None for that itself.
    """

    route: Route
    exposed: Exposure
    events: Interval
    year: int
    ever: int
    beyond_km: float
    halts: tuple[int, ...]
    against: Comparison | None = None
    drawn: Floats = field(default_factory=lambda: np.empty(0), repr=False)
    drawn_mean: Floats = field(default_factory=lambda: np.empty(0), repr=False)


@dataclass(frozen=True)
class Part:
    """What a way has in one cell: its centre in degrees, kilometres, R, and the incidents in the cell."""

    lat: float
    lon: float
    km: float
    events: float
    year: int
    ever: int


def by_cell(way: Way, past: Past, near: Nearness) -> list[Part]:
    """The cells of a way, those with the most expected events first; together they have all of its R."""
    from h3.api.basic_int import cell_to_latlng

    rates, number = past.plain.at(way.exposed.cells)
    events = rates * way.exposed.swept(near)
    found = []
    for n in np.argsort(-events, kind="stable").tolist():
        lat, lon = cell_to_latlng(int(way.exposed.cells[n]))
        at = int(number[n])
        year, ever = (int(past.plain.year[at]), int(past.plain.ever[at])) if at >= 0 else (0, 0)
        found.append(Part(lat, lon, float(way.exposed.km[n]), float(events[n]), year, ever))
    return found


def ways(graph: RoadGraph, roads: RoadExposure, past: Past, asked: Asked, alternatives: int = 3) -> list[Way]:
    """The ways there are, the quickest first and the others by time. Raises as `RoadGraph.options` does."""
    rates, _ = past.plain.at(roads.cells)
    burden = roads.expected(rates, asked.near)
    found = graph.options(asked.origin, asked.destination, burden, alternatives, asked.longest)
    quickest = assessed(found[0], past, asked)
    return [quickest, *(assessed(route, past, asked, quickest) for route in found[1:])]


def assessed(route: Route, past: Past, asked: Asked, quickest: Way | None = None) -> Way:
    """The figures of one way, compared with another where one is given."""
    on_it = halts_on(route.coordinates, asked.halts)
    exposed = exposure(route.coordinates, route.reached_m, [asked.halts[number] for number in on_it])
    rates, by_draw, means, known = past.rates(exposed.cells)
    value = float(expected(exposed, rates, asked.near))
    drawn = np.asarray(expected(exposed, by_draw, asked.near), np.float64)
    averaged = np.where(known, by_draw, means[:, None])
    drawn_mean = np.asarray(expected(exposed, averaged, asked.near), np.float64)
    number = past.grid.find(exposed.cells)[known]
    year = int(past.plain.year[number].sum())
    against = None
    if quickest is not None:
        totals, events = (value, quickest.events.value), (year, quickest.year)
        against = in_both(
            compare(*totals, drawn, quickest.drawn, events),
            compare(*totals, drawn_mean, quickest.drawn_mean, events),
        )
    return Way(
        route=route,
        exposed=exposed,
        events=Interval.of(value, drawn),
        year=year,
        ever=int(past.plain.ever[number].sum()),
        beyond_km=float(exposed.km[~known].sum()),
        halts=on_it,
        against=against,
        drawn=drawn,
        drawn_mean=drawn_mean,
    )


def halts_on(course: Sequence[tuple[float, float]], halts: Sequence[Halt]) -> tuple[int, ...]:
    """The numbers of the halts that lie within 10 km of a way along (longitude, latitude)."""
    if not halts or len(course) < 2:
        return ()
    lons, lats = zip(*course, strict=True)
    line = vectors(lats, lons)
    found = []
    for number, halt in enumerate(halts):
        off = segment_distances(vectors(halt.lat, halt.lon), line[:-1], line[1:])
        if float(off.min()) <= REACHED_KM * 1000:
            found.append(number)
    return tuple(found)
