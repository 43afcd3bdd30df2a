"""A meeting's records as its templates take them: words for codes, what is overdue, what the reader may be offered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django.utils.translation import get_language

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.committee import meeting_whole as whole
from safeconduct.committee import meeting_words as words
from safeconduct.committee.meeting_forms import (
    ActionForm,
    DecisionForm,
    MinutesForm,
    PaperForm,
    ReservationForm,
)
from safeconduct.records import here
from safeconduct.records.moments import instant, is_day
from safeconduct.records.release import Released

LANGUAGES = (("en", "en", "English"), ("ur", "ur", "اردو"), ("zh-Hans", "zh", "中文"))
"""The languages of minutes, each with its field and its own name."""


def line_of(meeting: Released) -> dict[str, Any]:
    notice = meeting.parts.get("notice") or {}
    return {
        "id": meeting.id,
        "title": titled(notice),
        "group": words.GROUPS.get(str(notice.get("group")), ""),
        "held": words.HELD.get(str(notice.get("held")), ""),
        "district": notice.get("district", ""),
        "chair": notice.get("chair", ""),
        "starts": notice.get("starts", ""),
        "ends": notice.get("ends", ""),
        "state": meeting.state,
        "state_word": words.STATES.get(meeting.state, ""),
        "originator": meeting.originator,
        "releasable": sorted(meeting.releasable),
        "withdrawn": meeting.withdrawn,
    }


def titled(part: dict[str, Any], name: str = "title") -> str:
    """A text in the reader's language where it was written in it."""
    language = {"ur": "_ur", "zh-hans": "_zh"}.get(get_language() or "", "")
    return str(part.get(f"{name}{language}") or part.get(name, ""))


def item_of(reader: Subject, found: whole.Item, own: bool) -> dict[str, Any]:
    part, handling = found.record.parts.get("item") or {}, found.record.parts.get("handling") or {}
    writes = own and may(reader, "write", "agenda_item")
    return {
        "id": found.record.id,
        "number": found.number,
        "part": part,
        "title": titled(part),
        "label": found.record.levels.get("item", found.record.label),
        "handling": handling,
        "category": words.CATEGORIES.get(str(handling.get("category")), ""),
        "state": found.record.state,
        "state_word": words.STATES.get(found.record.state, ""),
        "seen": found.record.version,
        "readers": [_reader(each) for each in found.readers],
        "papers": [{"id": each.id, **(each.parts.get("description") or {})} for each in found.papers],
        "minutes": [_minutes(reader, each) for each in found.minutes],
        "decisions": [decided_of(reader, each) for each in found.decisions],
        "actions": [action_of(reader, each) for each in found.actions],
        "may_write": writes,
    }


def forms_on(reader: Subject, item: str) -> dict[str, Any]:
    """The forms with which the convening party works on an item; no form for minutes that both agreed."""
    known = whole.minutes_on(reader, item)
    text = known.parts.get("text") or {} if known else {}
    seen = {"seen": known.version} if known else {}
    return {
        "minutes_form": None
        if known and known.state == "agreed"
        else MinutesForm(initial={**text, **seen}, prefix="minutes"),
        "decision_form": DecisionForm(initial={"key": str(uuid4())}, prefix="decision"),
        "action_form": ActionForm(initial={"key": str(uuid4())}, prefix="action"),
        "paper_form": PaperForm(prefix="paper"),
    }


def _reader(found: Released) -> dict[str, Any]:
    part = found.parts.get("reader") or {}
    return {**part, "how": words.METHODS.get(str(part.get("method")), "")}


def _minutes(reader: Subject, found: whole.Minuted) -> dict[str, Any]:
    record, text = found.minutes, found.minutes.parts.get("text") or {}
    own = record.originator == here.home().party
    said = [each.parts.get("word") or {} for each in found.words]
    editable = own and record.state != "agreed" and may(reader, "write", "minutes")
    return {
        "id": record.id,
        "texts": [(code, called, text[name]) for code, name, called in LANGUAGES if text.get(name)],
        "taken_by": text.get("taken_by", ""),
        "state": record.state,
        "state_word": words.STATES.get(record.state, ""),
        "seen": record.version,
        "words": [{**each, "stance_word": words.STANCES.get(str(each.get("stance")), "")} for each in said],
        "may_propose": editable and record.state == "draft",
        "may_answer": not own and record.state == "proposed" and may(reader, "write", "minutes_word"),
    }


