"""The pages of SOS: what the phone sends and shows, what the rooms see, and what nobody may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from journeys.roads import at, movement, officer
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.moments import instant
from safeconduct.records.principals import system_subject
from safeconduct.records.release import Released
from safeconduct.watch import safe_words
from safeconduct.watch.models import SafeWords

PHONE = "/journeys/phone/"
RAISE = "/watch/sos/raise/"
KEY = "a-key-of-a-press"


@pytest.fixture
def node(partner_home: Home, quick_hashes: None) -> Iterator[Home]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


def calls() -> list[Released]:
    return find(officer("coordinator")[1], Query("sos", sort="at")).records


def press(client: Client, body: Any, **more: Any) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(RAISE, text, content_type="application/json", **more)


def test_a_press_is_durable_and_says_so_and_the_phone_shows_who_has_it(node: Home) -> None:
    client, traveller = officer("protected_person")
    pressed = at(-0.01)
    answer = press(client, {"key": KEY, "at": pressed, "latitude": 24.9, "longitude": 67.1, "accuracy_m": 9})
    assert answer.status_code == 201
    assert press(client, {"key": KEY, "at": pressed}).json() == answer.json(), "sent again, it is the same"
    (found,) = calls()
    assert (
        instant(found.parts["call"]["at"]) == instant(pressed) and found.parts["place"]["source"] == "phone"
    )
    assert found.parts["caller"]["person"] == traveller.person
    page = client.get(PHONE).content.decode()
    assert "Your SOS is open." in page and page.count("has not acknowledged") == 2
    officer_client = officer("watch_officer")[0]
    assert officer_client.post(f"/watch/sos/{found.id}/acknowledge/", {"ack-remark": ""}).status_code == 302
    page = client.get("/journeys/phone/pieces/").content.decode()
    assert page.count("has not acknowledged") == 1 and "has it since" in page


def test_a_position_that_comes_after_the_press_follows_it_once_and_moves_nothing(node: Home) -> None:
    client, _ = officer("protected_person")
    other, _ = officer("protected_person")
    first = press(client, {"key": KEY}).json()["record"]
    assert "place" not in calls()[0].parts
    for latitude in (24.9, 30.0):
        again = {"key": KEY, "latitude": latitude, "longitude": 67.1, "accuracy_m": 9}
        assert press(client, again).json()["record"] == first
    (found,) = calls()
    assert found.parts["place"]["latitude"] == 24.9 and found.version == 2
    press(other, {"key": KEY, "latitude": 1, "longitude": 1})
    assert sorted(each.parts["place"]["latitude"] for each in calls()) == [1, 24.9]


def test_an_sos_on_the_road_belongs_to_the_journey_and_without_one_it_is_still_an_sos(node: Home) -> None:
    client, traveller = officer("protected_person")
    press(client, {"key": "first-press"})
    draft = Draft("movement", movement("J-1", -1), assigned=[traveller.person], state="under_way")
    own = commit(system_subject("pk"), draft).record
    press(client, {"key": "second-press"})
    assert {each.about for each in calls()} == {"", own}


@pytest.mark.parametrize(
    "body",
    [
        {"key": KEY, "latitude": "north"},
        {"key": KEY, "latitude": 999, "longitude": 1},
        {"key": KEY, "at": "half past"},
        {"key": KEY, "at": 12},
        {"key": KEY, "text": "x" * 6_000},
        {"key": KEY, "surprise": {"deep": [1]}},
        {"key": KEY, "latitude": float("nan"), "longitude": 1},
    ],
)
def test_a_press_with_something_broken_in_it_is_still_an_sos(node: Home, body: dict[str, Any]) -> None:
    client, _ = officer("protected_person")
    assert press(client, body).status_code == 201
    assert len(calls()) == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b"{}", b'{"key": ""}', b'{"key": 7}', b"x" * 20_000]
)
def test_what_is_no_press_is_answered_and_stores_nothing(node: Home, body: bytes) -> None:
    client, _ = officer("protected_person")
    assert press(client, body).status_code == 400
    assert calls() == []


def test_the_safe_word_and_the_duress_word_are_answered_with_the_same_bytes(node: Home) -> None:
    shown = {}
    for word in ("Margalla", "Ravi-2"):
        client, traveller = officer("protected_person")
        safe_words.keep(traveller.person, "Margalla", "Ravi-2")
        record = press(client, {"key": KEY}).json()["record"]
        answer = client.post(f"/watch/sos/{record}/word/", {"word": word.upper()}, follow=True)
        text = answer.content.decode()
        assert "Your SOS is open." not in text and "Stood down." in text
        shown[word] = text[text.index("<main") : text.index("</main")]
        shown[word] = _without_what_differs_each_time(shown[word])
    assert shown["Margalla"] == shown["Ravi-2"]
    assert sorted(each.state for each in calls()) == ["raised", "stood_down"]
    watch = officer("watch_officer")[0]
    (forced,) = [each for each in calls() if each.state == "raised"]
    assert "UNDER DURESS" in watch.get(f"/watch/sos/{forced.id}/").content.decode()


def test_no_page_of_the_forced_caller_and_no_word_said_again_tells_that_it_is_known(node: Home) -> None:
    shown: dict[str, list[str]] = {}
    for word, other in (("Margalla", "Ravi-2"), ("Ravi-2", "Margalla")):
        client, traveller = officer("protected_person")
        safe_words.keep(traveller.person, "Margalla", "Ravi-2")
        record = press(client, {"key": KEY}).json()["record"]
        watch = officer("watch_officer")[0]
        watch.post(f"/watch/sos/{record}/acknowledge/", {"ack-remark": ""})
        for each in (word, word, other):
            answer = client.post(f"/watch/sos/{record}/word/", {"word": each}, follow=True)
            assert answer.status_code == 200 and "Stood down." in answer.content.decode()
        if word == "Ravi-2":
            ended = {"end-category": "floor", "end-remark": "Heard from the unit"}
            assert "UNDER DURESS" in watch.get(f"/watch/sos/{record}/").content.decode()
            assert "UNDER DURESS" in watch.get("/watch/").content.decode()
        pages = [PHONE, "/journeys/phone/pieces/", "/watch/sos/", f"/watch/sos/{record}/", "/watch/"]
        pages.append("/watch/floor/places.geojson")
        found = [client.get(page).content.decode() for page in pages]
        shown[word] = [
            _without_what_differs_each_time(text.split("<main")[-1].split("</main")[0].replace(record, ""))
            for text in found
        ]
        assert not any("DURESS" in text for text in found[2:])
        if word == "Ravi-2":
            assert watch.post(f"/watch/sos/{record}/stand-down/", ended).status_code == 302
            assert "Your last SOS was stood down" in client.get(PHONE).content.decode()
    assert shown["Margalla"] == shown["Ravi-2"]


def _without_what_differs_each_time(text: str) -> str:
    import re

    text = re.sub(r'(value|data-owner|data-pass)="[^"]{16,}"|protected_person\d+', "", text)
    text = re.sub(r'data-(at|now)="[\d.]+"|"now": [\d.]+', "", text)
    return re.sub(r"<time[^>]*>[^<]*</time>|\d\d:\d\d(:\d\d)?", "", text)


def test_wrong_words_end_nothing_and_are_few(node: Home) -> None:
    client, traveller = officer("protected_person")
    safe_words.keep(traveller.person, "Margalla", "Ravi-2")
    record = press(client, {"key": KEY}).json()["record"]
    for guess in ("", "margall", "x" * 10_000, "ravi", "\x00"):
        page = client.post(f"/watch/sos/{record}/word/", {"word": guess}, follow=True).content.decode()
        assert "That is not your word." in page
    page = client.post(f"/watch/sos/{record}/word/", {"word": "Margalla"}, follow=True).content.decode()
    assert "Too many wrong words" in page
    assert calls()[0].state == "raised"
    SafeWords.objects.update(wrong_since=0.0)
    client.post(f"/watch/sos/{record}/word/", {"word": "Margalla"})
    assert calls()[0].state == "stood_down"


def test_the_words_are_kept_as_slow_hashes_and_must_differ(node: Home) -> None:
    safe_words.keep("somebody", "Margalla", "Ravi-2")
    kept = SafeWords.objects.get(person="somebody")
    assert "margalla" not in kept.safe.lower() and kept.safe != kept.duress
    for safe, duress in (
        ("abc", "defgh"),
        ("Margalla", "margalla hills"),
        ("same-word", "SAME-WORD"),
        ("x" * 99, "yyyy"),
    ):
        with pytest.raises(safe_words.WordsRefused):
            safe_words.keep("somebody", safe, duress)
    assert safe_words.said("nobody", "Margalla") == "unset"


def test_nobody_sees_or_ends_the_sos_of_somebody_else(node: Home) -> None:
    client, _ = officer("protected_person")
    other, stranger = officer("protected_person")
    safe_words.keep(stranger.person, "Margalla", "Ravi-2")
    record = press(client, {"key": KEY}).json()["record"]
    assert other.get(f"/watch/sos/{record}/").status_code == 404
    assert other.post(f"/watch/sos/{record}/word/", {"word": "Margalla"}).status_code == 404
    assert other.post(f"/watch/sos/{record}/acknowledge/", {}).status_code in (403, 404)
    assert record not in other.get("/watch/sos/").content.decode()
    assert calls()[0].state == "raised"
    analyst = officer("analyst")[0]
    assert "phone-sos" not in analyst.get("/journeys/phone/pieces/").content.decode()
    assert press(analyst, {"key": KEY}).status_code == 403


def test_the_floor_raises_one_on_somebodys_behalf_and_stands_it_down_by_a_name(node: Home) -> None:
    client = officer("watch_officer")[0]
    page = client.get("/watch/sos/new/").content.decode()
    assert "SOS on somebody" in page
    given = {
        "key": "form-key-1", "headline": "Driver telephones: shots", "category": "vehicle", "stated": "Hub bridge",
        "name": "Driver", "phone": "0300", "persons": "4", "minutes_ago": "3", "text": "وین کے پیچھے",
    }  # fmt: skip
    answer = client.post("/watch/sos/new/", given)
    assert answer.status_code == 302
    assert client.post("/watch/sos/new/", given).url == answer.url, "a form sent twice is one SOS"
    page = client.get(answer.url).content.decode()
    for text in ("Driver telephones: shots", "Hub bridge", "وین کے پیچھے", "has not acknowledged"):
        assert text in page
    assert (
        client.post(f"{answer.url}stand-down/", {"end-category": "floor", "end-remark": ""}).status_code
        == 422
    )
    done = client.post(
        f"{answer.url}stand-down/", {"end-category": "false_alarm", "end-remark": "Tyre burst"}
    )
    assert done.status_code == 302
    page = client.get("/watch/sos/").content.decode()
    assert "1 ended, of them 1 false alarms" in page and "No call for help is open." in page


@pytest.mark.parametrize(
    "wrong",
    [{"headline": ""}, {"category": "drone"}, {"latitude": "24"}, {"about": "no-such"}, {"persons": "-1"}],
)
def test_a_form_that_does_not_pass_comes_back_as_typed(node: Home, wrong: dict[str, str]) -> None:
    client = officer("watch_officer")[0]
    given = {"key": "form-key-2", "headline": "Shots", "category": "person", "text": "KEPT-TEXT"} | wrong
    answer = client.post("/watch/sos/new/", given)
    assert answer.status_code == 422 and "KEPT-TEXT" in answer.content.decode()
    assert calls() == []
