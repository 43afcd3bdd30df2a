"""Two parties part at the end of an agreement: what is left is agreed on, proved, and crosses no more."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from safeconduct.agreement.signatures import file_signatory, public_of_key_file, sign_text_with_file
from safeconduct.exchange.closing import clear_away, close, write_evidence
from safeconduct.exchange.holdings import ASKED, REMOVED, RETAINED, counts
from safeconduct.exchange.parting import Wish
from safeconduct.exchange.parting_evidence import EvidenceRefused, verify
from safeconduct.node.cli import main
from safeconduct.records.home import Home
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.refusals import Malformed

from .nodes import FIRST, INCIDENT, Node, bundle_bytes, key_file, pair, pull, sign, unpacked

Pair = tuple[Node, Node]
CANARY = {**INCIDENT, "summary": {**INCIDENT["summary"], "title": "CANARY-4411"}}


def wish(node: Node, folder: Path, partner: str, keep: tuple[str, ...] = (), by: str = "") -> dict[str, Any]:
    """What a signatory signs to begin a parting, as the node is told of it."""
    path = key_file(folder, by or node.home.party)
    meant = Wish("pk-cn", node.home.party, partner, keep, int(time.time()))
    return {
        "partner": partner,
        "keep": list(keep),
        "at": meant.at,
        "key": file_signatory(node.home.party, "-", public_of_key_file(path)).key_id,
        "signature": sign_text_with_file(path, None, meant.text()),
    }


def end(host: Node, partner: Node, folder: Path) -> None:
    """The agreement ends: the Host's signatory ends the one clause, the Partner's does, too."""
    sign(host, folder, "pk-cn", FIRST, "ended")
    host.sweep()
    pull(partner, host)
    sign(partner, folder, "pk-cn", FIRST, "ended")
    partner.sweep()
    pull(host, partner)


def settle(host: Node, partner: Node) -> None:
    """Fetch from each other until each has acknowledged what the other told."""
    for _ in range(3):
        host.publish()
        partner.publish()
        pull(partner, host)
        pull(host, partner)


def shut(node: Node, partner: str, file: Path, **options: bool) -> None:
    with node.active():
        digest = write_evidence(node.home, node.door, partner, file)
        close(node.home, node.door, partner, digest, options.pop("destroy_feed", False), **options)


def again(node: Node) -> Node:
    """The node after a restart: what the file says, it is."""
    node.close()
    fresh = Node(node.home.path)
    node.home, node.writer, node.door = fresh.home, fresh.writer, fresh.door
    return node


def test_two_parties_part_and_a_third_agreement_stays(nodes: Pair, world: Path, tmp_path: Path) -> None:
    host, partner = nodes
    given = host.commit("incident", CANARY).record
    kept = host.commit("incident", INCIDENT).record
    claim = host.commit(
        "claim",
        {"figure": {"what": "killed", "best": 3}, "source": {"outlet": "x", "party": "host"}},
        about=kept,
    ).record
    theirs = partner.commit("incident", INCIDENT).record
    settle(host, partner)
    with host.active():
        before_third = unpacked(host, Third("xx")).entries  # type: ignore[arg-type]
    (held,) = [row for row in partner.of_kind("incident", "pk") if "CANARY-4411" in str(row.values())]
    on_hold = partner.of_kind("claim", "pk")[0].id
    partner.system("hold", record=on_hold, because="a court has asked for it")

    with pytest.raises(Malformed, match=r"ends these clauses first: 1 \(agreed\)"):
        host.call("exchange_part_begin", **wish(host, world, "cn"))
    end(host, partner, world)
    with pytest.raises(Malformed, match="nobody who may sign"):
        host.call("exchange_part_begin", **wish(host, world, "cn", by="cn"))
    with pytest.raises(Malformed, match="no such kind"):
        host.call("exchange_part_begin", **wish(host, world, "cn", keep=("rumour",)))
    tampered = wish(host, world, "cn") | {"keep": ["incident"]}
    with pytest.raises(Malformed, match="does not fit"):
        host.call("exchange_part_begin", **tampered)
    with pytest.raises(Malformed, match="no signatory of this party has begun"):
        host.call("exchange_part_close", partner="cn", evidence="sha256:0")

    assert host.call("exchange_part_begin", **wish(host, world, "cn"))["asked"] == 3
    assert host.call("exchange_part_begin", **wish(host, world, "cn"))["asked"] == 0, "nothing is asked twice"
    assert partner.call("exchange_part_begin", **wish(partner, world, "pk", keep=("incident",)))["asked"] == 0
    with pytest.raises(Malformed, match="has not acknowledged"):
        host.call("exchange_part_close", partner="cn", evidence="sha256:0")
    settle(host, partner)

    assert (partner.row(held.id) or held).values() == {}
    with host.active():
        assert counts("cn")[REMOVED] == 2 and counts("cn")[RETAINED] == 1 and counts("cn")[ASKED] == 0
    assert host.call("exchange_parting", partner="cn")["ours"] == {"incident": 1}
    assert partner.call("exchange_parting", partner="pk")["ours"] == {"claim": 1}
    partner.writer.tick(lambda _tx: None)
    assert b"CANARY-4411" not in partner.everything()

    last = bundle_bytes(host, partner)
    shut(host, "cn", tmp_path / "host.parting")
    shut(partner, "pk", tmp_path / "partner.parting", destroy_feed=True)
    for node, other in ((host, "cn"), (partner, "pk")):
        loaded = Home.load(node.home.path)
        assert other not in loaded.partners and loaded.former[other].agreement == "pk-cn"
        assert not (node.home.keys / f"feed-{other}.key").exists() and not node.home.feed(other).exists()
    assert (host.home.path / "parted" / "cn-pk-cn" / "feed.sqlite3").exists()
    assert not list((host.home.path / "parted").rglob("keys"))
    assert not (partner.home.path / "parted").exists()
    again(host), again(partner)
    for node in (host, partner):
        assert "hpke" not in (node.home.path / "node.toml").read_text().split("[former.")[1]

    with pytest.raises(Malformed, match="not paired"):
        partner.ingest("pk", last)
    fresh = host.commit("incident", INCIDENT).record
    assert host.writer.db.execute("SELECT count(*) FROM exchange_sent WHERE partner = 'cn'").fetchone() == (
        0,
    )
    assert not host.home.feed("cn").exists() and host.row(fresh) is not None
    assert host.row(given) is not None and (host.row(given) or held).values() != {}, (
        "the own copy is one's own"
    )
    partner.system("lift_hold", record=on_hold)
    assert (partner.row(on_hold) or held).values() == {}, "what waited for the hold goes when it is lifted"
    for node in (host, partner):
        with node.active():
            whole = fingerprint()
            rebuild(node.writer)
            assert fingerprint() == whole

    entries = unpacked(host, Third("xx")).entries  # type: ignore[arg-type]
    assert entries[: len(before_third)] == before_third and len(entries) > len(before_third)
    assert claim and theirs


class Third:
    """Stands for the third party's node where only its name is asked for."""

    def __init__(self, party: str) -> None:
        self.home = type("Named", (), {"party": party})()


