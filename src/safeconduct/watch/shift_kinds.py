"""What a shift leaves behind: entries of its log, and the hand-over that the next officer accepts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from safeconduct.records.checks import all_of, requires
from safeconduct.records.fields import Code, Name, Text
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant
from safeconduct.records.refusals import Malformed

Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Entry(PartModel):
    """One line of the shift log."""

    at: Instant
    text: Annotated[str, StringConstraints(min_length=1, max_length=5_000)]
    by: Name = ""


class Note(PartModel):
    """What is handed over: `open` was written by the node from what was open at that moment, `text` by the officer."""

    since: Instant
    until: Instant
    from_person: Code
    from_name: Name = ""
    text: Text = ""
    open: Annotated[list[Line], Field(max_length=200)] = []


class Acceptance(PartModel):
    """Who took the watch over, and when."""

    at: Instant
    person: Code
    name: Name = ""


def _by_another(_tx: Any, given: Any) -> None:
    """A watch is taken over by somebody else than gave it."""
    acceptance = given.parts.get("acceptance")
    if not acceptance:
        return
    note = (given.previous.values().get("note") if given.previous else None) or {}
    if acceptance["person"] != given.subject.person:
        raise Malformed("everybody takes a watch over in his own name")
    if not note or acceptance["person"] == note["from_person"]:
        raise Malformed("a watch is taken over by another person")


SHIFT_ENTRY = register(
    Kind(
        name="shift_entry",
        parts={"entry": Entry},
        check=requires("entry", "a log entry says something"),
        dimensions={"time": ("entry", "at")},
        searched=("entry.text",),
    )
)
SHIFT_HANDOVER = register(
    Kind(
        name="shift_handover",
        parts={"note": Note, "acceptance": Acceptance},
        states=("written", "accepted"),
        final=("accepted",),
        check=all_of(requires("note", "a hand-over says since when"), _by_another),
        dimensions={"time": ("note", "until")},
        searched=("note.text",),
    )
)
