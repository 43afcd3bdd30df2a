"""What the other party would get of a record, what it holds, and how far it has cosigned the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, reader
from safeconduct.api.schemas import Clause, Level, WithheldPart
from safeconduct.exchange.holdings import STATUSES, Held
from safeconduct.oversight import rules
from safeconduct.oversight.jobs import overseen
from safeconduct.oversight.ledger_line import heads
from safeconduct.oversight.link import LinkHealth, links
from safeconduct.records import here, principals
from safeconduct.records.refusals import NotFound

router = Router(tags=["oversight"])


class Preview(Schema):
    """A record as the partner would get it. Without `leaves` it is not even told that the record exists.

    A part that would leave but is not for the asker's eyes is in `unreadable`, its value null.
    """

    record: str
    partner: str
    leaves: bool
    label: Level | None
    state: str | None
    at: str | None = Field(description="The record's time, as coarse as the released parts let it be.")
    parts: dict[str, Any]
    levels: dict[str, Level]
    unreadable: list[str]
    clauses: list[str] = Field(description="The grants by which it would leave.")
    withheld: list[WithheldPart]


class Holding(Schema):
    """One version of an own record that the partner was given, and how each of its parts stands."""

    record: str
    kind: str
    version: int
    sent_version: int
    parts: dict[str, str]
    because: str = Field(description="Why the partner keeps what it was asked to erase.")
    clauses: list[str]
    since: datetime
    asked: datetime | None
    answered: datetime | None
    arrived: bool
    ledger_index: int
    feed_index: int


class HoldingPage(Schema):
    items: list[Holding]
    next_cursor: str | None


class HoldingFilters(Schema):
    record: str = Field("", max_length=64)
    status: Literal[("", *STATUSES)] = ""  # type: ignore[valid-type]
    cursor: str = Field("", pattern=r"^[0-9]{0,18}$")


class LinkState(Schema):
    """The exchange with one partner. Sizes of feeds and ledgers count entries."""

    partner: str
    name: str
    agreement: str
    state: Literal["up", "quiet", "down", "never", "frozen"]
    last_contact: datetime | None
    released: int
    acknowledged: int
    received: int
    cosigned: int = Field(description="How far the partner has cosigned this ledger.")
    cosigned_at: datetime | None
    theirs_cosigned: int = Field(description="How far this node has cosigned the partner's ledger.")
    frozen: str


class Ledger(Schema):
    """The ledger's head as logged by this party; each partner's cosignature says how far that can be proved."""

    party: str
    origin: str
    size: int
    root: str
    partners: list[LinkState]


@router.get("/preview/{record}/{partner}", response=Preview, summary="Preview as the other party")
def preview(request: Asked, record: str, partner: str) -> HttpResponse:
    only(request)
    found = rules.as_other(reader(request), record, partner)
    body = {
        "record": found.record.id,
        "partner": found.partner,
        "leaves": found.leaves,
        "label": found.label or None,
        "state": found.state or None,
        "at": found.at or None,
        "parts": {part.part: part.value for part in found.parts},
        "levels": {part.part: part.level for part in found.parts},
        "unreadable": [part.part for part in found.parts if not part.readable],
        "clauses": list(found.clauses),
        "withheld": [
            WithheldPart(
                part=part,
                reason=reason,
                would=[Clause(grant=grant, status=status) for grant, status in would],
            ).model_dump()
            for part, reason, would in found.withheld
        ],
    }
    return wire.answer(body)


@router.get("/holdings/{partner}", response=HoldingPage, summary="What the partner holds")
def list_holdings(request: Asked, partner: str, filters: Query[HoldingFilters]) -> HttpResponse:
    """The newest first; of records that the asker may know of."""
    only(request, HoldingFilters)
    if partner not in here.home().partners:
        raise NotFound(partner)
    acknowledged = {head.partner: head.feed_size for head in heads()}
    page = rules.what_they_hold(
        reader(request), acknowledged, partner, filters.record, filters.status, filters.cursor
    )
    items = [_holding(line.held, line.arrived) for line in page.lines]
    return wire.answer({"items": items, "next_cursor": page.next_cursor or None})


@router.get("/ledger", response=Ledger, summary="The ledger's head")
def ledger(request: Asked) -> HttpResponse:
    only(request)
    asker = reader(request)
    head = here.door().call("ledger_head", {"actor": principals.to_wire(asker)})
    found = links(only=overseen(here.state().policy, asker))
    body = {"party": here.home().party, "origin": head["origin"], "size": head["size"], "root": head["root"]}
    return wire.answer({**body, "partners": [_link(link) for link in found]})


def _holding(held: Held, arrived: bool) -> dict[str, Any]:
    return {
        "record": held.record,
        "kind": held.kind,
        "version": held.version,
        "sent_version": held.sent_version,
        "parts": dict(held.parts),
        "because": held.because,
        "clauses": list(held.clauses),
        "since": wire.moment(held.since),
        "asked": _moment(held.asked),
        "answered": _moment(held.answered),
        "arrived": arrived,
        "ledger_index": held.ledger_index,
        "feed_index": held.feed_index,
    }


def _link(link: LinkHealth) -> dict[str, Any]:
    return {
        "partner": link.partner.party,
        "name": link.partner.name,
        "agreement": link.partner.agreement,
        "state": link.state,
        "last_contact": _moment(link.last_contact),
        "released": link.released,
        "acknowledged": link.acknowledged,
        "received": link.received,
        "cosigned": link.ours_cosigned,
        "cosigned_at": _moment(link.ours_cosigned_at),
        "theirs_cosigned": link.theirs_cosigned,
        "frozen": link.frozen,
    }


def _moment(at: datetime | None) -> str | None:
    return wire.moment(at) if at else None
