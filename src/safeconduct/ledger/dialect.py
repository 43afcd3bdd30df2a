"""The project's SQL in PostgreSQL's words. Whatever can be said alike in both is said so; this is the rest of it.

Values stand as `?` and become `$1`, `$2`. In statements that make tables, types take PostgreSQL's names, and texts
the collation C: they compare by code points, as SQLite's do, whatever language the database was made for.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TYPES = {
    "INTEGER": "BIGINT",
    "REAL": "DOUBLE PRECISION",
    "BLOB": "BYTEA",
    "TEXT": 'TEXT COLLATE "C"',
}
_MAKES = re.compile(r"\s*(CREATE|ALTER)\s", re.IGNORECASE)
_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
_PIECE = re.compile(rf"{_QUOTED}|(?P<value>\?)")
_WORD = re.compile(
    rf"(?P<bytes>\bx'')|(?P<quoted>{_QUOTED})|(?P<rowid>\bWITHOUT\s+ROWID\b)|\b(?P<type>{'|'.join(_TYPES)})\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def postgres(sql: str) -> bytes:
    """A statement as PostgreSQL takes it."""
    return (_WORD.sub(_made, sql) if _MAKES.match(sql) else _numbered(sql)).encode()


def _made(found: re.Match[str]) -> str:
    if found["bytes"]:
        return "''"
    if found["rowid"]:
        return ""
    return _TYPES[found["type"].upper()] if found["type"] else found[0]


def _numbered(sql: str) -> str:
    count = 0

    def place(found: re.Match[str]) -> str:
        nonlocal count
        if not found["value"]:
            return found[0]
        count += 1
        return f"${count}"

    return _PIECE.sub(place, sql)
