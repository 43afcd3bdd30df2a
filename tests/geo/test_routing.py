"""Routes: the quickest, others that differ, one-way streets, areas to avoid, and clear answers where there is none."""

from __future__ import annotations

import heapq
import json
import math
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.maps import SCHEMATIC, line, network, town
from safeconduct.geo import areas, sphere
from safeconduct.geo.fences import Area, Corridor, Perimeter
from safeconduct.geo.network import RoadNetwork
from safeconduct.geo.roads import read
from safeconduct.geo.routing import LONGER, SHARED, NoRoute, RoadGraph, Route
from safeconduct.geo.snapping import EdgeIndex
from safeconduct.geo.sphere import GeometryError, Point


@pytest.fixture(scope="module")
def pakistan() -> RoadGraph:
    return RoadGraph(read(SCHEMATIC, source="own", licence="CC0", schematic=True))


def at(graph: RoadGraph, name: str) -> Point:
    place = graph.places.find(name)
    assert place is not None
    return place.at


def towns(route: Route) -> list[str]:
    return [place.name for place in route.passed.towns]


def test_karachi_to_gwadar(pakistan: RoadGraph) -> None:
    (route,) = pakistan.routes(at(pakistan, "Karachi"), at(pakistan, "گوادر"))
    assert towns(route) == ["Karachi", "Hub", "Uthal", "Ormara", "Pasni", "Gwadar"]
    assert route.passed.areas == ("Karachi", "Hub", "Lasbela", "Gwadar")
    assert route.passed.areas_by == "towns"
    assert route.roads == ("N-25", "N-10")
    assert route.distance_m == pytest.approx(668_000, abs=1000)
    assert route.duration_s == pytest.approx(11.13 * 3600, rel=0.01)
    assert (route.schematic, route.source, route.licence) == (True, "own", "CC0")
    assert route.coordinates[0] == (67.0104, 24.8608)
    assert route.coordinates[-1] == pytest.approx((62.3254, 25.1216))
    assert (route.origin_off_road_m, route.destination_off_road_m) == pytest.approx((0, 0), abs=1)
    plain = route.plain()
    assert set(plain) == {"coordinates", "distance_m", "duration_s", "source", "schematic"}
    assert plain["coordinates"][0] == [67.0104, 24.8608]


def test_alternatives_really_differ(pakistan: RoadGraph) -> None:
    found = pakistan.routes(at(pakistan, "Karachi"), at(pakistan, "Islamabad"))
    assert len(found) == 3
    assert [r.duration_s for r in found] == sorted(r.duration_s for r in found)
    assert found[-1].duration_s <= LONGER * found[0].duration_s
    names = [set(towns(route)) for route in found]
    assert all(len(a & b) <= SHARED * len(a) for n, a in enumerate(names) for b in names[n + 1 :])
    assert pakistan.routes(at(pakistan, "Karachi"), at(pakistan, "Islamabad"), alternatives=1) == found[:1]


def test_the_way_from_a_place_between_towns(pakistan: RoadGraph) -> None:
    port_qasim = (24.79, 67.34)
    route = pakistan.routes(port_qasim, (25.2, 62.4))[0]
    assert towns(route)[0] == "Karachi"
    assert 200 < route.origin_off_road_m < 1000
    snap = pakistan.nearest(*port_qasim)
    assert snap is not None
    assert snap.off == route.origin_off_road_m
    assert route.coordinates[0] == pytest.approx((snap.at.lon, snap.at.lat), abs=1e-6)


def test_from_a_place_to_itself(pakistan: RoadGraph) -> None:
    (route,) = pakistan.routes(at(pakistan, "Quetta"), at(pakistan, "Quetta"))
    assert route.distance_m == route.duration_s == 0
    assert len(route.coordinates) == 2


def test_no_route_says_why(pakistan: RoadGraph, tmp_path: Path) -> None:
    gwadar = at(pakistan, "Gwadar")
    for origin, destination, reason in (
        ((0, 0), gwadar, "origin_off_road"),
        (gwadar, (-89, 10), "destination_off_road"),
    ):
        with pytest.raises(NoRoute) as told:
            pakistan.routes(origin, destination)
        assert told.value.reason == reason
    islands = RoadGraph(network(tmp_path, line((62, 25), (63, 25)), line((66, 25), (67, 25))))
    with pytest.raises(NoRoute, match="joins") as told:
        islands.routes((25, 62), (25, 67))
    assert told.value.reason == "not_joined"
    for wrong in ((91, 0), (float("nan"), 1), ("a", 1)):
        with pytest.raises(GeometryError):
            pakistan.routes(wrong, gwadar)
    assert pakistan.nearest(0, 0) is None


