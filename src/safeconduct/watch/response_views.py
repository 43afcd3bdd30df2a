"""The pages of responses: what is open, one checklist with what both rooms have done of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from safeconduct.exchange.links import links_down
from safeconduct.geo.sphere import Point
from safeconduct.records import here
from safeconduct.records.kinds import PartRefused
from safeconduct.records.moments import instant
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released
from safeconduct.records.transaction import iso
from safeconduct.shell.answers import answering, reader_of
from safeconduct.watch import response as rules
from safeconduct.watch import response_words as words
from safeconduct.watch.response_files import load
from safeconduct.watch.response_forms import BeginForm, ItemForm, RemarkForm, RoadForm, ToldForm
from safeconduct.watch.response_kinds import NOTICES, RESPONSE
from safeconduct.watch.response_reach import ROAD_M, journeys_on
from safeconduct.watch.response_whole import Item, WholeResponse, responses, whole_response

LIVE = "/live?topics=response,response_item,movement"
ON_ROAD = ("road_closed", "journeys_stopped")


@require_safe
@answering
def response_list(request: HttpRequest) -> HttpResponse:
    """The responses of both rooms: what is open first."""
    reader = reader_of(request)
    waiting, over = responses(reader, "open"), responses(reader, "closed")
    context = {
        "open": [_line(each) for each in waiting],
        "over": [_line(each) for each in over],
        "faults": load(here.home().path).faults,
        "page_level": level_of([*waiting, *over]),
        "live_url": LIVE,
    }
    return render(request, "watch/response_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def begin(request: HttpRequest) -> HttpResponse:
    """Begin a response to an SOS or incident: the class of its site is known, and may be known better."""
    reader = reader_of(request)
    about = str(request.GET.get("about", ""))[:64]
    at = rules.occasion(reader, about)
    form = BeginForm(
        request.POST or None, initial={"key": str(uuid4()), "site_class": at.site_class, "title": at.title}
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            given = form.cleaned_data
            try:
                done = rules.begin_response(
                    reader, about, given["site_class"], given["title"], str(request.user), given["key"]
                )
            except PartRefused as fault:
                form.add_error(None, str(fault))
            else:
                return _back(done.record)
    files = load(here.home().path)
    context = {"form": form, "at": at, "faults": files.faults, "hospitals": files.hospitals is not None}
    return render(
        request, "watch/response_begin.html", {**context, "page_level": "CONFIDENTIAL"}, status=status
    )


@require_safe
@answering
def response_page(request: HttpRequest, response: str) -> HttpResponse:
    """One response, live."""
    return _page(request, response)


def _page(request: HttpRequest, record: str, status: int = 200, item: str = "", **forms: Any) -> HttpResponse:
    """The page; `forms` are those of an item (or of the response) that were filled in and did not pass."""
    reader = reader_of(request)
    found = whole_response(reader, record)
    may_write = _may(reader, "write", "response_item")
    summary = found.response.parts.get("summary") or {}
    context = {
        "response": found.response,
        "summary": summary,
        "site_class": words.CLASSES.get(str(summary.get("site_class")), ""),
        "state_word": words.STATES.get(found.response.state, ""),
        "own": found.own,
        "about": found.response.about,
        "others": [_line(each) for each in found.others],
        "items": [
            _item(reader, each, may_write, forms if each.now.id == item else {}) for each in found.items
        ],
        "left": sum(each.now.state in ("open", "offered") for each in found.items),
        "may_write": may_write and found.response.state not in RESPONSE.final,
        "may_close": found.own
        and found.response.state not in RESPONSE.final
        and _may(reader, "write", "response"),
        "item_form": forms.get("new") or ItemForm(initial={"room": here.home().side}, prefix="new"),
        "down": _down(found),
        "faults": load(here.home().path).faults,
        "page_level": level_of(found.records),
        "live_url": LIVE,
    }
    alone = "HX-Request" in request.headers and status == 200
    context["alone"] = alone
    return render(request, f"watch/{'_response_whole' if alone else 'response'}.html", context, status=status)


def _item(reader: Subject, item: Item, may_write: bool, forms: Mapping[str, Any]) -> dict[str, Any]:
    now, task, detail = item.now, item.task, item.detail
    category = task.get("category", "other")
    acts = item.next_states if may_write else ()
    notice = category in NOTICES
    seen = {"seen": now.version}
    return {
        "id": now.id,
        "seen": now.version,
        "name": words.CATEGORIES.get(category, category),
        "text": words.text_of(task),
        "due": task.get("due"),
        "due_at": instant(task["due"]).timestamp() if task.get("due") else None,
        "state": now.state,
        "state_word": words.STATES.get(now.state, now.state),
        "own": item.own,
        "in_both": item.in_both,
        "room": _room_of(now),
        "chain": [_step(each) for each in item.chain],
        "detail": detail,
        "hospitals": [_hospital(each) for each in detail.get("hospitals", ())],
        "told": [{**each, "how": words.TOLD.get(str(each.get("means")), "")} for each in item.told],
        "withheld": any(each.part == "told" for one in item.chain for each in one.withheld),
        "notice": notice,
        "open": now.state == "open",
        "can": {
            state: state in acts and not (notice and state == "done")
            for state in ("done", "not_needed", "offered", "open")
        },
        "may_tell": notice and "done" in acts,
        "may_take": item.to_take and may_write,
        "may_road": category == "road_closed" and item.own and now.state == "open" and may_write,
        "told_form": forms.get("told")
        or ToldForm(initial={**seen, "means": "telephone"}, auto_id=f"told_{now.id}_%s"),
        "road_form": forms.get("road") or RoadForm(initial={**seen, **detail}, auto_id=f"road_{now.id}_%s"),
        "on_road": _on_road(reader, detail) if category in ON_ROAD and now.state != "not_needed" else None,
    }


def _on_road(reader: Subject, detail: Mapping[str, Any]) -> list[Any] | None:
    """The open journeys there, None while nobody has said where the road is closed."""
    latitude, longitude = detail.get("latitude"), detail.get("longitude")
    if latitude is None or longitude is None:
        return None
    return journeys_on(reader, Point(latitude, longitude), float(detail.get("radius_m") or ROAD_M))


def _hospital(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **line,
        "can": words.TRAUMA.get(str(line.get("trauma")), ""),
        "how": words.REACH.get(str(line.get("reach")), ""),
        "kilometres": round(line.get("distance_m", 0) / 1000, 1),
    }


def _step(each: Released) -> dict[str, Any]:
    return {
        "room": _room_of(each),
        "state_word": words.STATES.get(each.state, each.state),
        "progress": each.parts.get("progress") or {},
    }


def _room_of(each: Released) -> str:
    home = here.home()
    if each.originator == home.party:
        return home.side
    return "partner" if home.side == "host" else "host"


def _down(found: WholeResponse) -> list[Any]:
    """The links that are down to a party whose items stand here: what it shows is no newer than that."""
    parties = {each.originator for each in found.records} | set(found.response.releasable)
    return [link for party, link in links_down().items() if party in parties]


@require_POST
@answering
def move(request: HttpRequest, response: str, item: str) -> HttpResponse:
    """The next state of an own item."""
    form = RemarkForm(request.POST)
    if not form.is_valid():
        raise Malformed(_("An item goes from one state to the next."))
    given = form.cleaned_data
    with plainly():
        rules.move_item(
            reader_of(request), item, given["seen"], given["state"], given["remark"], str(request.user)
        )
    return _back(response)


@require_POST
@answering
def take(request: HttpRequest, response: str, item: str) -> HttpResponse:
    """Take an item that the other room offers."""
    with plainly():
        rules.take_item(reader_of(request), item, str(request.user))
    messages.success(request, _("This room has the item. The other room is told."))
    return _back(response)


@require_POST
@answering
def tell(request: HttpRequest, response: str, item: str) -> HttpResponse:
    """Write down who told whom. Nothing is sent."""
    form = ToldForm(request.POST, auto_id=f"told_{item}_%s")
    if form.is_valid():
        try:
            told = form.told()
            rules.record_notice(
                reader_of(request), item, form.cleaned_data["seen"], told, form.cleaned_data["by"]
            )
        except PartRefused as fault:
            form.add_error(None, str(fault))
        else:
            return _back(response)
    return _page(request, response, 422, item=item, told=form)


@require_POST
@answering
def road(request: HttpRequest, response: str, item: str) -> HttpResponse:
    """Say which road is closed."""
    form = RoadForm(request.POST, auto_id=f"road_{item}_%s")
    if form.is_valid():
        given = dict(form.cleaned_data)
        seen = given.pop("seen")
        try:
            rules.close_road(reader_of(request), item, seen, given, str(request.user))
        except PartRefused as fault:
            form.add_error(None, str(fault))
        else:
            return _back(response)
    return _page(request, response, 422, item=item, road=form)


@require_POST
@answering
def add(request: HttpRequest, response: str) -> HttpResponse:
    """One more item."""
    form = ItemForm(request.POST, prefix="new")
    if not form.is_valid():
        return _page(request, response, 422, item="", new=form)
    given = form.cleaned_data
    due = iso(time.time() + 60 * given["minutes"]) if given["minutes"] else None
    with plainly():
        rules.add_item(
            reader_of(request),
            response,
            given["category"],
            given["text"],
            given["room"],
            due,
            str(request.user),
        )
    return _back(response)


@require_POST
@answering
def close(request: HttpRequest, response: str) -> HttpResponse:
    """The response is over."""
    seen = request.POST.get("seen", "")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 9):
        raise Malformed(_("A response is closed as it was seen."))
    try:
        rules.close_response(reader_of(request), response, int(seen))
    except Malformed:
        messages.error(request, _("Items of this room are still open, or offered and not taken."))
    return _back(response)


@contextmanager
def plainly() -> Iterator[None]:
    """A form of one button has no field to say a fault at: it is said on a page of its own."""
    try:
        yield
    except PartRefused as fault:
        raise Malformed(str(fault)) from fault


def _line(found: Released) -> dict[str, Any]:
    summary = found.parts.get("summary") or {}
    return {
        "id": found.id,
        "summary": summary,
        "site_class": words.CLASSES.get(str(summary.get("site_class")), ""),
        "state_word": words.STATES.get(found.state, ""),
        "originator": found.originator,
    }


def _may(reader: Subject, act: str, kind: str) -> bool:
    """Whether the policy has any grant for this: what a page offers, never what it permits."""
    return bool(here.state().policy.entries(reader, act, kind))


def level_of(records: list[Released]) -> str:
    return max((each.label for each in records), key=LEVELS.index, default="RESTRICTED")


def _back(record: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("watch:response", args=[record]))
