"""Alerts for programs, and from them, in the Common Alerting Protocol 1.2 (OASIS).

`GET /api/v1/cap/feed.atom`: an Atom feed of what is in force or was just called off, as far as the token's owner may
read it. `GET /api/v1/cap/ALERT.xml`: one alert as CAP. `POST /api/v1/cap`: one CAP message of another agency, which
is taken in and never sent on by itself. What was taken in from others is not in the feed.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.urls import reverse

from safeconduct.api.asked import Asked
from safeconduct.api.listing import reader
from safeconduct.api.problems import Problem, bad_request, not_found
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released, release
from safeconduct.watch.cap import FEED_MEDIA_TYPE, MEDIA_TYPE, CapAlert, FeedEntry, write, write_feed
from safeconduct.watch.cap_reading import CapRefused
from safeconduct.watch.cap_records import as_cap
from safeconduct.watch.cap_taking import IGNORED, TAKEN, take_in

ENTRIES = 200
TAKES = ("application/cap+xml", "application/xml", "text/xml")


def feed(request: Asked) -> HttpResponse:
    """The Atom feed, newest first. Raises what find() raises."""
    _only_get(request)
    now = time.time()
    page = find(reader(request), Query("alert", withdrawn=False, ends_after=now, limit=ENTRIES))
    entries = []
    for found in page.records:
        message = _as_cap(found)
        if message is not None and message.infos:
            address = request.build_absolute_uri(reverse("cap-alert", args=[found.id]))
            said = message.infos[0]
            practised = f"{message.status.upper()}: " if message.status != "Actual" else ""
            summary = said.description or said.instruction
            entries.append(FeedEntry(message, practised + said.headline, address, summary))
    updated = max((each.alert.reference.sent for each in entries), default=datetime.fromtimestamp(now, UTC))
    home = here.home()
    body = write_feed(
        request.build_absolute_uri(reverse("cap-feed")), f"Alerts: {home.name}", home.name, updated, entries
    )
    return HttpResponse(body, content_type=f"{FEED_MEDIA_TYPE}; charset=utf-8")


def alert(request: Asked, record: str) -> HttpResponse:
    """One alert as CAP, in the version that is in force. Raises NotFound for one that is not to be read."""
    _only_get(request)
    found = release(reader(request), record)
    message = _as_cap(found)
    if message is None:
        raise not_found()
    return HttpResponse(write(message), content_type=f"{MEDIA_TYPE}; charset=utf-8")


def take(request: Asked) -> HttpResponse:
    """Take in one message. 201 for a new alert, 200 for what was known, updated, cancelled or left aside."""
    if request.content_type not in TAKES:
        kinds = ", ".join(TAKES)
        raise Problem(
            415, "media-type", "Unsupported media type", f"Send XML as {TAKES[0]}.", {"Accept": kinds}
        )
    try:
        answer = take_in(reader(request), request.body)
    except (CapRefused, Malformed) as fault:
        raise bad_request(str(fault)) from None
    except PartRefused as fault:
        raise bad_request(str(fault)[:500]) from None
    status = 201 if answer["outcome"] == TAKEN else 202 if answer["outcome"] == IGNORED else 200
    return JsonResponse(answer, status=status)


def door(request: Asked) -> HttpResponse:
    """POST takes in; anything else is answered with what may be done."""
    if request.method != "POST":
        raise Problem(405, "method", "Method not allowed", "POST a CAP message here.", {"Allow": "POST"})
    return take(request)


def _only_get(request: Asked) -> None:
    if request.method != "GET":
        raise Problem(
            405, "method", "Method not allowed", "This address is for reading.", {"Allow": "GET, HEAD"}
        )


def _as_cap(found: Released) -> CapAlert | None:
    """The alert as CAP; None for what another agency sent, and for one whose message is not shown."""
    parts: dict[str, Any] = dict(found.parts)
    hidden = {each.part for each in found.withheld} | set(found.erased)
    agency = (parts.get("source") or {}).get("agency")
    if found.kind != "alert" or "message" not in parts or found.withdrawn or agency or "source" in hidden:
        return None
    public = all(found.levels.get(name, "OPEN") == "OPEN" for name in ("message", "area"))
    return as_cap(found.id, found.version, found.state, found.originator, parts, public)