def test_an_area_is_avoided(pakistan: RoadGraph) -> None:
    karachi, gwadar = at(pakistan, "Karachi"), at(pakistan, "Gwadar")
    ormara = Perimeter(at(pakistan, "Ormara"), 5000)
    around = pakistan.routes(karachi, gwadar, avoid_areas=[ormara])
    assert all("Ormara" not in towns(route) for route in around)
    for fence in (
        Perimeter(at(pakistan, "Hub"), 2000),
        Area.of_boundary([[66.5, 24.9], [66.95, 24.9], [66.95, 26], [66.5, 26]]),
        Corridor([at(pakistan, "Hub"), sphere.destination(at(pakistan, "Hub"), 30, 9000)], 500),
    ):
        for route in pakistan.routes(karachi, gwadar, avoid_areas=[fence]):
            course = [Point(lat, lon) for lon, lat in route.coordinates]
            assert not any(fence.contains(p) for p in course)
            ends = [sphere.vector(p)[None] for p in course]
            assert not any(fence.touches(a, b)[0] for a, b in pairwise(ends))
    with pytest.raises(NoRoute) as told:
        pakistan.routes(karachi, gwadar, avoid_areas=[Perimeter(gwadar, 3000)])
    assert told.value.reason == "avoided"


def test_only_the_part_of_a_road_that_is_travelled_counts_as_entering(tmp_path: Path) -> None:
    road = RoadGraph(network(tmp_path, line((62, 25), (64, 25))))
    fence = Perimeter(Point(25, 63.5), 5000)
    assert len(road.routes((25, 62.1), (25, 63), avoid_areas=[fence])) == 1
    with pytest.raises(NoRoute, match="avoided"):
        road.routes((25, 62.1), (25, 63.9), avoid_areas=[fence])


def test_one_way_streets(tmp_path: Path) -> None:
    """A ring that is driven anticlockwise: back to the place just passed is all the way round."""
    corners = [(62.0, 25.0), (62.1, 25.0), (62.1, 25.1), (62.0, 25.1)]
    sides = [line(a, b, oneway="yes") for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    ring = RoadGraph(network(tmp_path, *sides))
    forward = ring.routes((25.0, 62.02), (25.0, 62.08))[0]
    back = ring.routes((25.0, 62.08), (25.0, 62.02))[0]
    assert forward.distance_m == pytest.approx(6051, abs=5)
    assert back.distance_m + forward.distance_m == pytest.approx(ring.network.kilometres * 1000, rel=1e-6)
    against = RoadGraph(network(tmp_path, line((62, 25), (62.1, 25), oneway="-1")))
    assert against.routes((25, 62.1), (25, 62))[0].coordinates[0] == (62.1, 25.0)
    with pytest.raises(NoRoute):
        against.routes((25, 62.0), (25, 62.1))


def test_a_place_by_a_piece_of_road_that_leads_nowhere_is_reached_by_the_next(tmp_path: Path) -> None:
    stub = line((62.05, 25.002), (62.06, 25.002))
    graph = RoadGraph(network(tmp_path, line((62, 25), (62.2, 25)), stub))
    route = graph.routes((25.0021, 62.055), (25, 62.2))[0]
    assert route.origin_off_road_m == pytest.approx(233, abs=5)


def test_a_needless_detour_is_no_alternative(tmp_path: Path) -> None:
    """Two ways around a block in the middle of a long road differ too little; a needle eye is no way at all."""
    main = [line((62, 25), (63, 25)), line((63, 25), (63.05, 25)), line((63.05, 25), (64, 25))]
    block = line((63, 25), (63, 25.03), (63.05, 25.03), (63.05, 25))
    loop = line((62, 25), (62, 25.02), (62.02, 25.02), (62.0, 25.0))
    graph = RoadGraph(network(tmp_path, *main, block, loop))
    assert len(graph.routes((25, 62), (25, 64))) == 1


def test_areas_crossed_by_the_operators_file(tmp_path: Path) -> None:
    squares = [
        {
            "type": "Feature",
            "properties": {"name": name, "name_ur": "ضلع"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[w, 24.5], [w + 1, 24.5], [w + 1, 25.5], [w, 25.5], [w, 24.5]]],
            },
        }
        for name, w in (("West", 62), ("Middle", 63), ("East", 64), ("Far", 70))
    ]
    file = tmp_path / "areas.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": squares}))
    found = areas.read(file, source="own")
    roads = network(tmp_path, line((62.5, 25), (64.5, 25)), town("A", 62.5, 25, district="X"))
    graph = RoadGraph(roads, found)
    back = graph.routes((25, 64.4), (25, 62.6))[0]
    assert back.passed.areas == ("East", "Middle", "West")
    assert back.passed.areas_by == "areas"
    assert [a.name for a in found.at(Point(25, 62.7))] == ["West"]
    assert found.areas[0].named("ur") == "ضلع"


