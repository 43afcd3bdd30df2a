"""The way out of a freeze: an epoch that both sign, from what both have, with the evidence kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import ready
from safeconduct.exchange import epoch_files
from safeconduct.exchange.epoch_files import Step
from safeconduct.exchange.epochs import Proposal, Statement, View
from safeconduct.exchange.state import State
from safeconduct.exchange.status import describe
from safeconduct.records.rebuild import verify
from safeconduct.records.refusals import Malformed

from .forging import Forger, entry
from .nodes import INCIDENT, Node, bundle_bytes, key_file, pull

Pair = tuple[Node, Node]


def frozen(node: Node, partner: str) -> str:
    return str(node.call("exchange_cursor", partner=partner)["frozen"])


def sign(node: Node, partner: Node, file: bytes, world: Path | None) -> Step:
    own, other = node.home.party, partner.home.party
    return epoch_files.sign(node.door, own, other, file, key_file(world, own) if world else None, None)


def resume(one: Node, other: Node, world: Path) -> None:
    """Agree on an epoch, one's view first, checking that nothing begins before both have signed."""
    first = epoch_files.give_view(one.door, other.home.party)
    proposed = sign(other, one, first.file, world)
    assert not proposed.begun and frozen(other, one.home.party)
    agreed = sign(one, other, proposed.file, world)
    assert agreed.begun and not frozen(one, other.home.party)
    assert sign(other, one, agreed.file, None).begun and not frozen(other, one.home.party)
    for node, partner in ((one, other), (other, one)):
        with pytest.raises(Malformed, match="another view"):
            sign(node, partner, agreed.file, None)
        assert not frozen(node, partner.home.party)


def circle(host: Node, partner: Node) -> None:
    """Everything crosses both ways, cosignatures too, and both ledgers hold."""
    made, theirs = host.commit("incident", INCIDENT), partner.commit("incident", INCIDENT)
    for _ in range(2):
        host.sweep()
        partner.sweep()
        host.publish()
        partner.publish()
        pull(partner, host)
        pull(host, partner)
    assert made.version == theirs.version == 1
    for node, other in ((host, partner), (partner, host)):
        assert verify(node.writer).broken is None
        acks = node.feed(other.home.party).acks()
        assert acks["feed"].size == node.feed(other.home.party).size
        assert acks["ledger"].size == node.feed(other.home.party).head_size() > 0


def titles(node: Node, originator: str = "pk") -> list[str]:
    """Of the incidents that are neither withdrawn nor erased."""
    held = [row.values() for row in node.of_kind("incident", originator) if not row.withdrawn]
    return [values["summary"]["title"] for values in held if "summary" in values]


def titled(text: str) -> dict[str, Any]:
    return {**INCIDENT, "summary": {**INCIDENT["summary"], "title": text}}


@pytest.fixture
def forked(nodes: Pair, tmp_path: Path) -> tuple[Node, Node, bytes]:
    """The host's key has signed another history, which the partner has seen."""
    host, partner = nodes
    host.commit("incident", titled("first"))
    host.publish()
    pull(partner, host)
    pull(host, partner)
    forger = Forger(host, tmp_path)
    forger.entries[-1] = entry()
    rejected = forger.bundle(len(forger.entries) - 1)
    assert partner.ingest("pk", rejected)["status"] == "fork"
    return host, partner, rejected


@pytest.mark.usefixtures("carried")
def test_both_go_on_after_both_have_signed(forked: tuple[Node, Node, bytes], world: Path) -> None:
    host, partner, rejected = forked
    before = State(partner.writer.db).evidence("pk")
    old = bundle_bytes(host, partner)
    resume(partner, host, world)
    circle(host, partner)
    assert titles(partner) == ["first", "Bomb against a convoy"]
    for replayed in (rejected, old):
        with pytest.raises(Malformed, match="another epoch"):
            partner.ingest("pk", replayed)
    assert frozen(partner, "pk") == "" and State(partner.writer.db).evidence("pk") == before != []
    with partner.active():
        words = " ".join(describe(partner.home, partner.door))
    assert "epoch 2, signed by both" in words and "two signed histories of the feed" in words
    told = [json.loads(e.leaf) for e in partner.writer.log.entries(0, partner.writer.log.size)]
    (begun,) = [header for header in told if header["type"] == "epoch"]
    assert begun["epoch"] == 2 and begun["signed_by"] == {"cn": "Signatory of cn", "pk": "Signatory of pk"}
    assert "sha256:" in begun["statement"] and begun["was"].startswith("fork")


