"""The pages of forecasts: what they rest on is said, few is said to be few, and nothing withheld shapes them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from html import unescape
from typing import Any

import numpy as np
import pytest
from django.test import Client

from safeconduct.agreement.policy import Subject
from safeconduct.assessment import forecast_made, forecast_reckoned
from safeconduct.assessment.forecast_made import Asked, make, window
from safeconduct.assessment.forecast_reckoned import reckoned
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit, commit_many
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.projection import derived_from
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import release
from safeconduct.risk import grid
from safeconduct.risk.days import day_of
from safeconduct.risk.reckoning import Failed, reckon
from signed_in import signed_in

PAGE = "/assessment/forecast/"
TOWNS = (
    (24.9, 67.0, "Karachi", "Sindh"),
    (30.2, 67.0, "Quetta", "Balochistan"),
    (34.0, 71.5, "Peshawar", "KP"),
)


def drafts(count: int, newest: date, years: float = 3.0, seed: int = 1, level: int = 0) -> list[Draft]:
    """So many incidents up to a day, around three towns."""
    draw = np.random.default_rng(seed)
    made = []
    for ago in (0, *np.sort(draw.uniform(0, years * 365, count - 1))):
        lat, lon, district, province = TOWNS[int(draw.choice(3, p=(0.6, 0.3, 0.1)))]
        where = {
            "latitude": round(lat + draw.normal(0, 0.1), 4),
            "longitude": round(lon + draw.normal(0, 0.1), 4),
            "geo_precision": 1,
            "district": district,
            "province": province,
        }
        when = {"start": (newest - timedelta(days=int(ago))).isoformat(), "time_precision": 1}
        parts = {"summary": {"title": "Attack", "category": "attack"}, "when": when, "where": where}
        levels = dict.fromkeys(parts, level)
        made.append(Draft("incident", parts, state="closed", levels=levels))
    return made


def put(made: list[Draft]) -> None:
    assert not [each for each in commit_many(system_subject("pk"), made) if isinstance(each, Exception)]


def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The long reckoning over few weeks, in this process; nothing left of other tests."""
    monkeypatch.setattr(forecast_reckoned, "apart", partial(reckon, weeks=12))
    forecast_reckoned._kept.clear()
    forecast_made._grids.clear()
    yield


@pytest.fixture
def analyst(node: Home) -> tuple[Client, Subject]:
    return signed_in("analyst")


def settled(client: Client, address: str = PAGE) -> str:
    """The page once the reckoning is done."""
    for _ in range(300):
        text = unescape(client.get(address).content.decode())
        if 'data-state="waits"' not in text:
            return text
        time.sleep(0.05)
    raise AssertionError("the reckoning came to no end")


def test_it_says_what_it_rests_on_and_how_it_did_before(analyst: tuple[Client, Subject]) -> None:
    client, reader = analyst
    put(drafts(130, today() - timedelta(days=9)))
    first = unescape(client.get(PAGE).content.decode())
    assert "are being reckoned" in first
    assert 'id="forecast-cells"' in first
    text = settled(client)
    for said in (
        "9 days ago",
        "7 days: nothing from",
        "of 130 that you may know of (100 %)",
        "within 50 km of any incident used",
        "deaths only",
        "An input to a decision",
        "the option",
        "Hit rate in 1 %",
        "Sindh",
        "Were the chances true?",
        "12 windows of 7 days, beginning on Mondays from <time",
        "Days forecast</dt><dd><time",
        "is used",
        "Karachi",
        "In the windows that were tried it did so",
        "Intervals of 95 % where 30 incidents came or more",
    ):
        assert said in text, said
    assert "being reckoned" not in text
    made = make(reader, Asked())
    assert made.in_year == sum(made.known.day >= window(made))
    assert f"{made.numbers.sum():.2f}" in text
    assert "The option" in text or "Too few incidents" in text


def test_thirty_days_another_lag_and_a_past_first_day(analyst: tuple[Client, Subject]) -> None:
    client, _reader = analyst
    put(drafts(60, today()))
    past = today() - timedelta(days=100)
    text = settled(client, f"{PAGE}?days=30&lag=14&origin={past}")
    assert "a time that has begun or is over" in text
    assert "14 days: nothing from" in text
    assert "30 days" in text


@pytest.mark.parametrize(
    "query", ["days=8", "days=x", "lag=-1", "lag=9999999999999999999", "origin=2024-02-31", "origin=9999-01-01",
              "origin=0001-01-01", "method=hawkes"]
)  # fmt: skip
def test_what_cannot_be_asked_is_answered_with_the_form(analyst: tuple[Client, Subject], query: str) -> None:
    client, _reader = analyst
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 422
    assert b"errorlist" in answer.content
    assert client.get(f"{PAGE}cells.geojson?{query}").status_code == 400


