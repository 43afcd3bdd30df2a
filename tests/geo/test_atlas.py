"""What a node has of roads and areas, and the commands that bring them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from geo.maps import SCHEMATIC, line, network, written
from safeconduct.geo import areas
from safeconduct.geo.areas import AreaMap, AreasError
from safeconduct.geo.atlas import Atlas, areas_file, roads_file
from safeconduct.geo.sphere import Point
from safeconduct.node.cli import main
from safeconduct.records.home import Home


def square(name: object, west: float = 62) -> dict:
    ring = [[west, 24], [west + 1, 24], [west + 1, 25], [west, 25], [west, 24]]
    return {
        "type": "Feature",
        "properties": {"name": name, "code": "X1"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def filed(folder: Path, *features: object) -> Path:
    path = folder / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return Home.create(tmp_path / "home", "pk", "host", "Host").path


def run(home: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--home", str(home), "import", *arguments])
    return result.exit_code, result.output


def test_a_home_without_files(tmp_path: Path) -> None:
    atlas = Atlas.load(tmp_path)
    assert (atlas.roads, atlas.areas, len(atlas.places), atlas.faults) == (None, None, 0, ())


def test_what_is_imported_is_there_at_once(home: Path, tmp_path: Path) -> None:
    assert Atlas.load(home).roads is None
    code, told = run(home, "roads", "--schematic", "--source", "Own", "--licence", "CC0", str(SCHEMATIC))
    assert code == 0
    assert "158 pieces of road, 13,934 km, 132 towns" in told
    assert "source: Own; licence: CC0" in told
    assert "schematic, not for navigation" in told
    atlas = Atlas.load(home)
    assert atlas.roads is not None
    assert atlas is Atlas.load(home)
    assert atlas.places.find("Gwadar") is not None
    assert run(home, "areas", str(filed(tmp_path, square("Sindh"), square("Punjab", 63))))[0] == 0
    both = Atlas.load(home)
    assert both.areas is not None
    assert both.roads is not None
    assert [a.name for a in both.areas.at(Point(24.5, 62.5))] == ["Sindh"]
    route = both.roads.routes((24.8608, 67.0104), (25.1216, 62.3254))[0]
    assert route.passed.areas_by == "areas"
    assert run(home, "roads", str(written(tmp_path, line((62, 25), (63, 25)))))[0] == 0
    replaced = Atlas.load(home)
    assert replaced.roads is not None
    assert len(replaced.roads.network.tail) == 1
    assert replaced.roads.origin.source == "roads"


def test_a_wrong_file_leaves_what_was_there(home: Path, tmp_path: Path) -> None:
    run(home, "roads", str(SCHEMATIC))
    before = roads_file(home).read_bytes()
    (tmp_path / "cut.geojson").write_bytes(SCHEMATIC.read_bytes()[:20_000])
    for kind, file in (("roads", tmp_path / "cut.geojson"), ("areas", SCHEMATIC)):
        code, told = run(home, kind, str(file))
        assert code == 1
        assert told.startswith(f"safeconduct: {file.name}")
        assert told.count("\n") == 1
    assert roads_file(home).read_bytes() == before
    assert not areas_file(home).exists()
    assert run(tmp_path / "nowhere", "roads", str(SCHEMATIC))[0] == 1


def test_a_damaged_file_is_told_and_the_rest_works(home: Path, tmp_path: Path) -> None:
    run(home, "roads", str(SCHEMATIC))
    areas_file(home).write_text('{"format": 1}')
    atlas = Atlas.load(home)
    assert atlas.roads is not None
    assert atlas.areas is None
    assert atlas.faults == ("areas.json is damaged: import the areas again",)
    roads_file(home).write_bytes(b"x")
    os.utime(roads_file(home), (1, 1))
    assert len(Atlas.load(home).faults) == 2


@pytest.mark.parametrize(
    "features",
    [
        [],
        [{"properties": {"name": "A"}, "geometry": {"type": "Point", "coordinates": [1, 2]}}],
        [square(7)],
        [square("")],
        [{"properties": {"name": "A"}, "geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}}],
        [{"properties": {"name": "A"}, "geometry": {"type": "Polygon", "coordinates": [["a"]]}}],
        [{"properties": {"name": "A"}, "geometry": {"type": "MultiPolygon", "coordinates": 7}}],
        [1, None, []],
    ],
)
def test_a_file_without_areas(tmp_path: Path, features: list) -> None:
    with pytest.raises(AreasError):
        areas.read(filed(tmp_path, *features))


def test_areas_saved_and_loaded_again(tmp_path: Path) -> None:
    bow = square("Bow")
    bow["geometry"]["coordinates"] = [[[62, 24], [63, 25], [63, 24], [62, 25], [62, 24]]]
    found = areas.read(filed(tmp_path, square("A"), bow), source="own", licence="CC0")
    found.save(tmp_path / "areas.json")
    again = AreaMap.load(tmp_path / "areas.json")
    assert again.areas == found.areas
    assert again.origin == found.origin
    assert again.at(Point(24.5, 62.2)) == found.at(Point(24.5, 62.2))
    assert [a.code for a in again.areas] == ["X1", "X1"]


def test_the_demonstration_brings_its_roads(home: Path) -> None:
    from safeconduct.node.demonstration.schematic import lay_roads

    lay_roads(Home.load(home))
    roads = Atlas.load(home).roads
    assert roads is not None
    assert roads.origin.schematic
    assert "GeoNames" in roads.origin.licence


def test_a_network_of_a_test_is_not_schematic(tmp_path: Path) -> None:
    assert not network(tmp_path, line((62, 25), (63, 25))).origin.schematic
