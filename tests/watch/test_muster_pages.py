"""The pages of musters: begun by a form, answered on a phone, by a warden, and counted on the board."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from firing import fire_all
from journeys.roads import at, officer
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.release import Released
from safeconduct.records.writer import Writer

PHONE = "/journeys/phone/"
SYSTEM = system_subject("pk")


@pytest.fixture
def node(partner_home: Home) -> Iterator[tuple[Home, Writer]]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home, door.writer


def worker(name: str, site: str, account: str = "") -> None:
    given: dict[str, Any] = {"name": {"name": name}}
    if account:
        given["link"] = {"account": account}
    person = commit(SYSTEM, Draft("person", given, state="active")).record
    commit(
        SYSTEM, Draft("presence", {"stay": {"site": site, "since": at(-48)}}, about=person, state="arrived")
    )


def port() -> str:
    given = {
        "identity": {"name": "Port site", "category": "work_site"},
        "place": {"latitude": 25.1, "longitude": 62.3, "district": "Gwadar"},
    }
    return commit(SYSTEM, Draft("site", given)).record


def tick(writer: Writer) -> None:
    """Let the roll be made and the figures, which come a second later, follow."""
    clock = writer.clock
    try:
        for seconds in (0.0, 2.0, 2.0):
            writer.clock = lambda later=seconds: clock() + later
            fire_all(writer)
    finally:
        writer.clock = clock


def entries(state: str = "") -> list[Released]:
    return find(officer("coordinator")[1], Query("roll_entry", state=state, sort="at")).records


def begin(client: Client, site: str, writer: Writer, **more: Any) -> str:
    given = {
        "key": "begin-key",
        "title": "After the blast",
        "scope": "site",
        "sites": [site],
        "minutes": "10",
    }
    answer = client.post("/watch/musters/", given | more)
    assert answer.status_code == 302, answer.content.decode()[:2000]
    tick(writer)
    return str(answer.url)


def test_from_the_form_to_the_phone_to_the_board(node: tuple[Home, Writer]) -> None:
    client = officer("watch_officer")[0]
    phone, li = officer("protected_person")
    site = port()
    worker("Li", site, li.person)
    worker("Wang", site)
    address = begin(client, site, node[1], exercise="on")
    page = client.get(address).content.decode()
    assert "EXERCISE" in page and "Li" in page and "Wang" in page and 'data-expected="2"' in page
    shown = phone.get(PHONE).content.decode()
    assert "Are you safe?" in shown and "You have not answered." in shown and "Wang" not in shown
    (mine,) = [each for each in entries() if each.parts["who"]["name"] == "Li"]
    body = json.dumps({"key": "a-key-of-a-word", "category": "accounted", "at": at(-0.001), "point": ""})
    answer = phone.post(f"/watch/musters/entries/{mine.id}/", body, content_type="application/json")
    assert answer.status_code == 201
    assert "You have not answered." not in phone.get(PHONE).content.decode()
    tick(node[1])
    page = client.get(address).content.decode()
    assert (
        '<div data-state="accounted" data-any><dt><a href="?state=accounted">Accounted</a></dt><dd>1</dd>'
        in page
    )
    assert '<ul class="muster-list" data-state="unaccounted">' in page
    listed = page[page.index('data-state="unaccounted">\n') :]
    assert "Wang" in listed and ">Li<" not in listed


def test_a_warden_speaks_for_a_group_and_nobody_for_strangers(node: tuple[Home, Writer]) -> None:
    client = officer("watch_officer")[0]
    warden = officer("warden")[0]
    stranger = officer("protected_person")[0]
    site = port()
    for name in ("Li", "Wang", "Chen"):
        worker(name, site)
    address = begin(client, site, node[1])
    ids = [each.id for each in entries()]
    answer = warden.post(f"{address}say/", {"entry": ids[:2], "state": "accounted", "remark": "seen by me"})
    assert answer.status_code == 302
    assert {each.parts["reply"]["means"] for each in entries("accounted")} == {"warden"}
    assert len(entries("accounted")) == 2
    for body in ({"entry": ids[2:], "state": "unaccounted"}, {"entry": ids[2:], "state": "gone"}):
        assert warden.post(f"{address}say/", body).status_code == 400
    assert warden.post(f"{address}say/", {"entry": ["x"] * 1_200, "state": "accounted"}).status_code == 400
    assert stranger.post(f"{address}say/", {"entry": ids, "state": "accounted"}).status_code in (403, 404)
    body = json.dumps({"category": "accounted"})
    answer = stranger.post(f"/watch/musters/entries/{ids[2]}/", body, content_type="application/json")
    assert answer.status_code == 404
    assert len(entries("unaccounted")) == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"category": 7}', b'{"category": "safe"}', b"x" * 20_000]
)
def test_what_is_no_answer_changes_nothing(node: tuple[Home, Writer], body: bytes) -> None:
    client = officer("watch_officer")[0]
    phone, li = officer("protected_person")
    site = port()
    worker("Li", site, li.person)
    begin(client, site, node[1])
    (mine,) = entries()
    answer = phone.post(f"/watch/musters/entries/{mine.id}/", body, content_type="application/json")
    assert answer.status_code == 400
    assert entries()[0].state == "unaccounted"


@pytest.mark.parametrize(
    "wrong", [{"title": ""}, {"scope": "planet"}, {"sites": ["no-such"]}, {"sites": []}, {"minutes": "0"}]
)
def test_a_muster_that_means_nobody_is_not_begun(node: tuple[Home, Writer], wrong: dict[str, Any]) -> None:
    client = officer("watch_officer")[0]
    given = {"key": "k", "title": "KEPT-TITLE", "scope": "site", "sites": [port()], "minutes": "10"} | wrong
    answer = client.post("/watch/musters/", given)
    assert answer.status_code == 422
    assert find(officer("coordinator")[1], Query("muster", sort="at")).records == []


def test_closed_is_closed_and_who_may_not_does_not(node: tuple[Home, Writer]) -> None:
    client, analyst = officer("watch_officer")[0], officer("analyst")[0]
    site = port()
    worker("Li", site)
    address = begin(client, site, node[1])
    assert analyst.get(address).status_code == 404
    assert analyst.post("/watch/musters/", {"title": "x"}).status_code in (200, 403, 422)
    assert client.post(f"{address}close/", {"seen": "x"}).status_code == 400
    assert client.post(f"{address}close/", {"seen": "99"}).status_code == 409
    (muster,) = find(officer("coordinator")[1], Query("muster", sort="at")).records
    assert client.post(f"{address}close/", {"seen": str(muster.version)}).status_code == 302
    assert "closed" in client.get(address).content.decode()


def test_who_needs_help_is_seen_to_from_the_board_and_the_floor_leads_there(
    node: tuple[Home, Writer],
) -> None:
    client, watch = officer("watch_officer")
    site = port()
    worker("Li", site)
    address = begin(client, site, node[1])
    client.post(f"{address}say/", {"entry": [entries()[0].id], "state": "needs_help"})
    tick(node[1])
    floor = client.get("/watch/").content.decode()
    assert f'href="{address}"' in floor and 'data-urgency="alarm"' in floor
    assert "ladder at rung 1" in client.get(address).content.decode()
    (raised,) = find(watch, Query("escalation", sort="at")).records
    assert officer("warden")[0].post(f"{address}take/", {"escalation": raised.id}).status_code in (403, 404)
    assert client.post(f"{address}take/", {"escalation": "no-such"}).status_code == 404
    assert client.post(f"{address}take/", {"escalation": raised.id}).status_code == 302
    page = client.get(address).content.decode()
    assert "ladder at rung" not in page and "Taken on: <bdi>" in page
    assert client.post(f"{address}take/", {"escalation": raised.id}).status_code == 409
