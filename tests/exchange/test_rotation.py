"""New keys in the middle of a backlog: nothing is lost, and what the old ones sign counts no more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from safeconduct.exchange.identity import Keys, feed_key, hpke_key, tls_files
from safeconduct.exchange.pairing import FingerprintRefused, accept_card, export_card
from safeconduct.exchange.rotation import RENEWED, former_keys, rotate
from safeconduct.exchange.stick import StickRefused, export_bundle, import_bundle
from safeconduct.records.home import Home
from safeconduct.records.rebuild import verify
from safeconduct.records.refusals import Malformed

from .forging import Forger, entry
from .nodes import INCIDENT, Node, bundle_bytes, pull
from .test_epochs import circle, frozen, resume

Pair = tuple[Node, Node]


def again(node: Node) -> Node:
    """The node after a restart."""
    node.close()
    fresh = Node(node.home.path)
    node.home, node.writer, node.door = fresh.home, fresh.writer, fresh.door
    return node


def renewed(node: Node, transport_only: bool = False) -> None:
    rotate(node.home, node.door, transport_only)
    again(node)


def accept(node: Node, other: Node) -> None:
    card, spoken = export_card(other.home, node.home.party, "pk-cn")
    accept_card(node.home, card, spoken, node.door)
    again(node)


def test_new_keys_in_the_middle_of_a_backlog(nodes: Pair, world: Path, tmp_path: Path) -> None:
    host, partner = nodes
    for _ in range(3):
        host.commit("incident", INCIDENT)
        partner.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host, limit=2)
    pull(host, partner)
    host.commit("incident", INCIDENT)
    before = Keys.of(host.home).ledger.vkey, feed_key(host.home, "cn").vkey
    old = bundle_bytes(host, partner)
    stolen = tmp_path / "stolen"
    shutil.copytree(host.home.keys, stolen)
    forger = Forger(host, tmp_path)
    forger.entries.append(entry())
    forged = forger.bundle(len(forger.entries) - 1)

    renewed(host)
    assert frozen(host, "cn") == RENEWED and frozen(host, "xx") == RENEWED
    assert Keys.of(host.home).ledger.vkey != before[0] and feed_key(host.home, "cn").vkey != before[1]
    waiting = host.commit("incident", INCIDENT).record
    accept(partner, host)
    for raw in (old, forged, bundle_bytes(host, partner)):
        with pytest.raises(Malformed, match="bundle refused"):
            partner.ingest("pk", raw)
    assert frozen(partner, "pk") == "", "keys that are not known accuse nobody"

    resume(host, partner, world)
    circle(host, partner)
    assert len(partner.of_kind("incident", "pk")) == 6 and len(host.of_kind("incident", "cn")) == 4
    assert host.row(waiting) is not None
    for raw in (old, forged):
        with pytest.raises(Malformed, match="bundle refused"):
            partner.ingest("pk", raw)
    assert frozen(partner, "pk") == frozen(host, "cn") == ""
    again(host), again(partner)
    circle(host, partner)
    assert set(before) <= {vkey for _, vkey in host.in_tx(lambda tx: list(former_keys(tx)))}
    assert any(name.startswith("witness pk") for name, _ in partner.in_tx(lambda tx: list(former_keys(tx))))
    for path in host.home.keys.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_a_crash_before_the_new_keys_are_written_is_mended_by_the_next_attempt(
    nodes: Pair, world: Path
) -> None:
    host, partner = nodes
    host.call("exchange_keys_renew")
    again(host)
    assert frozen(host, "cn") == RENEWED
    renewed(host)
    accept(partner, host)
    resume(partner, host, world)
    circle(host, partner)


def test_a_new_certificate_needs_a_new_card_and_no_epoch(nodes: Pair, tmp_path: Path) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    pull(partner, host)
    certificate, stick = tls_files(host.home)[0].read_bytes(), tmp_path / "stick"
    sealed_to = hpke_key(host.home).public_key().public_bytes_raw()
    export_bundle(partner.home, "pk", stick, partner.door, 0)
    signing = Keys.of(host.home).ledger.vkey
    renewed(host, transport_only=True)
    assert tls_files(host.home)[0].read_bytes() != certificate
    assert hpke_key(host.home).public_key().public_bytes_raw() != sealed_to
    assert Keys.of(host.home).ledger.vkey == signing and frozen(host, "cn") == ""
    with pytest.raises(StickRefused, match="not sealed for this node"):
        import_bundle(host.home, "cn", stick, host.door)
    card, spoken = export_card(host.home, "cn", "pk-cn")
    with pytest.raises(FingerprintRefused):
        accept_card(partner.home, card, "0" * 40, partner.door)
    assert Home.load(partner.home.path).partners["pk"].card["tls"] == partner.home.partners["pk"].card["tls"]
    accept(partner, host)
    circle(host, partner)
    assert export_bundle(partner.home, "pk", stick, partner.door, 0).entries > 0
    import_bundle(host.home, "cn", stick, host.door)
    assert verify(host.writer).broken is None and spoken
