"""The analysis of incidents, as people with different roles meet it."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from safeconduct.assessment import analysis_near
from safeconduct.assessment.seen import incidents_seen
from safeconduct.incidents.kinds import INCIDENT
from safeconduct.oversight.rules import withdraw
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit_many
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.risk.events import Events
from signed_in import signed_in

PAGE = "/assessment/"
FILE = "/assessment/analysis/tables.csv"
POINTS = "/assessment/analysis/points.geojson"
DAY = date(2024, 3, 1)
OPEN = {"summary": 0, "when": 0, "where": 0, "method": 0}


def parts(
    day: date, place: str = "Turbat", category: str = "attack", **where: Any
) -> dict[str, dict[str, Any]]:
    position = {"latitude": 26.0, "longitude": 63.05}
    return {
        "summary": {"title": f"Shots near {place}", "category": category, "target_class": "convoy"},
        "when": {"start": day.isoformat()},
        "where": {**position, "place": place, "district": place, "province": "Balochistan", **where},
        "method": {"type": "shooting"},
    }


def reported(*many: dict[str, Any], levels: dict[str, int] = OPEN, state: str = "closed") -> list[str]:
    drafts = [Draft("incident", each, levels=levels, state=state) for each in many]
    answers = commit_many(system_subject("pk"), drafts)
    for each in answers:
        if isinstance(each, Exception):
            raise each
    return [each.record for each in answers]  # type: ignore[union-attr]


@pytest.fixture
def history(node: Home) -> list[str]:
    """Forty incidents in two years at two places, one every eighteen days."""
    return reported(
        *(
            parts(
                DAY + timedelta(days=18 * n),
                ("Turbat", "Gwadar")[n % 4 == 0],
                ("attack", "crime")[n % 5 == 0],
            )
            for n in range(40)
        )
    )


def main_of(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    found = re.search(r"<main.*?</main>", answer.content.decode(), re.S)
    assert found
    return re.sub(r"\s+", " ", found[0])


def rows_of(client: Client, address: str = FILE) -> list[list[str]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def table(rows: list[list[str]], name: str) -> list[list[str]]:
    """A table's rows without its head and its note."""
    return [row[1:] for row in rows if row[0] == name and row[1:2] != ["note"]][1:]


def said(rows: list[list[str]], what: str) -> int:
    (found,) = [row for row in table(rows, "basis") if row[0] == what]
    return int(found[1])


def test_the_page_counts_what_is_there_and_says_on_how_many_it_rests(history: list[str]) -> None:
    client, _ = signed_in("analyst")
    main = main_of(client, f"{PAGE}?until=2026-03-01")
    assert "40 incidents, 100 % of the 40 that you may know of" in main
    assert "No measurable trend" in main and '<svg class="chart"' in main
    rows = rows_of(client, f"{FILE}?until=2026-03-01&group=category")
    assert {row[0]: int(row[1]) for row in table(rows, "district")} == {"Turbat": 30, "Gwadar": 10}
    turbat = next(row for row in table(rows, "district") if row[0] == "Turbat")
    assert float(turbat[2]) < 30 < float(turbat[3]) and turbat[4] == "0.75", (
        "an interval of the count beside it"
    )
    assert {row[0]: int(row[1]) for row in table(rows, "category")} == {"Attack": 32, "Crime": 8}
    assert sum(int(row[2]) for row in table(rows, "time")) == 40
    assert sum(int(row[1]) for row in table(rows, "weekday")) == 40
    assert [row[-1] for row in table(rows, "compared")] == ["no measurable difference"] * 3
    features = client.get(f"{POINTS}?until=2026-03-01").json()["features"]
    assert {each["id"] for each in features} == set(history)
    assert features[0]["properties"]["when"] == (DAY + timedelta(days=18 * 39)).isoformat()


def test_filters_choose_and_what_they_leave_out_is_said(history: list[str]) -> None:
    client, _ = signed_in("analyst")
    asked = "?since=2024-06-01&until=2025-05-31&district=Turbat&category=attack"
    days = [(DAY + timedelta(days=18 * n), n) for n in range(40)]
    inside = [n for day, n in days if date(2024, 6, 1) <= day <= date(2025, 5, 31)]
    wanted = [n for n in inside if n % 4 and n % 5]
    rows = rows_of(client, FILE + asked)
    assert said(rows, "of these, in the figures") == len(wanted)
    assert said(rows, "left out: by the filters") == len(inside) - len(wanted)
    assert said(rows, "left out: before or after the period") == 40 - len(inside)
    assert len(client.get(POINTS + asked).json()["features"]) == len(wanted)
    one = rows_of(client, f"{FILE}{asked}&table=district")
    assert {row[0] for row in one} == {"basis", "not_exported", "district"}
    nothing = main_of(client, f"{PAGE}?since=2001-01-01&until=2002-01-01")
    assert "0 incidents, 0 % of the 40" in nothing and "Too few incidents" in nothing


