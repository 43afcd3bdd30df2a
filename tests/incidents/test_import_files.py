from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.incidents.exports import csv_writer
from safeconduct.incidents.importers.mapping import ColumnMapping, MappingRefused
from safeconduct.incidents.importers.run import FileRefused, RefusedRow, Row, read
from safeconduct.records.delimited import MAX_CELL, MAX_LINE

from . import layout_files as files


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "file.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sorted_out(path: Path, **how: object) -> tuple[list[Row], list[RefusedRow]]:
    found = list(read(path, **how))  # type: ignore[arg-type]
    return [f for f in found if isinstance(f, Row)], [f for f in found if isinstance(f, RefusedRow)]


@pytest.mark.parametrize("columns", [files.GED_FULL, files.GED_SUBSET], ids=["full", "subset"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_ged_file_is_read_with_any_delimiter(tmp_path: Path, columns: list[str], delimiter: str) -> None:
    path = written(tmp_path, "\ufeff" + files.text(columns, [files.ged(1), files.ged(2)], delimiter))
    rows, refused = sorted_out(path)
    assert refused == []
    assert [row.external for row in rows] == ["ucdp:900001", "ucdp:900002"]
    parts = rows[0].parts
    assert parts["summary"]["title"] == (
        "State-based violence: Government of Examplia - Example Front, Sampletown town"
    )
    assert (parts["when"]["start"], parts["when"]["end"]) == ("2031-05-01", "2031-05-02")
    assert (parts["where"]["latitude"], parts["where"]["longitude"]) == (27.5, 68.25)
    assert [parts["people"][f"killed_{end}"] for end in ("low", "best", "high")] == [2, 3, 4]
    assert set(rows[0].levels.values()) == {0}
    assert "A. Person" not in repr(rows)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, "id: empty"),
        ({"id": "x"}, "not a whole number"),
        ({"type_of_violence": "4"}, "code from 1 to 3"),
        ({"where_prec": "8"}, "code from 1 to 7"),
        ({"date_prec": ""}, "code from 1 to 5"),
        ({"date_start": ""}, "date_start: empty"),
        ({"date_start": "2031-02-30"}, "no such date"),
        ({"date_start": "05/01/2031"}, "not a date"),
        ({"date_end": "2031-04-30"}, "end must not be before start"),
        ({"latitude": "91"}, "outside -90 to 90"),
        ({"longitude": "east"}, "not a number of degrees"),
        ({"longitude": "nan"}, "not a number of degrees"),
        ({"latitude": ""}, "only one of"),
        ({"best": ""}, "must all be given"),
        ({"low": "-3"}, "none below 0"),
        ({"best": "99999999", "high": "99999999"}, "less than or equal to 1000000"),
        ({"deaths_a": "many"}, "deaths_a"),
    ],
)
def test_a_faulty_row_is_refused_with_its_line_and_the_rest_is_read(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    rows = [files.ged(1), files.ged(2, **changes), files.ged(3)]
    taken, refused = sorted_out(written(tmp_path, files.text(files.GED_SUBSET, rows)))
    assert [row.external for row in taken] == ["ucdp:900001", "ucdp:900003"]
    assert [(r.line, reason in r.reason) for r in refused] == [(3, True)], refused


def test_figures_that_descend_in_the_file_are_spanned_and_said(tmp_path: Path) -> None:
    path = written(tmp_path, files.text(files.GED_SUBSET, [files.ged(1, low=3, best=2, high=3)]))
    (row,), refused = sorted_out(path)
    assert refused == []
    assert [row.parts["people"][f"killed_{end}"] for end in ("low", "best", "high")] == [2, 2, 3]
    assert "low 3, best 2, high 3" in row.parts["people"]["victims"]


def test_the_same_identifier_twice_is_refused_the_second_time(tmp_path: Path) -> None:
    rows = [files.ged(1), files.ged(2), files.ged(1, best=4)]
    taken, refused = sorted_out(written(tmp_path, files.text(files.GED_SUBSET, rows)))
    assert len(taken) == 2
    assert refused == [RefusedRow(4, "the same identifier stands in line 2", "ucdp:900001")]


GOOD = files.text(files.GED_SUBSET, [files.ged(1)])
NEXT = files.text(files.GED_SUBSET, [files.ged(2)]).split("\r\n")[1]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"1,2,3", "3 of 32 columns"),
        (b"," * 40 + b"x", "41 columns where the header has 32"),
        (NEXT.replace("Sampletown", "Sample\0town").encode(), "NUL"),
        (NEXT.encode().replace(b"Sampletown", b"Sample\xfftown"), "not UTF-8"),
        (NEXT.replace("Sampletown", "x" * (MAX_CELL + 1)).encode(), "longer than"),
        (NEXT.replace("Sampletown", "x" * 140_000).encode(), "field larger than field limit"),
        (NEXT.replace("Sampletown", "x" * (MAX_LINE + 5)).encode(), "the line is longer"),
        (NEXT.replace("Sampletown", '"never closed').encode(), "unexpected end"),
        (b'"never closed,' + NEXT.encode(), "unexpected end of data"),
        (b'"closed too" early,' + NEXT.encode(), "expected after"),
    ],
)
def test_an_unreadable_line_costs_only_itself(tmp_path: Path, bad: bytes, reason: str) -> None:
    end = files.text(files.GED_SUBSET, [files.ged(3), files.ged(4)]).split("\r\n", 1)[1]
    path = written(tmp_path, GOOD.encode() + bad + b"\r\n\r\n" + end.encode())
    taken, refused = sorted_out(path)
    assert [row.external for row in taken] == ["ucdp:900001", "ucdp:900003", "ucdp:900004"]
    assert [row.line for row in taken] == [2, 5, 6]
    assert [(r.line, reason in r.reason) for r in refused] == [(3, True)], refused


