"""Duty bearers: who answers for a record because another record says so.

A record of a kind that `assigns` (a leg, a protection) names the duty bearer of the record it is about. Bearers
by the node's own assigning records stand in the column `bearers`, and open to them what a grant opens to the
`assigned`. What a partner's assigning records name opens nothing to persons of this node: it says to whom of
that partner's people this node may disclose. So each party assigns its own, and nobody the other's.

An assignment is taken back when the assigning record is withdrawn, is cancelled or names another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from safeconduct.records.kinds import Kind, all_kinds
from safeconduct.records.rows import RowView, names_in, party_set

CANCELLED = frozenset({"cancelled", "removed", "retracted", "ended", "released"})
"""States in which an assigning record assigns nobody any more."""


class Asks(Protocol):
    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None: ...


class Follows(Asks, Protocol):
    moved: set[str]
    """Records whose duty bearers a projection changed, until the writer has told who wants to know."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any: ...


class Assignment(NamedTuple):
    """The record that gets a duty bearer, and the unit or account that is it ("" for none)."""

    about: str
    bearer: str


NOBODY = Assignment("", "")


def assignment(tables: Asks, kind: Kind | None, record: str) -> Assignment:
    """Whom a record assigns, as the tables hold it now."""
    if kind is None or kind.assigns is None:
        return NOBODY
    found = tables.one("SELECT about, state, withdrawn, parts FROM records_row WHERE id = %s", [record])
    return Assignment(found[0], _named(kind, *found[1:])) if found and found[0] else NOBODY


def moved(tables: Follows, before: Assignment, after: Assignment) -> None:
    """Follow a change of what one record assigns: to whom it was assigned, and to whom it is now."""
    if before != after:
        for record in sorted({before.about, after.about} - {""}):
            tables.moved.add(record)
            follow(tables, record)


def follow(tables: Follows, record: str) -> None:
    """Bring the `bearers` of a record up to date, and of those that take theirs from it."""
    row = tables.one("SELECT kind, about, bearers FROM records_row WHERE id = %s", [record])
    kind = all_kinds().get(row[0]) if row else None
    if row is None or kind is None:
        return
    names = _named_about(tables, record, "") | names_in(inherited(tables, kind, row[1]))
    bearers = party_set(sorted(names))
    if bearers == row[2]:
        return
    tables.moved.add(record)
    tables.execute("UPDATE records_row SET bearers = %s WHERE id = %s", [bearers, record])
    for child in heirs(tables, record):
        follow(tables, child)


def inherited(tables: Asks, kind: Kind, about: str) -> str:
    """The bearers, as a column, that a record takes from what it is about."""
    if not kind.inherits_bearers or not about:
        return ""
    found = tables.one("SELECT bearers FROM records_row WHERE id = %s", [about])
    return str(found[0]) if found else ""


def heirs(tables: Asks, record: str) -> list[str]:
    """The records that take their bearers from this one."""
    kinds = _inheriting(len(all_kinds()))
    if not kinds:
        return []
    marks = ", ".join(["%s"] * len(kinds))
    sql = f"SELECT id FROM records_row WHERE about = %s AND kind IN ({marks}) ORDER BY born"
    return [record for (record,) in tables.all(sql, [record, *kinds])]


def answerable(tables: Asks, row: RowView, party: str) -> frozenset[str]:
    """Who of another party answers for an own record, so that it may be disclosed to duty bearers there.

    Those whom that party's records assign, and those whom the originator named, except its own people: that one
    of them sees the record makes nobody of the other party its duty bearer.
    """
    names = {name for name in names_in(row.assigned) if not _own_person(tables, row.originator, name)}
    record, kind = row.id, all_kinds().get(row.kind)
    seen = {record}
    while kind is not None:
        names |= _named_about(tables, record, party)
        if not kind.inherits_bearers:
            break
        above = tables.one(
            "SELECT a.id, a.kind FROM records_row r JOIN records_row a ON a.id = r.about WHERE r.id = %s",
            [record],
        )
        if above is None or above[0] in seen:
            break
        record, kind = above[0], all_kinds().get(above[1])
        seen.add(record)
    return frozenset(names)


def _own_person(tables: Asks, party: str, name: str) -> bool:
    return (
        tables.one(
            "SELECT 1 FROM records_row WHERE kind = 'role_assignment' AND external = %s AND originator = %s",
            [name, party],
        )
        is not None
    )


def _named_about(tables: Asks, record: str, party: str) -> set[str]:
    """Whom the assigning records about a record name: those of a party, or ("") the node's own."""
    kinds = _assigning(len(all_kinds()))
    if not kinds:
        return set()
    marks = ", ".join(["%s"] * len(kinds))
    whose = "originator = %s AND agreement <> ''" if party else "agreement = ''"
    rows = tables.all(
        "SELECT kind, state, withdrawn, parts FROM records_row "
        f"WHERE about = %s AND kind IN ({marks}) AND {whose}",
        [record, *kinds, *([party] if party else [])],
    )
    return {name for kind, *rest in rows if (name := _named(all_kinds()[kind], *rest))}


def _named(kind: Kind, state: str, withdrawn: bool, raw: str) -> str:
    if withdrawn or state in CANCELLED or kind.assigns is None:
        return ""
    part, field = kind.assigns
    values: Mapping[str, Any] = json.loads(raw).get(part) or {}
    name = values.get(field)
    return name if isinstance(name, str) and "|" not in name else ""


@lru_cache(maxsize=4)
def _assigning(_count: int) -> tuple[str, ...]:
    return tuple(sorted(kind.name for kind in all_kinds().values() if kind.assigns))


@lru_cache(maxsize=4)
def _inheriting(_count: int) -> tuple[str, ...]:
    return tuple(sorted(kind.name for kind in all_kinds().values() if kind.inherits_bearers))
