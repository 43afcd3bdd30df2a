"""The risk of a passage: closed forms by hand, a line cut exactly against a line sampled finely, and its laws."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.maps import SCHEMATIC, line, network
from safeconduct.geo.roads import read
from safeconduct.geo.routing import RoadGraph
from safeconduct.geo.sphere import EARTH_RADIUS, Point, distance, separations, vectors
from safeconduct.risk.passage import (
    Exposure,
    Halt,
    Nearness,
    cells_at,
    chance,
    cut,
    expected,
    exposure,
    one_in,
)
from safeconduct.risk.road_exposure import RoadExposure

LONGITUDES, LATITUDES = st.floats(65, 71), st.floats(27, 32)
COURSES = st.lists(st.tuples(LONGITUDES, LATITUDES), min_size=2, max_size=4)
NEAR = Nearness()


def sampled(a: tuple[float, float], b: tuple[float, float], count: int) -> np.ndarray:
    """The cells of so many positions along a great circle, evenly."""
    p, q = vectors(a[1], a[0]), vectors(b[1], b[0])
    arc = math.acos(min(1.0, float(p @ q))) or 1e-9
    share = (np.arange(count)[:, None] + 0.5) / count
    at = (np.sin((1 - share) * arc) * p + np.sin(share * arc) * q) / math.sin(arc)
    lats = np.degrees(np.arcsin(at[:, 2]))
    return cells_at(lats, np.degrees(np.arctan2(at[:, 1], at[:, 0])), 5)


def uniform(exposed: Exposure, rate: float = 1e-6) -> np.ndarray:
    return np.full(len(exposed.cells), rate)


def test_a_straight_road_under_one_rate_is_reckoned_by_hand() -> None:
    along = 100_000 / EARTH_RADIUS  # 100 km of a meridian, in radians
    road = exposure([(70.0, 30.0), (70.0, 30.0 + math.degrees(along))])
    # 2e-6 events/km2/day x 2 x 1 km x 100 km x 30/1440 day
    assert expected(road, uniform(road, 2e-6), NEAR) == pytest.approx(2e-6 * 2 * 100 * 30 / 1440, rel=1e-9)
    wide = Nearness(half_width_km=3, window_minutes=120, times=1.5)
    assert expected(road, uniform(road, 2e-6), wide) == pytest.approx(2e-6 * 6 * 100 / 12 * 1.5, rel=1e-9)


def test_a_halt_is_rate_by_area_by_dwell_and_adds_to_the_road() -> None:
    halt = Halt(30.0, 70.0, minutes=90, radius_km=2)
    alone = exposure([], halts=[halt])
    assert alone.kilometres == 0
    assert expected(alone, uniform(alone, 1e-5), NEAR) == pytest.approx(1e-5 * math.pi * 4 * 90 / 1440)
    course = [(69.9, 30.0), (70.1, 30.0)]
    road, both = exposure(course), exposure(course, halts=[halt])
    assert expected(both, uniform(both), NEAR) == pytest.approx(
        expected(road, uniform(road), NEAR) + expected(alone, uniform(alone), NEAR)
    )


@pytest.mark.parametrize(
    ("events", "one"),
    [(4e-5, 25_000), (3.96e-5, 25_000), (0.25, 5), (math.log(2), 2), (50.0, 1), (1e-13, 10**13)],
)
def test_a_chance_in_words(events: float, one: int) -> None:
    assert one_in(events) == one


def test_the_chance_of_a_tiny_and_of_a_large_risk() -> None:
    assert chance(1e-18) == pytest.approx(1e-18, rel=1e-12)
    assert chance(0.0) == 0 and one_in(0.0) is None
    assert chance(1.0) == pytest.approx(1 - 1 / math.e)
    assert chance(800.0) == 1.0
    assert chance(np.array([0.0, 1e-9])).tolist() == pytest.approx([0.0, 1e-9])


@given(course=COURSES)
@settings(max_examples=15, deadline=None)
def test_the_whole_length_lies_in_cells_and_agrees_with_fine_sampling(
    course: list[tuple[float, float]],
) -> None:
    road = exposure(course)
    line_ = vectors([lat for _, lat in course], [lon for lon, _ in course])
    assert road.kilometres == pytest.approx(float(separations(line_[:-1], line_[1:]).sum()) / 1000, rel=1e-9)
    fine: dict[int, float] = {}
    for a, b in pairwise(course):
        km = distance(Point(a[1], a[0]), Point(b[1], b[0])) / 1000
        count = max(1, math.ceil(km / 0.4))
        for cell in sampled(a, b, count).tolist():
            fine[cell] = fine.get(cell, 0.0) + km / count
    found = dict(zip(road.cells.tolist(), road.km.tolist(), strict=True))
    passes = len(course) - 1
    for cell in found.keys() | fine.keys():
        # a sample stands for 0.4 km: at each of two borders it may lie on the wrong side by half of that
        assert found.get(cell, 0.0) == pytest.approx(fine.get(cell, 0.0), abs=0.4 * passes + 0.01)


def test_borders_are_found_to_a_metre() -> None:
    a, b = vectors([30.0], [70.0]), vectors([31.0], [71.5])
    _, cells, km = cut(a, b)
    fine = sampled((70.0, 30.0), (71.5, 31.0), 200_000)
    whole = float(separations(a, b)[0]) / 1000
    for cell in np.unique(fine):
        assert km[cells == cell].sum() == pytest.approx((fine == cell).mean() * whole, abs=0.004)
    assert set(cells.tolist()) >= set(fine.tolist())


@given(course=COURSES, cut_at=st.integers(0, 5), rate=st.floats(1e-9, 1e-3))
@settings(max_examples=20, deadline=None)
def test_the_risk_of_a_way_is_the_sum_of_its_parts_in_any_order(
    course: list[tuple[float, float]], cut_at: int, rate: float
) -> None:
    at = min(cut_at, len(course) - 1)
    whole, first, second = exposure(course), exposure(course[: at + 1]), exposure(course[at:])
    parts = first + second
    assert expected(parts, uniform(parts, rate), NEAR) == pytest.approx(
        expected(whole, uniform(whole, rate), NEAR), rel=1e-9
    )
    other = second + first
    assert other.cells.tolist() == parts.cells.tolist()
    assert other.km == pytest.approx(parts.km)
    assert exposure(course[::-1]).kilometres == pytest.approx(whole.kilometres)


@given(course=COURSES, further=st.tuples(LONGITUDES, LATITUDES), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_another_piece_or_halt_never_lowers_the_risk(
    course: list[tuple[float, float]], further: tuple[float, float], seed: int
) -> None:
    longer = exposure([*course, further], halts=[Halt(further[1], further[0], 20)])
    rates = np.random.default_rng(seed).gamma(0.3, 1e-6, len(longer.cells))
    shorter = exposure(course)
    at = np.searchsorted(longer.cells, shorter.cells)
    within = expected(shorter, rates[np.minimum(at, len(rates) - 1)], NEAR)
    assert expected(longer, rates, NEAR) >= within * (1 - 1e-9)


@given(width=st.floats(0.01, 25), minutes=st.floats(0.1, 1440), times=st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_width_window_and_multiplier_scale_the_risk(width: float, minutes: float, times: float) -> None:
    road = exposure([(70.0, 30.0), (70.5, 30.4)])
    plain = expected(road, uniform(road), NEAR)
    scaled = expected(road, uniform(road), Nearness(width, minutes, times))
    assert scaled == pytest.approx(plain * width * minutes / 30 * times)


def test_many_fields_at_once_are_each_of_them() -> None:
    road = exposure([(70.0, 30.0), (71.5, 30.4)])
    fields = np.random.default_rng(1).gamma(1.0, 1e-6, (5, len(road.cells)))
    assert expected(road, fields, NEAR) == pytest.approx([expected(road, each, NEAR) for each in fields])


def test_a_road_longer_than_drawn_has_its_own_length() -> None:
    course = [(70.0, 30.0), (70.5, 30.0), (70.5, 30.5)]
    road = exposure(course, reached_m=[0, 100_000, 130_000])
    assert road.kilometres == pytest.approx(130)
    first = exposure(course[:2])
    assert exposure(course[:2], reached_m=[0, 100_000]).km == pytest.approx(first.km * 100 / first.kilometres)


def test_the_matrix_of_a_network_agrees_with_each_road_alone(tmp_path: Path) -> None:
    roads = network(
        tmp_path, line((70, 30), (70.4, 30.2), (70.9, 30.1)), line((70.9, 30.1), (71, 31), km=300.0)
    )
    matrix = RoadExposure.of(roads)
    assert np.asarray(matrix.km.sum(axis=1)).ravel() == pytest.approx(roads.metres / 1000)
    fields = np.random.default_rng(2).gamma(1.0, 1e-6, (3, len(matrix.cells)))
    risks = matrix.expected(fields, NEAR)
    assert risks.shape == (3, 2)
    alone = exposure([(70, 30), (70.4, 30.2), (70.9, 30.1)])
    chosen = fields[:, np.searchsorted(matrix.cells, alone.cells)]
    edge = int(np.argmin(roads.metres))
    assert risks[:, edge] == pytest.approx(expected(alone, chosen, NEAR), rel=1e-6)


def test_a_route_over_the_demonstration_roads_has_the_risk_of_its_edges() -> None:
    roads = read(SCHEMATIC)
    graph = RoadGraph(roads)
    a, b = graph.places.find("Quetta"), graph.places.find("Gwadar")
    assert a is not None and b is not None
    route = graph.routes((a.lat, a.lon), (b.lat, b.lon), 1)[0]
    road = exposure(route.coordinates, route.reached_m)
    assert road.kilometres == pytest.approx(route.distance_m / 1000, rel=1e-6)
    matrix = RoadExposure.of(roads)
    rates = np.random.default_rng(3).gamma(0.5, 1e-6, len(matrix.cells))
    each = matrix.expected(rates, NEAR)
    weighed = graph.weighed((a.lat, a.lon), (b.lat, b.lon), each)
    lowest = exposure(weighed.coordinates, weighed.reached_m)

    def risk(exposed: Exposure) -> float:
        at = np.searchsorted(matrix.cells, exposed.cells)
        return float(expected(exposed, rates[np.minimum(at, len(rates) - 1)], NEAR))

    assert 0 < risk(lowest) <= risk(road)


@pytest.mark.parametrize(
    "wrong",
    [
        {"half_width_km": 0},
        {"half_width_km": 26},
        {"half_width_km": float("nan")},
        {"window_minutes": -1},
        {"window_minutes": 1441},
        {"times": 0},
        {"times": float("inf")},
    ],
)
def test_absurd_assumptions_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Nearness(**wrong)


def test_what_is_no_course_and_no_halt_is_refused() -> None:
    for course in (
        [(70.0, 91.0), (70.0, 30.0)],
        [(200.0, 30.0), (70.0, 30.0)],
        [(math.nan, 30.0), (70.0, 30.0)],
    ):
        with pytest.raises(ValueError):
            exposure(course)
    with pytest.raises(ValueError):
        exposure([(70.0, 30.0), (71.0, 30.0)], reached_m=[0.0, 5.0, 6.0])
    with pytest.raises(ValueError):
        exposure([(70.0, 30.0), (71.0, 30.0)], reached_m=[5.0, 0.0])
    for halt in ((91.0, 0.0, 1.0, 1.0), (0.0, 0.0, -1.0, 1.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 1e9, 1.0)):
        with pytest.raises(ValueError):
            Halt(*halt)


def test_a_course_of_no_length_is_exposed_to_nothing() -> None:
    assert len(exposure([]).cells) == 0
    nowhere = exposure([(70.0, 30.0), (70.0, 30.0)])
    assert nowhere.kilometres == 0 and float(expected(nowhere, uniform(nowhere), NEAR)) == 0
