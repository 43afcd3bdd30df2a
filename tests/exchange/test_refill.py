"""A feed database that was lost is made again from the ledger, byte for byte, or the exchange says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from safeconduct.exchange import delivery
from safeconduct.exchange.state import State

from .nodes import INCIDENT, PEOPLE, Node, agree, pull, sign, unpacked

Pair = tuple[Node, Node]


@pytest.fixture(autouse=True)
def _short_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outbox forgets at once what the feed has, as it does after thousands of entries."""
    monkeypatch.setattr(delivery, "KEPT", 0)


def busy(host: Node, partner: Node, world: Path) -> None:
    """A feed with every type of entry: versions, more parts, amendments, about, withdrawals, receipts."""
    made = [host.commit("incident", INCIDENT).record for _ in range(3)]
    claim = {"figure": {"what": "killed", "best": 3}, "source": {"outlet": "x", "party": "host"}}
    host.commit("claim", claim, about=made[0])
    agree(host, partner, world, "pk-cn", PEOPLE)
    host.commit("incident", {"people": {"killed_best": 9}}, record=made[0], expected=1)
    host.system("withdraw", record=made[1], parts=["where"], reason="wrong")
    partner.commit("incident", INCIDENT)
    pull(host, partner)
    theirs = host.of_kind("incident", "cn")[0]
    host.commit("claim", claim, about=theirs.id)
    own = partner.of_kind("incident", "cn")[0]
    partner.system("erase", record=own.id)
    pull(host, partner)
    sign(host, world, "pk-cn", PEOPLE, "suspended")
    host.sweep()
    host.commit("incident", INCIDENT)


def lose_feed(host: Node, world: Path) -> Node:
    host.in_tx(lambda tx: State(tx.db).posted("cn", host.feed("cn").log.size))
    host.close()
    shutil.rmtree(world / "pk" / "feeds" / "cn")
    fresh = Node(world / "pk")
    host.writer, host.door = fresh.writer, fresh.door
    return host


def frozen(host: Node) -> str:
    return str(host.call("exchange_cursor", partner="cn")["frozen"])


def test_a_lost_feed_comes_back_with_the_same_bytes_and_roots(nodes: Pair, world: Path) -> None:
    host, partner = nodes
    busy(host, partner, world)
    before, root = unpacked(host, partner).entries, host.feed("cn").log.root()
    pull(partner, host)
    lose_feed(host, world)
    assert frozen(host) == ""
    assert unpacked(host, partner).entries == before and host.feed("cn").log.root() == root
    host.commit("incident", INCIDENT)
    pull(partner, host)
    pull(host, partner)
    assert len(partner.of_kind("incident", "pk")) == 5


def test_a_feed_from_an_old_backup_is_brought_up_to_the_ledger(
    nodes: Pair, world: Path, tmp_path: Path
) -> None:
    host, partner = nodes
    host.close()
    shutil.copytree(world / "pk" / "feeds", tmp_path / "feeds")
    fresh = Node(world / "pk")
    host.writer, host.door = fresh.writer, fresh.door
    busy(host, partner, world)
    before = unpacked(host, partner).entries
    host.in_tx(lambda tx: State(tx.db).posted("cn", host.feed("cn").log.size))
    host.close()
    shutil.rmtree(world / "pk" / "feeds")
    shutil.copytree(tmp_path / "feeds", world / "pk" / "feeds")
    fresh = Node(world / "pk")
    host.writer, host.door = fresh.writer, fresh.door
    assert frozen(host) == "" and unpacked(host, partner).entries == before


def test_the_latest_version_comes_back_even_when_parts_were_erased(nodes: Pair, world: Path) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    pull(partner, host)
    host.system("erase", record=made.record, parts=["where"])
    before = [entry.leaf for entry in unpacked(host, partner).entries]
    lose_feed(host, world)
    again = unpacked(host, partner).entries
    assert frozen(host) == "" and [entry.leaf for entry in again] == before
    assert (2, None) in [part for entry in again for part in entry.parts]
    pull(partner, host)
    pull(host, partner)


def test_what_cannot_be_made_again_stops_the_exchange_with_an_instruction(nodes: Pair, world: Path) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    host.commit("incident", {"where": {**INCIDENT["where"], "place": "Gate"}}, record=made.record, expected=1)
    host.system("erase", record=made.record, parts=["where"])
    pull(partner, host)
    lose_feed(host, world)
    why = frozen(host)
    assert "put feeds/cn back" in why and "exchange resume" in why and "erased" in why
    other = host.commit("incident", INCIDENT)
    assert other.version == 1
