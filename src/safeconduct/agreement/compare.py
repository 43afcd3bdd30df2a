"""Two texts compared word by word; those of a script without spaces, character by character."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

Change = Literal["same", "removed", "added"]

_PIECES = re.compile(r"[⺀-鿿豈-﫿＀-￯　-〿]|[^\S\n]+|\n+|[^\s⺀-鿿豈-﫿＀-￯　-〿]+")
"""One Han character or full-width sign; spaces; line ends; or a run of anything else, which is a word."""
_MARKS = re.compile(r"(\w+)|([^\w\s]+)")
MOST_PIECES = 20_000


class Piece(NamedTuple):
    """A run of text that both have, that only the earlier has, or only the later."""

    change: Change
    text: str


def pieces(text: str) -> list[str]:
    """The words of a text, its spaces and its punctuation, in order: joined they are the text."""
    found: list[str] = []
    for run in _PIECES.findall(text):
        if run.isspace() or len(run) == 1:
            found.append(run)
        else:
            found += [word or mark for word, mark in _MARKS.findall(run)]
    return found


def compare(earlier: str, later: str) -> tuple[Piece, ...]:
    """What the later text changes: the pieces that are not added make the earlier text, those not removed the later.

    Raises ValueError for texts of more than 20,000 words.
    """
    before, after = pieces(earlier), pieces(later)
    if max(len(before), len(after)) > MOST_PIECES:
        raise ValueError(f"texts of at most {MOST_PIECES} words are compared")
    return tuple(_merged(_steps(before, after)))


def _steps(before: list[str], after: list[str]) -> Iterator[Piece]:
    # What stands everywhere in a long text (a space, "the") is not looked for by itself: else time grows as its square.
    for step, i, j, k, end in SequenceMatcher(None, before, after).get_opcodes():
        if step == "equal":
            yield Piece("same", "".join(before[i:j]))
            continue
        yield Piece("removed", "".join(before[i:j]))
        yield Piece("added", "".join(after[k:end]))


def _merged(found: Iterator[Piece]) -> Iterator[Piece]:
    """Without empty pieces; a space between two changes of a kind belongs to them, so that a rewritten phrase is read
    as one."""
    waiting: list[Piece] = []
    for piece in found:
        if not piece.text:
            continue
        if waiting and piece.change == "same" and piece.text.isspace() and "\n" not in piece.text:
            waiting.append(piece)
        elif waiting and piece.change == "same":
            yield from _flushed(waiting)
            yield piece
        elif piece.change == "same":
            yield piece
        else:
            waiting.append(piece)
    yield from _flushed(waiting)


def _flushed(waiting: list[Piece]) -> Iterator[Piece]:
    """The changes gathered so far, what is removed first; spaces after the last of them stand by themselves."""
    tail = ""
    while waiting and waiting[-1].change == "same":
        tail = waiting.pop().text + tail
    for change in ("removed", "added"):
        text = "".join(piece.text for piece in waiting if piece.change in (change, "same"))
        if any(piece.change == change for piece in waiting):
            yield Piece(change, text)
    if waiting and not any(piece.change == "added" for piece in waiting):
        gap = "".join(piece.text for piece in waiting if piece.change == "same")
        if gap:
            yield Piece("added", gap)
    if waiting and not any(piece.change == "removed" for piece in waiting):
        gap = "".join(piece.text for piece in waiting if piece.change == "same")
        if gap:
            yield Piece("removed", gap)
    if tail:
        yield Piece("same", tail)
    waiting.clear()
