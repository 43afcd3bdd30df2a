"""Importing persons, sites and stays: first what would happen, then the same file for good.

A dry run decides everything that can be decided without writing: every refused row with its line, column and
reason, and every person who may be registered already. Committing does the same again and stores; a row whose
content is there already changes nothing, so the same file may be imported twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Committed, Draft, commit_many
from safeconduct.records.delimited import Cells, FileRefused, RefusedRow, Sheet
from safeconduct.records.door import Door
from safeconduct.records.external import Known, content_digest, known
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.kinds import Kind, PartRefused, all_kinds
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused, Unavailable
from safeconduct.records.workbooks import WorkbookSheet
from safeconduct.registry import likeness, rules
from safeconduct.registry.layouts import Layout, Registered, RowRefused, parts_of_row
from safeconduct.registry.stay_book import StayBook

BATCH = 200
KEPT = 2_000
"""Refused rows and suggestions that a report keeps with their reasons; the rest are only counted."""


@dataclass(frozen=True)
class Problem:
    """A row that is not taken: the line of the file, the column where it is wrong ("" for the row), and why."""

    line: int
    column: str
    reason: str


@dataclass(frozen=True)
class Suggestion:
    """A row that may be of a person who is registered already (`record`) or stands in line `other_line`."""

    line: int
    name: str
    reason: str
    record: str = ""
    other_line: int = 0


@dataclass
class Report:
    """What an import would do or did; rows = new + changed + unchanged + refused."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    suggested: int = 0
    problems: list[Problem] = field(default_factory=list)
    suggestions: list[Suggestion] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.new + self.changed + self.unchanged + self.refused

    def refuse(self, line: int, reason: str, column: str = "") -> None:
        self.refused += 1
        if len(self.problems) < KEPT:
            self.problems.append(Problem(line, column, reason))

    def suggest(self, suggestion: Suggestion) -> None:
        self.suggested += 1
        if len(self.suggestions) < KEPT:
            self.suggestions.append(suggestion)


@dataclass(frozen=True)
class Taken:
    """A row that could be read: its identifier, what it is about, and the parts it fills."""

    line: int
    external: str
    about: str
    parts: dict[str, dict[str, Any]]


def sheet_of(path: Path) -> AbstractContextManager[Any]:
    """The table in a file, by what its bytes are: XLSX, or else delimited text."""
    with path.open("rb") as raw:
        packed = raw.read(4) == b"PK\x03\x04"
    return WorkbookSheet(path) if packed else Sheet(path)


