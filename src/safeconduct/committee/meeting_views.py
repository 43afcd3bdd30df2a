"""The pages of meetings: what is to come, one meeting with its agenda, the register of decisions and actions."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.committee import meeting_rules as rules
from safeconduct.committee import meeting_whole as whole
from safeconduct.committee.meeting_calendar import calendar_file
from safeconduct.committee.meeting_forms import AttendanceForm, ItemForm, MeetingForm, SeatForm, entered
from safeconduct.committee.meeting_lines import (
    action_of,
    attendee_of,
    decided_of,
    item_of,
    level_of,
    line_of,
    may,
    parties,
)
from safeconduct.records.kinds import PartRefused
from safeconduct.records.moments import instant
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import answering, reader_of

LIVE = (
    "/live?topics=meeting,agenda_item,attendance,observer_seat,minutes,minutes_word,decision,reservation,action,"
    "disclosure_authorisation,attachment"
)
NEXT: dict[str, tuple[tuple[str, Any], ...]] = {
    "called": (("held", gettext_lazy("It was held")), ("cancelled", gettext_lazy("Cancel it"))),
    "held": (("closed", gettext_lazy("Close it: nothing more is written")),),
    "closed": (("held", gettext_lazy("Open it again")),),
}
"""What can be said of a meeting in each state."""


@require_safe
@answering
def meeting_list(request: HttpRequest) -> HttpResponse:
    """The meetings to come, the soonest first; those that were."""
    reader = reader_of(request)
    coming, past = whole.meetings(reader, time.time())
    context = {
        "coming": [line_of(each) for each in coming],
        "past": [line_of(each) for each in past],
        "may_call": may(reader, "write", "meeting"),
        "page_level": level_of([*coming, *past]),
        "live_url": LIVE,
    }
    return rendered(request, "meetings", context)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def call(request: HttpRequest) -> HttpResponse:
    """Call a meeting. With no other party chosen it is this party's own."""
    reader = reader_of(request)
    form, status = MeetingForm(request.POST or None, parties=parties()), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                to = form.cleaned_data.get("to", ())
                done = rules.call_meeting(reader, form.notice(), form.venue(), to)
            except PartRefused as fault:
                form.add_error(None, str(fault))
            else:
                return back(done.record)
    context = {"form": form, "page_level": "CONFIDENTIAL"}
    return render(request, "committee/meeting_form.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def amend(request: HttpRequest, meeting: str) -> HttpResponse:
    """Change when or where it is. Calendars that have it take the change from the new file."""
    reader = reader_of(request)
    found = release(reader, meeting)
    form, status = MeetingForm(request.POST or None, initial=_begun(found)), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            seen = rules.seen_as(reader, meeting, form.cleaned_data["seen"] or 0)
            try:
                rules.amend_meeting(reader, seen, form.notice(), form.venue())
            except PartRefused as fault:
                form.add_error(None, str(fault))
            else:
                return back(meeting)
    context = {"form": form, "meeting": meeting, "page_level": found.label}
    return render(request, "committee/meeting_form.html", context, status=status)


@require_safe
@answering
def meeting_page(request: HttpRequest, meeting: str) -> HttpResponse:
    """One meeting, live."""
    return page_of(request, meeting)


@require_safe
@answering
def calendar(request: HttpRequest, meeting: str) -> HttpResponse:
    """The meeting for a calendar program. A later file replaces an earlier one; a cancelled meeting goes."""
    reader = reader_of(request)
    found = whole.whole_meeting(reader, meeting).meeting
    response = HttpResponse(calendar_file(reader, found), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="meeting.ics"'
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@answering
def register(request: HttpRequest) -> HttpResponse:
    """Every decision by its number, with the reservations beside it; what is still to be done."""
    reader = reader_of(request)
    decided, actions = whole.register(reader), whole.open_actions(reader)
    shown = [each.decision for each in decided] + [one for each in decided for one in each.reservations]
    context = {
        "decisions": [decided_of(reader, each) for each in decided],
        "actions": [action_of(reader, each) for each in actions],
        "page_level": level_of([*shown, *actions]),
        "live_url": LIVE,
    }
    return rendered(request, "register", context)


def page_of(request: HttpRequest, record: str, status: int = 200, **forms: Any) -> HttpResponse:
    """The page of a meeting; `forms` are those that were filled in and did not pass."""
    reader = reader_of(request)
    found = whole.whole_meeting(reader, record)
    key, open_now = str(uuid4()), found.meeting.state not in ("closed", "cancelled")
    writes = may(reader, "write", "agenda_item")
    context = {
        "line": line_of(found.meeting),
        "venue": found.meeting.parts.get("venue"),
        "items": [item_of(reader, each, found.own) for each in found.items],
        "attendees": [attendee_of(reader, each) for each in found.attendees],
        "decisions": [decided_of(reader, each) for each in found.decisions],
        "own": found.own,
        "seen": found.meeting.version,
        "may_write": writes and found.own,
        "next_states": NEXT.get(found.meeting.state, ()),
        "may_attend": may(reader, "write", "attendance") and open_now,
        "item_form": forms.get("item") or ItemForm(initial={"key": key, "level": 1}, prefix="item"),
        "attendance_form": forms.get("attendance") or AttendanceForm(prefix="attendance"),
        "seat_form": SeatForm(initial={"until": _month_after(found.meeting)}, prefix="seat"),
        "page_level": level_of(found.records),
        "live_url": LIVE,
    }
    return rendered(request, "meeting", context, status)


def _begun(found: Released) -> dict[str, Any]:
    notice, venue = found.parts.get("notice") or {}, found.parts.get("venue") or {}
    moments = {name: entered(notice.get(name)) for name in ("starts", "ends")}
    return {"seen": found.version, **venue, **notice, **moments}


def _month_after(meeting: Released) -> datetime:
    end = instant((meeting.parts.get("notice") or {}).get("ends", "2000-01-01")).timestamp()
    return datetime.fromtimestamp(max(end, time.time()) + 30 * 86_400, UTC).replace(second=0, microsecond=0)


def rendered(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """The page, or for a live update its inside alone."""
    alone = "HX-Request" in request.headers and status == 200
    template = f"committee/_{name}.html" if alone else f"committee/{name}.html"
    return render(request, template, {**context, "alone": alone}, status=status)


def back(meeting: str) -> HttpResponseRedirect:
    """To a meeting's page; without one, to the register."""
    page = reverse("meetings:meeting", args=[meeting]) if meeting else reverse("meetings:register")
    return HttpResponseRedirect(page)


def stored(request: HttpRequest, meeting: str) -> HttpResponseRedirect:
    messages.success(request, _("It is in the ledger."))
    return back(meeting)
