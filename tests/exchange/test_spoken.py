"""Codes for the telephone: what was misheard is noticed in the group where it happened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.exchange.spoken import (
    CODE_BYTES,
    GROUPS,
    SYMBOLS,
    CodeRefused,
    as_words,
    heard,
    key_of,
    new_code,
    written,
)

codes = st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES)


@given(codes)
def test_a_code_is_heard_as_it_was_written_and_as_it_was_spoken(code: bytes) -> None:
    text = written(code)
    assert [len(group) for group in text.split()] == [5] * GROUPS
    assert not set(text) & set("ILOU")
    for said in (
        text,
        text.lower(),
        text.replace(" ", ""),
        text.replace(" ", "-"),
        "\n".join(as_words(text)),
    ):
        assert heard(said) == code
    assert heard(text.replace("0", "o").replace("1", "l")) == code


@given(codes, st.integers(0, GROUPS * 5 - 1), st.sampled_from(SYMBOLS))
def test_one_symbol_misheard_is_noticed_in_its_group(code: bytes, place: int, other: str) -> None:
    symbols = list(written(code).replace(" ", ""))
    if symbols[place] == other:
        return
    symbols[place] = other
    with pytest.raises(CodeRefused) as caught:
        heard("".join(symbols))
    assert caught.value.group == place // 5 + 1


@given(codes, st.integers(0, GROUPS - 1), st.integers(0, 4), st.integers(0, 4))
def test_two_symbols_swapped_are_noticed_in_their_group(code: bytes, group: int, a: int, b: int) -> None:
    symbols = list(written(code).replace(" ", ""))
    first, second = group * 5 + a, group * 5 + b
    if symbols[first] == symbols[second]:
        return
    symbols[first], symbols[second] = symbols[second], symbols[first]
    with pytest.raises(CodeRefused) as caught:
        heard("".join(symbols))
    assert caught.value.group == group + 1


def test_groups_in_another_order_and_groups_of_two_codes_are_noticed() -> None:
    one, two = written(new_code()).split(), written(new_code()).split()
    with pytest.raises(CodeRefused):
        heard(" ".join([one[1], one[0], *one[2:]]))
    with pytest.raises(CodeRefused, match="not one code"):
        heard(" ".join([*one[:3], *two[3:]]))


@pytest.mark.parametrize(
    "text", ["", "7K3MD", "\u0661" * 35, "U" * 35, "0" * 10_000, "Alfa " * 34, "🔑" * 35]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(CodeRefused):
        heard(text)


def test_the_key_depends_on_code_and_salt() -> None:
    code = new_code()
    keys = {key_of(code, bytes(16)), key_of(code, bytes(15) + b"\1"), key_of(new_code(), bytes(16))}
    assert len(keys) == 3 and key_of(code, bytes(16)) in keys
