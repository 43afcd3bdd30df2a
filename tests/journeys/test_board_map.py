"""The live map: what is drawn, what is read and noted by drawing it, and what is never in it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journeys.roads import at, movement, officer, receive, said
from journeys.test_board import escort, readings
from paired import agree, paired
from safeconduct.geo.areas import AreaMap, NamedArea
from safeconduct.geo.atlas import designated_file
from safeconduct.geo.fences import Area
from safeconduct.geo.network import Origin
from safeconduct.geo.sphere import Point
from safeconduct.journeys.board_drawing import circle, share, stretch
from safeconduct.positions.reading import store
from safeconduct.positions.store import Position
from safeconduct.records import here
from safeconduct.records.home import Home


@pytest.fixture
def host(host_home: Home, tmp_path: Path) -> Iterator[Home]:
    with paired(host_home, tmp_path) as (home, key):
        agree({"5"}, key)
        yield home


def going(reference: str, state: str = "under_way", **more: Any) -> str:
    return receive("movement", movement(reference, departs=-1), state=state, **more)


def seen(record: str, hours: float, latitude: float, released: tuple[str, ...] = ()) -> str:
    word = {"at": at(hours), "entered": at(hours), "category": "check_in", "point": "Gate"}
    position = {"latitude": latitude, "longitude": 67.2, "accuracy_m": 40.0}
    return receive("check_in", {"word": word, "position": position}, about=record, released=released)


def features(text: str) -> list[dict[str, Any]]:
    (found,) = re.findall(r'<script id="journey-features" type="application/json">(.*?)</script>', text, re.S)
    return list(json.loads(found)["features"])


def of(found: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [each for each in found if each["properties"]["what"] == what]


def test_the_map_draws_routes_and_only_the_last_position_and_notes_that(host: Home) -> None:
    client, _ = officer("watch_officer")
    record = going("MN-1")
    receive("movement", movement("MN-later", departs=3))
    seen(record, -0.9, 24.111)
    last = seen(record, -0.2, 24.222)
    seen(record, -0.5, 24.333)
    text = said(client, "/journeys/map/")
    found = features(text)
    (position,) = of(found, "position")
    assert position["geometry"]["coordinates"] == [67.2, 24.222]
    assert position["properties"]["title"] == "MN-1"
    (route,) = of(found, "route")
    assert route["properties"]["schematic"] and len(route["geometry"]["coordinates"]) == 3
    assert of(found, "accuracy")
    assert "24.2220, 67.2000" in text and "24.111" not in text and "24.333" not in text
    assert "MN-later" not in text
    assert "not for navigation" in text
    assert 'class="banner" data-level="CONFIDENTIAL"' in text
    noted = here.tables().all("SELECT parts FROM records_row WHERE kind = 'reading'", [])
    items = [item for (parts,) in noted for item in json.loads(parts)["what"]["records"]]
    assert sorted(part for item in items for part in item["parts"]) == ["itinerary", "position"]
    assert last in json.dumps(items) and len(noted) == 2


def test_who_may_not_see_a_route_or_position_gets_neither_and_is_told(host: Home) -> None:
    record = going("MN-1")
    seen(record, -0.2, 24.222)
    client, _ = officer("watch_officer", clearance=1)
    text = said(client, "/journeys/map/")
    found = features(text)
    assert not of(found, "route") and not of(found, "position")
    assert "24.222" not in text and "67.33" not in text
    assert "Position: withheld" in text
    assert readings() == 0
    liaison, _ = officer("liaison")
    text = said(liaison, "/journeys/map/")
    assert "No position that you may see" in text and "24.222" not in text
    nobody, _ = officer("administrator")
    text = said(nobody, "/journeys/map/")
    assert "MN-1" not in text and record not in text


def test_a_position_that_was_not_released_is_not_taken_for_an_older_one(host: Home) -> None:
    """The last word is shown as withheld only when no position at all may be shown."""
    client, _ = officer("watch_officer")
    record = going("MN-1")
    seen(record, -0.2, 24.222, released=("word",))
    text = said(client, "/journeys/map/")
    assert "Position: withheld" in text and not of(features(text), "position")


def test_legs_have_the_colour_of_their_unit_which_the_legend_names(host: Home) -> None:
    client, _ = officer("watch_officer")
    _, chief = officer("coordinator")
    record = going("MN-1")
    escort(chief, record, "malir-police", 1, -1)
    escort(chief, record, "thatta-police", 2, 1)
    text = said(client, "/journeys/map/")
    legend = text.split('class="map-legend"')[1].split("</ul>")[0]
    assert "Unit malir-police" in legend and "Unit thatta-police" in legend
    assert "Unit malir-police" in text.split('id="map-lines"')[1]
    drawn = of(features(text), "leg")
    assert {each["properties"]["unit"] for each in drawn} == {"Unit malir-police", "Unit thatta-police"}
    assert len({each["properties"]["colour"] for each in drawn}) == 2


def test_only_what_has_changed_is_read_again(host: Home) -> None:
    client, _ = officer("watch_officer")
    first, second = going("MN-1"), going("MN-2")
    ended = receive("movement", movement("MN-3", departs=-2), state="arrived")
    said(client, "/journeys/map/")
    before = readings()
    body = client.get(f"/journeys/map.geojson?ids={first},{ended},{'f' * 32}").json()
    assert {each["properties"]["journey"] for each in body["features"]} == {first}
    assert set(body["lines"]) == {first} and "MN-1" in body["lines"][first]
    assert readings() > before
    before = readings()
    body = client.get("/journeys/map.geojson?ids=*").json()
    assert set(body["lines"]) == {first, second}
    assert client.get("/journeys/map.geojson").json()["features"] == []
    hidden, _ = officer("administrator")
    assert hidden.get("/journeys/map.geojson?ids=*").json()["lines"] == {}


def test_a_circle_is_closed_and_has_its_radius() -> None:
    ring = circle(24.9, 67.2, 500)
    assert ring[0] == ring[-1] and len(ring) > 12
    assert all(abs(lat - 24.9) < 0.0046 and abs(lon - 67.2) < 0.0051 for lon, lat in ring)


def test_a_leg_is_the_stretch_of_the_route_between_its_ends() -> None:
    route = [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0)]
    assert stretch(route, (0.9, 0.1), (2.1, 0.1)) == [(0.9, 0.1), (1.0, 0.0), (2.0, 0.0), (2.1, 0.1)]
    assert stretch(route, (3.0, 0.0), (0.0, 0.0)) == [(3.0, 0.0), (0.0, 0.0)]


def test_a_phones_newer_position_is_shown_to_who_reads_the_itinerary_and_to_nobody_else(host: Home) -> None:
    client, _ = officer("watch_officer")
    record = going("MN-1")
    seen(record, -0.9, 24.111)
    store().put([Position(record, "traveller", time.time() - 30, 24.777, 67.3, 12.0)])
    text = said(client, "/journeys/map/")
    (position,) = of(features(text), "position")
    assert position["geometry"]["coordinates"] == [67.3, 24.777]
    assert "24.7770, 67.3000" in text and "24.111" not in text
    for role in ("liaison", "commander"):
        other, _ = officer(role)
        assert "24.777" not in said(other, "/journeys/map/")


def test_designated_areas_and_site_perimeters_are_drawn(host: Home) -> None:
    square = [[[(67.0, 24.5), (67.5, 24.5), (67.5, 25.0), (67.0, 25.0)]]]
    area = Area([[[Point(lat, lon) for lon, lat in ring] for ring in rings] for rings in square])
    AreaMap([(NamedArea("Port zone", name_ur="بندرگاہ"), area)], Origin("test")).save(
        designated_file(host.path)
    )
    client, _ = officer("watch_officer")
    (found,) = of(features(said(client, "/journeys/map/")), "area")
    assert found["properties"]["title"] == "Port zone"
    (found,) = of(features(said(client, "/journeys/map/", **{"Accept-Language": "ur"})), "area")
    assert found["properties"]["title"] == "بندرگاہ"
    designated_file(host.path).write_text("{}")
    assert of(features(said(client, "/journeys/map/")), "area") == []


def test_a_leg_without_coordinates_is_its_share_of_the_planned_time() -> None:
    route = [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (4.0, 0.0)]
    piece = share(route, 0.25, 0.75)
    assert [(round(lon, 3), round(lat, 3)) for lon, lat in piece] == [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0)]
    assert share(route, -1, 9)[0] == (0.0, 0.0) and round(share(route, -1, 9)[-1][0], 6) == 4.0
    assert share(route, 0.5, 0.5) == [] == share([(1.0, 1.0), (1.0, 1.0)], 0, 1)