def test_an_overlong_line_inside_an_open_quotation_is_reported_with_the_line_that_opened_it(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, f'{GOOD}"open\r\n{NEXT}\r\n{"x" * (MAX_LINE + 5)}\r\n')
    taken, refused = sorted_out(path)
    assert [row.external for row in taken] == ["ucdp:900001", "ucdp:900002"]
    assert [r.line for r in refused] == [3, 5]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\xff\xfei\x00d\x00", "UTF-16"),
        (b"PK\x03\x04zip", "compressed"),
        (b"id\n1\n", "no header"),
        (b"\x00\x01,\x02\n", "no header"),
        (b"id,id,best\n1,1,1\n", "column twice: id"),
        (b"id,type_of_violence,best\n1,1,1\n", "nearest is ucdp, which also has date_prec"),
        (b"x" * (MAX_LINE + 2), "too long"),
    ],
)
def test_a_file_without_a_usable_header_is_refused_at_once(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(FileRefused, match=reason):
        read(written(tmp_path, content))


def test_a_forced_layout_names_the_columns_that_are_missing(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    with pytest.raises(FileRefused, match=r"lacks columns of gtd: attacktype1_txt, eventid"):
        read(path, layout="gtd")
    with pytest.raises(FileRefused, match="no layout is called 'stix'"):
        read(path, layout="stix")


def test_acled_and_gtd_are_known_by_their_header_and_never_labelled_open(tmp_path: Path) -> None:
    (row,), refused = sorted_out(written(tmp_path, files.text(files.ACLED, [files.acled(7)])))
    assert refused == []
    assert row.external == "acled:EXA7"
    assert row.parts["summary"]["category"] == "kidnapping"
    assert (row.parts["when"]["start"], row.parts["when"]["time_precision"]) == ("2031-05-01", 3)
    assert row.parts["where"]["geo_precision"] == 3
    assert min(row.levels.values()) > 0

    (row,), refused = sorted_out(written(tmp_path, files.text(files.GTD, [files.gtd(7)])))
    assert refused == []
    assert row.external == "gtd:203105000007"
    assert (row.parts["when"]["start"], row.parts["when"]["time_precision"]) == ("2031-05-01", 4)
    assert row.parts["people"]["killed_best"] == 4
    assert row.parts["method"]["type"] == "suicide_bombing"
    assert min(row.levels.values()) > 0


def test_gtd_rows_without_coordinates_are_taken_and_without_a_year_refused(tmp_path: Path) -> None:
    rows = [files.gtd(1, latitude="", longitude="", specificity="5"), files.gtd(2, iyear="0")]
    (row,), (refusal,) = sorted_out(written(tmp_path, files.text(files.GTD, rows)))
    assert "latitude" not in row.parts["where"]
    assert "iyear" in refusal.reason


OWN = "Date;Spot;Lat;Long;Sort;Dead\r\n06/10/2024;Sampletown;24,9;67,1;Bombing;2\r\n7.10.24;x;1;1;Theft;0\r\n"
TOML = """
name = "guard-log"
date_format = "%d/%m/%Y"
[columns]
"Date" = "when.start"
"Spot" = "where.place"
"Lat" = "where.latitude"
"Long" = "where.longitude"
"Sort" = "summary.category"
"Dead" = "people.killed_best"
[values]
"where.country" = "Examplia"
"where.geo_precision" = 2
[categories]
"Bombing" = "attack"
"Theft" = "crime"
"""


def test_a_users_own_columns_are_read_through_a_mapping(tmp_path: Path) -> None:
    path = written(tmp_path, OWN)
    (row,), (refusal,) = sorted_out(path, mapping=ColumnMapping.of_toml(TOML))
    assert row.parts["when"]["start"] == "2024-10-06"
    assert row.parts["where"]["latitude"] == 24.9
    assert (row.parts["summary"]["category"], row.parts["summary"]["title"]) == (
        "attack",
        "Attack, Sampletown",
    )
    assert row.parts["people"]["killed_best"] == 2
    assert row.external.startswith("guard-log:")
    assert row.levels["people"] == 2
    assert refusal.line == 3
    assert "%d/%m/%Y" in refusal.reason
    again, _ = sorted_out(path, mapping=ColumnMapping.of_toml(TOML))
    assert again[0].external == row.external


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["Date"], "is not part.field=column"),
        (["Date=when.begin"], "no field 'when.begin'"),
        (["where.place=Spot"], "no column fills when.start"),
        (["a=when.start", "b=when.start"], "filled twice: when.start"),
    ],
)
def test_a_faulty_mapping_is_refused(words: list[str], reason: str) -> None:
    with pytest.raises(MappingRefused, match=reason):
        ColumnMapping.of_pairs(words)


