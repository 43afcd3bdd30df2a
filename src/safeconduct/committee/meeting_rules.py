"""The rules of meetings, as the committee's secretaries know them. Each act is in the name of a person.

They raise what `records.commit` raises: Refused, NotFound, Conflict, PartRefused, Malformed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.committee.meeting_kinds import (
    ACTION,
    AGENDA_ITEM,
    ATTENDANCE,
    DECISION,
    MEETING,
    MINUTES,
    MINUTES_WORD,
    OBSERVER_SEAT,
    RESERVATION,
)
from safeconduct.committee.meeting_writer import digest_of
from safeconduct.records import here, principals
from safeconduct.records.attachments import ATTACHMENT, attachment_parts
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released, release
from safeconduct.records.transaction import iso

Parts = Mapping[str, Any]


def call_meeting(
    actor: Subject, notice: Parts, venue: Parts | None, to: Sequence[str] = (), door: Door | None = None
) -> Committed:
    """Call a meeting. `to` are the parties that may know of it; with nobody it is this party's own."""
    parts = {"notice": notice, **({"venue": venue} if venue else {})}
    return commit(actor, Draft(MEETING.name, parts, releasable=tuple(to)), door=door)


def amend_meeting(
    actor: Subject, seen: Released, notice: Parts, venue: Parts | None, door: Door | None = None
) -> Committed:
    """Change when or where it is. Whoever was invited gets the calendar entry anew."""
    parts = {"notice": notice, **({"venue": venue} if venue else {})}
    return commit(actor, Draft(MEETING.name, parts, record=seen.id, expected=seen.version), door=door)


def move_meeting_on(actor: Subject, seen: Released, state: str, door: Door | None = None) -> Committed:
    """It was held, its minutes are closed, or it is cancelled."""
    return commit(
        actor, Draft(MEETING.name, {}, record=seen.id, expected=seen.version, state=state), door=door
    )


