"""What crosses: released parts and nothing else, each version in the partner's own terms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from safeconduct.exchange.holdings import HELD, WITHDRAWN, holdings
from safeconduct.exchange.view import commitment, preview
from safeconduct.ledger.parts import open_disclosure
from safeconduct.records.rebuild import fingerprint, rebuild

from .nodes import INCIDENT, PEOPLE, Node, agree, pull, sign, unpacked

Pair = tuple[Node, Node]


def leaves(sender: Node, receiver: Node) -> list[dict[str, Any]]:
    return [json.loads(entry.leaf) for entry in unpacked(sender, receiver).entries]


def incidents(node: Node, originator: str) -> list[dict[str, Any]]:
    return [row.values() for row in node.of_kind("incident", originator)]


def test_released_parts_arrive_and_the_rest_does_not(nodes: Pair) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    assert set(row.values()) == {"summary", "when", "where"}
    assert row.values()["where"]["place"] == "Karachi airport"
    assert (row.agreement, row.version, row.state) == ("pk-cn", 1, "immediate")
    leaf = leaves(host, partner)[-1]
    assert leaf["clauses"] == ["pk-cn/1.1"] and leaf["labels"] == {"summary": 1, "when": 1, "where": 1}
    assert leaf["at"].endswith("Z") and len(leaf["digests"]) == 7


def test_preview_is_what_leaves(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    row = host.row(made.record)
    assert row is not None
    shown = preview(host.writer.state.policy, row, host.home.partners["cn"], "pk", 0.0)
    entry = unpacked(host, partner).entries[-1]
    left = {open_disclosure(text)[1]: open_disclosure(text)[2] for _, text in entry.parts if text}
    assert shown is not None and shown.parts == left
    assert shown.clauses == tuple(json.loads(entry.leaf)["clauses"]) and shown.label == "RESTRICTED"
    reasons = {w.part: (w.reason, w.would) for w in shown.withheld}
    assert reasons["people"] == ("no grant", (("pk-cn/2.1", "proposed"),))
    assert reasons["response"][0] == "no grant" and reasons["method"][0] == "empty"


def test_amendment_that_changes_nothing_released_is_not_sent(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    before = host.feed("cn").size
    host.commit("incident", {"people": {"killed_best": 3}}, record=made.record, expected=1)
    host.commit("incident", {"response": {"units": "Escort 15"}}, record=made.record, expected=2)
    assert host.feed("cn").size == before
    summary = {**INCIDENT["summary"], "narrative": "Corrected."}
    host.commit("incident", {"summary": summary}, record=made.record, expected=3, state="update")
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    assert (row.version, row.state, row.values()["summary"]["narrative"]) == (2, "update", "Corrected.")


@pytest.mark.usefixtures("carried")
def test_about_is_told_when_both_crossed(nodes: Pair) -> None:
    host, partner = nodes
    incident = host.commit("incident", INCIDENT, releasable=[])
    claim = {"figure": {"what": "killed", "best": 2}, "source": {"outlet": "Dawn", "party": "press"}}
    host.commit("claim", claim, about=incident.record, releasable=["cn"])
    pull(partner, host)
    (told,) = partner.of_kind("claim", "pk")
    assert told.about == ""
    host.commit("incident", {}, record=incident.record, expected=1, releasable=["cn"])
    pull(partner, host)
    (seen,) = partner.of_kind("incident", "pk")
    (told,) = partner.of_kind("claim", "pk")
    assert told.about == seen.id and told.version == 2
    partner.commit("claim", claim, about=seen.id)
    pull(host, partner)
    (answer,) = host.of_kind("claim", "cn")
    assert answer.about == incident.record


@pytest.mark.usefixtures("carried")
def test_backfill_when_a_clause_becomes_agreed_and_withdrawal_when_it_ends(nodes: Pair, world: Path) -> None:
    host, partner = nodes
    made = [host.commit("incident", INCIDENT) for _ in range(3)]
    host.commit("incident", {"people": {"killed_best": 9}}, record=made[0].record, expected=1)
    agree(host, partner, world, "pk-cn", PEOPLE)
    pull(partner, host)
    assert [row["people"]["killed_best"] for row in incidents(partner, "pk")] == [9, 2, 2]
    sent = leaves(host, partner)
    more = [leaf for leaf in sent if leaf["type"] == "parts"]
    assert len(more) == 3
    for leaf in more:
        (first,) = [
            x for x in sent if x["type"] == "version" and (x["record"], x["version"]) == (leaf["record"], 1)
        ]
        assert first["digests"] == leaf["digests"] and first["commitment"] == leaf["commitment"]
    sign(host, world, "pk-cn", PEOPLE, "suspended")
    host.sweep()
    pull(partner, host)
    assert all("people" not in row and "summary" in row for row in incidents(partner, "pk"))
    with host.active():
        assert {held.parts["people"] for _, held in holdings("cn") if "people" in held.parts} == {WITHDRAWN}
        assert {held.parts["summary"] for _, held in holdings("cn") if held.kind == "incident"} == {HELD}
    sign(host, world, "pk-cn", PEOPLE, "agreed")
    agree(host, partner, world, "pk-cn", PEOPLE)
    pull(partner, host)
    assert all("people" in row for row in incidents(partner, "pk"))


def test_time_lock_opens_by_the_originators_clock(nodes: Pair, world: Path) -> None:
    host, partner = nodes
    agree(host, partner, world, "pk-cn", PEOPLE)
    host.commit("incident", INCIDENT, opens="2100-01-01T00:00:00Z")
    pull(partner, host)
    assert "people" not in incidents(partner, "pk")[0]
    host.sweep()
    pull(partner, host)
    assert "people" not in incidents(partner, "pk")[0]
    host.offset = 80 * 365.25 * 86400
    host.sweep()
    pull(partner, host)
    assert incidents(partner, "pk")[0]["people"]["killed_best"] == 2


def test_commitment_opens_to_the_private_header(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    row = host.row(made.record)
    entries = [json.loads(e.leaf) for e in host.writer.log.entries(0, host.writer.log.size)]
    (told,) = [
        e
        for e in entries
        if e["type"] == "disclosure" and e["record"] == made.record and e["partner"] == "cn"
    ]
    assert row is not None
    assert commitment(told["salt"], row.header) == leaves(host, partner)[-1]["commitment"]


@pytest.mark.usefixtures("carried")
def test_tables_made_again_from_the_ledger_are_the_same(nodes: Pair) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    host.commit("incident", INCIDENT)
    pull(partner, host)
    host.system("withdraw", record=made.record, parts=["where"], reason="wrong place")
    host.system("erase", record=made.record, parts=["when"], reason="asked by a person")
    pull(partner, host)
    pull(host, partner)
    for node in nodes:
        with node.active():
            before = fingerprint()
            rebuild(node.writer)
            assert fingerprint() == before
