"""Silence, crashes and restores: both sides come to the same. Seeded chaos is one of the faults (`faults/chaos.py`)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import ready
from safeconduct.exchange.cadence import cosigned, keep_acks
from safeconduct.exchange.delivery import restored_mark

from .nodes import INCIDENT, Node, bundle_bytes, pull


def test_days_of_silence_are_caught_up_in_one_go(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    for number in range(120):
        made = host.commit("incident", INCIDENT)
        if not number % 20:
            host.publish()
    claim = {"figure": {"what": "killed", "best": 4}, "source": {"outlet": "x", "party": "press"}}
    host.commit("claim", claim, about=made.record)
    told: list[dict[str, Any]] = []
    partner.writer.listeners.append(told.append)
    pull(partner, host)
    (spoken,) = partner.of_kind("claim", "pk")
    named = {
        kind: [each["record"] for each in told if each.get("kind") == kind] for kind in ("incident", "claim")
    }
    assert named == {"incident": [""], "claim": [spoken.id]}, "one among many is told by itself"
    host.writer.tick(keep_acks)
    pull(partner, host)
    assert len(partner.of_kind("incident", "pk")) == 120
    reached = cosigned(host.home, "cn")
    assert reached.feed_size == reached.feed_entries == host.feed("cn").size
    assert reached.ledger_size == host.feed("cn").head_size() and reached.age() is not None


@pytest.mark.usefixtures("carried")
def test_a_crash_between_ledger_and_feed_loses_nothing(
    nodes: tuple[Node, Node], world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safeconduct.exchange import delivery

    host, partner = nodes
    with monkeypatch.context() as crash:
        crash.setattr(delivery, "deliver", lambda *_: None)
        host.commit("incident", INCIDENT)
        host.commit("incident", INCIDENT)
    before = host.feed("cn").size
    host.close()
    again = Node(world / "pk")
    assert again.feed("cn").size == before + 2
    pull(partner, again)
    assert len(partner.of_kind("incident", "pk")) == 2
    again.close()


@pytest.mark.usefixtures("carried")
def test_a_partner_that_was_restored_is_caught_up_and_cosigns_again(
    nodes: tuple[Node, Node], world: Path, tmp_path: Path
) -> None:
    host, partner = nodes
    host.publish()
    pull(partner, host)
    partner.close()
    ready.copy(partner.home.path, tmp_path / "backup")
    partner = Node(world / "cn")
    host.commit("incident", INCIDENT)
    host.publish()
    host.writer.tick(keep_acks)
    pull(partner, host)
    reached = cosigned(host.home, "cn").ledger_size
    partner.close()
    shutil.rmtree(partner.home.path)
    ready.copy(tmp_path / "backup", partner.home.path)
    restored_mark(partner.home, "pk").touch()
    partner = Node(world / "cn")
    for _ in range(2):
        pull(partner, host)
        host.publish()
        host.writer.tick(keep_acks)
    pull(partner, host)
    assert not restored_mark(partner.home, "pk").exists()
    assert len(partner.of_kind("incident", "pk")) == 1
    assert cosigned(host.home, "cn").ledger_size == host.feed("cn").head_size() > reached
    partner.close()


def test_a_restored_node_settles_first_what_it_has_lost_and_takes_in_nothing_before(
    nodes: tuple[Node, Node], world: Path, tmp_path: Path
) -> None:
    """The partner's feed answers an erasure that the restored node does not remember: that is no bad bundle."""
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host)
    pull(host, partner)
    host.close()
    ready.copy(host.home.path, tmp_path / "backup")
    host = Node(world / "pk")
    host.system("erase", record=made.record)
    pull(partner, host)
    host.close()
    shutil.rmtree(host.home.path)
    ready.copy(tmp_path / "backup", host.home.path)
    restored_mark(host.home, "cn").touch()
    host = Node(world / "pk")
    have = host.have("cn")
    answer = host.ingest("cn", bundle_bytes(partner, host, have))
    assert answer["status"] == "frozen" and host.have("cn") == have
    assert host.call("exchange_cursor", partner="cn")["frozen"].startswith("restored from an older backup")
    host.close()
