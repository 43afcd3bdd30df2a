"""Whom an alert is for, among this party's own people: counted and paged inside the writer, each person once.

The register says who is where and works for whom, open journeys who is on the road. What lies in the area itself
counts, and so does what the alert names; on the node that received an alert, names stand for the ids of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from safeconduct.geo.fences import Area, Perimeter
from safeconduct.geo.sphere import GeometryError, Point, vectors
from safeconduct.records.own import own_rows
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx

OPEN_JOURNEYS = ("under_way", "overdue")
"""States of a movement in which somebody is on the road."""


@dataclass
class Reached:
    """Who is reached: the account by which each person is paged, "" for one without; `sites` and `journeys` count
    what lies in the area."""

    persons: dict[str, str] = field(default_factory=dict)
    sites: int = 0
    journeys: int = 0

    @property
    def accounts(self) -> list[str]:
        return sorted(set(filter(None, self.persons.values())))


def reached(tx: Tx, area: Mapping[str, Any]) -> Reached:
    """This party's people that an alert's area means. Raises GeometryError for a shape that encloses nothing."""
    fences = shapes(area)
    found = Reached()
    sites = {row.id for row in own_rows(tx, "site", states=("active",)) if _is_meant(tx, row, area, fences)}
    # A site may be the other party's record while this party's people are at it.
    sites |= set(area.get("sites") or ())
    found.sites = len(sites)
    for stay in own_rows(tx, "presence", states=("arrived",)) if sites else ():
        if (stay.values().get("stay") or {}).get("site") in sites:
            _add(found, tx.row(stay.about), stay.about)
    _of_organisations(tx, area, found)
    for movement in own_rows(tx, "movement", states=OPEN_JOURNEYS):
        if area.get("movements") or _passes(movement, area, fences):
            found.journeys += 1
            for entry in tx.rows_about(movement.id, "manifest_entry"):
                if entry.state == "named" and entry.originator == tx.home.party:
                    person = (entry.values().get("link") or {}).get("person")
                    _add(found, entry, person or entry.id)
    return found


def shapes(area: Mapping[str, Any]) -> list[Area | Perimeter]:
    """The polygons and circles of an alert's area. Raises GeometryError for what is none."""
    rings = [*filter(None, [area.get("polygon")]), *(area.get("polygons") or ())]
    rounds = [*filter(None, [area.get("circle")]), *(area.get("circles") or ())]
    found: list[Area | Perimeter] = [Area.of_boundary(ring) for ring in rings]
    for each in rounds:
        found.append(Perimeter(Point(each["latitude"], each["longitude"]), each["radius_m"]))
    return found


def _add(found: Reached, row: RowView | None, person: str) -> None:
    accounts = sorted(names_in(row.assigned)) if row is not None else []
    found.persons[person] = found.persons.get(person) or (accounts[0] if accounts else "")


def _is_meant(tx: Tx, site: RowView, area: Mapping[str, Any], fences: Iterable[Area | Perimeter]) -> bool:
    parts = site.values()
    identity, place = parts.get("identity") or {}, parts.get("place") or {}
    if site.id in (area.get("sites") or ()) or identity.get("name") in _foreign(
        tx, area, "sites", "site_names"
    ):
        return True
    if _in_districts(area, [place.get("district", "")]):
        return True
    if place.get("latitude") is None:
        return False
    here = Point(place["latitude"], place["longitude"])
    return any(fence.contains(here) for fence in fences)


def _of_organisations(tx: Tx, area: Mapping[str, Any], found: Reached) -> None:
    ids = set(area.get("organisations") or ())
    names = _foreign(tx, area, "organisations", "organisation_names")
    for person in own_rows(tx, "person", states=("active",)) if ids or names else ():
        work = person.values().get("employment") or {}
        if work.get("employer") in ids or work.get("employer_name") in names:
            _add(found, person, person.id)


def _foreign(tx: Tx, area: Mapping[str, Any], ids: str, names: str) -> set[str]:
    """Names that stand beside ids unknown to this node."""
    unknown = [given for given in area.get(ids) or () if tx.row(given) is None]
    return set(filter(None, area.get(names) or ())) if unknown else set()


def _passes(movement: RowView, area: Mapping[str, Any], fences: list[Area | Perimeter]) -> bool:
    parts = movement.values()
    notice = parts.get("notice") or {}
    if _in_districts(area, [notice.get("origin_district", ""), notice.get("destination_district", "")]):
        return True
    line = list(_line(parts.get("itinerary") or {})) if fences else []
    if len(line) < 2:
        return any(fence.contains(at) for fence in fences for at in line)
    course = vectors([at.lat for at in line], [at.lon for at in line])
    try:
        return any(bool(fence.touches(course[:-1], course[1:]).any()) for fence in fences)
    except GeometryError:
        return any(fence.contains(at) for fence in fences for at in line)


def _line(itinerary: Mapping[str, Any]) -> Iterator[Point]:
    route = (itinerary.get("route") or {}).get("coordinates")
    if route:
        yield from (Point(latitude, longitude) for longitude, latitude, *_ in route)
        return
    for end in ("origin", "destination"):
        place = itinerary.get(end) or {}
        if place.get("latitude") is not None:
            yield Point(place["latitude"], place["longitude"])


def _in_districts(area: Mapping[str, Any], names: Iterable[str]) -> bool:
    meant = {name.casefold() for name in area.get("districts") or ()}
    return any(name and name.casefold() in meant for name in names)
