"""Withdrawal, erasure and receipts: what can be taken back, and what the list then says."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.exchange.delivery import close_feeds
from safeconduct.exchange.holdings import ASKED, HELD, REMOVED, RETAINED, WITHDRAWN, Held, counts, holdings
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused

from .nodes import INCIDENT, Node, bundle_bytes, pull

Pair = tuple[Node, Node]
CANARY = "Vw4CanaryName"
WITH_NAME = {**INCIDENT, "summary": {**INCIDENT["summary"], "narrative": CANARY}}


def listed(node: Node, record: str) -> list[Held]:
    with node.active():
        return [held for _, held in holdings("cn", record)]


def test_withdrawal_reaches_the_partner_and_the_list(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    pull(partner, host)
    assert listed(host, made.record)[0].parts == {"summary": HELD, "when": HELD, "where": HELD}
    assert host.system("withdraw", record=made.record, reason="a drill")["partners"] == ["cn", "xx"]
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    assert row.withdrawn
    assert set(listed(host, made.record)[0].parts.values()) == {WITHDRAWN}
    before = host.feed("cn").size
    host.sweep()
    assert host.feed("cn").size == before


@pytest.mark.usefixtures("carried")
def test_one_part_can_be_withdrawn_alone_and_stays_back(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    pull(partner, host)
    host.system("withdraw", record=made.record, parts=["where"])
    host.commit("incident", {"where": {"place": "Elsewhere"}}, record=made.record, expected=1, state="update")
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    assert set(row.values()) == {"summary", "when"} and not row.withdrawn and row.state == "update"


def test_erasure_leaves_no_byte_on_either_side_and_a_receipt(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", WITH_NAME)
    host.commit("incident", {}, record=made.record, expected=1, state="update")
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    assert row.values()["summary"]["narrative"] == CANARY
    old_bundle = bundle_bytes(host, partner)
    answer = host.system("erase", record=made.record, parts=["summary"], reason="asked for")
    assert answer["partners"] == ["cn", "xx"]
    assert {h.parts["summary"] for h in listed(host, made.record)} == {ASKED}
    pull(partner, host)
    pull(host, partner)
    (row,) = partner.of_kind("incident", "pk")
    assert "summary" not in row.values() and "where" in row.values() and row.erased
    assert {h.parts["summary"] for h in listed(host, made.record)} == {REMOVED}
    assert {h.parts["where"] for h in listed(host, made.record)} == {HELD}
    with host.active():
        assert counts("cn")[REMOVED] == 2
    assert CANARY.encode() not in host.everything() + partner.everything()
    assert partner.ingest("pk", old_bundle)["status"] == "old"
    assert host.writer.log.verify() is None and partner.writer.log.verify() is None


def test_an_erased_entry_still_travels_as_its_leaf(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", WITH_NAME)
    host.system("erase", record=made.record)
    assert CANARY.encode() not in bundle_bytes(host, partner)
    pull(partner, host)
    pull(host, partner)
    (row,) = partner.of_kind("incident", "pk")
    assert row.values() == {} and set(listed(host, made.record)[0].parts.values()) == {REMOVED}


@pytest.mark.usefixtures("carried")
def test_what_is_retained_says_why_and_can_be_removed_later(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    partner.system("hold", record=row.id, because="an inquiry by the court in Karachi")
    host.system("erase", record=made.record)
    pull(partner, host)
    pull(host, partner)
    (held,) = listed(host, made.record)
    assert set(held.parts.values()) == {RETAINED} and held.because == "an inquiry by the court in Karachi"
    assert partner.system("lift_hold", record=row.id)["erased"] == 1
    pull(host, partner)
    (held,) = listed(host, made.record)
    assert set(held.parts.values()) == {REMOVED} and held.because == ""


@pytest.mark.usefixtures("carried")
def test_what_came_after_an_erasure_was_asked_for_stays_when_the_hold_is_lifted(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", WITH_NAME)
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    partner.system("hold", record=row.id, because="an inquiry")
    host.system("erase", record=made.record, parts=["summary"])
    anew = {**INCIDENT["summary"], "narrative": "Without the name."}
    host.commit("incident", {"summary": anew}, record=made.record, expected=1, state="update")
    pull(partner, host)
    assert partner.system("lift_hold", record=row.id)["erased"] == 1
    pull(host, partner)
    (row,) = partner.of_kind("incident", "pk")
    assert row.values()["summary"]["narrative"] == "Without the name." and row.present == 7
    assert CANARY.encode() not in partner.everything()
    assert [held.parts["summary"] for held in listed(host, made.record)] == [HELD, REMOVED], (
        "both lists agree"
    )
    with partner.active():
        before = fingerprint()
        rebuild(partner.writer)
        assert fingerprint() == before
    host.system("erase", record=made.record, parts=["summary"])
    pull(partner, host)
    assert "summary" not in partner.of_kind("incident", "pk")[0].values(), "what is asked for now goes now"


def test_what_was_withdrawn_meanwhile_brings_no_erased_part_past_the_lifting(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", WITH_NAME)
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    partner.system("hold", record=row.id, because="an inquiry")
    host.system("erase", record=made.record, parts=["summary"])
    pull(partner, host)
    host.system("withdraw", record=made.record, parts=["when"])  # the rest of the version is stored again
    pull(partner, host)
    partner.system("hold", record=row.id, because="another inquiry")
    pull(host, partner)
    assert listed(host, made.record)[0].because == "another inquiry"
    assert partner.system(
        "lift_hold", record=row.id, seen=partner.system("holds")["holds"][0]["hold"]["index"]
    )
    pull(host, partner)
    assert CANARY.encode() not in partner.everything()
    assert listed(host, made.record)[0].parts["summary"] == REMOVED
    with pytest.raises(Conflict):
        partner.system("lift_hold", record=row.id)


def test_feed_database_copies_cannot_bring_an_erased_part_back(nodes: Pair, tmp_path: Path) -> None:
    host, _ = nodes
    made = host.commit("incident", WITH_NAME)
    close_feeds(host.home)
    copy = {p.name: p.read_bytes() for p in host.home.feed("cn").glob("feed.sqlite3*")}
    host.system("erase", record=made.record)
    close_feeds(host.home)
    for path in host.home.feed("cn").glob("feed.sqlite3*"):
        path.unlink()
    for name, content in copy.items():
        (host.home.feed("cn") / name).write_bytes(content)
    bundle = host.feed("cn").bundle(0)
    assert all(text is None for _, text in bundle.entries[-1].parts)


def test_only_the_originator_takes_back_and_only_what_there_is(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    with pytest.raises(Refused):
        partner.system("withdraw", record=row.id)
    with pytest.raises(NotFound):
        host.system("erase", record="f" * 32)
    with pytest.raises(Malformed):
        host.system("erase", record=made.record, parts=["nonsense"])
    with pytest.raises(Refused):
        host.call("erase", actor={"person": "stranger", "roles": ["coordinator"]}, record=made.record)
    (clause, _) = host.of_kind("clause", "pk")[:2]
    with pytest.raises(Refused):
        host.system("withdraw", record=clause.id)


def test_what_makes_no_sense_without_a_record_is_withdrawn_with_it(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    other = host.commit("incident", INCIDENT)
    claim = {"figure": {"what": "killed", "best": 4}, "source": {"outlet": "x", "party": "press"}}
    spoken = host.commit("claim", claim, about=made.record)
    kept = host.commit("claim", claim, about=other.record)
    pull(partner, host)
    (theirs, _) = partner.of_kind("incident", "pk")
    answer = partner.commit("claim", claim, about=theirs.id)
    pull(host, partner)
    shown = host.system("falls_with", record=made.record)
    assert shown == {"known": [[spoken.record, "claim"]], "more": 0}
    host.system("withdraw", record=made.record, parts=["where"])
    assert not host.row(spoken.record).withdrawn, "with single parts nothing goes along"
    assert host.system("withdraw", record=made.record, reason="a drill")["along"] == [spoken.record]
    pull(partner, host)
    assert host.row(spoken.record).withdrawn and not host.row(kept.record).withdrawn
    gone = {row.about: row.withdrawn for row in partner.of_kind("claim", "pk")}
    assert gone[theirs.id] and list(gone.values()).count(False) == 1
    assert not partner.row(answer.record).withdrawn, "what the partner says is the partner's own"
    assert host.system("falls_with", record=made.record)["known"] == []
