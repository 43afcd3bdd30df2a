"""What every request passes before anything is looked up: a token, its rate, the size and form of the body.

The middleware of `people` has read the token; here it is required. Answers are never kept by a browser or a
proxy, and no other site's page may read them (there are no CORS headers).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from safeconduct.api import replays
from safeconduct.api.asked import Asked
from safeconduct.api.models import Write
from safeconduct.api.problems import Problem, bad_request, respond, too_large, unauthorised
from safeconduct.api.rates import RATES, per_minute
from safeconduct.people import tokens
from safeconduct.records.attachments import MAX_BYTES

JSON_LIMIT = 1024 * 1024
FILE_LIMIT = 4 * MAX_BYTES
"""Largest bodies taken, in bytes. A picture may be larger than what is stored of it."""

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
View = Callable[..., HttpResponseBase]


def guarded(view: View, open_to_all: bool = False, takes_file: bool = False, once: bool = False) -> View:
    """The view behind the gate. `takes_file`: the body is a file's bytes, not JSON. `once`: the writer knows the
    request's key too, so that a write whose outcome is not known may be made again."""

    @csrf_exempt  # a token is never sent by a browser on its own, so there is nothing to forge
    @wraps(view)
    def inner(request: Asked, *args: Any, **named: Any) -> HttpResponseBase:
        head = request.method == "HEAD"
        if head:
            request.method = "GET"
        try:
            if not open_to_all:
                _admit(request)
            answer = _run(request, takes_file, once, lambda: view(request, *args, **named))
        except Exception as fault:
            answer = respond(request, fault)
        answer["Cache-Control"] = "no-store"
        return _without_body(answer) if head else answer

    return inner


def _without_body(answer: HttpResponseBase) -> HttpResponse:
    """The answer to HEAD: what GET would have said of its body. A stream's length is not known beforehand."""
    bare = HttpResponse(status=answer.status_code, headers=dict(answer.items()))
    if isinstance(answer, HttpResponse):
        bare["Content-Length"] = str(len(answer.content))
    return bare


def _admit(request: HttpRequest) -> None:
    bearer = getattr(request, "bearer", None)
    if bearer is None:
        raise unauthorised()
    wait = RATES.wait(bearer.token.pk, per_minute())
    if wait:
        headers = {"Retry-After": str(wait)}
        raise Problem(429, "too-many", "Too many requests", f"Ask again in {wait} s.", headers)


def _run(
    request: Asked, takes_file: bool, once: bool, view: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    write = None
    if request.method in WRITES and getattr(request, "bearer", None) is not None:
        _read_body(request, FILE_LIMIT if takes_file else JSON_LIMIT)
        if not takes_file:
            request.json_body = _json(request)
        elif request.content_type in FORMS:
            raise _media_type("Send the bytes of the file as the body, not a form.", "image/*, text/plain")
        begun = _begin(request, once)
        if isinstance(begun, HttpResponse):
            return begun
        write = begun
    answer = view()
    if answer.status_code == 405:
        allowed = {"Allow": answer.get("Allow", "")}
        answer = Problem(
            405, "method", "Method not allowed", "This address has no such method.", allowed
        ).response(request)
    if write is not None and isinstance(answer, HttpResponse):
        replays.end(write, answer, once)
    return answer


def _begin(request: Asked, once: bool) -> Write | HttpResponse | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    secret = tokens.from_header(request.headers["Authorization"]) or ""
    return replays.begin(request, request.bearer.token, secret, key, request.body, once)


def _read_body(request: HttpRequest, limit: int) -> None:
    """Read the body, but never more than `limit` bytes of it, whatever length was announced."""
    announced = request.headers.get("Content-Length", "")
    if announced.isdigit() and (len(announced) > 12 or int(announced) > limit):
        raise too_large(limit)
    body = request.read(limit + 1)
    if len(body) > limit:
        raise too_large(limit)
    if announced.isdigit() and len(body) < int(announced):
        raise bad_request("The body ends before the announced length.")
    request._body = body  # where request.body looks for it


def _json(request: HttpRequest) -> Any:
    if not request.body:
        return None
    if request.content_type != "application/json":
        raise _media_type("Send the body as application/json.", "application/json")
    try:
        return json.loads(
            request.body.decode(), object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_number
        )
    except RecursionError:
        raise bad_request("The body is nested too deeply.") from None
    except ValueError as fault:
        raise bad_request(f"The body is not JSON: {_reason(fault)}.") from None


def _media_type(detail: str, accepted: str) -> Problem:
    return Problem(415, "media-type", "Unsupported media type", detail, {"Accept": accepted})


class _NotJson(ValueError):
    """A text that some parsers would take and others read otherwise."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotJson("a name stands twice in one object")
    return found


def _no_constant(word: str) -> Any:
    raise _NotJson(f"{word} is no number")


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _NotJson("a number is out of range")
    return number


def _reason(fault: ValueError) -> str:
    if isinstance(fault, json.JSONDecodeError):
        return f"{fault.msg} at character {fault.pos}"
    return str(fault) if isinstance(fault, _NotJson) else "it cannot be decoded"
