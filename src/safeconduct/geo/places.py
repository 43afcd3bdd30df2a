"""Towns by name: suggesting them while somebody types, in any of their languages, and where they are."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from safeconduct.geo.sphere import GeometryError, Point, point

RANKS = {"city": 0, "town": 1, "village": 2}
LONGEST = 120
MOST = 200_000
_ALIKE = str.maketrans(
    {"ي": "ی", "ى": "ی", "ئ": "ی", "ك": "ک", "ة": "ہ", "ه": "ہ", "ھ": "ہ", "أ": "ا", "إ": "ا", "آ": "ا"}
)


@dataclass(frozen=True)
class Place:
    """A town. `others` are further names in any language; district and province are empty where unknown."""

    name: str
    lat: float
    lon: float
    kind: str = "town"
    district: str = ""
    province: str = ""
    name_ur: str = ""
    name_zh: str = ""
    others: tuple[str, ...] = ()

    @property
    def at(self) -> Point:
        return Point(self.lat, self.lon)

    def named(self, language: str) -> str:
        """The name in `en`, `ur` or `zh-hans`; the plain name where there is none."""
        return {"ur": self.name_ur, "zh-hans": self.name_zh}.get(language) or self.name

    def plain(self) -> dict[str, Any]:
        """As JSON holds it, without what is empty."""
        return {key: value for key, value in asdict(self).items() if value or key in ("lat", "lon")}


def place_of(tags: Mapping[str, Any], lat: Any, lon: Any) -> Place | None:
    """The town that tags (OpenStreetMap's, or plain ones) describe at a position; None where they describe none."""
    told = {k: v.strip()[:LONGEST] for k, v in tags.items() if isinstance(k, str) and isinstance(v, str)}
    kind = told.get("place", "town")
    name = told.get("name:en") or told.get("name") or told.get("town") or ""
    if kind not in RANKS or not name:
        return None
    try:
        at = point(lat, lon)
    except GeometryError:
        return None
    local = {told.get(key, "") for key in ("name", "alt_name", "int_name")}
    given = tags.get("others")
    if isinstance(given, (list, tuple)):
        local.update(other[:LONGEST] for other in given[:50] if isinstance(other, str))
    return Place(
        name,
        at.lat,
        at.lon,
        kind,
        told.get("district") or told.get("is_in:district") or told.get("addr:district") or "",
        told.get("province") or told.get("is_in:province") or told.get("addr:province") or "",
        told.get("name:ur") or told.get("name_ur") or "",
        told.get("name:zh-Hans") or told.get("name:zh") or told.get("name_zh") or "",
        tuple(sorted(local - {"", name})),
    )


def folded(text: str) -> str:
    """A name as it is compared: no case, no accents or vowel marks, letters that look alike as one."""
    alike = unicodedata.normalize("NFKC", text).casefold().translate(_ALIKE)
    plain = unicodedata.normalize("NFKD", alike)
    kept = (c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join("".join(kept).split())


class Places:
    """The towns of a road file or an areas file."""

    def __init__(self, places: Iterable[Place] = ()) -> None:
        self.all = list(places)
        names = set()
        for number, place in enumerate(self.all):
            for name in (place.name, place.name_ur, place.name_zh, *place.others):
                if key := folded(name):
                    names.add((key, number))
        self._index = sorted(names)

    def __len__(self) -> int:
        return len(self.all)

    def suggest(self, typed: str, limit: int = 8) -> list[Place]:
        """Towns one of whose names begins so: an exact name first, cities before towns, then by name."""
        key = folded(typed[:LONGEST])
        if not key:
            return []
        found: dict[int, tuple[bool, int, str]] = {}
        for name, number in self._index[bisect_left(self._index, (key, -1)) :]:
            if not name.startswith(key) or len(found) > 2000:
                break
            place = self.all[number]
            order = (name != key, RANKS.get(place.kind, 9), place.name)
            found[number] = min(found.get(number, order), order)
        return [self.all[number] for number in sorted(found, key=found.__getitem__)[:limit]]

    def find(self, name: str) -> Place | None:
        """The town of exactly that name, in any language; the larger one where several bear it."""
        key = folded(name[:LONGEST])
        found = self.suggest(name, 1)
        exact = found and key in map(
            folded, (found[0].name, found[0].name_ur, found[0].name_zh, *found[0].others)
        )
        return found[0] if exact else None
