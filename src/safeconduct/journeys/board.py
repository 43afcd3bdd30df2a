"""The journeys board: where every journey of a day stands, who holds it now, and what needs somebody."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.links import LinkDown, links_down
from safeconduct.journeys import board_rows as rows
from safeconduct.journeys.board_journeys import Journey, certain, in_window, with_bearers
from safeconduct.journeys.board_link import shut_locks
from safeconduct.journeys.board_times import Clock
from safeconduct.journeys.board_window import WINDOWS, BoardForm, Window, window_of
from safeconduct.journeys.words import STAGES
from safeconduct.notify.answering import answer_escalation
from safeconduct.records import here
from safeconduct.shell.answers import answering, reader_of

TOPICS = "movement,clearance,acknowledgement,leg,handover,check_in,escalation"
LIVE = f"/live?topics={TOPICS}"
SHOWN = 100
"""Lines of a page; the others follow on request."""
SHOWN_AT_MOST = 5_000
SHUT = 10
"""Itineraries that are named one by one when they stay shut; of more, the number is told."""
ROWS_AT_ONCE = 100
"""Lines that are fetched anew one by one; when more have changed the whole board is."""


@dataclass(frozen=True)
class Asked:
    """What an address asks the board for."""

    window: Window
    form: BoardForm
    shown: int
    wall: bool

    @property
    def filters(self) -> Mapping[str, Any]:
        return self.form.cleaned_data if self.form.is_valid() else {}

    @property
    def places(self) -> bool:
        return bool(self.filters.get("places")) and not self.wall

    @classmethod
    def of(cls, request: HttpRequest, now: float) -> Asked:
        wall = request.GET.get("display") == "wall"
        name = request.GET.get("window", "")
        asked = request.GET.get("show", "")
        shown = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else SHOWN
        return cls(
            window_of(name if name in WINDOWS else ("now" if wall else "today"), now),
            BoardForm(request.GET, stages=STAGES.items()),
            min(max(shown, 1), SHOWN_AT_MOST),
            wall,
        )


@require_safe
@answering
def board(request: HttpRequest) -> HttpResponse:
    """The journeys of now, today or tomorrow, what is overdue first; on a wall with `?display=wall`."""
    now = time.time()
    reader, asked = reader_of(request), Asked.of(request, now)
    journeys, more_than_fits = in_window(reader, asked.window, now, asked.places)
    districts = sorted({each for journey in journeys for each in rows.districts(journey)})
    journeys = _narrowed(reader, journeys, asked.filters)
    journeys.sort(key=rows.order)
    down = links_down(now)
    lines = _lines(reader, now, down)
    first = with_bearers(reader, journeys[: asked.shown])
    shown = [lines.line(each) for each in first]
    shut = shut_locks(lines.locks(journeys), down, reader.party, now)
    context = {
        **_frame(asked, now, down),
        "groups": _grouped(shown),
        "counts": rows.counts(journeys),
        "total": len(journeys),
        "more": _address(request, show=asked.shown + SHOWN) if len(journeys) > asked.shown else "",
        "more_than_fits": more_than_fits,
        "districts": districts,
        "windows": [
            (name, word, _address(request, window=name, show=None)) for name, word in WINDOWS.items()
        ],
        "wall_url": _address(request, display="wall", show=None),
        "plain_url": request.get_full_path(),
        "shut_lines": [
            (each, lines.clock.at(each.down.since), lines.clock.at(each.lock.opens)) for each in shut[:SHUT]
        ],
        "shut_more": max(0, len(shut) - SHUT),
        "page_level": _level(journeys, shown),
        "may_request": bool(here.state().policy.entries(reader, "write", "movement")),
    }
    return render(request, f"journeys/{_template(request, asked)}", context)


@require_safe
@answering
def board_rows(request: HttpRequest) -> HttpResponse:
    """The lines of certain movements as they are now; those the reader may not see, or that are none, are left
    out."""
    now = time.time()
    reader, asked = reader_of(request), Asked.of(request, now)
    ids = [each for each in request.GET.get("ids", "").split(",") if each][:ROWS_AT_ONCE]
    down = links_down(now)
    lines = _lines(reader, now, down)
    journeys = _narrowed(reader, certain(reader, ids, now, asked.places) if ids else [], asked.filters)
    shown = [lines.line(each) for each in journeys]
    context = {**_frame(asked, now, down), "lines": shown, "page_level": _level(journeys, shown)}
    return render(request, "journeys/_board_rows.html", context)


@require_POST
@answering
def answer(request: HttpRequest, escalation: str) -> HttpResponse:
    """Take an escalation on, in the name of who is signed in; it climbs no further."""
    answer_escalation(reader_of(request), escalation, by=str(request.user))
    messages.success(request, _("You have taken the escalation on. It climbs no further."))
    back = request.POST.get("next", "")
    known = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return HttpResponseRedirect(back if known else reverse("journeys:board"))


def _lines(reader: Subject, now: float, down: Mapping[str, LinkDown]) -> rows.Lines:
    policy = here.state().policy
    return rows.Lines(reader, policy, now, down, bool(policy.entries(reader, "write", "escalation")))


def _frame(asked: Asked, now: float, down: Mapping[str, LinkDown]) -> dict[str, Any]:
    clock = Clock(now)
    return {
        "asked": asked,
        "filters": asked.form,
        "wall": asked.wall,
        "places": asked.places,
        "now": now,
        "clock_now": clock.at(now),
        "zone": clock.zone_name,
        "down": [
            (each, clock.at(each.since), clock.at(each.as_of) if each.as_of else "") for each in down.values()
        ],
        "live_url": LIVE,
    }


def _narrowed(reader: Subject, journeys: Sequence[Journey], filters: Mapping[str, Any]) -> list[Journey]:
    found = list(journeys)
    if district := filters.get("district"):
        found = [each for each in found if rows.is_in(each, district)]
    if text := filters.get("text"):
        found = [each for each in found if rows.is_called(each, text)]
    if stage := filters.get("stage"):
        found = [each for each in found if each.stage == stage]
    if filters.get("mine"):
        found = [each for each in with_bearers(reader, found) if rows.is_mine(reader, each)]
    return found


def _grouped(lines: Sequence[rows.BoardLine]) -> list[tuple[str, str, list[rows.BoardLine]]]:
    found = {name: [line for line in lines if line.group == name] for name in rows.GROUPS}
    return [(name, str(rows.GROUPS[name]), group) for name, group in found.items() if group]


def _level(journeys: Sequence[Journey], shown: Sequence[rows.BoardLine]) -> str:
    """The highest label of what the page shows: its lines, and what its counts were made of."""
    return rows.highest([*(line.label for line in shown), *(each.movement.label for each in journeys)])


def _template(request: HttpRequest, asked: Asked) -> str:
    if "HX-Request" in request.headers:
        return "_board_alone.html"
    return "board_wall.html" if asked.wall else "board.html"


def _address(request: HttpRequest, **changes: Any) -> str:
    """This page's address with some of its fields changed; None takes one away."""
    address = request.GET.copy()
    for name, value in changes.items():
        address.pop(name, None)
        if value is not None:
            address[name] = str(value)
    return f"?{address.urlencode()}"
