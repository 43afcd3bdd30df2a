"""Rows of an XLSX workbook that nobody promised to be well meant, and workbooks written safely.

Only the first sheet is read, as a stream. Formulas are never evaluated: a cell that holds one refuses its row.
What a workbook unpacks to is bounded before it is opened, and its XML may declare no entities.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from defusedxml.common import DefusedXmlException
from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell
from openpyxl.utils.exceptions import InvalidFileException

from safeconduct.records.delimited import MAX_CELL, Cells, FileRefused, RefusedRow, column_name
from safeconduct.records.safe_cells import safe_cell

MAX_PACKED = 50 * 1024 * 1024
MAX_UNPACKED = 200 * 1024 * 1024
MAX_MEMBERS = 500
MAX_ROWS = 200_000
MAX_COLUMNS = 200
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class WorkbookSheet:
    """The first sheet of an XLSX file: `columns` of its header, and an iterator over its rows.

    Use as a context manager. Raises FileRefused for a file that is no workbook, is too large when unpacked, or
    has no readable header. A damaged sheet ends with a refused row that says so.
    """

    def __init__(self, path: Path) -> None:
        _bounded(path)
        try:
            self._book = load_workbook(path, read_only=True, data_only=False, keep_links=False)
            sheet = self._book.worksheets[0]
            sheet.reset_dimensions()
            self._rows = enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1), 1)
            self.columns = self._header()
        except FileRefused:
            raise
        except _BROKEN as fault:
            raise FileRefused("this is not a readable XLSX workbook") from fault

    def __enter__(self) -> WorkbookSheet:
        return self

    def __exit__(self, *_: object) -> None:
        self._book.close()

    def _header(self) -> list[str]:
        for number, cells in self._rows:
            names = [column_name(str(cell.value or "")) for cell in cells]
            while names and not names[-1]:
                names.pop()
            if len(names) > MAX_COLUMNS:
                raise FileRefused(f"more than {MAX_COLUMNS} columns")
            if len(names) >= 2:
                twice = sorted({name for name in names if name and names.count(name) > 1})
                if twice:
                    raise FileRefused(f"the header names a column twice: {', '.join(twice)}")
                return names
            if names or number > 20:
                break
        raise FileRefused("the first row is no header: it names fewer than two columns")

    def __iter__(self) -> Iterator[Cells | RefusedRow]:
        number = 1
        try:
            for number, cells in self._rows:
                if number > MAX_ROWS:
                    yield RefusedRow(number, f"no more than {MAX_ROWS} rows are read")
                    return
                row = self._row(number, cells)
                if row is not None:
                    yield row
        except _BROKEN:
            yield RefusedRow(number + 1, "the workbook is damaged from here on")

    def _row(self, number: int, cells: Iterable[Any]) -> Cells | RefusedRow | None:
        told: dict[str, str] = {}
        for position, cell in enumerate(cells):
            value = cell.value
            if value is None or value == "":
                continue
            if position >= len(self.columns) or not self.columns[position]:
                return RefusedRow(number, "a cell stands outside the columns that the header names")
            name = self.columns[position]
            if cell.data_type == "f" or not isinstance(value, str | int | float | datetime | date | time):
                return RefusedRow(number, f"{name}: a formula is not evaluated; enter its value")
            if cell.data_type == "e":
                return RefusedRow(number, f"{name}: the cell holds an error")
            text = _text(value)
            if len(text) > MAX_CELL:
                return RefusedRow(number, f"{name} is longer than {MAX_CELL} characters")
            told[name] = text
        if not any(told.values()):
            return None
        return Cells(number, {name: told.get(name, "") for name in self.columns if name})


_BROKEN = (
    zipfile.BadZipFile,
    InvalidFileException,
    DefusedXmlException,
    SyntaxError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
)
"""What the reader raises for workbooks that are damaged in one way or another: it promises no one error."""


def _bounded(path: Path) -> None:
    if path.stat().st_size > MAX_PACKED:
        raise FileRefused(f"larger than {MAX_PACKED // 1024 // 1024} MB")
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as fault:
        raise FileRefused("this is not a readable XLSX workbook") from fault
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
        raise FileRefused("the workbook unpacks to more than is read")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        midnight = value.time() == time() and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat(timespec="minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value).strip()


def workbook(rows: Iterable[Iterable[Any]]) -> bytes:
    """A workbook of one sheet whose cells are all text: nothing in it is a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _cell(sheet: Any, value: Any) -> Any:
    cell = WriteOnlyCell(sheet, value=None)
    text = ILLEGAL_CHARACTERS_RE.sub("", safe_cell(value))[:32_000]
    if text:
        cell.value = text
        cell.data_type = "s"
    return cell
