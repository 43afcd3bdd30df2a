"""Records that speak of the same event: who says so decides which of them count as one, and one of each counts.

Plain Python: incidents are their ids. A party's own word about a pair counts first. Where it has said nothing, another
party's counts, if that party wrote one of the two. What belongs together follows from the pairs, over any number of
them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple, TypeVar

SAME, DIFFERENT, TAKEN_BACK = "same", "different", "taken_back"
Id = TypeVar("Id", bound=Hashable)


class Said(NamedTuple):
    """What a party says of two records now. Whoever has taken it back says nothing."""

    party: str
    one: str
    other: str
    word: str

    @property
    def pair(self) -> frozenset[str]:
        return frozenset((self.one, self.other))


def standing(said: Iterable[Said], own: str, whose: Mapping[str, str]) -> set[frozenset[str]]:
    """The pairs that are one event as the party `own` is to take it; `whose` names the party that wrote each record.

    Pairs of which a record is not among `whose` are left out. Of what contradicts itself that they differ counts.
    """
    words: dict[frozenset[str], dict[bool, set[str]]] = defaultdict(lambda: {True: set(), False: set()})
    for each in said:
        pair = each.pair
        if len(pair) != 2 or not pair <= whose.keys() or each.word == TAKEN_BACK:
            continue
        if each.party == own:
            words[pair][True].add(each.word)
        elif each.party in {whose[record] for record in pair}:
            words[pair][False].add(each.word)
    return {pair for pair, by in words.items() if (by[True] or by[False]) == {SAME}}


def groups(pairs: Iterable[frozenset[Id]]) -> list[frozenset[Id]]:
    """What belongs together: the connected components, each of two or more."""
    parent: dict[Id, Id] = {}

    def root(record: Id) -> Id:
        parent.setdefault(record, record)
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    for pair in pairs:
        first, *others = map(root, pair)
        for other in others:
            parent[other] = first
    found: dict[Id, set[Id]] = defaultdict(set)
    for record in list(parent):
        found[root(record)].add(record)
    return [frozenset(group) for group in found.values() if len(group) > 1]


class Record(NamedTuple):
    """A record at hand: whose it is, and when it was recorded."""

    id: str
    party: str
    at: float


def counted_as(records: Iterable[Record], said: Iterable[Said], own: str) -> dict[str, str]:
    """By each record that does not count, the one that counts in its place: the party's own where there is one, the
    earliest of several."""
    at_hand = {each.id: each for each in records}
    pairs = standing(said, own, {each.id: each.party for each in at_hand.values()})
    found: dict[str, str] = {}
    for group in groups(pairs):
        first = min(group, key=lambda record: _turn(at_hand[record], own))
        found |= {record: first for record in group if record != first}
    return found


def _turn(record: Record, own: str) -> tuple[bool, float, str]:
    return record.party != own, record.at, record.id
