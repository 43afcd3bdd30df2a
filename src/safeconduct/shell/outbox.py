"""Words that a phone keeps until it has a network: one way to read them, and one way to answer.

A form works without a script; as JSON the same words come from the phone's outbox, which needs to know whether to send
again. JSON answers: 201 for what is now durable (sent again: the same answer), 400 for what is no such word, 403 and
404 for what is not the sender's, 409 for what was said by another person than is signed in, who has to send it, 503
when it should be sent again later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from pydantic import ValidationError

from safeconduct.people.models import Account
from safeconduct.people.passes import owner_of
from safeconduct.records.commit import Committed
from safeconduct.records.kinds import PartRefused
from safeconduct.records.moments import MomentRefused
from safeconduct.records.refusals import Malformed, NotFound, Refused, Unavailable

BODY = 16 * 1024
_STATUS = {NotFound: 404, Refused: 403, Unavailable: 503}


def taken(
    request: HttpRequest, act: Callable[[Mapping[str, Any]], Committed], back: str | Callable[[], str]
) -> HttpResponse:
    """Do the act with what was sent, and answer as whoever sent it can use; `back` is where a form leads."""
    as_json = request.content_type == "application/json"
    try:
        given = sent(request) if as_json else request.POST.dict()
        if not _is_own(request, given.pop("owner", None)):
            return JsonResponse({"error": "owner"}, status=409)
        done = act(given)
    except (ValidationError, PartRefused, Malformed, MomentRefused, ValueError) as fault:
        if not as_json:
            raise Malformed(_reason(fault)) from None
        return JsonResponse(refusal(fault)[1], status=refusal(fault)[0])
    except (NotFound, Refused, Unavailable) as fault:
        if not as_json:
            raise
        return JsonResponse(refusal(fault)[1], status=refusal(fault)[0])
    if as_json:
        return JsonResponse({"record": done.record}, status=201)
    return HttpResponseRedirect(back if isinstance(back, str) else back())


def refusal(fault: Exception) -> tuple[int, dict[str, str]]:
    """(status, body) that tell a phone why a word was not taken."""
    if type(fault) in _STATUS:
        return _STATUS[type(fault)], {"error": type(fault).__name__.lower()}
    return 400, {"error": _reason(fault)}


def sent(request: HttpRequest) -> dict[str, Any]:
    """The word in a request's body. Raises ValueError for what is none."""
    if len(request.body) > BODY:
        raise ValueError(f"a word has at most {BODY} bytes")
    try:
        found = json.loads(request.body)
    except RecursionError:
        raise ValueError("a word is an object") from None
    if not isinstance(found, dict):
        raise ValueError("a word is an object")
    return found


def _is_own(request: HttpRequest, owner: object) -> bool:
    """Whether whoever is signed in said it; a word that names nobody counts as theirs."""
    account = request.user
    return not owner or (isinstance(account, Account) and owner == owner_of(account))


def _reason(fault: Exception) -> str:
    if isinstance(fault, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'word'}: {each['msg']}"
            for each in fault.errors(include_url=False, include_input=False)
        )
    return str(fault)[:300]
