"""A name is found whatever script it is written or asked in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.records.search import match_expression
from safeconduct.records.spelling import also_known_as, latin, sound_query, sounds


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Muhammad Ahmed Khan", "محمد احمد خان"),
        ("Mohammed Ahmad Khan", "محمد احمد خان"),
        ("Chaudhry", "چوہدری"),
        ("Zulfiqar", "ذوالفقار"),
        ("Abdullah", "عبداللہ"),
        ("Qasim", "قاسم"),
        ("Kasim", "Qasim"),
        ("Zhang Wei", "张伟"),
        ("ژانگ وی", "张伟"),
        ("Łukasz", "Lukasz"),
    ],
)
def test_names_that_sound_alike_in_two_scripts(one: str, other: str) -> None:
    assert sounds(one) == sounds(other) != ()


def test_chinese_names_by_pinyin() -> None:
    assert {"zhang", "wei", "zhangwei"} <= set(also_known_as("张伟").split())
    assert {"shan", "dan", "tianfang"} <= set(also_known_as("单田芳").split())
    assert {"lv", "lu"} <= set(also_known_as("吕布").split())
    assert latin("张伟") == "zhang wei"


def test_a_plain_name_is_not_written_twice() -> None:
    assert also_known_as("Khan") == "ʔkn"


@given(st.text(max_size=400))
def test_any_text_has_a_spelling_and_never_an_operator(text: str) -> None:
    also_known_as(text)
    asked = sound_query(text)
    expression = match_expression(asked)
    assert (expression is None) == (asked == "")
    assert latin(text).isascii()
