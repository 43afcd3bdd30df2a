"""Moments as reports give them: a day, or an instant with its UTC offset (ISO 8601 / RFC 3339)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})")
_EARLIEST, _LATEST = 1900, 2200


class MomentRefused(ValueError):
    """Text that is neither a day nor an instant with its UTC offset."""


def is_day(text: str) -> bool:
    """Whether the moment names a whole day rather than an instant."""
    return bool(_DAY.fullmatch(text))


def instant(text: str) -> datetime:
    """The moment in UTC; a day counts from its first second. Raises MomentRefused."""
    if not (is_day(text) or _INSTANT.fullmatch(text)):
        raise MomentRefused("not a day (2024-10-06) or an instant with its offset (2024-10-06T23:00+05:00)")
    try:
        parsed = datetime.fromisoformat(text)
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise MomentRefused(f"no such date or time: {fault}") from None
    if not _EARLIEST <= parsed.year < _LATEST:
        raise MomentRefused(f"the year must be from {_EARLIEST} to {_LATEST - 1}")
    return parsed


def in_order(start: str, end: str) -> bool:
    """Whether `end` may follow `start`; a whole day reaches to its last second in any time zone's reading."""
    if is_day(start) or is_day(end):
        slack = timedelta(hours=14) if is_day(start) != is_day(end) else timedelta()
        last = instant(end) + (timedelta(days=1) - timedelta(microseconds=1) if is_day(end) else timedelta())
        return last + slack >= instant(start)
    return instant(end) >= instant(start)


def ends(text: str) -> float:
    """When a moment is over, in epoch seconds: a day at its end, by UTC. Raises MomentRefused."""
    return instant(text).timestamp() + (86_400.0 if is_day(text) else 0.0)


def _checked(text: str) -> str:
    instant(text)
    return text.replace(" ", "T")


def _checked_instant(text: str) -> str:
    if is_day(text):
        raise MomentRefused("an instant with its offset, not a whole day")
    return _checked(text)


Moment = Annotated[str, StringConstraints(max_length=32), AfterValidator(_checked)]
"""A model's field that holds a day or an instant, kept as it was written."""

Instant = Annotated[str, StringConstraints(max_length=32), AfterValidator(_checked_instant)]
"""A model's field that holds an instant with its UTC offset, kept as it was written."""
