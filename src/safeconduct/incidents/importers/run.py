"""Reading a file into drafts, and committing the drafts.

`read` gives one `Row` or `RefusedRow` per row of the file. `import_incidents` commits rows in batches and is
idempotent: a row already on record with the same content is skipped, one that changed becomes a new version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from safeconduct.incidents.importers.cells import Parts, RowRefused
from safeconduct.incidents.importers.layouts import recognise
from safeconduct.incidents.importers.lines import Row
from safeconduct.incidents.importers.mapping import ColumnMapping
from safeconduct.incidents.kinds import INCIDENT
from safeconduct.records.delimited import Cells, FileRefused, RefusedRow, Sheet
from safeconduct.records.external import Known, content_digest
from safeconduct.records.kinds import PartRefused

BATCH = 200
KEPT_REFUSALS = 1_000
"""Refused rows that a summary keeps with their reasons; the rest are only counted."""


class _Reading(NamedTuple):
    name: str
    convert: Callable[[Mapping[str, str]], tuple[str, Parts]]
    public: bool


def _reading(columns: list[str], layout: str | None, mapping: ColumnMapping | None) -> _Reading:
    if mapping is None and layout is None:
        mapping = ColumnMapping.of_header(columns)
    if mapping is not None:
        mapping.expect(columns)
        return _Reading(mapping.name, mapping.convert, False)
    found = recognise(columns, layout)
    return _Reading(found.name, found.convert, found.public)


def read(
    path: Path | str, layout: str | None = None, mapping: ColumnMapping | None = None
) -> Iterator[Row | RefusedRow]:
    """Rows of a file as drafts of incidents, one at a time.

    `layout` forces ucdp, acled or gtd; `mapping` reads a file of the user's own; without either the header
    decides. Raises FileRefused at once if the file as a whole cannot be read, OSError if it cannot be opened.
    """
    with Sheet(Path(path)) as sheet:
        reading = _reading(sheet.columns, layout, mapping)
    return _rows(Path(path), reading)


def _rows(path: Path, reading: _Reading) -> Iterator[Row | RefusedRow]:
    first_seen: dict[str, int] = {}
    with Sheet(path) as sheet:
        for found in sheet:
            if isinstance(found, RefusedRow):
                yield found
                continue
            row = _row(found, reading)
            if isinstance(row, Row):
                earlier = first_seen.setdefault(row.external, row.line)
                if earlier != row.line:
                    yield RefusedRow(row.line, f"the same identifier stands in line {earlier}", row.external)
                    continue
            yield row


def _row(found: Cells, reading: _Reading) -> Row | RefusedRow:
    identifier = ""
    try:
        identifier, drafted = reading.convert(found.cells)
        parts = {name: value for name, value in INCIDENT.validate(drafted).items() if value is not None}
    except RowRefused as fault:
        return RefusedRow(found.line, str(fault))
    except PartRefused as fault:
        return RefusedRow(found.line, _reason(fault), f"{reading.name}:{identifier}")
    levels = {part: level for part, level in INCIDENT.default_levels().items() if part in parts}
    if reading.public:
        levels = dict.fromkeys(parts, 0)
    return Row(found.line, parts["source"]["external"], parts, levels)


def _reason(fault: PartRefused) -> str:
    return "; ".join(
        f"{'.'.join(filter(None, (part, path)))}: {why.removeprefix('Value error, ')}"
        for part, path, why in fault.errors
    )


Submit = Callable[[Sequence[dict[str, Any]]], Sequence[str]]
"""Commits drafts and answers for each "" or the reason why it was refused. A draft of a new version carries
`record` and the `version` it replaces."""
KnownBy = Callable[[Sequence[str]], Mapping[str, Known]]


@dataclass
class ImportSummary:
    """What an import did; rows = new + changed + unchanged + refused."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    refusals: list[RefusedRow] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.new + self.changed + self.unchanged + self.refused

    def refuse(self, row: RefusedRow) -> None:
        self.refused += 1
        if len(self.refusals) < KEPT_REFUSALS:
            self.refusals.append(row)


def import_incidents(
    rows: Iterable[Row | RefusedRow],
    submit: Submit,
    known: KnownBy,
    progress: Callable[[ImportSummary], None] = lambda summary: None,
    batch: int = BATCH,
) -> ImportSummary:
    """Commit what was read, `batch` rows at a time; `progress` is told after each batch.

    An error in `submit` ends the import; the batches before it stand, and a second run skips them.
    """
    summary = ImportSummary()
    waiting: list[Row] = []
    for row in rows:
        if isinstance(row, RefusedRow):
            summary.refuse(row)
            continue
        waiting.append(row)
        if len(waiting) >= batch:
            _commit(waiting, submit, known, summary)
            waiting = []
            progress(summary)
    if waiting:
        _commit(waiting, submit, known, summary)
    progress(summary)
    return summary


def _commit(rows: list[Row], submit: Submit, known: KnownBy, summary: ImportSummary) -> None:
    present = known([row.external for row in rows])
    drafts: list[tuple[Row, dict[str, Any]]] = []
    for row in rows:
        before = present.get(row.external)
        if before is None:
            drafts.append((row, row.draft))
        elif before.gone:
            summary.refuse(RefusedRow(row.line, "it was withdrawn or erased here", row.external))
        elif all(before.digests.get(part) == content_digest(value) for part, value in row.parts.items()):
            summary.unchanged += 1
        elif before.amended:
            summary.refuse(RefusedRow(row.line, "it differs, and somebody amended it here", row.external))
        else:
            drafts.append((row, row.draft | {"record": before.record, "version": before.version}))
    if not drafts:
        return
    answers = submit([draft for _, draft in drafts])
    for (row, draft), reason in zip(drafts, answers, strict=True):
        if reason:
            summary.refuse(RefusedRow(row.line, reason, row.external))
        elif "record" in draft:
            summary.changed += 1
        else:
            summary.new += 1


__all__ = [
    "BATCH",
    "ColumnMapping",
    "FileRefused",
    "ImportSummary",
    "RefusedRow",
    "Row",
    "import_incidents",
    "read",
]
