"""What an inquiry is made of: a question about a record, facts to check, what was found, how it ended."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from safeconduct.records.kinds import Kind, PartModel, PartRefused, register

Short = Annotated[str, StringConstraints(max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
MOST_FACTS = 500


class Matter(PartModel):
    """What is asked, and of which kind the record is that it is asked about."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    record_kind: Short = ""


class Fact(BaseModel):
    """Something unusual that was logged, to be checked: it accuses nobody. `entry` is where the ledger has it,
    `reading` the record that says it ("" for a refused attempt), `what` which of the unusual things it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    reading: Short = ""
    what: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    entry: Annotated[int, Field(ge=0)]
    person: Short = ""
    at: Annotated[str, StringConstraints(max_length=40)] = ""


class Facts(PartModel):
    level: ClassVar[str] = "CONFIDENTIAL"
    facts: Annotated[list[Fact], Field(max_length=MOST_FACTS)]


class Findings(PartModel):
    """What those who looked into it found, fact by fact where it can be said."""

    level: ClassVar[str] = "CONFIDENTIAL"
    text: Text


class Outcome(PartModel):
    """How the inquiry ended; an inquiry that found nothing says so."""

    text: Text


def _check(tx: Any, given: Any) -> None:
    matter = given.parts.get("matter")
    if ("matter" in given.parts and matter is None) or (given.previous is None and matter is None):
        raise PartRefused("inquiry", [("matter", "", "an inquiry asks something")])
    kept = given.previous.values() if given.previous is not None else {}
    if given.header["state"] == "closed" and not (given.parts.get("outcome") or kept.get("outcome")):
        raise PartRefused("inquiry", [("outcome", "", "an inquiry is closed with its outcome")])


INQUIRY = register(
    Kind(
        name="inquiry",
        parts={"matter": Matter, "facts": Facts, "findings": Findings, "outcome": Outcome},
        states=("open", "closed"),
        final=("closed",),
        dimensions={"category": ("matter", "record_kind")},
        searched=("matter.question",),
        check=_check,
    )
)
