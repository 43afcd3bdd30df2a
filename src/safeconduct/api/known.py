"""Who knew: who had been shown which part of a movement before a moment, and how each line of that is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from django.http import HttpResponse
from ninja import Query, Router, Schema
from pydantic import AwareDatetime, Field

from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, reader
from safeconduct.api.problems import bad_request
from safeconduct.oversight import rules, who_knew_words
from safeconduct.oversight.ledger_line import heads
from safeconduct.oversight.who_knew import Gap, Known, Line, as_wire, who_knew
from safeconduct.records.kinds import all_kinds
from safeconduct.records.refusals import NotFound

router = Router(tags=["oversight"])
Way = Literal["read", "told", "given", "taken"]


class KnownFilters(Schema):
    before: AwareDatetime | None = Field(None, description="Left out: now.")
    part: str = Field("", max_length=64, description="Only showings of this part.")
    limit: int = Field(500, ge=1, le=5_000, description="The latest so many lines.")


class Showing(Schema):
    """Parts of one version that were shown. `way`: a reading logged here, one told by the partner, a giving to the
    partner's node, a taking in by this one. `standing` says whose word it is and how far it is cosigned."""

    way: Way
    happened: str
    standing: str
    acknowledged: str
    record: str
    kind: str
    version: int
    parts: list[str]
    party: str
    person: str
    name: str
    roles: list[str]
    act: str
    at: datetime
    clauses: list[str]
    entry: int = Field(description="Where this node's ledger says so.")


class Limitation(Schema):
    """What the list does not reach; `says` is the sentence."""

    what: str
    party: str
    says: str
    at: datetime | None


class WhoKnew(Schema):
    """`lines` are the latest, oldest first; `earlier` so many more before them. `looks` are earlier looks at this
    list, `gaps` what it cannot say, `refused` how many attempts to read were refused."""

    record: str
    before: datetime
    persons: int
    nodes: list[str]
    lines: list[Showing]
    earlier: int
    looks: list[Showing]
    gaps: list[Limitation]
    refused: int


@router.get("/movements/{movement}/known", response=WhoKnew, summary="Who knew of a movement")
def known_of_movement(request: Asked, movement: str, filters: Query[KnownFilters]) -> HttpResponse:
    """For auditors: of the movement and of all that is about it. That the list was looked at is logged."""
    only(request, KnownFilters)
    if filters.part and all(filters.part not in kind.parts for kind in all_kinds().values()):
        raise bad_request("No kind has such a part.")
    actor = reader(request)
    before = filters.before.astimezone(UTC) if filters.before else None
    found = who_knew(actor, movement, before, filters.part)
    if found.record.kind != "movement":
        raise NotFound(movement)
    names = rules.people(actor)
    sizes = {head.partner: head.feed_size for head in heads()}
    body = {
        "record": found.record.id,
        "before": wire.moment(found.before),
        "persons": len(found.persons()),
        "nodes": sorted(found.nodes()),
        "lines": [_line(line, found, names, sizes) for line in found.lines[-filters.limit :]],
        "earlier": max(0, len(found.lines) - filters.limit),
        "looks": [_line(line, found, names, sizes) for line in found.looks[-filters.limit :]],
        "gaps": [
            _gap(gap) for gap in sorted(found.gaps, key=lambda gap: who_knew_words.GAPS.index(gap.what))
        ],
        "refused": len(found.refused),
    }
    return wire.answer(body)


def _line(line: Line, known: Known, names: Mapping[str, str], sizes: dict[str, int]) -> dict[str, Any]:
    return {
        **as_wire(line),
        "happened": who_knew_words.way(line),
        "standing": who_knew_words.standing(line),
        "acknowledged": who_knew_words.acknowledged(line, sizes),
        "kind": known.related(line.record).kind,
        "name": names.get(line.person, line.person),
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "what": gap.what,
        "party": gap.party,
        "says": who_knew_words.gap(gap),
        "at": wire.moment(gap.at) if gap.at else None,
    }
