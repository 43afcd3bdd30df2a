"""What the tags of a line say about it as a road: its class, its direction, how fast one gets on.

The tags are OpenStreetMap's (`highway`, `oneway`, `maxspeed`, `junction`, `access`), those of common extracts of it
(`fclass`) and plain ones (`class`, `assumed_kmh`, `km`). A speed is an assumption about getting from town to town,
with traffic and halts; a signed maximum lowers it and never raises it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KMH = {
    "motorway": 95.0,
    "trunk": 65.0,
    "primary": 55.0,
    "secondary": 45.0,
    "tertiary": 38.0,
    "unclassified": 30.0,
    "residential": 22.0,
    "living_street": 10.0,
}
"""Assumed km/h by class. A link road (`motorway_link`) has its class's, but 45 at most."""
LINK_KMH = 45.0
SLOWEST, FASTEST = 3.0, 150.0

_NAMED = {
    "major highway": "trunk",
    "national highway": "trunk",
    "highway": "trunk",
    "expressway": "motorway",
    "beltway": "trunk",
    "bypass": "trunk",
    "secondary highway": "secondary",
    "provincial highway": "primary",
    "mountain / secondary": "secondary",
    "road": "tertiary",
}
_CLOSED = {"no", "private", "agricultural", "forestry", "military"}
_YES, _NO, _BACK = (
    {"yes", "true", "1", "f", "ft"},
    {"no", "false", "0", "b", ""},
    {"-1", "reverse", "t", "tf"},
)
_SPEED = re.compile(r"(\d{1,3}(?:\.\d+)?) *(mph|km/h|kmh|kph)?")
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Road:
    """A line as a road. `direction`: 0 both ways, 1 only as drawn, -1 only against it. `metres` None: as drawn."""

    road_class: str
    kmh: float
    direction: int = 0
    name: str = ""
    metres: float | None = None


def road_of(tags: Mapping[str, Any]) -> Road | None:
    """The road that tags describe, or None for what no vehicle may or can use: ferries, paths, tracks, railways."""
    told = {key: str(value).strip() for key, value in tags.items() if isinstance(value, (str, int, float))}
    if _no_road(told):
        return None
    strict = told.get("highway") or told.get("fclass")
    named = strict or told.get("class") or told.get("cls") or told.get("road_class") or told.get("type") or ""
    link = named.endswith("_link")
    road_class = _NAMED.get(named.lower(), named.lower().removesuffix("_link"))
    if road_class not in KMH:
        if strict:
            return None
        road_class = "unclassified"
    return Road(
        road_class,
        _kmh(told, road_class, link),
        _direction(told, named == "motorway"),
        (told.get("name") or told.get("ref") or "")[:_LONGEST_NAME],
        _metres(told),
    )


def _no_road(told: Mapping[str, str]) -> bool:
    if any(told.get(key) for key in ("railway", "waterway", "aeroway", "power")):
        return True
    words = {
        told.get(key, "").lower() for key in ("route", "type", "class", "cls", "road_class", "featurecla")
    }
    if any(word.startswith("ferry") for word in words):
        return True
    access = told.get("motor_vehicle") or told.get("vehicle") or told.get("access") or ""
    return access.lower() in _CLOSED or told.get("area", "").lower() == "yes"


def _direction(told: Mapping[str, str], motorway: bool) -> int:
    said = told.get("oneway", "").lower()
    if said in _BACK:
        return -1
    if said in _YES:
        return 1
    implied = motorway and ("highway" in told or "fclass" in told)
    if said in _NO and "oneway" in told:
        return 0
    return int(implied or told.get("junction", "") in ("roundabout", "circular"))


def _kmh(told: Mapping[str, str], road_class: str, link: bool) -> float:
    assumed = _number(told.get("assumed_kmh", ""))
    if assumed is not None and SLOWEST <= assumed <= FASTEST:
        return assumed
    kmh = min(KMH[road_class], LINK_KMH) if link else KMH[road_class]
    signed = _SPEED.fullmatch(told.get("maxspeed", "").lower())
    if signed:
        most = float(signed[1]) * (1.609344 if signed[2] == "mph" else 1.0)
        if most >= SLOWEST:
            kmh = min(kmh, most)
    return kmh


def _metres(told: Mapping[str, str]) -> float | None:
    km = _number(told.get("km", ""))
    return km * 1000 if km is not None and 0 < km < 20_000 else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) else None
