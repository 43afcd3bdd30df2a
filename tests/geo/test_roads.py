"""Reading roads: what is a road, where lines meet, and files that are wrong, cut off, huge or hostile."""

from __future__ import annotations

import bz2
import gzip
import json
import random
from pathlib import Path

import numpy as np
import osmium
import pytest

from geo.maps import SCHEMATIC, line, network, town, written
from safeconduct.geo import geojson, sphere
from safeconduct.geo import network as network_module
from safeconduct.geo.network import CLASSES, RoadNetwork, RoadsError
from safeconduct.geo.roads import read
from safeconduct.geo.speeds import KMH, road_of
from safeconduct.geo.sphere import Point

OSM = """<?xml version="1.0"?><osm version="0.6">
<node id="1" lat="25.0" lon="62.0"/><node id="2" lat="25.0" lon="62.1"/><node id="3" lat="25.0" lon="62.2"/>
<node id="4" lat="25.1" lon="62.1"/>
<node id="9" lat="25.1" lon="62.1"><tag k="place" v="town"/><tag k="name" v="گوادر"/>
<tag k="name:en" v="Gwadar"/><tag k="name:ur" v="گوادر"/><tag k="name:zh" v="瓜达尔"/></node>
<way id="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="motorway"/><tag k="ref" v="M-8"/></way>
<way id="2"><nd ref="2"/><nd ref="4"/><nd ref="77"/><tag k="highway" v="residential"/></way>
<way id="3"><nd ref="1"/><nd ref="4"/><tag k="route" v="ferry"/></way>
<way id="4"><nd ref="1"/><nd ref="4"/><tag k="highway" v="footway"/></way>
<way id="5"><nd ref="1"/><nd ref="4"/><tag k="highway" v="primary"/><tag k="access" v="private"/></way>
</osm>"""


def test_the_demonstrations_roads() -> None:
    found = read(SCHEMATIC, source="own", licence="CC0", schematic=True)
    assert (len(found.tail), len(found.node_lat), len(found.places)) == (158, 132, 132)
    assert found.origin.schematic
    assert (found.origin.source, found.origin.licence) == ("own", "CC0")
    assert found.kilometres == pytest.approx(13_934, abs=1)
    assert SCHEMATIC.stat().st_size < 200_000
    assert all(p.district and p.province and p.name_ur for p in found.places)


def test_lines_meet_where_one_ends_on_another_and_not_where_they_only_cross(tmp_path: Path) -> None:
    east_west = line((62.0, 25.0), (62.1, 25.0), (62.2, 25.0), name="N-10")
    branch = line((62.1, 25.0), (62.1, 25.1))
    bridge = line((62.15, 24.9), (62.15, 25.1))
    found = network(tmp_path, east_west, branch, bridge)
    assert len(found.tail) == 4
    assert len(found.node_lat) == 6
    degree = np.bincount(np.concatenate((found.tail, found.head)))
    assert sorted(degree) == [1, 1, 1, 1, 1, 3]
    assert "N-10" in found.names


def test_lengths_are_those_on_the_sphere_or_those_told(tmp_path: Path) -> None:
    found = network(tmp_path, line((62, 25), (63, 25)), line((62, 26), (62.5, 26), (63, 26), km=150))
    metres = sorted(found.metres)
    assert metres[0] == pytest.approx(sphere.distance(Point(25, 62), Point(25, 63)), rel=1e-6)
    assert metres[1] == pytest.approx(150_000)


def test_the_same_road_over_the_antimeridian(tmp_path: Path) -> None:
    found = network(tmp_path, line((179.9, 0), (180, 0)), line((-180, 0), (-179.9, 0)))
    assert len(found.node_lat) == 3
    assert found.kilometres == pytest.approx(22.2, abs=0.1)


