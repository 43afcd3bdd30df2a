"""Geometry on the sphere, where a flat map goes wrong, and the laws it keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import assume, example, given
from hypothesis import strategies as st

from safeconduct.geo import sphere
from safeconduct.geo.sphere import EARTH_RADIUS, GeometryError, Point, point

QUARTER = math.pi / 2 * EARTH_RADIUS
KARACHI, GWADAR, ISLAMABAD = Point(24.8608, 67.0104), Point(25.1216, 62.3254), Point(33.7215, 73.0433)

points = st.builds(
    Point, st.floats(-90, 90, allow_nan=False), st.floats(-180, 180, allow_nan=False, exclude_max=True)
)


def test_known_distances() -> None:
    assert sphere.distance(Point(0, 0), Point(0, 90)) == pytest.approx(QUARTER)
    assert sphere.distance(Point(90, 12), Point(-90, 55)) == pytest.approx(2 * QUARTER)
    assert sphere.distance(Point(0, 179.5), Point(0, -179.5)) == pytest.approx(QUARTER / 90)
    assert sphere.distance(KARACHI, ISLAMABAD) == pytest.approx(1_142_000, rel=0.006)


def test_a_metre_is_a_metre() -> None:
    there = sphere.destination(GWADAR, 77.0, 1.0)
    assert sphere.distance(GWADAR, there) == pytest.approx(1.0, abs=1e-6)
    assert float(sphere.separations(sphere.vector(GWADAR), sphere.vector(there))) == pytest.approx(
        1, abs=1e-6
    )


def test_a_flat_map_is_wrong_about_a_long_side() -> None:
    """A road of 2,000 km due west at 60 degrees north: a flat map says that the post north of its straight
    line is outside. The great circle passes north of the post.
    """
    ring = [Point(60, 0), Point(60, 40), Point(50, 40), Point(50, 0)]
    post = Point(61, 20)
    assert sphere.polygon_contains(ring, post)
    assert not shapely.Polygon([(p.lon, p.lat) for p in ring]).contains(shapely.Point(post.lon, post.lat))
    on_map = shapely.LineString([(0, 60), (40, 60)]).distance(shapely.Point(20, 61)) * 111_195
    on_earth = sphere.segment_distance(Point(61, 20), Point(60, 0), Point(60, 40))
    assert on_map == pytest.approx(111_195)
    assert on_earth == pytest.approx(63_000, rel=0.1)


def test_a_polygon_over_the_antimeridian_and_one_around_a_pole() -> None:
    across = [Point(-10, 170), Point(-10, -170), Point(10, -170), Point(10, 170)]
    assert sphere.polygon_contains(across, Point(0, 180))
    assert sphere.polygon_contains(across, Point(0, -175))
    assert not sphere.polygon_contains(across, Point(0, 0))
    assert not sphere.polygon_contains(across, Point(0, 165))
    around = [Point(80, lon) for lon in (-120, 0, 120)]
    assert sphere.polygon_contains(around, Point(90, 33))
    assert sphere.polygon_contains(around, Point(81, 0))
    assert not sphere.polygon_contains(around, Point(80.5, 60))
    assert not sphere.polygon_contains(around, Point(-90, 0))


def test_the_boundary_belongs_to_the_polygon() -> None:
    ring = [Point(0, 0), Point(0, 10), Point(10, 0)]
    assert all(sphere.polygon_contains(ring, corner) for corner in ring)
    assert sphere.polygon_contains(ring, Point(0, 5))


def test_a_ring_without_an_inside_is_refused() -> None:
    with pytest.raises(GeometryError, match="three corners"):
        sphere.polygon_contains([Point(0, 0), Point(1, 1)], Point(0, 0))
    with pytest.raises(GeometryError, match="which side"):
        sphere.polygon_contains([Point(0, 0), Point(0, 120), Point(0, -120)], Point(1, 0))
    with pytest.raises(GeometryError, match="too wide"):
        sphere.polygon_contains([Point(0, 0), Point(0, 150), Point(5, 75)], Point(1, 70))


@pytest.mark.parametrize(
    ("lat", "lon"), [(91, 0), (0, 541), (float("nan"), 0), (0, float("inf")), ("x", 1), (None, 0), ([], 0)]
)
def test_what_is_no_position_is_refused(lat: object, lon: object) -> None:
    with pytest.raises(GeometryError):
        point(lat, lon)


def test_positions_as_files_hold_them() -> None:
    assert sphere.of_geojson([[62.3, 25.1], (190, 10, 55)]) == [Point(25.1, 62.3), Point(10, -170)]
    for wrong in ([1], [[1]], ["ab"], [None], [{"lat": 1, "lon": 2}]):
        with pytest.raises(GeometryError):
            sphere.of_geojson(wrong)


def test_bearing_cross_track_and_sides() -> None:
    assert sphere.bearing(Point(0, 0), Point(0, 1)) == pytest.approx(90)
    assert sphere.bearing(Point(0, 179), Point(0, -179)) == pytest.approx(90)
    assert sphere.bearing(Point(45, 5), Point(90, 77)) == pytest.approx(0, abs=1e-9)
    degree = QUARTER / 90
    assert sphere.cross_track(Point(-1, 5), Point(0, 0), Point(0, 10)) == pytest.approx(degree)
    assert sphere.cross_track(Point(1, 5), Point(0, 0), Point(0, 10)) == pytest.approx(-degree)


def test_beyond_its_ends_a_segment_is_as_far_as_its_end() -> None:
    a, b = Point(0, 0), Point(0, 10)
    assert sphere.segment_distance(Point(0, 15), a, b) == pytest.approx(QUARTER / 18)
    assert sphere.segment_distance(Point(0, -170), a, b) == pytest.approx(sphere.distance(Point(0, -170), a))
    assert sphere.segment_distance(Point(3, 4), a, a) == pytest.approx(sphere.distance(Point(3, 4), a))


def test_opposite_ends_name_no_way() -> None:
    with pytest.raises(GeometryError, match="opposite"):
        sphere.segment_distance(Point(1, 1), Point(0, 0), Point(0, 180))
    with pytest.raises(GeometryError, match="opposite"):
        sphere.between(Point(30, 40), Point(-30, -140), 0.5)
    with pytest.raises(GeometryError):
        sphere.polyline_distance(Point(0, 0), [])


def test_pieces_are_short_and_follow_the_great_circle() -> None:
    a, b = sphere.vectors([24.9, 0], [67.0, 10]), sphere.vectors([33.7, 0], [73.0, 10])
    starts, ends, owner = sphere.pieces(a, b, 10_000)
    assert sphere.separations(starts, ends).max() <= 10_000.001
    assert list(np.unique(owner)) == [0, 1]
    assert sphere.segment_distances(starts[owner == 0], a[0], b[0]).max() < 1e-3
    assert np.allclose(starts[1:][owner[1:] == 0], ends[: np.count_nonzero(owner == 0) - 1])


@given(points, points)
@example(Point(0, 0), Point(0, 180 - 1e-12))
def test_distance_is_symmetric_and_bounded(a: Point, b: Point) -> None:
    there = sphere.distance(a, b)
    assert there == pytest.approx(sphere.distance(b, a), abs=1e-6)
    assert 0 <= there <= 2 * QUARTER + 1e-6
    assert there == pytest.approx(float(sphere.separations(sphere.vector(a), sphere.vector(b))), abs=1e-3)


@given(points, points, points)
def test_no_way_round_is_shorter(a: Point, b: Point, c: Point) -> None:
    assert sphere.distance(a, c) <= sphere.distance(a, b) + sphere.distance(b, c) + 1e-6


@given(points, st.floats(0, 360), st.floats(0, 1.9e7))
def test_one_arrives_as_far_away_as_one_went(a: Point, degrees: float, metres: float) -> None:
    there = sphere.destination(a, degrees, metres)
    assert -90 <= there.lat <= 90
    assert -180 <= there.lon <= 180
    assert sphere.distance(a, there) == pytest.approx(metres, abs=1e-2)


@given(points, points, points)
def test_a_segment_is_no_farther_than_its_ends(at: Point, a: Point, b: Point) -> None:
    assume(sphere.distance(a, b) < 2 * QUARTER - 10_000)
    nearest = sphere.segment_distance(at, a, b)
    assert nearest <= min(sphere.distance(at, a), sphere.distance(at, b)) + 1e-6
    middle = sphere.between(a, b, 0.5)
    assert nearest <= sphere.distance(at, middle) + 1
    assert nearest >= abs(sphere.cross_track(at, a, b)) - 1e-3 or sphere.distance(a, b) < 1


@given(points, points, st.floats(0, 1))
def test_what_lies_on_a_segment_is_no_way_off(a: Point, b: Point, fraction: float) -> None:
    assume(sphere.distance(a, b) < 2 * QUARTER - 10_000)
    assert sphere.segment_distance(sphere.between(a, b, fraction), a, b) < 0.05


def turned(at: Point, axis: np.ndarray, angle: float) -> Point:
    v = sphere.vector(at)
    rest = (1 - math.cos(angle)) * (axis @ v) * axis
    return sphere.of_vector(math.cos(angle) * v + math.sin(angle) * np.cross(axis, v) + rest)


@given(
    points,
    st.lists(st.tuples(st.floats(0, 360), st.floats(1e3, 2e6)), min_size=3, max_size=9),
    st.tuples(st.floats(0, 360), st.floats(0, 2.5e6)),
    points,
    st.floats(0, 6.3),
)
def test_turning_the_earth_does_not_change_who_is_inside(
    centre: Point, corners: list[tuple[float, float]], to: tuple[float, float], axis: Point, angle: float
) -> None:
    ring = [sphere.destination(centre, *corner) for corner in corners]
    at = sphere.destination(centre, *to)
    sides = [sphere.segment_distance(at, a, b) for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
    assume(min(sides) > 1)
    around = sphere.vector(axis)
    inside = sphere.polygon_contains(ring, at)
    assert inside == sphere.polygon_contains(
        [turned(p, around, angle) for p in ring], turned(at, around, angle)
    )
    assert inside == sphere.polygon_contains(ring[::-1], at)
