"""What is done on a meeting's page: each press is one act, on the version that was seen."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.committee import meeting_rules as rules
from safeconduct.committee.meeting_forms import (
    ActionForm,
    AttendanceForm,
    DecisionForm,
    ItemForm,
    MinutesForm,
    PaperForm,
    RemarkForm,
    ReservationForm,
    SeatForm,
    WordForm,
)
from safeconduct.committee.meeting_kinds import RESERVATION
from safeconduct.committee.meeting_lines import forms_on, titled
from safeconduct.committee.meeting_views import back, page_of, stored
from safeconduct.committee.meeting_whole import whole_meeting
from safeconduct.people.models import Account
from safeconduct.records.attachments import ATTACHMENT, AttachmentRefused
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.filed import filed


def _filled(form: forms.Form) -> dict[str, Any]:
    """What a short form says. Raises Malformed with its faults."""
    if not form.is_valid():
        raise Malformed(
            "; ".join(f"{name}: {' '.join(map(str, faults))}" for name, faults in form.errors.items())
        )
    return form.cleaned_data


def _seen(request: HttpRequest, record: str) -> tuple[Released, dict[str, Any]]:
    """The record of a one-press form as it was seen, and what else the form says."""
    given = _filled(RemarkForm(request.POST))
    return rules.seen_as(reader_of(request), record, given["seen"]), given


def _on(request: HttpRequest, meeting: str, record: str) -> None:
    """That a record belongs to this meeting, as far as the reader may see. Raises NotFound."""
    found = whole_meeting(reader_of(request), meeting)
    if record not in {each.id for each in found.records}:
        raise NotFound(record)


@require_POST
@answering
def move_on(request: HttpRequest, meeting: str) -> HttpResponse:
    """The meeting was held, is closed or cancelled."""
    seen, given = _seen(request, meeting)
    rules.move_meeting_on(reader_of(request), seen, given["state"])
    return stored(request, meeting)


@require_POST
@answering
def put_item(request: HttpRequest, meeting: str) -> HttpResponse:
    """A new item, last on the agenda."""
    reader = reader_of(request)
    form = ItemForm(request.POST, prefix="item")
    if form.is_valid():
        given = form.cleaned_data
        found = release(reader, meeting)
        try:
            rules.put_item(reader, found, form.item(), form.handling(), given["level"], given["key"])
        except PartRefused as fault:
            form.add_error(None, str(fault))
        else:
            return stored(request, meeting)
    return page_of(request, meeting, 422, item=form)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def amend_item(request: HttpRequest, meeting: str, item: str) -> HttpResponse:
    """Change an item or how it is handled."""
    reader = reader_of(request)
    found, of = release(reader, item), release(reader, meeting)
    if found.about != meeting or "handling" not in found.parts:
        raise NotFound(item)
    level = ("OPEN", "RESTRICTED", "CONFIDENTIAL", "SECRET").index(found.levels["item"])
    begun = {**found.parts["item"], **found.parts["handling"], "level": level, "seen": found.version}
    form, status = ItemForm(request.POST or None, initial=begun), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            given = form.cleaned_data
            seen = rules.seen_as(reader, item, given["seen"] or 0)
            try:
                rules.amend_item(reader, of, seen, form.item(), form.handling(), given["level"])
            except PartRefused as fault:
                form.add_error(None, str(fault))
            else:
                return stored(request, meeting)
    context = {
        "form": form,
        "meeting": meeting,
        "item": item,
        "title": titled(found.parts["item"]),
        **forms_on(reader, item),
        "page_level": found.label,
    }
    return render(request, "committee/meeting_item_form.html", context, status=status)


@require_POST
@answering
def move_item(request: HttpRequest, meeting: str, item: str) -> HttpResponse:
    """One place up or down the agenda as its secretary has it."""
    reader = reader_of(request)
    seen, given = _seen(request, item)
    ids = [each.record.id for each in whole_meeting(reader, meeting).items]
    if item not in ids:
        raise NotFound(item)
    place = ids.index(item)
    if given["state"] == "up" and place:
        rules.move_item(reader, seen, ids[place - 1])
    elif given["state"] == "down" and place < len(ids) - 1:
        rules.move_item(reader, seen, ids[place + 2] if place + 2 < len(ids) else "")
    return back(meeting)


@require_POST
@answering
def end_item(request: HttpRequest, meeting: str, item: str) -> HttpResponse:
    """Discussed, deferred or dropped."""
    seen, given = _seen(request, item)
    rules.end_item(reader_of(request), seen, given["state"])
    return stored(request, meeting)


@require_POST
@answering
def attend(request: HttpRequest, meeting: str) -> HttpResponse:
    """Name a person of this party. An observer reads with the account that is named here."""
    form = AttendanceForm(request.POST, prefix="attendance")
    if form.is_valid():
        account = form.cleaned_data["account"]
        known = Account.objects.filter(username=account, locked=False).first() if account else None
        if account and known is None:
            form.add_error("account", _("There is no such account."))
        elif form.cleaned_data["capacity"] == "observer" and known is None:
            form.add_error("account", _("An observer is named with the account that he reads with."))
        else:
            rules.name_attendee(reader_of(request), meeting, form.seat(known.person if known else ""))
            return stored(request, meeting)
    return page_of(request, meeting, 422, attendance=form)


@require_POST
@answering
def answer(request: HttpRequest, meeting: str, attendance: str) -> HttpResponse:
    """Accepted, declined, present, absent."""
    seen, given = _seen(request, attendance)
    rules.answer_invitation(reader_of(request), seen, given["state"])
    return stored(request, meeting)


@require_POST
@answering
def seat(request: HttpRequest, meeting: str, attendance: str) -> HttpResponse:
    """Give an observer of the other party his seat."""
    form = SeatForm(request.POST, prefix="seat")
    _filled(form)
    reader = reader_of(request)
    rules.seat_observer(reader, release(reader, attendance), form.terms())
    return stored(request, meeting)


@require_POST
@answering
def end_seat(request: HttpRequest, meeting: str, seat: str) -> HttpResponse:
    """Take a seat away; what it opened is taken back at once."""
    seen, _given = _seen(request, seat)
    rules.change_seat(reader_of(request), seen, None, "ended")
    return stored(request, meeting)


@require_POST
@answering
def lay_paper(request: HttpRequest, meeting: str, item: str) -> HttpResponse:
    """A paper on an item, cleaned of what it tells besides."""
    form = PaperForm(request.POST, request.FILES, prefix="paper")
    given = _filled(form)
    _on(request, meeting, item)
    paper = given["paper"]
    try:
        rules.lay_paper(reader_of(request), item, paper.name, paper.read(), given["level"])
    except AttachmentRefused as fault:
        raise Malformed(str(fault)) from fault
    return stored(request, meeting)


@require_safe
@answering
def paper(request: HttpRequest, meeting: str, paper: str) -> HttpResponse:
    """A paper's content. That it was read is noted where the clause says so."""
    _on(request, meeting, paper)
    return filed(reader_of(request), paper, ATTACHMENT.name, pictures_shown=True)


