"""Fences: inside, how far outside, thousands at once, and what a route touches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.geo import sphere
from safeconduct.geo.cells import SCALES
from safeconduct.geo.fences import Area, Corridor, Fence, FenceSet, Perimeter
from safeconduct.geo.sphere import GeometryError, Point

GWADAR, PASNI, ORMARA = Point(25.1216, 62.3254), Point(25.2630, 63.4692), Point(25.2102, 64.6363)


def test_a_perimeter() -> None:
    fence = Perimeter(GWADAR, 500)
    assert fence.contains(sphere.destination(GWADAR, 200, 499.9))
    outside = sphere.destination(GWADAR, 200, 700)
    assert not fence.contains(outside)
    assert fence.distance(outside) == pytest.approx(200, abs=1e-3)


def test_a_corridor_along_a_route() -> None:
    fence = Corridor([GWADAR, PASNI, ORMARA], 1000)
    middle = sphere.between(GWADAR, PASNI, 0.4)
    beside = sphere.destination(middle, sphere.bearing(middle, PASNI) + 90, 900)
    assert fence.contains(beside)
    beyond = sphere.destination(middle, sphere.bearing(middle, PASNI) - 90, 3000)
    assert fence.distance(beyond) == pytest.approx(2000, abs=0.1)
    assert fence.off_line(beyond) == pytest.approx(3000, abs=0.1)


def test_an_area_with_a_hole_over_the_antimeridian() -> None:
    outer = [[175, -5], [-175, -5], [-175, 5], [175, 5], [175, -5]]
    hole = [[179, -1], [-179, -1], [-179, 1], [179, 1], [179, -1]]
    fence = Area.of_geometry({"type": "Polygon", "coordinates": [outer, hole]})
    assert fence.contains(Point(3, -178))
    assert not fence.contains(Point(0, 180))
    assert fence.distance(Point(0, 180)) == pytest.approx(111_195, rel=1e-3)
    assert fence.distance(Point(3, 177)) == 0
    many = FenceSet({"a": fence})
    assert many.containing(Point(3, -178)) == ["a"]
    assert many.containing(Point(3, 178)) == ["a"]
    assert many.containing(Point(0, 180)) == []
    assert many.containing(Point(3, 0)) == []


def test_an_area_around_a_pole_is_found_from_every_side() -> None:
    fences = FenceSet({"ice": Area([[[Point(75, lon) for lon in range(-180, 180, 30)]]])})
    assert all(fences.containing(Point(80, lon)) == ["ice"] for lon in range(-180, 181, 20))
    assert fences.containing(Point(90, 0)) == ["ice"]
    assert fences.containing(Point(70, 0)) == []
    assert fences.containing(Point(-90, 0)) == []


@pytest.mark.parametrize(
    ("boundary", "reason"),
    [
        ([[0, 0], [1, 1]], "three corners"),
        ([[0, 0], [1, 1], [1, 0], [0, 1]], "crosses itself"),
        ([[0, 0], [1, 0], [2, 0]], "surrounds nothing|crosses itself"),
        ([[0, 0], [0, 0], [0, 0]], "three corners"),
        ([], "corners|ring"),
        ([[0, 0], [1, "x"], [1, 0]], "numbers"),
        ([[0, 0], [1, float("nan")], [1, 0]], "no position"),
        ([[0, 0, 1], 7, [1, 0]], "longitude"),
    ],
)
def test_a_boundary_that_is_none_is_refused(boundary: list, reason: str) -> None:
    with pytest.raises(GeometryError, match=reason):
        Area.of_boundary(boundary)


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {},
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [7]},
        {"type": "MultiPolygon", "coordinates": [[]]},
        {"type": "MultiPolygon", "coordinates": [7]},
        {"type": "Polygon", "coordinates": {"a": 1}},
        {"type": "Polygon", "coordinates": [[[1e308, 2], [1, 2], [3, 4]]]},
    ],
)
def test_a_geometry_that_is_no_area_is_refused(geometry: object) -> None:
    with pytest.raises(GeometryError):
        Area.of_geometry(geometry)


@pytest.mark.parametrize("metres", [0, -1, float("nan"), float("inf"), 3e6])
def test_a_width_that_is_none_is_refused(metres: float) -> None:
    with pytest.raises(GeometryError, match="width"):
        Perimeter(GWADAR, metres)
    with pytest.raises(GeometryError, match="width"):
        Corridor([GWADAR, PASNI], metres)


def test_a_corridor_follows_a_line() -> None:
    with pytest.raises(GeometryError):
        Corridor([], 10)
    alone = Corridor([GWADAR, GWADAR], 100)
    assert alone.contains(sphere.destination(GWADAR, 10, 99))
    assert FenceSet({1: alone}).containing(GWADAR) == [1]
    with pytest.raises(GeometryError, match="opposite"):
        Corridor([Point(0, 0), Point(0, 180)], 10)


def test_a_set_without_fences_contains_nothing() -> None:
    assert FenceSet({}).containing(GWADAR) == []


def made_up(seed: int, count: int, spread: float) -> dict[int, Fence]:
    draw = np.random.default_rng(seed)
    fences: dict[int, Fence] = {}
    for number in range(count):
        at = Point(float(draw.uniform(-90, 90)), float(draw.uniform(-180, 180)))
        kind = number % 3
        if kind == 0:
            fences[number] = Perimeter(at, float(draw.uniform(1e3, spread)))
        elif kind == 1:
            line = [at]
            for _ in range(4):
                line.append(sphere.destination(line[-1], float(draw.uniform(0, 360)), spread))
            fences[number] = Corridor(line, float(draw.uniform(1e3, spread / 2)))
        else:
            turns = np.sort(draw.uniform(0, 360, 9))
            ring = [sphere.destination(at, float(t), float(draw.uniform(spread / 3, spread))) for t in turns]
            fences[number] = Area([[ring]], repair=True)
    return fences


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2e4, 3e5, 2e6]))
def test_together_they_answer_as_each_alone(seed: int, spread: float) -> None:
    """The boxes may only choose candidates: over the whole earth, poles and antimeridian included."""
    fences = made_up(seed, 30, spread)
    draw = np.random.default_rng(seed + 1)
    near = [f.centre for f in fences.values() if isinstance(f, Perimeter)]
    positions = [
        sphere.destination(near[k % len(near)], float(draw.uniform(0, 360)), spread) for k in range(30)
    ]
    positions += [
        Point(float(np.degrees(np.arcsin(draw.uniform(-1, 1)))), float(draw.uniform(-180, 180)))
        for _ in range(40)
    ]
    positions += [Point(90, 0), Point(-90, 10), Point(0, 180), Point(0, -180), Point(89.9, 100)]
    together = FenceSet(fences)
    alone = {(n, k) for n, at in enumerate(positions) for k, fence in fences.items() if fence.contains(at)}
    at, fence = together.containing_many([p.lat for p in positions], [p.lon for p in positions])
    assert {(int(n), together.keys[k]) for n, k in zip(at, fence, strict=True)} == alone
    for n, position in enumerate(positions):
        assert together.containing(position) == [k for k in fences if (n, k) in alone]


def wide(draw: np.random.Generator) -> dict[int, Fence]:
    """Areas whose sides are thousands of kilometres long, with holes, over the antimeridian and around the poles."""
    fences: dict[int, Fence] = {}
    for number in range(8):
        at = Point(*((89.5, 0), (-88, 50), (0, 180), (float(draw.uniform(-80, 80)), -179.9))[number % 4])
        turns = np.sort(draw.uniform(0, 360, int(draw.integers(4, 8))))
        far = [float(each) for each in draw.uniform(2e6, 6e6, len(turns))]
        outer = [sphere.destination(at, float(t), far[k]) for k, t in enumerate(turns)]
        hole = [sphere.destination(at, float(t), far[k] / 3) for k, t in enumerate(turns)]
        fences[number] = Area([[outer, hole]], repair=True)
    return fences


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([2e3, 2e4, 1e6, None]))
def test_cells_answer_as_the_exact_test_does_point_for_point(seed: int, spread: float | None) -> None:
    """On corners and sides, on the borders of cells and just beside them, wherever on the earth."""
    draw = np.random.default_rng(seed)
    fences = wide(draw) if spread is None else made_up(seed, 12, spread)
    together = FenceSet(fences)
    positions: list[Point] = []
    for fence in fences.values():
        line = (
            [fence.centre]
            if isinstance(fence, Perimeter)
            else fence.line
            if isinstance(fence, Corridor)
            else fence.rings[0][0]
        )
        for a, b in zip(line, line[1:] + line[:1], strict=True):
            on = sphere.between(a, b, float(draw.random()))
            positions += [
                a,
                on,
                sphere.destination(on, float(draw.uniform(0, 360)), 10 ** draw.uniform(-6, 4)),
            ]
        if isinstance(fence, Perimeter):
            turn = float(draw.uniform(0, 360))
            positions += [sphere.destination(fence.centre, turn, fence.radius * k) for k in (0.7, 1, 1.4)]
    for at in list(positions):
        scale = float(draw.choice(SCALES))
        positions.append(Point(np.floor(at.lat * scale) / scale, np.floor(at.lon * scale) / scale))
        positions.append(Point(float(np.nextafter(positions[-1].lat, 0)), positions[-1].lon))
    positions = [Point(float(at.lat), (float(at.lon) + 180.0) % 360.0 - 180.0) for at in positions]
    lats, lons = [p.lat for p in positions], [p.lon for p in positions]
    at, fence = together.containing_many(lats, lons)
    many = [[] for _ in positions]
    for n, k in zip(at.tolist(), fence.tolist(), strict=True):
        many[n].append(together.keys[k])
    for n, position in enumerate(positions):
        alone = [key for key, each in fences.items() if each.contains(position)]
        assert together.containing(position) == alone == many[n]


def test_most_of_a_fence_needs_no_exact_test() -> None:
    fences = FenceSet({"port": Perimeter(GWADAR, 5_000)})
    (level,) = fences._levels
    whole, part = int(level.whole.sum()), int((~level.whole).sum())
    assert whole > part > 0


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_a_segment_touches_what_it_passes_through(seed: int) -> None:
    fences = made_up(seed, 9, 3e5)
    draw = np.random.default_rng(seed)
    for fence in fences.values():
        base = (
            fence.centre
            if isinstance(fence, Perimeter)
            else (fence.line[0] if isinstance(fence, Corridor) else fence.rings[0][0][0])
        )
        ends = [
            sphere.destination(base, float(draw.uniform(0, 360)), float(draw.uniform(1e4, 2e6)))
            for _ in range(2)
        ]
        touched = bool(fence.touches(sphere.vector(ends[0])[None], sphere.vector(ends[1])[None])[0])
        course = [sphere.between(ends[0], ends[1], k / 150) for k in range(151)]
        nearest = min(fence.distance(p) for p in course)
        step = sphere.distance(*ends) / 150
        if nearest == 0:
            assert touched
        if touched:
            assert nearest <= step
