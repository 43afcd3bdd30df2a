"""Incidents and the claims about them."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router

from safeconduct.api import geojson, wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, query, reader
from safeconduct.api.schemas import (
    ClaimDraft,
    ClaimPage,
    Filters,
    Incident,
    IncidentDraft,
    IncidentPage,
    IncidentUpdate,
    Paged,
    Stored,
    given_parts,
    level_numbers,
)
from safeconduct.incidents import rules
from safeconduct.records import find as finding
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import release

router = Router(tags=["incidents"])


@router.get("/incidents", response=IncidentPage, summary="List incidents")
def list_incidents(request: Asked, filters: Query[Filters]) -> HttpResponse:
    only(request, Filters)
    return wire.answer(wire.page(finding.find(reader(request), query("incident", filters))))


@router.get(
    "/incidents.geojson",
    summary="Export incidents as GeoJSON (RFC 7946)",
    openapi_extra={
        "responses": {200: {"description": "A FeatureCollection", "content": {geojson.MEDIA_TYPE: {}}}}
    },
)
def export_incidents(request: Asked, filters: Query[Filters]) -> HttpResponseBase:
    """All of them, unless a filter says otherwise; `limit` and `cursor` are not needed. This is an export: it
    contains what the agreement lets the token's owner export."""
    only(request, Filters)
    return geojson.export(request, filters)


@router.post("/incidents", response={201: Stored}, summary="Report an incident")
def report_incident(request: Asked, draft: IncidentDraft) -> HttpResponse:
    done = rules.report_incident(
        reader(request), given_parts(draft.parts), level_numbers(draft.levels), draft.releasable
    )
    return wire.stored(done, 201, f"{request.path}/{done.record}")


@router.get("/incidents/{incident}", response=Incident, summary="Read an incident")
def read_incident(request: Asked, incident: str) -> HttpResponse:
    only(request)
    found = release(reader(request), incident)
    if found.kind != "incident":
        raise NotFound(incident)
    return wire.tagged(request, found)


@router.patch(
    "/incidents/{incident}", response=Stored, summary="Follow a report up", openapi_extra=wire.IF_MATCH
)
def update_incident(request: Asked, incident: str, update: IncidentUpdate) -> HttpResponse:
    done = rules.update_report(
        reader(request),
        incident,
        wire.seen_version(request),
        given_parts(update.parts),
        update.stage,
        level_numbers(update.levels),
        update.releasable,
    )
    return wire.stored(done)


@router.get("/incidents/{incident}/claims", response=ClaimPage, summary="List the claims about an incident")
def list_claims(request: Asked, incident: str, paged: Query[Paged]) -> HttpResponse:
    """Those that the reader may see, the oldest first; none of an incident that is not there."""
    only(request, Paged)
    asked = finding.Query(
        "claim", about=incident, sort="at", descending=False, limit=paged.limit, cursor=paged.cursor
    )
    return wire.answer(wire.page(finding.find(reader(request), asked)))


@router.post("/incidents/{incident}/claims", response={201: Stored}, summary="Add a claim")
def add_claim(request: Asked, incident: str, draft: ClaimDraft) -> HttpResponse:
    done = rules.add_claim(
        reader(request), incident, given_parts(draft.parts), level_numbers(draft.levels), draft.releasable
    )
    return wire.stored(done, 201, f"/api/v1/records/{done.record}")


@router.post(
    "/claims/{claim}/retraction", response=Stored, summary="Retract a claim", openapi_extra=wire.IF_MATCH
)
def retract_claim(request: Asked, claim: str) -> HttpResponse:
    """It stays on record and no longer counts."""
    return wire.stored(rules.retract_claim(reader(request), claim, wire.seen_version(request)))
