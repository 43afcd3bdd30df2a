"""`safeconduct risk backtest`: from a file to figures, and what it says of files that are none."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from risk.areas import SQUARE, scattered
from safeconduct.node.cli import main

HEADER = [
    *("id", "date_start", "latitude", "longitude", "where_prec", "date_prec"),
    *("adm_1", "type_of_violence", "best", "high", "low", "country"),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,200 incidents of 2008 to 2019 in UCDP's columns."""
    events = scattered(1_200, 4_380)
    first = date(2008, 1, 1) - timedelta(days=10_000)
    path: Path = tmp_path_factory.mktemp("risk") / "incidents.csv"
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(HEADER)
        for number in range(len(events)):
            day = (first + timedelta(days=int(events.day[number]))).isoformat()
            side = events.names["province"][number]
            writer.writerow(
                [number, day, events.lat[number], events.lon[number], 1, 1, side, 3, 1, 1, 1, "Pakistan"]
            )
    return path


@pytest.fixture
def outline(tmp_path: Path) -> Path:
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps(SQUARE), encoding="utf-8")
    return path


def run(*words: object) -> Any:
    return CliRunner().invoke(main, ["risk", "backtest", *(str(word) for word in words)])


def test_a_table_with_its_verdict_by_province(file: Path, outline: Path) -> None:
    said = run(file, "--area", outline, "--from", 2018, "--lag", 14)
    assert said.exit_code == 0, said.output
    for expected in (
        "reporting lag 14 days",
        "the outline that was given",
        "standard: 365 days and kernel",
        "option: regression on counts",
        "standard forecast.",
        "East",
        "West",
        "stated chance",
        "An input to a decision",
    ):
        assert expected in said.output
    assert any(
        line.startswith(
            (
                "The option does not measurably beat",
                "The option measurably beats",
                "The option is",
                "The option's",
            )
        )
        for line in said.output.splitlines()
    )


def test_the_same_for_a_program_and_twice_the_same(file: Path) -> None:
    one, other = (json.loads(run(file, "--from", 2019, "--days", 30, "--json").output) for _ in range(2))
    for told in (one, other):
        assert set(told.pop("milliseconds")) == {each["method"] for each in told["methods"]}
    assert one == other
    assert (one["made"], one["setting"]["horizon"], one["placed"]) == ("around", 30, 1_200)
    assert one["first_day"] == "2019-01-07"
    assert one["sentence"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--from", "2019", "--to", "2018"), "run from 2019 to 2018"),
        (("--from", "1990", "--to", "1991"), "no incident is known before"),
        (("--from", "2031", "--to", "2032"), "no full window"),
    ],
)
def test_years_that_cannot_be_tested(file: Path, words: tuple[str, ...], reason: str) -> None:
    said = run(file, *words)
    assert (said.exit_code, reason in said.output) == (1, True), said.output
    assert "Traceback" not in said.output


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", ""),
        (b"name,colour\nA,red\n", ""),
        (b"\x00\xff\x00\xff" * 50, ""),
        (",".join(HEADER).encode() + b"\n", "holds no incident"),
        (
            ",".join(HEADER).encode() + b"\n1,2019-13-45,28.5,66.5,1,1,West,3,1,1,1,Pakistan\n",
            "holds no incident",
        ),
    ],
)
def test_files_that_hold_no_incidents(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    said = run(path)
    assert said.exit_code == 1
    assert said.output.startswith("safeconduct: ")
    assert reason in said.output


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "no GeoJSON"),
        ("[" * 100_000, "no GeoJSON"),
        ('{"type": "Point", "coordinates": [66, 28]}', "made of polygons"),
        ("[1, 2, 3]", "made of polygons"),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [0, 95], [5, 5]]]}', "latitude from -90 to 90"),
    ],
)
def test_outlines_that_are_none(file: Path, tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "bad.geojson"
    path.write_text(content, encoding="utf-8")
    said = run(file, "--area", path, "--from", 2019)
    assert (said.exit_code, reason in said.output) == (1, True), said.output
