"""Pages that show incidents: list, map, one incident, exports. Each fetches with the reader's permission."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.incidents import rules
from safeconduct.incidents.answers import answered, principal
from safeconduct.incidents.exports import GEOJSON, Writer, csv_writer
from safeconduct.incidents.figures import severity, side_by_side
from safeconduct.incidents.filters import LIST_PARTS, PAGE, FilterForm, filters_of
from safeconduct.incidents.presentation import highest, list_line, map_feature, part_views
from safeconduct.incidents.same_seen import together
from safeconduct.incidents.timeline import timeline
from safeconduct.incidents.words import SEVERITIES, STATES, word
from safeconduct.people.principal import still
from safeconduct.records import here
from safeconduct.records.bulk import foresee
from safeconduct.records.find import MAX_LIMIT, Page, Query, find
from safeconduct.records.history import versions
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import refusal
from safeconduct.shell.same_event import marked

LIVE = "/live?topics=incident,claim"
TABLE = 20
EXPORT_BATCH = 500
CLAIMS = 500


@require_safe
@answered
def incident_list(request: HttpRequest) -> HttpResponse:
    """Incidents that the reader may see, newest event first, a page at a time."""
    context = _listing(request, PAGE)
    template = "incidents/_lines_alone.html" if "HX-Request" in request.headers else "incidents/list.html"
    return render(request, template, context)


@require_safe
@answered
def incident_map(request: HttpRequest) -> HttpResponse:
    """The same incidents on the map, and the newest of them in a table. Its label covers every point."""
    context = _listing(request, MAX_LIMIT)
    context |= {"page": "map", "map_data": reverse("incidents:points"), "lines": context["lines"][:TABLE]}
    context |= {"next": "", "first": ""}
    template = "incidents/_lines_alone.html" if "HX-Request" in request.headers else "incidents/map.html"
    return render(request, template, context)


def _listing(request: HttpRequest, limit: int) -> dict[str, Any]:
    reader = principal(request)
    filters = filters_of(request)
    page = Page([], "", [])
    if filters.is_valid():
        page = find(reader, filters.query(filters.list_parts(), limit, request.GET.get("cursor", "")))
    address = request.GET.copy()
    address.pop("cursor", None)
    following = address.copy()
    following["cursor"] = page.next_cursor
    shown = [*page.records, *page.unplaced]
    one_event = marked(reader, shown)
    return {
        "filters": filters,
        "lines": [list_line(record, record.id in one_event) for record in page.records],
        "unplaced": [list_line(record, record.id in one_event) for record in page.unplaced],
        "with_figures": filters.is_valid() and filters.cleaned_data["figures"],
        "first": f"?{address.urlencode()}" if request.GET.get("cursor") else "",
        "next": f"?{following.urlencode()}" if page.next_cursor else "",
        "filter_query": address.urlencode(),
        "page": "list",
        "page_level": highest(record.label for record in shown),
        "live_url": LIVE,
        "may_report": set(LIST_PARTS) <= rules.parts_open_to(reader, "write", "incident"),
        "may_export": bool(rules.parts_open_to(reader, "export", "incident")),
    }


@require_safe
@answered
def points(request: HttpRequest) -> HttpResponse:
    """The incidents with coordinates as GeoJSON for the map's cards; at most MAX_LIMIT of them."""
    query = _valid(filters_of(request)).query(LIST_PARTS, MAX_LIMIT)
    page = find(principal(request), query)
    found = [map_feature(r, reverse("incidents:detail", args=[r.id])) for r in page.records]
    body: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [each for each in found if each is not None],
    }
    if page.next_cursor:
        body["truncated"] = True
    return JsonResponse(body, content_type="application/geo+json")


