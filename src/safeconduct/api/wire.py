"""Records as JSON: how they look on the way out, and their entity tags."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from safeconduct.api.problems import Problem, bad_request
from safeconduct.records.commit import Committed
from safeconduct.records.find import Page
from safeconduct.records.kinds import kind
from safeconduct.records.release import Released, Withheld

MEDIA_TYPE = "application/json"
IF_MATCH = {
    "parameters": [
        {
            "in": "header",
            "name": "If-Match",
            "required": True,
            "description": 'The version that was seen: `"3"`, or the ETag of the record.',
            "schema": {"type": "string"},
        }
    ]
}
_MATCH = re.compile(r'"([0-9]{1,9})(?:-[0-9a-f]{20})?"\Z')


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(found: Released) -> dict[str, Any]:
    """A record as its reader may see it. Content that lies in the ledger only is fetched at its own address."""
    models = kind(found.kind).parts
    return {
        "id": found.id,
        "version": found.version,
        "kind": found.kind,
        "originator": found.originator,
        "agreement": found.agreement or None,
        "state": found.state,
        "about": found.about or None,
        "at": moment(found.at),
        "ledger_index": found.ledger_index,
        "label": found.label,
        "levels": dict(found.levels),
        "parts": {name: value for name, value in found.parts.items() if models[name].tabled},
        "withheld": withheld(found.withheld),
        "erased": list(found.erased),
        "withdrawn": found.withdrawn,
        "orcon": found.orcon,
        "releasable": sorted(found.releasable),
    }


def withheld(parts: Iterable[Withheld]) -> list[dict[str, Any]]:
    return [
        {"part": w.part, "reason": w.reason, "would": [{"grant": g, "status": s} for g, s in w.would]}
        for w in parts
    ]


def page(found: Page) -> dict[str, Any]:
    return {
        "items": [record(each) for each in found.records],
        "unplaced": [record(each) for each in found.unplaced],
        "next_cursor": found.next_cursor or None,
    }


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(_encoded(body), status=status, content_type=MEDIA_TYPE, headers=dict(headers or {}))


def stored(done: Committed, status: int = 200, location: str = "") -> HttpResponse:
    """What was stored, by name and version only: the answer is kept for a while under its idempotency key."""
    body = {"record": done.record, "version": done.version, "ledger_index": done.index}
    return answer(body, status, {"Location": location} if location else {})


def tagged(request: HttpRequest, found: Released) -> HttpResponse:
    """One record with its entity tag; 304 without a body for a client that has just this."""
    encoded = _encoded(record(found))
    tag = f'"{found.version}-{hashlib.sha256(encoded).hexdigest()[:20]}"'
    known = (each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(","))
    if tag in known:
        return HttpResponse(status=304, headers={"ETag": tag})
    return HttpResponse(encoded, content_type=MEDIA_TYPE, headers={"ETag": tag})


def seen_version(request: HttpRequest) -> int:
    """The version that If-Match names, as `"3"` or as the entity tag that GET gave. Raises Problem."""
    given = request.headers.get("If-Match")
    if given is None:
        raise Problem(
            428,
            "precondition",
            "Precondition required",
            'Send the version you saw, If-Match: "3", or its ETag.',
        )
    form = _MATCH.match(given.strip())
    if form is None:
        raise bad_request('If-Match is one version, "3", or the ETag of the record.')
    return int(form[1])


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        errors="backslashreplace"
    )
