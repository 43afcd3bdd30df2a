"""The pages of musters: begin one, and the board that counts by the second, who is missing first."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.exchange.links import links_down
from safeconduct.notify.answering import answer_escalation
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.moments import instant
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released
from safeconduct.records.transaction import iso
from safeconduct.shell.answers import answering, reader_of
from safeconduct.watch import muster, words
from safeconduct.watch.help_seen import as_shown, ladders_for
from safeconduct.watch.muster_kinds import MUSTER, MUSTER_FIGURE, ROLL_ENTRY, SCOPES, STATES
from safeconduct.watch.muster_words import FIELDS, MEANS, MUSTER_STATES, word
from safeconduct.watch.muster_words import SCOPES as SCOPE_WORDS
from safeconduct.watch.muster_words import STATES as STATE_WORDS

LIVE = "/live?topics=muster,muster_figure,escalation"
ORDER = ("needs_help", "unaccounted", "unreachable", "accounted")
"""Who needs somebody first comes first."""
LISTED = 100


class BeginForm(forms.Form):
    """One act: what it is about, whom it means, how long an answer is waited for."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    title = forms.CharField(label=FIELDS["title"], max_length=200)
    scope = forms.ChoiceField(label=FIELDS["scope"], choices=[(code, SCOPE_WORDS[code]) for code in SCOPES])
    sites = forms.MultipleChoiceField(label=SCOPE_WORDS["site"], required=False)
    organisation = forms.ChoiceField(label=SCOPE_WORDS["organisation"], required=False)
    district = forms.CharField(label=FIELDS["district"], max_length=200, required=False)
    latitude = forms.FloatField(label=words.FIELDS["latitude"], min_value=-90, max_value=90, required=False)
    longitude = forms.FloatField(
        label=words.FIELDS["longitude"], min_value=-180, max_value=180, required=False
    )
    radius_m = forms.FloatField(label=FIELDS["radius_m"], min_value=1, max_value=2_000_000, required=False)
    minutes = forms.IntegerField(label=FIELDS["minutes"], min_value=1, max_value=1_440, initial=10)
    exercise = forms.BooleanField(label=words.FIELDS["exercise"], required=False)

    def __init__(self, *args: Any, reader: Subject, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = {kind: _named(reader, kind) for kind in ("site", "organisation")}
        self.fields["sites"].choices = self.names["site"]  # type: ignore[attr-defined]
        self.fields["organisation"].choices = [("", "—"), *self.names["organisation"]]  # type: ignore[attr-defined]

    def call(self, now: float) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "title": given["title"],
            "scope": given["scope"],
            "scope_name": self._scope_name()[:200],
            "due": iso(now + 60 * given["minutes"]),
            "exercise": given["exercise"],
        }

    def target(self) -> dict[str, Any]:
        """What the scope needs, and nothing that was filled in for another one."""
        given = self.cleaned_data
        circle = ("latitude", "longitude", "radius_m")
        needed = {"site": ("sites",), "organisation": ("organisation",), "area": ("district", *circle)}
        names = needed.get(given["scope"], ())
        return {name: given[name] for name in names if given[name] not in (None, "", [])}

    def _scope_name(self) -> str:
        given = self.cleaned_data
        if given["scope"] == "site":
            return ", ".join(name for record, name in self.names["site"] if record in given["sites"])
        if given["scope"] == "organisation":
            return dict(self.names["organisation"]).get(given["organisation"], "")
        return str(given["district"]) if given["scope"] == "area" else ""


def _named(reader: Subject, kind: str) -> list[tuple[str, str]]:
    query = Query(
        kind, parts=("identity",), originator=here.home().party, withdrawn=False, sort="at", limit=500
    )
    names = [
        (each.id, (each.parts.get("identity") or {}).get("name", "")) for each in find(reader, query).records
    ]
    return sorted((pair for pair in names if pair[1]), key=lambda pair: pair[1])


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def musters(request: HttpRequest) -> HttpResponse:
    """The musters on record, open ones first, and the form that begins one."""
    reader = reader_of(request)
    form = BeginForm(request.POST or None, reader=reader, initial={"key": str(uuid4())})
    if request.method == "POST" and form.is_valid():
        try:
            done = muster.begin_muster(
                reader, form.call(time.time()), form.target(), form.cleaned_data["key"]
            )
        except (PartRefused, Malformed) as fault:
            form.add_error(None, str(fault))
        else:
            return HttpResponseRedirect(reverse("watch:muster", args=[done.record]))
    query = Query(MUSTER.name, parts=("call", "roll"), withdrawn=False, limit=50)
    page = find(reader, query)
    found = [*page.records, *page.unplaced]
    context = {
        "musters": sorted((_line(each) for each in found), key=lambda line: bool(line["over"])),
        "form": form if here.state().policy.entries(reader, "write", MUSTER.name) else None,
        "page_level": _level(found),
        "live_url": "/live?topics=muster",
    }
    return render(request, "watch/musters.html", context, status=422 if form.errors else 200)


