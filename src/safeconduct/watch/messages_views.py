"""The pages of liaison: the message box, a message with its receipts, requests for information and their clocks."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.links import links_down
from safeconduct.records import here
from safeconduct.records.kinds import PartRefused
from safeconduct.records.moments import instant
from safeconduct.records.refusals import Malformed
from safeconduct.shell.answers import answering, reader_of
from safeconduct.watch import messages as rules
from safeconduct.watch import response_words as words
from safeconduct.watch.messages import Written
from safeconduct.watch.response_forms import AnswerForm, MessageForm, RequestForm, TranslationForm
from safeconduct.watch.response_views import level_of, plainly

LIVE = "/live?topics=liaison_message,message_receipt,translation,information_request,information_answer"
SPOKEN = {"en": "en", "ur": "ur", "zh-hans": "zh-Hans"}


def _parties() -> list[tuple[str, str]]:
    return [(party, partner.name or party) for party, partner in sorted(here.home().partners.items())]


def _fresh(request: HttpRequest) -> dict[str, Any]:
    """What a new form begins with: a key of its own, the reader's language, what it was opened from."""
    language = SPOKEN.get(get_language() or "", "en")
    return {"key": str(uuid4()), "about": str(request.GET.get("about", ""))[:64], "language": language}


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def message_box(request: HttpRequest) -> HttpResponse:
    """Write on top, what came and went below, what nobody here has read first."""
    reader = reader_of(request)
    form = MessageForm(parties=_parties(), initial=_fresh(request))
    status = 200
    if request.method == "POST":
        form, status = MessageForm(request.POST, parties=_parties()), 422
        if form.is_valid():
            given = form.cleaned_data
            try:
                rules.send_message(reader, **given, by=str(request.user))
            except PartRefused as fault:
                form.add_error(None, str(fault))
            else:
                notices.success(
                    request, _("On record. Below you see when the other room has it, and who read it.")
                )
                return HttpResponseRedirect(reverse("watch:messages"))
    found = rules.messages(reader)
    lines = [_message(each) for each in found]
    context = {
        "form": form,
        "new": [each for each in lines if each["unread"]],
        "lines": [each for each in lines if not each["unread"]],
        "may_write": _may(reader, "liaison_message"),
        "down": list(links_down().values()),
        "page_level": level_of([each.record for each in found]),
        "live_url": LIVE,
    }
    return _rendered(request, "messages", context, status)


@require_safe
@answering
def message_page(request: HttpRequest, message: str) -> HttpResponse:
    """One message with its receipts and translations. Who has read it says so by a press."""
    reader = reader_of(request)
    found = rules.message(reader, message)
    context = {
        "line": _message(found),
        "may_write": _may(reader, "liaison_message"),
        "may_translate": _may(reader, "translation"),
        "read_by_me": any(
            (each.parts.get("receipt") or {}).get("by") == str(request.user) for each in found.receipts
        ),
        "form": TranslationForm(initial=_fresh(request)),
        "reply_form": MessageForm(
            parties=_parties(),
            initial={
                **_fresh(request),
                "about": found.record.id,
                "to": found.record.originator,
                "subject": (found.record.parts.get("message") or {}).get("subject", ""),
            },
            auto_id="reply_%s",
        ),
        "page_level": level_of([found.record, *found.translations]),
        "live_url": LIVE,
    }
    return _rendered(request, "message", context)


@require_POST
@answering
def read(request: HttpRequest, message: str) -> HttpResponse:
    """ "I have read it": by name, and the other room is told."""
    rules.read_message(reader_of(request), message, str(request.user))
    return HttpResponseRedirect(reverse("watch:message", args=[message]))


@require_POST
@answering
def translate(request: HttpRequest, record: str) -> HttpResponse:
    """A translation beside a message, a request or an answer."""
    form = TranslationForm(request.POST)
    if not form.is_valid():
        raise Malformed(_("A translation has its language, its text and who made it."))
    given = form.cleaned_data
    by = given["by"] or str(request.user)
    if given["source"] == "machine" and not given["by"]:
        raise Malformed(_("Name the machine that translated it."))
    with plainly():
        rules.translate(
            reader_of(request), record, given["language"], given["text"], given["source"], by, given["key"]
        )
    notices.success(request, _("The translation stands beside the original."))
    onward = request.POST.get("from", "")
    name = "watch:request" if onward.startswith("request:") else "watch:message"
    return HttpResponseRedirect(reverse(name, args=[_slug(onward.partition(":")[2]) or record]))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def request_list(request: HttpRequest) -> HttpResponse:
    """What is asked and not answered, the soonest due first, and what was."""
    reader = reader_of(request)
    form = RequestForm(parties=_parties(), initial=_fresh(request))
    status = 200
    if request.method == "POST":
        form, status = RequestForm(request.POST, parties=_parties()), 422
        if form.is_valid():
            given = form.cleaned_data
            try:
                done = rules.ask(
                    reader,
                    given["to"],
                    given["subject"],
                    given["question"],
                    form.due(),
                    given["about"],
                    str(request.user),
                    given["key"],
                )
            except PartRefused as fault:
                form.add_error(None, str(fault))
            else:
                return HttpResponseRedirect(reverse("watch:request", args=[done.record]))
    found = rules.requests(reader)
    lines = [_request(each) for each in found]
    context = {
        "form": form,
        "open": [each for each in lines if each["state"] == "open"],
        "over": [each for each in lines if each["state"] != "open"],
        "may_write": _may(reader, "information_request"),
        "down": list(links_down().values()),
        "now": time.time(),
        "page_level": level_of([each.record for each in found]),
        "live_url": LIVE,
    }
    return _rendered(request, "message_requests", context, status)


