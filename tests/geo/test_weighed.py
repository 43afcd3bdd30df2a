"""Routes by other weights than time, and options that trade time against a burden: against brute force, by laws."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.maps import SCHEMATIC, line, network
from safeconduct.geo.roads import read
from safeconduct.geo.routing import LONGER, NoRoute, RoadGraph, Route
from safeconduct.geo.sphere import separations, vectors


@pytest.fixture(scope="module")
def pakistan() -> RoadGraph:
    return RoadGraph(read(SCHEMATIC, source="own", licence="CC0", schematic=True))


def at(graph: RoadGraph, name: str) -> tuple[float, float]:
    place = graph.places.find(name)
    assert place is not None
    return place.lat, place.lon


def cheapest(graph: RoadGraph, weights: np.ndarray, source: int, target: int) -> float:
    """The least weight between two junctions by relaxing every edge until nothing changes."""
    roads = graph.network
    best = np.full(len(roads.node_lat), np.inf)
    best[source] = 0.0
    for _ in range(len(best)):
        before = best.copy()
        np.minimum.at(best, roads.head, best[roads.tail] + weights)
        both = ~roads.one_way
        np.minimum.at(best, roads.tail[both], best[roads.head[both]] + weights[both])
        if (before == best).all():
            break
    return float(best[target])


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_the_route_of_least_weight_is_that_of_brute_force(pakistan: RoadGraph, seed: int) -> None:
    roads = pakistan.network
    weights = np.random.default_rng(seed).gamma(0.5, 1.0, len(roads.tail))
    source, target = random.Random(seed).sample(range(len(roads.node_lat)), 2)
    ends = [(roads.node_lat[n] / 1e7, roads.node_lon[n] / 1e7) for n in (source, target)]
    least = cheapest(pakistan, weights, source, target)
    if not np.isfinite(least):
        with pytest.raises(NoRoute):
            pakistan.weighed(*ends, weights)
        return
    # the weight of the route is read from its length when every edge's length is its weight
    told = RoadGraph(_with_metres(pakistan, weights * 1000))
    found = told.weighed(*ends, weights)
    assert found.distance_m == pytest.approx(least * 1000, rel=1e-6, abs=1)


def _with_metres(graph: RoadGraph, metres: np.ndarray) -> object:
    from dataclasses import replace

    return replace(graph.network, metres=metres)


def test_by_its_own_times_it_is_the_quickest(pakistan: RoadGraph) -> None:
    a, b = at(pakistan, "Karachi"), at(pakistan, "Islamabad")
    assert pakistan.weighed(a, b, pakistan.network.seconds) == pakistan.routes(a, b, 1)[0]


def test_metres_reached_end_with_the_whole_length(pakistan: RoadGraph) -> None:
    for names in (("Karachi", "Islamabad"), ("Quetta", "Gwadar")):
        for route in pakistan.routes(at(pakistan, names[0]), at(pakistan, names[1])):
            assert len(route.reached_m) == len(route.coordinates)
            assert route.reached_m[0] == 0
            assert route.reached_m[-1] == pytest.approx(route.distance_m, rel=1e-6)
            lons, lats = zip(*route.coordinates, strict=True)
            course = vectors(lats, lons)
            drawn = separations(course[:-1], course[1:])
            assert (np.diff(route.reached_m) >= drawn * 0.999).all()


def test_from_a_place_to_itself_nothing_is_reached(pakistan: RoadGraph) -> None:
    quetta = at(pakistan, "Quetta")
    (route,) = pakistan.options(quetta, quetta, np.ones(len(pakistan.network.tail)))
    assert route.distance_m == 0 and route.reached_m == (0.0, 0.0)


def heavy(route: Route, graph: RoadGraph, burden: np.ndarray) -> float:
    """What a route between junctions carries, told from its course: each edge is one straight line here."""
    roads = graph.network
    of = {
        frozenset(
            (
                (roads.course_lon[a] / 1e7, roads.course_lat[a] / 1e7),
                (roads.course_lon[b] / 1e7, roads.course_lat[b] / 1e7),
            )
        ): weight
        for a, b, weight in zip(roads.first, roads.last, burden, strict=True)
    }
    rounded = {frozenset((round(x, 6), round(y, 6)) for x, y in key): weight for key, weight in of.items()}
    return sum(rounded[frozenset(pair)] for pair in pairwise(route.coordinates))


@given(seed=st.integers(0, 10_000), longest=st.sampled_from([1.0, 1.2, 1.5, 3.0]))
@settings(max_examples=12, deadline=None)
def test_options_begin_with_the_quickest_keep_the_limit_and_differ(
    pakistan: RoadGraph, seed: int, longest: float
) -> None:
    burden = np.random.default_rng(seed).gamma(0.3, 1e-6, len(pakistan.network.tail))
    a, b = at(pakistan, "Peshawar"), at(pakistan, "Quetta")
    found = pakistan.options(a, b, burden, 3, longest)
    assert found[0] == pakistan.routes(a, b, 1)[0]
    times = [route.duration_s for route in found]
    assert times == sorted(times)
    assert times[-1] <= longest * times[0] + 1e-6
    assert len({route.coordinates for route in found}) == len(found)
    # the same whatever the burden is measured in
    assert found == pakistan.options(a, b, burden * 1000, 3, longest)


def test_a_burden_on_the_quickest_way_brings_another_that_carries_less(pakistan: RoadGraph) -> None:
    a, b = at(pakistan, "Peshawar"), at(pakistan, "Quetta")
    quickest = pakistan.routes(a, b, 1)[0]
    roads = pakistan.network
    on_it = {(round(x, 6), round(y, 6)) for x, y in quickest.coordinates}
    burden = np.array(
        [
            1.0
            if {(round(roads.course_lon[n] / 1e7, 6), round(roads.course_lat[n] / 1e7, 6)) for n in (f, g)}
            <= on_it
            else 0.01
            for f, g in zip(roads.first, roads.last, strict=True)
        ]
    )
    found = pakistan.options(a, b, burden, 1, 2.5)
    assert len(found) > 1
    assert min(heavy(route, pakistan, burden) for route in found[1:]) < heavy(found[0], pakistan, burden)


def test_no_burden_gives_the_usual_alternatives(pakistan: RoadGraph) -> None:
    a, b = at(pakistan, "Karachi"), at(pakistan, "Islamabad")
    nothing = np.zeros(len(pakistan.network.tail))
    assert pakistan.options(a, b, nothing, 3, LONGER) == pakistan.routes(a, b, 3)


def test_what_are_no_weights_and_no_limit_is_refused(pakistan: RoadGraph) -> None:
    a, b, edges = at(pakistan, "Karachi"), at(pakistan, "Gwadar"), len(pakistan.network.tail)
    for wrong in (np.ones(3), np.full(edges, -1.0), np.full(edges, np.nan), np.full(edges, np.inf)):
        with pytest.raises(ValueError):
            pakistan.weighed(a, b, wrong)
        with pytest.raises(ValueError):
            pakistan.options(a, b, wrong)
    for longest in (0.9, 5.1, float("nan")):
        with pytest.raises(ValueError):
            pakistan.options(a, b, np.ones(edges), longest=longest)


def test_places_that_no_road_joins_say_so(tmp_path: Path) -> None:
    graph = RoadGraph(network(tmp_path, line((70, 30), (70.5, 30)), line((75, 30), (75.5, 30))))
    with pytest.raises(NoRoute) as not_joined:
        graph.options((30, 70), (30, 75), np.ones(2))
    assert not_joined.value.reason == "not_joined"
    with pytest.raises(NoRoute) as far:
        graph.options((30, 70), (10, 75), np.ones(2))
    assert far.value.reason == "destination_off_road"
