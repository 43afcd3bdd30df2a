"""Records that may be of one person, with the reason why it looks so. Nobody is joined here: people decide.

Names are compared in every script they are known in, as people write them and in Latin letters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rapidfuzz import fuzz

from safeconduct.agreement.policy import Subject
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released
from safeconduct.records.spelling import latin, sound_query, sounds
from safeconduct.registry.parts import NAMES

ALIKE = 90.0
"""Out of 100: names that are the same but for a letter or their order."""
ALIKE_AT_ONE_EMPLOYER = 78.0
CANDIDATES = 40
SHORTEST_NUMBER = 5
"""A passport's number of fewer letters and digits says nothing."""
SHOWN = ("name", "employment", "link")

PASSPORT, NAME, NAME_AND_EMPLOYER = "passport", "name", "employer"


@dataclass(frozen=True)
class Likeness:
    """Another record that may be of the same person: why, and how alike the names are (0 to 100)."""

    record: str
    reason: str
    score: float = 100.0


@dataclass(frozen=True)
class Known:
    """A person as far as likeness goes. `document` is the passport's number, as it is compared."""

    record: str
    names: tuple[str, ...]
    employer: str = ""
    document: str = ""
    others: frozenset[str] = frozenset()

    @classmethod
    def of(cls, record: str, parts: Mapping[str, Any]) -> Known:
        name, work = parts.get("name") or {}, parts.get("employment") or {}
        link = parts.get("link") or {}
        return cls(
            record,
            tuple(dict.fromkeys(filter(None, (name.get(each, "") for each in NAMES)))),
            work.get("employer") or str(work.get("employer_name", "")).casefold(),
            document_key((parts.get("document") or {}).get("passport", "")),
            frozenset(link.get("other_than", ())),
        )


def document_key(number: str) -> str:
    """A passport's number without what is written differently from one list to the next."""
    return "".join(character for character in number.casefold() if character.isalnum())


def compare(one: Known, other: Known) -> Likeness | None:
    """Whether two records look like one person."""
    if other.record in one.others or one.record in other.others:
        return None
    if one.document and one.document == other.document:
        return Likeness(other.record, PASSPORT)
    score = max(
        (_alike(a, b) for a in one.names for b in other.names),
        default=0.0,
    )
    if score >= ALIKE:
        return Likeness(other.record, NAME, score)
    if score >= ALIKE_AT_ONE_EMPLOYER and one.employer and one.employer == other.employer:
        return Likeness(other.record, NAME_AND_EMPLOYER, score)
    return None


def _alike(one: str, other: str) -> float:
    if one == other:
        return 100.0
    spelled = fuzz.token_sort_ratio(latin(one), latin(other))
    if one.isascii() != other.isascii() and len(sounds(one)) > 1 and sounds(one) == sounds(other):
        return max(spelled, ALIKE_AT_ONE_EMPLOYER)
    return float(spelled)


class Register:
    """Persons held in memory for comparing a whole list with: by how their names sound, and by passport."""

    def __init__(self, known: Iterable[Known] = ()) -> None:
        self._by_sound: dict[str, list[Known]] = defaultdict(list)
        self._by_document: dict[str, list[Known]] = defaultdict(list)
        for each in known:
            self.add(each)

    def add(self, known: Known) -> None:
        for key in _keys(known):
            self._by_sound[key].append(known)
        if known.document:
            self._by_document[known.document].append(known)

    def like(self, asked: Known) -> list[Likeness]:
        """Those who may be the same person, most alike first."""
        candidates: dict[str, Known] = {}
        for key in _keys(asked):
            candidates.update((each.record, each) for each in self._by_sound[key])
        if asked.document:
            candidates.update((each.record, each) for each in self._by_document[asked.document])
        candidates.pop(asked.record, None)
        found = [one for each in candidates.values() if (one := compare(asked, each)) is not None]
        return sorted(found, key=lambda one: (one.reason != PASSPORT, -one.score, one.record))


def _keys(known: Known) -> set[str]:
    """Two names that are alike share at least one of these: a sound of two words or, for short names, of one."""
    keys: set[str] = set()
    for name in known.names:
        heard = sorted(sounds(name))
        keys.update(f"{a} {b}" for a, b in pairwise(heard))
        if len(heard) == 1:
            keys.add(heard[0])
        words = sorted(latin(name).split())
        keys.add(" ".join(words))
        keys.add("".join(words)[:6])
    return keys


def with_passport(reader: Subject, number: str) -> set[str]:
    """The records with a passport of this number, as far as the reader may read it; nothing of it is shown."""
    key = document_key(number)
    return {each.id for each in _persons(reader, key)} if len(key) >= SHORTEST_NUMBER else set()


def duplicates(reader: Subject, record: str, parts: Mapping[str, Any]) -> list[tuple[Likeness, Released]]:
    """Records of this party that may be of the same person, as far as the reader may see them; no more than
    name, employment and link of them is read."""
    asked = Known.of(record, parts)
    found: dict[str, Released] = {}
    by_document: set[str] = set()
    for name in asked.names:
        for text in filter(None, (name, sound_query(name))):
            found.update((each.id, each) for each in _persons(reader, text))
    if len(asked.document) >= SHORTEST_NUMBER:
        same = _persons(reader, asked.document)
        by_document = {each.id for each in same}
        found.update((each.id, each) for each in same)
    found.pop(record, None)
    likely = []
    for each in found.values():
        if each.withdrawn or (each.parts.get("link") or {}).get("same_as"):
            continue
        other = Known.of(each.id, each.parts)
        one = compare(asked, other)
        if each.id in by_document and each.id not in asked.others and record not in other.others:
            one = Likeness(each.id, PASSPORT)
        if one is not None:
            likely.append((one, each))
    return sorted(likely, key=lambda pair: (pair[0].reason != PASSPORT, -pair[0].score, pair[0].record))


def _persons(reader: Subject, text: str) -> list[Released]:
    query = Query(
        "person", text=text, originator=reader.party, parts=SHOWN, withdrawn=False, limit=CANDIDATES
    )
    return find(reader, query).records
