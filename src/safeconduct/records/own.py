"""The writer's view of this party's own records of a kind, by what their header and dimensions say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from safeconduct.records.rows import COLUMNS, RowView
from safeconduct.records.transaction import Tx


def own_rows(
    tx: Tx,
    kind: str,
    *,
    states: Sequence[str] = (),
    category: str | None = None,
    external: str | None = None,
    assigned: str | None = None,
    until_after: float | None = None,
    naming: str | None = None,
) -> list[RowView]:
    """The latest versions of own records of a kind that are not withdrawn, oldest first.

    `assigned`: assigned to this person or unit alone. `until_after`: those whose time ends later, in seconds since
    1970. `naming`: those with this text anywhere in a part; the caller looks where.
    """
    where, values = ["kind = %s", "originator = %s", "withdrawn = %s"], [kind, tx.home.party, False]
    return _rows(tx, where, values, states, category, external, assigned, until_after, naming)


def rows_of(tx: Tx, kind: str, states: Sequence[str] = ()) -> list[RowView]:
    """The same whoever's the records are: what this party has of the other's among them."""
    return _rows(tx, ["kind = %s", "withdrawn = %s"], [kind, False], states)


def _rows(
    tx: Tx,
    where: list[str],
    values: list[Any],
    states: Sequence[str],
    category: str | None = None,
    external: str | None = None,
    assigned: str | None = None,
    until_after: float | None = None,
    naming: str | None = None,
) -> list[RowView]:
    if states:
        where.append(f"state IN ({', '.join(['%s'] * len(states))})")
        values += states
    asked: Sequence[tuple[str, Any]] = (
        ("category = %s", category),
        ("external = %s", external),
        ("assigned = %s", None if assigned is None else f"|{assigned}|"),
        ("until > %s", until_after),
        ("instr(parts, %s) > 0", None if naming is None else json.dumps(naming, ensure_ascii=False)[1:-1]),
    )
    for condition, value in asked:
        if value is not None:
            where.append(condition)
            values.append(value)
    sql = f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE {' AND '.join(where)} ORDER BY born"
    return [RowView(*row) for row in tx.tables.all(sql, values)]
