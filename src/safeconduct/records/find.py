"""Lists, filtered and sorted in one query that also says which parts of each row the reader may see.

Filtering, sorting and searching look only at parts that are visible to the reader: otherwise the order, the
count or the presence of a row would tell what is withheld.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import time as clock
from typing import Any, NamedTuple

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.sql import visible
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.joined import knowable
from safeconduct.records.kinds import DIMENSIONS, Kind, kind
from safeconduct.records.projection import Tables
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released, note, release_row, unknown_abouts
from safeconduct.records.rows import COLUMNS, RowView
from safeconduct.records.search import PART_BITS, match_expression
from safeconduct.records.standing import AgreementState
from safeconduct.records.tiers import TIERS, open_tiers
from safeconduct.records.under import ALWAYS_SHOWN, looking_under, of_agreement

MAX_LIMIT = 10_000
_PLACES = (
    f"SELECT rowid >> {PART_BITS} AS born, CAST(rowid & {(1 << PART_BITS) - 1} AS int) AS bit "
    "FROM records_search WHERE "
)
FEW = 5_000
"""Up to so many places where a word stands, each record is fetched; beyond, the list is gone through in order."""
EARLIEST = "-1e15"
"""Epoch seconds before every time: whatever has one is later, and of an index no more than that is gone through."""
RECENT = 2_000
"""How many of the latest recorded versions are looked through for records without a visible time."""


@dataclass(frozen=True)
class Query:
    """What to list. `since` and `until` are epoch seconds on the kind's time, `ends_after` on the end of what
    lasts; `bbox` west, south, east, north in degrees; `sort` is "time" (of the event) or "at" (when it was recorded).

    `about` is one record, or several; `ids` lists only these. `parts` are those that the list will show (empty:
    all): the others are neither given nor noted as read; of those in `told` the list says only whether they would
    be shown. `shown` are records that the reader has just been shown: that they may be known of is not asked again."""

    kind: str
    text: str = ""
    since: float | None = None
    until: float | None = None
    ends_after: float | None = None
    bbox: tuple[float, float, float, float] | None = None
    category: str = ""
    place: str = ""
    external: Sequence[str] = ()
    originator: str = ""
    state: str = ""
    about: str | Sequence[str] | None = None
    ids: Sequence[str] | None = None
    withdrawn: bool | None = None
    parts: Sequence[str] = ()
    told: Sequence[str] = ()
    shown: frozenset[str] = frozenset()
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
    state, now = here.state(), clock()
    shape = kind(query.kind)
    sort, bit = _sort(shape, query)
    listing = Listing(state, reader, act, shape, now)
    listing.filter(query)
    rows = listing.page(query, sort, bit)
    shown = knowable(state, reader, rows[: query.limit], now, query.shown)
    cursor = _cursor(listing.tables, rows[query.limit - 1][0], sort) if len(rows) > query.limit else ""
    timed = any(end is not None for end in (query.since, query.until, query.ends_after))
    plain = not (timed or query.cursor or query.text or query.bbox)
    hidden = knowable(state, reader, listing.unplaced(bit), now) if bit is not None and plain else []
    everything = shown + hidden
    only, told = frozenset(query.parts or shape.part_names), tuple(query.told)
    unknown = unknown_abouts(state, reader, [row for row, _ in everything], now, query.shown)
    records = [
        release_row(state, reader, act, row, mask, now, only=only, unknown=unknown, told=told)
        for row, mask in everything
    ]
    note(reader, act, state, [row for row, _ in everything], [r.mask for r in records], now, door)
    return Page(records[: len(shown)], cursor, records[len(shown) :])


def count(reader: Subject, query: Query, ceiling: int = 10_000, act: str = "read") -> int:
    """How many records the reader may see, up to a ceiling; by another act, of how many any part may go that way."""
    state, shape, now = here.state(), kind(query.kind), clock()
    listing = Listing(state, reader, act, shape, now)
    listing.filter(query)
    whole = replace(query, cursor="", limit=ceiling)
    rows = listing.page(whole, "at", None)[:ceiling] if shape.joins else []
    return len(knowable(state, reader, rows, now)) if shape.joins else listing.count(ceiling)


class Span(NamedTuple):
    """What a record that lasts is about, where, from when (epoch seconds) and until when, None for no end."""

    about: str
    place: str
    since: float
    until: float | None


def spans(reader: Subject, query: Query) -> list[Span]:
    """Where and how long each record of a kind that lasts, as far as the reader may see all of it; no content.

    For counting who is where: a record of which time, end or place is withheld is left out. `limit` is not
    looked at. Raises Malformed for a kind that has no time, end and place.
    """
    listing = Listing(here.state(), reader, "read", kind(query.kind), clock())
    listing.filter(query)
    return listing.spans()


class Listing:
    """One SELECT under construction: its conditions see the row and the mask of its visible parts."""

    def __init__(self, state: AgreementState, reader: Subject, act: str, shape: Kind, now: float) -> None:
        self.shape = shape
        self.tables = here.tables(reader)
        self.dialect = self.tables.dialect
        self.visible = partial(visible, state.policy, reader, act, shape.name, now)
        self.seen = self.visible()
        self.open_tiers = partial(open_tiers, state.policy, reader, act, shape, here.home().party)
        self.columns: tuple[str, ...] = (*COLUMNS, "born", *DIMENSIONS)
        self.source = "records_row"
        self.source_values: list[Any] = []
        self.common = ""
        self.common_values: list[Any] = []
        self.conditions: list[str] = []
        self.values: list[Any] = []
        self.needed = 0
        """Parts that must be visible, since they are filtered or sorted by."""
        self.few = False
        """Whether the filters leave few records, found by an index of their own, so that each is looked at."""
        self.by_index = False
        """Whether that index is one of the kind's records (`_few_of`)."""
        if (agreement := looking_under()) and shape.name not in ALWAYS_SHOWN:
            self._and(*of_agreement(here.home(), agreement))

    def filter(self, query: Query) -> None:
        for column, test, value in (
            ("time", ">= %s", query.since),
            ("time", "< %s", query.until),
            ("until", ">= %s", query.ends_after),
            ("category", "= %s", query.category or None),
            ("place", "= %s", query.place or None),
        ):
            if value is not None:
                self._dimension(column, f"{column} {test}", [value])
        if query.bbox is not None:
            self._box(*query.bbox)
        if query.external:
            marks = ", ".join(["%s"] * len(query.external))
            self._dimension("external", f"external IN ({marks})", list(query.external))
            self.few = True
        if query.originator:
            self._and("originator = %s", [query.originator])
        if isinstance(query.about, str):
            self._and("about = %s", [query.about])
            self.few = True
        elif query.about is not None:
            self._among("about", query.about)
        if query.ids is not None:
            if query.text or (query.about is not None and not isinstance(query.about, str)):
                raise Malformed("certain records are not searched")
            self._among("id", query.ids)
        if query.withdrawn is not None:
            self._and("withdrawn = %s", [query.withdrawn])
        if query.text:
            self._search(query.text)
        if query.state:
            self._and("state = %s", [query.state])
            self._few_of("lower(state) = %s", [query.state.lower()])
            if self.dialect.reckons:
                self._and("lower(state) = %s", [query.state.lower()])

    def _box(self, west: float, south: float, east: float, north: float) -> None:
        between, outside = "longitude BETWEEN %s AND %s", "(longitude >= %s OR longitude <= %s)"
        across = between if west <= east else outside
        self._dimension("latitude", "latitude BETWEEN %s AND %s", [south, north])
        self._dimension("longitude", across, [west, east])
        self._few_of(f"latitude BETWEEN %s AND %s AND {across}", [south, north, west, east])

    def _few_of(self, test: str, values: list[Any]) -> None:
        """Of what an index has few each is looked at; else the list is gone through in order. Who reckons knows."""
        if self.few or self.dialect.reckons:
            return
        key, given = self.dialect.row_key, [self.shape.name, *values]
        sql = f"SELECT {key} AS there FROM records_row WHERE kind = %s AND {test}"
        if len(self.tables.all(f"{sql} LIMIT %s", [*given, FEW + 1])) <= FEW:
            self.few = self.by_index = True
            self.source = (
                f"({sql}) AS few {self.dialect.in_turn} records_row ON records_row.{key} = few.there"
            )
            self.source_values = given

    def _search(self, text: str) -> None:
        expression = match_expression(text)
        if expression is None:
            self._and("1 = 0", [])
            return
        test, values = self.dialect.matching(expression)
        matches = _PLACES + test
        found = self.tables.all(f"{matches} LIMIT %s", [*values, FEW + 1])
        if len(found) <= FEW:
            # Few enough to look at each: going through the records in order could mean all of them.
            self.source = (
                f"(SELECT born AS hit, CAST(sum(1 << bit) AS int) AS bits FROM ({matches}) AS matches GROUP BY born) "
                f"AS hits {self.dialect.in_turn} records_row ON records_row.born = hits.hit"
            )
            self.few = True
            self.source_values = values
            self.columns += ("hits.bits",)
            self._and("(mask & bits) <> 0", [])
            return
        self.common = f"WITH matches AS MATERIALIZED ({matches}) "
        self.common_values = values
        self._and(
            "EXISTS (SELECT 1 FROM matches WHERE matches.born = listed.born AND (mask >> matches.bit) & 1 = 1)",
            [],
        )

    def _dimension(self, column: str, test: str, values: list[Any]) -> None:
        source = self.shape.dimensions.get(column)
        if source is None:
            raise Malformed(f"{self.shape.name} has no {column} to filter by")
        self.needed |= 1 << self.shape.bit(source[0])
        self._and(test, values)

    def _among(self, column: str, values: Sequence[str]) -> None:
        """Only rows with one of these values: each is looked up, where the planner would go through the kind."""
        listed, self.source_values = self.dialect.listed(values)
        self.source = (
            f"(SELECT DISTINCT value AS wanted FROM {listed} AS each_value) AS named "
            f"{self.dialect.in_turn} records_row ON records_row.{column} = named.wanted"
        )
        self.few = True

    def _and(self, test: str, values: list[Any]) -> None:
        self.conditions.append(test)
        self.values += values

    def _listed(self, within: str = "", source: str = "") -> tuple[str, list[Any]]:
        """Everything from FROM on: the rows with their masks, and the conditions; and its values. `within` is one more
        condition on the rows before their masks are known."""
        mask, mask_values, guard, guard_values = self.seen
        inner = (
            f"SELECT {', '.join(self.columns)}, ({mask}) AS mask FROM {source or self.source} "
            f"WHERE kind = %s{within} AND {guard}"
        )
        # The mask is worked out wherever it is named: once, and after whatever is cheaper to ask. By >= and not by =,
        # of which a planner believes that hardly a row meets it, and would rather sort them all than look for 50.
        seen = f"(mask & {self.needed}) >= {self.needed}" if self.needed else "mask <> 0"
        values = [*mask_values, *self.source_values, self.shape.name, *guard_values, *self.values]
        return f"FROM ({inner}) AS listed WHERE {' AND '.join([*self.conditions, seen])}", values

    def _rows(self, tail: str, values: list[Any]) -> list[tuple[RowView, int]]:
        listed, listed_values = self._listed()
        return self._asked(f"SELECT {', '.join(COLUMNS)}, mask {listed} {tail}", [*listed_values, *values])

    def _asked(self, sql: str, values: list[Any]) -> list[tuple[RowView, int]]:
        found = self.tables.all(self.common + sql, [*self.common_values, *values])
        return [(RowView(*row[:-1]), row[-1]) for row in found]

    def page(self, query: Query, sort: str, bit: int | None) -> list[tuple[RowView, int]]:
        conditions, values, needed = len(self.conditions), len(self.values), self.needed
        if bit is not None:
            self.needed |= 1 << bit
            self._and(self._has_time(), [])
        if query.cursor:
            key, record = _open_cursor(query.cursor, sort)
            compare = "<" if query.descending else ">"
            self._and(f"({sort}, id) {compare} (%s, %s)", [key, record])
        direction = "DESC" if query.descending else "ASC"
        tail = f"ORDER BY {sort} {direction}, id {direction} LIMIT %s"
        rows = self._in_order(sort, tail, query.limit + 1)
        del self.conditions[conditions:], self.values[values:]
        self.needed = needed
        return rows

    def _in_order(self, sort: str, tail: str, limit: int) -> list[tuple[RowView, int]]:
        """A page: each tier that may hold something of it is asked for its own, and these are merged."""
        tiers = self._tiers(sort)
        if tiers is None:
            return self._rows(tail, [limit])
        column, source = self._tiered(sort)
        columns = ", ".join(dict.fromkeys((*COLUMNS, sort)))
        each, values = list[str](), list[Any]()
        for tier in tiers:
            listed, listed_values = self._listed(f" AND {column} = {tier}", source)
            each.append(f"SELECT * FROM (SELECT {columns}, mask {listed} {tail}) AS tier_{tier}")
            values += [*listed_values, limit]
        if not each:
            return []
        merged = f"FROM ({' UNION ALL '.join(each)}) AS merged {tail}"
        return self._asked(f"SELECT {', '.join(COLUMNS)}, mask {merged}", [*values, limit])

    def _has_time(self) -> str:
        """Of a list that is gone through in order only as much of the index as has a time."""
        return "time IS NOT NULL" if self.few else f"time > {EARLIEST}"

    def _tiered(self, sort: str) -> tuple[str, str]:
        """By which tier the index of an order begins, and whence its rows come."""
        return ("time_tier", self.tables.timed) if sort == "time" else ("least_tier", "records_row")

    def _tiers(self, sort: str) -> list[int] | None:
        """The tiers of which records could be on this list, of those that there are; None where all could be, and where
        only few records are looked at anyway."""
        if self.few:
            return None
        found = self.open_tiers(self.needed, sort == "time")
        if found == TIERS:
            return None
        column, source = self._tiered(sort)
        timed = f" AND {self._has_time()}" if sort == "time" else ""
        # Whoever reads behind the wall is not told of tiers above the clearance, and needs not know.
        asked = sorted(found if self.tables.walled else TIERS)
        if not asked:
            return []
        present = ", ".join(
            f"EXISTS (SELECT 1 FROM {source} WHERE kind = %s AND {column} = {tier}{timed})" for tier in asked
        )
        there = self.tables.one(f"SELECT {present}", [self.shape.name] * len(asked)) or ()
        tiers = {tier for tier, yes in zip(asked, there, strict=True) if yes}
        return None if not self.tables.walled and tiers <= found else sorted(tiers & found)

    def unplaced(self, bit: int) -> list[tuple[RowView, int]]:
        """Recent records without a time that the reader may see. Belongs after `page`: it narrows the list."""
        if self.source == "records_row" or self.by_index:
            key = self.dialect.row_key
            self.source = (
                f"(SELECT {key} AS latest FROM records_row WHERE kind = %s ORDER BY at DESC LIMIT %s) AS recent "
                f"{self.dialect.in_turn} records_row ON records_row.{key} = recent.latest"
            )
            self.source_values = [self.shape.name, RECENT]
        when, when_values, _, _ = self.visible(bits=1 << bit)
        self._and(f"(time IS NULL OR ({when}) = 0)", when_values)
        return self._rows("ORDER BY at DESC, id LIMIT 20", [])

    def spans(self) -> list[Span]:
        for column in ("time", "until", "place"):
            self._dimension(column, "1 = 1", [])
        listed, values = self._unordered()
        sql = (
            f"{self.common}SELECT about, place, time, until {listed} AND {self._has_time()} ORDER BY time, id"
        )
        return [Span(*row) for row in self.tables.all(sql, [*self.common_values, *values])]

    def count(self, ceiling: int) -> int:
        listed, values = self._unordered()
        sql = f"{self.common}SELECT count(*) FROM (SELECT 1 {listed} LIMIT %s) AS bounded"
        found = self.tables.one(sql, [*self.common_values, *values, ceiling])
        return int(found[0]) if found else 0

    def _unordered(self) -> tuple[str, list[Any]]:
        """As `_listed`, of the tiers alone in which something is visible."""
        time = self.shape.dimensions.get("time")
        sort = "time" if time and self.needed >> self.shape.bit(time[0]) & 1 else "at"
        tiers = self._tiers(sort)
        if tiers is None:
            return self._listed()
        column, source = self._tiered(sort)
        return self._listed(f" AND {column} IN ({', '.join(map(str, tiers or [-1]))})", source)


def _sort(shape: Kind, query: Query) -> tuple[str, int | None]:
    if query.sort == "at" or "time" not in shape.dimensions:
        return "at", None
    if query.sort != "time":
        raise Malformed("sort is time or at")
    return "time", shape.bit(shape.dimensions["time"][0])


def _cursor(tables: Tables, row: RowView, sort: str) -> str:
    found = tables.one(f"SELECT {sort} FROM records_row WHERE id = %s", [row.id])
    text = json.dumps([sort, found[0] if found else None, row.id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _open_cursor(text: str, sort: str) -> tuple[float, str]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        which, key, record = json.loads(raw)
        if which != sort or not isinstance(record, str) or not record.isascii() or not math.isfinite(key):
            raise ValueError(which)
        return float(key), record
    except (ValueError, TypeError, OverflowError, RecursionError) as fault:
        raise Malformed("this cursor belongs to another list") from fault
