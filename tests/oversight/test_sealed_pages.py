"""The pages of sealed bundles: the code is shown once, and what was misheard is said in words."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from conftest import SIGNATORY_KEY
from paired import AGREEMENT, agree, paired, partner_acts
from records.test_commit import PARTS as REPORTED
from safeconduct.exchange import spoken
from safeconduct.exchange.bundle import FeedEntry
from safeconduct.exchange.identity import Card, make_card
from safeconduct.exchange.sealed import Cover, pack
from safeconduct.ledger.canonical import canonical
from safeconduct.ledger.parts import digest, disclosure
from safeconduct.node.signing_here import act, propose
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import system_subject
from signed_in import signed_in

PARTS = {**REPORTED, "people": {"killed_best": 2}}

CLAUSE = """+++
clause  = "40"
version = 1
title   = "Victims"
texts   = ["en"]

[[grant]]
id     = "40.1"
to     = "both"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "incident"
parts  = ["people", "method"]
whose  = "other"
up_to  = "CONFIDENTIAL"
when   = ["not_before"]
+++
40.1 Each Party shall disclose who was harmed to the other's coordinators once the time lock opened.
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoken, "_COST", 2**4)


@pytest.fixture
def node_home(host_home: Home, tmp_path: Path) -> Iterator[Home]:
    """A node with clauses 1 and 4 agreed, and one that opens who was harmed after a time lock."""
    with paired(host_home, tmp_path) as (home, key):
        agree({"1"}, key)
        file = tmp_path / "40.md"
        file.write_text(CLAUSE)
        (clause,) = propose(AGREEMENT, [file], here.door())
        act(AGREEMENT, "40", "agreed", SIGNATORY_KEY, None, here.door())
        partner_acts("40", clause.digest, "agreed", key)
        yield home


def text_of(answer: Any, status: int = 200) -> str:
    told = re.findall(rb"errorlist.{0,300}|<h1.{0,300}", answer.content, re.S)
    assert answer.status_code == status, (answer.status_code, told)
    return html.unescape(answer.content.decode())


def from_partner(home: Home, tmp_path: Path, code: bytes) -> bytes:
    """A sealed bundle of the partner with one incident's casualties."""
    other = Home.load(tmp_path / "cn")
    card = Card.parse(make_card(home, "cn", AGREEMENT))
    kind = all_kinds()["incident"]
    texts = [disclosure(name, PARTS.get(name)) for name in kind.part_names]
    header = {
        "type": "version",
        "record": "ab" * 16,
        "version": 1,
        "kind": "incident",
        "originator": "cn",
        "agreement": AGREEMENT,
        "clauses": [f"{AGREEMENT}/40.1"],
        "state": kind.states[0],
        "labels": {"people": 2},
        "at": "2030-01-01",
        "digests": [digest(text) for text in texts],
        "commitment": "A" * 43,
        "orcon": False,
    }
    bit = kind.bit("people")
    now = int(time.time())
    cover = Cover("cn", "pk", AGREEMENT, "cd" * 16, now, now + 3600, bytes(16))
    return pack(
        other,
        card,
        cover,
        [FeedEntry(canonical(header), ((bit, texts[bit]),))],
        spoken.key_of(code, bytes(16)),
    )


def upload(client: Client, raw: bytes) -> Any:
    return client.post("/oversight/sealed/", {"file": SimpleUploadedFile("x.safeconduct", raw)}, follow=True)


