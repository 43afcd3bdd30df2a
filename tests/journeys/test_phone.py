"""The traveller's page and what it takes: words by form and from the outbox, of one's own journey alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from journeys.roads import at, movement, officer
from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.release import Released

PAGE = "/journeys/phone/"
SYSTEM = system_subject("pk")


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


def journey(traveller: Subject | None, reference: str = "J-1", departs: float = -0.5) -> str:
    assigned = [traveller.person] if traveller else []
    return commit(SYSTEM, Draft("movement", movement(reference, departs), assigned=assigned)).record


def words() -> list[Released]:
    coordinator = officer("coordinator")[1]
    return find(coordinator, Query("check_in", sort="at", descending=False)).records


def send(client: Client, record: str, body: Any, **more: Any) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(f"/journeys/{record}/word/", text, content_type="application/json", **more)


def test_a_traveller_sees_the_own_journey_and_nobody_elses(node: Home) -> None:
    client, traveller = officer("protected_person")
    journey(traveller, "J-MINE")
    journey(None, "J-OTHER")
    page = client.get(PAGE).content.decode()
    assert "J-MINE" in page
    assert "J-OTHER" not in page
    assert "CONFIDENTIAL" in page
    assert "Gate" in page
    assert "Bridge" in page


def test_the_form_works_without_scripts_and_the_point_is_ticked_off(node: Home) -> None:
    client, traveller = officer("protected_person")
    record = journey(traveller)
    given = {"key": "a-key-of-a-form", "category": "departed"}
    answer = client.post(f"/journeys/{record}/word/", given, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    client.post(f"/journeys/{record}/word/", {"key": "another-key", "category": "check_in", "point": "Gate"})
    assert [(w.parts["word"]["category"], w.parts["word"].get("point", "")) for w in words()] == [
        ("departed", ""),
        ("check_in", "Gate"),
    ]
    page = client.get(PAGE).content.decode()
    assert 'data-word="departed"' not in page
    assert "under way" in page


def test_a_word_from_the_outbox_keeps_its_time_and_counts_once(node: Home) -> None:
    client, traveller = officer("protected_person")
    record = journey(traveller)
    said = at(-0.2)
    body = {
        "key": "drawn-when-spoken",
        "category": "departed",
        "at": said,
        "latitude": 24.9,
        "longitude": 67.1,
    }
    first, again = send(client, record, body), send(client, record, body)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    (word,) = words()
    assert word.parts["word"]["at"] == said
    assert word.parts["position"]["latitude"] == 24.9


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b"[]",
        b'"word"',
        b"\xff\xfe",
        b'{"key": "x"' + b" " * 20_000 + b"}",
        b"[" * 10_000,
        {"category": "departed"},
        {"key": "short", "category": "departed"},
        {"key": "long-enough", "category": "sos"},
        {"key": "long-enough", "category": "departed", "at": "yesterday"},
        {"key": "long-enough", "category": "departed", "at": "2026-11-23T10:00:00"},
        {"key": "long-enough", "category": "departed", "at": "2999-01-01T00:00:00Z"},
        {"key": "long-enough", "category": "departed", "latitude": 24.0},
        {"key": "long-enough", "category": "departed", "latitude": 24.0, "longitude": "NaN"},
        {"key": "long-enough", "category": "delayed", "delay_minutes": -5},
        {"key": "long-enough", "category": "check_in", "point": "x" * 201},
        {"key": "long-enough", "category": "departed", "by": "somebody else"},
    ],
)
def test_what_is_no_word_is_refused_with_its_reason(node: Home, body: Any) -> None:
    client, traveller = officer("protected_person")
    answer = send(client, journey(traveller), body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert words() == []


def test_of_another_journey_there_is_nothing_to_say(node: Home) -> None:
    client, _ = officer("protected_person")
    word = {"key": "long-enough", "category": "departed"}
    assert send(client, journey(None), word).status_code == 404
    assert send(client, "0" * 32, word).status_code == 404
    assert client.post(f"/journeys/{journey(None)}/word/", word).status_code == 404
    assert words() == []


def test_a_word_needs_the_sessions_token(node: Home) -> None:
    client, traveller = officer("protected_person")
    record = journey(traveller)
    strict = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    strict.cookies = client.cookies
    assert send(strict, record, {"key": "long-enough", "category": "departed"}).status_code == 403
    assert words() == []


def test_the_page_is_for_travellers_and_reads_nothing_for_others(node: Home) -> None:
    client, _ = officer("coordinator")
    journey(None, "J-OTHER")
    page = client.get(PAGE).content.decode()
    assert "for travellers" in page
    assert "J-OTHER" not in page


def test_the_worker_answers_under_the_pages_own_address_only(node: Home) -> None:
    client, _ = officer("protected_person")
    answer = client.get(f"{PAGE}worker.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert "Service-Worker-Allowed" not in answer
    assert client.get(f"{PAGE}manifest.webmanifest").json()["scope"] == PAGE
