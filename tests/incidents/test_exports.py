from __future__ import annotations

import csv
import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.incidents.exports import COLUMNS, GEOJSON, csv_writer, feature, safe_cell


def record(**parts: Any) -> dict[str, Any]:
    return {
        "id": "i1",
        "version": 2,
        "state": "update",
        "originator": "pk",
        "label": "RESTRICTED",
        "parts": parts,
        "withheld": ["people", "response"],
    }


def cells_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_only_visible_parts_are_written() -> None:
    (row,) = cells_of("".join(csv_writer().pieces([record(summary={"title": "A", "category": "attack"})])))
    assert (row["summary.title"], row["people.killed_best"], row["withheld"]) == ("A", "", "people;response")
    assert feature(record())["geometry"] is None
    assert feature(record())["properties"]["withheld"] == ["people", "response"]


def test_a_spreadsheet_runs_no_cell_and_numbers_keep_their_sign() -> None:
    for bad in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"):
        assert safe_cell(bad) == "'" + bad
    assert safe_cell(-70.5) == "-70.5"
    assert safe_cell("plain - text") == "plain - text"
    assert safe_cell(True) == "true"
    (row,) = cells_of("".join(csv_writer().pieces([record(where={"latitude": -33.9, "longitude": -70.5})])))
    assert (row["where.latitude"], row["where.longitude"]) == ("-33.9", "-70.5")


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=60))
def test_any_text_comes_back_from_the_csv_and_never_as_a_formula(text: str) -> None:
    (row,) = cells_of("".join(csv_writer().pieces([record(summary={"title": text})])))
    cell = row["summary.title"]
    assert cell.removeprefix("'").replace("\r\n", "\n") in (
        text.replace("\0", "").replace("\r\n", "\n"),
        text.replace("\0", "").removeprefix("'").replace("\r\n", "\n"),
    )
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t"))


def test_the_byte_order_mark_is_written_only_when_asked() -> None:
    assert csv_writer().opening.startswith("id,version")
    assert csv_writer(bom=True).opening.startswith("\ufeffid,version")
    assert csv_writer().opening.endswith("withheld\r\n")


def test_geojson_puts_longitude_first_and_is_one_json_text() -> None:
    records = [
        record(where={"latitude": 24.9, "longitude": 67.1, "place": "Karachi"}, people={"killed_best": 2}),
        record(where={"place": "somewhere"}),
    ]
    found = json.loads("".join(GEOJSON.pieces(records)))
    assert set(found) == {"type", "features"}
    first, second = found["features"]
    assert first["geometry"] == {"type": "Point", "coordinates": [67.1, 24.9]}
    assert first["id"] == "i1"
    assert first["properties"]["people.killed_best"] == 2
    assert "where.latitude" not in first["properties"]
    assert second["geometry"] is None
    assert json.loads("".join(GEOJSON.pieces([]))) == {"type": "FeatureCollection", "features": []}


def test_every_field_of_the_kind_has_a_column() -> None:
    assert ("people", "killed_foreign_best") in COLUMNS
    assert len(set(COLUMNS)) == len(COLUMNS)
