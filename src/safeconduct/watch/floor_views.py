"""The watch floor: a page to live in for twelve hours, calm when nothing happens, unmistakable when something does."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released
from safeconduct.records.transaction import iso
from safeconduct.shell.answers import answering, reader_of
from safeconduct.watch.floor_state import Open, whats_open
from safeconduct.watch.shift_kinds import SHIFT_ENTRY, SHIFT_HANDOVER

LIVE = "/live?topics=" + ",".join((
    "sos", "sos_acknowledgement", "stand_down", "escalation", "muster", "muster_figure", "alert",
    "shift_entry", "shift_handover",
))  # fmt: skip
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
    """What is open and whose clock runs, the shift's log, and the hand-over that waits."""
    return _page(request)


def _page(request: HttpRequest, status: int = 200, **forms: Any) -> HttpResponse:
    reader = reader_of(request)
    found = whats_open(reader)
    entries = find(reader, Query(SHIFT_ENTRY.name, withdrawn=False, limit=LOGGED)).records
    handovers = find(reader, Query(SHIFT_HANDOVER.name, withdrawn=False, limit=3)).records
    context = {
        "open": [_line(each) for each in found],
        "worst": found[0].urgency if found else "",
        "sounds": " ".join(
            sorted({each.kind for each in found if each.urgency == "alarm" and not each.exercise})
        ),
        "entries": entries,
        "handovers": [_handover(each, reader) for each in handovers],
        "may_write": bool(here.state().policy.entries(reader, "write", SHIFT_ENTRY.name)),
        "entry_form": forms.get("entry") or EntryForm(),
        "handover_form": forms.get("handover") or HandoverForm(prefix="handover"),
        "now": datetime.now(UTC),
        "page_level": _level(
            [each.level for each in found] + [each.label for each in (*entries, *handovers)]
        ),
        "live_url": LIVE,
    }
    alone = "HX-Request" in request.headers and status == 200
    context["alone"] = alone
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
        "open": [_sentence(each) for each in whats_open(reader)][:200],
    }
    commit(reader, Draft(SHIFT_HANDOVER.name, {"note": note}, state="written"))
    messages.success(request, _("The hand-over is written. It is yours until another officer takes it."))
    return HttpResponseRedirect(reverse("watch:floor"))


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
    return {**each.__dict__, "at": datetime.fromtimestamp(each.since, UTC)}


def _sentence(each: Open) -> str:
    mark = f"[{_('EXERCISE')}] " if each.exercise else ""
    return f"{mark}{each.title}{': ' if each.detail else ''}{each.detail} ({iso(each.since)})"[:500]


def _handover(each: Released, reader: Subject) -> dict[str, Any]:
    note = each.parts.get("note") or {}
    return {
        "id": each.id,
        "version": each.version,
        "note": note,
        "acceptance": each.parts.get("acceptance") or {},
        "may_take": each.state == "written" and note.get("from_person") != reader.person,
    }


def _level(levels: list[str]) -> str:
    return max(levels, key=LEVELS.index, default="RESTRICTED")
