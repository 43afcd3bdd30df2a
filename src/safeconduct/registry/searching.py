"""Finding people and things by name, in whatever script the name is written or asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from safeconduct.agreement.policy import Subject
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released
from safeconduct.records.spelling import latin, sound_query
from safeconduct.registry.parts import NAMES

MOST_ALIKE = 50


@dataclass(frozen=True)
class Found:
    """What a search gave: those with these words, a page at a time, and after them those that sound alike."""

    records: list[Released]
    alike: list[Released]
    next_cursor: str


def search(reader: Subject, query: Query) -> Found:
    """The records that the reader may see with `query.text` in a name or another searched field.

    On the first page follow those whose name only sounds like it, most alike first. Without a text it is a list.
    """
    page = find(reader, query)
    sound = sound_query(query.text)
    if not sound or query.cursor:
        return Found(page.records, [], page.next_cursor)
    near = find(reader, replace(query, text=sound, limit=MOST_ALIKE))
    known = {record.id for record in page.records}
    alike = [record for record in near.records if record.id not in known]
    if page.next_cursor:
        alike = []
    asked = latin(query.text)
    alike.sort(key=lambda record: -_score(asked, names_in(record)))
    return Found(page.records, alike, page.next_cursor)


def names_in(record: Released) -> Sequence[str]:
    """The name of a record in each script it is known in, as it writes itself first; none where withheld."""
    told = record.parts.get("name") or record.parts.get("identity") or {}
    return [told[name] for name in NAMES if told.get(name)]


def _score(asked: str, names: Sequence[str]) -> float:
    return max((fuzz.WRatio(asked, latin(name)) for name in names), default=0.0)
