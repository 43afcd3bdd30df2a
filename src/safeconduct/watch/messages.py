"""Liaison between the rooms: messages, who has read them, requests for information and answers, translations.

Each act is in the name of a person and raises what `records.commit` raises. What was sent stays as it was sent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records import here, principals
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.records.transaction import iso
from safeconduct.watch.response_kinds import (
    INFORMATION_ANSWER,
    INFORMATION_REQUEST,
    LIAISON_MESSAGE,
    MESSAGE_RECEIPT,
    TRANSLATION,
)

SHOWN = 100
LEAST_SECONDS = 60.0
"""How far ahead the due time of a request lies at least."""


def send_message(
    actor: Subject,
    to: str,
    subject: str,
    text: str,
    language: str = "en",
    priority: str = "routine",
    about: str = "",
    by: str = "",
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Write to the room of one other party, which says by itself when it has the message. The `key` counts once."""
    part = {
        "subject": subject,
        "text": text,
        "language": language,
        "priority": priority,
        "sent": iso(time.time()),
        "by": by or actor.person,
    }
    return _send(actor, LIAISON_MESSAGE.name, {"message": part}, about, key, door, to)


def read_message(actor: Subject, message: str, by: str = "", door: Door | None = None) -> Committed:
    """A named person has read it; the other room is told who, and when by this room's clock."""
    payload = {"actor": principals.to_wire(actor), "message": message, "by": by or actor.person}
    return _called("watch_read_message", payload, door)


def translate(
    actor: Subject,
    about: str,
    language: str,
    text: str,
    source: str,
    by: str = "",
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Put a translation beside the original, marked with who made it, or which machine."""
    part = {"language": language, "text": text, "source": source, "by": by or actor.person}
    return _send(actor, TRANSLATION.name, {"text": part}, about, key, door)


def ask(
    actor: Subject,
    to: str,
    subject: str,
    question: str,
    due: str,
    about: str = "",
    by: str = "",
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Ask one other party for information by a time. When the time is over it says so, and nothing else happens."""
    if instant(due).timestamp() < time.time() + LEAST_SECONDS:
        raise Malformed("a request is due in the future")
    part = {
        "subject": subject,
        "question": question,
        "asked": iso(time.time()),
        "due": due,
        "by": by or actor.person,
    }
    return _send(actor, INFORMATION_REQUEST.name, {"request": part}, about, key, door, to)


def answer_request(
    actor: Subject,
    request: str,
    text: str,
    outcome: str,
    by: str = "",
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Answer in full, in part, or decline. Late answers count; one in part leaves the request open."""
    part = {"text": text, "at": iso(time.time()), "by": by or actor.person, "outcome": outcome}
    return _send(actor, INFORMATION_ANSWER.name, {"reply": part}, request, key, door)


def withdraw_request(actor: Subject, request: str, seen: int, door: Door | None = None) -> Committed:
    """The answer is no longer needed."""
    draft = Draft(INFORMATION_REQUEST.name, {}, record=request, expected=seen, state="withdrawn")
    return commit(actor, draft, door=door)


def _send(
    actor: Subject,
    kind: str,
    parts: Mapping[str, Any],
    about: str,
    key: str,
    door: Door | None,
    to: str = "",
) -> Committed:
    if to and to not in here.home().partners:
        raise Malformed("this node has no such partner")
    payload = {
        "actor": principals.to_wire(actor),
        "kind": kind,
        "parts": dict(parts),
        "about": about,
        "key": key,
        "releasable": [to] if to else None,
    }
    return _called("watch_send", payload, door)


def _called(job: str, payload: dict[str, Any], door: Door | None) -> Committed:
    answer = (door or here.door()).call(job, payload)
    return Committed(answer["record"], answer["version"], answer["index"])


@dataclass(frozen=True)
class Written:
    """A message, request or answer with what stands beside it: receipts, translations, answers."""

    record: Released
    receipts: Sequence[Released] = ()
    translations: Sequence[Released] = ()
    answers: Sequence[Written] = field(default=())

    @property
    def own(self) -> bool:
        return self.record.originator == here.home().party

    @property
    def read(self) -> bool:
        """Whether somebody in the room it was sent to has read it."""
        said = [each.parts.get("receipt") or {} for each in self.receipts]
        return any(each.get("category") == "read" for each in said)

    @property
    def delivered(self) -> bool:
        """Whether the node it was sent to has it, as far as this node has heard."""
        return bool(self.receipts)


def messages(reader: Subject, limit: int = SHOWN) -> list[Written]:
    """The latest messages both ways, the latest first."""
    found = find(reader, Query(LIAISON_MESSAGE.name, withdrawn=False, limit=limit)).records
    return with_receipts(reader, found)


def message(reader: Subject, record: str) -> Written:
    """One of them. Raises NotFound."""
    (found,) = with_receipts(reader, [_one(reader, record, LIAISON_MESSAGE.name)])
    return found


def with_receipts(reader: Subject, found: Sequence[Released]) -> list[Written]:
    receipts = _beside(reader, MESSAGE_RECEIPT.name, found)
    translations = _beside(reader, TRANSLATION.name, found)
    return [Written(each, receipts.get(each.id, ()), translations.get(each.id, ())) for each in found]


def requests(reader: Subject, limit: int = SHOWN) -> list[Written]:
    """The latest requests for information both ways, with their answers; what is open first, the soonest due first."""
    found = find(reader, Query(INFORMATION_REQUEST.name, withdrawn=False, limit=limit)).records
    whole = _with_answers(reader, found)
    return sorted(whole, key=lambda each: (each.record.state != "open", _due(each.record)))


def request(reader: Subject, record: str) -> Written:
    """One of them. Raises NotFound."""
    (found,) = _with_answers(reader, [_one(reader, record, INFORMATION_REQUEST.name)])
    return found


def overdue(found: Released, now: float) -> bool:
    """Whether the time of an open request is over."""
    return found.state == "open" and 0 < _due(found) < now


def _due(found: Released) -> float:
    due = (found.parts.get("request") or {}).get("due")
    return instant(due).timestamp() if due else 0.0


def _with_answers(reader: Subject, found: Sequence[Released]) -> list[Written]:
    answers = _beside(reader, INFORMATION_ANSWER.name, found)
    every = [each for group in answers.values() for each in group]
    translations = _beside(reader, TRANSLATION.name, [*found, *every])
    return [
        Written(
            each,
            translations=translations.get(each.id, ()),
            answers=[Written(a, translations=translations.get(a.id, ())) for a in answers.get(each.id, ())],
        )
        for each in found
    ]


def _one(reader: Subject, record: str, kind: str) -> Released:
    found = release(reader, record)
    if found.kind != kind:
        raise NotFound(record)
    return found


def _beside(reader: Subject, kind: str, found: Sequence[Released]) -> dict[str, list[Released]]:
    """What is said about each of these, the earliest first."""
    if not found:
        return {}
    query = Query(
        kind,
        about=[each.id for each in found],
        withdrawn=False,
        sort="at",
        descending=False,
        limit=1_000,
        shown=frozenset(each.id for each in found),
    )
    by: dict[str, list[Released]] = {}
    for each in sorted(find(reader, query).records, key=_said):
        by.setdefault(each.about, []).append(each)
    return by


def _said(each: Released) -> tuple[float, bool]:
    """When it was said, by the clock of who said it; what a person says follows what the node says."""
    part = each.parts.get("receipt") or each.parts.get("reply") or {}
    at = instant(part["at"]).timestamp() if part.get("at") else each.at.timestamp()
    return at, part.get("category") == "read"
