"""The words of all the committee's lines of work together, as its pages look them up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safeconduct.committee import assistance_words, deployment_words, statement_words, strategy_words
from safeconduct.records.kinds import PartRefused
from safeconduct.shell.terms import plain

ROOMS = (strategy_words, assistance_words, deployment_words, statement_words)
PARTS: dict[str, Any] = {}
STATES: dict[str, Any] = {}
FIELDS: dict[str, Any] = {}
CODES: dict[str, dict[str, Any]] = {}
REFUSALS: dict[str, Any] = {}
for _room in ROOMS:
    PARTS |= _room.PARTS
    STATES |= _room.STATES
    FIELDS |= _room.FIELDS
    REFUSALS |= _room.REFUSALS
    for _field, _codes in _room.CODES.items():
        CODES[_field] = {**_codes, **CODES.get(_field, {})}

BY_KIND: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("assistance_answer", "outcome"): assistance_words.ANSWERED,
    ("assistance_receipt", "outcome"): assistance_words.RECEIVED,
    ("end_use_check", "outcome"): assistance_words.KEPT,
    ("statement_answer", "outcome"): statement_words.ANSWERS,
}
"""Codes whose word depends on the kind that they stand in."""


def code(kind: str, field: str, value: str) -> str:
    """The word for a code in a field of a kind; the value itself where the field holds no code."""
    words = BY_KIND.get((kind, field)) or CODES.get(field)
    return plain(words, value) if words is not None else value


def reason(fault: Exception) -> str:
    """Why something was not taken, in the reader's words and without the names of our parts."""
    said = [why for _part, _field, why in fault.errors] if isinstance(fault, PartRefused) else [str(fault)]
    bare = [each.removeprefix("Value error, ") for each in said]
    return " ".join(str(REFUSALS.get(each, each)) for each in bare)
