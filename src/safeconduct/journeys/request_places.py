"""The places a request names: the sites that its writer may see, and the towns of the node's roads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import get_language

from safeconduct.agreement.policy import Subject
from safeconduct.geo.atlas import Atlas
from safeconduct.geo.places import RANKS, folded
from safeconduct.geo.routing import NoRoute, Route
from safeconduct.geo.sphere import GeometryError
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds

SITES = 500
TOWNS = 300
ROUTES = 3


@dataclass(frozen=True)
class Named:
    """A place as typed, with its position where that is known. `site` is a site's record id."""

    name: str
    latitude: float | None = None
    longitude: float | None = None
    district: str = ""
    site: str = ""

    @property
    def position(self) -> tuple[float, float] | None:
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude

    def plain(self) -> dict[str, Any]:
        """As an itinerary holds it."""
        found: dict[str, Any] = {"place": self.name}
        if self.latitude is not None:
            found |= {"latitude": self.latitude, "longitude": self.longitude}
        return found


class PlaceBook:
    """Finds places by name. Nothing that its reader may not see is in it."""

    def __init__(self, reader: Subject, home: Path) -> None:
        self.atlas = Atlas.load(home)
        self._sites = _sites(reader)

    def names(self) -> list[str]:
        """What to suggest while somebody types: the sites first, then the larger towns."""
        language = get_language() or "en"
        towns = sorted(self.atlas.places.all, key=lambda town: RANKS.get(town.kind, 9))[:TOWNS]
        return list(
            dict.fromkeys(
                [*(site.name for site in self._sites.values()), *(town.named(language) for town in towns)]
            )
        )

    def look_up(self, typed: str) -> Named:
        """The site or town of exactly that name; else the name alone, without a position."""
        site = self._sites.get(folded(typed))
        if site is not None:
            return site
        town = self.atlas.places.find(typed)
        if town is None:
            return Named(typed)
        return Named(typed, town.lat, town.lon, town.district or self._district(town.lat, town.lon))

    def routes(self, start: Named, end: Named) -> list[Route]:
        """Ways between two places on the node's roads; none where it has no roads or they do not reach."""
        if self.atlas.roads is None or start.position is None or end.position is None:
            return []
        try:
            return self.atlas.roads.routes(start.position, end.position, ROUTES)
        except (NoRoute, GeometryError):
            return []

    def _district(self, latitude: float, longitude: float) -> str:
        if self.atlas.areas is None:
            return ""
        crossed = self.atlas.areas.crossed([(longitude, latitude)])
        return crossed[0].name if crossed else ""


def _sites(reader: Subject) -> dict[str, Named]:
    if "site" not in all_kinds():
        return {}
    found: dict[str, Named] = {}
    query = Query("site", parts=("identity", "place"), withdrawn=False, sort="at", limit=SITES)
    for each in find(reader, query).records:
        identity, place = each.parts.get("identity") or {}, each.parts.get("place") or {}
        names = [identity.get(name, "") for name in ("name", "name_ur", "name_zh", "name_latin")]
        site = Named(
            names[0], place.get("latitude"), place.get("longitude"), place.get("district", ""), each.id
        )
        for name in names:
            if key := folded(name):
                found.setdefault(key, site)
    return found
