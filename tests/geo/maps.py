"""Small road files for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safeconduct.geo.network import RoadNetwork
from safeconduct.geo.roads import read

SCHEMATIC = Path(__file__).parents[2] / "src/safeconduct/node/demonstration/roads/roads_schematic_pak.geojson"


def line(*course: tuple[float, float], **tags: Any) -> dict[str, Any]:
    """A road as a feature; positions are (longitude, latitude)."""
    geometry = {"type": "LineString", "coordinates": [list(pair) for pair in course]}
    return {"type": "Feature", "properties": tags, "geometry": geometry}


def town(name: str, lon: float, lat: float, **tags: Any) -> dict[str, Any]:
    geometry = {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "Feature", "properties": {"name": name, **tags}, "geometry": geometry}


def written(folder: Path, *features: dict[str, Any]) -> Path:
    path = folder / "roads.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


def network(folder: Path, *features: dict[str, Any]) -> RoadNetwork:
    return read(written(folder, *features), source="test")
