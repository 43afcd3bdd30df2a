"""Where SQLite and PostgreSQL are asked in different words; all other SQL on the tables is said once, for both.

SQLite splits and indexes text with FTS5 (`unicode61`, accents of Latin letters removed). For PostgreSQL the same words
are split off here, so that both find the same rows: a column of distinct words with a GIN index proposes, and where
words must follow one another the text, one blank before each word, disposes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

from django.db import OperationalError

Asked = tuple[str, list[Any]]
"""A piece of SQL with %s for values, and these."""
Execute = Callable[[str], Any]
SWEEP_WAIT_MS = 250
MARK = "SAVEPOINT job"
_KEEP = "RELEASE job"
SETTING = "safeconduct.reader"
"""The setting of a PostgreSQL session that says for whom it reads (records.wall)."""
INSTR = (
    "CREATE OR REPLACE FUNCTION instr(whole text, piece text) RETURNS integer "
    "LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT strpos(whole, piece) $$"
)
"""What the tables' SQL calls on either, and PostgreSQL has under another name."""


class Dialect(Protocol):
    keep_and_mark: tuple[str, ...]
    """Keep what was done since MARK, and mark again: a server is told at once."""
    in_turn: str
    """The join that looks its right side up for each row of its left."""
    row_key: str
    """The column of records by which a row is found soonest."""
    places: int
    """Places of the text index that are asked for at least: where finding some means finding all, the more."""

    reckons: bool
    """Whether it chooses between indices by what it knows of the values in them."""

    def listed(self, values: Sequence[Any], kind: str = "text") -> Asked:
        """A SELECT that gives each of these values (`text` or `bigint`) as `value`, for the right of FROM or IN."""

    def matching(self, expression: str) -> Asked:
        """What rows of the text index must meet to match an expression of `search.match_expression`."""

    def places_among(self, born: Sequence[int], expression: str, bits: int) -> Asked:
        """A SELECT of the places that match an expression, of those that begin with one of these numbers."""

    def put_text(self, place: int, text: str) -> Asked:
        """Put a folded text into the text index."""

    def optimize(self, execute: Execute) -> None:
        """Bring the text index to one piece, without the words that were taken out of it."""

    def sweep(self, execute: Execute) -> bool:
        """Take from the database's files what was deleted; False when somebody stands in the way."""


class Sqlite:
    keep_and_mark: tuple[str, ...] = (_KEEP, MARK)
    in_turn = "CROSS JOIN"
    row_key = "rowid"
    places = 1
    reckons = False

    def listed(self, values: Sequence[Any], kind: str = "text") -> Asked:
        return "(SELECT value FROM json_each(%s))", [json.dumps(list(values))]

    def matching(self, expression: str) -> Asked:
        return "records_search MATCH %s", [expression]

    def places_among(self, born: Sequence[int], expression: str, bits: int) -> Asked:
        listed, values = self.listed(born, "bigint")
        test, asked = self.matching(expression)
        return (
            f"SELECT records_search.rowid FROM {listed} AS wanted CROSS JOIN records_search WHERE {test} AND "
            f"records_search.rowid >= wanted.value << {bits} AND records_search.rowid < (wanted.value + 1) << {bits}",
            [*values, *asked],
        )

    def put_text(self, place: int, text: str) -> Asked:
        return "INSERT INTO records_search (rowid, words) VALUES (%s, %s)", [place, text]

    def optimize(self, execute: Execute) -> None:
        execute("INSERT INTO records_search (records_search) VALUES ('optimize')")

    def sweep(self, execute: Execute) -> bool:
        return truncate_log(execute)


