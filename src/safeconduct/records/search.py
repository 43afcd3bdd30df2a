"""Full text over visible parts, in three scripts: one row of the index for each record and part.

Latin and Arabic script are split at word boundaries; Chinese has none, so each of its characters is a word
of its own and a query for several is a phrase. Urdu is written in more than one way: vowel marks, joiners and the
Arabic forms of its letters make no difference. Names are also found by their Latin spelling and their sound.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from safeconduct.records.kinds import Kind
from safeconduct.records.spelling import also_known_as

if TYPE_CHECKING:
    from safeconduct.records.projection import Tables

PART_BITS = 4
_HAN = re.compile(r"([\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f])")
_WORD = re.compile(r"\w+")
_URDU = {"ی": "يىئ", "ک": "ك", "ہ": "هةۀۂۃ", "ا": "أإآٱ", "و": "ؤ", "ے": "ۓ", "": "\u0640\u200c\u200d"}
_MARKS = (*range(0x0610, 0x061B), *range(0x064B, 0x0660), 0x0670, *range(0x06D6, 0x06EE))
_ARABIC = (
    {ord(letter): kept for kept, letters in _URDU.items() for letter in letters}
    | dict.fromkeys(_MARKS)
    | {first + digit: str(digit) for first in (0x0660, 0x06F0) for digit in range(10)}
)
"""Letters in the form that Urdu uses, digits in that of all; marks and joiners are gone."""


def fold(text: str) -> str:
    """Text as it is indexed: compatibility forms and case folded, Arabic letters in their Urdu form."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_ARABIC)
    return _HAN.sub(r" \1 ", plain)


def match_expression(query: str) -> str | None:
    """A query as an FTS5 expression that has no operators of its own; None when it holds no word."""
    terms = []
    for chunk in query.split():
        words = _WORD.findall(fold(chunk))
        if words:
            terms.append('"' + " ".join(words) + '"*')
    return " ".join(terms) or None


def searched(kind: Kind, parts: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What of a record is in the index: each path and its text."""
    found = []
    for path in kind.searched:
        part, _, name = path.partition(".")
        value = (parts.get(part) or {}).get(name)
        if isinstance(value, str) and value:
            found.append((path, value))
    return found


def index_text(
    tables: Tables, kind: Kind, born: int, parts: Mapping[str, Mapping[str, Any]], fresh: bool
) -> None:
    """Replace, once the tables settle, what the index holds of a record.

    `born` is the ledger index of its first version.
    """
    texts: dict[str, list[str]] = {}
    for path, value in searched(kind, parts):
        texts.setdefault(path.partition(".")[0], []).append(value)
        if path in kind.names:
            texts[path.partition(".")[0]].append(also_known_as(value))
    if not fresh:
        remove_text(tables, kind, born, (1 << len(kind.parts)) - 1)
    for part, values in texts.items():
        tables.defer(*tables.dialect.put_text(born << PART_BITS | kind.bit(part), fold("\n".join(values))))


def remove_text(tables: Tables, kind: Kind, born: int, mask: int) -> None:
    for part in {path.partition(".")[0] for path in kind.searched}:
        bit = kind.bit(part)
        if mask >> bit & 1:
            tables.defer("DELETE FROM records_search WHERE rowid = %s", [born << PART_BITS | bit])


# --- what matched, for showing it ------------------------------------------------------------------------

_TOKEN = re.compile(
    r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
    r"|(?:(?![\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f])(?:[^\W_]|[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u0300-\u036f\u200c\u200d]))+"
)
BEFORE, AFTER = 60, 160
"""Characters of a text that are shown before and after the first word that matched."""
Piece = tuple[str, bool]
"""A stretch of a text, and whether it is what was searched for."""


def terms(query: str) -> list[list[str]]:
    """The words that must follow one another, for each piece of a query; the last word of each may go on."""
    found = ([_bare(word) for word in _WORD.findall(fold(chunk))] for chunk in query.split())
    return [words for words in found if words]


def _bare(word: str) -> str:
    """A folded word without Latin accents, which the index does not tell apart either."""
    if word.isascii():
        return word
    return "".join(c for c in unicodedata.normalize("NFD", word) if not "\u0300" <= c <= "\u036f")


def excerpt(text: str, query: str) -> list[Piece]:
    """A piece of a text around the first match, in stretches; [] when nothing of it matches the query."""
    tokens = [
        (found.start(), found.end(), _bare(fold(found.group()).strip())) for found in _TOKEN.finditer(text)
    ]
    hits: set[int] = set()
    for words in terms(query):
        for first in range(len(tokens) - len(words) + 1):
            here = [token[2] for token in tokens[first : first + len(words)]]
            if here[:-1] == words[:-1] and here[-1].startswith(words[-1]):
                hits.update(range(first, first + len(words)))
    if not hits:
        return []
    start, end = tokens[min(hits)][0] - BEFORE, tokens[min(hits)][0] + AFTER
    shown = [token for token in tokens if token[0] >= start and token[1] <= end] or [tokens[min(hits)]]
    start = 0 if start <= 0 else shown[0][0]
    end = len(text) if end >= len(text) else shown[-1][1]
    pieces: list[Piece] = [("…", False)] if start else []
    at = start
    for first, last in _runs([tokens[number][:2] for number in sorted(hits)], text):
        if first >= at and last <= end:
            pieces += [(text[at:first], False)] if first > at else []
            pieces.append((text[first:last], True))
            at = last
    pieces += [(text[at:end], False)] if at < end else []
    return [*pieces, ("…", False)] if end < len(text) else pieces


def _runs(spans: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Spans that follow one another with nothing or a space between them are one."""
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined and not text[joined[-1][1] : first].strip():
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined
