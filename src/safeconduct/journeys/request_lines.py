"""Lists that a request takes as lines of text: names, vehicles, stops, check-in points; one to a line.

Fields in a line are parted by a semicolon (also the Chinese and the Urdu one); what is left out is left empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

_PARTED = re.compile(r"[;；؛\t]")
_HOUR = re.compile(r"(\d{1,2})[:.٫](\d{2})")
_DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")
MAX_LINES = 500
ARMOURED = ("armoured", "armored", "بکتر بند", "装甲")


class LineRefused(ValueError):
    """A line that says nothing that could be understood; `number` counts from 1."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number
        self.why = why


def lines_of(text: str) -> list[tuple[int, list[str]]]:
    """(line number, fields) of the lines that are not empty. Raises LineRefused for too many."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = [field.strip() for field in _PARTED.split(line)]
        if any(fields):
            found.append((number, fields))
        if len(found) > MAX_LINES:
            raise LineRefused(number, f"at most {MAX_LINES} lines")
    return found


def names_in(text: str) -> list[dict[str, Any]]:
    """Travellers: `name; nationality; employer; passport`."""
    found = []
    for number, fields in lines_of(text):
        name, nationality, employer, passport = _padded(number, fields, 4)
        who = {"name": name, "nationality": nationality, "employer": employer}
        parts: dict[str, Any] = {"who": {key: value for key, value in who.items() if value}}
        if passport:
            parts["document"] = {"passport": passport}
        found.append(parts)
    return found


def vehicles_in(text: str) -> list[dict[str, Any]]:
    """Vehicles: `plate; type; armoured`, the last word only where it is so."""
    found = []
    for number, fields in lines_of(text):
        plate, kind, armoured = _padded(number, fields, 3)
        found.append({"plate": plate, "type": kind, "armoured": armoured.casefold() in ARMOURED})
    return found


def stops_in(text: str) -> list[tuple[str, int]]:
    """Stops: `place; minutes`."""
    found = []
    for number, fields in lines_of(text):
        place, minutes = _padded(number, fields, 2)
        told = minutes.translate(_DIGITS)
        if told and not (told.isascii() and told.isdigit() and len(told) <= 4):
            raise LineRefused(number, "minutes are a number")
        found.append((place, int(told) if told else 0))
    return found


def points_in(text: str, depart: datetime) -> list[dict[str, str]]:
    """Check-in points: `name; hour`, each the next such hour after the one before it."""
    found, after = [], depart
    for number, fields in lines_of(text):
        name, hour = _padded(number, fields, 2)
        told = _HOUR.fullmatch(hour.translate(_DIGITS))
        if told is None or int(told[1]) > 23 or int(told[2]) > 59:
            raise LineRefused(number, "an hour is written like 14:30")
        due = after.replace(hour=int(told[1]), minute=int(told[2]), second=0, microsecond=0)
        if due <= after:
            due += timedelta(days=1)
        found.append({"name": name, "due": due.isoformat()})
        after = due
    return found


def written(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as such lines, empty fields at the end left out."""
    found = []
    for row in rows:
        fields = [re.sub(r"[;；؛\t\r\n]", " ", str(field)).strip() for field in row]
        while fields and not fields[-1]:
            fields.pop()
        found.append("; ".join(fields))
    return "\n".join(found)


def vehicle_rows(vehicles: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    return [
        [each.get("plate", ""), each.get("type", ""), ARMOURED[0] if each.get("armoured") else ""]
        for each in vehicles
    ]


def _padded(number: int, fields: list[str], count: int) -> list[str]:
    if len(fields) > count or not fields[0]:
        raise LineRefused(number, f"a line has 1 to {count} fields, the first not empty")
    return [*fields, *[""] * (count - len(fields))]
