"""Disclosures after RFC 9901 and sealing."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.ledger.parts import (
    DisclosureRefused,
    UnsealRefused,
    digest,
    disclosure,
    disclosures,
    new_salt,
    open_disclosure,
    resalted,
    seal,
    unseal,
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
fields = st.dictionaries(
    text, st.none() | st.booleans() | st.integers() | text | st.floats(allow_nan=False, allow_infinity=False)
)


def encoded(raw: bytes | str) -> str:
    raw = raw.encode() if isinstance(raw, str) else raw
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_the_example_of_the_standard() -> None:
    example = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert digest(example) == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
    assert open_disclosure(example) == ("_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius")


@given(fields)
def test_opens_to_what_was_put_in(value: dict[str, Any]) -> None:
    text = disclosure("place", value)
    salt, name, opened = open_disclosure(text)
    assert (name, opened) == ("place", value)
    assert disclosure("place", value, salt) == text
    expected = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    assert digest(text) == expected


@given(fields)
def test_another_salt_changes_nothing_else(value: dict[str, Any]) -> None:
    salt = new_salt()
    private = disclosure("summary", value)
    seen: list[str] = []
    given_out = resalted(private, lambda own: seen.append(own) or salt)
    assert given_out == disclosure("summary", value, salt)
    assert seen == [open_disclosure(private)[0]]


@pytest.mark.parametrize("salt", ["short", 'a"b' * 8, "ä" * 12])
def test_only_a_salt_of_the_form_is_replaced_by_one(salt: str) -> None:
    with pytest.raises(DisclosureRefused):
        resalted(disclosure("summary", {}, salt), lambda own: new_salt())
    with pytest.raises(DisclosureRefused):
        resalted(disclosure("summary", {}), lambda own: salt)


def test_all_parts_in_fixed_order_empty_ones_too() -> None:
    order = ("what", "where", "who")
    made = disclosures({"who": {"name": "نام"}, "what": {"text": "x"}}, order)
    opened = [open_disclosure(text) for text in made]
    assert [name for _, name, _ in opened] == list(order)
    assert [value for _, _, value in opened] == [{"text": "x"}, None, {"name": "نام"}]
    salts = {salt for salt, _, _ in opened}
    assert len(salts) == 3 and all(len(base64.urlsafe_b64decode(salt)) == 18 for salt in salts)
    again = disclosures({"who": {"name": "نام"}, "what": {"text": "x"}}, order)
    assert not set(made) & set(again)
    assert disclosures({}, ()) == []


def test_salts_do_not_repeat() -> None:
    assert len({new_salt() for _ in range(1000)}) == 1000


def test_refuses_what_cannot_be_a_part() -> None:
    for name in ("", "_sd", "..."):
        with pytest.raises(DisclosureRefused):
            disclosure(name, {})
    with pytest.raises(DisclosureRefused):
        disclosures({"other": {}}, ("what",))
    for value in (float("nan"), {"x": float("inf")}, {"x": b""}, {"x": "\ud800"}, object()):
        with pytest.raises(DisclosureRefused):
            disclosure("what", value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        "é",
        encoded("[1"),
        encoded("{}"),
        encoded('["salt","name"]'),
        encoded('["salt","name",1,2]'),
        encoded('[1,"name",1]'),
        encoded('["salt",1,1]'),
        encoded('["salt","",1]'),
        encoded('["salt","_sd",1]'),
        encoded('["salt","...",1]'),
        encoded('["salt","name",NaN]'),
        encoded('["salt","name",{"a":1,"a":2}]'),
        encoded('["salt","name","\\ud800"]'),
        encoded('["salt","name","\x01"]'),
        encoded(b'["salt","name","\xff"]'),
        encoded('["salt","name",' + "[" * 100_000 + "]" * 100_000 + "]"),
        encoded('["salt","name",' + "9" * 5000 + "]"),
        encoded('["salt","name",1]') + "=",
        encoded('["salt","name",1]') + "\n",
        encoded('["salt","name","??>"]').replace("_", "/").replace("-", "+"),
        encoded('["salt","name",1]')[:-1],
    ],
)
def test_refuses_hostile_disclosures(text: str) -> None:
    with pytest.raises(DisclosureRefused):
        open_disclosure(text)


def test_refuses_a_second_spelling_in_base64() -> None:
    text = encoded('["s","n",1]')
    twin = text[:-1] + chr(ord(text[-1]) + 1)
    assert base64.urlsafe_b64decode(twin + "=") == base64.urlsafe_b64decode(text + "=")
    with pytest.raises(DisclosureRefused):
        open_disclosure(twin)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_sealing_opens_only_with_its_key_in_its_place(plaintext: bytes, aad: bytes) -> None:
    key = os.urandom(32)
    sealed = seal(key, plaintext, aad)
    assert len(sealed) == len(plaintext) + 28
    assert unseal(key, sealed, aad) == plaintext
    assert seal(key, plaintext, aad) != sealed
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for other in ((os.urandom(32), sealed, aad), (key, sealed, aad + b"x"), (key, flipped, aad)):
        with pytest.raises(UnsealRefused):
            unseal(*other)


def test_sealing_refuses_short_input_and_wrong_keys() -> None:
    with pytest.raises(UnsealRefused):
        unseal(bytes(32), bytes(27), b"")
    for length in (0, 16, 31, 33):
        with pytest.raises(ValueError):
            seal(bytes(length), b"", b"")
