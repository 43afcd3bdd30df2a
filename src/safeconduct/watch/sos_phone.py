"""SOS on a phone: a press that is durable or says that it is not yet, who has it, and the word that ends it.

The press works without a script and, when the page is installed, without a network: it is kept on the phone with its
true time and a key of its own, and sent until the node answers. What the phone shows after the duress word is what it
shows after the safe word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from safeconduct.agreement.policy import Subject
from safeconduct.people.passes import holder_of
from safeconduct.people.principal import principal_of
from safeconduct.records.commit import Committed
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound, Refused, Unavailable
from safeconduct.records.release import Released
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.outbox import refusal, sent, taken
from safeconduct.watch import safe_words as kept
from safeconduct.watch import sos
from safeconduct.watch.sos_kinds import SOS, STAND_DOWN
from safeconduct.watch.sos_whole import as_caller

PHONE = "/journeys/phone/"
"""The page of a phone, on which this is a piece."""


class Press(BaseModel):
    """A press as a phone sends it; `key` is drawn when it is pressed, `at` is its true time with an offset.

    What is not understood is left out: a press with a broken position is still a press.
    """

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    key: str = Field(min_length=8, max_length=64)
    at: str | None = Field(default=None, max_length=40)
    text: str = Field(default="", max_length=5_000)


class Fix(BaseModel):
    """Where the phone is, when it knows; degrees WGS 84, metres."""

    model_config = ConfigDict(extra="ignore")

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    accuracy_m: float | None = Field(default=None, ge=0, le=1e7, allow_inf_nan=False)


def caller_of(request: HttpRequest) -> Subject:
    """Who is signed in, with the roles in which one calls for help for oneself, and sees of it what is one's own."""
    return as_caller(reader_of(request))


def context(request: HttpRequest) -> Mapping[str, Any] | None:
    """What the phone shows of SOS; nothing for who has no part in it."""
    caller = caller_of(request)
    if not caller.roles:
        return None
    page = find(caller, Query(SOS.name, parts=("call", "rooms"), withdrawn=False, sort="at", limit=1))
    last = page.records[0] if page.records else None
    word = _word(caller, last) if last else None
    calling = last is not None and last.state not in SOS.final and word is None
    return {
        "calling": calling,
        "last": last,
        "call": (last.parts.get("call") or {}) if last else {},
        "rooms": (last.parts.get("rooms") or {}) if last else {},
        "word": word,
        "has_words": kept.has_words(caller.person),
        "key": str(uuid4()),
        "now": timezone.localtime(),
    }


def _word(who: Subject, last: Released) -> Mapping[str, Any] | None:
    """The first stand-down of an SOS, whichever word it was said with; the watch floor's may follow."""
    query = Query(STAND_DOWN.name, about=last.id, parts=("word",), sort="at", descending=False, limit=1)
    found = find(who, query).records
    return found[0].parts.get("word") if found else None


@require_POST
@answering
def press(request: HttpRequest) -> HttpResponse:
    """A press, from the page's form or from the phone's outbox."""
    caller = caller_of(request)
    return taken(request, lambda given: _raise(given, caller, str(request.user)), PHONE)


@csrf_exempt  # the pass stands in the body, and no browser puts it there by itself
@require_POST
def press_by_pass(request: HttpRequest) -> HttpResponse:
    """A press that was made on a phone by whom its page was for, whoever is signed in there by now, or nobody.

    JSON answers as for the outbox, and 401 for a pass that is worth nothing.
    """
    try:
        given = sent(request)
        account = holder_of(given.pop("pass", None))
        if account is None:
            return JsonResponse({"error": "pass"}, status=401)
        done = _raise(given, as_caller(principal_of(account)), str(account))
    except (ValueError, PartRefused, Malformed, NotFound, Refused, Unavailable) as fault:
        status, said = refusal(fault)
        return JsonResponse(said, status=status)
    return JsonResponse({"record": done.record}, status=201)


def _raise(given: Mapping[str, Any], caller: Subject, name: str) -> Committed:
    return sos.raise_sos(caller, _parts(given, caller, name), _journey(caller), str(given["key"]))


def _parts(given: Mapping[str, Any], caller: Subject, name: str) -> dict[str, Any]:
    """The parts of the SOS that a press makes. Raises ValidationError for one without a key."""
    try:
        pressed = Press.model_validate(given)
    except ValidationError:
        pressed = Press(key=str(given.get("key", "")))
    at = pressed.at or datetime.now(UTC).isoformat(timespec="seconds")
    parts: dict[str, Any] = {
        "call": {"at": at, "means": "phone", "category": "person"},
        "caller": {"person": caller.person, "name": name},
    }
    try:
        fix = Fix.model_validate(given)
    except ValidationError:
        fix = None
    if fix is not None:
        parts["place"] = {**fix.model_dump(exclude_none=True), "source": "phone"}
    if pressed.text:
        parts["words"] = {"text": pressed.text}
    return parts


def _journey(caller: Subject) -> str:
    """The journey that the caller is on, if any."""
    for state in ("overdue", "under_way"):
        query = Query("movement", state=state, parts=("notice",), withdrawn=False, sort="at", limit=1)
        for each in find(caller, query).records:
            return each.id
    return ""


@require_POST
@answering
def say_word(request: HttpRequest, record: str) -> HttpResponse:
    """The word that stands an own SOS down. The safe word and the duress word are answered alike."""
    caller = caller_of(request)
    said = kept.said(caller.person, request.POST.get("word", "")[:400])
    if said in ("safe", "duress"):
        # One word ends it, and said again, either of them, it changes nothing: the answer stays the same.
        sos.stand_down(caller, record, "safe_word", said == "duress", by=str(request.user), key="word")
        messages.success(request, _("Stood down. Both rooms are told."))
    else:
        messages.error(request, str(_ANSWERS[said]))
    return HttpResponseRedirect(PHONE)


_ANSWERS = {
    "wrong": gettext_lazy("That is not your word. The SOS goes on."),
    "pause": gettext_lazy("Too many wrong words. The SOS goes on; telephone the watch room to end it."),
    "unset": gettext_lazy("You have set no words. The SOS goes on; telephone the watch room to end it."),
}


class WordsForm(forms.Form):
    """Both words, each typed once and shown: they are chosen in peace."""

    safe = forms.CharField(label=gettext_lazy("Safe word"), min_length=kept.LEAST, max_length=kept.MOST)
    duress = forms.CharField(label=gettext_lazy("Duress word"), min_length=kept.LEAST, max_length=kept.MOST)


@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required  # type: ignore[untyped-decorator]
@answering
def safe_words(request: HttpRequest) -> HttpResponse:
    """Choose the two words; only with the password, so that a phone in other hands does not change them."""
    caller = caller_of(request)
    if not caller.roles:
        raise NotFound("safe words")
    form = WordsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            kept.keep(caller.person, form.cleaned_data["safe"], form.cleaned_data["duress"])
        except kept.WordsRefused:
            form.add_error(None, _("The two words are too short, too long, or too much alike."))
        else:
            messages.success(request, _("Your words are set. Tell nobody which is which."))
            return HttpResponseRedirect(PHONE)
    status = 422 if request.method == "POST" else 200
    return render(request, "watch/safe_words.html", {"form": form, "page_level": "RESTRICTED"}, status=status)
