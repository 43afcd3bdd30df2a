"""Lines for the press, one function for each rule of them; and what they rest on, with its source apart."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.committee.statement_kinds import ANSWER, REPORT, STATEMENT
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.transaction import iso

Parts = Mapping[str, Any]


def draft_line(
    actor: Subject,
    line: Parts,
    background: str = "",
    about: str = "",
    state: str = "draft",
    door: Door | None = None,
) -> Committed:
    """Write a line. As a draft it stays at home; put forward, or as neither confirmed nor denied, it crosses."""
    parts: dict[str, Any] = {"line": line}
    if background:
        parts["background"] = {"text": background}
    return commit(actor, Draft(STATEMENT.name, parts, about=about or None, state=state), door=door)


def amend_line(actor: Subject, record: str, seen: int, line: Parts, door: Door | None = None) -> Committed:
    """Other words, while it is not agreed. An answer to the former words counts no more."""
    return commit(actor, Draft(STATEMENT.name, {"line": line}, record=record, expected=seen), door=door)


def move_line(actor: Subject, record: str, seen: int, state: str, door: Door | None = None) -> Committed:
    """Put forward, in use with notice, neither confirmed nor denied, or ended."""
    return commit(actor, Draft(STATEMENT.name, {}, record=record, expected=seen, state=state), door=door)


def note_leak(
    actor: Subject, record: str, seen: int, incident: str, text: str = "", door: Door | None = None
) -> Committed:
    """A leak was recorded as an incident: name it beside the line that it concerns."""
    parts = {"leak": {"record": incident, "text": text}}
    return commit(actor, Draft(STATEMENT.name, parts, record=record, expected=seen), door=door)


def answer_line(
    actor: Subject,
    record: str,
    digest: str,
    outcome: str,
    text: str = "",
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """The other party agrees, takes note or objects, to exactly the words that it has read."""
    answer = {
        "outcome": outcome,
        "text": text,
        "digest": digest,
        "at": iso(time.time()),
        "by": by or actor.person,
    }
    return commit(actor, Draft(ANSWER.name, {"answer": answer}, about=record), door=door)


def file_report(
    actor: Subject,
    title: str,
    text: str,
    reliability: str,
    credibility: int,
    source: Parts,
    about: str = "",
    door: Door | None = None,
) -> Committed:
    """What somebody reported, its grade, and, apart and more secret, who that was."""
    parts = {
        "reported": {"title": title, "text": text, "at": iso(time.time())},
        "grade": {"reliability": reliability, "credibility": credibility},
        "source": source,
    }
    return commit(actor, Draft(REPORT.name, parts, about=about or None), door=door)
