"""Roads and areas that an operator imports: GeoJSON and extracts of OpenStreetMap."""

from __future__ import annotations

import json
from typing import Any

from fuzz.target import Target
from fuzz.targets.ledger import scratch
from safeconduct.geo import areas, geojson, roads
from safeconduct.geo.network import RoadsError
from safeconduct.geo.sphere import GeometryError


def _collection(*features: dict[str, Any]) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def _feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    }


LINE = [[67.0, 24.8], [67.1, 24.9], [67.2, 24.95]]
RING = [[67.0, 24.8], [67.3, 24.8], [67.3, 25.1], [67.0, 24.8]]
ROADS = _collection(
    _feature(
        "LineString", LINE, highway="primary", name="N-5", maxspeed="80", from_town="A", to_town="B", km=12
    ),
    _feature("MultiLineString", [LINE, LINE[::-1]], highway="residential", oneway="yes"),
    _feature("Point", [67.0, 24.8], place="city", name="Karachi", others=["کراچی"]),
)
AREAS = _collection(
    _feature("Polygon", [RING], name="Malir", code="PK-SD"),
    _feature("MultiPolygon", [[RING], [[[70, 30], [71, 30], [71, 31], [70, 30]]]], shapeName="Two"),
)
OSM = b"""<?xml version="1.0"?><osm version="0.6"><node id="1" lat="24.8" lon="67.0"/><node id="2" lat="24.9" lon="67.1">
<tag k="place" v="town"/><tag k="name" v="X"/></node><way id="3"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/>
<tag k="maxspeed" v="60"/></way></osm>"""


def _features(data: bytes) -> list[Any]:
    return list(geojson.features(scratch("any.geojson", data)))


def _roads(data: bytes) -> float:
    return roads.read(scratch("roads.geojson", data)).kilometres


def _osm(data: bytes) -> float:
    return roads.read(scratch("roads.osm", data)).kilometres


def _areas(data: bytes) -> Any:
    found = areas.read(scratch("areas.geojson", data))
    return found.areas, found.outlines()


TARGETS = (
    Target(
        "GeoJSON",
        _features,
        (geojson.GeoJsonError,),
        lambda: [ROADS, AREAS],
        ("geo.geojson:_features",),
        form="json",
        stored=False,
        weight=2,
    ),
    Target(
        "GeoJSON as bytes", _features, (geojson.GeoJsonError,), lambda: [ROADS], (), stored=False, weight=2
    ),
    Target("roads", _roads, (RoadsError,), lambda: [ROADS], (), form="json", calls=2_000, weight=8),
    Target(
        "areas",
        _areas,
        (areas.AreasError, GeometryError),
        lambda: [AREAS],
        (),
        form="json",
        calls=2_000,
        weight=8,
    ),
    Target(
        "OpenStreetMap",
        _osm,
        (RoadsError,),
        lambda: [OSM],
        ("geo.roads:_entities",),
        words=(b"<node", b"<way", b"/>", b"<nd ref='9'/>", b'lat="1e99"', b"&x;", b"<!DOCTYPE"),
        calls=2_000,
        weight=16,
    ),
)
