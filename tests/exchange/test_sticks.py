"""Memory sticks: the same bytes as over the line, sealed to one receiver, signed by one sender."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import ready
from safeconduct.exchange.cadence import cosigned
from safeconduct.exchange.delivery import restored_mark
from safeconduct.exchange.stick import StickRefused, export_bundle, import_bundle

from .nodes import INCIDENT, Node, bundle_bytes, pull

Pair = tuple[Node, Node]


def test_two_sticks_close_the_circle(nodes: Pair, tmp_path: Path) -> None:
    host, partner = nodes
    there, back = tmp_path / "there.stick", tmp_path / "back.stick"
    for _ in range(3):
        host.commit("incident", INCIDENT)
    host.publish()
    report = export_bundle(host.home, "cn", there, host.door)
    assert report.entries == 3 and "3 entries" in str(report)
    taken = import_bundle(partner.home, "pk", there, partner.door)
    assert (taken.entries, taken.status) == (3, "ok")
    assert len(partner.of_kind("incident", "pk")) == 3
    assert import_bundle(partner.home, "pk", there, partner.door).entries == 0
    export_bundle(partner.home, "pk", back, partner.door)
    import_bundle(host.home, "cn", back, host.door)
    reached = cosigned(host.home, "cn")
    assert reached.feed_size == reached.feed_entries and reached.ledger_size == host.feed("cn").head_size()
    assert export_bundle(host.home, "cn", there, host.door).entries == 0


def test_a_stick_opens_for_its_receiver_and_from_its_sender_only(
    nodes: Pair, world: Path, tmp_path: Path
) -> None:
    host, partner = nodes
    third = Node(world / "xx")
    host.commit("incident", INCIDENT)
    file = tmp_path / "stick"
    export_bundle(host.home, "cn", file, host.door)
    raw = file.read_bytes()
    assert b"convoy" not in raw and b"safeconduct-bundle" not in raw
    with pytest.raises(StickRefused):
        import_bundle(third.home, "pk", file, third.door)
    with pytest.raises(StickRefused):
        import_bundle(host.home, "cn", file, host.door)
    for bad in (raw[:-1], raw[:40], b"x" + raw, raw[:60] + bytes([raw[60] ^ 1]) + raw[61:], raw + b"\x00"):
        file.write_bytes(bad)
        with pytest.raises(StickRefused):
            import_bundle(partner.home, "pk", file, partner.door)
    with pytest.raises(StickRefused):
        export_bundle(host.home, "nobody", file, host.door)
    third.close()


def test_sticks_in_the_wrong_order_say_what_is_missing(nodes: Pair, tmp_path: Path) -> None:
    host, partner = nodes
    first, second = tmp_path / "first", tmp_path / "second"
    host.commit("incident", INCIDENT)
    export_bundle(host.home, "cn", first, host.door)
    host.commit("incident", INCIDENT)
    export_bundle(host.home, "cn", second, host.door, since=host.feed("cn").size - 1)
    assert import_bundle(partner.home, "pk", second, partner.door).status == "gap"
    assert import_bundle(partner.home, "pk", first, partner.door).status == "ok"
    assert import_bundle(partner.home, "pk", second, partner.door).status == "ok"
    assert len(partner.of_kind("incident", "pk")) == 2


def test_an_old_stick_does_not_tell_a_restored_node_that_all_is_well(
    nodes: Pair, world: Path, tmp_path: Path
) -> None:
    """It would sign a second history of what the partner has seen since, and be accused of it with right."""
    host, partner = nodes
    host.publish()
    pull(partner, host)
    old = tmp_path / "old.stick"
    export_bundle(partner.home, "pk", old, partner.door, since=0)
    host.close()
    ready.copy(host.home.path, tmp_path / "backup")
    host = Node(world / "pk")
    host.commit("incident", INCIDENT)
    pull(partner, host)
    host.close()
    shutil.rmtree(host.home.path)
    ready.copy(tmp_path / "backup", host.home.path)
    restored_mark(host.home, "cn").touch()
    host = Node(world / "pk")
    import_bundle(host.home, "cn", old, host.door)
    host.commit("incident", INCIDENT)
    assert restored_mark(host.home, "cn").exists()
    assert partner.ingest("pk", bundle_bytes(host, partner))["status"] == "old"
    export_bundle(partner.home, "pk", old, partner.door, since=0)
    assert import_bundle(host.home, "cn", old, host.door).status == "frozen"
    assert host.call("exchange_cursor", partner="cn")["frozen"].startswith("restored from an older backup")
    host.close()
