"""The watch floor: a page to live in for twelve hours, calm when nothing happens, unmistakable when something does."""

from __future__ import annotations

import time
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.exchange.links import links_seen
from safeconduct.notify.acts import shifts
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.records.transaction import iso
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.templatetags.shell import label_banner
from safeconduct.watch import floor_words as words
from safeconduct.watch.floor_map import drawn
from safeconduct.watch.floor_open import ALARM, Open, sentence
from safeconduct.watch.floor_state import whats_open
from safeconduct.watch.shift_kinds import SHIFT_ENTRY, SHIFT_HANDOVER

KINDS = (
    "sos", "sos_acknowledgement", "stand_down", "escalation", "movement", "muster", "muster_figure", "alert",
    "liaison_message", "message_receipt", "information_request", "information_answer", "response",
    "response_item", "on_call",
)  # fmt: skip
"""What the list of open things follows."""
LIVE = "/live?topics=" + ",".join((*KINDS, "shift_entry", "shift_handover", "site", "leg", "check_in"))
LOGGED = 30
FIRST_SHIFT = 12 * 3600.0
"""How far back the first hand-over reaches, in seconds."""


class EntryForm(forms.Form):
    text = forms.CharField(label=gettext_lazy("New line in the log"), max_length=5_000)


class HandoverForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("What the next officer must know besides"),
        max_length=5_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )


@require_safe
@answering
def floor(request: HttpRequest) -> HttpResponse:
    """What is open and whose clock runs, the map, the links, the shift's log, the hand-over that waits; on a wall with
    `?display=wall`."""
    return _page(request)


@require_safe
@answering
def places(request: HttpRequest) -> JsonResponse:
    """What the floor's map draws, as GeoJSON, with the label that it raises the page to."""
    features, nowhere = drawn(reader_of(request))
    levels = [each["properties"]["level"] for each in features]
    body = {
        "type": "FeatureCollection",
        "features": features,
        "now": time.time(),
        "nowhere": nowhere,
        "banner": label_banner(_level(levels)),
    }
    return JsonResponse(body, content_type="application/geo+json")


def _page(request: HttpRequest, status: int = 200, **forms: Any) -> HttpResponse:
    reader, now = reader_of(request), time.time()
    found = whats_open(reader)
    on_call = on_call_now(reader, now)
    entries = find(reader, Query(SHIFT_ENTRY.name, withdrawn=False, limit=LOGGED)).records
    handovers = find(reader, Query(SHIFT_HANDOVER.name, withdrawn=False, limit=3)).records
    labels = [each.level for each in found] + [each.label for each in (*entries, *handovers, *on_call)]
    alone = "HX-Request" in request.headers and status == 200
    wall = request.GET.get("display") == "wall"
    context = {
        "open": [_line(each) for each in found],
        "at_once": sum(1 for each in found if each.urgency == ALARM),
        "worst": found[0].urgency if found else "",
        "sounds": " ".join(sorted({each.ring for each in found if each.ring and each.urgency == ALARM})),
        "links": links_seen(now),
        "on_call": [each.parts["shift"] for each in on_call],
        "entries": entries,
        "handovers": [_handover(each, reader) for each in handovers],
        "may_write": bool(here.state().policy.entries(reader, "write", SHIFT_ENTRY.name)) and not wall,
        "entry_form": forms.get("entry") or EntryForm(),
        "handover_form": forms.get("handover") or HandoverForm(prefix="handover"),
        "tunes": words.SOUNDS.items(),
        "kinds": " ".join(KINDS),
        "now": now,
        "wall": wall,
        "alone": alone,
        "page_level": _level(labels),
        "live_url": LIVE,
    }
    return render(request, f"watch/{'_floor' if alone else 'floor'}.html", context, status=status)


