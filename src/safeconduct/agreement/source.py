"""A clause file as bytes: what may stand in it, its two halves, and on which line a thing is found."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.ledger.canonical import deeper_than

MAX_CLAUSE_BYTES = 256 * 1024
MAX_FRONT_BYTES = 128 * 1024
MAX_DEPTH = 8
"""Tables and lists that may stand in one another in the front matter."""

_FENCE = "+++"
_STRING_OR_COMMENT = re.compile(r"""\"(?:\\.|[^"\\])*"|'[^']*'|#.*""")
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e")
_ISOLATES = frozenset("\u2066\u2067\u2068")
_END_ISOLATE = "\u2069"
# Format characters that honest Arabic-script or mixed text needs; every other one is invisible ink.
_ALLOWED_FORMAT = frozenset("\u200c\u200d\u200e\u200f\u061c\u06dd\u2066\u2067\u2068\u2069") | frozenset(
    chr(point) for point in range(0x600, 0x606)
)


class ClauseError(ValueError):
    """A clause file that is refused: `file`, 1-based `line`, `reason`.

    `others` holds further faults found in the same folder, so that an author sees all of them at once.
    """

    def __init__(self, file: str, line: int, reason: str, others: Sequence[ClauseError] = ()) -> None:
        self.file = file
        self.line = line
        self.reason = reason
        self.others = tuple(others)
        super().__init__(file, line, reason)

    @property
    def all(self) -> tuple[ClauseError, ...]:
        return (self, *self.others)

    def __str__(self) -> str:
        return "\n".join(f"{fault.file or 'clause'}:{fault.line}: {fault.reason}" for fault in self.all)


@dataclass(frozen=True)
class Source:
    """The two halves of a clause file. `body_line` is the line on which the treaty text begins."""

    file: str
    front: Mapping[str, Any]
    front_lines: tuple[str, ...]
    body: tuple[str, ...]
    body_line: int

    def error(self, line: int, reason: str) -> ClauseError:
        return ClauseError(self.file, line, reason)

    def line_of(self, table: str = "", index: int = 0, key: str = "", value: object = None) -> int:
        """The line of a key, or of a value under it, in the `index`-th [[table]] ("" = before any table)."""
        lines = list(self._region(table, index))
        start = lines[0][0] if lines else 2
        if not key:
            return start
        named = re.compile(rf"""\s*(?:{re.escape(key)}|"{re.escape(key)}"|'{re.escape(key)}')\s*[.=]""")
        inline = re.compile(rf"""[{{,]\s*["']?{re.escape(key)}["']?\s*=""")
        for number, text in lines:
            if named.match(text) or inline.search(text):
                return self._value_line(lines, number, value)
        return start

    @staticmethod
    def _value_line(lines: list[tuple[int, str]], start: int, value: object) -> int:
        if isinstance(value, str):
            for number, text in lines:
                if number >= start and (f'"{value}"' in text or f"'{value}'" in text):
                    return number
        return start

    def _region(self, table: str, index: int) -> Iterator[tuple[int, str]]:
        header = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)\s*\]\]?")
        current, seen = "", {"": 0}
        for number, text in enumerate(self.front_lines, 2):
            if found := header.match(text):
                current = found.group(1)
                seen[current] = seen.get(current, -1) + 1
            if current == table and seen[current] == index:
                yield number, text


def read_source(raw: bytes, file: str = "") -> Source:
    """Split a clause file into TOML front matter and treaty text. Raises ClauseError."""
    text = _checked_text(raw, file)
    lines = text.split("\n")
    if lines[0] != _FENCE:
        raise ClauseError(file, 1, "the file must begin with a line +++")
    try:
        close = lines.index(_FENCE, 1)
    except ValueError:
        raise ClauseError(file, len(lines), "the front matter is not closed by a line +++") from None
    front_lines = lines[1:close]
    for number, line in enumerate(front_lines, 2):
        if any(char in _ISOLATES or char == _END_ISOLATE for char in line):
            raise ClauseError(file, number, "bidirectional isolates may stand in the treaty text only")
    _check_front(front_lines, file)
    try:
        front = tomllib.loads("\n".join(front_lines))
    except ValueError as fault:
        found = re.search(r"\(at line (\d+), column \d+\)", str(fault))
        at = int(found.group(1)) + 1 if found else close
        raise ClauseError(file, at, f"TOML: {str(fault).split(' (at ')[0]}") from None
    except RecursionError:
        raise ClauseError(file, 2, _TOO_DEEP) from None
    if deeper_than(front, MAX_DEPTH):
        raise ClauseError(file, 2, _TOO_DEEP)
    return Source(file, front, tuple(front_lines), tuple(lines[close + 1 :]), close + 2)


_TOO_DEEP = f"tables and lists nested more than {MAX_DEPTH} deep"


def _check_front(lines: Sequence[str], file: str) -> None:
    """Refuse what the TOML parser would take hours over: the other party writes such files too.

    Its time grows with the square of the dots in a key. Without multi-line strings, what is a key and what is a
    string can be told line by line.
    """
    if sum(map(len, lines)) > MAX_FRONT_BYTES:
        raise ClauseError(file, 2, f"front matter of more than {MAX_FRONT_BYTES} characters")
    for number, line in enumerate(lines, 2):
        if '"""' in line or "'''" in line:
            raise ClauseError(file, number, "strings of several lines may not stand in the front matter")
        if line.count(".") > MAX_DEPTH and _STRING_OR_COMMENT.sub("", line).count(".") > MAX_DEPTH:
            raise ClauseError(file, number, "a key of too many parts")


def _checked_text(raw: bytes, file: str) -> str:
    if len(raw) > MAX_CLAUSE_BYTES:
        raise ClauseError(file, 1, f"larger than {MAX_CLAUSE_BYTES} bytes")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise ClauseError(file, 1, "begins with a byte order mark")
    if (at := raw.find(b"\r")) >= 0:
        raise ClauseError(file, raw.count(b"\n", 0, at) + 1, "carriage return: lines must end in LF alone")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ClauseError(file, raw.count(b"\n", 0, fault.start) + 1, "not UTF-8") from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.isascii() or not line.isprintable():
            _check_line(line, number, file)
    return text


def _check_line(line: str, number: int, file: str) -> None:
    depth = 0
    for char in line:
        if char in _OVERRIDES:
            raise ClauseError(file, number, f"bidirectional override U+{ord(char):04X}")
        category = unicodedata.category(char)
        if (category == "Cc" and char != "\t") or category in ("Co", "Cs", "Zl", "Zp"):
            raise ClauseError(file, number, f"control character U+{ord(char):04X}")
        if category == "Cf" and char not in _ALLOWED_FORMAT:
            raise ClauseError(file, number, f"invisible character U+{ord(char):04X}")
        if char in _ISOLATES:
            depth += 1
        elif char == _END_ISOLATE:
            depth -= 1
            if depth < 0:
                break
    if depth != 0:
        raise ClauseError(file, number, "bidirectional isolates must be balanced on each line")
