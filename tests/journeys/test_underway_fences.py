"""Leaving the corridor, entering a Designated Area, leaving the site: noticed by what two fixes say, and once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journeys.journey_node import T0, Journeys, journeys
from safeconduct.geo.areas import read
from safeconduct.geo.atlas import designated_file
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.refusals import Malformed

ON_ROUTE = (25.5, 66.815)
OFF_ROUTE = (25.5, 66.95)
SQUARE = [[66.7, 25.4], [66.9, 25.4], [66.9, 25.6], [66.7, 25.6], [66.7, 25.4]]


@pytest.fixture
def node(bare_home: Home) -> Iterator[Journeys]:
    with journeys(bare_home) as found:
        yield found


def fix(
    node: Journeys, movement: str, minute: float, where: tuple[float, float], accuracy: Any = 20.0
) -> None:
    fixes = [["person-1", T0 + minute * 60, *where, accuracy]]
    node.writer.call("positions_seen", {"movement": movement, "fixes": fixes})


def departed(node: Journeys) -> str:
    movement = node.notify(check_plan={"points": []})
    node.clear(movement)
    node.at(10)
    node.say(movement, "departed")
    return movement


def told(node: Journeys, movement: str) -> list[tuple[str, str, str]]:
    return [(each["reason"], each["point"], each["state"]) for each in node.escalations(movement)]


@pytest.mark.usefixtures("carried")
def test_leaving_the_corridor_is_escalated_once_and_coming_back_settles_it(node: Journeys) -> None:
    movement = departed(node)
    fix(node, movement, 20, ON_ROUTE)
    fix(node, movement, 21, OFF_ROUTE)
    assert told(node, movement) == [], "one fix is noise"
    for minute in (22, 23, 24):
        fix(node, movement, minute, OFF_ROUTE)
    assert told(node, movement) == [("left_corridor", "", "raised")]
    assert node.row(movement).state == "under_way"
    node.at(21)
    (one,) = node.escalations(movement)
    assert one["rung"] == 2, "it climbs like any other"
    for minute in (30, 31):
        fix(node, movement, minute, ON_ROUTE)
    (one,) = node.escalations(movement)
    assert one["answer"]["outcome"] == "back"
    for minute in (40, 41):
        fix(node, movement, minute, OFF_ROUTE)
    assert len(node.escalations(movement)) == 2
    node.say(movement, "arrived")
    assert {state for _, _, state in told(node, movement)} == {"answered"}
    fix(node, movement, 43, OFF_ROUTE)
    assert node.read(lambda tx: tx.db.execute("SELECT count(*) FROM journey_fence").fetchone()[0]) == 0


def test_a_fix_that_is_not_sure_says_nothing(node: Journeys) -> None:
    movement = departed(node)
    for minute in range(20, 30):
        fix(node, movement, minute, OFF_ROUTE, accuracy=9_000.0)
        fix(node, movement, minute + 0.5, (25.5, 66.84), accuracy=1_500.0)
    assert told(node, movement) == []


def test_one_that_starts_off_the_route_is_noticed_and_before_departure_nobody_looks(node: Journeys) -> None:
    movement = node.notify(check_plan={"points": []})
    node.clear(movement)
    for minute in (1, 2, 3):
        fix(node, movement, minute, OFF_ROUTE)
    assert told(node, movement) == []
    node.at(10)
    node.say(movement, "departed")
    for minute in (11, 12):
        fix(node, movement, minute, OFF_ROUTE)
    assert told(node, movement) == [("left_corridor", "", "raised")]


def test_positions_of_check_ins_count(node: Journeys) -> None:
    movement = departed(node)
    for minute in (20, 30):
        node.at(minute)
        node.say(
            movement,
            "check_in",
            position={"latitude": OFF_ROUTE[0], "longitude": OFF_ROUTE[1], "accuracy_m": 10.0},
        )
    assert told(node, movement) == [("left_corridor", "", "raised")]


def test_entering_a_designated_area(node: Journeys, tmp_path: Path) -> None:
    feature = {
        "type": "Feature",
        "properties": {"name": "Restricted coast"},
        "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
    }
    file = tmp_path / "areas.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    read(file).save(designated_file(node.home.path))
    movement = departed(node)
    fix(node, movement, 20, (25.0, 66.97))
    for minute in (21, 22, 23):
        fix(node, movement, minute, ON_ROUTE)
    assert told(node, movement) == [("entered_area", "Restricted coast", "raised")]
    for minute in (30, 31):
        fix(node, movement, minute, (25.8, 66.724))
    assert told(node, movement) == [("entered_area", "Restricted coast", "answered")]


def test_damaged_areas_stop_nothing(node: Journeys) -> None:
    file = designated_file(node.home.path)
    file.parent.mkdir(parents=True)
    file.write_text("{")
    movement = departed(node)
    for minute in (20, 21):
        fix(node, movement, minute, OFF_ROUTE)
    assert told(node, movement) == [("left_corridor", "", "raised")]


def test_leaving_the_site_is_word_of_departure(node: Journeys) -> None:
    parts = {
        "identity": {"name": "Camp", "category": "work_site"},
        "place": {"latitude": 24.9, "longitude": 67.0, "radius_m": 500, "district": "Karachi"},
    }
    site = commit(node.system, Draft("site", parts)).record
    origin = {"place": "Karachi", "latitude": 24.9, "longitude": 67.0, "site": site}
    movement = node.notify(check_plan={"points": []}, itinerary={"origin": origin})
    node.clear(movement)
    node.at(9)
    for minute, latitude in ((5, 24.9), (6, 24.92), (7, 24.93)):
        fix(node, movement, minute, (latitude, 67.0))
    assert node.row(movement).state == "under_way"
    (word,) = node.about(movement, "check_in")
    assert word.values()["word"]["by"] == "position"


def test_hostile_positions_are_refused_and_strangers_ignored(node: Journeys) -> None:
    movement = departed(node)
    for bad in (
        [["p", T0, 91, 0, 1]],
        [["p", float("inf"), 0, 0, 1]],
        [["p", T0, "x", 0, 1]],
        [["p", T0, 0, 0]],
        [["p", 1e300, 0, 0, 1]],
        "x",
        [["p", T0, 0, 0, 1]] * 3_000,
    ):
        with pytest.raises(Malformed):
            node.writer.call("positions_seen", {"movement": movement, "fixes": bad})
    fix(node, "no such movement", 20, OFF_ROUTE)
    for accuracy in (-50.0, 0.0, None):
        fix(node, movement, 20, ON_ROUTE, accuracy)
    assert told(node, movement) == []
