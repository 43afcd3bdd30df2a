"""Texts compared word by word: what is left without the additions is the earlier, without the removals the later."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.agreement.compare import compare, pieces

WORDS = st.lists(
    st.sampled_from(
        [
            "the",
            "Host",
            "Party",
            "shall",
            " ",
            "  ",
            "\n",
            ",",
            "48",
            "محدود",
            "،",
            "东",
            "道",
            "方",
            "。",
            "x-y",
        ]
    ),
    max_size=30,
).map("".join)


@given(WORDS, WORDS)
def test_the_two_texts_can_be_read_out_of_their_comparison(earlier: str, later: str) -> None:
    found = compare(earlier, later)
    assert "".join(piece.text for piece in found if piece.change != "added") == earlier
    assert "".join(piece.text for piece in found if piece.change != "removed") == later


@given(st.text(max_size=200))
def test_a_text_is_its_pieces_and_does_not_differ_from_itself(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(piece.change == "same" for piece in compare(text, text))


def test_a_rewritten_phrase_is_one_change_and_punctuation_is_no_part_of_a_word() -> None:
    found = compare("within forty-eight hours, in writing", "within two days, in writing")
    assert found == (
        ("same", "within "),
        ("removed", "forty-eight hours"),
        ("added", "two days"),
        ("same", ", in writing"),
    )


def test_chinese_is_compared_by_character() -> None:
    assert compare("东道方应通知", "东道方可通知") == (
        ("same", "东道方"),
        ("removed", "应"),
        ("added", "可"),
        ("same", "通知"),
    )


def test_texts_beyond_measure_are_refused() -> None:
    with pytest.raises(ValueError, match="20000"):
        compare("a " * 20_001, "b")


@pytest.mark.parametrize("text", ["a " * 9_000, "x" * 100_000, "\n" * 9_000, "方" * 9_000])
def test_a_text_that_was_made_to_be_slow_is_compared_all_the_same(text: str) -> None:
    found = compare(text, text[2:] + "end")
    assert "".join(piece.text for piece in found if piece.change != "added") == text
