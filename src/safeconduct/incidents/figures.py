"""Claims side by side, how grave an incident is, and one line that says what is known.

Nothing here decides which source is right. A figure that a source corrected counts in its latest form;
figures of different sources that cannot all be true are marked as disagreeing, and all of them stay.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from safeconduct.incidents.kinds import MEASURED, UNITS
from safeconduct.records.moments import instant

Released = Mapping[str, Any]
"""A released record: `id`, `version`, `state`, `originator`, `label`, `parts` (visible ones), `withheld`."""


@dataclass(frozen=True)
class Interval:
    """The numbers a claim allows: `low` alone is "at least", `high` alone "up to", `best` alone exact."""

    low: float
    high: float
    best: float | None = None

    @classmethod
    def of(cls, figure: Mapping[str, Any]) -> Interval:
        """From the figure part of a claim, which has at least one of low, best and high."""
        low, best, high = (figure.get(end) for end in ("low", "best", "high"))
        if low is None and high is None and best is not None:
            return cls(best, best, best)
        return cls(low if low is not None else 0, high if high is not None else math.inf, best)

    @property
    def text(self) -> str:
        """The interval in digits: 3, 10-17, ≥ 10, ≤ 16, or 2 (1-3) when a best figure stands inside it."""
        low, high = _digits(self.low), _digits(self.high)
        if self.low == self.high:
            return low
        span = f"≥ {low}" if math.isinf(self.high) else f"≤ {high}" if self.low == 0 else f"{low}-{high}"
        return span if self.best is None else f"{_digits(self.best)} ({span})"


@dataclass(frozen=True)
class Column:
    """One source: an outlet as one party cites it. The same outlet cited by both parties is two columns."""

    outlet: str
    party: str
    originator: str
    grade: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.outlet.casefold(), self.party, self.originator)


@dataclass(frozen=True)
class Cell:
    """What one source says of one figure: the claim that holds, and how many earlier ones it replaced."""

    claim: str
    interval: Interval
    unit: str
    published: str = ""
    earlier: int = 0


@dataclass(frozen=True)
class Row:
    """One figure across all sources. `low` and `high` span everything claimed."""

    what: str
    unit: str
    cells: tuple[Cell | None, ...]
    low: float
    high: float
    disagree: bool

    @property
    def spread(self) -> str:
        return Interval(self.low, self.high).text


@dataclass(frozen=True)
class Table:
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    statements: tuple[Released, ...] = field(default=())
    """Claims without a visible figure: their remark is all there is to show."""


def _digits(number: float) -> str:
    return str(int(number)) if math.isfinite(number) and number == int(number) else f"{number:g}"


def _said(claim: Released) -> tuple[float, int, str]:
    """Order of a source's claims: when published (unknown first), then the record's version, then its id."""
    published = claim["parts"].get("source", {}).get("published")
    return (
        instant(published).timestamp() if published else -math.inf,
        int(claim.get("version", 0)),
        str(claim["id"]),
    )


def _column(claim: Released) -> Column:
    source = claim["parts"].get("source", {})
    grade = f"{source.get('reliability') or ''}{source.get('credibility') or ''}"
    return Column(source.get("outlet", ""), source.get("party", ""), str(claim.get("originator", "")), grade)


def _cannot_all_be_true(intervals: Iterable[Interval]) -> bool:
    """Whether no single number lies in every interval."""
    seen = list(intervals)
    return bool(seen) and max(i.low for i in seen) > min(i.high for i in seen)


def side_by_side(claims: Iterable[Released]) -> Table:
    """One row per figure, one column per source. The order of `claims` does not matter.

    Retracted claims are left out; a claim whose source is withheld stands in a column without a name.
    """
    columns: dict[tuple[str, str, str], tuple[tuple[float, int, str], Column]] = {}
    said: dict[tuple[str, tuple[str, str, str]], list[Released]] = {}
    statements: list[Released] = []
    for claim in sorted(claims, key=_said):
        if claim.get("state") == "retracted":
            continue
        figure = claim["parts"].get("figure")
        if figure is None:
            statements.append(claim)
            continue
        column = _column(claim)
        first = columns[column.key][0] if column.key in columns else _said(claim)
        columns[column.key] = (first, column)
        said.setdefault((figure["what"], column.key), []).append(claim)
    ordered = sorted(columns, key=lambda key: (columns[key][0], key))
    rows = [_row(what, ordered, said) for what in MEASURED if any((what, key) in said for key in ordered)]
    return Table(tuple(columns[key][1] for key in ordered), tuple(rows), tuple(statements))


def _row(
    what: str,
    ordered: list[tuple[str, str, str]],
    said: Mapping[tuple[str, tuple[str, str, str]], list[Released]],
) -> Row:
    cells = tuple(_cell(said[what, key]) if (what, key) in said else None for key in ordered)
    present = [cell for cell in cells if cell is not None]
    return Row(
        what=what,
        unit=next((cell.unit for cell in present if cell.unit), UNITS.get(what, "")),
        cells=cells,
        low=min(cell.interval.low for cell in present),
        high=max(cell.interval.high for cell in present),
        disagree=_cannot_all_be_true(cell.interval for cell in present),
    )


def _cell(claims: list[Released]) -> Cell:
    latest = claims[-1]
    figure = latest["parts"]["figure"]
    return Cell(
        claim=str(latest["id"]),
        interval=Interval.of(figure),
        unit=figure.get("unit", ""),
        published=latest["parts"].get("source", {}).get("published", ""),
        earlier=len(claims) - 1,
    )


SEVERITIES = ("negligible", "minor", "moderate", "severe", "critical")
"""Impact as the security risk management process of the UN grades it, lowest first."""

_DEADLY = 10
"""Killed from which an incident is critical; the usual threshold of a mass-casualty incident."""


def severity(parts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """How grave the visible parts say the incident is; None when they give no figures.

    The worst number still held possible counts, so that a doubtful report is never played down.
    """
    people, summary = parts.get("people"), parts.get("summary", {})
    if people is None:
        return None
    killed, injured = (_worst(people, name) for name in ("killed", "injured"))
    if killed is None and injured is None:
        return None
    if (killed or 0) >= _DEADLY:
        return "critical"
    if killed or (injured or 0) >= _DEADLY:
        return "severe"
    if injured or summary.get("category") == "kidnapping":
        return "moderate"
    return "minor" if summary.get("category") in ("attack", "threat", "unrest") else "negligible"


def _worst(people: Mapping[str, Any], name: str) -> int | None:
    numbers = [
        people[f"{group}_{end}"]
        for group in (name, f"{name}_foreign", f"{name}_host")
        for end in ("low", "best", "high")
        if people.get(f"{group}_{end}") is not None
    ]
    return max(numbers, default=None)