def parted(nodes: Pair, world: Path, file: Path) -> Path:
    host, partner = nodes
    host.commit("incident", CANARY)
    settle(host, partner)
    end(host, partner, world)
    host.call("exchange_part_begin", **wish(host, world, "cn"))
    settle(host, partner)
    with host.active():
        write_evidence(host.home, host.door, "cn", file)
    return file


def test_the_evidence_verifies_without_a_node_and_no_changed_byte_of_it_does(
    nodes: Pair, world: Path, tmp_path: Path
) -> None:
    file = parted(nodes, world, tmp_path / "evidence")
    result = CliRunner().invoke(main, ["verify", "parting", str(file)])
    assert result.exit_code == 0, result.output
    for said in (
        "clause 1, text",
        "ended: Signatory of pk for pk",
        "ended: Signatory of cn for cn",
        "1 records were given to cn",
        "1 were asked to be erased; of 1 it answered removed",
        "the ledger of pk: cosigned by cn",
    ):
        assert said in result.output, result.output
    keys = list(verify(file).keys.values())
    assert verify(file, keys).lines
    with pytest.raises(EvidenceRefused, match="not one of those given"):
        verify(file, keys[:-1])
    assert b"CANARY-4411" not in file.read_bytes()
    raw = file.read_bytes()
    lines = raw.split(b"\n")
    wrong = {
        "a leaf less": b"\n".join([*lines[:-2], b""]),
        "a leaf more": raw + lines[-2] + b"\n",
        "cut short": raw[:-30],
        "two leaves changed over": b"\n".join([*lines[:3], lines[4], lines[3], *lines[5:]]),
        "another format": raw.replace(b"parting/v1", b"parting/v2", 1),
        "another moment": raw.replace(b'"at":"', b'"at":"1', 1),
        "a signature of nobody": b"\n".join([*lines[:2], base64.b64encode(b"x\n\n"), *lines[3:]]),
        "nothing": b"",
        "no object": b"\n".join([lines[0], b"[]", *lines[2:]]),
        "deep": b"\n".join([lines[0], b"[" * 100_000, *lines[2:]]),
    }
    for name, content in wrong.items():
        other = tmp_path / "wrong"
        other.write_bytes(content)
        with pytest.raises(EvidenceRefused):
            verify(other)
            pytest.fail(name)
    result = CliRunner().invoke(main, ["verify", "parting", str(other)])
    assert result.exit_code == 3 and "does not hold" in result.output


