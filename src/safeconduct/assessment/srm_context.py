"""The counts beside the words: incidents near what is assessed, as far as the reader may see them.

An input to a rating and never the rating: a threat may be likely where nothing has happened yet. Distances are
kilometres, periods whole days by UTC.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.assessment.seen import Seen, incidents_seen
from safeconduct.geo.fences import Area
from safeconduct.geo.sphere import GeometryError, Point, distance
from safeconduct.risk.counts import Interval, garwood
from safeconduct.risk.events import SURE_OF_PLACE
from safeconduct.risk.rates import RateRatio, rate_ratio

DAYS = 365
DAY = 86_400.0
NEAR_KM = 50.0
"""Around a site: about as far as the place of most incidents is known at all."""
OF_DISTRICT = 3


@dataclass(frozen=True)
class Place:
    """Where to count: around a point, within corners of [longitude, latitude], or in districts by their names."""

    point: Point | None = None
    km: float = NEAR_KM
    boundary: Sequence[Sequence[float]] = ()
    districts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Window:
    """`interval` is what a period as long as this one would bring at the rate that so many incidents tell of."""

    count: int
    interval: Interval


@dataclass(frozen=True)
class Counted:
    """`way` is "point", "boundary" or "district"; `since` the day from which the later of two years is counted, in
    epoch seconds; `ratio` the later by the earlier one. `unplaced`: incidents of both years that the reader may see
    and whose place is not known, or not shown, well enough."""

    way: str
    place: Place
    since: float
    now: Window
    before: Window
    ratio: RateRatio
    unplaced: int


@dataclass(frozen=True)
class Context:
    """What was counted, what share of the incidents it rests on, and the label of it all."""

    counted: Sequence[Counted]
    seen: Seen

    @property
    def level(self) -> str:
        return self.seen.level


def context_of(reader: Subject, places: Sequence[Place]) -> Context:
    """Both years at each of these places."""
    today = int(time.time() // DAY)
    seen = incidents_seen(reader, since=(today - 2 * DAYS + 1) * DAY)
    return Context([each for place in places for each in _counted(seen, place, today)], seen)


def _counted(seen: Seen, place: Place, today: int) -> list[Counted]:
    found = []
    if place.point is not None:
        found.append(_both_years(seen, place, "point", today))
    if len(place.boundary) > 2:
        found.append(_both_years(seen, place, "boundary", today))
    if any(place.districts):
        found.append(_both_years(seen, place, "district", today))
    return found


def _both_years(seen: Seen, place: Place, way: str, today: int) -> Counted:
    events = seen.events
    sure = events.place <= (OF_DISTRICT if way == "district" else SURE_OF_PLACE)
    known = sure & (events.names["district"] != "" if way == "district" else events.lat == events.lat)
    inside = _inside(place, way, seen)
    there = [index for index in map(int, known.nonzero()[0]) if inside(index)]
    days = events.day[there]
    first = today - DAYS + 1
    now, before = int((days >= first).sum()), int((days < first).sum())
    return Counted(
        way=way,
        place=place,
        since=first * DAY,
        now=Window(now, garwood(now)),
        before=Window(before, garwood(before)),
        ratio=rate_ratio(before, DAYS, now, DAYS),
        unplaced=int((~known).sum()),
    )


def _inside(place: Place, way: str, seen: Seen) -> Callable[[int], bool]:
    """Whether the incident of a number is there."""
    events = seen.events
    if way == "district":
        named = {each.casefold() for each in place.districts}
        return lambda index: str(events.names["district"][index]).casefold() in named
    if way == "point" and place.point is not None:
        centre, metres = place.point, place.km * 1_000
        return lambda index: distance(centre, _at(seen, index)) <= metres
    try:
        area = Area.of_boundary(place.boundary)
    except GeometryError:
        return lambda _index: False
    return lambda index: area.contains(_at(seen, index))


def _at(seen: Seen, index: int) -> Point:
    return Point(float(seen.events.lat[index]), float(seen.events.lon[index]))


def places_of(kind: str, parts: Mapping[str, Mapping[str, Any]]) -> list[Place]:
    """Where to count for a site, a movement (its districts) or an area (`kind` "area", its scope), by what is shown."""
    if kind == "site":
        where = parts.get("place") or {}
        point = _point(where)
        return [Place(point, NEAR_KM, (), tuple(filter(None, [str(where.get("district", ""))])))]
    if kind == "movement":
        notice = parts.get("notice") or {}
        names = [str(notice.get(f"{end}_district", "")) for end in ("origin", "destination")]
        return [Place(districts=(name,)) for name in dict.fromkeys(filter(None, names))]
    scope = parts.get("scope") or {}
    name = str(scope.get("area", ""))
    return [
        Place(_point(scope), float(scope.get("radius_km") or NEAR_KM), scope.get("boundary") or (), (name,))
    ]


def _point(where: Mapping[str, Any]) -> Point | None:
    lat, lon = where.get("latitude"), where.get("longitude")
    return Point(float(lat), float(lon)) if lat is not None and lon is not None else None
