"""Incidents as a stream of GeoJSON, page by page.

Each page is decided, and noted where the agreement says so, before any of it leaves; so is whether the token
still opens anything. A stream that may not go on is cut off, which no client mistakes for a whole file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from safeconduct.agreement.policy import Subject
from safeconduct.api.asked import Asked
from safeconduct.api.listing import query, reader
from safeconduct.api.schemas import Filters
from safeconduct.api.snapshots import SNAPSHOTS
from safeconduct.incidents import rules
from safeconduct.incidents.exports import GEOJSON
from safeconduct.people import tokens
from safeconduct.records import here, principals
from safeconduct.records.bulk import foresee
from safeconduct.records.find import Page, Query, find
from safeconduct.records.refusals import Refused
from safeconduct.records.release import Released
from safeconduct.records.under import looking_under

MEDIA_TYPE = "application/geo+json"
BATCH = 500


def export(request: Asked, filters: Filters) -> HttpResponseBase:
    """The collection of all incidents that fit; with `limit` or `cursor` in the address one page of it.

    Raises Refused for a reader whose roles export no incident at all.
    """
    subject = reader(request)
    if not rules.parts_open_to(subject, "export", "incident"):
        _refuse(subject)
    one_page = bool({"limit", "cursor"} & set(request.GET))
    asked = query("incident", filters)
    if not one_page:
        asked = replace(asked, limit=BATCH)
        foresee(subject, asked)
    # META keeps the method that the gate has turned into GET
    if "Range" in request.headers or request.META["REQUEST_METHOD"] == "HEAD":
        key = (request.bearer.token.pk, subject, looking_under(), request.get_full_path(), here.state().index)
        snapshot = SNAPSHOTS.take(key, lambda: _pieces(subject, asked, one_page))
        if snapshot is not None:
            return snapshot.answer(request, MEDIA_TYPE)
    first = find(subject, asked, "export")
    secret = tokens.from_header(request.headers["Authorization"]) or ""
    pages = _single(first) if one_page else _pages(first, asked, secret)
    return StreamingHttpResponse(_text(pages), content_type=MEDIA_TYPE)


def _refuse(subject: Subject) -> None:
    """Keep the attempt in the ledger and say which grant would have allowed it."""
    policy = here.state().policy
    would = {
        row.grant: row.status
        for role in subject.roles
        for row in policy.explain(subject.party, role, "export", "incident", pending=True)
        if row.status != "agreed"
    }
    reason = "export incident: no grant"
    actor = principals.to_wire(subject)
    here.door().call("refuse", {"actor": actor, "act": "export", "record": "", "reason": reason})
    raise Refused(reason, tuple(would.items()))


async def _single(page: Page) -> AsyncIterator[Page]:
    yield page


async def _pages(page: Page, asked: Query, secret: str) -> AsyncIterator[Page]:
    yield page
    while page.next_cursor:
        page = await sync_to_async(_following)(secret, replace(asked, cursor=page.next_cursor))
        yield page


def _following(secret: str, asked: Query) -> Page:
    bearer = tokens.present(secret)
    if bearer is None:
        raise Refused("the token was revoked")
    return find(bearer.principal, asked, "export")


async def _text(pages: AsyncIterator[Page]) -> AsyncIterator[bytes]:
    writing = _Writing()
    yield writing.opening
    async for page in pages:
        if piece := writing.piece(page):
            yield piece
    yield writing.closing


def _pieces(subject: Subject, asked: Query, one_page: bool) -> Iterator[bytes]:
    writing = _Writing()
    yield writing.opening
    while True:
        page = find(subject, asked, "export")
        yield writing.piece(page)
        if one_page or not page.next_cursor:
            break
        asked = replace(asked, cursor=page.next_cursor)
    yield writing.closing


class _Writing:
    """A file under way: what stands between two features stands between two pages as well."""

    opening = GEOJSON.opening.encode()
    closing = GEOJSON.closing.encode()

    def __init__(self) -> None:
        self._separator = ""

    def piece(self, page: Page) -> bytes:
        lines = [GEOJSON.line(_exported(record)) for record in (*page.unplaced, *page.records)]
        if not lines:
            return b""
        text = self._separator + GEOJSON.separator.join(lines)
        self._separator = GEOJSON.separator
        return text.encode()


def _exported(found: Released) -> dict[str, Any]:
    return {
        "id": found.id,
        "version": found.version,
        "state": found.state,
        "originator": found.originator,
        "label": found.label,
        "parts": found.parts,
        "withheld": [each.part for each in found.withheld],
    }
