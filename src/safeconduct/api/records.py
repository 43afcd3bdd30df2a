"""Records of any kind, and the files beside them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, query, reader
from safeconduct.api.problems import bad_request
from safeconduct.api.schemas import Paged, Record, RecordFilters, RecordPage, Stored
from safeconduct.records import find as finding
from safeconduct.records.attachments import ATTACHMENT, attachment_parts, content_bytes
from safeconduct.records.commit import Draft, commit
from safeconduct.records.kinds import all_kinds
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import content, release

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
    return wire.answer(wire.page(finding.find(reader(request), asked)))


@router.get("/records/{record}", response=Record, summary="Read a record")
def read_record(request: Asked, record: str) -> HttpResponse:
    only(request)
    return wire.tagged(request, release(reader(request), record))


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
    found = release(reader(request), attachment)
    if found.kind != ATTACHMENT.name or "description" not in found.parts:
        raise NotFound(attachment)
    raw = content_bytes(content(reader(request), attachment, "content"))
    described = found.parts["description"]
    name = quote(described["name"], safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return HttpResponse(raw, content_type=described["media_type"], headers=headers)