def import_table(
    actor: Subject,
    path: Path,
    layout: Layout,
    commit: bool = False,
    door: Door | None = None,
    progress: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Import a table, or with `commit` False say what would happen.

    Raises FileRefused for a file that cannot be read at all, Refused when the actor may not write such records,
    Unavailable when the writer stops answering: what was committed stands, and the file can be imported again.
    """
    run = _Run(actor, layout, commit, door)
    with sheet_of(path) as sheet:
        run.expect(sheet.columns)
        waiting: list[Taken] = []
        for row in run.rows(sheet):
            waiting.append(row)
            if len(waiting) >= BATCH:
                run.batch(waiting)
                waiting = []
                progress(run.report)
        run.batch(waiting)
    progress(run.report)
    return run.report


class _Run:
    """One import under way."""

    def __init__(self, actor: Subject, layout: Layout, commit: bool, door: Door | None) -> None:
        self.actor, self.layout, self.door = actor, layout, door
        self.committing = commit
        self.kind: Kind = all_kinds()[layout.kind]
        self.report = Report()
        self.registered = Registered(actor)
        self.first_seen: dict[str, int] = {}
        self.register = _register(actor) if layout.kind == "person" else None
        self.lines: dict[str, int] = {}
        self.stays = StayBook(actor) if layout.kind == "presence" else None

    def expect(self, columns: Sequence[str]) -> None:
        missing = [column for column in self.layout.required if column not in columns]
        unknown = [column for column in columns if column and column not in self.layout.columns]
        if missing:
            raise FileRefused(f"these columns are missing: {', '.join(missing)}")
        if unknown:
            raise FileRefused(
                f"these columns are not known: {', '.join(unknown[:20])}; "
                f"those that are: {', '.join(self.layout.columns)}"
            )
        wanted = {self.layout.columns[c].partition(".")[0] for c in columns if c} - {"about"}
        if self.actor.person != "system":
            lacking = wanted - rules.parts_open_to(self.actor, "write", self.kind.name)
            if lacking:
                raise Refused(f"write {self.kind.name}: no grant for {', '.join(sorted(lacking))}")

    def rows(self, sheet: Any) -> Iterator[Taken]:
        for found in sheet:
            if isinstance(found, RefusedRow):
                column, _, reason = found.reason.partition(": ")
                known_column = column if column in self.layout.columns else ""
                self.report.refuse(found.line, reason if known_column else found.reason, known_column)
            elif (taken := self._row(found)) is not None:
                yield taken

    def _row(self, found: Cells) -> Taken | None:
        try:
            identifier, about, drafted = parts_of_row(self.layout, found.cells, self.registered)
            parts = {n: v for n, v in self.kind.validate(drafted).items() if v is not None}
        except RowRefused as fault:
            self.report.refuse(found.line, fault.reason, fault.column)
            return None
        except PartRefused as fault:
            part, path, why = fault.errors[0]
            column = self.layout.column_of(part, path)
            self.report.refuse(found.line, why.removeprefix("Value error, "), column)
            return None
        earlier = self.first_seen.setdefault(identifier, found.line)
        if earlier != found.line:
            self.report.refuse(found.line, f"the same identifier stands in line {earlier}", "id")
            return None
        return Taken(found.line, identifier, about, parts)

    def batch(self, rows: list[Taken]) -> None:
        if not rows:
            return
        present = known(self.actor, self.kind.name, [row.external for row in rows], self.door)
        todo: list[tuple[Taken, Known | None]] = []
        for row in rows:
            before = present.get(row.external)
            if before is not None and before.gone:
                self.report.refuse(row.line, "it was withdrawn or erased here", "id")
            elif before is not None and self._same(row, before):
                self.report.unchanged += 1
            elif before is not None and before.amended:
                self.report.refuse(row.line, "it differs, and somebody amended it here", "id")
            elif self.stays is not None:
                self._stay(self.stays, row, before)
            else:
                self._suggest(row, before)
                todo.append((row, before))
        if not self.committing:
            for _row, before in todo:
                self._counted(before)
            return
        answers = commit_many(self.actor, [self._draft(*each) for each in todo], door=self.door)
        for (row, before), answer in zip(todo, answers, strict=True):
            self._answered(row, before, answer)

    def _same(self, row: Taken, before: Known) -> bool:
        """Whether the record says all that the row says. A stay of which the row knows no end may have ended here."""
        if all(before.digests.get(part) == content_digest(value) for part, value in row.parts.items()):
            return True
        if self.stays is None or row.parts["stay"].get("until"):
            return False
        found = find(self.actor, Query(self.kind.name, ids=[before.record], limit=1)).records
        told = found[0].parts.get("stay") if found else None
        return told is not None and {n: v for n, v in told.items() if n != "until"} == row.parts["stay"]

    def _draft(self, row: Taken, before: Known | None) -> Draft:
        account = rules.account_of(row.parts) if "link" in row.parts else None
        if before is not None:
            return Draft(
                self.kind.name, row.parts, record=before.record, expected=before.version, assigned=account
            )
        releasable = () if self.kind.name in rules.AT_HOME else None
        return Draft(self.kind.name, row.parts, releasable=releasable, assigned=account)

    def _answered(self, row: Taken, before: Known | None, answer: Committed | Exception) -> None:
        if isinstance(answer, Unavailable):
            raise answer
        if isinstance(answer, Exception):
            self.report.refuse(row.line, str(answer))
        else:
            self._counted(before)

    def _counted(self, before: Known | None) -> None:
        if before is None:
            self.report.new += 1
        else:
            self.report.changed += 1

    def _suggest(self, row: Taken, before: Known | None) -> None:
        if self.register is None:
            return
        own = before.record if before else f"line {row.line}"
        asked = likeness.Known.of(own, row.parts)
        found = self.register.like(asked)
        number = row.parts.get("document", {}).get("passport", "")
        same = likeness.with_passport(self.actor, number) - {own} if number else set()
        name = row.parts["name"]["name"]
        for one in found:
            line = self.lines.get(one.record, 0)
            reason = likeness.PASSPORT if one.record in same else one.reason
            self.report.suggest(Suggestion(row.line, name, reason, "" if line else one.record, line))
        for record in sorted(same - {one.record for one in found}):
            self.report.suggest(Suggestion(row.line, name, likeness.PASSPORT, record))
        if before is None:
            self.lines[own] = row.line
            self.register.add(asked)

    def _stay(self, book: StayBook, row: Taken, before: Known | None) -> None:
        stay = row.parts["stay"]
        fault = book.take(row.about, before.record if before else "", stay)
        if fault:
            self.report.refuse(row.line, fault[1], fault[0])
            return
        if self.committing:
            try:
                self._enter_stay(row, before)
            except (Malformed, PartRefused, Refused, NotFound, Conflict) as refused:
                self.report.refuse(row.line, str(refused))
                return
        self._counted(before)

    def _enter_stay(self, row: Taken, before: Known | None) -> None:
        stay = row.parts["stay"]
        site, since, until = stay["site"], stay["since"], stay.get("until")
        if before is not None:
            rules.correct_stay(
                self.actor, before.record, before.version, site, since, until, row.external, self.door
            )
        elif until:
            rules.enter_stay(self.actor, row.about, site, since, until, row.external, self.door)
        else:
            rules.arrive(self.actor, row.about, site, since, row.external, self.door)


def _register(actor: Subject) -> likeness.Register:
    """The persons of this party, as likeness sees them: name, employment and decisions, no document."""
    register = likeness.Register()
    query = Query("person", originator=actor.party, withdrawn=False, parts=likeness.SHOWN, sort="at")
    cursor = ""
    while True:
        page = find(actor, Query(**{**query.__dict__, "limit": MAX_LIMIT, "cursor": cursor}))
        for record in page.records:
            if not (record.parts.get("link") or {}).get("same_as"):
                register.add(likeness.Known.of(record.id, record.parts))
        cursor = page.next_cursor
        if not cursor:
            return register
