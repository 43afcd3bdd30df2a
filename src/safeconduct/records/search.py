"""Full text over visible parts, in three scripts: one row of the index for each record and part.

Latin and Arabic script are split at word boundaries; Chinese has none, so each of its characters is a word
of its own and a query for several is a phrase. Names are also found by their Latin spelling and their sound.
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
_ARABIC = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ه": "ہ", "ة": "ہ", "أ": "ا", "إ": "ا", "ؤ": "و"})


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


def index_text(
    tables: Tables, kind: Kind, born: int, parts: Mapping[str, Mapping[str, Any]], fresh: bool
) -> None:
    """Replace, once the tables settle, what the index holds of a record.

    `born` is the ledger index of its first version.
    """
    texts: dict[str, list[str]] = {}
    for path in kind.searched:
        part, _, name = path.partition(".")
        value = (parts.get(part) or {}).get(name)
        if isinstance(value, str) and value:
            texts.setdefault(part, []).append(value)
            if path in kind.names:
                texts[part].append(also_known_as(value))
    if not fresh:
        remove_text(tables, kind, born, (1 << len(kind.parts)) - 1)
    for part, values in texts.items():
        tables.defer(
            "INSERT INTO records_search (rowid, words) VALUES (%s, %s)",
            [born << PART_BITS | kind.bit(part), fold("\n".join(values))],
        )


def remove_text(tables: Tables, kind: Kind, born: int, mask: int) -> None:
    for part in {path.partition(".")[0] for path in kind.searched}:
        bit = kind.bit(part)
        if mask >> bit & 1:
            tables.defer("DELETE FROM records_search WHERE rowid = %s", [born << PART_BITS | bit])
