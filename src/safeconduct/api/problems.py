"""Errors as problem details (RFC 9457): every answer of the API that is not what was asked for.

A record that the asker may not know of and one that does not exist give the same bytes, but for `instance`,
which repeats the path that was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja.errors import AuthenticationError, HttpError, ValidationError

from safeconduct.records.attachments import AttachmentRefused
from safeconduct.records.events import log_event
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused, Unavailable

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:safeconduct:problem:"
RETRY_SECONDS = 5
MAX_ERRORS = 100


class Problem(Exception):
    """An answer that says what went wrong. `kind` is the last word of its type URI, `more` its extensions."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more
        super().__init__(detail)

    def response(self, request: HttpRequest) -> HttpResponse:
        body = {
            "type": TYPE + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": request.path,
            **self.more,
        }
        return HttpResponse(
            json.dumps(body), status=self.status, content_type=MEDIA_TYPE, headers=self.headers
        )


def not_found() -> Problem:
    return Problem(
        404, "not-found", "Not found", "There is no such thing here, or none that you may know of."
    )


def bad_request(detail: str) -> Problem:
    return Problem(400, "bad-request", "Bad request", detail)


def unauthorised() -> Problem:
    """401. Basic is offered as well, for map programs: the token is the password."""
    offered = 'Bearer realm="safeconduct", Basic realm="safeconduct", charset="UTF-8"'
    detail = "Send a personal token: Authorization: Bearer TOKEN."
    return Problem(401, "unauthorised", "Unauthorised", detail, {"WWW-Authenticate": offered})


def respond(request: HttpRequest, fault: Exception) -> HttpResponse:
    """The answer to whatever was raised."""
    return describe(fault).response(request)


def describe(fault: Exception) -> Problem:
    """An exception as a problem. Of one that nobody foresaw the client learns nothing."""
    match fault:
        case Problem():
            return fault
        case NotFound() | Http404():
            return not_found()
        case Refused():
            clauses = [{"grant": grant, "status": status} for grant, status in fault.would]
            return Problem(403, "refused", "Refused by the agreement", fault.reason, clauses=clauses)
        case Conflict():
            detail = f"The record is at version {fault.current} now; look at it again before changing it."
            return Problem(412, "conflict", "Version conflict", detail, current=fault.current)
        case PartRefused():
            return invalid(
                (("parts", part, *filter(None, path.split("."))), why) for part, path, why in fault.errors
            )
        case AttachmentRefused():
            return Problem(422, "attachment-refused", "Attachment refused", str(fault))
        case Unavailable():
            wait = {"Retry-After": str(RETRY_SECONDS)}
            detail = "The writer did not answer. Whether it stored this is not known."
            return Problem(503, "unavailable", "Unavailable", detail, wait)
        case ValidationError():
            return _invalid_request(fault.errors)
        case RequestDataTooBig():
            return too_large(0)
        case Malformed() | SuspiciousOperation() | UnreadablePostError():
            return bad_request(str(fault) or "The request could not be read.")
        case AuthenticationError():
            return unauthorised()
        case HttpError():
            return Problem(fault.status_code, "request-refused", "Request refused", fault.message)
    log_event("request_failed", fault=fault, unforeseen=True)
    return Problem(500, "internal", "Internal error", "Something went wrong here; it was logged.")


def too_large(limit: int) -> Problem:
    detail = f"The body is larger than {limit} bytes." if limit else "The body is larger than is taken here."
    return Problem(413, "too-large", "Too large", detail)


def invalid(errors: Iterable[tuple[Sequence[Any], str]]) -> Problem:
    """422 with a JSON pointer (RFC 6901, as URI fragment) into the body for each fault."""
    listed = [{"pointer": _pointer(path), "detail": why} for path, why in errors][:MAX_ERRORS]
    return Problem(422, "invalid", "Invalid content", "The body does not fit its schema.", errors=listed)


def _pointer(path: Sequence[Any]) -> str:
    steps = (str(step)[:100].replace("~", "~0").replace("/", "~1") for step in path)
    return "#" + "".join(f"/{step}" for step in steps)


def _invalid_request(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """ninja's findings: those about the body as they are, any other one names a parameter."""
    about_body = [e for e in errors if e["loc"][:1] in (("body",), ["body"])]
    if about_body:
        # loc is ("body", name of the view's argument, *path in the body)
        return invalid((e["loc"][2:], e["msg"]) for e in about_body)
    listed = [{"parameter": str(e["loc"][-1])[:100], "detail": e["msg"]} for e in errors][:MAX_ERRORS]
    return Problem(400, "bad-request", "Bad request", "A parameter makes no sense.", errors=listed)