def test_every_incident_that_may_be_known_of_is_counted_once(node: Home) -> None:
    reported(*(parts(DAY + timedelta(days=n)) for n in range(12)))
    reported(*(parts(DAY) for _ in range(30)), levels={**OPEN, "when": 3})
    drill = parts(DAY)
    reported(drill | {"summary": drill["summary"] | {"exercise": True}})
    reported(parts(DAY, latitude=None, longitude=None), parts(DAY, latitude=0.0, longitude=0.0))
    (gone,) = reported(parts(DAY))
    _, coordinator = signed_in("coordinator")
    withdraw(coordinator, gone, (), "Reported twice")
    client, analyst = signed_in("analyst", clearance=2)
    seen = incidents_seen(analyst)
    assert (seen.known, len(seen.events), seen.undated, seen.exercises, seen.withdrawn) == (45, 14, 30, 1, 1)
    assert seen.unplaced == 1, "latitude 0 is a place"
    rows = rows_of(client, f"{FILE}?until=2024-12-31&since=2024-03-03")
    counts = [int(row[1]) for row in table(rows, "basis")]
    known, used, exercises, undated, outside, filtered = counts[:6]
    assert known == used + exercises + undated + outside + filtered == 45
    assert used == 10


def test_what_may_not_be_known_of_changes_no_byte_of_the_page(history: list[str]) -> None:
    client, _ = signed_in("analyst", clearance=2)
    asked = "?until=2026-03-01"
    before = main_of(client, PAGE + asked), client.get(POINTS + asked).content, rows_of(client, FILE + asked)
    everything = dict.fromkeys(INCIDENT.part_names, 3)
    reported(*(parts(DAY + timedelta(days=n), "CANARY") for n in range(15)), levels=everything)
    after = main_of(client, PAGE + asked), client.get(POINTS + asked).content, rows_of(client, FILE + asked)
    assert after == before
    more, _ = signed_in("watch_officer")
    assert "CANARY" in main_of(more, PAGE + asked)


def test_who_may_not_see_places_gets_figures_without_them(history: list[str]) -> None:
    client, _ = signed_in("auditor")
    main = main_of(client, f"{PAGE}?until=2026-03-01")
    assert "40 incidents, 100 %" in main
    assert "Turbat" not in main.replace("Shots near Turbat", "") and "Balochistan" not in main
    assert client.get(f"{POINTS}?until=2026-03-01").json()["features"] == []
    nobody, _ = signed_in("administrator")
    assert "0 incidents, 0 % of the 0" in main_of(nobody)


def test_the_kind_of_attack_is_read_only_when_it_is_asked_for(history: list[str]) -> None:
    client, _ = signed_in("analyst")
    assert 'id="table-attack"' not in main_of(client, f"{PAGE}?until=2026-03-01")
    assert "Shooting" in main_of(client, f"{PAGE}?until=2026-03-01&methods=on")


def test_an_hour_that_is_not_known_is_no_midnight(node: Home) -> None:
    told = [parts(DAY) for _ in range(4)]
    told[0]["when"] = {"start": "2024-10-06T23:10+05:00", "local_hour_known": True}
    told[1]["when"] = {"start": "2024-10-06T23:10+05:00", "local_hour_known": False}
    told[2]["when"] = {"start": "2024-10-05T00:00:00Z", "local_hour_known": True}
    reported(*told)
    client, _ = signed_in("analyst")
    hours = {row[0]: int(row[1]) for row in table(rows_of(client), "hour")}
    assert {name: count for name, count in hours.items() if count} == {
        "23:00–23:59": 1,
        "00:00–00:59": 1,
        "Hour unknown": 2,
    }
    days = {row[0]: int(row[1]) for row in table(rows_of(client), "weekday")}
    assert days["Friday"] == 1 and days["Saturday"] == 1 and days["Sunday"] == 2, (
        "the day that the report names"
    )


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ("since=soon", "Enter a valid date"),
        ("since=1066-10-14", "A day from 1900 to 2199"),
        ("since=2025-01-02&until=2024-01-01", "The period ends before it begins"),
        ("since=1990-01-01&unit=week", "choose a longer unit"),
        ("unit=fortnight", "Select a valid choice"),
        ("district=%3Cscript%3E", "Select a valid choice"),
        ("category=" + "x" * 5_000, "Select a valid choice"),
        ("before_since=2024-01-01", "Give all four days, or none"),
        (
            "before_since=2024-01-01&before_until=2024-12-31&after_since=2024-06-01&after_until=2025-01-01",
            "The later period begins before the earlier one ends",
        ),
        (
            "before_since=2024-03-01&before_until=2024-01-31&after_since=2024-06-01&after_until=2025-01-01",
            "The period ends before it begins",
        ),
    ],
)
def test_what_makes_no_sense_is_told_and_shows_no_figure(history: list[str], asked: str, fault: str) -> None:
    client, _ = signed_in("analyst")
    main = main_of(client, f"{PAGE}?{asked}")
    assert fault in main and "<svg" not in main and "<script>" not in main
    assert client.get(f"{POINTS}?{asked}").status_code == 400
    assert client.get(f"{FILE}?{asked}").status_code == 400