@pytest.mark.parametrize(
    ("tags", "road_class", "kmh", "direction"),
    [
        ({"highway": "motorway"}, "motorway", 95, 1),
        ({"highway": "motorway", "oneway": "no"}, "motorway", 95, 0),
        ({"highway": "motorway_link"}, "motorway", 45, 0),
        ({"highway": "primary", "oneway": "-1"}, "primary", 55, -1),
        ({"highway": "primary", "oneway": "yes", "maxspeed": "30"}, "primary", 30, 1),
        ({"highway": "primary", "maxspeed": "120"}, "primary", 55, 0),
        ({"highway": "trunk", "maxspeed": "30 mph"}, "trunk", 48.28, 0),
        ({"highway": "trunk", "maxspeed": "0"}, "trunk", 65, 0),
        ({"highway": "trunk", "maxspeed": "PK:urban"}, "trunk", 65, 0),
        ({"highway": "tertiary", "junction": "roundabout"}, "tertiary", 38, 1),
        ({"fclass": "secondary", "oneway": "B"}, "secondary", 45, 0),
        ({"fclass": "secondary", "oneway": "F"}, "secondary", 45, 1),
        ({"fclass": "motorway", "oneway": "T"}, "motorway", 95, -1),
        ({"class": "national highway", "assumed_kmh": 60}, "trunk", 60, 0),
        ({"class": "national highway", "assumed_kmh": 1e9}, "trunk", 65, 0),
        ({"type": "whatever"}, "unclassified", 30, 0),
        ({}, "unclassified", 30, 0),
    ],
)
def test_what_tags_say(tags: dict, road_class: str, kmh: float, direction: int) -> None:
    found = road_of(tags)
    assert found is not None
    assert (found.road_class, found.direction) == (road_class, direction)
    assert found.kmh == pytest.approx(kmh, abs=0.01)


@pytest.mark.parametrize(
    "tags",
    [
        {"route": "ferry"},
        {"type": "Ferry Route"},
        {"highway": "path"},
        {"highway": "construction"},
        {"fclass": "track"},
        {"highway": "primary", "access": "no"},
        {"highway": "service", "motor_vehicle": "private"},
        {"railway": "rail"},
        {"highway": "residential", "area": "yes"},
    ],
)
def test_what_is_no_road_for_vehicles(tags: dict) -> None:
    assert road_of(tags) is None


def check_osm(found: RoadNetwork) -> None:
    assert len(found.tail) == 3
    assert {CLASSES[c] for c in found.road_class} == {"motorway", "residential"}
    motorway = found.road_class == CLASSES.index("motorway")
    assert found.one_way[motorway].all()
    assert not found.one_way[~motorway].any()
    assert [p.name for p in found.places] == ["Gwadar"]
    assert (found.places[0].name_ur, found.places[0].name_zh) == ("گوادر", "瓜达尔")
    assert "OpenStreetMap" in found.origin.source
    assert "ODbL" in found.origin.licence


def test_an_extract_of_openstreetmap(tmp_path: Path) -> None:
    """As XML, packed and as protocol buffers; node 77 of way 2 lies outside the extract."""
    plain = tmp_path / "x.osm"
    plain.write_text(OSM)
    (tmp_path / "y.osm.gz").write_bytes(gzip.compress(OSM.encode()))
    (tmp_path / "z.osm.bz2").write_bytes(bz2.compress(OSM.encode()))
    with osmium.SimpleWriter(str(tmp_path / "p.osm.pbf")) as target:
        for entity in osmium.FileProcessor(str(plain)):
            target.add(entity)
    for name in ("x.osm", "y.osm.gz", "z.osm.bz2", "p.osm.pbf"):
        check_osm(read(tmp_path / name))
    pbf = (tmp_path / "p.osm.pbf").read_bytes()
    for cut in (10, len(pbf) // 2, len(pbf) - 3):
        (tmp_path / "cut.osm.pbf").write_bytes(pbf[:cut])
        with pytest.raises(RoadsError, match=r"cut\.osm\.pbf"):
            read(tmp_path / "cut.osm.pbf")


HOSTILE_OSM = {
    "cut": OSM[: len(OSM) // 2],
    "noise": "".join(chr(random.Random(1).randrange(32, 126)) for _ in range(5000)),
    "entities": '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    + OSM.replace("M-8", "&b;"),
    "outside": '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + OSM.replace("M-8", "&a;"),
    "wrong numbers": OSM.replace('lat="25.0"', 'lat="x"'),
    "far off": OSM.replace('lat="25.0"', 'lat="912"'),
    "no roads": '<osm version="0.6"><node id="1" lat="1" lon="1"/></osm>',
    "no osm": "<html></html>",
    "ids": OSM.replace('ref="2"', 'ref="99999999999999999999999"'),
}


@pytest.mark.parametrize("name", HOSTILE_OSM)
def test_an_extract_that_is_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.osm"
    path.write_text(HOSTILE_OSM[name])
    with pytest.raises(RoadsError):
        read(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{}",
        "not json",
        '{"features": 7}',
        '{"features": {"a": [1]}}',
        '{"type": "FeatureCollection", "features": []}',
        '{"features": [' + "[" * 100_000,
        '{"a":' * 100_000,
        '{"features": [{"geometry": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}]}",
        '{"features": [1, "a", null, [], {"geometry": null}, {"properties": 7, "geometry": 8}]}',
        '{"features": [{"geometry": {"type": "LineString", "coordinates": [[1, 2]]}}]}',
        '{"features": [{"geometry": {"type": "LineString", "coordinates": [[1, 2], [1, 2]]}}]}',
        '{"features": [{"geometry": {"type": "LineString", "coordinates": [[1, 91], [1, 2]]}}]}',
        '{"features": [{"geometry": {"type": "LineString", "coordinates": [1, 2]}}]}',
        '{"features": [{"geometry": {"type": "LineString", "coordinates": [[1e400, 2], [1, 2]]}}]}',
        '{"features": [{"geometry": {"type": "LineString", "coordinates": [["a", {}], [null, 2]]}}]}',
        '{"features": [{"geometry": {"type": "MultiLineString", "coordinates": [1, [2], [[3]]]}}]}',
        '{"features": [{"geometry": {"type": ["LineString"], "coordinates": {"0": 1}}}]}',
    ],
)
def test_geojson_that_holds_no_road(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.geojson"
    path.write_text(text)
    with pytest.raises(RoadsError):
        read(path)


def test_a_file_cut_anywhere_is_refused_or_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    whole = written(tmp_path, line((62, 25), (63, 25)), town("Gwadar", 62, 25)).read_bytes()
    path = tmp_path / "cut.geojson"
    for size in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:size])
        with pytest.raises(RoadsError):
            read(path)
    path.write_bytes(whole.replace(b"62", b"\xff\xfe"))
    with pytest.raises(RoadsError):
        read(path)


