"""A newer node's kinds do not stop the feed of an older one, which takes them in once it knows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from safeconduct.exchange.holdings import REMOVED, holdings
from safeconduct.exchange.status import describe
from safeconduct.records import kinds
from safeconduct.records.rebuild import verify

from .nodes import INCIDENT, Node, pull

Pair = tuple[Node, Node]
CLAIM: dict[str, Any] = {
    "figure": {"what": "killed", "best": 3},
    "source": {"outlet": "a paper", "party": "partner"},
}


@contextmanager
def older(*names: str) -> Iterator[None]:
    """As long as the block lasts, this program knows nothing of these kinds."""
    gone = {name: kinds._kinds.pop(name) for name in names}
    try:
        yield
    finally:
        kinds._kinds.update(gone)


def again(node: Node) -> Node:
    """The node after an upgrade: its writer started anew."""
    node.close()
    fresh = Node(node.home.path)
    node.writer, node.door = fresh.writer, fresh.door
    return node


def told(node: Node) -> dict[str, int]:
    return dict(node.call("exchange_cursor", partner="pk")["unread"])


def test_what_is_unknown_waits_and_what_is_known_goes_on(nodes: Pair) -> None:
    host, partner = nodes
    incident = host.commit("incident", INCIDENT)
    claim = host.commit("claim", CLAIM, about=incident.record)
    host.commit("claim", {"figure": {"what": "killed", "best": 4}}, record=claim.record, expected=1)
    later = host.commit("incident", INCIDENT)
    with older("claim"):
        pull(partner, host)
        assert told(partner) == {"claim": 2}
        assert len(partner.of_kind("incident", "pk")) == 2
        with partner.active():
            words = " ".join(describe(partner.home, partner.door))
        assert "2 entries that only a later version understands: claim" in words
        again(partner)
        assert told(partner) == {"claim": 2}
        host.commit(
            "incident", {"where": {**INCIDENT["where"], "place": "Gate 2"}}, record=later.record, expected=1
        )
        pull(partner, host)
    assert partner.of_kind("claim", "pk") == []
    again(partner)
    assert told(partner) == {}
    (row,) = partner.of_kind("claim", "pk")
    (seen, _) = partner.of_kind("incident", "pk")
    assert row.version == 2 and row.about == seen.id and row.values()["figure"]["best"] == 4
    assert verify(partner.writer).broken is None
    host.commit("claim", {"figure": {"what": "killed", "best": 5}}, record=claim.record, expected=2)
    pull(partner, host)
    assert partner.of_kind("claim", "pk")[0].values()["figure"]["best"] == 5
    pull(host, partner)


@pytest.mark.usefixtures("carried")
def test_withdrawal_and_erasure_reach_what_waits(nodes: Pair) -> None:
    host, partner = nodes
    incident = host.commit("incident", INCIDENT).record
    withdrawn, erased = (host.commit("claim", CLAIM, about=incident) for _ in range(2))
    with older("claim"):
        pull(partner, host)
    host.system("withdraw", record=withdrawn.record, reason="wrong")
    host.system("erase", record=erased.record)
    with older("claim"):
        pull(partner, host)
        entries = partner.in_tx(lambda tx: [json.loads(e.leaf) for e in tx.log.entries(0, tx.log.size)])
        waiting = [(i, e) for i, e in enumerate(entries) if e["type"] == "unread" and e["what"] == "version"]
        left = [[t for t in partner.in_tx(lambda tx, i=i: tx.disclosures(i)) if t] for i, _ in waiting]
        assert [len(texts) for texts in left] == [1, 0]
    pull(host, partner)
    with host.active():
        (held,) = [h for _, h in holdings("cn", record=erased.record)]
        assert set(held.parts.values()) == {REMOVED}
    again(partner)
    assert told(partner) == {}
    assert [(row.withdrawn, row.present) for row in partner.of_kind("claim", "pk")] == [(True, 1), (False, 0)]


def test_what_does_not_fit_the_kind_as_it_became_goes_on_waiting(
    nodes: Pair, monkeypatch: pytest.MonkeyPatch, world: Path
) -> None:
    host, partner = nodes
    host.commit("claim", CLAIM, about=host.commit("incident", INCIDENT).record)
    with older("claim"):
        pull(partner, host)

    def refuse(self: Any, parts: Any) -> Any:
        raise kinds.PartRefused(self.name, [("figure", "", "of another shape")])

    with monkeypatch.context() as patch:
        patch.setattr(kinds.Kind, "validate", refuse)
        again(partner)
    assert told(partner) == {"claim": 1} and partner.of_kind("claim", "pk") == []
    again(partner)
    assert told(partner) == {} and len(partner.of_kind("claim", "pk")) == 1


def test_what_was_taken_in_after_an_upgrade_leaves_no_copy_that_an_erasure_would_miss(nodes: Pair) -> None:
    host, partner = nodes
    claim = host.commit("claim", CLAIM, about=host.commit("incident", INCIDENT).record)
    with older("claim"):
        pull(partner, host)
    again(partner)

    def copies(tx: Any) -> list[tuple[str, int]]:
        entries = [json.loads(each.leaf) for each in tx.log.entries(0, tx.log.size)]
        held = [
            (e["type"], sum(t is not None for t in tx.disclosures(i)))
            for i, e in enumerate(entries)
            if e.get("kind") == "claim" and "parts" in e
        ]
        return [(kind, count) for kind, count in held if count]

    assert [kind for kind, _ in partner.in_tx(copies)] == ["received"]
    host.system("erase", record=claim.record)
    pull(partner, host)
    assert partner.in_tx(copies) == []
    assert verify(partner.writer).broken is None