def put_item(
    actor: Subject,
    meeting: Released,
    item: Parts,
    handling: Parts,
    level: int | None = None,
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Put an item on the agenda, last. One that is withheld from observers goes to no other party at all."""
    to = () if handling.get("withheld") else sorted(meeting.releasable)
    levels = {"item": level} if level is not None else None
    payload = {"parts": {"item": item, "handling": handling}, "releasable": list(to), "levels": levels}
    return _numbered(actor, AGENDA_ITEM.name, meeting.id, key, door, **payload)


def amend_item(
    actor: Subject,
    meeting: Released,
    seen: Released,
    item: Parts,
    handling: Parts,
    level: int | None = None,
    door: Door | None = None,
) -> Committed:
    """Change an item, or how it is handled. To withhold it takes it back from whoever was told."""
    now = seen.parts["item"], seen.parts["handling"]
    to = () if handling.get("withheld") else tuple(sorted(meeting.releasable))
    draft = Draft(
        AGENDA_ITEM.name,
        {
            "item": {**item, "reference": now[0]["reference"]},
            "handling": {**handling, "rank": now[1]["rank"]},
        },
        record=seen.id,
        expected=seen.version,
        releasable=to,
        levels={"item": level} if level is not None else None,
    )
    return commit(actor, draft, door=door)


def move_item(actor: Subject, seen: Released, before: str, door: Door | None = None) -> Committed:
    """Put an item before another one, or ("") last."""
    payload = {
        "actor": principals.to_wire(actor),
        "item": seen.id,
        "expected": seen.version,
        "before": before,
    }
    return _called("committee_move", payload, door)


def end_item(actor: Subject, seen: Released, state: str, door: Door | None = None) -> Committed:
    """An item was discussed, deferred to another meeting, or dropped."""
    draft = Draft(AGENDA_ITEM.name, {}, record=seen.id, expected=seen.version, state=state)
    return commit(actor, draft, door=door)


def name_attendee(
    actor: Subject, meeting: str, seat: Parts, to: Sequence[str] | None = None, door: Door | None = None
) -> Committed:
    """Say who of this party comes, and as what. An observer is named with the account that he reads with."""
    if seat.get("capacity") == "observer" and not seat.get("person"):
        raise Malformed("an observer is named with the account that he reads with")
    return commit(actor, Draft(ATTENDANCE.name, {"seat": seat}, about=meeting, releasable=to), door=door)


def answer_invitation(actor: Subject, seen: Released, state: str, door: Door | None = None) -> Committed:
    """Accepted, declined, and afterwards present or absent."""
    draft = Draft(ATTENDANCE.name, {}, record=seen.id, expected=seen.version, state=state)
    return commit(actor, draft, door=door)


def seat_observer(actor: Subject, attendance: Released, terms: Parts, door: Door | None = None) -> Committed:
    """Give an observer of the other party a seat on these terms. What he may read follows item by item."""
    if attendance.originator not in here.home().partners:
        raise Malformed("a seat is given to an observer of the other party")
    to = (attendance.originator,)
    draft = Draft(OBSERVER_SEAT.name, {"terms": terms}, about=attendance.id, releasable=to)
    return commit(actor, draft, act="approve", door=door)


def change_seat(
    actor: Subject, seen: Released, terms: Parts | None, state: str = "granted", door: Door | None = None
) -> Committed:
    """Other terms, or none any more. What they no longer open is taken back at once."""
    parts = {"terms": terms} if terms else {}
    draft = Draft(OBSERVER_SEAT.name, parts, record=seen.id, expected=seen.version, state=state)
    return commit(actor, draft, act="approve", door=door)


def lay_paper(
    actor: Subject, item: str, name: str, raw: bytes, level: int | None = None, door: Door | None = None
) -> Committed:
    """Lay a paper on an item. It has a label of its own and is released by the same seat as the item."""
    levels = {"description": level, "content": level} if level is not None else None
    return commit(
        actor, Draft(ATTACHMENT.name, attachment_parts(name, raw), about=item, levels=levels), door=door
    )


def write_minutes(
    actor: Subject, item: str, text: Parts, seen: Released | None = None, door: Door | None = None
) -> Committed:
    """Draft the minutes of one item, or change the draft. Changing what was proposed makes it a draft again."""
    if seen is None:
        return commit(actor, Draft(MINUTES.name, {"text": text}, about=item), door=door)
    draft = Draft(MINUTES.name, {"text": text}, record=seen.id, expected=seen.version, state="draft")
    return commit(actor, draft, door=door)


def propose_minutes(actor: Subject, seen: Released, door: Door | None = None) -> Committed:
    """Put the text before the other party, which agrees to exactly this text or objects."""
    draft = Draft(MINUTES.name, {}, record=seen.id, expected=seen.version, state="proposed")
    return commit(actor, draft, door=door)


def answer_minutes(
    actor: Subject, minutes: Released, stance: str, remark: str = "", by: str = "", door: Door | None = None
) -> Committed:
    """This party's word on the other's minutes. Agreement holds for the text that was read and for no other."""
    word = {
        "stance": stance,
        "remark": remark,
        "by": by or actor.person,
        "at": iso(time.time()),
        "digest": digest_of(minutes.parts["text"]),
    }
    return commit(actor, Draft(MINUTES_WORD.name, {"word": word}, about=minutes.id), door=door)


def take_decision(
    actor: Subject, item: str, decision: Parts, key: str = "", door: Door | None = None
) -> Committed:
    """Record a decision. It goes to those parties whose observers know of the item it was taken on."""
    return _numbered(actor, DECISION.name, item, key, door, parts={"decision": decision})


def end_decision(actor: Subject, seen: Released, state: str, door: Door | None = None) -> Committed:
    """It was carried out, or another decision took its place."""
    draft = Draft(DECISION.name, {}, record=seen.id, expected=seen.version, state=state)
    return commit(actor, draft, door=door)


def reserve(actor: Subject, decision: str, text: str, by: str = "", door: Door | None = None) -> Committed:
    """Enter a reservation: it stands beside the decision and changes nothing in it."""
    words = {"text": text, "by": by or actor.person, "at": iso(time.time())}
    return commit(actor, Draft(RESERVATION.name, {"words": words}, about=decision), door=door)


def lift_reservation(actor: Subject, seen: Released, by: str = "", door: Door | None = None) -> Committed:
    """Take an own reservation back: it stays beside the decision, as lifted by whom and when."""
    lifting = {"by": by or actor.person, "at": iso(time.time())}
    draft = Draft(
        RESERVATION.name, {"lifting": lifting}, record=seen.id, expected=seen.version, state="lifted"
    )
    return commit(actor, draft, door=door)


def set_action(actor: Subject, about: str, task: Parts, key: str = "", door: Door | None = None) -> Committed:
    """Say who does what by when. Whoever wrote it down is reminded when that time has come."""
    return _numbered(actor, ACTION.name, about, key, door, parts={"task": task})


def report_action(
    actor: Subject, seen: Released, remark: str, state: str = "open", by: str = "", door: Door | None = None
) -> Committed:
    """How far an action is; `state` ends it as done or dropped."""
    progress = {"at": iso(time.time()), "by": by or actor.person, "remark": remark}
    draft = Draft(ACTION.name, {"progress": progress}, record=seen.id, expected=seen.version, state=state)
    return commit(actor, draft, door=door)


def seen_as(reader: Subject, record: str, version: int, door: Door | None = None) -> Released:
    """A record as its reader saw it when the form was opened. Raises Conflict through commit() if it moved on."""
    found = release(reader, record, door=door)
    return replace(found, version=version)


def _numbered(
    actor: Subject, kind: str, about: str, key: str, door: Door | None, **payload: Any
) -> Committed:
    whole = {"actor": principals.to_wire(actor), "kind": kind, "about": about, "key": key, **payload}
    return _called("committee_number", whole, door)


def _called(job: str, payload: dict[str, Any], door: Door | None) -> Committed:
    answer = (door or here.door()).call(job, payload)
    return Committed(answer["record"], answer["version"], answer["index"])