@require_POST
@answering
def write_minutes(request: HttpRequest, meeting: str, item: str) -> HttpResponse:
    """Draft the minutes of an item, or change them."""
    form = MinutesForm(request.POST, prefix="minutes")
    given, reader = _filled(form), reader_of(request)
    found = [each for each in whole_meeting(reader, meeting).items if each.record.id == item]
    if not found:
        raise NotFound(item)
    known = found[0].minutes[0].minutes if found[0].minutes else None
    seen = rules.seen_as(reader, known.id, given["seen"] or 0) if known else None
    rules.write_minutes(reader, item, form.text(str(request.user)), seen)
    return stored(request, meeting)


@require_POST
@answering
def propose_minutes(request: HttpRequest, meeting: str, minutes: str) -> HttpResponse:
    """Put the text before the other party."""
    seen, _given = _seen(request, minutes)
    rules.propose_minutes(reader_of(request), seen)
    return stored(request, meeting)


@require_POST
@answering
def answer_minutes(request: HttpRequest, meeting: str, minutes: str) -> HttpResponse:
    """Agree to the text that was read, or object."""
    given, reader = _filled(WordForm(request.POST)), reader_of(request)
    found = release(reader, minutes)
    if found.version != given["seen"]:
        raise Malformed(_("The text was changed since you read it. Read it again."))
    rules.answer_minutes(reader, found, given["stance"], given["remark"], str(request.user))
    return stored(request, meeting)


@require_POST
@answering
def decide(request: HttpRequest, meeting: str, item: str) -> HttpResponse:
    """Record a decision on an item."""
    form = DecisionForm(request.POST, prefix="decision")
    given = _filled(form)
    _on(request, meeting, item)
    rules.take_decision(reader_of(request), item, form.decision(), given["key"])
    return stored(request, meeting)


@require_POST
@answering
def end_decision(request: HttpRequest, meeting: str, decision: str) -> HttpResponse:
    """Carried out, or superseded."""
    seen, given = _seen(request, decision)
    rules.end_decision(reader_of(request), seen, given["state"])
    return stored(request, meeting)


@require_POST
@answering
def reserve(request: HttpRequest, meeting: str, decision: str) -> HttpResponse:
    """Enter a reservation beside a decision."""
    given = _filled(ReservationForm(request.POST, prefix="reservation"))
    _on(request, meeting, decision)
    rules.reserve(reader_of(request), decision, given["text"], str(request.user))
    return stored(request, meeting)


@require_POST
@answering
def lift_reservation(request: HttpRequest, reservation: str, meeting: str = "") -> HttpResponse:
    """Take an own reservation back, on the meeting's page or in the register."""
    seen, _given = _seen(request, reservation)
    if seen.kind != RESERVATION.name:
        raise NotFound(reservation)
    if meeting:
        _on(request, meeting, reservation)
    rules.lift_reservation(reader_of(request), seen, str(request.user))
    return stored(request, meeting)


@require_POST
@answering
def act(request: HttpRequest, meeting: str, about: str) -> HttpResponse:
    """Say who does what by when, on an item or a decision."""
    form = ActionForm(request.POST, prefix="action")
    given = _filled(form)
    _on(request, meeting, about)
    rules.set_action(reader_of(request), about, form.task(), given["key"])
    return stored(request, meeting)


@require_POST
@answering
def report_action(request: HttpRequest, meeting: str, action: str) -> HttpResponse:
    """How far an action is."""
    seen, given = _seen(request, action)
    state = given["state"] or "open"
    rules.report_action(reader_of(request), seen, given["remark"], state, str(request.user))
    return stored(request, meeting)
