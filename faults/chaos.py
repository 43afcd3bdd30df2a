"""Seeded chaos delivery: bundles and cosignatures lost, doubled, late, in another order, by line and by stick."""

from __future__ import annotations

import base64
import contextlib
import random
from collections import Counter
from pathlib import Path

from exchange.nodes import INCIDENT, Node
from faults import judge
from faults.ground import PARTIES, Ground, Sides
from faults.outcome import Outcome
from safeconduct.exchange.bundle import BundleRefused, Cosignatures
from safeconduct.exchange.cadence import keep_acks
from safeconduct.exchange.identity import Card
from safeconduct.exchange.stick import export_bundle, import_bundle

HOW = "each bundle, cosignature and stick may be lost, come twice, late or in another order; nodes restart in between"
STEPS = 120
"""What happens in one round."""


class Line:
    """A bad line between two nodes, and a bag of sticks."""

    def __init__(self, sides: Sides, chance: random.Random, tried: Counter[str], bag: Path) -> None:
        self.sides = sides
        self.chance = chance
        self.tried = tried
        self.bag = bag
        self.flying: list[tuple[str, str, bytes]] = []
        self.sticks: list[tuple[str, Path]] = []

    def send(self) -> None:
        sender, receiver = self.chance.sample(sorted(self.sides), 2)
        start = max(0, self.sides[receiver].have(sender) + self.chance.randint(-6, 3))
        with contextlib.suppress(BundleRefused):
            raw = self.sides[sender].feed(receiver).bundle(start, self.chance.randint(1, 8)).pack()
            self.flying.append(("bundle", receiver, raw))

    def deliver(self) -> None:
        if not self.flying:
            return
        at = self.chance.randrange(len(self.flying))
        again = self.chance.random() < 0.3
        what, receiver, raw = self.flying[at] if again else self.flying.pop(at)
        if self.chance.random() < 0.2:
            self.tried[f"{what}s lost"] += 1
            return
        self.tried[f"{what}s delivered out of turn"] += 1
        node, other = self.sides[receiver], PARTIES[receiver]
        if what == "bundle":
            answer = node.ingest(other, raw)
            assert answer["status"] in ("ok", "old", "gap"), answer
            self.flying.append(("cosignature", other, base64.b64decode(answer["cosignatures"])))
        else:
            card = Card.of(node.home.partners[other].card)
            node.feed(other).note_cosignatures(card, Cosignatures.unpack(raw))

    def carry(self) -> None:
        """Write a stick, or bring one that was written some time ago, perhaps for the second time."""
        party = self.chance.choice(sorted(PARTIES))
        node = self.sides[party]
        if not self.sticks or self.chance.random() < 0.4:
            file = self.bag / f"stick{len(self.sticks)}"
            export_bundle(node.home, PARTIES[party], file, node.door)
            self.sticks.append((PARTIES[party], file))
            return
        receiver, file = self.chance.choice(self.sticks)
        import_bundle(self.sides[receiver].home, PARTIES[receiver], file, self.sides[receiver].door)
        self.tried["sticks brought out of turn"] += 1


def act(node: Node, chance: random.Random, made: list[tuple[str, int]]) -> None:
    """Something that happens on a node; `made` are its incidents with their versions."""
    match chance.randrange(8):
        case 0 | 1 | 2:
            made.append((node.commit("incident", INCIDENT).record, 1))
        case 3 | 4 if made:
            record, version = made.pop()
            state = chance.choice(["update", "closed"])
            changed = node.commit("incident", {}, record=record, expected=version, state=state)
            made.append((record, changed.version))
        case 5 if made:
            node.system("erase", record=chance.choice(made)[0], parts=[chance.choice(["summary", "where"])])
        case 6 if len(made) > 3:
            node.system("withdraw", record=made.pop(0)[0])
        case _:
            node.publish()
            node.writer.tick(keep_acks)


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` rounds with seeds of their own."""
    outcome = Outcome(HOW)
    for number in range(size):
        with ground.nodes() as sides:
            _round(outcome, sides, random.Random(f"{seed}/{number}"))
    return outcome


def _round(outcome: Outcome, sides: Sides, chance: random.Random) -> None:
    line = Line(sides, chance, outcome.tried, sides.folder.parent)
    made: dict[str, list[tuple[str, int]]] = {party: [] for party in PARTIES}
    for _ in range(STEPS):
        party = chance.choice(sorted(PARTIES))
        match chance.randrange(10):
            case 0 | 1 | 2:
                act(sides[party], chance, made[party])
            case 3 | 4 | 5:
                line.send()
            case 6 if chance.random() < 0.2:
                sides.open(party)
                outcome.tried["restarts"] += 1
            case 7 if chance.random() < 0.3:
                line.carry()
            case _:
                line.deliver()
    judge.settle(sides)
    judge.agreed(outcome, sides)
    for party, node in sides.items():
        judge.kept(outcome, node, dict(made[party]))
        judge.sound(outcome, node)
