"""The pages of the watch against other sites, other people's ids, and readers without a clause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from journeys.roads import at, officer
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.watch import safe_words, sos

PHONE = "/journeys/phone/"
SYSTEM = system_subject("pk")


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


def states(kind: str) -> list[str]:
    return [state for (state,) in here.tables().all("SELECT state FROM records_row WHERE kind = %s", [kind])]


def test_another_site_neither_presses_nor_stands_down_nor_frames_the_button(node: Home) -> None:
    client, who = officer("protected_person")
    safe_words.keep(who.person, "Margalla", "Ravi-2")
    made = client.post(
        "/watch/sos/raise/", json.dumps({"key": "pressed-here"}), content_type="application/json"
    )
    record = made.json()["record"]
    strict = Client(enforce_csrf_checks=True, SERVER_NAME=client.defaults.get("SERVER_NAME", "testserver"))
    strict.cookies = client.cookies
    for path, body in (
        ("/watch/sos/raise/", {"key": "pressed-elsewhere"}),
        (f"/watch/sos/{record}/word/", {"word": "Margalla"}),
        (f"/watch/sos/{record}/acknowledge/", {"ack-remark": ""}),
    ):
        assert strict.post(path, body, headers={"Origin": "https://evil.example"}).status_code == 403
        plain = strict.post(path, json.dumps(body), content_type="text/plain")
        assert plain.status_code == 403
    assert states("sos") == ["raised"]
    page = client.get(PHONE)
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY" and "no-store" in page.headers["Cache-Control"]


@pytest.mark.parametrize("role", ["protected_person", "warden", "analyst", "liaison", "auditor"])
def test_an_id_that_somebody_has_seen_opens_no_act_on_an_sos(node: Home, role: str) -> None:
    caller = officer("protected_person")[1]
    parts: dict[str, Any] = {
        "call": {"at": at(0), "means": "phone"},
        "caller": {"person": caller.person},
        "place": {"latitude": 24.9, "longitude": 67.1},
    }
    record = sos.raise_sos(caller, parts).record
    client, _ = officer(role)
    for path, body in (
        (f"/watch/sos/{record}/acknowledge/", {"ack-remark": ""}),
        (f"/watch/sos/{record}/task/", {"task-unit": "levies-gwadar"}),
        (f"/watch/sos/{record}/stand-down/", {"end-category": "floor", "end-remark": "x"}),
        (f"/watch/sos/{record}/word/", {"word": "Margalla"}),
    ):
        assert client.post(path, body).status_code in (302, 403, 404, 422)
    assert states("sos") == ["raised"]
    assert not states("sos_acknowledgement") and not states("tasking") and not states("stand_down")


def test_a_list_of_names_tells_a_reader_without_them_neither_names_nor_their_number_nor_their_order(
    node: Home,
) -> None:
    call = {"title": "ROLL", "scope": "country", "since": at(0), "due": at(1)}
    muster = commit(SYSTEM, Draft("muster", {"call": call}, state="open")).record
    names = ["Zhao Canary", "Ahmed Canary", "Li Canary"]
    for name in names:
        commit(SYSTEM, Draft("roll_entry", {"who": {"name": name}}, about=muster, state="unaccounted"))
    for role in ("liaison", "auditor", "analyst", "protected_person"):
        client, _ = officer(role)
        found = []
        for query in ("", "?sort=name", "?q=Canary", "?q=Zhao", "?state=unaccounted", "?page=2"):
            answer = client.get(f"/watch/musters/{muster}/{query}")
            text = answer.content.decode()
            assert "Canary" not in text.replace("Canary&", "").split("<main")[-1].replace(
                'value="Canary"', ""
            )
            found.append((answer.status_code, text.split("<main")[-1].count("<tr")))
        assert len(set(found)) == 1, f"{role}: what is asked for changes nothing of what is told"


def test_an_exercise_sos_is_marked_wherever_it_goes_and_counted_nowhere_among_real_ones(node: Home) -> None:
    from safeconduct.field.cot_markers import of_record
    from safeconduct.records.release import release

    client, watch = officer("watch_officer")
    parts = {
        "call": {"at": at(0), "means": "floor", "headline": "PRACTICE", "exercise": True},
        "place": {"latitude": 24.9, "longitude": 67.1},
    }
    record = sos.raise_sos(watch, parts).record
    (marker,) = of_record(release(watch, record))
    assert b"EXERCISE SOS PRACTICE" in marker
    assert "EXERCISE" in client.get(f"/watch/sos/{record}/").content.decode()
    rows = here.tables().all("SELECT parts FROM records_row WHERE kind = 'escalation'", [])
    assert [json.loads(parts)["step"]["exercise"] for (parts,) in rows] == [True]
    sos.stand_down(watch, record, "false_alarm", remark="End of exercise")
    page = client.get("/watch/sos/").content.decode()
    assert "0 ended" in page or "ended, of them" not in page
