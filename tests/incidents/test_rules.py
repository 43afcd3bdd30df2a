"""The room's rules against a real writer: reports, claims, imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.agreement.policy import Subject
from safeconduct.incidents import rules
from safeconduct.incidents.importers.run import ImportSummary, read
from safeconduct.incidents.importing import import_file
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.external import known
from safeconduct.records.find import Query, find
from safeconduct.records.history import versions
from safeconduct.records.home import Home
from safeconduct.records.kinds import PartRefused
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import release

from . import layout_files as files

PARTS = {
    "summary": {"title": "Bomb against a convoy", "category": "attack"},
    "when": {"start": "2024-10-06T23:00+05:00"},
    "where": {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport", "district": "Karachi"},
}
FIGURE = {"figure": {"what": "killed", "best": 2}, "source": {"outlet": "Wire", "party": "press"}}


def person(role: str, name: str = "p1", clearance: int = 3) -> Subject:
    assignment = {"person": name, "account_name": name, "role": role, "clearance": clearance}
    commit(system_subject("pk"), Draft("role_assignment", {"assignment": assignment}, releasable=()))
    return Subject("pk", frozenset({role}), clearance, frozenset(), frozenset(), name)


def test_a_report_goes_through_its_stages_and_can_be_reopened(node: Home) -> None:
    officer = person("watch_officer")
    made = rules.report_incident(officer, PARTS)
    rules.update_report(officer, made.record, 1, {"people": {"killed_best": 2}})
    rules.update_report(officer, made.record, 2, {}, stage="post_incident")
    rules.update_report(officer, made.record, 3, {}, stage="closed")
    assert release(officer, made.record).state == "closed"
    rules.update_report(officer, made.record, 4, {"people": {"killed_best": 3}})
    found = release(officer, made.record)
    assert (found.state, found.version) == ("update", 5)
    assert [mark.version for mark in versions(found)] == [1, 2, 3, 4, 5]
    with pytest.raises(Malformed, match="followed by"):
        rules.update_report(officer, made.record, 5, {}, stage="immediate")


@pytest.mark.parametrize("missing", ["summary", "when", "where"])
def test_an_incident_always_says_what_when_and_where(node: Home, missing: str) -> None:
    officer = person("watch_officer")
    with pytest.raises(PartRefused, match=missing):
        rules.report_incident(officer, {name: value for name, value in PARTS.items() if name != missing})
    made = rules.report_incident(officer, PARTS)
    with pytest.raises(PartRefused, match=missing):
        rules.update_report(officer, made.record, 1, {missing: None})


def test_a_claim_is_about_an_incident_one_may_know_of_and_stays_there(node: Home) -> None:
    officer = person("watch_officer")
    made = rules.report_incident(officer, PARTS)
    other = rules.report_incident(officer, PARTS)
    claim = rules.add_claim(officer, made.record, FIGURE)
    with pytest.raises(Malformed, match="about an incident"):
        rules.add_claim(officer, claim.record, FIGURE)
    with pytest.raises(Malformed, match="about an incident"):
        commit(officer, Draft("claim", FIGURE))
    with pytest.raises(NotFound):
        rules.add_claim(officer, "0" * 32, FIGURE)
    with pytest.raises(Malformed, match="stays with its incident"):
        commit(officer, Draft("claim", {}, record=claim.record, expected=1, about=other.record))
    with pytest.raises(PartRefused, match="a figure or a remark"):
        rules.add_claim(officer, made.record, {"source": FIGURE["source"]})
    rules.retract_claim(officer, claim.record, 1)
    assert release(officer, claim.record).state == "retracted"


def test_a_role_that_may_only_read_reports_nothing(node: Home) -> None:
    with pytest.raises(Refused):
        rules.report_incident(person("commander"), PARTS)


def ged(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "ged.csv"
    path.write_text(files.text(files.GED_FULL, list(rows)), encoding="utf-8")
    return path


def imported(path: Path, actor: Subject | None = None) -> ImportSummary:
    return import_file(read(path), here.door(), actor=actor)


def counts(summary: ImportSummary) -> tuple[int, int, int, int]:
    return summary.new, summary.changed, summary.unchanged, summary.refused


def test_an_import_is_repeatable_and_changed_rows_become_versions(node: Home, tmp_path: Path) -> None:
    path = ged(tmp_path, files.ged(1), files.ged(2), files.ged(3, latitude="99"))
    assert counts(imported(path)) == (2, 0, 0, 1)
    assert counts(imported(path)) == (0, 0, 2, 1)
    ged(tmp_path, files.ged(1), files.ged(2, best=4))
    assert counts(imported(path)) == (0, 1, 1, 0)
    reader = person("coordinator")
    page = find(reader, Query(kind="incident", external=["ucdp:900002"]))
    (found,) = page.records
    assert (found.version, found.state, found.label) == (2, "closed", "OPEN")
    assert found.parts["people"]["killed_best"] == 4


def test_what_a_person_added_to_an_imported_incident_stays(node: Home, tmp_path: Path) -> None:
    path = ged(tmp_path, files.ged(1))
    imported(path)
    officer = person("watch_officer")
    (found,) = find(officer, Query(kind="incident")).records
    rules.update_report(officer, found.id, 1, {"response": {"units": "two patrols"}})
    assert counts(imported(path)) == (0, 0, 1, 0)
    assert counts(imported(ged(tmp_path, files.ged(1, best=4)))) == (0, 0, 0, 1)
    found = release(officer, found.id)
    assert found.parts["response"]["units"] == "two patrols"
    assert found.levels["response"] == "SECRET"


def test_an_import_by_a_person_is_decided_like_everything_they_do(node: Home, tmp_path: Path) -> None:
    path = ged(tmp_path, files.ged(1))
    assert counts(imported(path, person("analyst"))) == (0, 0, 0, 1)
    officer = person("watch_officer", "p2")
    assert counts(imported(path, officer)) == (1, 0, 0, 0)
    assert counts(imported(path, officer)) == (0, 0, 1, 0)


def test_known_answers_only_for_what_the_asker_may_write(node: Home, tmp_path: Path) -> None:
    imported(ged(tmp_path, files.ged(1)))
    assert known(person("analyst"), "incident", ["ucdp:900001"]) == {}
    assert set(known(person("watch_officer", "p2"), "incident", ["ucdp:900001", "x"])) == {"ucdp:900001"}
    with pytest.raises(Malformed):
        known(system_subject("pk"), "clause", ["x"])


def test_a_list_notes_only_the_parts_it_shows(node: Home) -> None:
    officer = person("watch_officer")
    rules.report_incident(officer, PARTS | {"source": {"name": "Control room"}})
    (found,) = find(officer, Query(kind="incident", parts=("summary", "when"))).records
    assert set(found.parts) == {"summary", "when"}
    assert found.withheld == ()
    assert here.tables().one("SELECT count(*) FROM records_row WHERE kind = 'reading'") == (0,)