class Postgresql:
    keep_and_mark: tuple[str, ...] = (f"{_KEEP}; {MARK}",)
    in_turn = "JOIN"
    row_key = "id"
    places = 50_000
    reckons = True

    def listed(self, values: Sequence[Any], kind: str = "text") -> Asked:
        return f"(SELECT unnest(%s::{kind}[]) AS value)", [list(values)]

    def matching(self, expression: str) -> Asked:
        phrases = [found for found in map(tokens, _PHRASE.findall(expression)) if found]
        if not phrases:
            return "1 = 0", []
        wanted = " & ".join(_quoted(word) for phrase in phrases for word in phrase[:-1])
        begun = " & ".join(f"{_quoted(phrase[-1])}:*" for phrase in phrases)
        exact = [phrase for phrase in phrases if len(phrase) > 1 or len(phrase[0]) > LONGEST_LEXEME]
        tests = ["lexemes @@ %s::tsquery", *["strpos(words, %s) > 0"] * len(exact)]
        query = " & ".join(filter(None, [wanted, begun]))
        return " AND ".join(tests), [query, *(f" {' '.join(phrase)}" for phrase in exact)]

    def places_among(self, born: Sequence[int], expression: str, bits: int) -> Asked:
        listed, values = self.listed(born, "bigint")
        test, asked = self.matching(expression)
        # The offset keeps the planner from asking the text index for all places of the words first.
        return (
            f"SELECT near.rowid FROM {listed} AS wanted JOIN LATERAL (SELECT * FROM records_search AS each "
            f"WHERE each.rowid >= wanted.value << {bits} AND each.rowid < (wanted.value + 1) << {bits} OFFSET 0) "
            f"AS near ON true WHERE {test}",
            [*values, *asked],
        )

    def put_text(self, place: int, text: str) -> Asked:
        words = tokens(text)
        lexemes = sorted({word[:LONGEST_LEXEME] for word in words})
        return (
            "INSERT INTO records_search (rowid, words, lexemes) VALUES (%s, %s, array_to_tsvector(%s::text[]))",
            [place, "".join(f" {word}" for word in words), lexemes],
        )

    def optimize(self, execute: Execute) -> None:
        """Its index forgets with the sweep."""

    def sweep(self, execute: Execute) -> bool:
        """Written anew, since a mere VACUUM leaves in the pages what it frees; but that goes first, and says whether
        somebody's snapshot still sees a row that is gone: it would be written again, too."""
        execute(f"SET lock_timeout = {SWEEP_WAIT_MS}")
        swept = True
        try:
            for table in ("records_search", "records_row"):
                if any(_all_gone(execute, table) for _ in range(_LOOKS)):
                    execute(f"VACUUM FULL {table}")
                else:
                    swept = False
        except OperationalError:
            return False
        finally:
            execute("RESET lock_timeout")
        return swept


_LOOKS = 2
"""The first may count what this session did a moment ago and had not told of before the VACUUM."""


def _all_gone(execute: Execute, table: str) -> bool:
    execute(f"VACUUM {table}")
    return bool(execute(f"SELECT pg_stat_get_dead_tuples('{table}'::regclass)").fetchone()[0] == 0)


DIALECTS: dict[str, Dialect] = {"sqlite": Sqlite(), "postgresql": Postgresql()}

LONGEST_LEXEME = 500
"""Characters of a word that PostgreSQL's index holds; it takes 2046 bytes."""
_PHRASE = re.compile(r'"([^"]*)"\*')
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_MARKS = frozenset(
    0x300 + bit for bit in range(64) if (0x08029FDF if bit < 32 else 0x000361F8 << 32) >> bit & 1 and bit < 50
)
"""The combining marks that `unicode61` takes out of a word; any other ends it."""


def tokens(text: str) -> list[str]:
    """The words of a folded text as FTS5's `unicode61` splits them with `remove_diacritics 2`."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = []
    word: list[str] = []
    for character in text:
        kept = _kept(character)
        if kept is None:
            if word:
                found.append("".join(word))
                word = []
        elif kept or word:
            word.append(kept)
    if word:
        found.append("".join(word))
    return found


@lru_cache(maxsize=8192)
def _kept(character: str) -> str | None:
    """What a character adds to a word: itself, its bare letter, "" for a mark; None where the word ends."""
    if ord(character) in _MARKS:
        return ""
    category = unicodedata.category(character)
    if category[0] not in "LN" and category != "Co":
        return None
    bare = unicodedata.normalize("NFD", character)[0]
    return (bare if bare.isascii() and bare.isalpha() else character).lower()


def _quoted(word: str) -> str:
    return "'" + word[:LONGEST_LEXEME].replace("\\", "\\\\").replace("'", "''") + "'"


def truncate_log(execute: Execute) -> bool:
    """Whether the write-ahead log of a SQLite database could be emptied."""
    before = execute("PRAGMA busy_timeout").fetchone()[0]
    execute(f"PRAGMA busy_timeout={SWEEP_WAIT_MS}")
    busy = execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    execute(f"PRAGMA busy_timeout={before}")
    return not busy