def grid(seed: int, folder: Path) -> RoadNetwork:
    """A grid of towns with crooked roads, some missing, some one way, each with its own speed."""
    draw = random.Random(seed)
    lines = []
    for x in range(5):
        for y in range(5):
            for dx, dy in ((1, 0), (0, 1)):
                if x + dx < 5 and y + dy < 5 and draw.random() < 0.8:
                    a, b = (62 + x * 0.1, 25 + y * 0.1), (62 + (x + dx) * 0.1, 25 + (y + dy) * 0.1)
                    bend = ((a[0] + b[0]) / 2 + draw.uniform(-0.02, 0.02), (a[1] + b[1]) / 2 + 0.013)
                    tags = {"oneway": "yes"} if draw.random() < 0.25 else {}
                    lines.append(line(a, bend, b, assumed_kmh=draw.randint(20, 90), **tags))
    return network(folder, *lines)


def quickest(roads: RoadNetwork, begin: int, end: int) -> float:
    """Seconds by the plainest search there is."""
    ways: dict[int, list[tuple[int, float]]] = {}
    for edge in range(len(roads.tail)):
        tail, head, seconds = int(roads.tail[edge]), int(roads.head[edge]), float(roads.seconds[edge])
        ways.setdefault(tail, []).append((head, seconds))
        if not roads.one_way[edge]:
            ways.setdefault(head, []).append((tail, seconds))
    best, queue = {begin: 0.0}, [(0.0, begin)]
    while queue:
        reached, node = heapq.heappop(queue)
        if node == end:
            return reached
        for other, seconds in ways.get(node, ()):
            if reached + seconds < best.get(other, math.inf):
                best[other] = reached + seconds
                heapq.heappush(queue, (best[other], other))
    return math.inf


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000))
def test_the_first_route_is_the_quickest(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    roads = grid(seed, tmp_path_factory.mktemp("grid"))
    graph = RoadGraph(roads)
    draw = random.Random(seed)
    for _ in range(4):
        begin, end = (draw.randrange(len(roads.node_lat)) for _ in range(2))
        ends = [(float(roads.node_lat[n]) / 1e7, float(roads.node_lon[n]) / 1e7) for n in (begin, end)]
        least = quickest(roads, begin, end)
        if least == math.inf:
            with pytest.raises(NoRoute):
                graph.routes(*ends)
            continue
        found = graph.routes(*ends, alternatives=4)
        assert found[0].duration_s == pytest.approx(least, abs=0.1)
        assert all(least - 0.1 <= route.duration_s <= LONGER * least + 0.1 for route in found)
        for route in found:
            course = [Point(lat, lon) for lon, lat in route.coordinates]
            assert sphere.polyline_length(course) == pytest.approx(route.distance_m, abs=2)
            assert route.distance_m >= sphere.distance(Point(*ends[0]), Point(*ends[1])) - 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_the_nearest_road_is_the_nearest(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """The cells may only choose candidates: near poles and the antimeridian, with long and short roads."""
    draw = random.Random(seed)
    base = Point(draw.choice([0, 25, 60, 84, -80]), draw.choice([62, 179.9, -179.95]))
    lines = []
    for _ in range(12):
        start = sphere.destination(base, draw.uniform(0, 360), draw.uniform(0, 60_000))
        end = sphere.destination(start, draw.uniform(0, 360), draw.choice([50, 4000, 90_000]))
        lines.append(line((start.lon, start.lat), (end.lon, end.lat)))
    roads = network(tmp_path_factory.mktemp("near"), *lines)
    index = EdgeIndex(roads)
    for _ in range(5):
        here = sphere.destination(base, draw.uniform(0, 360), draw.uniform(0, 70_000))
        off = []
        for feature in lines:
            a, b = (sphere.point(lat, lon) for lon, lat in feature["geometry"]["coordinates"])
            off.append(sphere.segment_distance(here, a, b))
        found = index.nearest(here, 50_000)
        if min(off) > 50_000:
            assert not found
        else:
            assert found[0].off == pytest.approx(min(off), abs=0.1)
            assert sphere.distance(here, found[0].at) == pytest.approx(found[0].off, abs=0.1)


def test_a_position_half_way_along_a_road_is_a_junction_that_is_not_there(tmp_path: Path) -> None:
    """Routes from the middle of a road take as long as if the road ended there."""
    whole = [line((62, 25), (62.1, 25.02), (62.3, 25), assumed_kmh=50), line((62, 25), (62.3, 24.8))]
    whole.append(line((62.3, 25), (62.3, 24.8), assumed_kmh=80))
    middle = Point(25.02, 62.1)
    split = [line((62, 25), (62.1, 25.02), assumed_kmh=50), line((62.1, 25.02), (62.3, 25), assumed_kmh=50)]
    one = RoadGraph(network(tmp_path, *whole)).routes(middle, (24.9, 62.3))
    two = RoadGraph(network(tmp_path, *split, *whole[1:])).routes(middle, (24.9, 62.3))
    assert [r.duration_s for r in one] == pytest.approx([r.duration_s for r in two], abs=0.1)
    assert [r.distance_m for r in one] == pytest.approx([r.distance_m for r in two], abs=1)