@require_POST
@answering
def write_entry(request: HttpRequest) -> HttpResponse:
    """A line in the log of the shift."""
    form = EntryForm(request.POST)
    if not form.is_valid():
        return _page(request, 422, entry=form)
    entry = {"at": iso(time.time()), "text": form.cleaned_data["text"], "by": str(request.user)}
    commit(reader_of(request), Draft(SHIFT_ENTRY.name, {"entry": entry}))
    return HttpResponseRedirect(reverse("watch:floor"))


@require_POST
@answering
def hand_over(request: HttpRequest) -> HttpResponse:
    """The note that writes itself from what is open, with what the officer adds."""
    form = HandoverForm(request.POST, prefix="handover")
    if not form.is_valid():
        return _page(request, 422, handover=form)
    reader, now = reader_of(request), time.time()
    last = find(reader, Query(SHIFT_HANDOVER.name, parts=("note",), withdrawn=False, limit=1)).records
    since = last[0].parts["note"]["until"] if last and "note" in last[0].parts else iso(now - FIRST_SHIFT)
    note = {
        "since": since,
        "until": iso(now),
        "from_person": reader.person,
        "from_name": str(request.user),
        "text": form.cleaned_data["text"],
        "open": [sentence(each) for each in whats_open(reader)][:200],
    }
    commit(reader, Draft(SHIFT_HANDOVER.name, {"note": note}, state="written"))
    messages.success(request, _("The hand-over is written. It is yours until another officer takes it."))
    return HttpResponseRedirect(reverse("watch:floor"))


@require_safe
@answering
def note(request: HttpRequest, handover: str) -> HttpResponse:
    """A hand-over as it was written, with the log of its shift: to be read, and printed."""
    reader = reader_of(request)
    found = release(reader, handover)
    if found.kind != SHIFT_HANDOVER.name:
        raise NotFound(handover)
    shown = _handover(found, reader)
    since, until = (instant(shown["note"][name]).timestamp() for name in ("since", "until"))
    query = Query(SHIFT_ENTRY.name, since=since, until=until, withdrawn=False, descending=False, limit=500)
    entries = find(reader, query).records
    context = {
        "each": shown,
        "entries": entries,
        "may_write": bool(here.state().policy.entries(reader, "write", SHIFT_HANDOVER.name)),
        "page_level": _level([found.label, *(each.label for each in entries)]),
    }
    return render(request, "watch/handover.html", context)


@require_POST
@answering
def accept(request: HttpRequest, handover: str) -> HttpResponse:
    """The next officer takes the watch."""
    seen = request.POST.get("seen", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 9):
        raise Malformed(_("A hand-over is taken as it was seen."))
    reader = reader_of(request)
    acceptance = {"at": iso(time.time()), "person": reader.person, "name": str(request.user)}
    draft = Draft(
        SHIFT_HANDOVER.name, {"acceptance": acceptance}, record=handover, expected=int(seen), state="accepted"
    )
    commit(reader, draft)
    messages.success(request, _("You have the watch."))
    return HttpResponseRedirect(reverse("watch:floor"))


def _line(each: Open) -> dict[str, Any]:
    return {**each.__dict__, "name": words.kind(each.kind)}


def _handover(each: Released, reader: Subject) -> dict[str, Any]:
    note = each.parts.get("note") or {}
    return {
        "id": each.id,
        "version": each.version,
        "note": note,
        "acceptance": each.parts.get("acceptance") or {},
        "may_take": each.state == "written" and note.get("from_person") != reader.person,
    }


def on_call_now(reader: Subject, now: float) -> list[Released]:
    """The shifts that are on at a moment."""

    def is_on(shift: Released) -> bool:
        since, until = (instant(shift.parts["shift"][name]).timestamp() for name in ("since", "until"))
        return until > now and (shift.state == "on_duty" or since <= now)

    return [each for each in shifts(reader) if is_on(each)]


def _level(levels: list[str]) -> str:
    return max(levels, key=LEVELS.index, default="RESTRICTED")
