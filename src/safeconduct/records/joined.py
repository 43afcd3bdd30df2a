"""What joins records: several records of one party that say one thing together, each about another record.

A statement that two records speak of the same event is such a thing. Whoever may not know of each record that is joined
is told of none of what joins them: the half that they could read would tell them that there is another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.kinds import LEAST_JOINED, all_kinds
from safeconduct.records.rows import COLUMNS, RowView, item_of
from safeconduct.records.standing import AgreementState
from safeconduct.records.transaction import Tx

AT_ONCE = 500


class Asks(Protocol):
    def all(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]: ...


class Join(NamedTuple):
    """What records that belong together have in common."""

    kind: str
    originator: str
    key: str


NOTHING = Join("", "", "")


def abouts(tables: Asks, joins: Iterable[Join]) -> dict[Join, frozenset[str]]:
    """What is joined by each, "" for what was lost or may not be said."""
    found: dict[Join, set[str]] = defaultdict(set)
    asked: dict[str, set[str]] = defaultdict(set)
    for each in joins:
        asked[each.kind].add(each.key)
    for kind, keys in asked.items():
        every = sorted(keys)
        for first in range(0, len(every), AT_ONCE):
            some = every[first : first + AT_ONCE]
            marks = ", ".join(["%s"] * len(some))
            for originator, key, about in tables.all(
                f"SELECT originator, external, about FROM records_row WHERE kind = %s AND external IN ({marks})",
                [kind, *some],
            ):
                found[Join(kind, originator, key)].add(about)
    return {each: frozenset(records) for each, records in found.items()}


def untold(
    state: AgreementState,
    reader: Subject,
    rows: Sequence[RowView],
    now: float,
    shown: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Those of these rows that join records of which the reader may not know each; `shown` are some that they know."""
    kinds = {name for name in {row.kind for row in rows} if all_kinds()[name].joins}
    if not kinds:
        return frozenset()
    joining = [row for row in rows if row.kind in kinds]
    tables = here.tables(reader)
    by_row = _joins_of(tables, [row.id for row in joining])
    joined = abouts(tables, by_row.values())
    known = shown | _known(tables, state, reader, frozenset().union(*joined.values()) - shown, now)
    return frozenset(
        row.id
        for row in joining
        if len(found := joined.get(by_row.get(row.id, NOTHING), frozenset())) < LEAST_JOINED
        or not found <= known
    )


def _joins_of(tables: Asks, records: Sequence[str]) -> dict[str, Join]:
    """By what these records belong to others, as far as that may be read: of a row at hand not every part need be."""
    found: dict[str, Join] = {}
    for first in range(0, len(records), AT_ONCE):
        some = list(records[first : first + AT_ONCE])
        marks = ", ".join(["%s"] * len(some))
        sql = f"SELECT id, kind, originator, external FROM records_row WHERE id IN ({marks})"
        found |= {record: Join(*rest) for record, *rest in tables.all(sql, some) if rest[-1]}
    return found


def knowable(
    state: AgreementState,
    reader: Subject,
    rows: Sequence[tuple[RowView, int]],
    now: float,
    shown: frozenset[str] = frozenset(),
) -> list[tuple[RowView, int]]:
    """Rows with their masks, without those that the reader is not to be told of."""
    kept_back = untold(state, reader, [row for row, _ in rows], now, shown)
    return [each for each in rows if each[0].id not in kept_back]


def _known(
    tables: Asks, state: AgreementState, reader: Subject, records: frozenset[str], now: float
) -> frozenset[str]:
    every, known = sorted(records - {""}), set[str]()
    for first in range(0, len(every), AT_ONCE):
        some = every[first : first + AT_ONCE]
        marks = ", ".join(["%s"] * len(some))
        for found in tables.all(f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE id IN ({marks})", some):
            row = RowView(*found)
            if state.policy.mask(reader, "read", item_of(row), now):
                known.add(row.id)
    return frozenset(known)


def event_of(tx: Tx, row: RowView, index: int) -> dict[str, Any]:
    """What the bus is told of a record's change: of what joins records, that the one it is about has changed."""
    about = tx.row(row.about) if row.about and all_kinds()[row.kind].joins else None
    told = about or row
    return {"topic": told.kind, "kind": told.kind, "record": told.id, "index": index}
