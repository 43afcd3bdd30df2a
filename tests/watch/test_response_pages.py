"""The pages of responses and liaison: begun from an SOS, worked through, and what a person may not see or send."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from journeys.roads import at, movement, officer
from journeys.two_nodes import Node, pull
from safeconduct.exchange.links import LinkDown
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.watch import messages, messages_views, response_views, sos
from safeconduct.watch.response_kinds import RESPONSE_ITEM

URDU = "پل بند ہے، کل تک کوئی نہ آئے"


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


def raised(who: Any, **place: float) -> str:
    parts = {
        "call": {"at": at(-0.01), "means": "floor", "headline": "Shots at the gate <b>"},
        "place": {**place, "source": "stated"} if place else None,
    }
    return sos.raise_sos(who, parts).record


def item(page: str, name: str) -> str:
    (found,) = [each for each in page.split('<li class="part"')[1:] if f"<h2>{name}</h2>" in each]
    return found.split("</form>")[0]


def test_from_the_sos_to_a_closed_list_with_who_told_whom(node: Home) -> None:
    client, who = officer("watch_officer")
    commit(system_subject("pk"), Draft("movement", movement("J-7", -1), state="under_way"))
    call = raised(who, latitude=24.85, longitude=67.25)
    assert f"/watch/responses/new/?about={call}" in client.get(f"/watch/sos/{call}/").content.decode()
    begin = f"/watch/responses/new/?about={call}"
    form = client.get(begin).content.decode()
    assert "no table of hospitals" in form and "Shots at the gate &lt;b&gt;" in form
    assert client.post(begin, {"key": "k", "site_class": "moon"}).status_code == 422
    done = client.post(begin, {"key": "k", "site_class": "journey", "title": ""})
    assert done.status_code == 302
    address = done["Location"]
    page = client.get(address).content.decode()
    assert "Shots at the gate &lt;b&gt;" in page and "Nearest suitable hospital" in page
    assert "J-7" in item(page, "Road closed") and "stopped by who may decide" in page
    alone = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert alone.lstrip().startswith("<article") and "banner-place" in alone
    rows = {
        each.parts["task"]["category"]: each
        for each in find(who, Query(RESPONSE_ITEM.name, sort="at")).records
    }
    notice, hospital = rows["consular_notice"], rows["hospital"]
    refused = client.post(f"{address}items/{notice.id}/", {"seen": 1, "state": "done"})
    assert refused.status_code in (400, 422)
    told = {"seen": 1, "who": "", "by": "Khan", "means": "telephone", "minutes_ago": 3}
    assert client.post(f"{address}items/{notice.id}/told/", told).status_code == 422
    assert client.post(f"{address}items/{notice.id}/told/", {**told, "who": "Consul"}).status_code == 302
    assert "Consul" in item(client.get(address).content.decode(), "Consular notice")
    assert client.post(f"{address}items/{hospital.id}/", {"seen": 1, "state": "done"}).status_code == 302
    assert client.post(f"{address}items/{hospital.id}/", {"seen": 1, "state": "open"}).status_code == 409
    road = {"seen": 1, "road": "N-25 at the bridge", "latitude": 24.85, "longitude": ""}
    assert client.post(f"{address}items/{rows['road_closed'].id}/road/", road).status_code == 422
    assert (
        client.post(
            f"{address}items/{rows['road_closed'].id}/road/", {**road, "longitude": 67.25}
        ).status_code
        == 302
    )
    extra = {"new-text": "Call the port", "new-category": "other", "new-room": "host", "new-minutes": ""}
    assert client.post(f"{address}items/", extra).status_code == 302
    page = client.get(address).content.decode()
    assert "N-25 at the bridge" in page and "Call the port" in page
    assert client.post(f"{address}close/", {"seen": 1}).status_code == 302
    assert "still open" in client.get(address).content.decode()
    assert client.post(f"{address}close/", {"seen": "x"}).status_code == 400
    assert "Shots" in client.get("/watch/responses/").content.decode()


@pytest.mark.parametrize("role", ["protected_person", "administrator"])
def test_those_without_a_grant_find_nothing(node: Home, role: str) -> None:
    client, who = officer("watch_officer")
    call = raised(who)
    address = client.post(f"/watch/responses/new/?about={call}", {"key": "k", "site_class": "residence"})[
        "Location"
    ]
    stranger, _ = officer(role)
    assert stranger.get(address).status_code in (403, 404)
    assert stranger.get(f"/watch/responses/new/?about={call}").status_code in (403, 404)
    assert stranger.post(f"{address}items/x/take/").status_code in (403, 404)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"seen": "-1", "state": "done"},
        {"seen": "1", "state": "flying"},
        {"seen": "9" * 30, "state": "done"},
    ],
)
def test_a_step_that_is_none_is_refused(node: Home, data: dict[str, str]) -> None:
    client, who = officer("watch_officer")
    call = raised(who)
    address = client.post(f"/watch/responses/new/?about={call}", {"key": "k", "site_class": "residence"})[
        "Location"
    ]
    (first, *_) = find(who, Query(RESPONSE_ITEM.name, sort="at")).records
    assert client.post(f"{address}items/{first.id}/", data).status_code == 400
    assert client.get("/watch/responses/no-such/").status_code == 404


def test_a_message_in_urdu_goes_across_is_read_and_translated(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    with host.active():
        client, who = officer("liaison")
        page = client.get("/watch/messages/").content.decode()
        (key,) = re.findall(r'name="key" value="([^"]+)"', page)
        body = {
            "key": key, "about": "", "to": "cn", "priority": "flash",
            "subject": "Bridge", "text": URDU, "language": "ur",
        }  # fmt: skip
        assert client.post("/watch/messages/", {**body, "to": "zz"}).status_code == 422
        assert client.post("/watch/messages/", body).status_code == 302
        assert client.post("/watch/messages/", body).status_code == 302
        assert len(messages.messages(who)) == 1, "pressed twice, it is one"
        assert "not delivered yet" in client.get("/watch/messages/").content.decode()
    pull(partner, host)
    with partner.active():
        client, who = officer("watch_officer", "cn")
        page = client.get("/watch/messages/").content.decode()
        assert 'dir="auto" lang="ur"' in page and "Not read in this room: 1" in page
        record = messages.messages(who)[0].record.id
        page = client.get(f"/watch/messages/{record}/").content.decode()
        assert URDU in page and "I have read it" in page
        assert client.post(f"/watch/messages/{record}/read/").status_code == 302
        made = {"key": "t", "language": "en", "text": "Closed", "source": "machine", "by": ""}
        assert client.post(f"/watch/translations/{record}/", made).status_code == 400, "name the machine"
        assert client.post(f"/watch/translations/{record}/", {**made, "by": "Engine"}).status_code == 302
        page = client.get(f"/watch/messages/{record}/").content.decode()
        assert "translated by a machine" in page and "I have read it" not in page
    pull(host, partner)
    with host.active():
        assert "translated by a machine" in officer_page("liaison", "/watch/messages/", host)


def officer_page(role: str, address: str, node: Node) -> str:
    """The page of the only message, as another officer of the same room sees it."""
    client, who = officer(role)
    record = messages.messages(who)[0].record.id
    return client.get(f"{address}{record}/").content.decode()


def test_a_request_has_its_clock_its_answer_and_no_conclusion_of_its_own(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    with partner.active():
        client, who = officer("watch_officer", "cn")
        body = {"key": "r", "about": "", "to": "pk", "subject": "Unit", "question": "Which?", "minutes": 30}
        assert client.post("/watch/requests/", {**body, "minutes": 0}).status_code == 422
        assert client.post("/watch/requests/", body).status_code == 302
        own = messages.requests(who)[0].record
        page = client.get("/watch/requests/").content.decode()
        assert 'data-clock="due"' in page and "overdue" not in page
    pull(host, partner)
    with host.active():
        client, who = officer("liaison")
        record = messages.requests(who)[0].record.id
        page = client.get(f"/watch/requests/{record}/").content.decode()
        assert "Which?" in page and "Withdraw" not in page
        said = {"key": "a", "outcome": "full", "text": "The second company"}
        assert (
            client.post(f"/watch/requests/{record}/answer/", {**said, "outcome": "maybe"}).status_code == 400
        )
        assert client.post(f"/watch/requests/{record}/answer/", said).status_code == 302
        assert client.post(f"/watch/requests/{record}/withdraw/", {"seen": 1}).status_code == 403
    pull(partner, host)
    with partner.active():
        client, _ = officer("watch_officer", "cn")
        page = client.get(f"/watch/requests/{own.id}/").content.decode()
        assert "The second company" in page and "in full" in page
        assert "answered" in client.get("/watch/requests/").content.decode()


def test_a_link_that_is_down_is_said_where_messages_and_items_are(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _ = nodes
    with host.active():
        client, who = officer("watch_officer")
        call = raised(who)
        begin = f"/watch/responses/new/?about={call}"
        address = client.post(begin, {"key": "k", "site_class": "residence"})["Location"]
        places = ("/watch/messages/", "/watch/requests/", address)
        assert all("The link is down" not in client.get(each).content.decode() for each in places)
        down = {"cn": LinkDown(host.home.partners["cn"], time.time() - 300, time.time() - 310)}
        for module in (messages_views, response_views):
            monkeypatch.setattr(module, "links_down", lambda: down)
        for each in places:
            page = client.get(each).content.decode()
            assert "The link is down" in page and "no newer than" in page
        urdu = client.get(address, headers={"Accept-Language": "ur"}).content.decode()
        assert 'dir="rtl"' in urdu
        assert "ہر رہائش گاہ کو نام سے جانچیں" in urdu, "the checklist speaks the reader's language"
