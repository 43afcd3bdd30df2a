"""Holds: what is held of the partners' records, which erasures are kept waiting and why, setting and lifting a hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field, StringConstraints

from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, reader
from safeconduct.api.problems import Problem
from safeconduct.api.schemas import Body
from safeconduct.exchange.leaves import MAX_REASON
from safeconduct.oversight import holds as rules
from safeconduct.records.refusals import Conflict

router = Router(tags=["oversight"])


class PartsOf(Schema):
    """Parts that the asker may read, by name, and how many others there are."""

    names: list[str]
    more: int


class AskedErasure(Schema):
    """An erasure that its originator asked for and that waits for the hold to be lifted."""

    partner: str
    at: datetime | None
    parts: PartsOf


class HoldInForce(Schema):
    index: int = Field(description="The ledger entry that set it: what `seen` names.")
    by: str | None = Field(description="The person's number; null where it was not noted.")
    at: datetime | None
    because: str
    asked: list[AskedErasure]
    due: PartsOf | None = Field(description="The parts whose time is over.")


class KeptRecord(Schema):
    """A record that may be put on hold. `hold` is null where there is none, or none that the asker may see."""

    record: str
    kind: str
    originator: str
    withdrawn: bool
    may_hold: bool
    hold: HoldInForce | None


class HeldRecord(KeptRecord):
    """One that a partner gave and that is still here."""

    at: datetime
    parts: PartsOf


class HoldPage(Schema):
    items: list[KeptRecord]
    next_cursor: str | None


class HeldPage(Schema):
    items: list[HeldRecord]
    next_cursor: str | None


class CursorFilter(Schema):
    cursor: str = Field("", pattern=r"^[0-9]{0,18}$")


class HeldFilters(CursorFilter):
    partner: str = Field("", max_length=64)


class HoldDraft(Body):
    because: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_REASON)] = (
        Field(description="Why. Whoever asks for the erasure of a record of theirs is told it.")
    )
    seen: int | None = Field(None, ge=0, le=2**53, description="The hold that was seen; null for none.")


class HoldSeen(Body):
    seen: int = Field(ge=0, le=2**53, description="The hold that was seen.")


class Noted(Schema):
    """The ledger's entry, and how many erasures that had been asked for are done now."""

    record: str
    ledger_index: int
    erased: int


@router.get("/holds", response=HoldPage, summary="List the holds in force")
def list_holds(request: Asked, filters: Query[CursorFilter]) -> HttpResponse:
    """The latest first; of records that the asker may know of, and may audit or put on hold."""
    only(request, CursorFilter)
    page = rules.holds(reader(request), _before(filters.cursor))
    return wire.answer({"items": [_kept(each) for each in page.lines], "next_cursor": _cursor(page)})


@router.get("/held", response=HeldPage, summary="What is held of the partners' records")
def list_held(request: Asked, filters: Query[HeldFilters]) -> HttpResponse:
    """The latest received first; of records that the asker may know of."""
    only(request, HeldFilters)
    page = rules.held_here(reader(request), filters.partner, _before(filters.cursor))
    items = [{**_kept(each), "at": each.at, "parts": _parts(each.parts)} for each in page.lines]
    return wire.answer({"items": items, "next_cursor": _cursor(page)})


@router.get("/holds/{record}", response=KeptRecord, summary="Read the hold on a record")
def read_hold(request: Asked, record: str) -> HttpResponse:
    only(request)
    return wire.answer(_kept(rules.held_on(reader(request), record)))


@router.post("/holds/{record}", response=Noted, summary="Put a record on hold, or state the reason anew")
def put_on_hold(request: Asked, record: str, draft: HoldDraft) -> HttpResponse:
    """While it is in force nothing of the record is erased on this node: not when its time is over, and not when its
    originator asks for it, who is told that it is retained, and because of what."""
    only(request)
    try:
        index = rules.hold(reader(request), record, draft.because, draft.seen)
    except Conflict as fault:
        raise _overtaken(fault) from fault
    return wire.answer({"record": record, "ledger_index": index, "erased": 0})


@router.post("/holds/{record}/lift", response=Noted, summary="Lift the hold on a record")
def lift_hold(request: Asked, record: str, given: HoldSeen) -> HttpResponse:
    """What was asked for meanwhile and what is due is erased at once, for good, and a second receipt says so."""
    only(request)
    try:
        index, erased = rules.lift_hold(reader(request), record, given.seen)
    except Conflict as fault:
        raise _overtaken(fault) from fault
    return wire.answer({"record": record, "ledger_index": index, "erased": erased})


def _overtaken(fault: Conflict) -> Problem:
    detail = "Another hold is in force than the one that `seen` names, or none. Look at it again."
    return Problem(412, "conflict", "The hold was changed", detail, current=fault.current)


def _before(cursor: str) -> int | None:
    return int(cursor) if cursor else None


def _cursor(page: rules.KeptPage) -> str | None:
    return None if page.next is None else str(page.next)


def _kept(found: rules.Kept) -> dict[str, Any]:
    hold = found.hold
    return {
        "record": found.id,
        "kind": found.kind,
        "originator": found.originator,
        "withdrawn": found.withdrawn,
        "may_hold": found.may_hold,
        "hold": {
            "index": hold.index,
            "by": hold.by or None,
            "at": hold.at or None,
            "because": hold.because,
            "asked": [
                {"partner": each.partner, "at": each.at or None, "parts": _parts(each.parts)}
                for each in hold.asked
            ],
            "due": _parts(hold.due) if hold.due else None,
        }
        if hold
        else None,
    }


def _parts(given: rules.Parts) -> dict[str, Any]:
    return {"names": list(given.names), "more": given.more}
