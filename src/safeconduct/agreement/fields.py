"""One TOML table of a clause file, read strictly: each fault is a ClauseError on its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from safeconduct.agreement.source import ClauseError, Source

_NUMBER = re.compile(r"H?[1-9][0-9]{0,3}")
_ITEM = re.compile(r"[1-9][0-9]{0,3}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_LIMIT = 36_500 * 24
_MAX_TEXT = 500


class Fields:
    """The keys and values of one table, which knows where in the file it stands."""

    def __init__(self, source: Source, values: Mapping[str, Any], table: str = "", index: int = 0) -> None:
        self.source = source
        self.values = values
        self._table = table
        self._index = index

    def line(self, key: str, value: object = None) -> int:
        return self.source.line_of(self._table, self._index, key, value)

    def error(self, key: str, reason: str, value: object = None) -> ClauseError:
        return self.source.error(self.line(key, value), reason)

    def keys(self, required: Iterable[str], optional: Iterable[str]) -> None:
        """Refuse unknown and missing keys."""
        needed = set(required)
        for key in self.values:
            if key not in needed and key not in optional:
                raise self.error(key, f"unknown key {key!r}")
        for key in sorted(needed - set(self.values)):
            where = f" in [[{self._table}]]" if self._table else ""
            raise self.error("", f"missing key {key!r}{where}")

    def tables(self, name: str) -> Iterator[Fields]:
        """The entries of an array of tables, [[name]]."""
        entries = self.values.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self.source.error(self.source.line_of(name), f"{name} must be written as [[{name}]]")
        for index, entry in enumerate(entries):
            yield Fields(self.source, entry, name, index)

    def table(self, key: str) -> Fields:
        """An inner table, `key = { ... }`."""
        value = self.values[key]
        if not isinstance(value, dict):
            raise self.error(key, f"{key} must be a table")
        if not self._table and self.source.line_of(key) > 2:
            return Fields(self.source, value, key)
        return Fields(self.source, value, self._table, self._index)

    def text(self, key: str) -> str:
        value = self.values[key]
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"{key} must be a text that is not empty")
        if len(value) > _MAX_TEXT or "\n" in value:
            raise self.error(key, f"{key} must be one line of at most {_MAX_TEXT} characters")
        return value

    def word(self, key: str, allowed: Iterable[str]) -> str:
        value = self.text(key)
        self._check(key, value, tuple(allowed))
        return value

    def texts(self, key: str, single: bool = False) -> tuple[str, ...]:
        """A list of texts, not empty and without repetition; `single` allows one text without brackets."""
        value = self.values[key]
        if single and isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise self.error(key, f"{key} must be a list of texts that is not empty")
        seen: set[str] = set()
        for item in value:
            if item in seen:
                raise self.error(key, f"{key} names {item!r} twice", item)
            seen.add(item)
        return tuple(value)

    def words(self, key: str, allowed: Iterable[str], single: bool = False) -> tuple[str, ...]:
        values = self.texts(key, single)
        choices = tuple(allowed)
        for value in values:
            self._check(key, value, choices)
        return values

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"{key} must be true or false")
        return value

    def count(self, key: str, least: int, most: int) -> int:
        value = self.values[key]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.error(key, f"{key} must be a whole number from {least} to {most}")
        return value

    def limit(self, key: str) -> int | None:
        return self.count(key, 0, _MAX_LIMIT) if key in self.values else None

    def digest(self, key: str) -> str:
        value = self.text(key)
        if not _DIGEST.fullmatch(value):
            raise self.error(key, f'{key} must be "sha256:" and 64 hexadecimal digits')
        return value

    def _check(self, key: str, value: str, allowed: tuple[str, ...]) -> None:
        if value not in allowed:
            raise self.error(key, f"{key}: {value!r} is none of {', '.join(allowed)}", value)


def clause_number(fields: Fields, key: str, value: str | None = None) -> str:
    """A clause number: "4" in an agreement, "H4" in house rules."""
    number = fields.text(key) if value is None else value
    if not _NUMBER.fullmatch(number):
        raise fields.error(key, f'{key}: {number!r} is no clause number like "4" or "H4"', number)
    return number


def item_id(fields: Fields, number: str) -> str:
    """The id of a grant, assurance or red line: its clause's number, a dot and a number of its own."""
    value = fields.text("id")
    clause, _, item = value.partition(".")
    if clause != number or not _ITEM.fullmatch(item):
        raise fields.error("id", f'id {value!r} must be "{number}." and a number', value)
    return value
