"""Records of any kind, and the files beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from safeconduct.agreement.policy import Subject
from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, query, reader
from safeconduct.api.problems import bad_request
from safeconduct.api.schemas import Paged, Record, RecordFilters, RecordPage, Stored
from safeconduct.records import find as finding
from safeconduct.records.attachments import ATTACHMENT, attachment_parts
from safeconduct.records.commit import Draft, commit
from safeconduct.records.kinds import all_kinds
from safeconduct.records.release import release
from safeconduct.shell.filed import filed
from safeconduct.watch.sos_kinds import SOS
from safeconduct.watch.sos_whole import as_it_seems, stood_down_by

FileName = Annotated[str, Field(min_length=1, max_length=200)]
router = Router(tags=["records"])
FILE = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "string", "contentMediaType": media_type}}
            for media_type in ("image/jpeg", "image/png", "image/webp", "text/plain")
        },
    }
}


@router.get("/records", response=RecordPage, summary="List records of a kind")
def list_records(request: Asked, filters: Query[RecordFilters]) -> HttpResponse:
    only(request, RecordFilters)
    if filters.kind not in all_kinds():
        raise bad_request("kind: " + ", ".join(sorted(all_kinds())))
    asked = query(filters.kind, filters, about=filters.about)
    return wire.answer(wire.page(_as_it_seems(reader(request), asked)))


def _as_it_seems(who: Subject, asked: finding.Query) -> finding.Page:
    """A page of records; the state that is asked for is the one that this reader is to see."""
    if asked.kind != SOS.name or not asked.state or not stood_down_by(who):
        page = finding.find(who, asked)
        seen = as_it_seems(who, page.records), as_it_seems(who, page.unplaced)
        return finding.Page(seen[0], page.next_cursor, seen[1])
    page = finding.find(who, replace(asked, state=""))
    seen = as_it_seems(who, page.records), as_it_seems(who, page.unplaced)
    placed, unplaced = ([each for each in some if each.state == asked.state] for some in seen)
    return finding.Page(placed, page.next_cursor, unplaced)


@router.get("/records/{record}", response=Record, summary="Read a record")
def read_record(request: Asked, record: str) -> HttpResponse:
    only(request)
    who = reader(request)
    return wire.tagged(request, as_it_seems(who, [release(who, record)])[0])


@router.get("/records/{record}/attachments", response=RecordPage, summary="List the files beside a record")
def list_attachments(request: Asked, record: str, paged: Query[Paged]) -> HttpResponse:
    only(request, Paged)
    asked = finding.Query(
        ATTACHMENT.name,
        about=record,
        parts=("description",),
        sort="at",
        limit=paged.limit,
        cursor=paged.cursor,
    )
    return wire.answer(wire.page(finding.find(reader(request), asked)))


@router.post(
    "/records/{record}/attachments", response={201: Stored}, summary="Add a file", openapi_extra=FILE
)
def add_attachment(request: Asked, record: str, name: Query[FileName]) -> HttpResponse:
    """The body is the file itself: a JPEG, PNG or WebP picture, which is stored without its metadata, or plain
    text."""
    parts = attachment_parts(name, request.body)
    done = commit(reader(request), Draft(ATTACHMENT.name, parts, about=record))
    return wire.stored(done, 201, f"/api/v1/records/{done.record}")


@router.get(
    "/attachments/{attachment}/content",
    summary="Fetch a file",
    openapi_extra={
        "responses": {
            200: {"description": "The bytes of the file", "content": {"application/octet-stream": {}}}
        }
    },
)
def read_attachment(request: Asked, attachment: str) -> HttpResponse:
    only(request)
    return filed(reader(request), attachment, ATTACHMENT.name)
