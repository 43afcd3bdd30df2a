"""Tables in and out: a dry run tells all and stores nothing, twice is once, and nothing hostile gets through."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook, load_workbook

from registry.people import hour, person, site, somebody
from safeconduct.records import workbooks
from safeconduct.records.delimited import FileRefused
from safeconduct.records.find import Query, count, find
from safeconduct.records.home import Home
from safeconduct.records.refusals import Refused
from safeconduct.registry import rules
from safeconduct.registry.exporting import csv_pieces, xlsx
from safeconduct.registry.headcounts import headcounts
from safeconduct.registry.importing import Report, import_table
from safeconduct.registry.layouts import PERSONS, PRESENCES, SITES
from signed_in import signed_in

PEOPLE = """id,name,name_zh,employer,position,site,passport,phone
p1,Zhang Wei,张伟,Harbour Company,Engineer,s1,E1234567,+92 300 1
p2,احمد خان,,Harbour Company,Driver,s1,,
p3,Li Na,李娜,,Cook,nowhere,,
,No Number,,,,,,
p1,Zhang Wei again,,,,,,
p4,,,,,,,
p5,张伟,,Harbour Company,,,e 123-4567,
"""
PLACES = """id;name;name_ur;category;district;latitude;longitude;radius_m
s1;Port;بندرگاہ;work_site;Gwadar;25,11;62,33;800
s2;Camp;;Residence;Kech;;;
s3;Nowhere;;work_site;;;;
s4;Far;;work_site;Gwadar;95;62;
s5;Airfield;;airfield;Gwadar;;;
"""


def given(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def told(report: Report) -> tuple[int, int, int, int]:
    return report.new, report.changed, report.unchanged, report.refused


def as_workbook(rows: list[list[Any]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def test_a_dry_run_lists_every_refused_row_and_stores_nothing(registry: Home, tmp_path: Path) -> None:
    watch = somebody("coordinator")
    report = import_table(watch, given(tmp_path, PLACES), SITES)
    assert told(report) == (2, 0, 0, 3)
    assert [(p.line, p.column) for p in report.problems] == [
        (4, "district"),
        (5, "latitude"),
        (6, "category"),
    ]
    assert count(watch, Query("site")) == 0
    import_table(watch, given(tmp_path, PLACES), SITES, commit=True)
    report = import_table(watch, given(tmp_path, PEOPLE), PERSONS)
    assert told(report) == (3, 0, 0, 4)
    assert [(p.line, p.column) for p in report.problems] == [(4, "site"), (5, "id"), (6, "id"), (7, "name")]
    assert [(s.line, s.reason, s.other_line) for s in report.suggestions] == [(8, "passport", 2)]
    assert count(watch, Query("person")) == 0


def test_twice_is_once_and_a_change_is_a_version(registry: Home, tmp_path: Path) -> None:
    watch = somebody("coordinator")
    dry = import_table(watch, given(tmp_path, PLACES), SITES)
    done = import_table(watch, given(tmp_path, PLACES), SITES, commit=True)
    assert (told(dry), dry.problems) == (told(done), done.problems)
    assert told(import_table(watch, given(tmp_path, PLACES), SITES, commit=True)) == (0, 0, 2, 3)
    assert told(import_table(watch, given(tmp_path, PEOPLE), PERSONS, commit=True)) == (3, 0, 0, 4)
    assert told(import_table(watch, given(tmp_path, PEOPLE), PERSONS, commit=True)) == (0, 0, 3, 4)
    moved = PEOPLE.replace("Engineer", "Chief engineer")
    assert told(import_table(watch, given(tmp_path, moved), PERSONS, commit=True)) == (0, 1, 2, 4)
    found = find(watch, Query("person", external=["p1"])).records
    assert [(r.version, r.parts["employment"]["position"]) for r in found] == [(2, "Chief engineer")]
    assert found[0].parts["name"]["name_zh"] == "张伟"
    assert found[0].parts["employment"]["employer_name"] == "Harbour Company"
    assert found[0].releasable == frozenset()


def test_stays_are_imported_in_order_and_never_overlap(registry: Home, tmp_path: Path) -> None:
    watch = somebody("coordinator")
    import_table(watch, given(tmp_path, PLACES), SITES, commit=True)
    import_table(watch, given(tmp_path, PEOPLE), PERSONS, commit=True)
    table = "\n".join(
        [
            "id,person,site,since,until",
            f"a1,p1,s1,{hour(1)},",
            f"a2,p1,Camp,{hour(5)},",
            f"a3,p2,s1,{hour(1)},{hour(3)}",
            f"a4,p2,s2,{hour(2)},{hour(4)}",
            f"a5,nobody,s1,{hour(1)},",
            f"a6,p5,s9,{hour(1)},",
            "a7,p5,s1,yesterday,",
            f"a8,p5,s1,{hour(5)},{hour(4)}",
            f"a9,p5,s1,{hour(24 * 60)},",
        ]
    )
    path = given(tmp_path, table)
    dry = import_table(watch, path, PRESENCES)
    assert count(watch, Query("presence")) == 0
    assert [(p.line, p.column) for p in dry.problems] == [
        (6, "person"), (7, "site"), (8, "since"), (9, ""), (5, "since"), (10, "since"),
    ]  # fmt: skip
    done = import_table(watch, path, PRESENCES, commit=True)
    assert told(dry) == told(done) == (3, 0, 0, 6)
    again = import_table(watch, path, PRESENCES, commit=True)
    assert told(again) == (0, 0, 3, 6)
    sites = {r.parts["identity"]["external"]: r.id for r in find(watch, Query("site")).records}
    counted = headcounts(watch, sites.values())
    assert {at: each.count for at, each in counted.items()} == {sites["s2"]: 1}


def test_what_somebody_corrected_or_withdrew_is_not_undone(registry: Home, tmp_path: Path) -> None:
    from safeconduct.oversight.rules import withdraw

    watch, manager = somebody("coordinator"), somebody("coordinator", "second")
    path = given(tmp_path, PLACES)
    import_table(watch, path, SITES, commit=True)
    one = find(watch, Query("site", external=["s1"])).records[0]
    rules.amend(manager, "site", one.id, 1, {"identity": one.parts["identity"] | {"name": "Deep Port"}})
    two = find(watch, Query("site", external=["s2"])).records[0]
    withdraw(watch, two.id, (), "wrong")
    report = import_table(watch, path, SITES, commit=True)
    assert told(report) == (0, 0, 0, 5)
    assert {p.line: p.reason for p in report.problems}[2].startswith("it differs")
    assert find(watch, Query("site", external=["s1"])).records[0].parts["identity"]["name"] == "Deep Port"


def test_who_may_not_write_imports_nothing(registry: Home, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        import_table(somebody("analyst"), given(tmp_path, PLACES), SITES, commit=True)
    manager = somebody("security_manager")
    with pytest.raises(Refused):
        import_table(manager, given(tmp_path, "id,name,district\ns1,A,B\n"), SITES, commit=True)
    assert told(import_table(manager, given(tmp_path, "id,name\np1,A\n"), PERSONS, commit=True)) == (
        1,
        0,
        0,
        0,
    )


def test_a_workbook_reads_like_the_table(registry: Home, tmp_path: Path) -> None:
    watch = somebody("coordinator")
    rows: list[list[Any]] = [list(row) for row in csv.reader(io.StringIO(PLACES), delimiter=";")]
    rows[1][5:8] = [25.11, 62.33, 800]
    path = given(tmp_path, as_workbook(rows), "table.xlsx")
    report = import_table(watch, path, SITES, commit=True)
    assert told(report) == (2, 0, 0, 3)
    assert [p.line for p in report.problems] == [4, 5, 6]
    assert told(import_table(watch, given(tmp_path, PLACES), SITES, commit=True)) == (0, 0, 2, 3)


def test_formulas_are_not_evaluated(registry: Home, tmp_path: Path) -> None:
    watch = somebody("coordinator")
    rows = [["id", "name", "district"], ["s1", '=HYPERLINK("http://x")', "Gwadar"], ["s2", "Camp", "Kech"]]
    report = import_table(watch, given(tmp_path, as_workbook(rows), "t.xlsx"), SITES)
    assert told(report) == (1, 0, 0, 1)
    assert (report.problems[0].line, report.problems[0].column) == (2, "name")
    assert "formula" in report.problems[0].reason


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xef\xbb\xbf",
        b"\x00" * 1000,
        b"PK\x03\x04" + b"\x00" * 500,
        b"PK\x03\x04",
        b"name\n",
        b"id,name\n",
        b"id,name,district,password\n",
        b"id,id,name,district\n",
        "id,name,district\n".encode("utf-16"),
        b"\x1f\x8b\x08\x00",
        b"%PDF-1.7\n",
        b"<html><table></table></html>",
    ],
)
def test_files_that_are_no_such_table_are_refused(registry: Home, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileRefused):
        import_table(somebody("coordinator"), given(tmp_path, content), SITES)


def test_damaged_and_malicious_workbooks_are_refused(
    registry: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = somebody("coordinator")
    whole = as_workbook([["id", "name", "district"], *([f"s{n}", "x" * 50, "Gwadar"] for n in range(300))])
    for cut in (10, 100, 1_000, len(whole) // 2, len(whole) - 30):
        with pytest.raises(FileRefused):
            import_table(watch, given(tmp_path, whole[:cut], "t.xlsx"), SITES)
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    for member in ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml"):
        bomb = rewritten(whole, member, lambda xml: entities.encode() + b"<x>&b;</x>")
        with pytest.raises(FileRefused):
            import_table(watch, given(tmp_path, bomb, "t.xlsx"), SITES)
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 10_000)
    with pytest.raises(FileRefused, match="unpacks"):
        import_table(watch, given(tmp_path, whole, "t.xlsx"), SITES)
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 10_000_000)
    monkeypatch.setattr(workbooks, "MAX_ROWS", 100)
    report = import_table(watch, given(tmp_path, whole, "t.xlsx"), SITES)
    assert (report.new, report.refused) == (99, 1)


def rewritten(packed: bytes, member: str, change: Any) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return target.getvalue()


def test_a_row_with_a_wrong_cell_is_refused_alone(registry: Home, tmp_path: Path) -> None:
    watch = somebody("coordinator")
    rows = [
        "id,name,district",
        's1,"unclosed,Gwadar',
        "s2,Camp,Kech,too,many",
        "s3,Camp",
        "s4,\udcff,Kech",
        f"s5,{'x' * 300},Kech",
        f"s6,{'x' * 200_000},Kech",
        "s7,Good,Kech",
    ]
    raw = "\n".join(rows).encode("utf-8", "surrogateescape")
    report = import_table(watch, given(tmp_path, raw), SITES)
    assert (report.new, report.refused) == (1, 6)


def test_an_export_can_be_imported_again_and_runs_nothing(registry: Home, tmp_path: Path) -> None:
    watch = somebody("coordinator")
    import_table(watch, given(tmp_path, PLACES), SITES, commit=True)
    import_table(watch, given(tmp_path, PEOPLE), PERSONS, commit=True)
    rules.enter(
        watch,
        "person",
        {"name": {"name": "=cmd|' /C calc'!A0"}, "employment": {"position": "@SUM(1)", "external": "p9"}},
    )
    by_hand = person(watch, "By Hand")
    text = "".join(csv_pieces(watch, PERSONS))
    rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    assert len(rows) == 5
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert {row["id"] for row in rows} == {"p1", "p2", "p5", "p9", f"record:{by_hand}"}
    assert {row["passport"] for row in rows} == {""}, "documents are not exported"
    assert rows[0]["site"] == "s1" and rows[0]["employer"] == "Harbour Company"
    again = import_table(watch, given(tmp_path, text), PERSONS)
    assert (again.new, again.changed, again.unchanged, again.refused) == (0, 0, 4, 1)
    book = load_workbook(io.BytesIO(xlsx(watch, PERSONS)))
    assert not [c for row in book.active.iter_rows() for c in row if c.data_type == "f"]  # type: ignore[union-attr]
    again = import_table(watch, given(tmp_path, xlsx(watch, PERSONS), "t.xlsx"), PERSONS)
    assert (again.new, again.changed, again.unchanged, again.refused) == (0, 0, 4, 1)


def test_exports_are_for_those_who_may(registry: Home) -> None:
    client, watch = signed_in("coordinator")
    site(watch, "Port")
    answer = client.get("/registry/export/sites.xlsx")
    assert answer.status_code == 200 and answer["Content-Type"] == workbooks.MEDIA_TYPE
    answer = client.get("/registry/export/sites.csv")
    assert b"Port" in b"".join(answer.streaming_content if not answer.is_async else _drained(answer))
    analyst, _ = signed_in("analyst")
    assert analyst.get("/registry/export/sites.csv").status_code == 403
    assert client.get("/registry/export/sites.exe").status_code == 404


def _drained(answer: Any) -> list[bytes]:
    from asgiref.sync import async_to_sync

    async def drain() -> list[bytes]:
        return [piece async for piece in answer.streaming_content]

    return list(async_to_sync(drain)())


def test_the_page_tries_first_and_commits_the_same_file(registry: Home) -> None:
    client, watch = signed_in("coordinator")

    def sent(content: bytes, **more: str) -> Any:
        file = SimpleUploadedFile("../../t.csv", content)
        return client.post("/registry/import/", {"what": "sites", "file": file, **more})

    answer = sent(PLACES.encode())
    text = answer.content.decode()
    assert answer.status_code == 200 and "What would happen" in text and "latitude" in text
    assert count(watch, Query("site")) == 0
    assert "What was done" in sent(PLACES.encode(), commit="1").content.decode()
    assert count(watch, Query("site")) == 2
    for hostile in (b"", b"PK\x03\x04rubbish", b"id,name,district,<script>\n"):
        answer = sent(hostile)
        assert answer.status_code == 422 and "<script>" not in answer.content.decode()
    assert client.post("/registry/import/", {"what": "passwords"}).status_code == 422
    analyst, _ = signed_in("analyst")
    assert analyst.get("/registry/import/").status_code == 403


def test_the_command_line_says_the_same(bare_home: Home, tmp_path: Path) -> None:
    from safeconduct.node.commands.imports import import_

    path = given(tmp_path, PLACES)
    home = ["--home", str(bare_home.path)]
    commands = CliRunner()
    dry = commands.invoke(import_, ["sites", *home, "--dry-run", str(path)])
    assert dry.exit_code == 0, dry.output
    assert "would be 2 new" in dry.output and "line 5, latitude" in dry.output
    done = commands.invoke(import_, ["sites", *home, str(path)])
    assert "2 new" in done.output and "would be" not in done.output
    assert "2 unchanged" in commands.invoke(import_, ["sites", *home, str(path)]).output
    wrong = commands.invoke(import_, ["persons", *home, str(path)])
    assert wrong.exit_code == 1 and "not known" in wrong.output
