"""A user's own columns: which column of a file fills which field of an incident.

A mapping is given as `part.field=column` words or as a TOML file:

    name = "guard-log"              # prefix of the identifiers, so that two files never collide
    date_format = "%d/%m/%Y"        # only for dates that are not ISO 8601
    [columns]
    "Date" = "when.start"
    "Lat"  = "where.latitude"
    [values]                        # the same for every row
    "where.country" = "Pakistan"
    [categories]                    # the file's own words for summary.category
    "Bombing" = "attack"
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from safeconduct.incidents.importers.cells import Cellmap, Parts, RowRefused, day, shown, without_blanks
from safeconduct.incidents.kinds import INCIDENT
from safeconduct.records.delimited import FileRefused, column_name
from safeconduct.records.moments import MomentRefused, instant

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_MOMENTS = ("when.start", "when.end")
_DEGREES = ("where.latitude", "where.longitude")
FIELDS = frozenset(f"{part}.{name}" for part, model in INCIDENT.parts.items() for name in model.model_fields)


class MappingRefused(ValueError):
    """A mapping that names no such field, or a file that is not one."""


@dataclass(frozen=True)
class ColumnMapping:
    """Column -> `part.field`, with values that are the same for every row."""

    columns: Mapping[str, str]
    values: Mapping[str, Any] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    date_format: str = ""
    name: str = "csv"

    def __post_init__(self) -> None:
        for target in (*self.columns.values(), *self.values):
            if target not in FIELDS:
                raise MappingRefused(f"an incident has no field {shown(str(target))}")
        targets = [*self.columns.values(), *self.values]
        twice = sorted({target for target in targets if targets.count(target) > 1})
        if twice:
            raise MappingRefused(f"filled twice: {', '.join(twice)}")
        if "when.start" not in targets:
            raise MappingRefused("no column fills when.start")
        if not _NAME.fullmatch(self.name):
            raise MappingRefused(f"{shown(self.name)} is no name: lower-case letters, digits, . _ -")

    @classmethod
    def of_pairs(cls, pairs: Iterable[str]) -> ColumnMapping:
        """From `part.field=column` words, or the other way round. Raises MappingRefused."""
        columns = {}
        for pair in pairs:
            target, equals, column = pair.partition("=")
            if target.strip() not in FIELDS:
                column, equals, target = pair.rpartition("=")
            if not equals or not column.strip() or not target.strip():
                raise MappingRefused(f"{shown(pair)} is not part.field=column")
            columns[column_name(column)] = target.strip()
        return cls(columns)

    @classmethod
    def of_toml(cls, text: str) -> ColumnMapping:
        """From the text of a TOML file. Raises MappingRefused."""
        try:
            told = tomllib.loads(text)
        except (ValueError, RecursionError) as fault:  # a number of too many digits is no TOMLDecodeError
            raise MappingRefused(f"not TOML: {fault}") from None
        unknown = sorted(set(told) - {"name", "date_format", "columns", "values", "categories"})
        if unknown:
            raise MappingRefused(f"unknown keys: {', '.join(unknown)}")
        tables = {key: told.get(key, {}) for key in ("columns", "values", "categories")}
        if not all(isinstance(table, dict) for table in tables.values()):
            raise MappingRefused("columns, values and categories are tables")
        return cls(
            {column_name(column): str(target) for column, target in tables["columns"].items()},
            tables["values"],
            {word.casefold(): str(category) for word, category in tables["categories"].items()},
            str(told.get("date_format", "")),
            str(told.get("name", "csv")),
        )

    @classmethod
    def load(cls, path: Path) -> ColumnMapping:
        """From a TOML file. Raises MappingRefused or OSError."""
        try:
            return cls.of_toml(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise MappingRefused("the mapping is not UTF-8 text") from None

    @classmethod
    def of_header(cls, columns: Iterable[str]) -> ColumnMapping | None:
        """The mapping of a file whose columns are named part.field already, as our own export names them."""
        own = {column: column for column in columns if column in FIELDS}
        return cls(own, name="incident") if "when.start" in own else None

    def expect(self, columns: Iterable[str]) -> None:
        """Raises FileRefused if the header lacks a column that is mapped."""
        missing = sorted(set(self.columns) - set(columns))
        if missing:
            raise FileRefused(f"the header lacks mapped columns: {', '.join(missing)}")

    def convert(self, cells: Cellmap) -> tuple[str, Parts]:
        """One row as (identifier, parts of an incident). Raises RowRefused."""
        parts: Parts = {}
        for target, value in [*self.values.items(), *((t, cells[c]) for c, t in self.columns.items())]:
            part, _, name = target.partition(".")
            parts.setdefault(part, {})[name] = self._value(target, value)
        parts = without_blanks(parts)
        if "start" not in parts.get("when", {}):
            raise RowRefused("when.start: empty")
        summary, where = parts.setdefault("summary", {}), parts.get("where", {})
        summary.setdefault("category", "other")
        place = where.get("place") or where.get("district") or where.get("province")
        summary.setdefault("title", ", ".join(filter(None, (summary["category"].capitalize(), place))))
        source = parts.setdefault("source", {})
        identifier = str(source.get("external") or self._fingerprint(cells))
        source["external"] = f"{self.name}:{identifier}"[:200]
        return identifier, parts

    def _value(self, target: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = value[1:] if re.match(r"'[=+\-@\t\r]", value) else value
        if target in _MOMENTS and text:
            return self._moment(target, text)
        if target in _DEGREES:
            return text.replace(",", ".")
        if target == "summary.category":
            return self.categories.get(text.casefold(), text.casefold())
        return text

    def _moment(self, target: str, text: str) -> str:
        if self.date_format:
            try:
                parsed = datetime.strptime(text, self.date_format)
            except ValueError:
                raise RowRefused(f"{target}: {shown(text)} is not of the form {self.date_format}") from None
            return parsed.isoformat() if parsed.tzinfo else parsed.date().isoformat()
        try:
            instant(text)
        except MomentRefused:
            return day({target: text}, target)
        return text

    def _fingerprint(self, cells: Cellmap) -> str:
        """For a row without an identifier: a digest of its mapped cells, by which the same row is known."""
        said = "\x1f".join(cells[column] for column in sorted(self.columns))
        return hashlib.sha256(said.encode()).hexdigest()[:24]
