"""The pages of alerts: what is in force, one of them with its answers, composing, updating, cancelling, taking in."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.notify.answering import answer_escalation
from safeconduct.records import here
from safeconduct.records.find import Query, count, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.watch import alert_acts, cap_taking
from safeconduct.watch.alert_forms import AlertForm, CapFileForm, Choices, as_typed
from safeconduct.watch.alert_kinds import ALERT, ALERT_ACKNOWLEDGEMENT, ANSWERS
from safeconduct.watch.alert_seen import Seen, seen
from safeconduct.watch.alert_words import ANSWERS as SPOKEN
from safeconduct.watch.alert_words import COUNTED
from safeconduct.watch.cap_reading import CapRefused
from safeconduct.watch.help_seen import as_shown, ladders_for

LIVE = "/live?topics=alert,alert_acknowledgement"
LISTED = 200
CHOSEN = 1_000
NAMED = 200
LOOK_BACK = 30 * 86_400.0
OUTCOMES = {
    cap_taking.TAKEN: gettext_lazy("Taken in as a new alert. It is not sent on by itself."),
    cap_taking.KNOWN: gettext_lazy("This message had been taken in before. Nothing was changed."),
    cap_taking.UPDATED: gettext_lazy("It updates an alert that had been taken in."),
    cap_taking.CANCELLED: gettext_lazy("It cancels an alert that had been taken in."),
    cap_taking.IGNORED: gettext_lazy(
        "Nothing was changed: it is not meant for the public, or came too late."
    ),
}


@require_safe
@answering
def alerts(request: HttpRequest) -> HttpResponse:
    """What is in force, gravest first, and what of the last month is over."""
    reader, now = reader_of(request), time.time()
    found = find(reader, Query(ALERT.name, withdrawn=False, since=now - LOOK_BACK, limit=LISTED)).records
    shown = [seen(each) for each in found]
    context = {
        "open": sorted((each for each in shown if each.in_force), key=Seen.rank),
        "over": [each for each in shown if not each.in_force],
        "may_issue": may(reader, "write"),
        "page_level": _level(found),
        "live_url": LIVE,
        "alone": "HX-Request" in request.headers,
    }
    template = "watch/_alerts.html" if context["alone"] else "watch/alerts.html"
    return render(request, template, context)


@require_safe
@answering
def alert(request: HttpRequest, alert: str) -> HttpResponse:
    """One alert in every language it was written in, with what was answered, counted as it comes."""
    reader = reader_of(request)
    found = _alert(reader, alert)
    shown = seen(found)
    own = found.originator == reader.party and not shown.source.get("agency")
    helped = _who(reader, shown, "needs_help")
    ladders = ladders_for(reader, [each.id for each in helped])
    context = {
        "alert": shown,
        "own": own,
        "counts": _counts(reader, shown),
        "helped": [{"answer": each, **as_shown(ladders.get(each.id))} for each in helped],
        "may_take": may(reader, "write", "escalation"),
        "answers": [(code, SPOKEN[code]) for code in ANSWERS]
        if shown.in_force and may(reader, "acknowledge", ALERT_ACKNOWLEDGEMENT.name)
        else [],
        "may_update": own and shown.in_force and may(reader, "write"),
        "may_issue": may(reader, "write"),
        "points": _points(shown),
        "page_level": _level([found, *helped]),
        "live_url": LIVE,
        "alone": "HX-Request" in request.headers,
    }
    return render(request, "watch/_alert.html" if context["alone"] else "watch/alert.html", context)


@require_POST
@answering
def take(request: HttpRequest, alert: str) -> HttpResponse:
    """This room sees to somebody who needs help: its ladder for him climbs no further."""
    reader = reader_of(request)
    _alert(reader, alert)
    answer_escalation(reader, request.POST.get("escalation", "")[:64], by=str(request.user))
    messages.success(request, _("You have taken the escalation on. It climbs no further."))
    return HttpResponseRedirect(reverse("watch:alert", args=[alert]))


def _alert(reader: Subject, record: str) -> Released:
    found = release(reader, record)
    if found.kind != ALERT.name:
        raise NotFound(record)
    return found


def _counts(reader: Subject, shown: Seen) -> list[dict[str, Any]]:
    """How many have answered what, as far as the reader may see; each person counts once, with the last answer.
    What was answered before the danger was new does not count."""
    if not may(reader, "read", ALERT_ACKNOWLEDGEMENT.name):
        return []
    query = Query(ALERT_ACKNOWLEDGEMENT.name, about=shown.id, state="given", withdrawn=False)
    if shown.round == 1:
        numbers = {code: count(reader, replace(query, category=code), 100_000) for code in ANSWERS}
    else:
        numbers = dict.fromkeys(ANSWERS, 0)
        cursor = None
        while cursor != "":
            page = find(reader, replace(query, parts=("receipt",), limit=5_000, cursor=cursor or ""))
            for each in page.records:
                receipt = each.parts.get("receipt") or {}
                if receipt.get("round") == shown.round:
                    numbers[receipt["answer"]] += 1
            cursor = page.next_cursor
    rows = [{"code": code, "name": COUNTED[code], "count": numbers[code]} for code in ANSWERS]
    if may(reader, "write") and not shown.source.get("agency"):
        found = alert_acts.silence(reader, shown.id)
        rows.append({"code": "silent", "name": _("No answer"), "count": found["silent"]})
    return rows


def _who(reader: Subject, shown: Seen, answer: str) -> list[Released]:
    """Those who answered so to the present round, newest first."""
    if not may(reader, "read", ALERT_ACKNOWLEDGEMENT.name):
        return []
    query = Query(
        ALERT_ACKNOWLEDGEMENT.name,
        about=shown.id,
        category=answer,
        state="given",
        withdrawn=False,
        limit=NAMED,
    )
    found = find(reader, query).records
    return [each for each in found if (each.parts.get("receipt") or {}).get("round") == shown.round]


def _points(shown: Seen) -> dict[str, Any]:
    """The area's centre points for the map; polygons by their corners."""
    rings = [shown.area.get("polygon") or [], *(shown.area.get("polygons") or ())]
    circles = [shown.area.get("circle"), *(shown.area.get("circles") or ())]
    corners = [corner for ring in rings for corner in ring[:-1]][:500]
    corners += [[each["longitude"], each["latitude"]] for each in circles if each]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": corner},
            "properties": {"id": f"{number}", "title": shown.mine.headline},
        }
        for number, corner in enumerate(corners)
    ]
    return {"type": "FeatureCollection", "features": features}


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def compose(request: HttpRequest) -> HttpResponse:
    """Compose an alert, see whom it reaches, send it; `from` begins with what another alert says."""
    reader = _writer(request)
    choices: Any = _choices(reader)
    if request.method != "POST":
        initial: dict[str, Any] = {"key": str(uuid4())}
        if request.GET.get("from"):
            given = _alert(reader, request.GET["from"])
            initial = {**_typed(given.parts, choices), **initial}
        return _composing(request, AlertForm(initial=initial, **choices))
    form = AlertForm(request.POST, **choices)
    if not form.is_valid():
        return _composing(request, form, status=422)
    reach = _reach(reader, form)
    if reach is None or not _is_counted(request, form):
        return _composing(request, form, reach)
    parts = {"message": form.message(time.time()), "area": form.area()}
    try:
        done = alert_acts.issue_alert(reader, parts, form.cleaned_data["key"])
    except (PartRefused, Malformed) as fault:
        form.add_error(None, str(fault))
        return _composing(request, form, reach, status=422)
    messages.success(request, _("Sent. It is in the ledger, and who it is for is being paged."))
    return HttpResponseRedirect(reverse("watch:alert", args=[done.record]))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def update(request: HttpRequest, alert: str) -> HttpResponse:
    """Say it anew, on the version that was seen."""
    reader = _writer(request)
    found = _alert(reader, alert)
    if found.originator != reader.party or (found.parts.get("source") or {}).get("agency"):
        raise refusal(reader, "write", ALERT.name, _("only its originator writes a record"), record=found.id)
    choices: Any = _choices(reader)
    if request.method != "POST":
        initial = {**_typed(found.parts, choices), "seen": found.version}
        return _composing(request, AlertForm(initial=initial, amends=True, **choices), found=found)
    form = AlertForm(request.POST, amends=True, **choices)
    if not form.is_valid():
        return _composing(request, form, found=found, status=422)
    reach = _reach(reader, form)
    if reach is None or not _is_counted(request, form):
        return _composing(request, form, reach, found)
    message = {
        **form.message(time.time()),
        "status": (found.parts.get("message") or {}).get("status", "actual"),
    }
    parts = {"message": message, "area": form.area()}
    try:
        alert_acts.update_alert(
            reader, found.id, form.cleaned_data["seen"] or 0, parts, form.cleaned_data["new_danger"]
        )
    except Conflict as fault:
        text = _("The alert is at version %(n)s now. Look at it again before you change it.")
        form.add_error(None, text % {"n": fault.current})
        return _composing(request, form, reach, found, status=409)
    except (PartRefused, Malformed) as fault:
        form.add_error(None, str(fault))
        return _composing(request, form, reach, found, status=422)
    messages.success(request, _("Updated. Who had answered is paged again only if the danger is new."))
    return HttpResponseRedirect(reverse("watch:alert", args=[found.id]))


