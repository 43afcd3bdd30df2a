"""Canonical JSON (RFC 8785) for the values that headers and statements are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 64
"""How deep a value may nest; deeper is refused rather than left to the interpreter's stack."""

MAX_INTEGER = 2**53 - 1
"""Integers beyond this lose digits in readers that hold numbers as doubles (RFC 8785, I-JSON)."""

_PLAIN = frozenset({str, bool, type(None)})
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_encode_unsorted = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class CanonicalRefused(ValueError):
    """The value has no canonical form here: a float, a key that is not text, a huge integer, ..."""


def canonical(value: Any) -> bytes:
    """The one byte string of `value`, a text, integer, boolean, None, list or dictionary of these.

    Floats are refused although RFC 8785 allows them: two libraries that print one differently would
    break a signature. Raises CanonicalRefused.
    """
    _check(value, MAX_DEPTH)
    text = _encode(value)
    if not text.isascii():
        try:
            units = len(text.encode("utf-16-le")) // 2
        except UnicodeEncodeError:
            raise CanonicalRefused("text holds a lone surrogate") from None
        # RFC 8785 sorts keys by UTF-16 units, Python by code points: they differ only beyond U+FFFF.
        if units != len(text):
            text = _encode_unsorted(_by_utf16(value))
    return text.encode()


def deeper_than(value: object, depth: int) -> bool:
    """Whether lists and dictionaries stand in one another deeper than that. Counted without recursion, so that every
    process judges alike, however deep its own stack is at that moment."""
    level = [value]
    for _ in range(depth + 1):
        inner: list[object] = []
        for each in level:
            inner += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        if not inner:
            return False
        level = inner
    return True


def _check(value: Any, depth: int) -> None:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise CanonicalRefused(f"key {key!r} is not text")
        _check_all(value.values(), depth)
    elif isinstance(value, (list, tuple)):
        _check_all(value, depth)
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise CanonicalRefused("integer beyond 2^53 - 1")
    elif value is not None and not isinstance(value, str):
        raise CanonicalRefused(f"{type(value).__name__} has no canonical form here")


def _check_all(items: Iterable[Any], depth: int) -> None:
    if depth == 0:
        raise CanonicalRefused("nested too deeply")
    for item in items:
        kind = type(item)
        if kind in _PLAIN or (kind is int and -MAX_INTEGER <= item <= MAX_INTEGER):
            continue
        _check(item, depth - 1)


def _by_utf16(value: Any) -> Any:
    if isinstance(value, dict):
        order = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return {key: _by_utf16(value[key]) for key in order}
    if isinstance(value, (list, tuple)):
        return [_by_utf16(item) for item in value]
    return value
