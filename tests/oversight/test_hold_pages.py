"""Holds on the pages and over the API: what is kept is kept, whoever asked is told why, and only who may does it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from committee.work_nodes import client_of
from exchange.nodes import INCIDENT, Node, opened, own_connections
from journeys.two_nodes import made, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.exchange.holdings import REMOVED, RETAINED, Held, holdings
from safeconduct.people import tokens
from safeconduct.people.models import Account
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import Refused

Nodes = tuple[Node, Node]
WHY = "an inquiry by the court in Karachi <b>"
SHOWN = "an inquiry by the court in Karachi &lt;b&gt;"


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture
def nodes(prepared: Path, tmp_path: Path) -> Iterator[Nodes]:
    """Host and Partner; the clauses on incidents and on the protection of information are agreed."""
    with opened(made(prepared, "4", "8"), tmp_path) as both:
        yield both


def given(host: Node, partner: Node) -> tuple[str, str]:
    """(the Host's incident, the Partner's id of it)."""
    record = host.commit("incident", INCIDENT, levels={"people": 1}).record
    pull(partner, host)
    return record, partner.of_kind("incident", "pk")[-1].id


def both_ways(host: Node, partner: Node) -> None:
    pull(partner, host)
    pull(host, partner)


def listed(host: Node, record: str) -> Held:
    with host.active():
        (found,) = [held for _, held in holdings("cn", record)]
    return found


def text(client: Client, url: str, status: int = 200, **headers: str) -> str:
    answer = client.get(url, headers=headers)
    assert answer.status_code == status, (url, answer.status_code)
    return answer.content.decode()


def form_of(page: str) -> dict[str, str]:
    """What the form that sets a hold, or states its reason anew, sends along."""
    (found,) = re.findall(
        r'<form method="post" action="/oversight/holds/[0-9a-f]{32}/" .*?</form>', page, re.DOTALL
    )
    fields = re.findall(r'<input type="hidden" name="(seen|key)"(?: value="([^"]*)")?', found)
    return dict(fields)


def entries(node: Node) -> list[dict[str, Any]]:
    def holds(tx: Any) -> list[dict[str, Any]]:
        headers = [tx.header(index) for index in range(tx.log.size)]
        return [header for header in headers if header["type"] == "hold"]

    found: list[dict[str, Any]] = node.in_tx(holds)
    return found


def test_what_a_hold_keeps_is_answered_for_and_erased_when_it_is_lifted(nodes: Nodes) -> None:
    host, partner = nodes
    record, there = given(host, partner)
    chief = person(partner, "li", "coordinator")
    with partner.active():
        client = client_of(partner, chief)
        row = text(client, "/oversight/held/").split("<tbody>")[1]
        assert f"/oversight/holds/{there}/" in row and "Put on hold" in row and "Party pk" in row
        url = f"/oversight/holds/{there}/"
        page = html.unescape(text(client, url))
        assert "What a hold does" in page and "retained, and because of what" in page
        assert page.index("What a hold does") < page.index("Put it on hold"), "said before it is set"
        form = {**form_of(page), "because": WHY}
        assert form["key"] and form["seen"] == ""
        for _press in range(2):
            assert client.post(url, form)["Location"] == url
        page = text(client, url)
        assert SHOWN in page and "<bdi>li</bdi>" in page and "nothing so far" in page
        assert (
            "Put it on hold" not in page and "on hold" in text(client, "/oversight/held/").split("<tbody>")[1]
        )
    assert [header["what"] for header in entries(partner)] == ["hold"], "pressed twice it is one"

    host.system("erase", record=record, parts=["people", "where"])
    both_ways(host, partner)
    assert (
        set(listed(host, record).parts.values()) == {"held", RETAINED} and listed(host, record).because == WHY
    )
    with partner.active():
        (waiting,) = re.findall(
            r'<section class="card" aria-labelledby="hold-.*?</section>',
            text(client, "/oversight/holds/"),
            re.DOTALL,
        )
        assert "an erasure waits" in waiting and "Party pk" in waiting and "asked to have erased" in waiting
        assert "Where" in waiting and SHOWN in waiting
        anew = {**form_of(text(client, url)), "because": "the court has not ruled"}
        assert client.post(url, anew).status_code == 302
        (seen,) = re.findall(r'name="seen" value="(\d+)" autocomplete="off"><div', text(client, url))
        stale = client.post(url, {**anew, "key": "another", "because": "mine"})
        assert stale.status_code == 409 and "Nothing of yours was done." in stale.content.decode()
        assert client.post(f"{url}lift/", {"seen": anew["seen"]}).status_code == 409
        assert client.get(f"{url}lift/").status_code == 405
    both_ways(host, partner)
    assert listed(host, record).because == "the court has not ruled", (
        "who asked is told the reason as it is now"
    )

    with partner.active():
        done = client.post(f"{url}lift/", {"seen": seen}, follow=True).content.decode()
        assert "1 erasure that waited for it is done" in done and "No hold is in force" in done
        again = client.post(f"{url}lift/", {"seen": seen})
        assert again.status_code == 409 and "changed or lifted the hold" in again.content.decode()
        assert client.post(url, form).status_code == 302, "the first form again"
        assert "This record is on no hold." in text(client, url), "a form that was sent before sets nothing"
    both_ways(host, partner)
    found = listed(host, record)
    assert found.parts["people"] == found.parts["where"] == REMOVED and found.because == ""
    held = partner.row(there)
    assert held is not None and "where" not in held.values() and "people" not in held.values()
    assert [header["what"] for header in entries(partner)] == ["hold", "hold", "lifted"]


def test_who_may_not_is_refused_and_who_may_not_know_learns_nothing(nodes: Nodes) -> None:
    host, partner = nodes
    _, there = given(host, partner)
    url, nowhere = f"/oversight/holds/{there}/", f"/oversight/holds/{'0' * 32}/"
    chief, auditor = person(partner, "li", "coordinator"), person(partner, "wang", "auditor")
    watch, warden = person(partner, "zhou", "watch_officer"), person(partner, "gate", "warden")
    low = person(partner, "low", "coordinator", clearance=0)
    with partner.active():
        assert client_of(partner, chief).post(url, {"because": WHY}).status_code == 302
        audits = client_of(partner, auditor)
        page = text(audits, url)
        assert SHOWN in page and SHOWN in text(audits, "/oversight/holds/"), "an auditor sees it"
        assert "Lift the hold" not in page and "State the reason" not in page, "and is offered nothing"
        knows = client_of(partner, watch)
        page = text(knows, url) + text(knows, "/oversight/holds/") + text(knows, "/oversight/held/")
        assert there in page and SHOWN not in page and "on hold</span>" not in page
        assert "Whether it is on hold is for those to see" in page
        (index,) = [each["hold"]["index"] for each in partner.call("holds", actor=to_wire(chief))["holds"]]
        for who in (auditor, watch, low):
            client = client_of(partner, who)
            expected = (403,) if who is not low else (403, 404)
            assert client.post(url, {"because": "x"}).status_code in expected, who.person
            assert client.post(f"{url}lift/", {"seen": index}).status_code in expected, who.person
            with pytest.raises(Exception, match=r"no grant|no such record|R3"):
                partner.call("lift_hold", actor=to_wire(who), record=there, seen=index)
        stranger = client_of(partner, warden)
        for method in ("get", "post"):
            there_, nowhere_ = (getattr(stranger, method)(each) for each in (url, nowhere))
            assert there_.status_code == nowhere_.status_code == 404
            assert stranger.post(f"{url}lift/", {"seen": index}).status_code == 404
        for page in ("holds", "held"):
            assert there not in text(stranger, f"/oversight/{page}/")
    assert len(entries(partner)) == 1, "nobody else did anything"


def test_what_was_withdrawn_is_still_held_and_what_is_gone_is_kept_by_no_hold(nodes: Nodes) -> None:
    host, partner = nodes
    record, there = given(host, partner)
    other, gone = given(host, partner)
    host.system("withdraw", record=record)
    host.system("erase", record=other)
    both_ways(host, partner)
    chief = person(partner, "li", "coordinator")
    with partner.active():
        client = client_of(partner, chief)
        held = text(client, "/oversight/held/").split("<tbody>")[1]
        assert there in held and "withdrawn" in held and gone not in held
        assert client.post(f"/oversight/holds/{there}/", {"because": WHY}).status_code == 302
        assert "withdrawn" in text(client, f"/oversight/holds/{there}/")
        assert client.post(f"/oversight/holds/{gone}/", {"because": WHY}).status_code == 422
    assert len(entries(partner)) == 1


def test_an_own_record_on_hold_is_erased_by_nobody_until_the_hold_is_lifted(nodes: Nodes) -> None:
    host, partner = nodes
    record, _ = given(host, partner)
    chief = person(host, "rana", "coordinator")
    with host.active():
        client = client_of(host, chief)
        url, erase = f"/oversight/holds/{record}/", f"/oversight/holdings/{record}/erase/"
        assert "by nobody of this party" in text(client, url)
        assert url in text(client, f"/oversight/holdings/{record}/") and url in text(
            client, f"/incidents/{record}/"
        )
        assert client.post(url, {"because": WHY}).status_code == 302
        page = text(client, f"/oversight/holdings/{record}/")
        assert erase not in page and "on hold" in page
        assert "lift the hold first" in text(client, erase, 403)
        assert client.post(erase, {"reason": "x"}).status_code == 403
        with pytest.raises(Refused, match="on hold"):
            host.system("erase", record=record)
        assert host.row(record).present, "nothing of it is gone"  # type: ignore[union-attr]
        index = host.call("held_on", actor=to_wire(chief), record=record)["hold"]["index"]
        assert client.post(f"{url}lift/", {"seen": index}).status_code == 302
        assert client.post(erase, {"reason": "x"}).status_code == 302
    assert not host.row(record).present  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given_", "status"),
    [
        ({"because": ""}, 422),
        ({"because": "   "}, 422),
        ({"because": "x" * 501}, 422),
        ({"because": "a\0b"}, 422),
        ({"because": "x", "seen": "-1"}, 422),
        ({"because": "x", "seen": "army"}, 422),
        ({"because": "x", "key": "k" * 65}, 422),
        ({"because": "x", "seen": "7"}, 409),
    ],
)
def test_a_hostile_form_sets_nothing(nodes: Nodes, given_: dict[str, str], status: int) -> None:
    host, partner = nodes
    _, there = given(host, partner)
    chief = person(partner, "li", "coordinator")
    with partner.active():
        client = client_of(partner, chief)
        assert client.post(f"/oversight/holds/{there}/", given_).status_code == status
        for seen in ("", "x", "-1", "9" * 30, "\u0661"):
            assert client.post(f"/oversight/holds/{there}/lift/", {"seen": seen}).status_code == 400
        for bad in ("\ud800", "a\0b", "", "x" * 501, None, ["x"] * 200):
            with pytest.raises(ValueError, match="hold"):
                partner.call("hold", actor=to_wire(chief), record=there, because=bad)
        for seen in ("1", True, 1.5, [1]):
            with pytest.raises(ValueError, match="seen"):
                partner.call("hold", actor=to_wire(chief), record=there, because="x", seen=seen)
        for before in ("1", True, 1.5):
            for job in ("holds", "held_here"):
                with pytest.raises(ValueError, match="before"):
                    partner.call(job, actor=to_wire(chief), before=before)
        clause = partner.of_kind("clause", "pk")[0].id
        assert client.get(f"/oversight/holds/{clause}/").status_code == 404, "a clause is never erased"
        for query in ("before=x", "before=-1", "partner=zz", "before=" + "9" * 30, "before=5"):
            assert client.get(f"/oversight/held/?{query}").status_code == 200, query
            assert client.get(f"/oversight/holds/?{query}").status_code == 200, query
    assert entries(partner) == []


def test_the_pages_speak_three_languages(nodes: Nodes) -> None:
    host, partner = nodes
    _, there = given(host, partner)
    chief = person(partner, "li", "coordinator")
    with partner.active():
        client = client_of(partner, chief)
        for language, said, kept in (("ur", "محو", 'dir="rtl"'), ("zh-hans", "清除", 'dir="ltr"')):
            for page in ("held/", "holds/", f"holds/{there}/"):
                shown = text(client, f"/oversight/{page}", **{"accept-language": language})
                assert said in shown and kept in shown and "What a hold does" not in shown, (language, page)


def program(node: Node, who: Subject) -> dict[str, str]:
    """The header of a token of this person, for reading and writing."""
    client_of(node, who)
    account = Account.objects.get(username=f"{node.home.party}-{who.person}")
    _, secret = tokens.issue(account, "test", who.roles, "write", timezone.now() + timedelta(days=2))
    return {"Authorization": f"Bearer {secret}"}


def test_the_api_holds_and_lifts_as_the_pages_do(nodes: Nodes) -> None:
    host, partner = nodes
    record, there = given(host, partner)
    chief, warden = person(partner, "li", "coordinator"), person(partner, "gate", "warden")
    watch = person(partner, "zhou", "watch_officer")
    api = f"/api/v1/holds/{there}"
    with partner.active():
        client = Client(SERVER_NAME="localhost", headers=program(partner, chief))
        post = lambda url, body: client.post(url, body, content_type="application/json")  # noqa: E731
        (held,) = client.get("/api/v1/held").json()["items"]
        assert held["record"] == there and held["hold"] is None and held["may_hold"]
        assert set(held["parts"]["names"]) == {"summary", "when", "where", "people"}
        for body in (
            {},
            {"because": ""},
            {"because": " "},
            {"because": "x" * 501},
            {"because": "x", "who": 1},
            {"because": "x", "seen": -1},
            {"because": "\ud800"},
        ):
            assert post(api, body).status_code in (400, 422), body
        assert post(f"{api}/lift", {"seen": 1}).status_code == 412, "there is none"
        set_ = post(api, {"because": WHY})
        assert set_.status_code == 200, set_.content
        index = set_.json()["ledger_index"]
        assert post(api, {"because": "another", "seen": None}).status_code == 412
        (found,) = client.get("/api/v1/holds").json()["items"]
        assert (
            found["hold"]["because"] == WHY
            and found["hold"]["index"] == index
            and found["hold"]["by"] == "li"
        )
        for who, status in ((watch, 403), (warden, 404)):
            other = Client(SERVER_NAME="localhost", headers=program(partner, who))
            assert other.get("/api/v1/holds").json()["items"] == []
            for url, body in ((api, {"because": "x"}), (f"{api}/lift", {"seen": index})):
                assert other.post(url, body, content_type="application/json").status_code == status, (
                    who.person
                )
        assert other.get(api).status_code == other.get(f"/api/v1/holds/{'0' * 32}").status_code == 404
    host.system("erase", record=record)
    both_ways(host, partner)
    with partner.active():
        (asked,) = client.get(api).json()["hold"]["asked"]
        assert asked["partner"] == "pk" and asked["at"] and "people" in asked["parts"]["names"]
        assert post(f"{api}/lift", {"seen": index - 1}).status_code == 412
        assert post(f"{api}/lift", {"seen": index}).json()["erased"] == 1
        assert client.get("/api/v1/held").json()["items"] == []
        assert client.get("/api/v1/holds?cursor=x").status_code == 400