@pytest.mark.parametrize(
    "asked", ["since=2024-03-01&until=2024-03-01", "since=2199-12-31&until=2199-12-31", "since=1900-01-01"]
)
def test_the_shortest_and_the_longest_period_have_a_page(history: list[str], asked: str) -> None:
    client, _ = signed_in("analyst")
    assert 'id="table-compared"' in main_of(client, f"{PAGE}?{asked}")


def test_two_periods_of_ones_own_choice_are_compared(history: list[str]) -> None:
    reported(*(parts(date(2025, 6, 1) + timedelta(days=n)) for n in range(0, 90, 2)))
    client, _ = signed_in("analyst")
    asked = "before_since=2024-06-01&before_until=2024-08-31&after_since=2025-06-01&after_until=2025-08-31"
    rows = rows_of(client, f"{FILE}?{asked}&group=district")
    found = {row[0]: row for row in table(rows, "compared")}
    assert found["Turbat"][1:3] == ["4", "49"] and found["Turbat"][-1] == "measurably more"
    assert found["Gwadar"][-1] == "no measurable difference"
    assert "measurably more" in main_of(client, f"{PAGE}?{asked}&group=district")


def test_files_hold_no_formula_and_only_who_may_export_gets_one(history: list[str]) -> None:
    reported(parts(DAY, "=cmd()"))
    client, _ = signed_in("analyst")
    rows = rows_of(client)
    assert "'=cmd()" in {cell for row in rows for cell in row}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@"))]
    assert client.get(f"{FILE}?table=nothing").status_code == 400
    officer, _ = signed_in("watch_officer")
    assert FILE not in main_of(officer)
    assert officer.get(FILE).status_code == 403
    assert client.post(FILE).status_code == 405


def test_what_may_be_read_and_not_exported_is_in_no_figure_of_the_file(history: list[str]) -> None:
    reported(parts(DAY, "Pasni"), parts(DAY, "Pasni"), levels={"summary": 3, "when": 3, "where": 3})
    client, coordinator = signed_in("coordinator")
    assert "Pasni" in main_of(client, f"{PAGE}?until=2026-03-01")
    rows = rows_of(client, f"{FILE}?until=2026-03-01")
    assert not [row for row in rows if "Pasni" in row]
    assert said(rows, "of these, in the figures") == 40
    (left,) = [row[2] for row in rows if row[0] == "not_exported" and row[1:2] == ["note"]]
    assert "does not tell how many" in left
    none = rows_of(client, f"{FILE}?since=2001-01-01&until=2002-01-01")
    assert [row for row in none if row[0] == "not_exported"] == [
        row for row in rows if row[0] == "not_exported"
    ], "it says the same whether there are any or none"
    noted = here.tables().all("SELECT count(*) FROM records_row WHERE kind = 'reading'", [])
    assert noted[0][0] >= 1, "the house rules log each export of a coordinator"
    assert coordinator.roles == {"coordinator"}


def test_a_day_that_has_not_come_does_not_carry_the_period_with_it(history: list[str]) -> None:
    client, _ = signed_in("analyst")
    before = table(rows_of(client), "time")
    reported(parts(date.today() + timedelta(days=2_000)))
    rows = rows_of(client)
    assert table(rows, "time") == before
    assert said(rows, "left out: before or after the period") >= 1


def test_data_that_end_long_ago_end_the_period(history: list[str]) -> None:
    client, _ = signed_in("analyst")
    old = reported(*(parts(date(2011, 1, 1) + timedelta(days=n)) for n in range(3)))
    assert old
    latest = (DAY + timedelta(days=18 * 39)).isoformat()
    ended = date.today() - date.fromisoformat(latest) > timedelta(days=90)
    main = main_of(client)
    assert ("the period ends with the latest one" in main) == ended
    assert "the period ends with the latest one" not in main_of(client, f"{PAGE}?until={date.today()}")


@pytest.mark.parametrize("language", ["ur", "zh-hans"])
def test_the_page_speaks_the_readers_language(history: list[str], language: str) -> None:
    client, _ = signed_in("analyst")
    answer = client.get(f"{PAGE}?until=2026-03-01", headers={"accept-language": language})
    page = answer.content.decode()
    assert answer.status_code == 200 and f'lang="{language}"' in page
    for english in (
        "Incidents analysed",
        "Over time",
        "Near repeats",
        "Two periods compared",
        "measurable",
        "Hour unknown",
    ):
        assert english not in page


def test_the_near_repeat_table_is_worked_out_once_for_the_same_incidents() -> None:
    events = Events.of([(19_000 + n % 300, 26.0 + n / 1000, 63.0, 1, 1) for n in range(60)])
    again = Events.of([(19_000 + n % 300, 26.0 + n / 1000, 63.0, 1, 1) for n in range(60)])
    other = Events.of([(19_001 + n % 300, 26.0 + n / 1000, 63.0, 1, 1) for n in range(60)])
    assert analysis_near.near_repeats(events) is analysis_near.near_repeats(again)
    assert analysis_near.near_repeats(events) is not analysis_near.near_repeats(other)
    for n in range(analysis_near.KEPT + 5):
        analysis_near.near_repeats(Events.of([(n, 1.0, 1.0, 1, 1)]))
    assert len(analysis_near._kept) <= analysis_near.KEPT