@require_safe
@answering
def board(request: HttpRequest, record: str) -> HttpResponse:
    """One muster: the figures, and by name who is missing, as far as the reader may know them."""
    reader = reader_of(request)
    found = _muster(reader, record)
    state = request.GET.get("state", "")
    state = state if state in STATES else ""
    figure = _figure(reader, record)
    own = found.originator == here.home().party
    lists = [_list(reader, record, each) for each in ([state] if state else ORDER[:3])]
    records = [each for listed in lists for each in listed["records"]]
    help_for = ladders_for(reader, [each.id for each in records])
    count = figure.parts["count"] if figure else {}
    now, due = time.time(), (found.parts.get("call") or {}).get("due")
    context = {
        **_line(found),
        "own": own,
        "count": count,
        "as_of": instant(count["as_of"]).timestamp() if count else None,
        "due_at": instant(due).timestamp() if due else None,
        "down": list(links_down(now).values()),
        "now": now,
        "figures": [(each, word(STATE_WORDS, each), count.get(each)) for each in ORDER],
        "lists": [
            {**listed, "lines": [_entry(each, help_for) for each in listed["records"]]} for listed in lists
        ],
        "chosen": state,
        "may_reply": own and bool(here.state().policy.entries(reader, "write", ROLL_ENTRY.name)),
        "may_take": bool(here.state().policy.entries(reader, "write", "escalation")),
        "may_close": own
        and found.state == "open"
        and bool(here.state().policy.entries(reader, "write", MUSTER.name)),
        "page_level": _level([found, *records]),
        "live_url": LIVE,
    }
    alone = "HX-Request" in request.headers
    return render(request, f"watch/{'_muster' if alone else 'muster'}.html", {**context, "alone": alone})


@require_POST
@answering
def say(request: HttpRequest, record: str) -> HttpResponse:
    """One word on the names that were ticked, by a warden or by the floor."""
    reader = reader_of(request)
    _muster(reader, record)
    entries, state = request.POST.getlist("entry")[: muster.MOST_AT_ONCE + 1], request.POST.get("state", "")
    means = "warden" if "warden" in reader.roles else "floor"
    remark = request.POST.get("remark", "")
    answers = muster.reply_many(reader, entries, state, means, by=str(request.user), remark=remark)
    failed = [each for each in answers if isinstance(each, Exception)]
    if failed and len(failed) == len(answers):
        raise failed[0]
    done = len(answers) - len(failed)
    text = ngettext("%(n)s name: %(word)s.", "%(n)s names: %(word)s.", done)
    messages.success(request, text % {"n": done, "word": word(STATE_WORDS, state)})
    if failed:
        messages.error(request, _("Some names were not taken. Look at the board before you go on."))
    return HttpResponseRedirect(reverse("watch:muster", args=[record]))


@require_POST
@answering
def take(request: HttpRequest, record: str) -> HttpResponse:
    """This room sees to somebody who needs help: its ladder for him climbs no further."""
    reader = reader_of(request)
    _muster(reader, record)
    answer_escalation(reader, request.POST.get("escalation", "")[:64], by=str(request.user))
    messages.success(request, _("You have taken the escalation on. It climbs no further."))
    return HttpResponseRedirect(reverse("watch:muster", args=[record]))


@require_POST
@answering
def close(request: HttpRequest, record: str) -> HttpResponse:
    """Nobody is waited for any longer."""
    seen = request.POST.get("seen", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 9):
        raise Malformed(_("A muster is closed as it was seen."))
    muster.close_muster(reader_of(request), record, int(seen))
    messages.success(request, _("Closed. Who is not accounted for stays so, and a late word still counts."))
    return HttpResponseRedirect(reverse("watch:muster", args=[record]))


def _muster(reader: Subject, record: str) -> Released:
    query = Query(MUSTER.name, ids=[record], parts=("call", "roll"), sort="at")
    for each in find(reader, query).records:
        return each
    raise NotFound(record)


def _figure(reader: Subject, record: str) -> Released | None:
    query = Query(MUSTER_FIGURE.name, about=record, sort="at", limit=1)
    found = find(reader, query).records
    return found[0] if found and "count" in found[0].parts else None


def _list(reader: Subject, record: str, state: str) -> dict[str, Any]:
    query = Query(ROLL_ENTRY.name, about=record, state=state, withdrawn=False, sort="at", limit=LISTED)
    page = find(reader, query)
    return {
        "state": state,
        "word": word(STATE_WORDS, state),
        "records": sorted(page.records, key=_where),
        "more": bool(page.next_cursor),
    }


def _where(entry: Released) -> tuple[str, str]:
    """A warden goes from site to site, and so do the names."""
    who = entry.parts.get("who") or {}
    return str(who.get("site_name") or who.get("journey") or "\uffff"), str(who.get("name", ""))


def _entry(each: Released, help_for: Mapping[str, Released]) -> dict[str, Any]:
    reply = each.parts.get("reply") or {}
    means = word(MEANS, reply["means"]) if reply else ""
    raised = help_for.get(each.id) if each.state == "needs_help" else None
    who = each.parts.get("who") or {}
    return {"id": each.id, "who": who, "reply": reply, "means": means, **as_shown(raised)}


def _line(found: Released) -> dict[str, Any]:
    call = found.parts.get("call") or {}
    return {
        "muster": found,
        "call": call,
        "roll": found.parts.get("roll") or {},
        "scope": word(SCOPE_WORDS, call.get("scope")),
        "state_word": word(MUSTER_STATES, found.state),
        "over": found.state in MUSTER.final,
    }


def _level(records: list[Released]) -> str:
    return max((each.label for each in records), key=LEVELS.index, default="RESTRICTED")
