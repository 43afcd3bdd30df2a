"""The registry: sites, persons, who is where, and how many."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time as clock
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field, StringConstraints

from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, reader
from safeconduct.api.schemas import Body, Level, Stored, given_parts, level_numbers, parts_of
from safeconduct.records.find import MAX_LIMIT, find
from safeconduct.records.find import Query as Listing
from safeconduct.records.kinds import Kind
from safeconduct.records.moments import Instant
from safeconduct.records.release import Released
from safeconduct.registry import rules
from safeconduct.registry.headcounts import Headcount, Total, headcounts, total
from safeconduct.registry.kinds import PERSON, SITE
from safeconduct.registry.parts import Figure

router = Router(tags=["registry"])
SiteParts = parts_of(SITE)
PersonParts = parts_of(PERSON)
RecordName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Levelled(Body):
    levels: dict[str, Level] | None = Field(
        None, description="Labels by part, where they differ from the kind's."
    )


class SiteEntry(Levelled):
    parts: SiteParts  # type: ignore[valid-type]


class PersonEntry(Levelled):
    """A Protected Person. What is held on persons is never released to a partner."""

    parts: PersonParts  # type: ignore[valid-type]


class Arrival(Body):
    """A person arrives at a site; a stay elsewhere ends at that moment."""

    person: RecordName
    site: RecordName
    since: Instant
    external: str = Field("", max_length=200, description="The identifier of the stay in another system.")


class Departure(Body):
    until: Instant


class Count(Body):
    """So many persons were counted at a site, everyone included."""

    site: RecordName
    figure: Figure


class SiteCount(Schema):
    """The headcount of one site; null where nothing is known. `as_of` is the age of what it rests on.

    `basis`: named (by registered stays), returned (as counted on site), updated (a return and what was registered
    since), stated (as the other party, or somebody who may see stays, stated it). `named` is how many of them are
    registered by name, null where you may not know.
    """

    site: str
    name: str
    district: str
    originator: str
    count: int | None
    as_of: datetime | None
    basis: Literal["named", "returned", "updated", "stated"] | None
    named: int | None


class DistrictCount(Schema):
    """The sum over the sites of a district; `unknown` of them have no figure. `oldest` is the age of the oldest
    figure in it."""

    district: str
    count: int
    sites: int
    unknown: int
    oldest: datetime | None


class Headcounts(Schema):
    """Each site stands once in the sums; what is not known is said, not counted as none."""

    at: datetime
    total: DistrictCount
    districts: list[DistrictCount]
    sites: list[SiteCount]


class HeadcountFilters(Schema):
    district: str = Field("", max_length=200)


@router.post("/sites", response={201: Stored}, summary="Enter a site")
def enter_site(request: Asked, entry: SiteEntry) -> HttpResponse:
    return _entered(request, SITE, entry)


@router.patch("/sites/{site}", response=Stored, summary="Amend a site", openapi_extra=wire.IF_MATCH)
def amend_site(request: Asked, site: str, entry: SiteEntry) -> HttpResponse:
    """A part left out stays as it is; a part given replaces the whole part; null empties it."""
    return _amended(request, SITE, site, entry)


@router.post("/persons", response={201: Stored}, summary="Enter a person")
def enter_person(request: Asked, entry: PersonEntry) -> HttpResponse:
    return _entered(request, PERSON, entry)


@router.patch("/persons/{person}", response=Stored, summary="Amend a person", openapi_extra=wire.IF_MATCH)
def amend_person(request: Asked, person: str, entry: PersonEntry) -> HttpResponse:
    """A part left out stays as it is; a part given replaces the whole part; null empties it."""
    return _amended(request, PERSON, person, entry)


@router.post("/presences", response={201: Stored}, summary="Register an arrival")
def register_arrival(request: Asked, arrival: Arrival) -> HttpResponse:
    """An arrival where the person is already changes nothing."""
    done = rules.arrive(reader(request), arrival.person, arrival.site, arrival.since, arrival.external)
    return wire.stored(done, 201, f"/api/v1/records/{done.record}")


@router.post("/persons/{person}/departure", response=Stored, summary="Register a departure")
def register_departure(request: Asked, person: str, departure: Departure) -> HttpResponse:
    """The person leaves the site where they are."""
    return wire.stored(rules.depart(reader(request), person, departure.until))


@router.post("/headcounts", response={201: Stored}, summary="Return a headcount")
def return_headcount(request: Asked, count: Count) -> HttpResponse:
    """A figure older than the one on record is refused."""
    figure = count.figure
    done = rules.return_headcount(
        reader(request), count.site, figure.count, figure.as_of, figure.remarks, figure.basis
    )
    return wire.stored(done, 201, f"/api/v1/records/{done.record}")


@router.get("/headcounts", response=Headcounts, summary="Headcounts by site and district")
def list_headcounts(request: Asked, filters: Query[HeadcountFilters]) -> HttpResponse:
    """Of the active sites that the reader may know of. Nobody is told zero because nobody looked."""
    only(request, HeadcountFilters)
    actor, now = reader(request), clock()
    asked = Listing(
        SITE.name,
        place=filters.district,
        state="active",
        withdrawn=False,
        parts=("identity", "place"),
        sort="at",
        descending=False,
        limit=MAX_LIMIT,
    )
    sites = find(actor, asked).records
    own = [site.id for site in sites if site.originator == actor.party]
    others = [site.id for site in sites if site.originator != actor.party]
    counted = headcounts(actor, own, now=now) | headcounts(actor, others, own=False, now=now)
    by_district: dict[str, list[str]] = {}
    for site in sites:
        by_district.setdefault(_district(site), []).append(site.id)
    body = {
        "at": _moment(now),
        "total": _total("", total(counted, [site.id for site in sites])),
        "districts": [_total(name, total(counted, some)) for name, some in sorted(by_district.items())],
        "sites": [_site(site, counted.get(site.id)) for site in sites],
    }
    return wire.answer(body)


def _entered(request: Asked, kind: Kind, entry: SiteEntry | PersonEntry) -> HttpResponse:
    parts = kind.validate(given_parts(entry.parts))
    done = rules.enter(reader(request), kind.name, parts, levels=level_numbers(entry.levels))
    return wire.stored(done, 201, f"/api/v1/records/{done.record}")


def _amended(request: Asked, kind: Kind, record: str, entry: SiteEntry | PersonEntry) -> HttpResponse:
    seen, levels = wire.seen_version(request), level_numbers(entry.levels)
    parts = kind.validate(given_parts(entry.parts))
    return wire.stored(rules.amend(reader(request), kind.name, record, seen, parts, levels=levels))


def _district(site: Released) -> str:
    return str((site.parts.get("place") or {}).get("district", ""))


def _site(site: Released, found: Headcount | None) -> dict[str, Any]:
    return {
        "site": site.id,
        "name": (site.parts.get("identity") or {}).get("name", ""),
        "district": _district(site),
        "originator": site.originator,
        "count": found.count if found else None,
        "as_of": _moment(found.as_of) if found else None,
        "basis": found.basis if found else None,
        "named": found.named if found else None,
    }


def _total(district: str, found: Total) -> dict[str, Any]:
    return {
        "district": district,
        "count": found.count,
        "sites": found.sites,
        "unknown": found.unknown,
        "oldest": None if found.oldest is None else _moment(found.oldest),
    }


def _moment(epoch: float) -> str:
    return wire.moment(datetime.fromtimestamp(epoch, UTC))
