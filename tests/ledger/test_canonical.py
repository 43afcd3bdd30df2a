"""RFC 8785, against another implementation of it."""

from __future__ import annotations

import enum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.ledger.canonical import MAX_INTEGER, CanonicalRefused, canonical

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalar = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | text
values = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_agrees_with_rfc8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_keys_sort_by_utf16_units() -> None:
    # U+1F600 begins with the surrogate D83D, which sorts before U+FB33 although its code point is higher.
    value = {
        "\ufb33": 1,
        "\U0001f600": 2,
        "\u20ac": 3,
        "\r": 4,
        "1": 5,
        "inner": {"\ue000": 6, "\U00010000": 7},
    }
    raw = canonical(value)
    assert raw == rfc8785.dumps(value)
    assert raw.index("\U0001f600".encode()) < raw.index("\ufb33".encode())
    assert raw.index("\U00010000".encode()) < raw.index("\ue000".encode())


def test_control_characters_are_escaped_as_the_standard_says() -> None:
    assert canonical('\x00\b\t\n\f\r\x1f"\\/\x7f') == b'"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\x7f"'


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        {"at": 0.5},
        [[0.0]],
        {1: "a"},
        {None: "a"},
        {True: "a"},
        b"bytes",
        {"a": b""},
        object(),
        {"set": {1}},
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        "\ud800",
        {"\udfff": 1},
        {"deep": ["\U0001f600", "\ud83d"]},
    ],
)
def test_refuses_what_has_no_canonical_form(value: Any) -> None:
    with pytest.raises(CanonicalRefused):
        canonical(value)


def test_refuses_deep_and_circular_values() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    circular: dict[str, Any] = {}
    circular["self"] = circular
    for value in (deep, circular):
        with pytest.raises(CanonicalRefused):
            canonical(value)


def test_members_of_enumerations_are_their_values() -> None:
    class State(enum.StrEnum):
        OPEN = "open"

    class Level(enum.IntEnum):
        SECRET = 3

    assert canonical({"state": State.OPEN, "level": Level.SECRET, "pair": (1, 2)}) == (
        b'{"level":3,"pair":[1,2],"state":"open"}'
    )
