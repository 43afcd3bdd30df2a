"""What the floor's map draws: calls for help that are open, sites, the areas of the alerts in force.

Where a call for help comes from is read, and noted as read, when the page is opened and when a call changes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.urls import reverse

from safeconduct.agreement.policy import Subject
from safeconduct.geo.sphere import Point, destination
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released
from safeconduct.watch import words
from safeconduct.watch.floor_open import MOST, moment
from safeconduct.watch.sos_kinds import SOS
from safeconduct.watch.sos_whole import stood_down_by

SITES = 2_000
CIRCLE = 48
Feature = dict[str, Any]


def drawn(reader: Subject) -> tuple[list[Feature], list[str]]:
    """The features, those on top last, and the titles of the calls for help whose place nobody told this reader."""
    sites = {each.id: each for each in _sites(reader)}
    nowhere: list[str] = []
    features = [*_areas(reader), *(_site(each) for each in sites.values())]
    for each in _calls(reader):
        call = each.parts.get("call") or {}
        title = call.get("headline") or words.word(words.SOS_CATEGORIES, call.get("category"))
        at, exact = _whereabouts(each, sites)
        if at is None:
            nowhere.append(title)
            continue
        told = {
            "what": "sos",
            "id": each.id,
            "title": title,
            "url": reverse("watch:sos", args=[each.id]),
            "at": moment(call.get("at")),
            "exact": exact,
            "exercise": bool(call.get("exercise")),
            "level": each.label,
        }
        features.append(_feature("Point", at, told))
    return features, nowhere


def _calls(reader: Subject) -> list[Released]:
    query = Query(SOS.name, state="raised", parts=("call", "place"), withdrawn=False, limit=MOST)
    page, hidden = find(reader, query), stood_down_by(reader)
    return [each for each in (*page.records, *page.unplaced) if each.id not in hidden]


def _whereabouts(call: Released, sites: dict[str, Released]) -> tuple[tuple[float, float] | None, bool]:
    """Longitude and latitude of a call, else of the site it is about; and whether it is the call's own."""
    for place, own in (
        (call.parts.get("place") or {}, True),
        (sites[call.about].parts["place"] if call.about in sites else {}, False),
    ):
        if place.get("latitude") is not None and place.get("longitude") is not None:
            return (place["longitude"], place["latitude"]), own
    return None, False


def _sites(reader: Subject) -> Iterator[Released]:
    query = Query("site", parts=("identity", "place"), withdrawn=False, sort="at", limit=SITES)
    for each in find(reader, query).records:
        if (each.parts.get("place") or {}).get("latitude") is not None:
            yield each


def _site(site: Released) -> Feature:
    place, name = site.parts["place"], (site.parts.get("identity") or {}).get("name", "")
    told = {"what": "site", "id": site.id, "title": name, "level": site.label}
    return _feature("Point", (place["longitude"], place["latitude"]), told)


def _areas(reader: Subject) -> Iterator[Feature]:
    query = Query(
        "alert",
        state="issued",
        ends_after=time.time(),
        parts=("message", "area"),
        withdrawn=False,
        limit=MOST,
    )
    for each in find(reader, query).records:
        message, area = each.parts.get("message") or {}, each.parts.get("area") or {}
        rings = [ring for ring in (area.get("polygon"), *area.get("polygons", [])) if ring]
        rounds = [each for each in (area.get("circle"), *area.get("circles", [])) if each]
        rings += [_ring(each["latitude"], each["longitude"], each["radius_m"]) for each in rounds]
        told = {"what": "area", "title": message.get("headline") or message.get("event", "")}
        for ring in rings:
            yield _feature("Polygon", [ring], {**told, "level": each.label})


def _ring(latitude: float, longitude: float, metres: float) -> list[list[float]]:
    centre = Point(latitude, longitude)
    ring = [destination(centre, 360.0 * step / CIRCLE, metres) for step in range(CIRCLE)]
    return [[round(at.lon, 5), round(at.lat, 5)] for at in (*ring, ring[0])]


def _feature(kind: str, coordinates: Any, told: Feature) -> Feature:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": told,
    }
