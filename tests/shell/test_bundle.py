"""The browser's bundle: what it is made of, when it is made again, and that it holds to the content policy."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from pmtiles.reader import MmapSource, Reader

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "src/safeconduct/shell/static/dist"
SOURCES = sorted((ROOT / "frontend/src").rglob("*.css")) + sorted((ROOT / "frontend/src").rglob("*.js"))

built = pytest.mark.skipif(
    not (DIST / "shell.js").is_file(), reason="the bundle is made when the package is installed"
)


@pytest.fixture(scope="module")
def build() -> ModuleType:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lockfile_pins_every_package_and_names_no_machine() -> None:
    text = (ROOT / "frontend/package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    for name, package in packages.items():
        assert not name or package["integrity"].startswith("sha512-"), name
        resolved = package.get("resolved", "https://registry.npmjs.org/")
        assert resolved.startswith("https://registry.npmjs.org/"), name
    manifest = json.loads((ROOT / "frontend/package.json").read_text())
    for version in (manifest["dependencies"] | manifest["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_style_sheets_use_logical_properties_only() -> None:
    physical = re.compile(
        r"^\s*(?:margin|padding|border|inset)-(?:left|right|top|bottom)\b|^\s*(?:left|right|top|bottom):"
        r"|text-align:\s*left|float:",
        re.M,
    )
    ours = [p for p in SOURCES if p.suffix == ".css" and p.name != "map.css"]
    assert [(p.name, physical.findall(p.read_text())) for p in ours if physical.search(p.read_text())] == []


def test_modules_write_text_and_never_markup() -> None:
    markup = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|\beval\(|new Function"
    )
    for path in SOURCES:
        assert not markup.search(path.read_text()), path.name


def test_the_stamp_follows_the_sources(build: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "frontend", tmp_path / "frontend", ignore=shutil.ignore_patterns("node_modules"))
    before = build.bundle_digest(tmp_path), build.basemap_digest(tmp_path)
    style = tmp_path / "frontend/src/css/ground.css"
    style.write_text(style.read_text() + "\n")
    after = build.bundle_digest(tmp_path), build.basemap_digest(tmp_path)
    assert before[0] != after[0] and before[1] == after[1]
    places = tmp_path / "frontend/src/places.json"
    places.write_text(places.read_text() + "\n")
    assert build.basemap_digest(tmp_path) != before[1]


def test_a_missing_product_is_not_fresh(build: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "frontend", tmp_path / "frontend", ignore=shutil.ignore_patterns("node_modules"))
    dist = build.dist_folder(tmp_path)
    dist.mkdir(parents=True)
    (dist / build.BUNDLE_STAMP).write_text(build.bundle_digest(tmp_path))
    assert not build.bundle_is_fresh(tmp_path)
    (dist / "shell.js").write_text("")
    assert not build.bundle_is_fresh(tmp_path), "the typefaces are made with it"
    typefaces = tmp_path / "src/safeconduct/shell/typefaces"
    typefaces.mkdir()
    (typefaces / build.LAST_TYPEFACE).write_text("")
    assert build.bundle_is_fresh(tmp_path)
    assert not build.basemap_is_fresh(tmp_path)


def test_a_failing_command_says_why(build: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        build.run(["sh", "-c", "echo no such thing >&2; exit 3"], tmp_path, {"PATH": "/usr/bin:/bin"})


@built
def test_the_bundle_asks_nobody_else() -> None:
    """No address of another machine is loaded: only namespaces, licences and credits stand in the text."""
    for name in ("shell.js", "passkey.js", "app.css"):
        hosts = set(re.findall(r"https?://([\w.-]+)", (DIST / name).read_text()))
        assert hosts <= {"www.w3.org"}, (name, hosts)


@built
def test_the_basemap_covers_the_world_to_zoom_six() -> None:
    with (DIST / "world.pmtiles").open("rb") as archive:
        reader = Reader(MmapSource(archive))
        header = reader.header()
        assert (header["min_zoom"], header["max_zoom"]) == (0, 6)
        assert reader.get(0, 0, 0)
        assert reader.get(6, 44, 27)  # Karachi
        layers = [layer["id"] for layer in reader.metadata()["vector_layers"]]
    assert layers == ["land", "coast", "borders", "labels"]


def test_places_have_their_names_in_three_languages_and_stand_where_they_are() -> None:
    places = json.loads((ROOT / "frontend/src/places.json").read_text())
    names = [place["en"] for place in places]
    assert len(names) == len(set(names)) and {"Karachi", "Gwadar", "Besham", "Dasu"} <= set(names)
    for place in places:
        longitude, latitude = place["at"]
        assert -180 <= longitude <= 180 and -60 <= latitude <= 75 and 2 <= place["zoom"] <= 7
        assert re.search(r"[؀-ۿ]", place["ur"]) and re.search(r"[一-鿿]", place["zh"])
