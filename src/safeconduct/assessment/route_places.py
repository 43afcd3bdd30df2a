"""The places a journey manager names: the sites that he may see, and the towns of the node's roads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import get_language

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.geo.atlas import Atlas
from safeconduct.geo.places import RANKS, Places, folded
from safeconduct.geo.sphere import vectors
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds

SITES, TOWNS, ALIKE = 500, 300, 4


@dataclass(frozen=True)
class Spot:
    """A place with its position in degrees."""

    place: str
    latitude: float
    longitude: float

    @property
    def at(self) -> tuple[float, float]:
        return self.latitude, self.longitude

    def plain(self) -> dict[str, Any]:
        return {"place": self.place, "latitude": self.latitude, "longitude": self.longitude}


class Gazetteer:
    """Finds places by name. Nothing that its reader may not see is in it; `level` is the highest label of the sites."""

    def __init__(self, reader: Subject, home: Path) -> None:
        self.atlas = Atlas.load(home)
        self._sites, self.level = _sites(reader)

    def names(self) -> list[str]:
        """What to suggest while somebody types: the sites first, then the larger towns."""
        language = get_language() or "en"
        towns = sorted(self.atlas.places.all, key=lambda town: RANKS.get(town.kind, 9))[:TOWNS]
        sites = (spot.place for spot in self._sites.values())
        return list(dict.fromkeys([*sites, *(town.named(language) for town in towns)]))

    def find(self, typed: str) -> Spot | None:
        """The site or town of exactly that name, in any of its languages."""
        site = self._sites.get(folded(typed))
        if site is not None:
            return site
        town = self.atlas.places.find(typed)
        return Spot(typed, town.lat, town.lon) if town else None

    def alike(self, typed: str) -> list[str]:
        """Names that begin as what was typed does, for somebody who mistyped its end."""
        language = get_language() or "en"
        for length in range(len(typed), 1, -1):
            found = self.atlas.places.suggest(typed[:length], ALIKE)
            if found:
                return [town.named(language) for town in found]
        return []


def nearest_towns(places: Places, at: Sequence[tuple[float, float]], most: int = 200_000) -> list[str]:
    """For each (latitude, longitude) the town nearest to it; "" where there are no towns."""
    towns = places.all[:most]
    if not towns or not at:
        return [""] * len(at)
    index = vectors([town.lat for town in towns], [town.lon for town in towns])
    lats, lons = zip(*at, strict=True)
    return [towns[int(number)].name for number in (vectors(lats, lons) @ index.T).argmax(axis=1)]


def _sites(reader: Subject) -> tuple[dict[str, Spot], str]:
    found: dict[str, Spot] = {}
    level = LEVELS[0]
    if "site" not in all_kinds():
        return found, level
    query = Query("site", parts=("identity", "place"), withdrawn=False, sort="at", limit=SITES)
    for each in find(reader, query).records:
        identity, place = each.parts.get("identity") or {}, each.parts.get("place") or {}
        names = [identity.get(name, "") for name in ("name", "name_ur", "name_zh", "name_latin")]
        latitude, longitude = place.get("latitude"), place.get("longitude")
        if latitude is None or longitude is None:
            continue
        for name in names:
            if key := folded(name):
                found.setdefault(key, Spot(names[0], latitude, longitude))
                level = max(level, each.label, key=LEVELS.index)
    return found, level
