"""Pages about places: all sites by district with their headcounts, and one site with everything about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from time import time as clock
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.kinds import all_kinds
from safeconduct.records.release import Released
from safeconduct.registry import rules, words
from safeconduct.registry.forms import SearchForm
from safeconduct.registry.headcounts import Headcount, Total, counts_by_name, headcounts, total
from safeconduct.registry.presentation import (
    Moment,
    Names,
    display_name,
    highest,
    other_names,
    part_views,
)
from safeconduct.registry.searching import search
from safeconduct.shell.answers import answering, reader_of

LIVE = "/live?topics=site,presence,headcount,protection"
SHOWN_PRESENT = 500
AHEAD_S, BEHIND_S = 48 * 3600, 12 * 3600
"""How far around now journeys are listed on the page of a site."""
MOST_JOURNEYS = 20


@dataclass(frozen=True)
class SiteLine:
    """A site in the list: its figure, who answers for it, and what of that is withheld."""

    id: str
    name: str
    others: Sequence[str]
    category: Any
    place: str
    district: str
    headcount: Headcount | None
    bearers: tuple[str, ...]
    originator: str
    label: str


@dataclass(frozen=True)
class District:
    name: str
    total: Total
    lines: list[SiteLine]


@require_safe
@answering
def home(request: HttpRequest) -> HttpResponse:
    """Sites by district, each with its headcount, how old that is and which unit answers for it."""
    reader = reader_of(request)
    form = SearchForm(request.GET, words.SITE_CATEGORIES)
    chosen = form.cleaned_data if form.is_valid() else {}
    query = Query(
        "site",
        text=chosen.get("text", ""),
        category=chosen.get("category", ""),
        state="active",
        withdrawn=False,
        parts=("identity", "place"),
        limit=MAX_LIMIT,
    )
    found = search(reader, query)
    records = [*found.records, *found.alike]
    counted = headcounts_of(reader, records)
    bearers, bearer_labels = bearers_of(reader, [record.id for record in records])
    lines = sorted(
        (_line(record, counted, bearers) for record in records),
        key=lambda line: (line.district == "", line.district.casefold(), line.name.casefold()),
    )
    districts = [
        District(name, total(counted, [line.id for line in some]), some)
        for name, grouped in groupby(lines, key=lambda line: line.district)
        for some in [list(grouped)]
    ]
    context = {
        "tab": "sites",
        "form": form,
        "districts": districts,
        "all": total(counted, [record.id for record in records]),
        "by_name": counts_by_name(reader),
        "filtered": any(chosen.values()),
        "page_level": highest(
            [*(record.label for record in records), *bearer_labels, *_counted_label(counted)]
        ),
        "live_url": LIVE,
        "may_enter": bool(rules.parts_open_to(reader, "write", "site")),
        "enter": "sites",
        "may_export": bool(rules.parts_open_to(reader, "export", "site")),
        "may_import": may_import(reader),
    }
    template = "registry/_districts_alone.html" if "HX-Request" in request.headers else "registry/home.html"
    return render(request, template, context)


def may_import(reader: Subject) -> bool:
    return any(rules.parts_open_to(reader, "write", kind) for kind in ("site", "person", "presence"))


def _counted_label(counted: Mapping[str, Headcount]) -> list[str]:
    return ["RESTRICTED"] if counted else []


def _line(
    record: Released, counted: Mapping[str, Headcount], bearers: Mapping[str, list[dict[str, Any]]]
) -> SiteLine:
    identity, place = record.parts.get("identity", {}), record.parts.get("place", {})
    return SiteLine(
        id=record.id,
        name=display_name(record) or _("Name withheld"),
        others=other_names(record),
        category=words.word(words.SITE_CATEGORIES, identity["category"]) if identity else "",
        place=place.get("place", ""),
        district=place.get("district", ""),
        headcount=counted.get(record.id),
        bearers=tuple(each.get("unit_name") or each["unit"] for each in bearers.get(record.id, ())),
        originator=record.originator,
        label=record.label,
    )


def headcounts_of(reader: Subject, sites: Sequence[Released]) -> dict[str, Headcount]:
    """The headcounts of own sites, from stays and returns, and of the other party's, as it stated them."""
    own = [site.id for site in sites if site.originator == reader.party]
    others = [site.id for site in sites if site.originator != reader.party]
    return headcounts(reader, own) | headcounts(reader, others, own=False)


