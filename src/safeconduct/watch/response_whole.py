"""A response as one reader may see it: each item with the records of both rooms about it, in the order of handing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release
from safeconduct.watch.response_kinds import NEXT_STATES, RESPONSE, RESPONSE_ITEM

MOST_HANDS = 20
"""How often an item is followed from room to room."""


@dataclass(frozen=True)
class Item:
    """One item: the first record of it, and those that the rooms made as they took it over."""

    chain: Sequence[Released]

    @property
    def now(self) -> Released:
        return self.chain[-1]

    @property
    def task(self) -> dict[str, Any]:
        return self.now.parts.get("task") or self.chain[0].parts.get("task") or {}

    @property
    def detail(self) -> dict[str, Any]:
        """The latest that either room knows for it."""
        known = [each.parts["detail"] for each in self.chain if each.parts.get("detail")]
        return known[-1] if known else {}

    @property
    def told(self) -> list[dict[str, Any]]:
        return [each.parts["told"] for each in self.chain if each.parts.get("told")]

    @property
    def own(self) -> bool:
        return self.now.originator == here.home().party

    @property
    def next_states(self) -> Sequence[str]:
        return NEXT_STATES[self.now.state] if self.own else ()

    @property
    def to_take(self) -> bool:
        """Whether the other room offers it to this one."""
        return not self.own and self.now.state == "offered"

    @property
    def in_both(self) -> bool:
        """Whether an earlier holder has not let go of it, or this node has not heard of it yet."""
        return any(each.state != "handed_over" for each in self.chain[:-1])


@dataclass(frozen=True)
class WholeResponse:
    response: Released
    items: Sequence[Item]
    others: Sequence[Released]

    @property
    def own(self) -> bool:
        return self.response.originator == here.home().party

    @property
    def records(self) -> list[Released]:
        return [self.response, *(each for item in self.items for each in item.chain)]


def whole_response(reader: Subject, record: str) -> WholeResponse:
    """Raises NotFound for a record that is no response, or that the reader may not know of."""
    found = release(reader, record)
    if found.kind != RESPONSE.name:
        raise NotFound(record)
    first = _about(reader, [found.id])
    taken: dict[str, Released] = {}
    level = first
    for _ in range(MOST_HANDS):
        level = _about(reader, [each.id for each in level]) if level else []
        for each in level:
            taken.setdefault(each.about, each)
    items = [Item(_chain(each, taken)) for each in first]
    items.sort(key=lambda item: (item.task.get("sequence", 0), item.chain[0].at))
    others = []
    if found.about:
        query = Query(RESPONSE.name, about=found.about, withdrawn=False, sort="at", limit=20)
        others = [each for each in find(reader, query).records if each.id != found.id]
    return WholeResponse(found, items, others)


def _chain(first: Released, taken: dict[str, Released]) -> list[Released]:
    chain = [first]
    while chain[-1].id in taken and len(chain) <= MOST_HANDS:
        chain.append(taken[chain[-1].id])
    return chain


def _about(reader: Subject, records: Sequence[str]) -> list[Released]:
    query = Query(
        RESPONSE_ITEM.name, about=list(records), withdrawn=False, sort="at", descending=False, limit=1_000
    )
    return find(reader, query).records


def responses(reader: Subject, state: str, limit: int = 100) -> list[Released]:
    """The responses of both rooms in a state, the latest first."""
    return find(reader, Query(RESPONSE.name, state=state, withdrawn=False, limit=limit)).records