@require_POST
@answering
def cancel(request: HttpRequest, alert: str) -> HttpResponse:
    """The danger is over, or never was."""
    seen_version = request.POST.get("seen", "")
    if not (seen_version.isascii() and seen_version.isdigit()):
        raise Malformed("the version that was seen is missing")
    alert_acts.cancel_alert(reader_of(request), alert, int(seen_version[:9]))
    messages.success(request, _("Cancelled."))
    return HttpResponseRedirect(reverse("watch:alert", args=[alert]))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def take_file(request: HttpRequest) -> HttpResponse:
    """Take in a CAP message of another agency from a file."""
    reader = _writer(request)
    form = CapFileForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                data, agency = form.cleaned_data["file"].read(), form.cleaned_data["agency"]
                answer = cap_taking.take_in(reader, data, agency)
            except (CapRefused, PartRefused, Malformed) as fault:
                form.add_error("file", str(fault))
            else:
                messages.info(request, str(OUTCOMES[answer["outcome"]]))
                address = reverse("watch:alert", args=[answer["record"]]) if answer["record"] else None
                return HttpResponseRedirect(address or reverse("watch:alerts"))
    return render(request, "watch/alert_file.html", {"form": form, "page_level": "OPEN"}, status=status)


def may(reader: Subject, act: str, kind: str = ALERT.name) -> bool:
    """Whether some clause in force could let this person do this; it is decided when it is done."""
    return bool(here.state().policy.entries(reader, act, kind))