def test_old_cosignatures_count_for_nothing_in_a_new_epoch(
    forked: tuple[Node, Node, bytes], world: Path
) -> None:
    from .nodes import give

    host, partner, _ = forked
    old = partner.call("exchange_cursor", partner="pk")
    resume(partner, host, world)
    give(host, partner, old)
    assert host.feed("cn").acks() == {}
    circle(host, partner)


def test_one_signature_does_nothing(forked: tuple[Node, Node, bytes], world: Path) -> None:
    host, partner, _ = forked
    view = epoch_files.give_view(partner.door, "pk")
    alone = sign(partner, host, sign(host, partner, view.file, None).file, world)
    assert not alone.begun and frozen(partner, "pk").startswith("fork")
    size = host.feed("cn").size
    host.commit("incident", INCIDENT)
    assert host.feed("cn").size == size and frozen(host, "cn") == "a new epoch is being agreed on"
    assert partner.ingest("pk", bundle_bytes(host, partner))["status"] == "frozen"
    with pytest.raises(Malformed, match="nobody who may sign"):
        epoch_files.sign(host.door, "pk", "cn", alone.file, key_file(world, "cn"), None)
    assert epoch_files.give_up(host.door, "cn") == ""
    assert host.feed("cn").size > size
    assert epoch_files.give_up(partner.door, "pk").startswith("fork")


def test_an_epoch_that_one_began_and_the_other_gave_up_is_followed_by_one_of_both(
    forked: tuple[Node, Node, bytes], world: Path
) -> None:
    host, partner, _ = forked
    view = epoch_files.give_view(partner.door, "pk")
    first = sign(host, partner, view.file, None)
    signed = sign(partner, host, first.file, world)
    epoch_files.give_up(partner.door, "pk")
    assert sign(host, partner, signed.file, world).begun
    assert partner.ingest("pk", bundle_bytes(host, partner))["status"] == "frozen"
    resume(host, partner, world)
    assert epochs_of(host, partner) == [3, 3]
    circle(host, partner)


def epochs_of(*nodes: Node) -> list[int]:
    return [
        n.in_tx(lambda tx: tx.db.execute("SELECT epoch FROM exchange_epoch").fetchone()[0]) for n in nodes
    ]


def test_nothing_else_than_what_both_hold_can_be_signed(
    forked: tuple[Node, Node, bytes], world: Path
) -> None:
    host, partner, _ = forked
    view = epoch_files.give_view(partner.door, "pk").file
    honest = Proposal.parse(view)
    raw, seal = honest.views["cn"]
    changed = json.loads(raw) | {"epoch": 7}
    for file in (
        b"{}", b"\xff", view[:-1], view + b" ", Proposal({"cn": (raw, bytes(64))}, {}).pack(),
        Proposal({"cn": (json.dumps(changed, sort_keys=True, separators=(",", ":")).encode(), seal)}, {}).pack(),
        Proposal({"xx": (raw, seal)}, {}).pack(), Proposal({}, {}).pack(),
        Proposal(honest.views, {"xx": ("sha256:0", "AAAA")}).pack(),
    ):  # fmt: skip
        with pytest.raises(Malformed):
            sign(host, partner, file, world)
    proposed = sign(host, partner, view, world)
    forged = Proposal.parse(proposed.file)
    swapped = Proposal(forged.views, {"pk": forged.signatures["pk"], "cn": forged.signatures["pk"]}).pack()
    for node, other in ((host, partner), (partner, host)):
        with pytest.raises(Malformed, match="nobody who may sign"):
            sign(node, other, swapped, None)
    assert frozen(host, "cn") and frozen(partner, "pk")
    views = [View.parse(raw) for raw, _ in forged.views.values()]
    assert Statement.of(*views).text() == Statement.of(*reversed(views)).text()


def test_a_second_epoch_follows_the_first(forked: tuple[Node, Node, bytes], world: Path) -> None:
    host, partner, _ = forked
    first = epoch_files.give_view(partner.door, "pk")
    resume(partner, host, world)
    assert not sign(host, partner, first.file, world).begun
    assert epoch_files.give_up(host.door, "cn") == ""
    resume(host, partner, world)
    assert epochs_of(host, partner) == [3, 3]
    circle(host, partner)


def reopened(node: Node) -> Node:
    fresh = Node(node.home.path)
    node.home, node.writer, node.door = fresh.home, fresh.writer, fresh.door
    return node


def gone_back(host: Node, copy: Path) -> None:
    """The node's folder is that of an earlier day; nobody has said so."""
    host.close()
    shutil.rmtree(host.home.path)
    ready.copy(copy, host.home.path)
    reopened(host)


