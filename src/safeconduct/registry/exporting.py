"""Exports of persons, sites and stays as tables that can be imported again: only what may be exported, each
reading noted before any of it leaves, and no cell that a spreadsheet would run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.people.principal import still
from safeconduct.records.bulk import foresee
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released
from safeconduct.records.safe_cells import BOM, csv_row, safe_cell
from safeconduct.records.workbooks import workbook
from safeconduct.registry.layouts import NOT_IMPORTED, Layout
from safeconduct.registry.presentation import OF_KIND

BATCH = 500
MOST_IN_A_WORKBOOK = 50_000
"""Rows of a workbook, which is made as a whole; CSV is a stream and has no such end."""


def exported(reader: Subject, layout: Layout) -> Iterator[list[Any]]:
    """The rows of an export, page by page: each page is decided and noted before it is given.

    The first page is fetched before this returns, so that a refusal is an answer and not half a file.
    """
    query = Query(
        layout.kind, originator=reader.party, withdrawn=False, sort="at", descending=False, limit=BATCH
    )
    foresee(reader, query)
    first = find(reader, query, act="export")

    def rows() -> Iterator[list[Any]]:
        page = first
        while True:
            keys = Keys(reader)
            for record in page.records:
                yield [_cell(record, target, keys) for target in layout.columns.values()]
            if not page.next_cursor:
                return
            page = find(still(reader), replace(query, cursor=page.next_cursor), act="export")

    return rows()


def csv_pieces(reader: Subject, layout: Layout) -> Iterator[str]:
    """The export as CSV (RFC 4180) with a byte order mark, which spreadsheets need to read it as UTF-8."""
    rows = exported(reader, layout)

    def pieces() -> Iterator[str]:
        yield BOM + csv_row(layout.columns)
        for row in rows:
            yield csv_row(safe_cell(value) for value in row)

    return pieces()


def xlsx(reader: Subject, layout: Layout) -> bytes:
    """The export as a workbook of at most MOST_IN_A_WORKBOOK rows."""

    def rows() -> Iterator[list[Any]]:
        yield list(layout.columns)
        for number, row in enumerate(exported(reader, layout)):
            if number == MOST_IN_A_WORKBOOK:
                return
            yield row

    return workbook(rows())


class Keys:
    """The identifiers by which a table names other records: their own, or else their name."""

    def __init__(self, reader: Subject) -> None:
        self._reader = reader
        self._known: dict[str, str] = {}

    def of(self, kind: str, record: str) -> str:
        if record not in self._known:
            part, key_part = ("name", "employment") if kind == "person" else ("identity", "identity")
            parts = tuple(dict.fromkeys((part, key_part)))
            found = find(self._reader, Query(kind, ids=[record], parts=parts, limit=1), act="export").records
            told = found[0].parts if found else {}
            name = told.get(key_part, {}).get("external") or told.get(part, {}).get("name", "")
            self._known[record] = name
        return self._known[record]


def _cell(record: Released, target: str, keys: Keys) -> Any:
    if target == "about":
        return keys.of("person", record.about)
    part, _, field = target.partition(".")
    value = record.parts.get(part, {}).get(field)
    if field == "external":
        return value or f"{NOT_IMPORTED}{record.id}"
    if value and field in OF_KIND:
        return "; ".join(
            keys.of(OF_KIND[field], each) for each in (value if isinstance(value, list) else [value])
        )
    if field in ("employer", "organisation") and not value:
        return record.parts.get(part, {}).get(f"{field}_name", "")
    if field == "account" and value:
        account = Account.objects.filter(person=value).first()
        return account.username if account else ""
    return value