def _writer(request: HttpRequest) -> Subject:
    reader = reader_of(request)
    if not may(reader, "write"):
        raise refusal(reader, "write", ALERT.name, "write alert: no grant")
    return reader


def _choices(reader: Subject) -> dict[str, Choices]:
    return {f"{kind}s": _named(reader, kind) for kind in ("site", "organisation")}


def _named(reader: Subject, kind: str) -> Choices:
    query = Query(kind, state="active", withdrawn=False, parts=("identity",), sort="at", limit=CHOSEN)
    names = [
        (each.id, (each.parts.get("identity") or {}).get("name", "")) for each in find(reader, query).records
    ]
    return sorted(((record, name) for record, name in names if name), key=lambda each: each[1].casefold())


def _typed(parts: Mapping[str, Any], choices: Mapping[str, Choices]) -> dict[str, Any]:
    known = frozenset(record for each in choices.values() for record, _name in each)
    return as_typed(parts.get("message") or {}, parts.get("area") or {}, time.time(), known)


def _reach(reader: Subject, form: AlertForm) -> dict[str, int] | None:
    try:
        return alert_acts.count_audience(reader, form.area())
    except (PartRefused, Malformed, Refused) as fault:
        form.add_error(None, str(fault))
        return None


def _is_counted(request: HttpRequest, form: AlertForm) -> bool:
    """Whether the button was the one that sends, and this very area had been counted."""
    return "send" in request.POST and form.cleaned_data["counted"] == form.area_digest()


def _composing(
    request: HttpRequest,
    form: AlertForm,
    reach: dict[str, int] | None = None,
    found: Released | None = None,
    status: int = 200,
) -> HttpResponse:
    if reach is not None:
        counted: Any = request.POST.copy()
        counted["counted"] = form.area_digest()
        form.data = counted
    groups = [
        (_("What it is"), ("event", "category", "urgency", "severity", "certainty", "status", "hours")),
        (_("English"), ("headline", "text", "instruction")),
        (_("Urdu"), ("headline_ur", "text_ur", "instruction_ur")),
        (_("Chinese"), ("headline_zh", "text_zh", "instruction_zh")),
        (_("For whom"), ("description", "sites", "organisations", "districts", "movements")),
        (_("An area on the map"), ("latitude", "longitude", "radius_km", "boundary")),
        (_("Paging"), ("new_danger",)),
    ]
    shown = [(title, [form[name] for name in names if name in form.fields]) for title, names in groups]
    context = {
        "form": form,
        "groups": [(title, fields) for title, fields in shown if fields],
        "reach": reach,
        "alert": seen(found) if found else None,
        "page_level": "RESTRICTED",
    }
    return render(request, "watch/alert_compose.html", context, status=status)


def _level(found: list[Released]) -> str:
    return max((each.label for each in found), key=LEVELS.index, default="OPEN")