def bearers_of(reader: Subject, sites: Sequence[str]) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """By site, the duty bearers that the reader may know of, and the labels of what says so."""
    found: dict[str, list[dict[str, Any]]] = {}
    labels = []
    for first in range(0, len(sites), 500):
        query = Query(
            "protection",
            about=sites[first : first + 500],
            state="active",
            withdrawn=False,
            parts=("bearer",),
            limit=MAX_LIMIT,
        )
        for record in find(reader, query).records:
            if "bearer" in record.parts:
                found.setdefault(record.about, []).append(record.parts["bearer"])
                labels.append(record.label)
    return found, labels


def site_page(request: HttpRequest, found: Released) -> HttpResponse:
    """One site: identity, place, duty bearer, guard force, headcount with its basis, who is there, journeys."""
    reader = reader_of(request)
    own = found.originator == reader.party
    counted = headcounts_of(reader, [found]).get(found.id)
    protections = find(reader, Query("protection", about=found.id, withdrawn=False, sort="at")).records
    present = _present(reader, found) if own else []
    movements = journeys_near(reader, found)
    names = Names(reader).fetch([found])
    names.learn("person", [stay.about for stay in present])
    named = [names.reference("person", stay.about) for stay in present]
    labels = [found.label, *names.labels, *(r.label for r in (*protections, *present, *movements))]
    context = {
        "record": found,
        "kind": "site",
        "plural": "sites",
        "name": display_name(found) or _("Name withheld"),
        "others": other_names(found),
        "state": words.word(words.STATES, found.state),
        "parts": part_views(found, names),
        "position": position(found),
        "headcount": counted,
        "by_name": own and counts_by_name(reader),
        "protections": [(record, part_views(record, names)) for record in protections],
        "present": [
            (reference, Moment.of(stay.parts.get("stay", {}).get("since")), stay)
            for reference, stay in zip(named, present, strict=True)
        ],
        "present_truncated": len(present) == SHOWN_PRESENT,
        "movements": [_movement(record) for record in movements],
        "page_level": highest([*labels, *(["RESTRICTED"] if counted else [])]),
        "live_url": LIVE + ",movement",
        "may_amend": own and not found.withdrawn and bool(rules.parts_open_to(reader, "write", "site")),
        "may_see_ratings": bool(rules.parts_open_to(reader, "read", "assessment")),
        "may_see_standards": bool(rules.parts_open_to(reader, "read", "standard_check")),
        "may_count": not found.withdrawn and bool(rules.parts_open_to(reader, "write", "headcount")),
        "may_protect": not found.withdrawn and bool(rules.parts_open_to(reader, "write", "protection")),
        "may_complain": bool(rules.parts_open_to(reader, "write", "grievance")),
    }
    template = "registry/_site_alone.html" if "HX-Request" in request.headers else "registry/site.html"
    return render(request, template, context)


def _present(reader: Subject, found: Released) -> list[Released]:
    query = Query("presence", place=found.id, state="arrived", withdrawn=False, limit=SHOWN_PRESENT)
    return find(reader, query).records


def journeys_near(reader: Subject, found: Released) -> list[Released]:
    """Movements that begin or end in the site's district around now, as far as their notice may be read.

    The exact itinerary is not asked for: it opens late, and reading it is noted.
    """
    district = found.parts.get("place", {}).get("district")
    if "movement" not in all_kinds() or not district:
        return []
    now = clock()
    query = Query(
        "movement",
        since=now - BEHIND_S,
        until=now + AHEAD_S,
        withdrawn=False,
        parts=("notice",),
        descending=False,
        limit=500,
    )
    near = []
    for record in find(reader, query).records:
        notice = record.parts.get("notice", {})
        if district in (notice.get("origin_district"), notice.get("destination_district")):
            near.append(record)
    return near[:MOST_JOURNEYS]


def _movement(record: Released) -> dict[str, Any]:
    notice = record.parts["notice"]
    try:
        url = reverse("journeys:detail", args=[record.id])
    except NoReverseMatch:
        url = ""
    return {"notice": notice, "since": Moment.of(notice.get("since")), "state": record.state, "url": url}


def position(found: Released) -> dict[str, Any] | None:
    """The site on the map: its boundary, or its point, with no more than its card shows."""
    place = found.parts.get("place", {})
    corners = place.get("boundary")
    if place.get("latitude") is None and not corners:
        return None
    if place.get("latitude") is not None:
        center = (place["longitude"], place["latitude"])
    else:
        center = tuple(sum(axis) / len(corners) for axis in zip(*corners, strict=True))
    feature = {
        "type": "Feature",
        "id": found.id,
        "geometry": {"type": "Point", "coordinates": list(center)},
        "properties": {
            "title": display_name(found),
            "place": place.get("place") or place.get("district", ""),
            "level": found.label,
            "exact": True,
            "url": "",
        },
    }
    return {
        "center": f"{center[0]},{center[1]}",
        "points": {"type": "FeatureCollection", "features": [feature]},
    }