def test_evidence_in_which_a_clause_is_still_agreed_is_none(
    nodes: Pair, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    settle(host, partner)
    with host.active():
        with pytest.raises(Malformed, match="pk-cn is not over"):
            write_evidence(host.home, host.door, "cn", tmp_path / "evidence")
        monkeypatch.setattr("safeconduct.exchange.parting.refuse_while_in_force", lambda *_: None)
        with pytest.raises(EvidenceRefused, match="clause 1 is not ended"):
            write_evidence(host.home, host.door, "cn", tmp_path / "evidence")
    assert list(tmp_path.glob("evidence*")) == []


def test_a_crash_before_the_card_is_forgotten_leaves_a_node_that_can_close_again(
    nodes: Pair, world: Path, tmp_path: Path
) -> None:
    host, _ = nodes
    parted(nodes, world, tmp_path / "evidence")
    host.call("exchange_part_close", partner="cn", evidence="sha256:0")
    again(host)
    shut(host, "cn", tmp_path / "again")
    left = Home.load(host.home.path)
    assert clear_away(left, "cn", False) is False
    again(host)
    assert json.loads(host.writer.log.entry(host.writer.log.size - 1).leaf)["type"] == "parting"


def test_parties_that_parted_can_pair_anew(nodes: Pair, world: Path, tmp_path: Path) -> None:
    host, partner = nodes
    parted(nodes, world, tmp_path / "evidence")
    partner.call("exchange_part_begin", **wish(partner, world, "pk"))
    settle(host, partner)
    shut(host, "cn", tmp_path / "host")
    shut(partner, "pk", tmp_path / "partner")
    host.close(), partner.close()
    pair(Home.load(world / "pk"), Home.load(world / "cn"), "pk-cn-2")
    fresh, other = Node(world / "pk"), Node(world / "cn")
    assert "cn" not in fresh.home.former
    pull(other, fresh)
    pull(fresh, other)
    assert fresh.have("cn") == other.feed("pk").size
    for node, opened in ((host, fresh), (partner, other)):
        node.writer, node.door = opened.writer, opened.door
