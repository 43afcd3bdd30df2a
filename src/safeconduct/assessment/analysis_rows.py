"""Tables of figures: the same on the page, behind a chart, and in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from safeconduct.records.safe_cells import BOM, csv_row, safe_cell

Value = str | int | float | None
SHOWN = 25
"""Rows that a page shows; the file has all."""


@dataclass(frozen=True)
class Cell:
    """`value` stands in the file, `shown` on the page. `bar`: how much of the column's highest value this is."""

    value: Value
    shown: str
    number: bool = False
    bar: float | None = None
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """`name` is its name in an address and in a file. `note`: what it rests on, in words."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    @property
    def heads(self) -> list[tuple[str, bool]]:
        """The names of the columns, and whether figures stand in them."""
        numbers = [cell.number for cell in self.rows[0]] if self.rows else []
        return [(name, place < len(numbers) and numbers[place]) for place, name in enumerate(self.columns)]

    @property
    def first(self) -> Sequence[Sequence[Cell]]:
        return self.rows[:SHOWN]

    @property
    def rest(self) -> int:
        return max(0, len(self.rows) - SHOWN)


def text(value: str, strong: bool = False) -> Cell:
    return Cell(value, value, strong=strong)


def number(value: int, of: int | None = None) -> Cell:
    """A count; with `of`, drawn as a bar beside the highest."""
    return Cell(value, f"{value:,}", True, value / of if of else None)


def decimal(value: float | None, digits: int = 2) -> Cell:
    """A figure with so many digits after the point; in the file with six that count. None has no value."""
    if value is None:
        return Cell(None, "–", True)
    return Cell(float(f"{value:.6g}"), f"{value:,.{digits}f}", True)


def percent(value: float) -> Cell:
    return Cell(
        float(f"{value:.6g}"),
        f"{value * 100:.0f} %" if value >= 0.0995 or not value else f"{value * 100:.1f} %",
        True,
    )


def span(low: float | None, high: float | None, digits: int = 1) -> tuple[Cell, Cell]:
    """The two ends of an interval; one without an upper end says so."""
    upper = Cell(None, "∞", True) if high is None and low is not None else decimal(high, digits)
    return decimal(low, digits), upper


def probability(value: float) -> Cell:
    return Cell(float(f"{value:.6g}"), "< 0.001" if value < 0.001 else f"{value:.3f}", True)


def written(tables: Iterable[Table]) -> Iterator[str]:
    """Tables as one CSV file (RFC 4180): each row begins with the name of its table, the first of each has the names
    of its columns, notes have `note` in their second cell. No cell of it is a formula to a spreadsheet."""
    yield BOM
    for table in tables:
        yield csv_row([table.name, *(safe_cell(str(each)) for each in table.columns)])
        for row in table.rows:
            yield csv_row([table.name, *(safe_cell(cell.value) for cell in row)])
        if table.note:
            yield csv_row([table.name, _("note"), safe_cell(table.note)])
