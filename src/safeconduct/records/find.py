"""Lists, filtered and sorted in one query that also says which parts of each row the reader may see.

Filtering, sorting and searching look only at parts that are visible to the reader: otherwise the order, the
count or the presence of a row would tell what is withheld.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from time import time as clock
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.sql import visible
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.kinds import Kind, kind
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released, note, release_row, unknown_abouts
from safeconduct.records.rows import COLUMNS, RowView
from safeconduct.records.search import PART_BITS, match_expression
from safeconduct.records.standing import AgreementState

MAX_LIMIT = 10_000
RECENT = 2_000
"""How many of the latest recorded versions are looked through for records without a visible time."""


@dataclass(frozen=True)
class Query:
    """What to list. `since` and `until` are epoch seconds on the kind's time; `bbox` west, south, east, north
    in degrees; `sort` is "time" (of the event) or "at" (when it was recorded).

    `parts` are those that the list will show (empty: all): the others are neither given nor noted as read."""

    kind: str
    text: str = ""
    since: float | None = None
    until: float | None = None
    bbox: tuple[float, float, float, float] | None = None
    category: str = ""
    place: str = ""
    external: Sequence[str] = ()
    originator: str = ""
    state: str = ""
    about: str | None = None
    withdrawn: bool | None = None
    parts: Sequence[str] = ()
    sort: str = "time"
    descending: bool = True
    limit: int = 50
    cursor: str = ""


@dataclass(frozen=True)
class Page:
    """`unplaced` are recent records whose time the reader may not see, so that none drops out of sight."""

    records: list[Released]
    next_cursor: str
    unplaced: list[Released]


def find(reader: Subject, query: Query, act: str = "read", door: Door | None = None) -> Page:
    """The records of a kind that the reader may see, a page at a time; logged parts are noted first.

    Raises Malformed for a cursor or a query that makes no sense.
    """
    if not 0 < query.limit <= MAX_LIMIT:
        raise Malformed(f"limit is 1 to {MAX_LIMIT}")
    state = here.state()
    now = clock()
    shape = kind(query.kind)
    sort, bit = _sort(shape, query)
    listing = _Listing(state, reader, act, shape, now)
    listing.filter(query)
    rows = listing.page(query, sort, bit)
    shown = rows[: query.limit]
    cursor = _cursor(shown[-1][0], sort) if len(rows) > query.limit else ""
    hidden = [] if bit is None or query.cursor or query.text or query.bbox else listing.unplaced(bit)
    everything = shown + hidden
    only = frozenset(query.parts or shape.part_names)
    unknown = unknown_abouts(state, reader, [row for row, _ in everything], now)
    records = [
        release_row(state, reader, act, row, mask, now, only=only, unknown=unknown)
        for row, mask in everything
    ]
    note(reader, act, state, [row for row, _ in everything], [r.mask for r in records], now, door)
    return Page(records[: len(shown)], cursor, records[len(shown) :])


def count(reader: Subject, query: Query, ceiling: int = 10_000) -> int:
    """How many records the reader may see, up to a ceiling."""
    state = here.state()
    shape = kind(query.kind)
    listing = _Listing(state, reader, "read", shape, clock())
    listing.filter(query)
    return listing.count(ceiling)


class _Listing:
    """One SELECT under construction: its conditions see the row and the mask of its visible parts."""

    def __init__(self, state: AgreementState, reader: Subject, act: str, shape: Kind, now: float) -> None:
        self.shape = shape
        seen = visible(state.policy, reader, act, shape.name, now)
        # A part is visible only if it is there: an absent one must neither match nor order.
        self.inner = (
            f"SELECT {{columns}}, ({seen.mask}) AS mask FROM records_row WHERE kind = %s AND {seen.guard}"
        )
        self.parameters: list[Any] = [*seen.mask_params, shape.name, *seen.guard_params]
        self.conditions = ["mask <> 0"]
        self.values: list[Any] = []
        self.joined = ""
        self.join_values: list[Any] = []

    def filter(self, query: Query) -> None:
        for column, test, value in (
            ("time", ">= %s", query.since),
            ("time", "< %s", query.until),
            ("category", "= %s", query.category or None),
            ("place", "= %s", query.place or None),
        ):
            if value is not None:
                self._dimension(column, f"{column} {test}", [value])
        if query.bbox is not None:
            west, south, east, north = query.bbox
            self._dimension("latitude", "latitude BETWEEN %s AND %s", [south, north])
            if west <= east:
                self._dimension("longitude", "longitude BETWEEN %s AND %s", [west, east])
            else:
                self._dimension("longitude", "(longitude >= %s OR longitude <= %s)", [west, east])
        if query.external:
            marks = ", ".join(["%s"] * len(query.external))
            self._dimension("external", f"external IN ({marks})", list(query.external))
        for column, text in (("originator", query.originator), ("state", query.state)):
            if text:
                self._and(f"{column} = %s", [text])
        if query.about is not None:
            self._and("about = %s", [query.about])
        if query.withdrawn is not None:
            self._and("withdrawn = %s", [query.withdrawn])
        if query.text:
            self._search(query.text)

    def _search(self, text: str) -> None:
        expression = match_expression(text)
        if expression is None:
            self._and("1 = 0", [])
            return
        self._and(
            "EXISTS (SELECT 1 FROM matches WHERE matches.born = listed.born AND (mask >> matches.bit) & 1 = 1)",
            [],
        )
        self.joined = (
            f"WITH matches AS MATERIALIZED (SELECT rowid >> {PART_BITS} AS born, "
            f"rowid & {(1 << PART_BITS) - 1} AS bit FROM records_search WHERE records_search MATCH %s) "
        )
        self.join_values = [expression]

    def _dimension(self, column: str, test: str, values: list[Any]) -> None:
        source = self.shape.dimensions.get(column)
        if source is None:
            raise Malformed(f"{self.shape.name} has no {column} to filter by")
        self._and(f"(mask >> {self.shape.bit(source[0])}) & 1 = 1 AND {test}", values)

    def _and(self, test: str, values: list[Any]) -> None:
        self.conditions.append(test)
        self.values += values

    def _rows(self, tail: str, values: list[Any]) -> list[tuple[RowView, int]]:
        inner = self.inner.format(
            columns=", ".join(
                (*COLUMNS, "born", "time", "latitude", "longitude", "category", "place", "external")
            )
        )
        sql = (
            f"{self.joined}SELECT {', '.join(COLUMNS)}, mask FROM ({inner}) AS listed "
            f"WHERE {' AND '.join(self.conditions)} {tail}"
        )
        found = here.tables().all(sql, [*self.join_values, *self.parameters, *self.values, *values])
        return [(RowView(*row[:-1]), row[-1]) for row in found]

    def page(self, query: Query, sort: str, bit: int | None) -> list[tuple[RowView, int]]:
        conditions, values = len(self.conditions), len(self.values)
        if bit is not None:
            self._and(f"(mask >> {bit}) & 1 = 1 AND time IS NOT NULL", [])
        if query.cursor:
            key, record = _open_cursor(query.cursor, sort)
            compare = "<" if query.descending else ">"
            self._and(f"({sort}, id) {compare} (%s, %s)", [key, record])
        direction = "DESC" if query.descending else "ASC"
        rows = self._rows(f"ORDER BY {sort} {direction}, id {direction} LIMIT %s", [query.limit + 1])
        del self.conditions[conditions:], self.values[values:]
        return rows

    def unplaced(self, bit: int) -> list[tuple[RowView, int]]:
        table = (
            f"(SELECT * FROM records_row WHERE kind = '{self.shape.name}' ORDER BY at DESC LIMIT {RECENT})"
        )
        inner = self.inner
        self.inner = inner.replace("FROM records_row", f"FROM {table} AS recent", 1)
        self.conditions.append(f"((mask >> {bit}) & 1 = 0 OR time IS NULL)")
        rows = self._rows("ORDER BY at DESC, id LIMIT 20", [])
        self.conditions.pop()
        self.inner = inner
        return rows

    def count(self, ceiling: int) -> int:
        inner = self.inner.format(columns="*")
        sql = (
            f"{self.joined}SELECT count(*) FROM (SELECT 1 FROM ({inner}) AS listed "
            f"WHERE {' AND '.join(self.conditions)} LIMIT %s) AS bounded"
        )
        values = [*self.join_values, *self.parameters, *self.values, ceiling]
        found = here.tables().one(sql, values)
        return int(found[0]) if found else 0


def _sort(shape: Kind, query: Query) -> tuple[str, int | None]:
    if query.sort == "at" or "time" not in shape.dimensions:
        return "at", None
    if query.sort != "time":
        raise Malformed("sort is time or at")
    return "time", shape.bit(shape.dimensions["time"][0])


def _cursor(row: RowView, sort: str) -> str:
    found = here.tables().one(f"SELECT {sort} FROM records_row WHERE id = %s", [row.id])
    text = json.dumps([sort, found[0] if found else None, row.id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _open_cursor(text: str, sort: str) -> tuple[float, str]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        which, key, record = json.loads(raw)
        if which != sort or not isinstance(record, str):
            raise ValueError(which)
        return float(key), record
    except (binascii.Error, ValueError, TypeError) as fault:
        raise Malformed("this cursor belongs to another list") from fault