def test_a_node_that_went_back_takes_its_history_from_its_partner(
    nodes: Pair, world: Path, tmp_path: Path
) -> None:
    host, partner = nodes
    kept = host.commit("incident", titled("kept"))
    host.publish()
    pull(partner, host)
    pull(host, partner)
    host.close()
    ready.copy(host.home.path, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
    reopened(host)
    host.commit(
        "incident", {"summary": {**INCIDENT["summary"], "title": "amended"}}, record=kept.record, expected=1
    )
    host.commit("incident", titled("lost"))
    theirs = partner.commit("incident", titled("theirs"))
    pull(host, partner)
    host.publish()
    pull(partner, host)
    assert titles(partner) == ["amended", "lost"]
    gone_back(host, tmp_path / "copy")
    host.commit("incident", titled("instead"))
    host.commit("incident", {"where": {**INCIDENT["where"], "place": "Gate"}}, record=kept.record, expected=1)
    host.publish()
    assert partner.ingest("pk", bundle_bytes(host, partner))["status"] == "fork"
    mirrored = partner.have("pk")
    resume(host, partner, world)
    circle(host, partner)
    assert sorted(titles(partner)) == ["Bomb against a convoy", "instead", "kept"]
    (row, _, _, _) = partner.of_kind("incident", "pk")
    assert row.values()["where"]["place"] == "Gate" and row.version == 3
    assert sorted(r.withdrawn for r in partner.of_kind("incident", "pk")) == [False, False, False, True]
    assert host.feed("cn").log.verify() is None and host.feed("cn").size > mirrored
    assert titles(host, "cn") == ["theirs", "Bomb against a convoy"] and theirs.version == 1
    host.system("erase", record=kept.record)
    pull(partner, host)
    pull(host, partner)
    assert partner.of_kind("incident", "pk")[0].present == 0


def test_a_crash_between_signing_and_the_feed_loses_nothing(
    nodes: Pair, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safeconduct.exchange import delivery

    host, partner = nodes
    host.commit("incident", titled("kept"))
    pull(partner, host)
    host.close()
    ready.copy(host.home.path, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
    reopened(host)
    host.commit("incident", titled("lost"))
    pull(partner, host)
    gone_back(host, tmp_path / "copy")
    host.commit("incident", titled("instead"))
    host.commit("incident", titled("instead too"))
    assert partner.ingest("pk", bundle_bytes(host, partner))["status"] == "fork"
    first = epoch_files.give_view(partner.door, "pk")
    proposed = sign(host, partner, first.file, world)
    agreed = sign(partner, host, proposed.file, world)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "deliver", lambda *_: None)
        assert sign(host, partner, agreed.file, None).begun
        host.close()
    reopened(host)
    circle(host, partner)
    assert sorted(titles(partner)) == ["Bomb against a convoy", "instead", "instead too", "kept"]


def test_a_lost_feed_that_cannot_be_made_again_comes_back_by_an_epoch(
    nodes: Pair, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from .test_refill import lose_feed

    monkeypatch.setattr("safeconduct.exchange.delivery.KEPT", 0)
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    host.commit("incident", {"where": {**INCIDENT["where"], "place": "Gate"}}, record=made.record, expected=1)
    host.system("erase", record=made.record, parts=["where"])
    pull(partner, host)
    lose_feed(host, world)
    assert "exchange resume" in frozen(host, "cn")
    resume(host, partner, world)
    circle(host, partner)
    assert len(titles(partner)) == 2


def test_what_the_partner_answered_and_said_of_records_that_are_lost_does_not_stop_its_feed(
    nodes: Pair, world: Path, tmp_path: Path
) -> None:
    """A receipt for an erasure, and a claim about a record, neither of which the node remembers after it went back."""
    host, partner = nodes
    host.publish()
    pull(partner, host)
    host.close()
    ready.copy(host.home.path, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
    reopened(host)
    erased, spoken_of = (
        host.commit("incident", titled("erased")),
        host.commit("incident", titled("spoken of")),
    )
    pull(partner, host)
    host.system("erase", record=erased.record)
    pull(partner, host)
    (row,) = [r for r in partner.of_kind("incident", "pk") if r.values()]
    claim = {"figure": {"what": "killed", "best": 4}, "source": {"outlet": "x", "party": "press"}}
    partner.commit("claim", claim, about=row.id)
    pull(host, partner)
    gone_back(host, tmp_path / "copy")
    host.commit("incident", titled("instead"))
    assert partner.ingest("pk", bundle_bytes(host, partner))["status"] == "fork"
    resume(host, partner, world)
    circle(host, partner)
    assert host.row(spoken_of.record) is None
    (told,) = host.of_kind("claim", "cn")
    assert host.row(told.about) is None and told.values()["figure"]["best"] == 4