@require_safe
@answered
def incident_detail(request: HttpRequest, incident: str) -> HttpResponse:
    """One incident: its parts, what is withheld and why, all claims about it, how it came to be so."""
    reader = principal(request)
    found = incident_of(reader, incident)
    page = find(reader, Query(kind="claim", about=found.id, sort="at", descending=False, limit=CLAIMS))
    claims = page.records
    grave = severity(found.parts) or ""
    own = found.originator == reader.party
    writable = rules.parts_open_to(reader, "write", "incident")
    joined = together(reader, found)
    context = {
        "incident": found,
        "line": list_line(found),
        "state": word(STATES, found.state),
        "parts": part_views(found),
        "position": _position(found),
        "severity": grave,
        "severity_word": word(SEVERITIES, grave) if grave else "",
        "table": side_by_side([as_exported(claim) for claim in claims]),
        "claims": claims,
        "timeline": timeline(found, versions(found), claims),
        "same": joined,
        "page_level": highest([found.label, *(claim.label for claim in claims), *joined.labels]),
        "live_url": LIVE,
        "may_follow": bool(here.state().policy.entries(reader, "read", "lesson")),
        "may_update": own and not found.withdrawn and bool(writable),
        "may_join": "statement" in rules.parts_open_to(reader, "write", "same_event"),
        "may_claim": not found.withdrawn and bool(rules.parts_open_to(reader, "write", "claim")),
    }
    template = (
        "incidents/_incident_alone.html" if "HX-Request" in request.headers else "incidents/detail.html"
    )
    return render(request, template, context)


def incident_of(reader: Subject, record: str, act: str = "read") -> Released:
    """An incident by its id. Raises NotFound for a record of another kind as for none."""
    found = release(reader, record, act)
    if found.kind != "incident":
        raise NotFound(record)
    return found


def _position(found: Released) -> dict[str, Any] | None:
    where = found.parts.get("where", {})
    if where.get("latitude") is None:
        return None
    feature = map_feature(found, "")
    return {
        "center": f"{where['longitude']},{where['latitude']}",
        "points": {"type": "FeatureCollection", "features": [feature]},
    }


@require_safe
@answered
def export_csv(request: HttpRequest) -> HttpResponseBase:
    """The filtered incidents as CSV; `bom=1` for spreadsheets that do not expect UTF-8."""
    return _export(request, "incidents.csv", csv_writer(bom=bool(request.GET.get("bom"))))


@require_safe
@answered
def export_geojson(request: HttpRequest) -> HttpResponseBase:
    """The filtered incidents as GeoJSON (RFC 7946)."""
    return _export(request, "incidents.geojson", GEOJSON)


def _export(request: HttpRequest, name: str, writer: Writer) -> HttpResponseBase:
    reader = principal(request)
    if not rules.parts_open_to(reader, "export", "incident"):
        raise refusal(reader, "export", "incident", "export incident: no grant")
    query = _valid(filters_of(request)).query((), EXPORT_BATCH)
    foresee(reader, query)
    first = find(reader, query, act="export")
    response = StreamingHttpResponse(_written(reader, query, first, writer), content_type=writer.content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _written(reader: Subject, query: Query, page: Page, writer: Writer) -> AsyncIterator[str]:
    """The file page by page; each page is decided, and noted where it must be, before any of it leaves."""
    yield writer.opening
    separator = ""
    records = [*page.unplaced, *page.records]
    while True:
        for record in records:
            yield separator + writer.line(as_exported(record))
            separator = writer.separator
        if not page.next_cursor:
            break
        page = await sync_to_async(_following)(reader, replace(query, cursor=page.next_cursor))
        records = page.records
    yield writer.closing


def _following(reader: Subject, query: Query) -> Page:
    """The next page, for as long as the reader may still have one."""
    return find(still(reader), query, "export")


def as_exported(found: Released) -> dict[str, Any]:
    """A released record as the writers of files and the comparison of claims take it."""
    return {
        "id": found.id,
        "version": found.version,
        "state": found.state,
        "originator": found.originator,
        "label": found.label,
        "parts": found.parts,
        "withheld": [each.part for each in found.withheld],
    }


def _valid(filters: FilterForm) -> FilterForm:
    if not filters.is_valid():
        raise BadRequest("; ".join(f"{name}: {fault[0]}" for name, fault in filters.errors.items()))
    return filters
