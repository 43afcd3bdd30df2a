"""The pages of SOS: what is open, one of them with all that is said about it, one on somebody's behalf."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released
from safeconduct.shell.answers import answering, reader_of
from safeconduct.watch import sos, words
from safeconduct.watch.sos_forms import AcknowledgeForm, BehalfForm, StandDownForm, TaskForm
from safeconduct.watch.sos_kinds import TASKING
from safeconduct.watch.sos_whole import Whole, closed_calls, nearby, open_calls, seconds_between, whole

TOPICS = "sos,sos_acknowledgement,tasking,stand_down,escalation"
LIVE = f"/live?topics={TOPICS}"
LOOK_BACK = 30 * 86_400.0
NEXT_STATES = {"tasked": "under_way", "under_way": "on_scene", "on_scene": "released"}


@require_safe
@answering
def calls(request: HttpRequest) -> HttpResponse:
    """What is open, and what of the last month is over; false alarms are counted, not hidden."""
    reader, now = reader_of(request), time.time()
    waiting, over = open_calls(reader), closed_calls(reader, now - LOOK_BACK)
    real = [each for each in over if not (each.parts.get("call") or {}).get("exercise")]
    context = {
        "open": [_line(each) for each in waiting],
        "over": [_line(each) for each in over],
        "false_alarms": sum(each.state == "false_alarm" for each in real),
        "ended": len(real),
        "may_raise": may(reader, "write", "sos"),
        "page_level": _level([*waiting, *over]),
        "live_url": LIVE,
    }
    alone = "HX-Request" in request.headers
    return render(request, f"watch/{'_calls' if alone else 'calls'}.html", {**context, "alone": alone})


@require_safe
@answering
def call(request: HttpRequest, sos: str) -> HttpResponse:
    """One SOS: the clock that runs, where, who, which rooms have it, who goes there, what is near, how it ended."""
    return call_page(request, sos)


def call_page(request: HttpRequest, record: str, status: int = 200, **forms: Any) -> HttpResponse:
    """The page; `forms` are those that were filled in and did not pass."""
    reader = reader_of(request)
    found = whole(reader, record)
    near = nearby(reader, found.point) if found.point else []
    units = sorted(unit_names(reader).items())
    home = here.home()
    context = {
        "sos": found.sos,
        "call": found.call,
        "category": words.word(words.SOS_CATEGORIES, found.call.get("category")),
        "means": words.word(words.MEANS, found.call.get("means")),
        "place": found.place,
        "source": words.word(words.SOURCES, found.place.get("source")),
        "caller": found.sos.parts.get("caller") or {},
        "said": (found.sos.parts.get("words") or {}).get("text", ""),
        "rooms": [_room(found, room) for room in ("host", "partner")],
        "taskings": [_tasking(each) for each in found.taskings],
        "stand_downs": [_stood_down(each) for each in found.stand_downs],
        "rung": _rung(found),
        "movement": found.movement,
        "site": found.site,
        "near": near,
        "over": found.over,
        "own": found.own,
        "duress": found.under_duress,
        "own_room_waits": home.side in found.waits_for,
        "state_word": words.word(words.STATES, found.sos.state),
        "may_acknowledge": home.side in found.waits_for and may(reader, "acknowledge", "sos_acknowledgement"),
        "may_task": not found.over and bool(units) and may(reader, "command", "tasking"),
        "may_stand_down": found.own
        and not found.over
        and (found.sos.parts.get("caller") or {}).get("person") != reader.person
        and may(reader, "write", "stand_down")
        and may(reader, "read", "stand_down"),
        "acknowledge_form": forms.get("acknowledge") or AcknowledgeForm(prefix="ack"),
        "task_form": forms.get("task") or TaskForm(prefix="task", units=units),
        "stand_down_form": forms.get("stand_down") or StandDownForm(prefix="end"),
        "page_level": _level([found.sos, *found.taskings, *found.stand_downs]),
        "live_url": LIVE,
    }
    alone = "HX-Request" in request.headers and status == 200
    context["alone"] = alone
    return render(request, f"watch/{'_sos' if alone else 'sos'}.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def behalf(request: HttpRequest) -> HttpResponse:
    """An SOS that came to the watch floor by telephone, radio or mouth."""
    reader = reader_of(request)
    about = _belongings(reader)
    if request.method == "POST":
        form = BehalfForm(request.POST, about=about)
        if form.is_valid():
            try:
                done = sos.raise_sos(
                    reader, form.parts(time.time()), form.cleaned_data["about"], form.cleaned_data["key"]
                )
            except (PartRefused, Malformed) as fault:
                form.add_error(None, str(fault))
            else:
                messages.success(
                    request, _("The SOS is on record, and everybody on the ladder is being told.")
                )
                return HttpResponseRedirect(reverse("watch:sos", args=[done.record]))
        return render(request, "watch/behalf.html", {"form": form, "page_level": "CONFIDENTIAL"}, status=422)
    form = BehalfForm(initial={"key": str(uuid4())}, about=about)
    return render(request, "watch/behalf.html", {"form": form, "page_level": "CONFIDENTIAL"})


@require_POST
@answering
def acknowledge(request: HttpRequest, record: str) -> HttpResponse:
    """ "We have it": this room's clock stops, and its ladder with it."""
    form = AcknowledgeForm(request.POST, prefix="ack")
    if not form.is_valid():
        return call_page(request, record, 422, acknowledge=form)
    reader = reader_of(request)
    sos.open_sos(reader, record)
    sos.acknowledge_sos(reader, record, form.cleaned_data["remark"], by=str(request.user))
    messages.success(request, _("Acknowledged for this room. Your ladder climbs no further."))
    return _back(record)


