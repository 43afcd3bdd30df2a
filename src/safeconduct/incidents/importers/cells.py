"""What the text of a cell means: numbers, codes and days, each refused by its column's name if it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from safeconduct.records.moments import MomentRefused, instant

Parts = dict[str, dict[str, Any]]
Cellmap = Mapping[str, str]

MONTHS = ("%d %B %Y", "%d-%B-%Y", "%d %b %Y", "%d-%b-%Y", "%B %d, %Y")
"""Ways of writing a day that name the month, and so cannot be misread; 03/04/2020 is not guessed at."""

_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0+)?")
_DECIMAL = re.compile(r"[+-]?\d{1,12}([.,]\d{1,18})?")
_LEADING_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")


class RowRefused(ValueError):
    """A row whose cells make no incident; the text is the reason."""


def whole(cells: Cellmap, column: str) -> int | None:
    """A whole number, or None for an empty or missing cell. Raises RowRefused."""
    text = cells.get(column, "")
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise RowRefused(f"{column}: {shown(text)} is not a whole number")
    return int(text.partition(".")[0])


def code(cells: Cellmap, column: str, low: int, high: int) -> int:
    """A code that must be there and in its range. Raises RowRefused."""
    number = whole(cells, column)
    if number is None or not low <= number <= high:
        raise RowRefused(f"{column}: {shown(cells.get(column, ''))} is not a code from {low} to {high}")
    return number


def coordinates(cells: Cellmap, latitude: str = "latitude", longitude: str = "longitude") -> dict[str, float]:
    """Degrees of both columns; an empty dictionary when both are empty. Raises RowRefused."""
    found = {}
    for name, column, limit in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        text = cells.get(column, "")
        if not text:
            continue
        if not _DECIMAL.fullmatch(text):
            raise RowRefused(f"{column}: {shown(text)} is not a number of degrees")
        degrees = float(text.replace(",", "."))
        if abs(degrees) > limit:
            raise RowRefused(f"{column}: {shown(text)} is outside -{limit} to {limit} degrees")
        found[name] = degrees
    if len(found) == 1:
        raise RowRefused(f"only one of {latitude} and {longitude} is given")
    return found


def day(cells: Cellmap, column: str) -> str:
    """A day as YYYY-MM-DD, or "" for an empty cell. Raises RowRefused."""
    text = cells.get(column, "")
    if not text:
        return ""
    match = _LEADING_DAY.fullmatch(text)
    found = match.group(1) if match else _named_month(text)
    if not found:
        raise RowRefused(f"{column}: {shown(text)} is not a date like 2019-05-01")
    try:
        instant(found)
    except MomentRefused as fault:
        raise RowRefused(f"{column}: {shown(text)}: {fault}") from None
    return found


def _named_month(text: str) -> str:
    for pattern in MONTHS:
        try:
            return datetime.strptime(text, pattern).date().isoformat()
        except ValueError:
            continue
    return ""


def words(cells: Cellmap, column: str, limit: int = 200) -> str:
    """The text of a cell with its runs of white space made single, cut at `limit` characters."""
    return " ".join(cells.get(column, "").split())[:limit]


def shown(text: str) -> str:
    """A faulty cell as a refusal may quote it."""
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def without_blanks(parts: Parts) -> Parts:
    """The parts without empty fields, and without the parts that have none left."""
    kept = {
        part: {name: value for name, value in fields.items() if value is not None and value != ""}
        for part, fields in parts.items()
    }
    return {part: fields for part, fields in kept.items() if fields}
