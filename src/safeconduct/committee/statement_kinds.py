"""A line for the press: what may be said, by whom and until when; and what it rests on, with its source apart.

A joint line is in use once the other party has agreed to exactly its words; one with notice once the other has taken
note, or the time of notice is over. That a matter is neither confirmed nor denied is a line too. Who reported
something is a part of its own, so that it can be withheld from most of one's own side while the grade still shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import StringConstraints, model_validator

from safeconduct.ledger.canonical import canonical
from safeconduct.records.checks import about, about_if_any, all_of, requires
from safeconduct.records.fields import Credibility, Name, Named, RecordId, Reliability, Text
from safeconduct.records.kinds import Kind, PartModel, PartRefused, register
from safeconduct.records.moments import Instant, instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed

Mode = Literal["joint", "notice"]
MODES: tuple[str, ...] = get_args(Mode)
Answered = Literal["agreed", "noted", "objected"]
ANSWERS: tuple[str, ...] = get_args(Answered)
STATES = ("draft", "put_forward", "agreed", "in_use", "neither", "ended")
MAY_BE_SAID = ("agreed", "in_use", "neither")
"""States in which the line is what is said."""
NEXT_STATES: dict[str, tuple[str, ...]] = {
    "draft": ("put_forward", "neither", "ended"),
    "put_forward": ("draft", "in_use", "neither", "ended"),
    "agreed": ("neither", "ended"),
    "in_use": ("neither", "ended"),
    "neither": ("put_forward", "ended"),
    "ended": (),
}
"""What a person may make of a line; that it is agreed follows from the other party's answer alone."""
Words = Annotated[str, StringConstraints(max_length=5_000)]


class PressLine(PartModel):
    """The words in each language, who may say them, from when (with notice) and until when."""

    title: Named
    mode: Mode
    text: Words = ""
    text_ur: Words = ""
    text_zh: Words = ""
    speaker: Named
    since: Instant
    until: Instant

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if instant(self.until) <= instant(self.since):
            raise ValueError("a line ends after it begins")
        return self


class Background(PartModel):
    """What is known behind the line and is not for saying."""

    level: ClassVar[str] = "CONFIDENTIAL"
    text: Text


class Leak(PartModel):
    """The incident as which a leak was recorded on the own node."""

    record: RecordId
    text: Text = ""


class LineAnswer(PartModel):
    """The other party's word on exactly these words (SHA-256 of their canonical JSON)."""

    outcome: Answered
    text: Text = ""
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    at: Instant
    by: Named


class Reported(PartModel):
    title: Named
    text: Text = ""
    at: Instant


class Grade(PartModel):
    """The admiralty scale: how reliable the source, how credible what it says."""

    reliability: Reliability
    credibility: Credibility


class Reporter(PartModel):
    """Who reported it. Who takes a report writes this and does not read it again: a grant of its own opens it."""

    level: ClassVar[str] = "CONFIDENTIAL"
    name: Named
    contact: Name = ""


def line_digest(line: Mapping[str, Any]) -> str:
    """What an answer pins; the same on both nodes."""
    return hashlib.sha256(canonical(dict(line))).hexdigest()


def _check_statement(tx: Any, given: Any) -> None:
    state, before = given.header["state"], given.previous.state if given.previous else None
    by_node = given.subject.person == SYSTEM
    if before is None and state not in ("draft", "put_forward", "neither"):
        raise Malformed("a line begins as a draft, put forward, or as neither confirmed nor denied")
    if before not in (None, state) and not (
        state in NEXT_STATES[str(before)] or (by_node and state in ("agreed", "ended"))
    ):
        raise Malformed("that a line is agreed follows from the other party's answer")
    line = given.parts.get("line") or (given.previous.values().get("line") if given.previous else {}) or {}
    if "line" in given.parts and before not in (None, "draft", "put_forward"):
        raise Malformed("what may be said stays as it was: put another line forward")
    if state in ("put_forward", "agreed", "in_use") and not line.get("text"):
        raise PartRefused("press_statement", [("line", "text", "a line that is put forward has its words")])
    if state == "in_use" and before == "put_forward":
        _check_notice(tx, given, line)
    _check_leak(tx, given)


def _check_notice(tx: Any, given: Any, line: Mapping[str, Any]) -> None:
    """One party speaks alone only after the other had notice."""
    if line.get("mode") != "notice":
        raise Malformed("a joint line is agreed by both")
    pinned = line_digest(line)
    for each in tx.rows_about(given.previous.id, "statement_answer"):
        said = each.values().get("answer") or {}
        if each.originator != tx.home.party and said.get("digest") == pinned:
            return
    if tx.now < instant(line["since"]).timestamp():
        raise Malformed("the other party has not taken note, and the time of notice is not over")


def _check_leak(tx: Any, given: Any) -> None:
    leak = given.parts.get("leak")
    if leak:
        row = tx.row(leak["record"])
        if row is None or row.kind != "incident" or not tx.knows(given.subject, row):
            raise Malformed("no such incident is known to you")


def _check_answer(tx: Any, given: Any) -> None:
    row = tx.row(given.header["about"])
    if row.originator == tx.home.party:
        raise Malformed("a line is answered by the other party")
    if given.subject.person == SYSTEM:
        raise Malformed("a person answers")
    if given.previous is not None:
        raise Malformed("an answer stays as it was given: give another")
    line, answer = row.values().get("line") or {}, given.parts.get("answer") or {}
    if answer.get("digest") != line_digest(line):
        raise Malformed("the words have changed: read them again")
    if row.state not in ("put_forward", "neither", "in_use"):
        raise Malformed("this line is not open to an answer")


STATEMENT = register(
    Kind(
        name="press_statement",
        addressed=True,
        parts={"line": PressLine, "background": Background, "leak": Leak},
        states=STATES,
        final=("ended",),
        check=all_of(about_if_any("incident"), requires("line", "a statement has a line"), _check_statement),
        dimensions={
            "time": ("line", "since"),
            "until": ("line", "until"),
            "category": ("line", "mode"),
        },
        searched=("line.title", "line.text", "line.text_ur", "line.text_zh", "background.text"),
    )
)
ANSWER = register(
    Kind(
        name="statement_answer",
        parts={"answer": LineAnswer},
        states=("given",),
        check=all_of(
            about("press_statement"), requires("answer", "an answer says what it is"), _check_answer
        ),
        dimensions={"time": ("answer", "at"), "category": ("answer", "outcome")},
        searched=("answer.text",),
        falls_with=True,
    )
)
REPORT = register(
    Kind(
        name="source_report",
        addressed=True,
        parts={"reported": Reported, "grade": Grade, "source": Reporter},
        states=("filed",),
        check=all_of(
            about_if_any("press_statement", "incident", "lesson"),
            requires("reported", "a report says what was reported"),
            requires("grade", "a report is graded"),
        ),
        dimensions={"time": ("reported", "at"), "category": ("grade", "reliability")},
        searched=("reported.title", "reported.text"),
    )
)
