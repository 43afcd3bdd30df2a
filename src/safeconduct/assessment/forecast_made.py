"""A forecast from what one reader may see: its basis, its cells, and what is known of each."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from safeconduct.agreement.policy import Subject
from safeconduct.assessment.seen import Seen, incidents_seen
from safeconduct.geo.areas import AreaMap
from safeconduct.geo.atlas import Atlas
from safeconduct.records import here
from safeconduct.risk.days import day_of
from safeconduct.risk.events import Events, Floats, Ints
from safeconduct.risk.grid import Grid
from safeconduct.risk.standard import STANDARD, expected, rate_field

HORIZONS = (7, 30)
LAG, SEED = 7, 0
STALE = 30
"""Days after which what is known is too old for a forecast of today."""
FEW = 30
"""Incidents in 365 days below which a forecast is said to rest on few."""
MOST_GRIDS = 4


@dataclass(frozen=True)
class Asked:
    """`origin`: the first day, None for the first that what is known is good for."""

    days: int = 7
    lag: int = LAG
    origin: int | None = None


@dataclass(frozen=True, eq=False)
class Made:
    """The standard forecast of `origin` to before `origin + days`, (m,) for the cells of `grid`.

    `known`: the incidents that it may use; `cell`: their cells. `today`, `newest`: days. `year`, `ever`: incidents of
    each cell. `digest` is the same for the same incidents, area and question.
    """

    seen: Seen
    asked: Asked
    origin: int
    today: int
    newest: int | None
    newest_party: str
    known: Events
    records: tuple[str, ...]
    outlines: Sequence[Any]
    grid: Grid
    cell: Ints
    numbers: Floats
    year: Ints
    ever: Ints
    digest: str

    @property
    def in_year(self) -> int:
        return int(self.year.sum())

    @property
    def few(self) -> bool:
        return self.in_year < FEW

    @property
    def age(self) -> int | None:
        """Days since the newest incident."""
        return None if self.newest is None else self.today - self.newest

    @property
    def stale(self) -> bool:
        return self.age is not None and self.age > STALE + self.asked.lag


def make(reader: Subject, asked: Asked, act: str = "read") -> Made:
    """From every incident that the reader may see; nothing from the origin less the lag on is used."""
    return made_of(incidents_seen(reader, act=act), asked, _today(), outlines())


def made_of(seen: Seen, asked: Asked, today: int, drawn: Outlines) -> Made:
    # A day that has not come is a slip of the pen: it must not make old data look new. A report's own day may be one
    # ahead of UTC's.
    sure = seen.events.sure & (seen.events.day <= today + 1)
    came = np.flatnonzero(sure)
    newest = int(seen.events.day[came[-1]]) if len(came) else None
    origin = asked.origin
    if origin is None:
        late = newest is not None and today - newest > STALE + asked.lag
        origin = newest + 1 + asked.lag if late and newest is not None else today
    usable = sure & (seen.events.day < origin - asked.lag)
    known = seen.events.where(usable)
    grid = _grid(known, drawn)
    cell = grid.number(known.lat, known.lon)
    numbers = expected(grid, cell, known.day, origin, asked.days, asked.lag)
    rates = rate_field(grid, cell, known.day, origin, asked.lag)
    parties = seen.events.names.get("party")
    return Made(
        seen=seen,
        asked=asked,
        origin=origin,
        today=today,
        newest=newest,
        newest_party=str(parties[came[-1]]) if parties is not None and len(came) else "",
        known=known,
        records=tuple(record for record, on in zip(seen.records, usable.tolist(), strict=True) if on),
        outlines=drawn.shapes,
        grid=grid,
        cell=cell,
        numbers=numbers,
        year=rates.year,
        ever=rates.ever,
        digest=_digest(known, grid, origin, asked),
    )


@dataclass(frozen=True)
class Outlines:
    """GeoJSON polygons, none where the area is made around incidents; `key` tells one set from another."""

    shapes: Sequence[Any] = ()
    key: str = ""


def outlines() -> Outlines:
    """The areas that the operator brought in; taken apart once for each file."""
    global _outlined
    areas = Atlas.load(here.home().path).areas
    if areas is None:
        return Outlines()
    if _outlined is None or _outlined[0] is not areas:
        shapes = [{"type": "MultiPolygon", "coordinates": each} for _, each in areas.outlines()]
        key = hashlib.sha256(json.dumps(shapes).encode()).hexdigest()
        _outlined = areas, Outlines(shapes, key)
    return _outlined[1]


_outlined: tuple[AreaMap, Outlines] | None = None


def window(made: Made) -> int:
    """The first of the 365 days that are counted."""
    return made.origin - made.asked.lag - STANDARD.window


def _today() -> int:
    return day_of(datetime.now(UTC).date())


def _digest(known: Events, grid: Grid, origin: int, asked: Asked) -> str:
    found = hashlib.sha256(repr((origin, asked.days, asked.lag, grid.made)).encode())
    for each in (known.day, known.lat, known.lon, known.place, known.time, grid.cells):
        found.update(each.tobytes())
    found.update("\n".join(known.names.get("province", np.zeros(0, np.str_)).tolist()).encode())
    return found.hexdigest()


_grids: OrderedDict[str, Grid] = OrderedDict()
_lock = threading.Lock()


def _grid(known: Events, drawn: Outlines) -> Grid:
    """The area's cells with their kernels, kept for as long as the places are the same."""
    key = hashlib.sha256(drawn.key.encode() + known.lat.tobytes() + known.lon.tobytes()).hexdigest()
    with _lock:
        if key in _grids:
            _grids.move_to_end(key)
            return _grids[key]
    shapes = drawn.shapes
    made = Grid.over(shapes, known.lat, known.lon) if shapes else Grid.around(known.lat, known.lon)
    with _lock:
        _grids[key] = made
        while len(_grids) > MOST_GRIDS:
            _grids.popitem(last=False)
    return made