@pytest.mark.parametrize(
    "text", ["[", "columns = 3", "colums = {}", 'name = "A B"\n[columns]\nd = "when.start"']
)
def test_a_faulty_mapping_file_is_refused(text: str) -> None:
    with pytest.raises(MappingRefused):
        ColumnMapping.of_toml(text)


def test_a_mapped_column_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="lacks mapped columns: when"):
        read(written(tmp_path, OWN), mapping=ColumnMapping.of_pairs(["when.start=When"]))


def test_our_own_export_can_be_read_again(tmp_path: Path) -> None:
    (row,), _ = sorted_out(written(tmp_path, GOOD))
    row.parts["summary"]["title"] = "=1+1"
    exported = "".join(csv_writer(bom=True).pieces([{"id": "i1", "version": 1, "parts": row.parts}]))
    (again,), refused = sorted_out(written(tmp_path, exported))
    assert refused == []
    assert again.external == "incident:ucdp:900001"
    assert {k: v for k, v in again.parts.items() if k != "source"} == {
        k: v for k, v in row.parts.items() if k != "source"
    }


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_damage_anywhere_in_a_file_never_breaks_the_reader(tmp_path: Path, data: st.DataObject) -> None:
    whole = files.text(files.GED_SUBSET, [files.ged(n) for n in range(5)]).encode()
    body = whole.index(b"\r\n") + 2
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(body, len(damaged) - 1))
        piece = data.draw(
            st.one_of(st.binary(max_size=12), st.sampled_from([b'"', b"\r", b"\n", b",", b"\0"]))
        )
        damaged[at : at + data.draw(st.integers(0, 20))] = piece
        if len(damaged) <= body + 1:
            break
    rows, refused = sorted_out(written(tmp_path, bytes(damaged)))
    assert len({row.external for row in rows}) == len(rows)
    assert all(r.line > 1 and r.reason for r in refused)
    lines = [entry.line for entry in (*rows, *refused)]
    assert len(set(lines)) == len(lines)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    with suppress(FileRefused):
        list(read(written(tmp_path, content)))


PAKISTAN = Path(__file__).parents[3] / "shared" / "data" / "ucdp_ged_pakistan_1989_2019.csv"


@pytest.mark.skipif(not PAKISTAN.exists(), reason="the data file lies beside the project only in some places")
def test_every_row_of_the_pakistan_file_is_taken() -> None:
    rows, refused = sorted_out(PAKISTAN)
    assert (len(rows), refused) == (6082, [])
    assert sum(row.parts["people"]["killed_best"] for row in rows) == 42_368