def test_an_area_too_large_is_said_to_be_so_on_every_page(
    analyst: tuple[Client, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _reader = analyst
    put(drafts(40, today()))
    monkeypatch.setattr(grid, "MOST_CELLS", 3)
    for address in (PAGE, f"{PAGE}cells.geojson", f"{PAGE}issue/"):
        answer = client.get(address)
        assert answer.status_code == 400 and "more than 3 cells" in answer.content.decode(), address


def test_few_none_and_old_incidents_are_said_to_be_so(analyst: tuple[Client, Subject]) -> None:
    client, _reader = analyst
    assert "there is nothing to forecast from" in unescape(client.get(PAGE).content.decode())
    put(drafts(12, today() - timedelta(days=1_000), years=0.9))
    text = settled(client)
    assert "1000 days old: for the coming days nothing can be said" in text.replace(",", "")
    assert "The forecast rests on 12 incidents in 365 days" in text
    now = unescape(client.get(f"{PAGE}?origin={today()}").content.decode())
    assert "there is nothing to forecast from" in now
    assert 'id="forecast-cells"' not in now


def test_a_day_that_has_not_come_does_not_make_old_data_new(analyst: tuple[Client, Subject]) -> None:
    client, reader = analyst
    put(drafts(12, today() - timedelta(days=1_000), years=0.9))
    put(drafts(1, today() + timedelta(days=10)))
    made = make(reader, Asked())
    assert (made.age, made.stale, len(made.known)) == (1_000, True, 12)
    assert "1000 days old: for the coming days nothing can be said" in settled(client).replace(",", "")
    ahead = make(reader, Asked(lag=0, origin=day_of(today() + timedelta(days=20))))
    assert len(ahead.known) == 12, "what is dated after today is known of no origin"


def test_the_map_has_the_foremost_cells_as_polygons(analyst: tuple[Client, Subject]) -> None:
    client, reader = analyst
    put(drafts(60, today()))
    shown = json.loads(client.get(f"{PAGE}cells.geojson").content)
    made = make(reader, Asked())
    assert {each["properties"]["class"] for each in shown["features"]} <= {0, 1, 2}
    assert 0 < len(shown["features"]) <= 0.12 * len(made.grid)
    best = int(np.argmax(made.numbers / made.grid.area_km2))
    (top,) = [
        each for each in shown["features"] if each["properties"]["id"] == f"{int(made.grid.cells[best]):x}"
    ]
    ring = np.array(top["geometry"]["coordinates"][0])
    assert top["properties"]["class"] == 0
    assert (ring[0] == ring[-1]).all()
    assert len(ring) in (6, 7)
    assert abs(ring[:-1].mean(axis=0) - (made.grid.lon[best], made.grid.lat[best])).max() < 0.02


def test_what_a_reader_may_not_see_changes_nothing_for_him(node: Home) -> None:
    low, reader = signed_in("analyst", clearance=1)
    put(drafts(40, today()))
    before = make(reader, Asked())
    text = settled(low)
    put(drafts(60, today(), seed=2, level=3))
    after = make(reader, Asked())
    assert after.digest == before.digest
    assert (after.numbers == before.numbers).all()
    assert settled(low).count("<tr") == text.count("<tr")
    assert after.seen.known == 40


def test_an_analyst_issues_a_forecast_that_names_its_sources(analyst: tuple[Client, Subject]) -> None:
    client, reader = analyst
    put(drafts(80, today() - timedelta(days=9)))
    settled(client)
    made = make(reader, Asked())
    form = {
        "days": 7,
        "lag": 7,
        "method": "standard",
        "purpose": "Where to add <b>escorts</b>",
        "decider": "JSC",
    }
    answer = client.post(f"{PAGE}issue/", form)
    assert answer.status_code == 302, answer.content.decode()
    page = unescape(client.get(answer["Location"]).content.decode())
    assert "<b>escorts</b>" not in client.get(answer["Location"]).content.decode()
    for said in (
        "JSC",
        "The period ends on",
        "How the method did before",
        "are named as its sources",
        "Log loss saved",
    ):
        assert said in page
    of_province = page.partition('id="tried-provinces"')[2]
    assert "Sindh" in of_province
    record = answer["Location"].rstrip("/").rsplit("/", 1)[-1]
    parts = release(reader, record).parts
    expected = parts["expected"]
    assert parts["basis"]["named"] == made.in_year
    assert expected["total"] == pytest.approx(made.numbers.sum(), abs=1e-4)
    top = expected["cells"][0]
    assert top["low"] < top["expected"] < top["high"]
    assert set(derived_from(here.tables(), made.records[-1])) == {record}
    assert parts["tried"]["windows"] == 12
    assert "Where to add" in client.get(PAGE).content.decode()


def test_what_came_is_shown_beside_it(analyst: tuple[Client, Subject]) -> None:
    client, _reader = analyst
    past = today() - timedelta(days=60)
    put(drafts(80, past))
    later = drafts(5, past + timedelta(days=5), years=3 / 365, seed=4)
    address = f"{PAGE}?origin={past}&lag=0&days=30"
    settled(client, address)
    form = {"days": 30, "lag": 0, "origin": past, "method": "standard", "purpose": "x", "decider": "y"}
    issued = client.post(f"{PAGE}issue/", form)["Location"]
    assert (
        "0 incidents came" in client.get(issued).content.decode()
        or "incidents came" in client.get(issued).content.decode()
    )
    put(later)
    page = unescape(client.get(issued).content.decode())
    came = sum(past <= date.fromisoformat(each.parts["when"]["start"]) for each in later)
    on_the_day = sum(1 for each in drafts(80, past) if each.parts["when"]["start"] == past.isoformat())
    assert f"{came + on_the_day} incidents came that you may see" in page
    assert 'class="banner" data-level="RESTRICTED"' in page
    put(drafts(1, past + timedelta(days=5), level=2))
    assert 'class="banner" data-level="CONFIDENTIAL"' in client.get(issued).content.decode()


@pytest.mark.parametrize("role", ["watch_officer", "auditor"])
def test_those_who_may_not_issue_are_told_which_clause_would_allow_it(node: Home, role: str) -> None:
    client, _reader = signed_in(role)
    assert client.get(f"{PAGE}issue/").status_code == 403
    assert client.post(f"{PAGE}issue/", {"purpose": "x", "decider": "y"}).status_code == 403


def test_it_is_not_issued_before_its_method_is_tried_nor_from_nothing(
    analyst: tuple[Client, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, reader = analyst
    form = {"days": 7, "lag": 7, "method": "standard", "purpose": "x", "decider": "y"}
    assert "There is nothing to issue" in client.post(f"{PAGE}issue/", form).content.decode()
    put(drafts(40, today()))

    def fails(*_given: Any) -> Any:
        raise Failed("no process")

    monkeypatch.setattr(forecast_reckoned, "apart", fails)
    answer = client.post(f"{PAGE}issue/", form)
    assert answer.status_code == 422
    assert "still being reckoned" in answer.content.decode()
    for _ in range(100):
        if reckoned(make(reader, Asked())).state == "failed":
            break
        time.sleep(0.02)
    assert "could not be reckoned" in client.get(PAGE).content.decode()


def test_one_person_does_not_fill_the_queue(
    analyst: tuple[Client, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    _client, reader = analyst
    put(drafts(40, today()))
    held = threading.Event()

    def waits(*_given: Any) -> Any:
        held.wait(30)
        raise Failed("no process")

    monkeypatch.setattr(forecast_reckoned, "apart", waits)
    made = [make(reader, Asked(lag=lag)) for lag in (1, 2, 3)]
    try:
        assert [reckoned(each, reader.person).state for each in made] == ["waits", "waits", "busy"]
        assert reckoned(made[0], reader.person).state == "waits"
        assert reckoned(made[2], "somebody else").state == "waits"
    finally:
        held.set()


def test_a_forecast_stays_as_it_was_issued(analyst: tuple[Client, Subject]) -> None:
    client, reader = analyst
    put(drafts(60, today()))
    settled(client)
    form = {"days": 7, "lag": 7, "method": "scales", "purpose": "x", "decider": "y"}
    answer = client.post(f"{PAGE}issue/", form)
    if answer.status_code == 422:
        assert "too few incidents to be fitted" in answer.content.decode()
        answer = client.post(f"{PAGE}issue/", {**form, "method": "standard"})
    record = answer["Location"].rstrip("/").rsplit("/", 1)[-1]
    with pytest.raises(Malformed, match="stays as it was issued"):
        commit(
            reader,
            Draft("forecast", {"use": {"purpose": "other", "decider": "z"}}, record=record, expected=1),
        )
    with pytest.raises(Malformed, match="a person issues"):
        commit(system_subject("pk"), Draft("forecast", release(reader, record).parts))


@pytest.mark.parametrize("language", ["ur", "zh-hans"])
def test_in_other_languages(analyst: tuple[Client, Subject], language: str) -> None:
    client, _reader = analyst
    put(drafts(40, today()))
    client.cookies.load({"django_language": language})
    text = settled(client, PAGE)
    assert 'id="forecast-scores"' in text