def decided_of(reader: Subject, found: whole.Decided) -> dict[str, Any]:
    part = found.decision.parts.get("decision") or {}
    own = found.decision.originator == here.home().party
    return {
        "id": found.decision.id,
        "part": part,
        "text": titled(part, "text"),
        "answerable": words.ANSWERABLE.get(str(part.get("answerable")), ""),
        "originator": found.decision.originator,
        "state": found.decision.state,
        "state_word": words.STATES.get(found.decision.state, ""),
        "overdue": found.decision.state == "taken" and overdue(part.get("due")),
        "seen": found.decision.version,
        "reservations": [_reservation(reader, each) for each in found.reservations],
        "actions": [action_of(reader, each) for each in found.actions],
        "may_end": own and found.decision.state == "taken" and may(reader, "write", "decision"),
        "reservation_form": ReservationForm(prefix="reservation")
        if may(reader, "write", "reservation")
        else None,
        "action_form": ActionForm(initial={"key": str(uuid4())}, prefix="action")
        if own and may(reader, "write", "action")
        else None,
    }


def _reservation(reader: Subject, found: Released) -> dict[str, Any]:
    own = found.originator == here.home().party
    return {
        "id": found.id,
        "seen": found.version,
        "lifting": found.parts.get("lifting"),
        "may_lift": own and found.state == "open" and may(reader, "write", "reservation"),
        "part": found.parts.get("words") or {},
        "originator": found.originator,
        "state": found.state,
        "state_word": words.STATES.get(found.state, ""),
    }


def action_of(reader: Subject, found: Released) -> dict[str, Any]:
    part = found.parts.get("task") or {}
    own = found.originator == here.home().party
    return {
        "id": found.id,
        "part": part,
        "progress": found.parts.get("progress"),
        "originator": found.originator,
        "state": found.state,
        "state_word": words.STATES.get(found.state, ""),
        "overdue": found.state == "open" and overdue(part.get("due")),
        "seen": found.version,
        "may_report": own and found.state == "open" and may(reader, "write", "action"),
    }


def attendee_of(reader: Subject, found: whole.Attendee) -> dict[str, Any]:
    seat = found.record.parts.get("seat") or {}
    own = found.record.originator == here.home().party
    seats = [_seat(each) for each in found.seats]
    observes = seat.get("capacity") == "observer"
    return {
        "id": found.record.id,
        "part": seat,
        "capacity": words.CAPACITIES.get(str(seat.get("capacity")), ""),
        "originator": found.record.originator,
        "state": found.record.state,
        "state_word": words.STATES.get(found.record.state, ""),
        "seen": found.record.version,
        "seats": seats,
        "may_answer": own and may(reader, "write", "attendance"),
        "may_seat": not own and observes and not seats and may(reader, "approve", "observer_seat"),
        "may_end_seat": may(reader, "approve", "observer_seat"),
    }


def _seat(found: Released) -> dict[str, Any]:
    terms = found.parts.get("terms") or {}
    return {
        "id": found.id,
        "ceiling": LEVELS[terms["ceiling"]] if "ceiling" in terms else "",
        "categories": [words.CATEGORIES[each] for each in terms.get("categories", ())],
        "methods": [words.METHODS[each] for each in terms.get("methods", ())],
        "until": terms.get("until", ""),
        "state": found.state,
        "state_word": words.STATES.get(found.state, ""),
        "seen": found.version,
        "own": found.originator == here.home().party,
    }


def overdue(due: object) -> bool:
    """Whether a day or a moment is over; a day is over when it ends."""
    if not isinstance(due, str) or not due:
        return False
    return instant(due).timestamp() + (86_400 if is_day(due) else 0) < time.time()


def parties() -> list[tuple[str, str]]:
    return [(party, partner.name or party) for party, partner in sorted(here.home().partners.items())]


def may(reader: Subject, act: str, kind: str) -> bool:
    """Whether the policy has any grant for this: what a page offers, never what it permits."""
    return bool(here.state().policy.entries(reader, act, kind))


def level_of(records: Sequence[Released]) -> str:
    return LEVELS[max((LEVELS.index(each.label) for each in records), default=0)]
