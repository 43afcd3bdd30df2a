"""How much of the incidents lies in how little of the area: the curve, and one number that few events do not mislead.

With fewer events than places even the most equal spread leaves places empty, and Lorenz's curve and Gini's coefficient
call that concentration. Bernasco and Steenbeek (2017), "More Places than Crimes: Implications for Evaluating the Law
of Crime Concentration at Place", Journal of Quantitative Criminology 33, measure against the most equal spread that so
many events allow: 0 where each event has a place of its own. Where there are as many places as events or more, the
number does not depend on how many empty ones are counted in. So as many are counted in here, and no border of the area
has to be chosen; counting only places that were hit would call it no concentration if all events lay in one. Shares of
area are shares of the cells that were hit at least once in the period, in H3's cells of resolution 5 (about 250 km2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from safeconduct.risk.events import SURE_OF_PLACE, Events, Floats, Ints

RESOLUTION = 5
SHARES = (0.25, 0.5, 0.8)


@dataclass(frozen=True)
class Point:
    """The fewest cells that together hold this share of the events: how many they are, of how many km2."""

    share: float
    cells: int
    area_km2: float


@dataclass(frozen=True, eq=False)
class Concentration:
    """`curve`: (share of the cells that were hit, share of the events), from (0, 0) to (1, 1), the fullest cell first.
    `gini`: Bernasco and Steenbeek's, over as many places as events: 0 if no cell was hit twice, 1 - 1/n if all of n
    events lie in one cell; None without an event. `area_km2`: of all cells that were hit."""

    events: int
    cells: int
    area_km2: float
    gini: float | None
    curve: tuple[tuple[float, float], ...]
    points: tuple[Point, ...]


def concentration(events: Events, resolution: int = RESOLUTION) -> Concentration:
    """Of the events whose place is known to within about 25 km."""
    used = events.where(~np.isnan(events.lat) & (events.place <= SURE_OF_PLACE))
    cells, counts = cells_of(used.lat, used.lon, resolution)
    return of_counts(counts, areas(cells))


def of_counts(counts: Ints, area_km2: Floats) -> Concentration:
    """From the events in each cell that was hit, and its area. Raises ValueError where a cell was not hit."""
    if len(counts) != len(area_km2) or bool((counts < 1).any()):
        raise ValueError("each cell has its area and at least one event")
    if not len(counts):
        return Concentration(0, 0, 0.0, None, ((0.0, 0.0),), ())
    # Of equally full cells the smaller first, so that the same events give the same curve.
    order = np.lexsort((area_km2, -counts))
    held, area = np.cumsum(counts[order]), np.cumsum(area_km2[order])
    events = int(held[-1])
    points = []
    for share in SHARES:
        last = int(np.searchsorted(held, share * events, side="left"))
        points.append(Point(share, last + 1, float(area[last])))
    across = np.arange(1, len(counts) + 1) / len(counts)
    curve = ((0.0, 0.0), *zip(across.tolist(), (held / events).tolist(), strict=True))
    places = np.concatenate((counts, np.zeros(events - len(counts), np.int64)))
    return Concentration(events, len(counts), float(area[-1]), gini(places), curve, tuple(points))


def gini(counts: Ints) -> float | None:
    """Gini's coefficient of counts by place against the most equal spread that so many events allow.

    From 0 (each event has its own place, or each place as many) to 1 - 1/n of n places, or of n events if they are
    fewer. None without an event.
    """
    places, events = len(counts), int(counts.sum())
    if not events:
        return None
    shares = np.sort(counts) / events
    ranked = 2 * float(np.arange(1, places + 1) @ shares) - places - 1
    return max(1 / events, 1 / places) * ranked - max(places / events, 1.0) + 1.0


def cells_of(lat: Floats, lon: Floats, resolution: int) -> tuple[Sequence[str], Ints]:
    """The H3 cells that hold these positions, and how many each; each place is looked up once."""
    import h3

    if not len(lat):
        return [], np.zeros(0, np.int64)
    places, counts = np.unique(np.c_[lat, lon], axis=0, return_counts=True)
    names = [h3.latlng_to_cell(each[0], each[1], resolution) for each in places.tolist()]
    cells, which = np.unique(np.array(names), return_inverse=True)
    return cells.tolist(), np.bincount(which, weights=counts).astype(np.int64)


def areas(cells: Sequence[str]) -> Floats:
    """The area of each cell, km2."""
    import h3

    return np.array([h3.cell_area(cell, unit="km^2") for cell in cells], np.float64)
