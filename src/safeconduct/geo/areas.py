"""The areas of a file: provinces, districts, Designated Areas. Which of them a position is in, and a route crosses."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from safeconduct.geo.fences import Area, FenceSet
from safeconduct.geo.geojson import GeoJsonError, features
from safeconduct.geo.network import Origin
from safeconduct.geo.sphere import GeometryError, Point, pieces, vectors

MOST_AREAS = 20_000
MOST_CORNERS = 3_000_000
LONGEST = 200
STEP = 2_000.0
"""Metres of a route within which the order of what it crosses is not told apart."""
_NAMES = ("name", "NAME", "name:en", "shapeName", "ADM2_EN", "ADM1_EN", "district", "NAME_2", "NAME_1")
_CODES = ("code", "iso_3166_2", "ISO3166-2", "shapeISO", "ADM2_PCODE", "ADM1_PCODE")
FORMAT = 1


class AreasError(ValueError):
    """A file that holds no areas, or not in a way that can be read; the text says why."""


@dataclass(frozen=True)
class NamedArea:
    """An area's names and code, as its file gives them."""

    name: str
    code: str = ""
    name_ur: str = ""
    name_zh: str = ""

    def named(self, language: str) -> str:
        """The name in `en`, `ur` or `zh-hans`; the plain name where there is none."""
        return {"ur": self.name_ur, "zh-hans": self.name_zh}.get(language) or self.name


class AreaMap:
    """The areas of one file."""

    def __init__(self, areas: Sequence[tuple[NamedArea, Area]], origin: Origin) -> None:
        self.areas = [named for named, _ in areas]
        self.origin = origin
        self._shapes = [shape for _, shape in areas]
        self._rows = [shape.rows() for shape in self._shapes]
        self._set = FenceSet(dict(enumerate(self._shapes)))

    def at(self, where: Point) -> list[NamedArea]:
        """The areas that contain a position."""
        return [self.areas[number] for number in self._set.containing(where)]

    def shape(self, name: str) -> Area | None:
        """The area of that name; None where there is none."""
        for area, shape in zip(self.areas, self._shapes, strict=True):
            if area.name == name:
                return shape
        return None

    def crossed(self, coordinates: Sequence[Sequence[float]]) -> list[NamedArea]:
        """The areas that a line of `[longitude, latitude]` touches, in the order in which it does."""
        lons, lats = (np.array(column, float) for column in zip(*(c[:2] for c in coordinates), strict=True))
        course = vectors(lats, lons)
        starts, ends, owner = pieces(course[:-1], course[1:], STEP)
        found = []
        for number, (shape, rows) in enumerate(zip(self._shapes, self._rows, strict=True)):
            near = _near(rows, lats, lons)[owner]
            touched = np.flatnonzero(near)[shape.touches(starts[near], ends[near])]
            if len(touched):
                found.append((int(touched[0]), number))
        return [self.areas[number] for _, number in sorted(found)]

    def outlines(self) -> list[tuple[NamedArea, list[Any]]]:
        """Each area with the coordinates of a GeoJSON MultiPolygon."""
        return [
            (named, [[[[p.lon, p.lat] for p in r] for r in rings] for rings in shape.rings])
            for named, shape in zip(self.areas, self._shapes, strict=True)
        ]

    def save(self, path: Path) -> None:
        """Write by an atomic rename."""
        told = [{**asdict(named), "polygons": polygons} for named, polygons in self.outlines()]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        try:
            with temporary.open("w", encoding="utf-8") as target:
                json.dump({"format": FORMAT, "origin": asdict(self.origin), "areas": told}, target)
                target.flush()
                os.fsync(target.fileno())
            temporary.chmod(0o600)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> AreaMap:
        """Read what `save` wrote. Raises AreasError for anything else, OSError where there is no file."""
        try:
            held = json.loads(path.read_text("utf-8"))
            if held["format"] != FORMAT:
                raise AreasError(f"{path.name} is of another version: import the areas again")
            areas = []
            for told in held["areas"]:
                geometry = {"type": "MultiPolygon", "coordinates": told.pop("polygons")}
                areas.append((NamedArea(**told), Area.of_geometry(geometry)))
            return cls(areas, Origin(**held["origin"]))
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            if isinstance(fault, AreasError):
                raise
            raise AreasError(f"{path.name} is damaged: import the areas again") from fault


def read(path: Path, *, source: str = "", licence: str = "") -> AreaMap:
    """The polygons of a GeoJSON file that have a name. Raises AreasError for a file that is none or holds none."""
    if not path.is_file():
        raise AreasError(f"{path.name} is no file")
    areas: list[tuple[NamedArea, Area]] = []
    corners = 0
    try:
        for feature in features(path):
            found = _area(feature, len(areas) + 1)
            if found:
                areas.append(found)
                corners += sum(len(ring) for rings in found[1].rings for ring in rings)
            if len(areas) > MOST_AREAS or corners > MOST_CORNERS:
                raise AreasError(
                    f"more than {MOST_AREAS:,} areas or {MOST_CORNERS:,} corners: simplify the file"
                )
    except GeoJsonError as fault:
        raise AreasError(f"{path.name}: {fault}") from fault
    if not areas:
        raise AreasError(f"{path.name} holds no polygon with a name")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return AreaMap(areas, Origin((source or path.stem)[:LONGEST], licence[:LONGEST], False, now))


def _area(feature: dict[str, Any], number: int) -> tuple[NamedArea, Area] | None:
    tags, geometry = feature.get("properties"), feature.get("geometry")
    if not isinstance(tags, dict) or not isinstance(geometry, dict):
        return None
    if geometry.get("type") not in ("Polygon", "MultiPolygon"):
        return None
    name = _first(tags, _NAMES)
    if not name:
        return None
    try:
        shape = Area.of_geometry(geometry)
    except GeometryError as fault:
        raise AreasError(f"area {number} ({name}): {fault}") from fault
    zh = _first(tags, ("name:zh-Hans", "name:zh", "name_zh"))
    return NamedArea(name, _first(tags, _CODES), _first(tags, ("name:ur", "name_ur")), zh), shape


def _first(tags: dict[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        if isinstance(value := tags.get(key), str) and value.strip():
            return " ".join(value.split())[:LONGEST]
    return ""


def _near(rows: Any, lats: Any, lons: Any) -> Any:
    """Which segments of a line may reach into one of the boxes; a quarter of a degree is left for the bulge."""
    low, high = np.minimum(lats[:-1], lats[1:]) - 0.25, np.maximum(lats[:-1], lats[1:]) + 0.25
    turn = (np.diff(lons) + 180.0) % 360.0 - 180.0
    west = np.where(turn >= 0, lons[:-1], lons[1:])
    near = np.zeros(len(low), bool)
    far = np.maximum(np.abs(low), np.abs(high)) > 85.0
    for left, south, width, north in rows:
        beside = ((west - left) % 360.0 <= width) | ((left - west) % 360.0 <= np.abs(turn)) | far
        near |= beside & (low <= north) & (high >= south)
    return near | (np.abs(turn) > 10.0)
