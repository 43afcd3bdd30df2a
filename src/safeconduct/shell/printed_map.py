"""A map for a paper, drawn from the node's own basemap: land, coast, boundaries, numbered places. Vector, no labels.

Coordinates are degrees, WGS 84, in the Mercator projection of the tiles. Boundaries that are disputed are dashed, and
dotted where the node's country does not accept them, as on the screen.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from mapbox_vector_tile import decode
from pmtiles.reader import MmapSource, Reader

BASEMAP = Path(__file__).resolve().parent / "static" / "dist" / "world.pmtiles"
WIDTH, HEIGHT = 1_000.0, 560.0
LEAST = 6 / 360
"""The least width of a map, as a part of the world's: about six degrees."""
DEEPEST = 6
FURTHEST = 85.0


class Place(NamedTuple):
    """Where something is, and the number by which the paper speaks of it; `grave` ones are drawn full."""

    longitude: float
    latitude: float
    number: int
    grave: bool = True


class _Frame(NamedTuple):
    """What of the world is drawn: its western and northern edge and its width, as parts of the world's width."""

    west: float
    north: float
    width: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        scale = WIDTH / self.width
        return (x - self.west) * scale, (y - self.north) * scale


def draw(places: Sequence[Place], viewpoint: str = "de-facto", country: str = "") -> str:
    """The map that shows all places, as SVG; "" when there is none, or the installation has no basemap."""
    if not places or not BASEMAP.is_file():
        return ""
    frame = _frame(places)
    code = "" if viewpoint == "de-facto" else country
    land, coast, borders = [], [], {"solid": list[str](), "dashed": list[str](), "dotted": list[str]()}
    for layer, geometry, properties in _features(frame):
        if layer == "land":
            land.append(_path(frame, geometry, closed=True))
        elif layer == "coast":
            coast.append(_path(frame, geometry))
        elif layer == "borders":
            borders[_drawn(properties, code)].append(_path(frame, geometry))
    lines = {"solid": "", "dashed": ' stroke-dasharray="6 4"', "dotted": ' stroke-dasharray="1.5 4"'}
    drawn = "".join(
        f'<path d="{"".join(paths)}" fill="none" stroke="#8a7f70" stroke-width="1.4"{lines[kind]}/>'
        for kind, paths in borders.items()
        if paths
    )
    marks = "".join(_mark(frame, place) for place in places)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
        f'width="{WIDTH:g}" height="{HEIGHT:g}"><rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="#dfe9f1"/>'
        f'<path d="{"".join(land)}" fill="#f6f3ec"/>'
        f'<path d="{"".join(coast)}" fill="none" stroke="#9fb2c2" stroke-width="1"/>{drawn}{marks}</svg>'
    )


def _mark(frame: _Frame, place: Place) -> str:
    x, y = frame.at(*_world(place.longitude, place.latitude))
    fill, ink = ("#a3261c", "#ffffff") if place.grave else ("#ffffff", "#a3261c")
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="13" fill="{fill}" stroke="#a3261c" stroke-width="2"/>'
        f'<text x="{x:.1f}" y="{y + 5:.1f}" font-family="Noto Sans" font-size="14" font-weight="700" '
        f'text-anchor="middle" fill="{ink}">{place.number}</text>'
    )


def _world(longitude: float, latitude: float) -> tuple[float, float]:
    """A position in the square world of the tiles, 0 to 1 from its north-western corner."""
    bounded = math.radians(max(-FURTHEST, min(FURTHEST, latitude)))
    return (longitude + 180) / 360, (1 - math.asinh(math.tan(bounded)) / math.pi) / 2


def _frame(places: Sequence[Place]) -> _Frame:
    spots = [_world(place.longitude, place.latitude) for place in places]
    west, east = min(x for x, _ in spots), max(x for x, _ in spots)
    north, south = min(y for _, y in spots), max(y for _, y in spots)
    width = min(1.0, max(LEAST, (east - west) * 1.25, (south - north) * 1.25 * WIDTH / HEIGHT))
    height = width * HEIGHT / WIDTH
    return _Frame((west + east - width) / 2, (north + south - height) / 2, width)


def _features(frame: _Frame) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """(layer, rings or lines in world coordinates, properties) of what lies in the frame, in a fixed order."""
    zoom = max(0, min(DEEPEST, math.floor(math.log2(3 / frame.width))))
    across = 1 << zoom
    height = frame.width * HEIGHT / WIDTH
    for y in range(
        max(0, int(frame.north * across)), min(across - 1, int((frame.north + height) * across)) + 1
    ):
        for x in range(math.floor(frame.west * across), math.floor((frame.west + frame.width) * across) + 1):
            for layer, found in _tile(zoom, x % across, y).items():
                for geometry, properties in found:
                    placed = [
                        [((x + px) / across, (y + py) / across) for px, py in line] for line in geometry
                    ]
                    yield layer, placed, properties


@lru_cache(maxsize=64)
def _tile(zoom: int, x: int, y: int) -> dict[str, list[tuple[Any, dict[str, Any]]]]:
    """By layer: (rings or lines in parts of the tile's width, properties)."""
    with BASEMAP.open("rb") as archive:
        packed = Reader(MmapSource(archive)).get(zoom, x, y)  # type: ignore[no-untyped-call]
    if not packed:
        return {}
    layers = decode(gzip.decompress(packed), default_options={"y_coord_down": True})
    found: dict[str, list[tuple[Any, dict[str, Any]]]] = {}
    for name in ("land", "coast", "borders"):
        layer = layers.get(name, {"features": (), "extent": 4096})
        for feature in layer["features"]:
            lines = _lines(feature["geometry"])
            scaled = [[(px / layer["extent"], py / layer["extent"]) for px, py in line] for line in lines]
            found.setdefault(name, []).append((scaled, feature["properties"]))
    return found


def _lines(geometry: Any) -> list[Any]:
    coordinates = geometry["coordinates"]
    match geometry["type"]:
        case "LineString":
            return [coordinates]
        case "Polygon" | "MultiLineString":
            return list(coordinates)
        case "MultiPolygon":
            return [ring for polygon in coordinates for ring in polygon]
    return []


def _path(frame: _Frame, lines: Sequence[Sequence[tuple[float, float]]], closed: bool = False) -> str:
    pieces = []
    for line in lines:
        spots = [frame.at(*spot) for spot in line]
        pieces.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots) + ("Z" if closed else ""))
    return "".join(pieces)


def _drawn(properties: dict[str, Any], code: str) -> str:
    if not properties.get("disputed") or (code and f"|{code}|" in str(properties.get("accepted", ""))):
        return "solid"
    return "dotted" if code and f"|{code}|" in str(properties.get("refused", "")) else "dashed"
