"""The dictionary that clauses compile to: all that is permitted, and of it what the holder of some roles meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from safeconduct.agreement.books import Condition, Line, PlacedGrant, conditions_of
from safeconduct.agreement.vocabulary import Vocabulary

Table = Mapping[tuple[str, str, str, str, str], tuple[Condition, ...]]
"""(party, role, act, kind, part) -> conditions, any of which permits."""


class Entry(NamedTuple):
    """A part as a holder of roles meets it: its position in the kind, red lines on it, conditions."""

    bit: int
    lines: tuple[Line, ...]
    conditions: tuple[Condition, ...]
    by_originator: Mapping[str, tuple[Condition, ...]]
    """The same conditions by whose records they are about: of a hundred agreements, one concerns a record."""


class View(NamedTuple):
    """The dictionary as a holder of some roles sees it, by (act, kind, part) and by (act, kind)."""

    parts: dict[tuple[str, str, str], Entry]
    kinds: dict[tuple[str, str], tuple[Entry, ...]]


def table_of(grants: Iterable[PlacedGrant], vocabulary: Vocabulary) -> Table:
    """All that these grants permit."""
    table: dict[tuple[str, str, str, str, str], list[Condition]] = {}
    for placed in grants:
        grant = placed.grant
        for party, condition in conditions_of(placed):
            for kind in grant.kinds:
                for part in grant.parts_of(kind, vocabulary):
                    for act in grant.may:
                        for role in grant.roles:
                            table.setdefault((party, role, act, kind, part), []).append(condition)
    return {key: tuple(conditions) for key, conditions in table.items()}


def by_party(grants: Iterable[PlacedGrant]) -> Mapping[str, tuple[Condition, ...]]:
    """The conditions under which each party may do something, in the order of the grants."""
    found: dict[str, list[Condition]] = {}
    for placed in grants:
        for party, condition in conditions_of(placed):
            found.setdefault(party, []).append(condition)
    return {party: tuple(conditions) for party, conditions in found.items()}


def _by_originator(conditions: Iterable[Condition]) -> Mapping[str, tuple[Condition, ...]]:
    found: dict[str, tuple[Condition, ...]] = {}
    for condition in conditions:
        found[condition.originator] = (*found.get(condition.originator, ()), condition)
    return found


def view_of(
    held: Iterable[Condition], roles: frozenset[str], red_lines: Sequence[Line], vocabulary: Vocabulary
) -> View:
    """What the holder of some roles may do, of all that the party may."""
    merged: dict[tuple[str, str, str], dict[Condition, None]] = {}
    for condition in held:
        grant = condition.placed.grant
        if roles.isdisjoint(grant.roles):
            continue
        for kind in grant.kinds:
            for part in grant.parts_of(kind, vocabulary):
                for act in grant.may:
                    merged.setdefault((act, kind, part), {})[condition] = None
    view = View({}, {})
    for (act, kind, part), found in merged.items():
        bit = vocabulary.kinds[kind].parts.index(part)
        lines = tuple(line for line in red_lines if part in line.parts.get(kind, ()))
        entry = view.parts[act, kind, part] = Entry(bit, lines, tuple(found), _by_originator(found))
        entries = (*view.kinds.get((act, kind), ()), entry)
        view.kinds[act, kind] = tuple(sorted(entries, key=lambda each: each.bit))
    return view