def test_a_record_is_sealed_and_its_code_is_shown_once(node_home: Home) -> None:
    made = commit(system_subject("pk"), Draft("incident", PARTS, opens="2100-01-01T00:00:00Z"))
    client, _ = signed_in("coordinator")
    page = f"/oversight/seal/{made.record}/"
    assert "/oversight/seal/" in text_of(client.get(f"/oversight/holdings/{made.record}/"))
    assert "Seal for" in text_of(client.get(page))
    answer = client.post(page, {"partner": "cn"})
    text = text_of(answer)
    assert answer["Cache-Control"] == "no-store"
    groups = re.findall(r'<td class="digest" dir="ltr">([0-9A-Z]{5})</td>', text)
    assert len(spoken.heard(" ".join(groups))) == spoken.CODE_BYTES
    (url,) = re.findall(r"/oversight/sealed/[0-9a-f]{32}/file/", text)
    file = client.get(url)
    assert file.content.startswith(b"safeconduct-sealed/v1\n") and "attachment" in file["Content-Disposition"]
    assert " ".join(groups) not in text_of(client.get(page)) and "sealed, may be open" in text_of(
        client.get(f"/oversight/holdings/{made.record}/")
    )


def test_who_may_not_export_a_record_cannot_seal_it(node_home: Home) -> None:
    made = commit(system_subject("pk"), Draft("incident", PARTS, opens="2100-01-01T00:00:00Z"))
    auditor, _ = signed_in("auditor")
    assert auditor.post(f"/oversight/seal/{made.record}/", {"partner": "cn"}).status_code in (403, 404)
    coordinator, _ = signed_in("coordinator")
    page = f"/oversight/seal/{made.record}/"
    assert coordinator.post(page, {"partner": "xx"}).status_code == 404
    assert coordinator.post("/oversight/seal/" + "0" * 32 + "/", {"partner": "cn"}).status_code == 404
    unlocked = commit(system_subject("pk"), Draft("incident", PARTS))
    assert "No time lock" in text_of(coordinator.get(f"/oversight/seal/{unlocked.record}/"))
    refused = coordinator.post(f"/oversight/seal/{unlocked.record}/", {"partner": "cn"})
    assert refused.status_code == 403


def test_a_partners_bundle_waits_and_opens_with_its_code(node_home: Home, tmp_path: Path) -> None:
    code = spoken.new_code()
    client, _ = signed_in("coordinator")
    assert "waits for its code" in text_of(upload(client, from_partner(node_home, tmp_path, code)))
    opening = f"/oversight/sealed/{'cd' * 16}/open/"
    misheard = spoken.written(code)[:-1] + ("1" if spoken.written(code)[-1] != "1" else "2")
    assert "Group 7 was misheard" in text_of(client.post(opening, {"code": misheard}), 422)
    assert "This is no code" in text_of(client.post(opening, {"code": "hello"}), 422)
    wrong = client.post(opening, {"code": spoken.written(spoken.new_code())})
    assert "1 wrong so far" in text_of(wrong, 422)
    assert "does not open it" in text_of(client.post(opening, {"code": spoken.written(code)}), 422)
    writer = here.door().writer
    assert writer is not None
    before = writer.clock
    writer.clock = lambda: before() + 60
    text = text_of(
        client.post(opening, {"code": "\n".join(spoken.as_words(spoken.written(code)))}, follow=True)
    )
    assert "may be read now" in text and "opened" in text
    found = writer.tables.all(
        "SELECT id, agreement FROM records_row WHERE originator = 'cn' AND kind = 'incident'"
    )
    assert [agreement for _, agreement in found] == [AGREEMENT]


def test_others_neither_take_nor_open(node_home: Home, tmp_path: Path) -> None:
    code = spoken.new_code()
    raw = from_partner(node_home, tmp_path, code)
    client, _ = signed_in("analyst")
    assert upload(client, raw).status_code == 403
    coordinator, _ = signed_in("coordinator")
    assert "not a sealed bundle" in text_of(upload(coordinator, b"x" * 100), 422)
    assert "damaged" in text_of(upload(coordinator, raw[:-1] + b"!"), 422)
    upload(coordinator, raw)
    opening = f"/oversight/sealed/{'cd' * 16}/open/"
    assert client.post(opening, {"code": spoken.written(code)}).status_code == 403
    assert coordinator.get(opening).status_code == 405
    assert (
        coordinator.post(f"/oversight/sealed/{'ee' * 16}/open/", {"code": spoken.written(code)}).status_code
        == 404
    )
