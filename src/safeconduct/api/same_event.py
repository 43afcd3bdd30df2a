"""What is said of an incident being the same event as other records, and saying so."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from ninja import Router, Schema
from pydantic import Field, StringConstraints

from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, reader
from safeconduct.api.schemas import Body, Stored
from safeconduct.incidents import same_rules
from safeconduct.incidents.same_seen import MOST, Beside, together
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import release
from safeconduct.risk.same_event import SAME, TAKEN_BACK

router = Router(tags=["incidents"])
Word = Literal["same", "different", "taken_back"]


class Said(Schema):
    """What one party says of the two records now. `record` is the half of its statement that is about the incident,
    or about the other."""

    party: str
    word: Word
    reason: str | None
    at: datetime
    record: str


class OtherRecord(Schema):
    """`one`: whether the two count as one event for the reader. `seen`: the version of what the own party said, 0
    where it said nothing yet."""

    record: str
    originator: str
    withdrawn: bool
    one: bool
    seen: int
    words: list[Said]


class SameEvent(Schema):
    """`counts`: the record that counts for the event, null where the incident is none of several; `of`: how many of
    the records named here are this one event. `more`: others of which something is said."""

    items: list[OtherRecord] = Field(description=f"The {MOST} of which something was said last.")
    more: int
    counts: str | None
    of: int


class SaidDraft(Body):
    other: str = Field(max_length=64, description="The other record's id here.")
    word: Word
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = ""
    seen: int = Field(0, ge=0, le=2**31, description="The version that is answered; 0: whatever was said.")


@router.get(
    "/incidents/{incident}/same-event",
    response=SameEvent,
    summary="What is said of other records of the event",
)
def list_same_event(request: Asked, incident: str) -> HttpResponse:
    """Of records that the reader may know of; of another nothing is told, not even that something was said."""
    only(request)
    found = release(reader(request), incident)
    if found.kind != "incident":
        raise NotFound(incident)
    told = together(reader(request), found, ("summary",))
    items = [_other(each) for each in told.beside]
    return wire.answer({"items": items, "more": told.more, "counts": told.counts or None, "of": told.of})


@router.post(
    "/incidents/{incident}/same-event", response={201: Stored}, summary="Say that two records are one event"
)
def say_same_event(request: Asked, incident: str, draft: SaidDraft) -> HttpResponse:
    """In the name of the own party: that they are, that they are not, or nothing any more. Neither record changes."""
    only(request)
    who, two = reader(request), (incident, draft.other)
    if draft.word == TAKEN_BACK:
        done = same_rules.take_back(who, *two, draft.seen)
    else:
        say = same_rules.say_same if draft.word == SAME else same_rules.say_different
        done = say(who, *two, draft.reason, draft.seen)
    return wire.stored(done, 201, f"/api/v1/records/{done.record}")


def _other(found: Beside) -> dict[str, Any]:
    return {
        "record": found.line.id,
        "originator": found.line.originator,
        "withdrawn": found.line.withdrawn,
        "one": found.one,
        "seen": found.seen,
        "words": [
            {
                "party": each.party,
                "word": each.word,
                "reason": each.reason or None,
                "at": wire.moment(each.half.at),
                "record": each.half.id,
            }
            for each in found.words
        ],
    }
