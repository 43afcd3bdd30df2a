"""Cells against H3 asked one by one, kernels against sums over every pair."""

from __future__ import annotations

import math
from typing import Any

import h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.areas import NOWHERE, SQUARE, square
from safeconduct.risk import grid as grids
from safeconduct.risk.grid import AreaError, Grid


def apart_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    a, b = (tuple(math.radians(each) for each in place) for place in (one, other))
    half = (
        math.sin((b[0] - a[0]) / 2) ** 2 + math.cos(a[0]) * math.cos(b[0]) * math.sin((b[1] - a[1]) / 2) ** 2
    )
    return 2 * grids.EARTH_KM * math.asin(math.sqrt(half))


def test_cells_are_those_whose_centre_lies_in_the_outline() -> None:
    made = square()
    named = {h3.int_to_str(int(cell)) for cell in made.cells}
    middle = h3.latlng_to_cell(28.75, 66.75, 5)
    inside = {
        cell
        for cell in h3.grid_disk(middle, 12)
        if 28.0 <= h3.cell_to_latlng(cell)[0] <= 29.5 and 66.0 <= h3.cell_to_latlng(cell)[1] <= 67.5
    }
    assert named == inside
    assert made.cells.dtype == np.uint64
    assert (np.diff(made.cells.astype(object)) > 0).all()
    assert made.area_km2.sum() == pytest.approx(sum(h3.cell_area(cell) for cell in inside))


def test_a_cell_with_an_incident_belongs_to_the_area_wherever_it_is() -> None:
    far = np.array([24.9, np.nan]), np.array([62.2, np.nan])
    made = Grid.over([SQUARE], *far)
    assert len(made) == len(square()) + 1
    assert made.number(*far).tolist() == [
        made.cells.tolist().index(h3.str_to_int(h3.latlng_to_cell(24.9, 62.2, 5))),
        -1,
    ]
    assert square().number(*far).tolist() == [-1, -1]


@pytest.mark.parametrize(
    "kind", ["MultiPolygon", "Feature", "FeatureCollection", "GeometryCollection", "rings"]
)
def test_outlines_come_in_every_form_of_geojson(kind: str) -> None:
    rings = SQUARE["coordinates"]
    told: dict[str, Any] = {
        "MultiPolygon": {"type": kind, "coordinates": [rings]},
        "Feature": {"type": kind, "geometry": SQUARE, "properties": {}},
        "FeatureCollection": {"type": kind, "features": [{"type": "Feature", "geometry": SQUARE}]},
        "GeometryCollection": {"type": kind, "geometries": [SQUARE]},
        "rings": rings,
    }
    assert Grid.over([told[kind]], NOWHERE, NOWHERE).cells.tolist() == square().cells.tolist()


def test_a_hole_is_left_out() -> None:
    hole = [[66.5, 28.5], [67.0, 28.5], [67.0, 29.0], [66.5, 29.0], [66.5, 28.5]]
    made = Grid.over([[SQUARE["coordinates"][0], hole]], NOWHERE, NOWHERE)
    left = set(square().cells.tolist()) - set(made.cells.tolist())
    assert left == set(Grid.over([[hole]], NOWHERE, NOWHERE).cells.tolist())


@pytest.mark.parametrize(
    "told",
    [
        {"type": "Point", "coordinates": [66, 28]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[66, 28], [67, 28]]]},
        {"type": "Polygon", "coordinates": [[[66, 28], [67, 28], [67, "29"]]]},
        {"type": "Polygon", "coordinates": [[[66, 28], [67, 28], [67, 290]]]},
        {"type": "Polygon", "coordinates": [[[66, 28], [67, 28], [67, float("nan")]]]},
        {"type": "Polygon", "coordinates": 7},
        {"type": "FeatureCollection", "features": None},
        {"type": "Feature", "geometry": None},
        {},
        [[66, 28]],
    ],
)
def test_what_is_no_outline_is_refused(told: Any) -> None:
    with pytest.raises(AreaError):
        Grid.over([told], NOWHERE, NOWHERE)


def test_an_area_with_too_many_cells_is_refused_before_they_are_made() -> None:
    half_the_world = [[[-179, -80], [0, -80], [0, 80], [-179, 80]]]
    with pytest.raises(AreaError, match="more than 100,000 cells"):
        Grid.over([half_the_world], NOWHERE, NOWHERE)


def test_around_incidents_are_the_cells_within_so_many_kilometres() -> None:
    lat, lon = np.array([28.6, 28.6, np.nan]), np.array([66.6, 66.6, np.nan])
    made = Grid.around(lat, lon, km=40)
    asked = [
        cell
        for cell in h3.grid_disk(h3.latlng_to_cell(28.6, 66.6, 5), 8)
        if apart_km(h3.cell_to_latlng(cell), (28.6, 66.6)) <= 40
    ]
    assert {h3.int_to_str(int(cell)) for cell in made.cells} == set(asked)
    assert (made.made, made.reach_km) == ("around", 40)
    assert len(Grid.around(NOWHERE, NOWHERE)) == 0


@given(sigma=st.floats(4, 40), seed=st.integers(0, 9))
def test_a_kernel_is_the_sum_over_every_pair(sigma: float, seed: int) -> None:
    made = square()
    counts = np.random.default_rng(seed).poisson(0.3, len(made)).astype(float)
    places = list(zip(made.lat.tolist(), made.lon.tolist(), strict=True))
    summed = np.zeros(len(made))
    for source in np.flatnonzero(counts).tolist():
        km = np.array([apart_km(places[source], each) for each in places])
        near = np.where(km <= grids.REACH * sigma, np.exp(-(km**2) / (2 * sigma**2)), 0) * made.area_km2
        summed += counts[source] * near / near.sum()
    assert made.kernel(sigma) @ counts == pytest.approx(summed, abs=1e-9)
    assert (made.kernel(sigma) @ counts).sum() == pytest.approx(counts.sum())
    assert made.kernel(sigma) is made.kernel(sigma)
