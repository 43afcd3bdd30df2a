"""The pages of alerts, the phone's outbox, and CAP through its doors."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.people.tokens import issue
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Refused
from safeconduct.records.transaction import iso
from safeconduct.watch.alert_acts import answer_alert, cancel_alert, issue_alert, update_alert
from safeconduct.watch.cap import NAMESPACE
from safeconduct.watch.cap_taking import take_in
from signed_in import signed_in

VECTORS = Path(__file__).parent / "vectors"
SYSTEM = system_subject("pk")
READER = Subject("pk", frozenset({"watch_officer"}), 3, frozenset(), frozenset(), "reader")
PHONE = "/journeys/phone/"
FEED = "/api/v1/cap/feed.atom"


def parts(**more: Any) -> dict[str, Any]:
    message = {
        "headline": "Flood on the N-10", "headline_zh": "N-10公路洪水", "text": "Two bridges are gone",
        "instruction": "Do not travel", "event": "Flood", "category": "Met", "urgency": "Immediate",
        "severity": "Severe", "certainty": "Observed", "sent": iso(time.time()),
        "expires": iso(time.time() + 3600), **more,
    }  # fmt: skip
    ring = [[62.0, 25.0], [63.0, 25.0], [63.0, 26.0], [62.0, 25.0]]
    return {"message": message, "area": {"polygon": ring, "description": "Gwadar"}}


def alerts() -> list[Any]:
    return find(READER, Query("alert")).records


def token(account_of: Subject, scope: str = "read", roles: tuple[str, ...] = ()) -> dict[str, str]:
    account = Account.objects.get(person=account_of.person)
    expires = datetime.now(UTC) + timedelta(days=1)
    _token, text = issue(account, "agency", roles or tuple(account_of.roles), scope, expires)
    return {"HTTP_AUTHORIZATION": f"Bearer {text}"}


def typed(**more: Any) -> dict[str, Any]:
    return {
        "event": "Flood", "category": "Met", "urgency": "Immediate", "severity": "Severe", "certainty": "Likely",
        "status": "actual", "hours": "6", "headline": "Flood", "headline_ur": "سیلاب", "text_ur": "دو پل بہہ گئے",
        "districts": "Gwadar, Lasbela", "key": "key-1234", **more,
    }  # fmt: skip


# --- pages -------------------------------------------------------------------------------------------------


def test_an_alert_is_counted_before_it_can_be_sent(node: Home) -> None:
    client, _ = signed_in("watch_officer")
    page = client.post("/watch/alerts/new/", typed(send="1"))
    assert page.status_code == 200 and not alerts(), "what was not counted is not sent"
    counted = re.search(r'name="counted" value="([0-9a-f]{64})"', page.content.decode())
    assert counted and 'id="reach"' in page.content.decode()
    moved = client.post("/watch/alerts/new/", typed(send="1", counted=counted[1], districts="Quetta"))
    assert moved.status_code == 200 and not alerts(), "another area was counted"
    sent = client.post("/watch/alerts/new/", typed(send="1", counted=counted[1]))
    assert sent.status_code == 302
    again = client.post("/watch/alerts/new/", typed(send="1", counted=counted[1]))
    assert again.headers["Location"] == sent.headers["Location"], "sent twice counts once"
    (found,) = alerts()
    assert found.parts["area"]["districts"] == ["Gwadar", "Lasbela"]
    assert "headline_zh" not in found.parts["message"] or not found.parts["message"]["headline_zh"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"headline": "", "headline_ur": "", "text_ur": ""},
        {"headline_ur": ""},
        {"districts": ""},
        {"boundary": "24.9, 67.1\n25"},
        {"boundary": "95, 67\n25, 62\n26, 63"},
        {"latitude": "25"},
        {"hours": "0"},
        {"severity": "Awful"},
        {"sites": ["nonsense"]},
        {"boundary": "0, 0\n1, 1\n0, 1\n1, 0"},
    ],
)
def test_what_is_typed_wrong_is_said_and_not_sent(node: Home, wrong: dict[str, Any]) -> None:
    client, _ = signed_in("watch_officer")
    answer = client.post("/watch/alerts/new/", typed(send="1", **wrong))
    assert answer.status_code in (200, 422) and b"errorlist" in answer.content and not alerts()


@pytest.mark.parametrize("language", ["en", "ur", "zh-hans"])
def test_a_page_shows_each_language_that_was_written_and_says_which_is_missing(
    node: Home, language: str
) -> None:
    client, _ = signed_in("watch_officer")
    made = issue_alert(SYSTEM, parts())
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    text = client.get(f"/watch/alerts/{made.record}/").content.decode()
    first = "N-10公路洪水" if language == "zh-hans" else "Flood on the N-10"
    assert first in text.split("</h1>")[0].rsplit("<h1", 1)[1]
    assert "N-10公路洪水" in text and "Two bridges are gone" in text
    if language == "en":
        assert "Nobody has written it in Urdu." in text and "Nobody has written it in Chinese" not in text


def test_answers_are_counted_as_they_come_and_only_of_the_present_danger(node: Home) -> None:
    client, _officer = signed_in("watch_officer")
    travellers = [signed_in("protected_person", f"t{n}")[1] for n in range(3)]
    made = issue_alert(SYSTEM, parts())
    for who, said in zip(travellers, ("safe", "safe", "needs_help"), strict=True):
        answer_alert(who, made.record, said, who={"name": f"Traveller {who.person}"})

    def counts() -> dict[str, int]:
        page = client.get(f"/watch/alerts/{made.record}/", HTTP_HX_REQUEST="true").content.decode()
        found = re.findall(r'data-count="(\w+)"><dt>[^<]*</dt><dd>(\d+)', page)
        return {name: int(number) for name, number in found}

    assert counts() == {"received": 0, "safe": 2, "needs_help": 1, "silent": 0}
    page = client.get(f"/watch/alerts/{made.record}/").content.decode()
    assert f"Traveller {travellers[2].person}" in page
    answer_alert(travellers[2], made.record, "safe")
    assert counts()["needs_help"] == 0 and counts()["safe"] == 3
    update_alert(SYSTEM, made.record, 1, {"message": parts()["message"]}, new_danger=True)
    answer_alert(travellers[0], made.record, "received")
    assert counts() == {"received": 1, "safe": 0, "needs_help": 0, "silent": 0}


def test_who_needs_help_is_taken_on_from_the_page_of_the_alert(node: Home) -> None:
    client, watch = signed_in("watch_officer")
    traveller = signed_in("protected_person", "t1")[1]
    made = issue_alert(SYSTEM, parts())
    answer_alert(traveller, made.record, "needs_help", who={"name": "Li"})
    address = f"/watch/alerts/{made.record}/"
    assert "ladder at rung 1" in client.get(address).content.decode()
    (raised,) = find(watch, Query("escalation", sort="at")).records
    assert signed_in("warden")[0].post(f"{address}take/", {"escalation": raised.id}).status_code in (403, 404)
    assert client.post(f"{address}take/", {"escalation": raised.id}).status_code == 302
    page = client.get(address).content.decode()
    assert "ladder at rung" not in page and "Taken on: <bdi>" in page
    assert client.post(f"{address}take/", {"escalation": raised.id}).status_code == 409


def test_update_and_cancel_from_the_page(node: Home) -> None:
    client, _ = signed_in("watch_officer")
    made = issue_alert(SYSTEM, parts())
    address = f"/watch/alerts/{made.record}/"
    form = client.get(address + "update/").content.decode()
    assert "26.0, 63.0" in form and 'name="new_danger"' in form and 'name="status"' not in form
    said = typed(seen="1", headline="Worse", boundary="25, 62\n25, 63\n26, 63", districts="")
    page = client.post(address + "update/", said).content.decode()
    counted = re.search(r'name="counted" value="([0-9a-f]{64})"', page)
    assert counted
    done = client.post(address + "update/", {**said, "counted": counted[1], "send": "1", "new_danger": "on"})
    assert done.status_code == 302
    (found,) = alerts()
    assert (found.version, found.parts["message"]["round"]) == (2, 2)
    late = client.post(address + "update/", {**said, "counted": counted[1], "send": "1"})
    assert late.status_code == 409
    assert client.post(address + "cancel/", {"seen": "x"}).status_code == 400
    assert client.post(address + "cancel/", {"seen": "2"}).status_code == 302
    assert alerts()[0].state == "cancelled"


def test_who_may_only_read_finds_no_way_to_write(node: Home) -> None:
    made = issue_alert(SYSTEM, parts())
    client, _ = signed_in("protected_person")
    assert client.get(f"/watch/alerts/{made.record}/").status_code == 200
    assert client.get("/watch/alerts/new/").status_code == 403
    assert client.post("/watch/alerts/file/", {}).status_code == 403
    assert client.post(f"/watch/alerts/{made.record}/cancel/", {"seen": "1"}).status_code == 403
    nobody, _ = signed_in("administrator")
    assert nobody.get(f"/watch/alerts/{made.record}/").status_code == 404
    assert nobody.get("/watch/alerts/nonsense/").status_code == 404


# --- the phone ---------------------------------------------------------------------------------------------


def test_the_phone_shows_what_is_in_force_and_what_was_answered(node: Home) -> None:
    made = issue_alert(SYSTEM, parts(status="exercise"))
    client, _ = signed_in("protected_person")
    page = client.get(PHONE).content.decode()
    assert "Flood on the N-10" in page and "Do not travel" in page and "EXERCISE" in page
    assert f'action="/watch/alerts/{made.record}/answer/"' in page
    said = {"key": "abcdefgh", "category": "safe", "point": "1", "next": PHONE}
    answer = client.post(f"/watch/alerts/{made.record}/answer/", said)
    assert answer.status_code == 302 and answer.headers["Location"] == PHONE
    assert 'data-said="safe"' in client.get(PHONE).content.decode()
    other, _ = signed_in("protected_person", "other")
    assert "data-said" not in other.get(PHONE).content.decode()
    cancel_alert(SYSTEM, made.record, 1)
    page = client.get(PHONE).content.decode()
    assert "Cancelled" in page and "Do not travel" not in page


def test_the_outbox_is_heard_once_with_its_true_time(node: Home) -> None:
    made = issue_alert(SYSTEM, parts())
    client, _ = signed_in("protected_person")
    at = iso(time.time() - 1800)
    word = {"key": "0f1e2d3c-key", "category": "needs_help", "at": at, "point": "1"}
    word |= {"latitude": 25.2, "longitude": 62.3, "accuracy_m": 20}
    address = f"/watch/alerts/{made.record}/answer/"
    answers = [client.post(address, json.dumps(word), content_type="application/json") for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    (found,) = find(READER, Query("alert_acknowledgement")).records
    assert found.parts["receipt"]["at"] == at and found.parts["who"]["latitude"] == 25.2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("not json", 400),
        ({"key": "short"}, 400),
        ({"key": "long enough", "category": "dancing"}, 400),
        ({"key": "long enough", "category": "safe", "extra": 1}, 400),
        ({"key": "long enough", "category": "safe", "at": "yesterday"}, 400),
        ({"key": "long enough", "category": "safe", "latitude": 99}, 400),
        ({"key": "k" * 20_000, "category": "safe"}, 400),
    ],
)
def test_the_outbox_refuses_what_is_no_answer(node: Home, body: Any, status: int) -> None:
    made = issue_alert(SYSTEM, parts())
    client, _ = signed_in("protected_person")
    text = body if isinstance(body, str) else json.dumps(body)
    answer = client.post(f"/watch/alerts/{made.record}/answer/", text, content_type="application/json")
    assert answer.status_code == status and answer.json()["error"]
    gone = client.post("/watch/alerts/nonsense/answer/", '{"key": "long enough", "category": "safe"}',
                       content_type="application/json")  # fmt: skip
    assert gone.status_code == 404


def test_an_answer_leads_nowhere_else(node: Home) -> None:
    made = issue_alert(SYSTEM, parts())
    client, _ = signed_in("protected_person")
    said = {"key": "abcdefgh", "category": "safe", "next": "https://evil.example/"}
    answer = client.post(f"/watch/alerts/{made.record}/answer/", said)
    assert answer.headers["Location"] == f"/watch/alerts/{made.record}/"


# --- CAP out -----------------------------------------------------------------------------------------------


def test_the_feed_gives_each_token_what_its_owner_may_read(node: Home) -> None:
    schema = xmlschema.XMLSchema(str(VECTORS / "CAP-v1.2.xsd"))
    made = issue_alert(SYSTEM, parts(status="exercise"))
    update_alert(SYSTEM, made.record, 1, {"message": parts(headline="Higher")["message"]})
    called_off = issue_alert(SYSTEM, parts(headline="False"))
    cancel_alert(SYSTEM, called_off.record, 1)
    _, officer = signed_in("watch_officer")
    client = Client(SERVER_NAME="localhost")
    assert client.get(FEED).status_code == 401
    answer = client.get(FEED, **token(officer))
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("application/atom+xml")
    atom = "{http://www.w3.org/2005/Atom}"
    entries = ElementTree.fromstring(answer.content).findall(f"{atom}entry")
    assert {each.findtext(f"{atom}title") for each in entries} == {"EXERCISE: Higher", "False"}
    kinds = {}
    for entry in entries:
        link = entry.find(f"{atom}link")
        assert link is not None
        one = client.get(link.get("href"), **token(officer))
        assert one.headers["Content-Type"].startswith("application/cap+xml")
        schema.validate(one.content.decode())
        root = ElementTree.fromstring(one.content)
        said = {name: root.findtext(f"{{{NAMESPACE}}}{name}") for name in ("msgType", "status", "references")}
        kinds[said["msgType"]] = said
        assert [each.text for each in root.iter(f"{{{NAMESPACE}}}language")] == ["en", "zh"]
        assert root.find(f".//{{{NAMESPACE}}}polygon").text.startswith("25,62 ")
    assert set(kinds) == {"Update", "Cancel"} and kinds["Update"]["status"] == "Exercise"
    assert kinds["Update"]["references"].startswith("pk.safeconduct,")
    _, nobody = signed_in("administrator")
    empty = client.get(FEED, **token(nobody))
    assert not ElementTree.fromstring(empty.content).findall(f"{atom}entry")
    assert client.get(f"/api/v1/cap/{made.record}.xml", **token(nobody)).status_code == 404


# --- CAP in ------------------------------------------------------------------------------------------------


def cap(identifier: str = "m1", kind: str = "Alert", refers: str = "", at: str = "", **more: Any) -> bytes:
    sent = at or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")
    expires = (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S-00:00")
    refers = f"<references>{refers}</references>" if refers else ""
    sender, status = more.get("sender", "ndma.pk"), more.get("status", "Actual")
    return (
        f'<alert xmlns="{NAMESPACE}"><identifier>{identifier}</identifier><sender>{sender}</sender>'
        f"<sent>{sent}</sent><status>{status}</status><msgType>{kind}</msgType><scope>Public</scope>{refers}"
        f"<info><language>ur-PK</language><category>Met</category><event>Flood</event><urgency>Expected</urgency>"
        f"<severity>Severe</severity><certainty>Likely</certainty><expires>{expires}</expires>"
        f"<headline>{more.get('headline', 'سیلاب')}</headline><area><areaDesc>Sindh</areaDesc>"
        "<circle>25.4,68.4 30</circle></area></info></alert>"
    ).encode()


def refer(data: bytes) -> str:
    root = ElementTree.fromstring(data)
    return ",".join(str(root.findtext(f"{{{NAMESPACE}}}{n}")) for n in ("sender", "identifier", "sent"))


def test_another_agencys_message_is_kept_as_its_word_and_never_sent_on(node: Home) -> None:
    _, officer = signed_in("watch_officer")
    client = Client(SERVER_NAME="localhost")
    data = cap()
    put: Any = {"content_type": "application/cap+xml", **token(officer, "write")}
    first, again = client.post("/api/v1/cap", data, **put), client.post("/api/v1/cap", data, **put)
    assert (first.status_code, first.json()["outcome"]) == (201, "taken")
    assert (again.status_code, again.json()) == (200, {"outcome": "known", "record": first.json()["record"]})
    (found,) = alerts()
    assert found.parts["source"]["agency"] == "ndma.pk" and found.releasable == frozenset()
    assert found.parts["message"]["headline_ur"] == "سیلاب" and not found.parts["message"].get("headline")
    assert found.parts["area"]["circle"]["radius_m"] == 30_000
    assert b"<entry>" not in client.get(FEED, **token(officer)).content
    assert client.get(f"/api/v1/cap/{found.id}.xml", **token(officer)).status_code == 404
    with pytest.raises(Refused):
        update_alert(SYSTEM, found.id, 1, {"message": parts()["message"]})


def test_update_and_cancel_find_what_they_refer_to(node: Home) -> None:
    first = cap("m1", at="2026-01-01T00:00:00-00:00")
    assert take_in(SYSTEM, first)["outcome"] == "taken"
    second = cap("m2", "Update", refer(first), headline="اور پانی", at="2026-01-01T01:00:00-00:00")
    assert take_in(SYSTEM, second)["outcome"] == "updated"
    late = cap("m1b", "Update", refer(first), headline="old", at="2026-01-01T00:30:00-00:00")
    assert take_in(SYSTEM, late)["outcome"] == "ignored"
    foreign = cap("x1", "Cancel", refer(second), sender="somebody.else")
    assert take_in(SYSTEM, foreign)["outcome"] == "ignored"
    (found,) = alerts()
    assert (found.state, found.parts["message"]["headline_ur"]) == ("issued", "اور پانی")
    assert take_in(SYSTEM, cap("m3", "Cancel", refer(second)))["outcome"] == "cancelled"
    (found,) = alerts()
    assert found.state == "cancelled"
    assert take_in(SYSTEM, second)["outcome"] == "known", "a replay brings nothing back"
    assert alerts()[0].state == "cancelled"


def test_what_was_cancelled_before_it_came_stays_away(node: Home) -> None:
    first = cap("m1")
    assert take_in(SYSTEM, cap("m2", "Cancel", refer(first)))["outcome"] == "ignored"
    assert take_in(SYSTEM, first)["outcome"] == "ignored" and not alerts()


def test_nobody_cancels_our_own_alert_from_outside(node: Home) -> None:
    made = issue_alert(SYSTEM, parts())
    ours = alerts()[0].parts["source"]["identifier"]
    sender = ours.split(",")[0]
    assert take_in(SYSTEM, cap("z", "Cancel", ours, sender=sender))["outcome"] == "ignored"
    assert next(each for each in alerts() if each.id == made.record).state == "issued"


def test_drafts_and_system_messages_are_nobodys_alert_and_a_drill_is_marked(node: Home) -> None:
    for status in ("Draft", "System"):
        assert take_in(SYSTEM, cap("d" + status, status=status))["outcome"] == "ignored"
    take_in(SYSTEM, cap("e", status="Exercise"))
    (found,) = alerts()
    assert found.parts["message"]["status"] == "exercise"


@pytest.mark.parametrize("path", sorted(VECTORS.glob("oasis-*.xml")), ids=lambda path: path.stem)
def test_the_standards_examples_are_taken_in_as_what_is_long_over(node: Home, path: Path) -> None:
    take_in(SYSTEM, path.read_bytes())
    assert [each.state for each in alerts()] == ["expired"]


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"nonsense", "application/xml", 400),
        (b"x" * (600 * 1024), "application/xml", 400),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "text/xml", 400),
        (b"{}", "application/json", 415),
        (b"<", "application/cap+xml", 400),
    ],
)
def test_the_door_refuses_what_is_no_message(node: Home, data: bytes, kind: str, status: int) -> None:
    _, officer = signed_in("watch_officer")
    client = Client(SERVER_NAME="localhost")
    answer = client.post("/api/v1/cap", data, content_type=kind, **token(officer, "write"))
    assert answer.status_code == status and not alerts()
    assert client.get("/api/v1/cap", **token(officer)).status_code == 405


def test_the_door_opens_to_none_who_may_not_alert(node: Home) -> None:
    client = Client(SERVER_NAME="localhost")
    put: Any = {"content_type": "application/cap+xml"}
    assert client.post("/api/v1/cap", cap(), **put).status_code == 401
    _, officer = signed_in("watch_officer")
    assert client.post("/api/v1/cap", cap(), **put, **token(officer)).status_code == 403
    _, traveller = signed_in("protected_person")
    assert client.post("/api/v1/cap", cap(), **put, **token(traveller, "write")).status_code == 403
    assert not alerts()


def test_a_file_is_taken_in_on_the_page(node: Home) -> None:
    client, _ = signed_in("watch_officer")
    file = SimpleUploadedFile("flood.xml", cap(), "application/xml")
    answer = client.post("/watch/alerts/file/", {"file": file, "agency": "NDMA"})
    assert answer.status_code == 302
    page = client.get(answer.headers["Location"]).content.decode()
    assert "NDMA" in page and "Taken in. It was not sent on." in page
    bad = SimpleUploadedFile("bad.xml", b"<!DOCTYPE x><x/>", "application/xml")
    refused = client.post("/watch/alerts/file/", {"file": bad})
    assert refused.status_code == 422 and b"errorlist" in refused.content
