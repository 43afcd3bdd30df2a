"""Bundles, heads and cosignatures that do not hold: refused, and never accused without two signed heads."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ready
from safeconduct.exchange.bundle import Bundle, BundleRefused, Cosignatures
from safeconduct.exchange.delivery import close_feeds
from safeconduct.exchange.feed import AckRefused
from safeconduct.exchange.identity import Card, Keys, feed_key, feed_origin
from safeconduct.ledger.keys import SigningKey
from safeconduct.ledger.notes import build_add_checkpoint, cosign, sign_checkpoint
from safeconduct.records.home import Home
from safeconduct.records.refusals import Malformed

from .forging import Forger, entry, mutated, state_of
from .nodes import INCIDENT, Node, bundle_bytes, give, pull, unpacked

Pair = tuple[Node, Node]


def test_replays_and_gaps_change_nothing(nodes: Pair) -> None:
    host, partner = nodes
    for _ in range(4):
        host.commit("incident", INCIDENT)
    first = bundle_bytes(host, partner)
    pull(partner, host)
    before = state_of(partner)
    for _ in range(3):
        assert partner.ingest("pk", first)["status"] == "ok"
    host.commit("incident", INCIDENT)
    host.commit("incident", INCIDENT)
    assert partner.ingest("pk", first)["status"] == "ok"
    late = bundle_bytes(host, partner, host.feed("cn").size - 1)
    answer = partner.ingest("pk", late)
    assert (answer["status"], answer["have"]) == ("gap", before[2])
    assert state_of(partner) == before
    pull(partner, host)
    assert partner.ingest("pk", first)["status"] == "old"


def test_mutated_bundles_are_refused_and_nobody_is_accused(nodes: Pair) -> None:
    host, partner = nodes
    pull(partner, host)
    for _ in range(3):
        host.commit("incident", INCIDENT)
    host.publish()
    whole = unpacked(host, partner, partner.have("pk"))
    raw = replace(whole, head=b"").pack()
    before = state_of(partner)
    chosen = random.Random(7)
    for _ in range(250):
        with pytest.raises(Malformed):
            partner.ingest("pk", mutated(raw, chosen))
    assert state_of(partner) == before
    for _ in range(50):
        # A head that cannot be used is passed over; what is signed beside it still counts.
        head = mutated(whole.head, chosen)
        try:
            assert partner.ingest("pk", replace(whole, head=head).pack())["status"] == "ok"
        except Malformed:
            continue
    assert state_of(partner)[3:] == before[3:]
    pull(partner, host)
    assert len(partner.of_kind("incident", "pk")) == 3


def test_a_swapped_or_forged_leaf_is_refused_without_accusation(nodes: Pair) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    host.commit("incident", INCIDENT)
    whole = unpacked(host, partner, partner.have("pk"))
    before = state_of(partner)
    swapped = replace(whole, entries=whole.entries[::-1])
    forged = replace(whole, entries=(*whole.entries[:-1], entry()))
    for bad in (swapped, forged):
        with pytest.raises(Malformed):
            partner.ingest("pk", bad.pack())
    assert state_of(partner) == before


def test_wrong_keys_are_refused(nodes: Pair) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    whole = unpacked(host, partner, partner.have("pk"))
    before = state_of(partner)
    checkpoint = host.feed("cn").log.checkpoint()
    stranger = SigningKey.generate(feed_origin("pk", "cn"))
    for key in (stranger, Keys.of(host.home).ledger, feed_key(host.home, "xx"), feed_key(partner.home, "pk")):
        with pytest.raises(Malformed):
            partner.ingest("pk", replace(whole, note=sign_checkpoint(checkpoint, key)).pack())
    other = replace(checkpoint, origin=feed_origin("pk", "xx"))
    with pytest.raises(Malformed):
        partner.ingest("pk", replace(whole, note=sign_checkpoint(other, feed_key(host.home, "cn"))).pack())
    assert state_of(partner) == before


@pytest.mark.parametrize("back", [0, 1, 2])
def test_two_signed_histories_are_proof_and_freeze_the_exchange(
    nodes: Pair, forger: Forger, back: int
) -> None:
    host, partner = nodes
    kept = partner.writer.db.execute("SELECT feed_note FROM exchange_partner").fetchone()[0]
    forger.entries[-1] = entry()
    forger.entries += [entry(record=f"{n:032x}") for n in range(back)]
    events: list[dict[str, Any]] = []
    partner.writer.listeners.append(events.append)
    start = len(forger.entries) - 1 - back if back < 2 else 0
    answer = partner.ingest("pk", forger.bundle(start))
    assert answer["status"] == "fork"
    ours, theirs = partner.writer.db.execute("SELECT ours, theirs FROM exchange_evidence").fetchone()
    assert ours == kept and theirs != kept
    assert {"topic": "exchange", "partner": "pk", "alarm": "fork"} in events
    assert partner.ingest("pk", bundle_bytes(host, partner))["status"] == "frozen"
    size = partner.feed("pk").size
    partner.commit("incident", INCIDENT)
    assert partner.feed("pk").size == size
    last = json.loads(partner.writer.log.entries(0, partner.writer.log.size)[-3].leaf)
    assert partner.writer.log.verify() is None and last["type"] in ("checkpoint", "version", "disclosure")


def test_ledger_is_cosigned_blind_and_a_conflicting_head_is_proof(nodes: Pair) -> None:
    host, partner = nodes
    host.publish()
    pull(partner, host)
    size = partner.call("exchange_cursor", partner="pk")["head"]
    assert size == host.feed("cn").acks()["ledger"].size == host.feed("cn").head_size()
    honest = unpacked(host, partner, partner.have("pk"))
    known = host.writer.log.checkpoint_at(size)
    keys = Keys.of(host.home)
    conflicting = sign_checkpoint(replace(known, root=bytes(32)), keys.ledger)
    unproved = sign_checkpoint(replace(known, size=size + 16, root=bytes(32)), keys.ledger)
    claimed = replace(honest, head=build_add_checkpoint(size, [bytes(32)], unproved))
    assert partner.ingest("pk", claimed.pack())["status"] == "ok"
    assert partner.call("exchange_cursor", partner="pk")["head"] == size
    fork = replace(honest, head=build_add_checkpoint(size, [], conflicting))
    assert partner.ingest("pk", fork.pack())["status"] == "fork"


def test_a_stale_head_gets_its_proof_anew(nodes: Pair) -> None:
    host, partner = nodes
    for _ in range(3):
        host.publish()
        host.commit("incident", INCIDENT)
    raw = bundle_bytes(host, partner)
    answer = partner.ingest("pk", raw)
    host.publish()
    stale = host.feed("cn").head_size()
    assert (
        partner.ingest("pk", bundle_bytes(host, partner, partner.have("pk")))["head"]
        == answer["head"]
        < stale
    )
    give(host, partner, answer)
    from safeconduct.exchange.cadence import keep_acks

    host.writer.tick(keep_acks)
    pull(partner, host)
    assert partner.call("exchange_cursor", partner="pk")["head"] == stale


def test_false_cosignatures_are_refused(nodes: Pair) -> None:
    host, partner = nodes
    host.publish()
    pull(partner, host)
    card = Card.of(host.home.partners["cn"].card)
    feed = host.feed("cn")
    before = feed.acks()
    checkpoint = feed.log.checkpoint()
    unsigned = checkpoint.text().encode() + b"\n" + cosign(checkpoint, Keys.of(partner.home).witness, 1)
    other = replace(checkpoint, root=bytes(32))
    own_only = sign_checkpoint(checkpoint, feed_key(host.home, "cn"))
    stranger = SigningKey.generate("cn.safeconduct/witness", "cosignature/v1")
    wrong = own_only + cosign(checkpoint, stranger, 1)
    forged = other.text().encode() + b"\n" + cosign(other, Keys.of(partner.home).witness, 1)
    for note in (unsigned, own_only, wrong, forged, b"nonsense"):
        with pytest.raises(AckRefused):
            feed.note_cosignatures(card, Cosignatures(feed=note))
    assert feed.acks() == before


def test_parser_refuses_what_has_two_spellings(nodes: Pair) -> None:
    host, partner = nodes
    raw = bundle_bytes(host, partner)
    for bad in (b"", raw + b"\x00", raw[:-1], raw.replace(b"FEED", b"HEAD", 1), b"x" + raw, raw[:30]):
        with pytest.raises(BundleRefused):
            Bundle.unpack(bad)
    for text in (
        b"{}",
        b'{"feed":"","ledger":"","ledger_size":-1}',
        b'{"feed":"", "ledger":"","ledger_size":0}',
    ):
        with pytest.raises(BundleRefused):
            Cosignatures.unpack(text)


def test_a_restored_backup_does_not_fork_itself(nodes: Pair, world: Path, tmp_path: Path) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host)
    host.close()
    old = tmp_path / "old"
    ready.copy(host.home.path, old)
    host = Node(world / "pk")
    host.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host)
    host.close()
    shutil.rmtree(host.home.path)
    ready.copy(old, host.home.path)
    (host.home.feed("cn") / "restored").touch()
    host = Node(world / "pk")
    host.commit("incident", INCIDENT)
    host.publish()
    size = host.feed("cn").size
    assert size < partner.have("pk")
    host.ingest("cn", bundle_bytes(partner, host, host.have("cn")))
    assert host.call("exchange_cursor", partner="cn")["frozen"].startswith("restored")
    assert host.feed("cn").size == size
    assert partner.ingest("pk", bundle_bytes(host, partner, 0))["status"] == "old"
    host.close()
    close_feeds(host.home)


def test_a_ledger_older_than_its_own_feed_refuses_to_start(nodes: Pair, world: Path, tmp_path: Path) -> None:
    host, _ = nodes
    host.close()
    old = ready.copy(host.home.path, tmp_path / "old")
    host = Node(world / "pk")
    host.commit("incident", INCIDENT)
    host.close()
    shutil.rmtree(old / "feeds")
    shutil.copytree(host.home.path / "feeds", old / "feeds")
    with pytest.raises(SystemExit, match="older backup"):
        Node(old)
    close_feeds(Home.load(old))
