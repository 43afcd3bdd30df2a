"""Negotiating a clause: remarks of both that have no effect, two texts word by word, the whole history on one page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import SIGNATORY_KEY
from journeys.roads import receive
from journeys.two_nodes import Node, person, pull
from paired import AGREEMENT, agree, paired
from safeconduct.committee import documents, negotiation
from safeconduct.node.signing_here import act, propose
from safeconduct.records import here
from safeconduct.records.home import Home
from safeconduct.records.release import release
from signed_in import signed_in

LATER = """+++
clause  = "2"
version = 2
title   = "Sitting in"
texts   = ["en", "zh-hans"]

[[grant]]
id     = "2.7"
to     = "partner"
roles  = ["observer", "analyst"]
may    = ["read", "disclose"]
kind   = "meeting"
parts  = ["notice"]
whose  = "host"
up_to  = "RESTRICTED"
+++
## en

2.1 The Host Party may invite officials <b>of</b> the Partner Party to sit in.

2.7 The Host Party shall disclose the notice of meetings to observers and analysts, to be read by them.

## zh-hans

2.1 东道方可邀请伙伴方官员列席。

2.7 东道方应将会议通知向观察员和分析员披露，供其阅读。
"""


@pytest.fixture
def home(host_home: Home, tmp_path: Path) -> Iterator[Home]:
    with paired(host_home, tmp_path) as (found, key):
        agree({"1", "2"}, key)
        file = tmp_path / "02-later.md"
        file.write_text(LATER)
        propose(AGREEMENT, [file], here.door())
        act(AGREEMENT, "2", "proposed", SIGNATORY_KEY, None, here.door())
        yield found


def test_two_texts_are_compared_word_by_word_and_by_what_they_let_people_do(home: Home) -> None:
    client, _ = signed_in("signatory")
    page = client.get(f"/agreement/{AGREEMENT}/clause/2/compare/").content.decode()
    assert "<del>shall invite" in page or "<del>shall</del>" in page
    assert "&lt;b&gt;" in page and "<b>of" not in page
    assert "<ins>可</ins>" in page or "<del>应" in page
    assert 'class="removed"' in page and 'class="added"' in page, "analysts gain, others lose"
    alone = client.get(f"/agreement/{AGREEMENT}/clause/2/compare/?from=x&to=y")
    assert alone.status_code == 404


def test_what_is_said_has_no_effect_and_stands_in_the_history(home: Home) -> None:
    client, reader = signed_in("liaison")
    address = f"/agreement/{AGREEMENT}/clause/2/"
    page = client.get(address).content.decode()
    assert "Nobody has said anything yet." in page and "Compare the texts" in page
    (digest,) = {part.split("/")[0] for part in page.split(f"{address}remark/")[1:]}
    before = here.state().policy.digest
    said = {"category": "reservation", "words": "Not analysts <i>"}
    assert client.post(f"{address}remark/{digest}/", said).status_code == 302
    assert here.state().policy.digest == before
    clause = documents.agreement(reader, AGREEMENT).clause("2")
    ((version, remark),) = negotiation.remarks(reader, clause)
    assert version.clause.version == 2 and remark.releasable == {"cn"}
    receive(
        "clause_remark",
        {
            "remark": {
                "category": "suggestion",
                "text": "保留意见",
                "by": "Wang",
                "at": "2026-01-01T10:00:00Z",
            }
        },
        about=version.record.id,
    )
    history = client.get(f"{address}history/").content.decode()
    for words in ("Not analysts &lt;i&gt;", "保留意见", "put on record", "Compare"):
        assert words in history, words
    assert history.index("保留意见") < history.index("Not analysts"), "by the clock of whoever said it"
    stale = client.post(f"{address}remarks/{remark.id}/", {"seen": 7})
    assert stale.status_code == 404
    assert client.post(f"{address}remarks/{remark.id}/", {"seen": 1}).status_code == 302
    assert release(reader, remark.id).state == "settled"
    assert client.post(f"{address}remark/{digest}/", {"category": "order", "words": "x"}).status_code == 400
    assert client.post(f"{address}remark/{'0' * 64}/", said).status_code == 404


def test_who_may_not_speak_for_the_party_is_offered_nothing(home: Home) -> None:
    client, _ = signed_in("auditor")
    address = f"/agreement/{AGREEMENT}/clause/2/"
    page = client.get(address).content.decode()
    assert "Say something" not in page
    clause = documents.agreement(signed_in("signatory", "other-signatory")[1], AGREEMENT).clause("2")
    said = {"category": "comment", "words": "x"}
    done = client.post(f"{address}remark/{clause.versions[-1].clause.digest}/", said)
    assert done.status_code == 403


def test_a_remark_crosses_by_its_clause_to_those_who_negotiate(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    liaison, theirs = person(host, "liaison", "liaison"), person(partner, "liaison", "liaison")
    with host.active():
        text = documents.agreement(liaison, "pk-cn").clause("2").versions[-1]
        own = negotiation.remark_on(liaison, text, "objection", "Zzyzx", ("cn",)).record
        negotiation.remark_on(liaison, text, "comment", "Among ourselves", ())
    pull(partner, host)
    with partner.active():
        clause = documents.agreement(theirs, "pk-cn").clause("2")
        ((version, remark),) = negotiation.remarks(theirs, clause)
        assert version.clause.digest == text.clause.digest and remark.parts["remark"]["text"] == "Zzyzx"
        negotiation.remark_on(theirs, version, "reservation", "Not without consent", ("pk",))
    pull(host, partner)
    with host.active():
        negotiation.settle_remark(liaison, release(liaison, own))
        found = negotiation.remarks(liaison, documents.agreement(liaison, "pk-cn").clause("2"))
        assert [each.originator for _, each in found] == ["pk", "pk", "cn"]
    pull(partner, host)
    with partner.active():
        states = {each.state for _, each in negotiation.remarks(theirs, clause) if each.originator == "pk"}
        assert states == {"settled"}