@require_POST
@answering
def task(request: HttpRequest, record: str) -> HttpResponse:
    """A unit is sent. Where it is stays with the Host Party."""
    reader = reader_of(request)
    units = unit_names(reader)
    form = TaskForm(request.POST, prefix="task", units=sorted(units.items()))
    if not form.is_valid():
        return call_page(request, record, 422, task=form)
    sos.open_sos(reader, record)
    given = form.cleaned_data
    away = given["minutes_away"]
    whereabouts = {"minutes_away": away} if away is not None else None
    sos.task_unit(reader, record, given["unit"], units[given["unit"]], given["task"], whereabouts)
    messages.success(request, _("The unit is tasked. The other party is told which unit, not where it is."))
    return _back(record)


@require_POST
@answering
def move(request: HttpRequest, record: str, tasking: str) -> HttpResponse:
    """The next state of a tasking: under way, on the scene, released."""
    given = request.POST
    seen, state = given.get("seen", ""), given.get("state", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 9) or state not in TASKING.states:
        raise Malformed(_("A tasking goes from one state to the next."))
    sos.move_tasking(reader_of(request), tasking, int(seen), state)
    return _back(record)


@require_POST
@answering
def stand_down(request: HttpRequest, record: str) -> HttpResponse:
    """The watch floor ends an SOS of its own party, by somebody's word."""
    form = StandDownForm(request.POST, prefix="end")
    if not form.is_valid():
        return call_page(request, record, 422, stand_down=form)
    given = form.cleaned_data
    sos.stand_down(
        reader_of(request), record, given["category"], remark=given["remark"], by=str(request.user)
    )
    messages.success(request, _("The SOS is stood down on this side; the other party is told."))
    return _back(record)


def may(reader: Subject, act: str, kind: str) -> bool:
    """Whether the policy has any grant for this: what a page offers, never what it permits."""
    return bool(here.state().policy.entries(reader, act, kind))


def unit_names(reader: Subject) -> Mapping[str, str]:
    """The units on record by their code, as far as the reader may see them."""
    found = find(reader, Query("unit", parts=("identity",), withdrawn=False, sort="at", limit=500)).records
    identities = [each.parts["identity"] for each in found if each.parts.get("identity")]
    return {identity["code"]: identity["name"] for identity in identities if identity.get("code")}


def _belongings(reader: Subject) -> list[tuple[str, str]]:
    """The open journeys and the sites that an SOS may belong to."""
    found = []
    for state in ("under_way", "overdue", "notified"):
        query = Query("movement", state=state, parts=("notice",), withdrawn=False, sort="at", limit=200)
        for each in find(reader, query).records:
            notice = each.parts.get("notice") or {}
            way = f"{notice.get('origin_district', '')} → {notice.get('destination_district', '')}"
            found.append((each.id, f"{notice.get('reference') or each.id[:8]}: {way}"))
    query = Query("site", parts=("identity",), withdrawn=False, sort="at", limit=500)
    names = [
        (each.id, (each.parts.get("identity") or {}).get("name", "")) for each in find(reader, query).records
    ]
    return [*found, *sorted(((record, name) for record, name in names if name), key=lambda pair: pair[1])]


def _line(found: Released) -> dict[str, Any]:
    said = found.parts.get("call") or {}
    return {
        "id": found.id,
        "state": found.state,
        "state_word": words.word(words.STATES, found.state),
        "call": said,
        "category": words.word(words.SOS_CATEGORIES, said.get("category")),
        "own": found.originator == here.home().party,
    }


def _room(found: Whole, room: str) -> dict[str, Any]:
    receipt = found.receipts.get(room)
    said = (receipt.parts.get("receipt") or {}) if receipt else {}
    at, pressed = said.get("at"), found.call.get("at")
    took = seconds_between(pressed, at) if at and pressed else None
    return {"room": room, "receipt": said, "took": took, "waits": room in found.waits_for}


def _tasking(each: Released) -> dict[str, Any]:
    then = NEXT_STATES.get(each.state, "")
    return {
        "id": each.id,
        "version": each.version,
        "duty": each.parts.get("duty") or {},
        "whereabouts": each.parts.get("whereabouts") or {},
        "state_word": words.word(words.TASKING_STATES, each.state),
        "next": then,
        "next_word": words.word(words.TASKING_STATES, then) if then else "",
    }


def _stood_down(each: Released) -> dict[str, Any]:
    said = each.parts.get("word") or {}
    return {
        "word": said,
        "how": words.word(words.STAND_DOWNS, said.get("category")),
        "duress": bool((each.parts.get("genuineness") or {}).get("under_duress")),
    }


def _rung(found: Whole) -> int:
    """The rung that this party's ladder has reached, 0 when it stands still."""
    own = [
        each for each in found.escalations if each.originator == here.home().party and each.state == "raised"
    ]
    return max(((each.parts.get("step") or {}).get("rung", 0) for each in own), default=0)


def _level(records: list[Released]) -> str:
    return max((each.label for each in records), key=LEVELS.index, default="RESTRICTED")


def _back(record: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("watch:sos", args=[record]))
