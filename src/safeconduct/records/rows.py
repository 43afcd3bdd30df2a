"""A row of the tables in memory, and the header fields of it that policy looks at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from safeconduct.agreement.policy import Item

COLUMNS = (
    "id", "version", "kind", "originator", "agreement", "state", "about", "at", "ledger_index", "levels",
    "releasable", "orcon", "assigned", "bearers", "opens", "present", "withdrawn", "erased", "header", "parts",
)  # fmt: skip


class RowView(NamedTuple):
    """One record at its latest version; the fields are the columns of `records_row` of the same name."""

    id: str
    version: int
    kind: str
    originator: str
    agreement: str
    state: str
    about: str
    at: float
    ledger_index: int
    levels: int
    releasable: str
    orcon: bool
    assigned: str
    bearers: str
    opens: float | None
    present: int
    withdrawn: bool
    erased: int
    header: str
    parts: str

    def values(self) -> dict[str, Any]:
        """The parts that the tables hold, by name."""
        found: dict[str, Any] = json.loads(self.parts)
        return found

    def level(self, bit: int) -> int:
        return self.levels >> (2 * bit) & 3


def names_in(column: str) -> frozenset[str]:
    """A `|a|b|` column as a set."""
    return frozenset(filter(None, column.split("|")))


def party_set(names: Sequence[str]) -> str:
    """Names as the column form that `LIKE '%|name|%'` finds."""
    return f"|{'|'.join(sorted(names))}|" if names else ""


def item_of(row: RowView) -> Item:
    return Item(
        id=row.id,
        kind=row.kind,
        originator=row.originator,
        state=row.state,
        levels=row.levels,
        releasable=names_in(row.releasable),
        orcon=bool(row.orcon),
        assigned=names_in(row.assigned + row.bearers),
        opens=row.opens,
        agreement=row.agreement,
    )
