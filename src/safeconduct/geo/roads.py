"""Reading roads from a file that the operator holds: GeoJSON, or an extract of OpenStreetMap (.osm, .osm.pbf)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import osmium.filter
import osmium.osm

from safeconduct.geo.geojson import GeoJsonError, features
from safeconduct.geo.network import SCALE, Ints, Lines, Origin, RoadNetwork, RoadsError
from safeconduct.geo.places import Place, place_of
from safeconduct.geo.speeds import road_of
from safeconduct.geo.sphere import GeometryError, of_geojson

OSM_SOURCE, OSM_LICENCE = "OpenStreetMap contributors", "ODbL 1.0, openstreetmap.org/copyright"
OSM_ENDINGS = (".osm", ".osm.pbf", ".osm.gz", ".osm.bz2", ".pbf")
MOST_OSM_BYTES = 8 * 1024**3
LONGEST_TEXT = 300

Progress = Callable[[str, int], None]
"""Called now and then with what is being read and how many there were so far."""


def read(
    path: Path,
    *,
    source: str = "",
    licence: str = "",
    schematic: bool = False,
    progress: Progress | None = None,
) -> RoadNetwork:
    """The roads of a file. Source and licence are kept and shown wherever the roads are.

    Raises RoadsError for a file that is none, cut off, too large, or holds no road; OSError if it cannot be read.
    """
    if not path.is_file():
        raise RoadsError(f"{path.name} is no file")
    if path.stat().st_size == 0:
        raise RoadsError(f"{path.name} is empty")
    tell = progress or (lambda what, count: None)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    source, licence = _line(source), _line(licence)
    if path.name.lower().endswith(OSM_ENDINGS):
        origin = Origin(source or OSM_SOURCE, licence or ("" if source else OSM_LICENCE), schematic, now)
        return _osm(path, origin, tell)
    if path.name.lower().endswith((".geojson", ".json")):
        return _geojson(path, Origin(source or _line(path.stem), licence, schematic, now), tell)
    raise RoadsError(f"{path.name}: roads come as .geojson, .osm, .osm.gz, .osm.bz2 or .osm.pbf")


def _geojson(path: Path, origin: Origin, tell: Progress) -> RoadNetwork:
    lines = Lines()
    towns: dict[str, Place] = {}
    try:
        for count, feature in enumerate(features(path), 1):
            _take(feature, lines, towns)
            if count % 1000 == 0:
                tell("features", count)
    except GeoJsonError as fault:
        raise RoadsError(f"{path.name}: {fault}") from fault
    known = {place.name for place in lines.places}
    for place in towns.values():
        if place.name not in known:
            lines.add_place(place)
    return lines.network(_unpacked, origin)


def _take(feature: dict[str, Any], lines: Lines, towns: dict[str, Place]) -> None:
    """One feature: lines are roads, points with a name are towns. What has no sound geometry is skipped."""
    tags, geometry = feature.get("properties") or {}, feature.get("geometry") or {}
    if not isinstance(tags, dict) or not isinstance(geometry, dict):
        lines.skipped += 1
        return
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "Point" and isinstance(coordinates, list) and len(coordinates) > 1:
        place = place_of(tags, coordinates[1], coordinates[0])
        if place:
            lines.add_place(place)
        return
    if kind not in ("LineString", "MultiLineString") or not isinstance(coordinates, list):
        return
    road = road_of(tags)
    if road is None:
        return
    for course in [coordinates] if kind == "LineString" else coordinates:
        try:
            positions = of_geojson(course if isinstance(course, list) else [course])
        except GeometryError:
            lines.skipped += 1
            continue
        lines.add(array("q", (_packed(p.lat, p.lon) for p in positions)), road)
        if positions:
            _ends(tags, positions[0], towns, "from_town")
            _ends(tags, positions[-1], towns, "to_town")


def _ends(tags: dict[str, Any], at: Any, towns: dict[str, Place], key: str) -> None:
    place = place_of({"name": tags.get(key)}, at.lat, at.lon)
    if place and len(towns) < 100_000:
        towns.setdefault(place.name, place)


def _packed(lat: float, lon: float) -> int:
    """A position as one whole number, to the 1e-7 of a degree; -180 is 180."""
    east = round(lon * SCALE)
    return (round(lat * SCALE) << 32) + ((-east if east == -1_800_000_000 else east) + 2**31)


def _unpacked(keys: Ints) -> tuple[Ints, Ints, Any]:
    lon = (keys & 0xFFFFFFFF) - 2**31
    return (keys >> 32).astype(np.int32), lon.astype(np.int32), np.ones(len(keys), bool)


def _osm(path: Path, origin: Origin, tell: Progress) -> RoadNetwork:
    if path.stat().st_size > MOST_OSM_BYTES:
        raise RoadsError(
            f"{path.name} is larger than {MOST_OSM_BYTES // 1024**3} GiB: take a smaller extract"
        )
    lines = Lines()
    try:
        _osm_ways(path, lines, tell)
        locate = _osm_locations(path, lines.keys, tell) if len(lines) else _unpacked
        _osm_places(path, lines)
    except (RuntimeError, ValueError, OSError, osmium.InvalidLocationError) as fault:
        if isinstance(fault, RoadsError):
            raise
        raise RoadsError(
            f"{path.name} is no OpenStreetMap file, or is cut off: {_line(str(fault))}"
        ) from fault
    return lines.network(locate, origin)


def _entities(path: Path, kind: Any, chosen: Any) -> Iterator[Any]:
    """Entities of one kind that a filter lets through, one after the other."""
    yield from osmium.FileProcessor(str(path), kind).with_filter(chosen)


def _osm_ways(path: Path, lines: Lines, tell: Progress) -> None:
    for count, way in enumerate(_entities(path, osmium.osm.WAY, osmium.filter.KeyFilter("highway")), 1):
        road = road_of({tag.k: tag.v for tag in way.tags})
        if road is not None:
            lines.add(array("q", (node.ref for node in way.nodes)), road)
        if count % 10_000 == 0:
            tell("ways", count)


def _osm_locations(path: Path, keys: Ints, tell: Progress) -> Any:
    """Where the nodes of the roads are. A way at the edge of an extract may name nodes that are not in it."""
    lat, lon, known = np.zeros(len(keys), np.int32), np.zeros(len(keys), np.int32), np.zeros(len(keys), bool)
    for count, node in enumerate(_entities(path, osmium.osm.NODE, osmium.filter.IdFilter(keys.tolist())), 1):
        at = int(np.searchsorted(keys, node.id))
        if at < len(keys) and keys[at] == node.id and node.location.valid():
            lat[at], lon[at], known[at] = round(node.lat * SCALE), round(node.lon * SCALE), True
        if count % 100_000 == 0:
            tell("positions", count)

    def locate(wanted: Ints) -> tuple[Ints, Ints, Any]:
        at = np.searchsorted(keys, wanted)
        return lat[at], lon[at], known[at]

    return locate


def _osm_places(path: Path, lines: Lines) -> None:
    for node in _entities(path, osmium.osm.NODE, osmium.filter.KeyFilter("place")):
        if node.location.valid():
            place = place_of({tag.k: tag.v for tag in node.tags}, node.lat, node.lon)
            if place:
                lines.add_place(place)


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_TEXT]
