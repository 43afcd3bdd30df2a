"""What a device said, whichever protocol it spoke, with everything checked before anything is done with it.

Degrees WGS 84, metres, metres a second, seconds since 1970.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

MOST_DIGITS = 24


class NotUnderstood(ValueError):
    """Not a message of the protocol; the text is for whoever set up the device, and repeats nothing of it."""


@dataclass(frozen=True)
class Place:
    latitude: float
    longitude: float
    at: float
    accuracy_m: float | None = None
    speed: float | None = None
    heading: float | None = None


@dataclass(frozen=True)
class Said:
    """A place, a call for help, both, or (`note`) something that is to be answered and forgotten. `answer` is what the
    bearer wrote with it, which may be a word for a muster."""

    place: Place | None = None
    sos: bool = False
    at: float | None = None
    text: str = ""
    note: str = ""
    answer: str = ""


def json_object(body: bytes) -> dict[str, Any]:
    """The object in a JSON body in UTF-8, every text of it one that can be stored. Raises NotUnderstood."""
    try:
        given = json.loads(body.decode("utf-8"))
        json.dumps(given, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NotUnderstood("not JSON in UTF-8") from None
    if not isinstance(given, dict):
        raise NotUnderstood("a message is an object")
    return given


def number(value: Any, name: str, low: float, high: float) -> float:
    """A finite number within bounds, given as one or as text. Raises NotUnderstood."""
    try:
        if isinstance(value, bool) or (isinstance(value, str) and len(value) > MOST_DIGITS):
            raise ValueError
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise NotUnderstood(f"{name} is a number") from None
    if not math.isfinite(found) or not low <= found <= high:
        raise NotUnderstood(f"{name} is between {low:g} and {high:g}")
    return found


def perhaps(value: Any, low: float, high: float) -> float | None:
    """The same for what a position can do without: None for what is absent or makes no sense."""
    try:
        return number(value, "", low, high)
    except NotUnderstood:
        return None
