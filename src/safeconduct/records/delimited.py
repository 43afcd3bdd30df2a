"""Rows of a delimited text file that nobody promised to be well formed.

The file is read as a stream, in bounded memory whatever it holds. A row that cannot be read is refused with
its line number and the reason, and reading goes on with the next one; only a file without a usable header is
refused as a whole.
"""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

MAX_LINE = 1_000_000
"""Characters of one physical line."""
MAX_CELL = 100_000
"""Characters of one cell; below the csv module's own limit, which belongs to the whole process."""
DELIMITERS = (",", ";", "\t", "|")


class FileRefused(ValueError):
    """A file that cannot be read at all: no header, not text, or a layout that nothing recognises."""


@dataclass(frozen=True)
class RefusedRow:
    """A row that was not taken: `line` is where it begins in the file, counted from 1."""

    line: int
    reason: str
    external: str = ""


@dataclass(frozen=True)
class Cells:
    """One row's cells by column name."""

    line: int
    cells: dict[str, str] = field(default_factory=dict)


class _OverlongLineError(ValueError):
    def __init__(self, number: int) -> None:
        self.number = number


class _Lines:
    """Physical lines, numbered, that can be put back. A class, because a generator that raised is dead."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._read = 0
        self._returned: deque[tuple[int, str]] = deque()
        self.record: list[tuple[int, str]] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._returned:
            number, line = self._returned.popleft()
        else:
            line = self._stream.readline(MAX_LINE)
            if not line:
                raise StopIteration
            self._read += 1
            number = self._read
            if len(line) >= MAX_LINE and not line.endswith(("\n", "\r")):
                while (rest := self._stream.readline(MAX_LINE)) and not rest.endswith(("\n", "\r")):
                    pass
                raise _OverlongLineError(number)
        self.record.append((number, line))
        return line

    def begin(self) -> None:
        """A new row begins with the next line."""
        self.record = []

    def put_back_all_but_first(self) -> None:
        """After a row that an unclosed quotation mark stretched over its neighbours: give those back."""
        self._returned.extendleft(reversed(self.record[1:]))


def column_name(cell: str) -> str:
    return "_".join(cell.strip().casefold().split())


def _split(header: str) -> tuple[str, list[str]]:
    """The delimiter that parts the header into the most columns, and the columns."""
    best: tuple[str, list[str]] = (",", [])
    for delimiter in DELIMITERS:
        try:
            columns = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            continue
        if len(columns) > len(best[1]):
            best = (delimiter, columns)
    return best


class Sheet:
    """An open delimited file: `columns` of its header, and an iterator over its rows.

    Use as a context manager. Raises FileRefused on a file that has no readable header.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as raw:
            opening = raw.read(4)
        if opening.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise FileRefused("the file is UTF-16; save it as UTF-8")
        if opening.startswith((b"PK\x03\x04", b"\x1f\x8b")):
            raise FileRefused("the file is compressed; unpack it first")
        self._stream = path.open("r", encoding="utf-8-sig", errors="surrogateescape", newline="")
        try:
            self._lines = _Lines(self._stream)
            self.delimiter, self.columns = self._header()
        except BaseException:
            self._stream.close()
            raise
        self._reader = csv.reader(self._lines, delimiter=self.delimiter, strict=True)

    def __enter__(self) -> Sheet:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def _header(self) -> tuple[str, list[str]]:
        try:
            header = next(line for line in self._lines if line.strip())
        except StopIteration:
            raise FileRefused("the file is empty") from None
        except _OverlongLineError:
            raise FileRefused("the first line is too long to be a header") from None
        delimiter, columns = _split(header)
        names = [column_name(cell) for cell in columns]
        while names and not names[-1]:
            names.pop()
        if len(names) < 2 or "\0" in header or any("\udc80" <= c <= "\udcff" for c in header):
            raise FileRefused(
                "the first line is no header: no columns in UTF-8 text, separated by , ; tab or |"
            )
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise FileRefused(f"the header names a column twice: {', '.join(twice)}")
        return delimiter, names

    def __iter__(self) -> Iterator[Cells | RefusedRow]:
        lines = self._lines
        while True:
            lines.begin()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except _OverlongLineError as fault:
                if lines.record:
                    yield RefusedRow(lines.record[0][0], "a quotation mark is never closed")
                    lines.put_back_all_but_first()
                yield RefusedRow(fault.number, f"the line is longer than {MAX_LINE} characters")
                continue
            except csv.Error as fault:
                yield RefusedRow(lines.record[0][0], f"not readable as delimited text: {fault}")
                lines.put_back_all_but_first()
                continue
            if not any(cell.strip() for cell in cells):
                continue
            reason = self._miscounted(cells)
            if reason:
                yield RefusedRow(lines.record[0][0], reason)
                lines.put_back_all_but_first()
            elif reason := self._fault(cells):
                yield RefusedRow(lines.record[0][0], reason)
            else:
                named = zip(self.columns, cells, strict=False)
                yield Cells(lines.record[0][0], {name: cell.strip() for name, cell in named if name})

    def _miscounted(self, cells: list[str]) -> str:
        width = len(self.columns)
        if len(cells) < width:
            return f"the row has {len(cells)} of {width} columns"
        if any(cell.strip() for cell in cells[width:]):
            return f"the row has {len(cells)} columns where the header has {width}"
        return ""

    def _fault(self, cells: list[str]) -> str:
        for name, cell in zip(self.columns, cells, strict=False):
            if len(cell) > MAX_CELL:
                return f"{name} is longer than {MAX_CELL} characters"
            if "\0" in cell:
                return f"{name} holds a NUL character"
            if any("\udc80" <= character <= "\udcff" for character in cell):
                return f"{name} is not UTF-8 text"
        return ""
