"""Lost, doubled, reordered and delayed bundles and cosignatures; restarts in between: both sides converge."""

from __future__ import annotations

import base64
import random
import shutil
from pathlib import Path

import pytest

from safeconduct.exchange.bundle import BundleRefused, Cosignatures
from safeconduct.exchange.cadence import cosigned, keep_acks
from safeconduct.exchange.delivery import restored_mark
from safeconduct.exchange.identity import Card
from safeconduct.exchange.inbound import mirror_of
from safeconduct.exchange.state import State, received_id

from .nodes import INCIDENT, Node, pull


class Link:
    """A bad line between two nodes: what is sent may be lost, come twice, late, or in another order."""

    def __init__(self, nodes: dict[str, Node], chance: random.Random) -> None:
        self.nodes = nodes
        self.chance = chance
        self.flying: list[tuple[str, str, bytes]] = []

    def send(self) -> None:
        sender, receiver = self.chance.sample(sorted(self.nodes), 2)
        feed = self.nodes[sender].feed(receiver)
        start = max(0, self.nodes[receiver].have(sender) + self.chance.randint(-6, 3))
        try:
            raw = feed.bundle(start, self.chance.randint(1, 8)).pack()
        except BundleRefused:
            return
        self.flying.append(("bundle", receiver, raw))

    def deliver(self) -> None:
        if not self.flying:
            return
        at = self.chance.randrange(len(self.flying))
        what, receiver, raw = self.flying[at] if self.chance.random() < 0.3 else self.flying.pop(at)
        if self.chance.random() < 0.2:
            return
        other = "cn" if receiver == "pk" else "pk"
        node = self.nodes[receiver]
        if what == "bundle":
            answer = node.ingest(other, raw)
            assert answer["status"] in ("ok", "old", "gap")
            self.flying.append(("cosignatures", other, base64.b64decode(answer["cosignatures"])))
        else:
            card = Card.of(node.home.partners[other].card)
            node.feed(other).note_cosignatures(card, Cosignatures.unpack(raw))


def act(node: Node, chance: random.Random, made: list[tuple[str, int]]) -> None:
    """Something that happens on a node."""
    match chance.randrange(8):
        case 0 | 1 | 2:
            made.append((node.commit("incident", INCIDENT).record, 1))
        case 3 | 4 if made:
            record, version = made.pop()
            state = chance.choice(["update", "closed"])
            made.append(
                (record, node.commit("incident", {}, record=record, expected=version, state=state).version)
            )
        case 5 if made:
            node.system("erase", record=chance.choice(made)[0], parts=[chance.choice(["summary", "where"])])
        case 6 if len(made) > 3:
            node.system("withdraw", record=made.pop(0)[0])
        case _:
            node.publish()
            node.writer.tick(keep_acks)


def same_picture(sender: Node, receiver: Node) -> bool:
    """Has the receiver of each of the sender's incidents just what is released of it, and nothing else?"""
    name, other = sender.home.party, receiver.home.party
    theirs = {row.id: row for row in receiver.of_kind("incident", name)}
    own = sender.of_kind("incident", name)
    state = State(sender.writer.db)
    for row in own:
        sent = state.sent(other, row.id)
        assert sent is not None
        seen = theirs.pop(received_id(name, sent.opaque))
        released = {n: v for n, v in row.values().items() if n in ("summary", "when", "where")}
        assert (seen.values(), seen.state, seen.withdrawn) == (released, row.state, row.withdrawn)
        assert seen.erased == row.erased & 0b111
    return not theirs


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_seeded_chaos_converges(nodes: tuple[Node, Node], world: Path, seed: int) -> None:
    chance = random.Random(seed)
    sides = {"pk": nodes[0], "cn": nodes[1]}
    link = Link(sides, chance)
    made: dict[str, list[tuple[str, int]]] = {"pk": [], "cn": []}
    for _ in range(120):
        party = chance.choice(["pk", "cn"])
        match chance.randrange(10):
            case 0 | 1 | 2:
                act(sides[party], chance, made[party])
            case 3 | 4 | 5:
                link.send()
            case 6 if chance.random() < 0.2:
                sides[party].close()
                sides[party] = link.nodes[party] = Node(world / party)
            case _:
                link.deliver()
    host, partner = sides["pk"], sides["cn"]
    for _ in range(3):
        pull(partner, host)
        pull(host, partner)
        host.publish()
        partner.publish()
    for sender, receiver in ((host, partner), (partner, host)):
        name, other = sender.home.party, receiver.home.party
        mirrored = receiver.in_tx(lambda tx, name=name: mirror_of(tx, name).root())
        assert mirrored == sender.feed(other).log.root()
        assert cosigned(sender.home, other).feed_size == sender.feed(other).size
        assert not sender.call("exchange_cursor", partner=other)["frozen"]
        assert sender.writer.log.verify() is None
        assert same_picture(sender, receiver)
    host.close()
    partner.close()
    nodes[0].close = nodes[1].close = lambda: None  # type: ignore[method-assign]


def test_days_of_silence_are_caught_up_in_one_go(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    for number in range(120):
        host.commit("incident", INCIDENT)
        if not number % 20:
            host.publish()
    pull(partner, host)
    host.writer.tick(keep_acks)
    pull(partner, host)
    assert len(partner.of_kind("incident", "pk")) == 120
    reached = cosigned(host.home, "cn")
    assert reached.feed_size == reached.feed_entries == host.feed("cn").size
    assert reached.ledger_size == host.feed("cn").head_size() and reached.age() is not None


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


def test_a_partner_that_was_restored_is_caught_up_and_cosigns_again(
    nodes: tuple[Node, Node], world: Path, tmp_path: Path
) -> None:
    host, partner = nodes
    host.publish()
    pull(partner, host)
    partner.close()
    shutil.copytree(partner.home.path, tmp_path / "backup")
    partner = Node(world / "cn")
    host.commit("incident", INCIDENT)
    host.publish()
    host.writer.tick(keep_acks)
    pull(partner, host)
    reached = cosigned(host.home, "cn").ledger_size
    partner.close()
    shutil.rmtree(partner.home.path)
    shutil.copytree(tmp_path / "backup", partner.home.path)
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
