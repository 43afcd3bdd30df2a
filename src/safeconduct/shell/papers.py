"""What a paper says, before anybody has set it in type: headings, facts, tables, charts, a map. No markup.

Rooms put a paper together from what was released to its reader; `typesetting` makes a PDF of it and a template a page.
Text is data all the way: no character of it can become markup, leave its cell or turn the direction of its neighbours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

LONGEST = 2_000
"""Characters of one text that a paper prints; the rest stands in the record."""
LONGEST_HEADING = 200
_MARKS = r"\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u20d0-\u20f0"
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_UNBROKEN = re.compile(r"[^\s\u200b\u2e80-\u9fff]{40}(?=[^\s])")
_ISOLATED = re.compile("\u2068([^\u2068\u2069]*)\u2069")
_EMPTY_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n)+[ \t]*")
_STACKED = re.compile(rf"([{_MARKS}]{{4}})[{_MARKS}]+")
_RTL = ("R", "AL")


@dataclass(frozen=True)
class Text:
    """What a cell holds. `ltr` for references, times, coordinates and figures, which Urdu does not reverse; of any
    other text its first letter decides its direction."""

    text: str
    ltr: bool = False
    soft: bool = False
    strong: bool = False

    @property
    def rtl(self) -> bool:
        return not self.ltr and first_strong(self.text) == "rtl"


@dataclass(frozen=True)
class Facts:
    """Names and values, one line each."""

    pairs: Sequence[tuple[str, Text]]


@dataclass(frozen=True)
class Table:
    """`wide` says how much of the width each column gets beside the others."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    wide: Sequence[float]
    empty: str = ""


@dataclass(frozen=True)
class Bars:
    """Counts by name; `upright` for days, which go on as the language is read."""

    title: str
    bars: Sequence[tuple[Text, int]]
    upright: bool = False

    @property
    def highest(self) -> int:
        return max((count for _, count in self.bars), default=0)


@dataclass(frozen=True)
class Map:
    """A drawing of where things are, with numbers that the table beside it has, and what is to be said about it."""

    svg: str
    notice: str
    alternative: str


Block = Text | Facts | Table | Bars | Map


@dataclass(frozen=True)
class Section:
    heading: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Paper:
    """`level` is the highest of anything in it. `moment` (epoch seconds) is what it tells of and what the file is
    dated: nothing in a paper says when it was printed. `standing` says whose ledger it is from."""

    title: str
    subtitle: str
    level: str
    label: str
    language: str
    moment: float
    standing: str
    sections: Sequence[Section]


def words(text: object, *, ltr: bool = False, soft: bool = False, strong: bool = False) -> Text:
    """A text as it may be printed: no control characters, none that turn directions, not endlessly long."""
    return Text(printable(str(text)), ltr, soft, strong)


def printable(text: str) -> str:
    """Without what cannot be printed or would reach beyond its cell; what is cut off is said to be."""
    cut = len(text) - LONGEST
    text = _DIRECTIONS.sub("", text[:LONGEST])
    text = "".join(
        c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Zl", "Zp")
    )
    text = _STACKED.sub(r"\1", _EMPTY_LINES.sub("\n\n", text)).strip("\n")
    text = _UNBROKEN.sub(lambda run: run.group() + "\u200b", text)
    if cut > 0:
        text += " " + _("… (%(count)s more characters stand in the record)") % {"count": f"{cut:,}"}
    return text


def isolated(text: str) -> str:
    """A name or another piece that goes into a sentence of the paper's own, and must not turn what is around it."""
    return f"\u2068{heading(text)}\u2069"


def heading(text: str) -> str:
    """A text on one line, as headings, names and columns have it."""
    line = " ".join(text[: 4 * LONGEST_HEADING].split())
    return printable(line if len(line) <= LONGEST_HEADING else line[:LONGEST_HEADING] + "…")


def first_strong(text: str) -> str:
    """ "rtl" or "ltr", as the first letter of a text says."""
    for c in text:
        direction = unicodedata.bidirectional(c)
        if direction in _RTL:
            return "rtl"
        if direction == "L":
            return "ltr"
    return "ltr"


def plain(paper: Paper) -> dict[str, Any]:
    """A paper as JSON, for the form that sets it."""
    return {
        "title": _sentence(paper.title),
        "subtitle": _sentence(paper.subtitle),
        "level": paper.level,
        "label": paper.label,
        "standing": _sentence(paper.standing),
        "page": _("Page"),
        "sections": [
            {"heading": _sentence(s.heading), "blocks": [_block(block) for block in s.blocks]}
            for s in paper.sections
        ],
    }


def _sentence(text: str) -> str:
    """A line of the paper's own; the pieces in it that are isolated stay so."""
    pieces = _ISOLATED.split(text)
    return "".join(isolated(piece) if number % 2 else _bare(piece) for number, piece in enumerate(pieces))


def _bare(text: str) -> str:
    inner = heading(text)
    first, last = text[:1].isspace(), text[-1:].isspace()
    return f"{' ' * first}{inner}{' ' * (last and bool(inner))}"


def _text(text: Text) -> dict[str, Any]:
    return {"text": text.text, "rtl": text.rtl, "ltr": text.ltr, "soft": text.soft, "strong": text.strong}


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return {"block": "text", **_text(block)}
        case Facts():
            return {"block": "facts", "pairs": [[heading(n), _text(value)] for n, value in block.pairs]}
        case Table():
            return {
                "block": "table",
                "columns": [heading(c) for c in block.columns],
                "rows": [[_text(cell) for cell in row] for row in block.rows],
                "wide": list(block.wide),
                "empty": block.empty,
            }
        case Bars():
            return {
                "block": "columns" if block.upright else "bars",
                "title": heading(block.title),
                "bars": [[_text(name), count] for name, count in block.bars],
                "highest": max(block.highest, 1),
            }
        case Map():
            return {
                "block": "map",
                "svg": block.svg,
                "notice": block.notice,
                "alternative": block.alternative,
            }
