"""Alerts on the phone's page: what is in force or was just called off, and one press to answer.

Without a network the answer waits in the phone's outbox with its true time and counts once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.moments import MomentRefused, instant
from safeconduct.records.refusals import Malformed, NotFound, Refused, Unavailable
from safeconduct.records.transaction import iso
from safeconduct.shell.answers import answering, reader_of
from safeconduct.watch.alert_acts import answer_alert
from safeconduct.watch.alert_kinds import ALERT, ALERT_ACKNOWLEDGEMENT, ANSWERS
from safeconduct.watch.alert_seen import Seen, seen
from safeconduct.watch.alert_words import ANSWERS as SPOKEN

SHOWN = 20
PHONE = "/journeys/phone/"
"""Where the page with this piece is: the room of journeys has it."""
BODY = 16 * 1024


class Said(BaseModel):
    """An answer as a phone sends it: `key` is drawn when it is spoken, `at` is its true time with an offset."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    key: str = Field(min_length=8, max_length=64)
    category: str = Field(max_length=20)
    at: str | None = Field(None, max_length=40)
    point: str = Field("", max_length=40)
    latitude: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False)
    longitude: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False)
    accuracy_m: float | None = Field(None, ge=0, le=10_000_000, allow_inf_nan=False)


def context(request: HttpRequest) -> Mapping[str, Any] | None:
    """The alerts in force that the reader may know of, gravest first, with what was answered; None for one who may
    know of none."""
    reader = reader_of(request)
    if not here.state().policy.entries(reader, "read", ALERT.name):
        return None
    now = datetime.fromtimestamp(time.time(), UTC).timestamp()
    page = find(reader, Query(ALERT.name, withdrawn=False, ends_after=now, limit=SHOWN))
    alerts = [seen(each) for each in page.records if each.state in ("issued", "cancelled")]
    said = _said(request, alerts) if alerts else {}
    may = bool(here.state().policy.entries(reader, "acknowledge", ALERT_ACKNOWLEDGEMENT.name))
    return {
        "alerts": [{"alert": each, "said": said.get(each.id)} for each in sorted(alerts, key=Seen.rank)],
        "answers": [(code, SPOKEN[code]) for code in ANSWERS] if may else [],
        "back": PHONE,
    }


def _said(request: HttpRequest, alerts: list[Seen]) -> dict[str, dict[str, Any]]:
    """What the reader answered last to each alert's present round."""
    reader = reader_of(request)
    rounds = {each.id: each.round for each in alerts}
    query = Query(ALERT_ACKNOWLEDGEMENT.name, about=list(rounds), state="given", sort="at", limit=200)
    found: dict[str, dict[str, Any]] = {}
    for each in find(reader, query).records:
        receipt, who = each.parts.get("receipt") or {}, each.parts.get("who") or {}
        mine = who.get("account") == reader.person
        if mine and receipt.get("round") == rounds.get(each.about):
            answer = receipt["answer"]
            said = {"answer": answer, "word": SPOKEN[answer], "at": instant(receipt["at"])}
            found.setdefault(each.about, said)
    return found


@require_POST
@answering
def answer(request: HttpRequest, alert: str) -> HttpResponse:
    """One answer, from a page's form or, as JSON, from the phone's outbox.

    JSON answers: 201 for an answer that is now durable (sent again: the same), 400 for what is none, 403 and 404 for
    an alert that the sender may not answer or know of, 503 when it should be sent again later.
    """
    as_json = request.content_type == "application/json"
    try:
        said = _of_outbox(request) if as_json else Said.model_validate(_of_form(request))
        at = instant(said.at).timestamp() if said.at else time.time()
        who: dict[str, Any] = {"name": str(request.user)[:200]}
        if said.latitude is not None and said.longitude is not None:
            who |= {"latitude": said.latitude, "longitude": said.longitude}
        done = answer_alert(
            reader_of(request),
            alert,
            said.category,
            at=iso(at),
            means="phone" if as_json else "page",
            round_=int(said.point) if said.point.isascii() and said.point.isdigit() else None,
            who=who,
            key=said.key,
        )
    except (ValidationError, PartRefused, Malformed, MomentRefused, ValueError) as fault:
        if not as_json:
            raise Malformed(_reason(fault)) from None
        return JsonResponse({"error": _reason(fault)}, status=400)
    except (NotFound, Refused, Unavailable) as fault:
        if not as_json:
            raise
        status = {NotFound: 404, Refused: 403}.get(type(fault), 503)
        return JsonResponse({"error": type(fault).__name__.lower()}, status=status)
    if as_json:
        return JsonResponse({"record": done.record}, status=201)
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = reverse("watch:alert", args=[alert])
    return HttpResponseRedirect(back)


def _of_outbox(request: HttpRequest) -> Said:
    if len(request.body) > BODY:
        raise ValueError(f"an answer has at most {BODY} bytes")
    return Said.model_validate_json(request.body)


def _of_form(request: HttpRequest) -> dict[str, Any]:
    return {name: request.POST[name] for name in ("key", "category", "point") if request.POST.get(name)}


def _reason(fault: Exception) -> str:
    if isinstance(fault, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'answer'}: {each['msg']}"
            for each in fault.errors(include_url=False, include_input=False)
        )
    return str(fault)[:300]
