"""Ways and their figures: what events on a road do to it, what is not known, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from geo.maps import SCHEMATIC
from safeconduct.geo.roads import read
from safeconduct.geo.routing import RoadGraph
from safeconduct.risk.events import Events
from safeconduct.risk.passage import Halt, Nearness, expected
from safeconduct.risk.road_exposure import RoadExposure
from safeconduct.risk.ways import Asked, Past, Way, by_cell, halts_on, ways

UNTIL = 18_262  # 2020-01-01
NEAR = Nearness()


@pytest.fixture(scope="module")
def graph() -> RoadGraph:
    return RoadGraph(read(SCHEMATIC, schematic=True))


@pytest.fixture(scope="module")
def roads(graph: RoadGraph) -> RoadExposure:
    return RoadExposure.of(graph.network)


def at(graph: RoadGraph, name: str) -> tuple[float, float]:
    place = graph.places.find(name)
    assert place is not None
    return place.lat, place.lon


def on(
    course: tuple[tuple[float, float], ...], count: int, since: int = 360
) -> list[tuple[int, float, float, int, int]]:
    """So many events at places of a way, spread over the last days before the end."""
    rng = np.random.default_rng(4)
    places = [course[n] for n in rng.integers(0, len(course), count)]
    days = rng.integers(UNTIL - since, UNTIL, count)
    return [(int(day), lat, lon, 1, 1) for day, (lon, lat) in zip(days, places, strict=True)]


def asked(graph: RoadGraph, a: str = "Peshawar", b: str = "Quetta", **more: object) -> Asked:
    return Asked(at(graph, a), at(graph, b), **{"near": NEAR, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def struck(graph: RoadGraph) -> Past:
    """Many events on the quickest way from Peshawar to Quetta, a few all over the roads."""
    quickest = graph.routes(at(graph, "Peshawar"), at(graph, "Quetta"), 1)[0]
    everywhere = tuple((p.lon, p.lat) for p in graph.places.all)
    return Past.of(Events.of(on(quickest.coordinates[2:-2], 150) + on(everywhere, 150, 3000)), UNTIL)


@pytest.fixture(scope="module")
def found(graph: RoadGraph, roads: RoadExposure, struck: Past) -> list[Way]:
    return ways(graph, roads, struck, asked(graph, longest=2.5))


def test_a_way_around_many_events_is_lower_and_the_order_is_by_time(found: list[Way], struck: Past) -> None:
    times = [way.route.duration_s for way in found]
    assert times == sorted(times) and times[-1] <= 2.5 * times[0]
    assert found[0].against is None and found[0].year > 50
    lower = [way for way in found[1:] if way.against and way.against.verdict == "lower"]
    assert lower
    for way in lower:
        assert way.against is not None and way.against.high is not None
        assert way.against.lower >= 0.9 and way.against.high < 1
        assert way.events.value < found[0].events.value
    for way in found:
        assert way.events.low <= way.events.value * 1.05 and way.events.high >= way.events.value * 0.95
        assert 0 <= way.year <= way.ever
        assert len(struck.within(way.exposed.cells)) == way.year


def test_figures_are_the_sum_by_cell(found: list[Way], struck: Past) -> None:
    for way in found:
        rates, _ = struck.plain.at(way.exposed.cells)
        by_hand = sum(
            float(rate) * 2 * 1.0 * float(km) * 30 / 1440
            for rate, km in zip(rates, way.exposed.km, strict=True)
        )
        assert way.events.value == pytest.approx(by_hand)


def test_the_cells_of_a_way_have_all_of_its_figure(found: list[Way], struck: Past) -> None:
    for way in found:
        parts = by_cell(way, struck, NEAR)
        assert sum(part.events for part in parts) == pytest.approx(way.events.value)
        assert sum(part.km for part in parts) == pytest.approx(way.exposed.kilometres)
        assert (sum(part.year for part in parts), sum(part.ever for part in parts)) == (way.year, way.ever)
        assert [part.events for part in parts] == sorted((part.events for part in parts), reverse=True)


def test_the_same_again_is_the_same(
    graph: RoadGraph, roads: RoadExposure, struck: Past, found: list[Way]
) -> None:
    again = ways(graph, roads, struck, asked(graph, longest=2.5))
    assert [(way.route, way.events, way.against) for way in again] == [
        (way.route, way.events, way.against) for way in found
    ]


def test_which_ways_there_are_does_not_depend_on_width_or_window(
    graph: RoadGraph, roads: RoadExposure, struck: Past, found: list[Way]
) -> None:
    wide = ways(graph, roads, struck, asked(graph, longest=2.5, near=Nearness(5, 240)))
    assert [way.route for way in wide] == [way.route for way in found]
    for one, other in zip(wide, found, strict=True):
        assert one.events.value == pytest.approx(other.events.value * 5 * 8)
        assert (one.against and one.against.verdict) == (other.against and other.against.verdict)


def test_without_any_event_nothing_is_known(graph: RoadGraph, roads: RoadExposure) -> None:
    past = Past.of(Events.of([]), UNTIL)
    assert past.newest is None
    for way in ways(graph, roads, past, asked(graph)):
        assert (way.year, way.ever, way.events.value) == (0, 0, 0.0)
        assert way.beyond_km == pytest.approx(way.exposed.kilometres)
        assert way.against is None or way.against.verdict == "unknown"


def test_events_of_long_ago_make_no_difference_that_is_named(graph: RoadGraph, roads: RoadExposure) -> None:
    quickest = graph.routes(at(graph, "Peshawar"), at(graph, "Quetta"), 1)[0]
    old = [(day - 3000, *rest) for day, *rest in on(quickest.coordinates, 200)]
    for way in ways(graph, roads, Past.of(Events.of(old), UNTIL), asked(graph))[1:]:
        assert way.against is not None and way.against.verdict == "unknown"


def test_country_of_which_nothing_is_known_makes_no_way_lower(graph: RoadGraph, roads: RoadExposure) -> None:
    """All events lie around the middle of the quickest way; the others lead where none was ever near."""
    quickest = graph.routes(at(graph, "Peshawar"), at(graph, "Quetta"), 1)[0]
    middle = quickest.coordinates[len(quickest.coordinates) // 2]
    past = Past.of(Events.of(on((middle,), 60)), UNTIL)
    found = ways(graph, roads, past, asked(graph, longest=3.0))
    away = [way for way in found[1:] if way.year == 0 and way.beyond_km > 0.8 * way.exposed.kilometres]
    assert away
    for way in away:
        assert way.against is not None and way.against.lower >= 0.9
        assert way.against.verdict == "no_difference"


def test_what_is_not_known_well_enough_or_not_past_does_not_count(graph: RoadGraph) -> None:
    lat, lon = at(graph, "Quetta")
    rows = [
        (UNTIL - 5, lat, lon, 1, 1),
        (UNTIL - 5, lat, lon, 3, 1),
        (UNTIL - 5, lat, lon, 1, 4),
        (UNTIL - 5, float("nan"), float("nan"), 1, 1),
        (UNTIL, lat, lon, 1, 1),
        (UNTIL + 3, lat, lon, 1, 1),
    ]
    past = Past.of(Events.of(rows), UNTIL)
    assert len(past.chosen) == 1 and past.newest == UNTIL - 5


def test_a_halt_counts_on_the_ways_that_pass_it(graph: RoadGraph, roads: RoadExposure, struck: Past) -> None:
    plain = ways(graph, roads, struck, asked(graph, longest=2.5))
    place = plain[0].route.coordinates[len(plain[0].route.coordinates) // 2]
    halt = Halt(place[1], place[0], 120)
    far = Halt(10.0, 10.0, 120)
    halting = ways(graph, roads, struck, asked(graph, longest=2.5, halts=(far, halt)))
    assert halting[0].halts == (1,)
    for before, after in zip(plain, halting, strict=True):
        if after.halts:
            rates, _ = struck.plain.at(after.exposed.cells)
            added = float(expected(after.exposed, rates, NEAR)) - before.events.value
            assert added > 0 and after.events.value == pytest.approx(before.events.value + added)
        else:
            assert after.events.value == pytest.approx(before.events.value)
    assert halts_on([], [halt]) == () and halts_on(plain[0].route.coordinates, []) == ()