@require_safe
@answering
def request_page(request: HttpRequest, record: str) -> HttpResponse:
    """One request with its answers."""
    reader = reader_of(request)
    found = rules.request(reader, record)
    line = _request(found)
    context = {
        "line": line,
        "may_answer": not line["own"] and line["state"] != "withdrawn" and _may(reader, "information_answer"),
        "may_withdraw": line["own"] and line["state"] == "open" and _may(reader, "information_request"),
        "may_translate": _may(reader, "translation"),
        "answer_form": AnswerForm(initial=_fresh(request), auto_id="answer_%s"),
        "form": TranslationForm(initial=_fresh(request)),
        "now": time.time(),
        "page_level": level_of([found.record, *(each.record for each in found.answers)]),
        "live_url": LIVE,
    }
    return _rendered(request, "message_request", context)


@require_POST
@answering
def answer(request: HttpRequest, record: str) -> HttpResponse:
    """In full, in part, or declined."""
    form = AnswerForm(request.POST)
    if not form.is_valid():
        raise Malformed(_("An answer says something, and whether it is the whole of it."))
    given = form.cleaned_data
    with plainly():
        rules.answer_request(
            reader_of(request), record, given["text"], given["outcome"], str(request.user), given["key"]
        )
    return HttpResponseRedirect(reverse("watch:request", args=[record]))


@require_POST
@answering
def withdraw(request: HttpRequest, record: str) -> HttpResponse:
    """The answer is no longer needed."""
    seen = request.POST.get("seen", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 9):
        raise Malformed(_("A request is withdrawn as it was seen."))
    rules.withdraw_request(reader_of(request), record, int(seen))
    return HttpResponseRedirect(reverse("watch:request", args=[record]))


def _message(found: Written) -> dict[str, Any]:
    part = found.record.parts.get("message") or {}
    return {
        "id": found.record.id,
        "part": part,
        "priority": words.PRIORITIES.get(str(part.get("priority")), ""),
        "own": found.own,
        "originator": found.record.originator,
        "to": sorted(found.record.releasable),
        "delivered": found.delivered,
        "read": found.read,
        "unread": not found.own and not found.read,
        "receipts": [each.parts.get("receipt") or {} for each in found.receipts],
        "translations": _translations(found),
    }


def _translations(found: Written) -> list[dict[str, Any]]:
    said = [each.parts.get("text") or {} for each in found.translations]
    return [{**each, "how": words.SOURCES.get(str(each.get("source")), "")} for each in said]


def _request(found: Written) -> dict[str, Any]:
    part = found.record.parts.get("request") or {}
    return {
        "id": found.record.id,
        "seen": found.record.version,
        "part": part,
        "state": found.record.state,
        "state_word": words.STATES.get(found.record.state, ""),
        "own": found.own,
        "originator": found.record.originator,
        "overdue": rules.overdue(found.record, time.time()),
        "due_at": instant(part["due"]).timestamp() if part.get("due") else None,
        "translations": _translations(found),
        "answers": [_answer(each) for each in found.answers],
    }


def _answer(found: Written) -> dict[str, Any]:
    part = found.record.parts.get("reply") or {}
    return {
        "id": found.record.id,
        "part": part,
        "outcome": words.OUTCOMES.get(str(part.get("outcome")), ""),
        "originator": found.record.originator,
        "translations": _translations(found),
    }


def _rendered(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    alone = "HX-Request" in request.headers and status == 200
    template = f"watch/_{name}.html" if alone else f"watch/{name}.html"
    return render(request, template, {**context, "alone": alone}, status=status)


def _may(reader: Subject, kind: str) -> bool:
    """Whether the policy has any grant to write this: what a page offers, never what it permits."""
    return bool(here.state().policy.entries(reader, "write", kind))


def _slug(text: str) -> str:
    return text if text.isalnum() and len(text) <= 64 else ""
