"""Days as the arrays have them: whole days since 1970-01-01."""

from __future__ import annotations

from datetime import date

_FIRST = date(1970, 1, 1).toordinal()


def day_of(moment: date) -> int:
    return moment.toordinal() - _FIRST


def day_named(text: str) -> int:
    """The day that an ISO 8601 day or moment names, whatever its offset. Raises ValueError."""
    return day_of(date.fromisoformat(text[:10]))


def date_of(day: int) -> date:
    """Raises ValueError for a day that no calendar has."""
    try:
        return date.fromordinal(int(day) + _FIRST)
    except (ValueError, OverflowError) as fault:
        raise ValueError("there is no such day") from fault


def iso_of(day: int) -> str:
    """The day as ISO 8601. Raises ValueError."""
    return date_of(day).isoformat()
