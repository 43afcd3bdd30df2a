from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from safeconduct.incidents.importers.run import (
    ImportSummary,
    RefusedRow,
    import_incidents,
    read,
)
from safeconduct.records.external import Known, content_digest

from . import layout_files as files


def digests(parts: Mapping[str, Any]) -> dict[str, str]:
    return {name: content_digest(value) for name, value in parts.items()}


class Register:
    """A stand-in for the records floor: it keeps versions and refuses what it is told to."""

    def __init__(self) -> None:
        self.kept: dict[str, list[dict[str, Any]]] = {}
        self.refusing: set[str] = set()
        self.gone: set[str] = set()
        self.amended: set[str] = set()
        self.batches: list[int] = []

    def submit(self, drafts: Sequence[dict[str, Any]]) -> list[str]:
        self.batches.append(len(drafts))
        answers = []
        for draft in drafts:
            versions = self.kept.get(draft["external"], [])
            if draft["external"] in self.refusing:
                answers.append("no clause lets you write this")
            elif draft.get("version", 0) != len(versions):
                answers.append("changed meanwhile")
            else:
                self.kept.setdefault(draft["external"], []).append(copy.deepcopy(draft))
                answers.append("")
        return answers

    def known(self, externals: Sequence[str]) -> Mapping[str, Known]:
        return {
            external: Known(
                f"r-{external}",
                len(versions),
                digests(versions[-1]["parts"]),
                external in self.gone,
                external in self.amended,
            )
            for external in externals
            if (versions := self.kept.get(external))
        }


def ged_file(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "ged.csv"
    path.write_text(files.text(files.GED_SUBSET, list(rows)), encoding="utf-8")
    return path


def test_a_second_import_changes_nothing_and_a_changed_row_becomes_a_version(tmp_path: Path) -> None:
    register = Register()
    rows = [files.ged(n) for n in range(5)]
    first = import_incidents(read(ged_file(tmp_path, *rows)), register.submit, register.known)
    assert (first.new, first.changed, first.unchanged, first.refused) == (5, 0, 0, 0)
    again = import_incidents(read(ged_file(tmp_path, *rows)), register.submit, register.known)
    assert (again.new, again.changed, again.unchanged, again.refused) == (0, 0, 5, 0)
    rows[2] = files.ged(2, best=4)
    third = import_incidents(read(ged_file(tmp_path, *rows)), register.submit, register.known)
    assert (third.new, third.changed, third.unchanged) == (0, 1, 4)
    newest = register.kept["ucdp:900002"][-1]
    assert (newest["record"], newest["version"]) == ("r-ucdp:900002", 1)
    assert newest["parts"]["people"]["killed_best"] == 4


def test_batches_are_of_the_size_asked_and_progress_is_told(tmp_path: Path) -> None:
    register = Register()
    told: list[int] = []
    path = ged_file(tmp_path, *(files.ged(n) for n in range(450)))
    summary = import_incidents(
        read(path), register.submit, register.known, lambda so_far: told.append(so_far.rows)
    )
    assert register.batches == [200, 200, 50]
    assert told == [200, 400, 450]
    assert summary.new == 450


def test_refusals_of_the_file_and_of_the_records_floor_are_in_one_list(tmp_path: Path) -> None:
    register = Register()
    register.refusing = {"ucdp:900003"}
    path = ged_file(tmp_path, files.ged(1), files.ged(2, latitude="95"), files.ged(3))
    summary = import_incidents(read(path), register.submit, register.known)
    assert (summary.new, summary.refused, summary.rows) == (1, 2, 3)
    assert [(r.line, r.external) for r in summary.refusals] == [(3, ""), (4, "ucdp:900003")]


def test_an_import_that_is_cut_short_goes_on_where_it_ended(tmp_path: Path) -> None:
    register = Register()
    path = ged_file(tmp_path, *(files.ged(n) for n in range(30)))

    def failing(drafts: Sequence[dict[str, Any]]) -> list[str]:
        if len(register.batches) == 2:
            raise ConnectionError("the writer has stopped")
        return register.submit(drafts)

    with pytest.raises(ConnectionError):
        import_incidents(read(path), failing, register.known, batch=10)
    summary = import_incidents(read(path), register.submit, register.known, batch=10)
    assert (summary.new, summary.unchanged) == (10, 20)
    assert all(len(versions) == 1 for versions in register.kept.values())


def test_what_was_withdrawn_or_erased_is_not_brought_back(tmp_path: Path) -> None:
    register = Register()
    path = ged_file(tmp_path, files.ged(1), files.ged(2))
    import_incidents(read(path), register.submit, register.known)
    register.gone = {"ucdp:900002"}
    summary = import_incidents(read(path), register.submit, register.known)
    assert (summary.unchanged, summary.refused) == (1, 1)
    assert [r.reason for r in summary.refusals] == ["it was withdrawn or erased here"]


def test_what_somebody_amended_is_not_undone(tmp_path: Path) -> None:
    register = Register()
    import_incidents(read(ged_file(tmp_path, files.ged(1), files.ged(2))), register.submit, register.known)
    register.amended = {"ucdp:900001", "ucdp:900002"}
    changed = ged_file(tmp_path, files.ged(1), files.ged(2, best=4))
    summary = import_incidents(read(changed), register.submit, register.known)
    assert (summary.unchanged, summary.refused) == (1, 1)
    assert "amended" in summary.refusals[0].reason


def test_a_file_of_nothing_but_faults_keeps_a_bounded_list() -> None:
    rows = (RefusedRow(line, "bad") for line in range(2, 5_000))
    summary = import_incidents(rows, lambda drafts: [], lambda externals: {})
    assert isinstance(summary, ImportSummary)
    assert (summary.refused, len(summary.refusals)) == (4_998, 1_000)
