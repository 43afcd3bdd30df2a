"""Which incidents at hand speak of the same event, as one reader may know: for whatever counts incidents.

Asked once for all of the records at hand, and never of the lists, which go on showing every record. Between records
that are not at hand nothing is looked for: who sees one of two sees one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from safeconduct.agreement.policy import Subject
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.release import Released
from safeconduct.risk.same_event import Record, Said, counted_as, standing

KIND = "same_event"
AT_ONCE = 500
MOST = 50_000
"""Halves that are gone through at the most, the latest: a partner may send as many as it likes."""
FEW = 1_000
"""Up to so many records what is said of each is looked up; of more, everything that is said is gone through."""


def said_of(reader: Subject, records: Sequence[str]) -> list[Said]:
    """What is said of these records being the same event as another of them."""
    if len(records) < 2:
        return []
    query = Query(KIND, withdrawn=False, parts=("statement",), shown=frozenset(records), sort="at")
    if len(records) <= FEW:
        query = replace(query, about=list(records))
    return put_together(_every(reader, query))


def put_together(halves: Iterable[Released]) -> list[Said]:
    """The statements of which both halves are there and say the same; any other says nothing."""
    found: dict[tuple[str, str], list[Released]] = defaultdict(list)
    for half in halves:
        pair = (half.parts.get("statement") or {}).get("pair")
        if pair and half.about and not half.withdrawn:
            found[half.originator, pair].append(half)
    return [
        Said(party, two[0].about, two[1].about, two[0].state)
        for (party, _), two in found.items()
        if len(two) == 2 and two[0].about != two[1].about and two[0].state == two[1].state
    ]


def counted_once(reader: Subject, found: Sequence[Released]) -> dict[str, str]:
    """By each incident at hand that is not counted, the one that counts in its place."""
    return taken_as_one(reader, found, said_of(reader, [each.id for each in found]))


def taken_as_one(reader: Subject, found: Iterable[Released], said: Iterable[Said]) -> dict[str, str]:
    """The same by statements that were fetched already."""
    records = [Record(each.id, each.originator, each.at.timestamp()) for each in found]
    return counted_as(records, said, reader.party)


def halves_of(
    reader: Subject, records: Sequence[str], parts: Sequence[str] = ("statement",)
) -> list[Released]:
    """Both halves of what is said of these records and of any other, the latest first."""
    query = Query(KIND, withdrawn=False, parts=parts, shown=frozenset(records), sort="at")
    here = _every(reader, replace(query, about=list(records))) if records else []
    keys = sorted({part["pair"] for half in here if (part := half.parts.get("statement"))})
    found = {half.id: half for half in here}
    for first in range(0, len(keys), AT_ONCE):
        some = _every(reader, replace(query, external=keys[first : first + AT_ONCE]))
        found |= {half.id: half for half in some}
    return list(found.values())


def marked(reader: Subject, found: Sequence[Released]) -> frozenset[str]:
    """Those of a page's incidents that are one event with another, on the page or not."""
    said = put_together(halves_of(reader, [each.id for each in found]))
    whose = {each.id: each.originator for each in found}
    others = sorted({record for each in said for record in each.pair} - whose.keys())
    if others:
        query = Query("incident", ids=others, parts=("summary",), withdrawn=False, sort="at")
        whose |= {each.id: each.originator for each in _every(reader, query)}
    return frozenset().union(*standing(said, reader.party, whose)) & {each.id for each in found}


def _every(reader: Subject, query: Query) -> list[Released]:
    found: list[Released] = []
    cursor = ""
    while True:
        page = find(reader, replace(query, limit=MAX_LIMIT, cursor=cursor))
        found += page.records
        cursor = page.next_cursor
        if not cursor or len(found) >= MOST:
            return found
