"""The pages on what is one event, as people of both parties meet them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from committee.work_nodes import client_of
from exchange.nodes import opened, own_connections
from journeys import two_nodes

from .same_nodes import Nodes, both_ways, counted, person, pull, report, say, statements, there


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture
def rooms(prepared: Path, tmp_path: Path) -> Iterator[Nodes]:
    with opened(two_nodes.made(prepared, "4"), tmp_path) as both:
        yield both


def shown(client: Client, address: str, language: str = "en") -> str:
    answer = client.get(address, headers={"accept-language": language})
    assert answer.status_code == 200, answer.content.decode()[:400]
    return answer.content.decode()


def posted(client: Client, address: str, **fields: Any) -> int:
    return client.post(address, fields).status_code


def test_the_other_record_is_proposed_chosen_and_stands_beside_the_own_one(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = (
        person(host, "same-host-h", "watch_officer"),
        person(partner, "same-partner-p", "coordinator"),
    )
    own = report(host, ours, "Ours <b>bold</b>")
    report(partner, theirs, "Theirs", day=7)
    report(partner, theirs, "Too far", latitude=26.0)
    report(partner, theirs, "Too late", day=12)
    both_ways(host, partner)
    other = there(host, "cn", "Theirs")
    with host.active():
        client = client_of(host, ours)
        page = shown(client, f"/incidents/{own}/same/")
        assert other in page and "24 h" in page and "0 km" in page
        assert "Too far" not in page and "Too late" not in page
        assert "Too far" in shown(client, f"/incidents/{own}/same/?text=far")
        assert posted(client, f"/incidents/{own}/same/", other="", reason="") == 422
        assert posted(client, f"/incidents/{own}/same/", other=own) == 422
        assert posted(client, f"/incidents/{own}/same/", other="0" * 32) == 404
        assert posted(client, f"/incidents/{own}/same/", other=other, reason="Same <i>hour</i>") == 302
        page = shown(client, f"/incidents/{own}/")
        assert "2 records count as one event" in page and "This one counts" in page
        assert "Same &lt;i&gt;hour" in page and "Party cn" in page
        assert "Theirs" not in shown(client, f"/incidents/{own}/same/"), "what is said is not proposed again"
        beside = shown(client, f"/incidents/{other}/")
        assert "The record that counts" in beside and own in beside
        listed = shown(client, "/incidents/")
        assert listed.count("#same-event") == 2
        for title in ("Theirs", "Too far", "Ours"):
            assert title in listed, "the list shows every record"
    assert own in counted(host, ours) and other not in counted(host, ours)


def test_the_other_party_agrees_objects_and_takes_back(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = (
        person(host, "same-host-h", "coordinator"),
        person(partner, "same-partner-p", "coordinator"),
    )
    own, other = report(host, ours), report(partner, theirs, "Theirs")
    both_ways(host, partner)
    say(host, ours, "same", own, there(host, "cn"))
    pull(partner, host)
    foreign = there(partner, "pk")
    address = f"/incidents/{other}/same/{foreign}/"
    with partner.active():
        client = client_of(partner, theirs)
        page = shown(client, f"/incidents/{other}/")
        assert "Agree: the same event" in page and "They count as one." in page
        assert posted(client, address, word="different", seen=0) == 302
        page = shown(client, f"/incidents/{other}/")
        assert "They count apart." in page and "Take it back" in page and "records count as one" not in page
        assert posted(client, address, word="taken_back", seen=7) == 302, "on a version that is none"
        assert "They count apart." in shown(client, f"/incidents/{other}/")
        assert posted(client, address, word="taken_back", seen=1) == 302
        assert "They count as one." in shown(client, f"/incidents/{other}/")
        assert posted(client, address, word="same", seen=2) == 302
        assert posted(client, address, word="strike") == 400
        assert posted(client, address, word="different", seen="x") == 302
        assert "They count as one." in shown(client, f"/incidents/{other}/"), "a version that is none"
        assert client.get(address).status_code == 405


@pytest.mark.parametrize(
    ("language", "words"),
    [("ur", ("ایک ہی واقعہ", "یہ ایک شمار ہوتے ہیں۔")), ("zh-hans", ("同一事件", "计为一个。"))],
)
def test_the_pages_speak_the_readers_language(rooms: Nodes, language: str, words: tuple[str, str]) -> None:
    host, _ = rooms
    ours = person(host, "same-host-h", "coordinator")
    one, other = report(host, ours), report(host, ours)
    say(host, ours, "same", one, other)
    with host.active():
        client = client_of(host, ours)
        client.cookies["django_language"] = language
        page = shown(client, f"/incidents/{one}/", language)
        assert all(word in page for word in words)
        assert words[0] in shown(client, f"/incidents/{one}/same/", language)


def test_who_only_reads_is_offered_nothing_and_refused(rooms: Nodes) -> None:
    host, _ = rooms
    ours, officer = (
        person(host, "same-host-h", "coordinator"),
        person(host, "same-host-c", "commander"),
    )
    one, other = report(host, ours), report(host, ours)
    say(host, ours, "same", one, other)
    with host.active():
        client = client_of(host, officer)
        page = shown(client, f"/incidents/{one}/")
        assert "2 records count as one event" in page and "Take it back" not in page
        assert client.get(f"/incidents/{one}/same/").status_code == 403
        assert posted(client, f"/incidents/{one}/same/{other}/", word="taken_back") == 403
    assert {each.state for each in statements(host, ours)} == {"same"}


def test_of_a_record_that_may_not_be_known_of_no_page_says_anything(rooms: Nodes) -> None:
    host, _ = rooms
    ours, low = (
        person(host, "same-host-h", "coordinator"),
        person(host, "same-host-low", "coordinator", clearance=1),
    )
    known = report(host, ours, "Known")
    secret = report(host, ours, "CANARY", levels={"summary": 3, "when": 3, "where": 3})
    say(host, ours, "same", known, secret, reason="CANARY-WHY")
    with host.active():
        client = client_of(host, low)
        for address in (
            f"/incidents/{known}/",
            f"/incidents/{known}/same/",
            "/incidents/",
            "/incidents/map/",
        ):
            page = shown(client, address)
            assert "CANARY" not in page and secret not in page and "records count as one" not in page
        assert '#same-event"' not in shown(client, "/incidents/")
        assert client.get(f"/incidents/{known}/same/{secret}/").status_code == 405
        assert posted(client, f"/incidents/{known}/same/{secret}/", word="taken_back") == 404
        assert posted(client, f"/incidents/{known}/same/", other=secret) == 404
        above = client_of(host, ours)
        assert "CANARY" in shown(above, f"/incidents/{known}/")


def test_a_page_of_an_incident_with_a_thousand_statements_shows_some_and_says_how_many_more(
    rooms: Nodes,
) -> None:
    host, _ = rooms
    ours = person(host, "same-host-h", "coordinator")
    one = report(host, ours)
    for number in range(120):
        say(host, ours, "same", one, report(host, ours, f"No. {number}"))
    with host.active():
        page = shown(client_of(host, ours), f"/incidents/{one}/")
        assert "95 more records are not shown" in page
        assert page.count('class="said"') == 25
