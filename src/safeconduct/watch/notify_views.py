"""The pages of telling people: who is on call, the ladders, one's own contact points, what became of messages."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import messages
from django.forms import formset_factory
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.notify import acts
from safeconduct.notify.kinds import DUTY_BEARER
from safeconduct.notify.rungs import Rung, rungs
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused, all_kinds
from safeconduct.records.moments import instant
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.shell.terms import KIND_NAMES, ROLE_NAMES
from safeconduct.watch import notify_words as words
from safeconduct.watch.notify_forms import ROWS, ContactPointForm, ScopeForm, ShiftForm, StepForm

LADDER_KINDS = ("sos", "movement", "warning", "muster", "alert")
"""The kinds about which something climbs a ladder: one set for any other would be climbed by nobody."""
PAGE = 100
StepForms = formset_factory(StepForm, extra=ROWS, max_num=ROWS, validate_max=True)


def may(actor: Subject, act: str, kind: str) -> bool:
    """Whether any grant in force lets the actor do this to the kind at all."""
    return bool(here.state().policy.entries(actor, act, kind))


def _expect(actor: Subject, act: str, kind: str) -> None:
    if not may(actor, act, kind):
        raise refusal(actor, act, kind, _("Your roles do not open this page."))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def on_call(request: HttpRequest) -> HttpResponse:
    """Who is on call now and next; plan a shift."""
    reader = reader_of(request)
    _expect(reader, "read", "on_call")
    plans = may(reader, "write", "on_call")
    accounts = _persons() if plans else []
    form = ShiftForm(request.POST or None, persons=accounts)
    if request.method == "POST" and form.is_valid():
        try:
            acts.plan_shift(reader, form.shift())
        except (PartRefused, Malformed) as fault:
            form.add_error(None, str(fault))
        else:
            messages.success(request, _("The shift is planned."))
            return HttpResponseRedirect(reverse("watch:on_call"))
    now = time.time()
    lines = [line for each in acts.shifts(reader) if (line := _shift(each, now))["until"] > now]
    context = {
        "tab": "on_call",
        "now": [line for line in lines if line["on"]],
        "later": [line for line in lines if not line["on"]],
        "form": form if plans else None,
        "page_level": "RESTRICTED",
        "live_url": "/live?topics=on_call",
    }
    return render(request, "watch/on_call.html", context, status=_status(form))


def _shift(record: Released, now: float) -> dict[str, Any]:
    part = record.parts["shift"]
    since, until = (instant(part[name]).timestamp() for name in ("since", "until"))
    on = until > now and (record.state == "on_duty" or since <= now)
    return {
        "id": record.id,
        "name": part.get("name") or part["person"],
        "what": _role(part["role"]) if part.get("role") else part.get("unit", ""),
        "where": part.get("district", ""),
        "since": part["since"],
        "until": until,
        "until_text": part["until"],
        "on": on,
        "taken": record.state == "on_duty",
        "state": words.word(words.STATES, record.state),
    }


@require_POST
@answering
def take_over(request: HttpRequest, shift: str) -> HttpResponse:
    """Begin a shift; whoever it relieves is off."""
    acts.take_over(reader_of(request), shift)
    messages.success(request, _("Taken over."))
    return HttpResponseRedirect(reverse("watch:on_call"))


@require_POST
@answering
def hand_over(request: HttpRequest, shift: str) -> HttpResponse:
    """End a shift."""
    acts.hand_over(reader_of(request), shift)
    messages.success(request, _("Handed over. With nobody else on call, all who hold the role are told."))
    return HttpResponseRedirect(reverse("watch:on_call"))


@require_safe
@answering
def ladders(request: HttpRequest) -> HttpResponse:
    """The ladders in force, the most specific first, and what holds where there is none."""
    reader = reader_of(request)
    _expect(reader, "read", "ladder")
    held = acts.ladders(reader)
    names = dict(_sites(reader)) if any(each.parts["scope"].get("site") for each in held) else {}
    found = [_ladder(each, names) for each in held]
    found.sort(key=lambda each: -each["weight"])
    home = here.home()
    settings = [
        {"kind": words.word(KIND_NAMES, kind), "steps": [_rung(rung) for rung in rungs(home, kind)]}
        for kind in ("sos", "movement", "warning")
    ]
    context = {
        "tab": "ladders",
        "ladders": found,
        "settings": settings,
        "may_write": may(reader, "write", "ladder"),
        "page_level": "RESTRICTED",
        "live_url": "/live?topics=ladder",
    }
    return render(request, "watch/ladders.html", context)


def _ladder(record: Released, names: dict[str, str]) -> dict[str, Any]:
    scope = record.parts["scope"]
    rows = [
        Rung(
            step["after_seconds"],
            tuple(step.get("roles", ())),
            tuple(step.get("units", ())),
            tuple(step.get("persons", ())),
            tuple(step.get("channels", ())),
        )
        for step in record.parts["steps"]["steps"]
    ]
    kind = scope.get("kind", "")
    return {
        "id": record.id,
        "kind": words.word(KIND_NAMES, kind) if kind else "",
        "site": names.get(scope.get("site", ""), scope.get("site", "")[:8]),
        "district": scope.get("district", ""),
        "weight": 4 * bool(scope.get("site")) + 2 * bool(scope.get("district")) + bool(kind),
        "steps": [_rung(row) for row in rows],
    }


def _rung(rung: Rung) -> dict[str, Any]:
    return {
        "minutes": f"{rung.after / 60:g}",
        "whom": [*map(_role, rung.roles), *rung.units, *rung.persons],
        "channels": [words.word(words.CHANNELS, name) for name in rung.channels],
    }


def _role(role: str) -> str:
    return _("Duty Bearer") if role == DUTY_BEARER else str(ROLE_NAMES.get(role, role))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def new_ladder(request: HttpRequest) -> HttpResponse:
    """Say who is told when, for a kind, a site, a district."""
    reader = reader_of(request)
    _expect(reader, "write", "ladder")
    kinds = [(name, words.word(KIND_NAMES, name)) for name in LADDER_KINDS if name in all_kinds()]
    data = request.POST if request.method == "POST" else None
    form = ScopeForm(data, kinds=kinds, sites=_sites(reader))
    steps = StepForms(data, prefix="step")
    if data is not None and form.is_valid() and steps.is_valid():
        given = sorted(
            (step for each in steps.forms if (step := each.step())), key=lambda step: step["after_seconds"]
        )
        try:
            acts.set_ladder(reader, form.cleaned_data, given)
        except (PartRefused, Malformed) as fault:
            form.add_error(None, str(fault))
        else:
            messages.success(request, _("The ladder is in force."))
            return HttpResponseRedirect(reverse("watch:ladders"))
    context = {"tab": "ladders", "form": form, "steps": steps, "page_level": "RESTRICTED"}
    return render(request, "watch/new_ladder.html", context, status=_status(form))


@require_POST
@answering
def end_ladder(request: HttpRequest, ladder: str) -> HttpResponse:
    """Let the next less specific one hold."""
    acts.end_ladder(reader_of(request), ladder)
    messages.success(request, _("The ladder is ended. What has begun is climbed to its end."))
    return HttpResponseRedirect(reverse("watch:ladders"))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def contact_points(request: HttpRequest) -> HttpResponse:
    """Where one is reached oneself."""
    reader = reader_of(request)
    _expect(reader, "write", "contact_point")
    form = ContactPointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            acts.add_contact_point(reader, given["channel"], given["address"], given["language"])
        except PartRefused:
            form.add_error("address", _("This is no address for this channel."))
        except Malformed as fault:
            form.add_error(None, str(fault))
        else:
            messages.success(request, _("You are reached there from now on."))
            return HttpResponseRedirect(reverse("watch:contact_points"))
    context = {
        "tab": "contact_points",
        "points": [
            {
                "id": each.id,
                "channel": words.word(words.CHANNELS, part["channel"]),
                "address": part["address"],
            }
            for each in acts.contact_points(reader)
            for part in (each.parts["address"],)
        ],
        "form": form,
        "page_level": "CONFIDENTIAL",
    }
    return render(request, "watch/contact_points.html", context, status=_status(form))


@require_POST
@answering
def remove_point(request: HttpRequest, point: str) -> HttpResponse:
    """Be reached there no more."""
    acts.remove_contact_point(reader_of(request), point)
    messages.success(request, _("You are not reached there any more."))
    return HttpResponseRedirect(reverse("watch:contact_points"))


@require_POST
@answering
def prefer_point(request: HttpRequest, point: str) -> HttpResponse:
    """Be reached there first."""
    acts.prefer_contact_point(reader_of(request), point)
    return HttpResponseRedirect(reverse("watch:contact_points"))


@require_safe
@answering
def deliveries(request: HttpRequest) -> HttpResponse:
    """What was sent outside and what became of it. Exercises are on a page of their own."""
    reader = reader_of(request)
    _expect(reader, "read", "delivery")
    practised = request.GET.get("exercise") == "1"
    number = request.GET.get("number", "").strip().upper()[:20]
    query = Query("delivery", external=(number,) if number else (), originator=reader.party, limit=500)
    records = [each for each in find(reader, query).records if each.parts.get("to")]
    names = _names({each.parts["to"]["person"] for each in records})
    found = [_delivery(each, names) for each in records]
    shown = [each for each in found if number or each["exercise"] == practised][:PAGE]
    standing = here.door().call("notify", {})
    context = {
        "tab": "deliveries",
        "deliveries": shown,
        "practised": practised,
        "number": number,
        "standing": standing,
        "fault": words.NOTIFIER_FAULTS.get(standing["fault"], ""),
        "page_level": "RESTRICTED",
        "live_url": "/live?topics=delivery",
    }
    return render(request, "watch/deliveries.html", context)


def _delivery(record: Released, names: dict[str, str]) -> dict[str, Any]:
    to, outcome = record.parts["to"], record.parts.get("outcome") or {}
    return {
        "about": record.about,
        "person": names.get(to["person"], to["person"]),
        "role": _role(to["role"]) if to.get("role") else "",
        "rung": to.get("rung", 0),
        "channel": words.word(words.CHANNELS, to["channel"]),
        "number": to["number"],
        "queued": to["queued"],
        "at": outcome.get("at", ""),
        "state": record.state,
        "state_word": words.word(words.STATES, record.state),
        "fault": words.word(words.FAULTS, outcome["fault"]) if outcome.get("fault") else "",
        "exercise": bool(to.get("exercise")),
    }


def _names(persons: set[str]) -> dict[str, str]:
    accounts = Account.objects.filter(person__in=sorted(persons))
    return {each.person: each.display_name or each.username for each in accounts}


def _persons() -> list[tuple[str, str]]:
    accounts = Account.objects.filter(locked=False).order_by("username")[:5_000]
    return [(each.person, each.display_name or each.username) for each in accounts]


def _sites(reader: Subject) -> list[tuple[str, str]]:
    found = find(reader, Query("site", withdrawn=False, sort="at", limit=1_000))
    named = [(each.id, part.get("name", "")) for each in found.records for part in each.parts.values()]
    return sorted({pair for pair in named if pair[1]}, key=lambda pair: pair[1])


def _status(form: Any) -> int:
    return 422 if form.is_bound and not form.is_valid() else 200
