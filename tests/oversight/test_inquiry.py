"""Inquiries: unusual readings are facts to check; the question, the findings and the outcome are on record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from exchange.conftest import _own_connections, made, world  # noqa: F401
from exchange.nodes import INCIDENT, Node, key_file, pull
from exchange.test_readings import with_readings
from safeconduct.agreement.policy import Subject
from safeconduct.node.signing_here import act, propose
from safeconduct.oversight import inquiry
from safeconduct.oversight.unusual import EXPORTED, IN_BULK, NOT_ASSIGNED, ODD_HOUR, REFUSED, unusual, zone
from safeconduct.oversight.who_knew import who_knew
from safeconduct.records.find import Query, find
from safeconduct.records.kept import partners_in
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, NotFound, Refused
from safeconduct.records.release import release

from .two_readers import body_of, settle, somebody

HOUSE = """+++
clause  = "H1"
version = 1
title   = "Own records"
texts   = ["en"]

[[grant]]
id     = "H1.1"
to     = "own"
roles  = ["coordinator", "auditor", "watch_officer", "analyst"]
may    = ["read", "export", "write"]
kind   = ["incident"]
parts  = ["*"]
whose  = "own"
up_to  = "SECRET"
logged = ["read", "export"]

[[grant]]
id     = "H1.2"
to     = "own"
roles  = ["auditor"]
may    = ["read", "export"]
kind   = ["reading", "role_assignment"]
parts  = ["*"]
whose  = "own"
up_to  = "SECRET"

[[grant]]
id     = "H1.3"
to     = "own"
roles  = ["auditor"]
may    = ["read", "write"]
kind   = "inquiry"
parts  = ["*"]
whose  = "own"
up_to  = "CONFIDENTIAL"
+++
## en

H1.1 Our people may read, write and export our incidents, each reading being logged.

H1.2 Auditors may read and export our readings and roles.

H1.3 Auditors may read and write inquiries.
"""


@pytest.fixture
def both(bare_home: Any, world: Path) -> Iterator[tuple[Node, Node]]:  # noqa: F811
    host, partner = Node(world / "pk"), Node(world / "cn")
    with_readings(host, partner, world, "pk-cn")
    file = world / "clause-h1.md"
    file.write_text(HOUSE)
    for node in (host, partner):
        with node.active():
            (clause,) = propose("house", [file], node.door)
            act("house", clause.number, "agreed", key_file(world, node.home.party), None, node.door)
    yield host, partner
    partner.close()
    host.close()


def at_hour(node: Node, hour: int) -> None:
    """Set the node's clock to some day at this hour, UTC."""
    day = datetime.now(UTC).replace(hour=hour, minute=10, second=0, microsecond=0).timestamp() + 86_400
    node.offset = day - node.clock()


def whats(reader: Subject, record: str) -> list[tuple[str, str]]:
    known = who_knew(reader, record, datetime(2100, 1, 1, tzinfo=UTC))
    return [(fact.what, fact.person) for fact in unusual(reader, known)]


def test_what_is_unusual_is_pointed_out_with_its_evidence(both: tuple[Node, Node]) -> None:
    host, _ = both
    _, auditor, _ = somebody(host, "auditor")
    record = host.commit("incident", INCIDENT, assigned=["gwadar-police"]).record
    _, analyst, _ = somebody(host, "analyst")
    _, officer, _ = somebody(host, "watch_officer")
    with host.active():
        at_hour(host, 12)
        release(officer, record)
        assert whats(auditor, record) == []
        release(analyst, record)
        assert whats(auditor, record) == [(NOT_ASSIGNED, analyst.person)]
        release(officer, record, "export")
        assert (EXPORTED, officer.person) in whats(auditor, record)
        with pytest.raises(Refused):
            release(analyst, record, "command")
        assert (REFUSED, analyst.person) in whats(auditor, record)
        at_hour(host, 2)
        release(officer, record)
        release(analyst, record)
        found = whats(auditor, record)
        assert (ODD_HOUR, analyst.person) in found and (ODD_HOUR, officer.person) not in found
        known = who_knew(auditor, record, datetime(2100, 1, 1, tzinfo=UTC))
        entries = {line.index for line in known.lines} | {attempt.index for attempt in known.refused}
        assert {fact.entry for fact in unusual(auditor, known)} <= entries