def test_one_bad_line_does_not_spoil_the_others(tmp_path: Path) -> None:
    found = network(tmp_path, line((62, 25), (63, 25)), line((62, 25), (63, 95)), line((1, 1)))
    assert len(found.tail) == 1


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, line(*((62 + n / 100, 25) for n in range(50))))
    monkeypatch.setattr(geojson, "MOST_EVENTS", 100)
    with pytest.raises(RoadsError, match="more than 100 values"):
        read(path)
    monkeypatch.undo()
    monkeypatch.setattr(network_module, "MOST_POINTS", 20)
    with pytest.raises(RoadsError, match="smaller region"):
        read(path)
    monkeypatch.undo()
    monkeypatch.setattr(geojson, "MOST_BYTES", 10)
    with pytest.raises(RoadsError, match="larger than"):
        read(path)
    monkeypatch.undo()
    monkeypatch.setattr(network_module, "MOST_EDGES", 0)
    with pytest.raises(RoadsError, match="pieces of road"):
        read(path)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "a.shp").write_bytes(b"123")
    with pytest.raises(RoadsError, match="roads come as"):
        read(tmp_path / "a.shp")
    with pytest.raises(RoadsError, match="no file"):
        read(tmp_path)


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    found = read(SCHEMATIC, schematic=True)
    path = tmp_path / "roads" / "roads.npz"
    found.save(path)
    again = RoadNetwork.load(path)
    assert again.origin == found.origin
    assert again.places == found.places
    assert again.names == found.names
    assert np.array_equal(again.metres, found.metres)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["roads.npz"]


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "roads.npz"
    read(SCHEMATIC).save(path)
    whole = path.read_bytes()
    for damaged in (b"", b"PK", whole[: len(whole) // 2], whole[:-200] + bytes(200), b"\x80\x04N."):
        path.write_bytes(damaged)
        with pytest.raises(RoadsError, match="damaged"):
            RoadNetwork.load(path)
    arrays = dict(np.load(_restored(path, whole), allow_pickle=False))
    for change in (
        {"tail": arrays["tail"] + 1000},
        {"metres": arrays["metres"][:-1]},
        {"head": np.array(["a"])},
    ):
        np.savez(path, **{**arrays, **change})
        with pytest.raises(RoadsError, match="damaged"):
            RoadNetwork.load(path)
    told = json.loads(arrays["told"].tobytes())
    arrays["told"] = np.frombuffer(json.dumps({**told, "format": 99}).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(RoadsError, match="another version"):
        RoadNetwork.load(path)


def _restored(path: Path, whole: bytes) -> Path:
    path.write_bytes(whole)
    return path


def test_the_table_of_speeds_is_in_order() -> None:
    assert list(KMH.values()) == sorted(KMH.values(), reverse=True)