def test_the_hour_is_that_of_the_nodes_time_zone(
    both: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _ = both
    _, auditor, _ = somebody(host, "auditor")
    _, analyst, _ = somebody(host, "analyst")
    record = host.commit("incident", INCIDENT).record
    with host.active():
        at_hour(host, 20)
        release(analyst, record)
        assert whats(auditor, record) == []
        monkeypatch.setitem(host.home.settings, "time_zone", "Asia/Karachi")
        assert whats(auditor, record) == [(ODD_HOUR, analyst.person)]
        monkeypatch.setitem(host.home.settings, "time_zone", "../../etc/passwd")
        assert zone().key == "UTC"


def test_reading_many_at_once_is_unusual_on_either_side(both: tuple[Node, Node]) -> None:
    host, partner = both
    _, auditor, _ = somebody(host, "auditor", "coordinator")
    records = [host.commit("incident", INCIDENT, levels={"people": 1}).record for _ in range(25)]
    settle(host, partner)
    _, analyst, _ = somebody(host, "analyst")
    _, slow, _ = somebody(host, "analyst")
    _, wang, _ = somebody(partner, "coordinator")
    with host.active():
        at_hour(host, 12)
        for record in records:
            release(analyst, record)
        for record in records[:5]:
            release(slow, record)
    with partner.active():
        at_hour(partner, 12)
        find(wang, Query("incident", originator="pk", limit=100))
    pull(host, partner)
    with host.active():
        found = whats(auditor, records[0])
        assert (IN_BULK, analyst.person) in found and (IN_BULK, wang.person) in found
        assert (IN_BULK, slow.person) not in found


def test_an_inquiry_is_opened_looked_into_and_closed(both: tuple[Node, Node]) -> None:
    host, _ = both
    client, _, _ = somebody(host, "auditor")
    stranger, analyst, _ = somebody(host, "analyst")
    record = host.commit("incident", INCIDENT, assigned=["gwadar-police"]).record
    with host.active():
        at_hour(host, 2)
        release(analyst, record)
        url = f"/oversight/knew/{record}/?at=2100-01-01T00:00:00"
        text = body_of(client.get(url))
        assert "read at an odd hour" in text and "read by someone who is not assigned" in text
        assert "None says that anybody did wrong" in text
        keys = re.findall(r'name="fact" value="([^"]+)"', text)
        assert len(keys) == 2
        ask = {"question": "Why at two in the morning?", "fact": keys[0], "at": "2100-01-01T00:00:00+00:00"}
        answer = client.post(f"/oversight/knew/{record}/inquiry/", ask)
        assert answer.status_code == 302
        page = answer["Location"]
        text = body_of(client.get(page))
        assert "Why at two in the morning?" in text and text.count("#e") == 1
        assert client.post(page, {"step": "close", "text": "", "seen": 1}).status_code == 422
        client.post(page, {"step": "findings", "text": "She was on night duty.", "seen": 1})
        client.post(page, {"step": "close", "text": "Nothing amiss.", "seen": 2})
        text = body_of(client.get(page))
        assert "She was on night duty." in text and "Nothing amiss." in text and "closed" in text
        assert "Why at two in the morning?" in body_of(client.get("/oversight/inquiries/"))
        client.post(page, {"step": "reopen"})
        assert "Record the findings" in body_of(client.get(page))
        assert (
            stranger.get(page).status_code == 404 and stranger.get("/oversight/inquiries/").status_code == 404
        )
        assert client.post(f"/oversight/knew/{record}/inquiry/", {"question": ""}).status_code == 400
        assert client.post("/oversight/knew/nothing/inquiry/", ask).status_code == 404
    (row,) = host.of_kind("inquiry", "pk")
    assert not partners_in(row.releasable) and row.about == record


def test_the_rules_of_an_inquiry(both: tuple[Node, Node]) -> None:
    host, _ = both
    _, auditor, _ = somebody(host, "auditor")
    _, analyst, _ = somebody(host, "analyst")
    record = host.commit("incident", INCIDENT).record
    with host.active():
        made_one = inquiry.open_inquiry(auditor, record, "Who told them?")
        with pytest.raises(Refused):
            inquiry.open_inquiry(analyst, record, "May I?")
        with pytest.raises(NotFound):
            inquiry.open_inquiry(auditor, "f" * 32, "What?")
        with pytest.raises(PartRefused):
            inquiry.open_inquiry(auditor, record, "")
        with pytest.raises(Conflict):
            inquiry.record_findings(auditor, made_one.record, 7, "x")
        with pytest.raises(PartRefused):
            inquiry.close_inquiry(auditor, made_one.record, 1, "")
        closed = inquiry.close_inquiry(auditor, made_one.record, 1, "Nobody knew.")
        assert release(auditor, made_one.record).state == "closed"
        inquiry.reopen_inquiry(auditor, made_one.record, closed.version)
        assert release(auditor, made_one.record).parts["outcome"] == {"text": "Nobody knew."}


def test_a_browser_without_a_role_finds_nothing(both: tuple[Node, Node]) -> None:
    host, _ = both
    with host.active():
        answer = Client(SERVER_NAME="localhost").get("/oversight/inquiries/")
        assert answer.status_code in (302, 404)
