"""New keys in the middle of a backlog: for all that signs, for the line alone, with the old ones lost or stolen."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

from exchange.forging import Forger, entry, state_of
from exchange.nodes import INCIDENT, Node, bundle_bytes, pull
from exchange.test_epochs import resume
from exchange.test_rotation import accept, renewed
from faults import judge
from faults.ground import PARTIES, Ground, Sides
from faults.outcome import Outcome
from safeconduct.exchange.bundle import Cosignatures
from safeconduct.exchange.custody import forget_keys
from safeconduct.exchange.feed import AckRefused
from safeconduct.exchange.identity import Card
from safeconduct.exchange.stick import StickRefused, export_bundle, import_bundle
from safeconduct.records.refusals import Malformed

HOW = (
    "a node gets new keys while entries wait on both sides; the old ones are used up, lost, or in a thief's "
    "hands; old bundles, heads and cosignatures are replayed"
)
BACKLOG, LONG_BACKLOG = 60, 3_000
"""Records that wait on each side, in a short and in a long run."""
LONG = 6
"""Rounds from which on a run is a long one."""
REPLAYS = 20


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` rounds, each with one of the ways."""
    outcome = Outcome(HOW)
    ways = list(WAYS.items())
    for number in range(size):
        name, way = ways[number % len(ways)]
        chance = random.Random(f"{seed}/{number}")
        with ground.nodes() as sides:
            made = _backlog(sides, chance, LONG_BACKLOG if size >= LONG else BACKLOG)
            way(outcome, sides, chance)
            _after(outcome, sides, made)
        outcome.tried[name] += 1
    return outcome


def _backlog(sides: Sides, chance: random.Random, count: int) -> dict[str, dict[str, int]]:
    """Both report; half of it crosses, some of it with cosignatures."""
    made: dict[str, dict[str, int]] = {party: {} for party in PARTIES}
    for number in range(count):
        for party, node in sides.items():
            made[party][node.commit("incident", INCIDENT).record] = 1
        if number == count // 2:
            sides.host.publish()
            pull(sides.partner, sides.host, limit=chance.randint(3, 40))
            pull(sides.host, sides.partner)
    return made


def _old(sides: Sides, chance: random.Random) -> list[bytes]:
    """Bundles as they were under the old keys, honest and forged."""
    size = sides.host.feed("cn").size
    honest = [bundle_bytes(sides.host, sides.partner, chance.randrange(size)) for _ in range(REPLAYS // 2)]
    (sides.folder / "thief").mkdir()
    forger = Forger(sides.host, sides.folder / "thief")
    forged = []
    for _ in range(REPLAYS // 2):
        forger.entries.append(entry(record=f"{chance.getrandbits(128):032x}"))
        forged.append(forger.bundle(chance.randrange(len(forger.entries))))
    forger.db.close()
    return honest + forged


def _replayed(outcome: Outcome, sides: Sides, raws: list[bytes], what: str) -> None:
    for raw in raws:
        before = state_of(sides.partner)
        try:
            answer = sides.partner.ingest("pk", raw)["status"]
        except Malformed:
            answer = "refused"
        outcome.tried[f"bundles of the old keys, {what}"] += 1
        if state_of(sides.partner) != before or answer in ("fork", "frozen"):
            outcome.accused.append(f"a bundle of the old keys, {what}, was answered with {answer}")


def _signing(outcome: Outcome, sides: Sides, chance: random.Random) -> None:
    """All keys are new: the partner accepts the card, both sign a new epoch; the thief of the old ones gets nowhere."""
    old = _old(sides, chance)
    given = sides.partner.call("exchange_cursor", partner="pk")["cosignatures"]
    renewed(sides.host)
    sides.host.commit("incident", INCIDENT)
    accept(sides.partner, sides.host)
    _replayed(outcome, sides, old, "before the epoch")
    resume(sides.host, sides.partner, sides.folder)
    _replayed(outcome, sides, old, "after the epoch")
    _old_cosignatures(outcome, sides.host, given)


def _old_cosignatures(outcome: Outcome, host: Node, given: str) -> None:
    before = host.feed("cn").acks()
    try:
        card = Card.of(host.home.partners["cn"].card)
        host.feed("cn").note_cosignatures(card, Cosignatures.unpack(base64.b64decode(given)))
    except AckRefused:
        pass
    outcome.tried["cosignatures of old heads"] += 1
    if host.feed("cn").acks() != before:
        outcome.missed.append("a cosignature of a head under the old keys still counts")


def _lost(outcome: Outcome, sides: Sides, chance: random.Random) -> None:
    """The files of the keys are gone: the node makes others, which the partner does not know and blames on nobody."""
    home = sides.shut("pk")
    for name in ("ledger.key", "witness.key", "feed-cn.key", "tls.pem", "tls.key", "stick.key"):
        (home / "keys" / name).unlink(missing_ok=True)
    forget_keys()
    node = sides.open("pk")
    node.publish()
    before = state_of(sides.partner)
    try:
        sides.partner.ingest("pk", bundle_bytes(node, sides.partner, sides.partner.have("pk")))
        outcome.missed.append("a bundle under keys that nobody accepted was taken")
    except Malformed:
        pass
    if state_of(sides.partner) != before:
        outcome.accused.append("keys that were made anew changed the partner's state")
    accept(sides.partner, sides.host)
    resume(sides.host, sides.partner, sides.folder)


def _transport(outcome: Outcome, sides: Sides, chance: random.Random) -> None:
    """A new certificate and key for sticks: a stick to the old one is refused whole, and nothing is lost by it."""
    stick = sides.folder / "stick"
    export_bundle(sides.partner.home, "pk", stick, sides.partner.door)
    renewed(sides.host, transport_only=True)
    try:
        import_bundle(sides.host.home, "cn", stick, sides.host.door)
        outcome.missed.append("a stick for the old key was opened")
    except StickRefused:
        outcome.tried["sticks for the old key"] += 1
    accept(sides.partner, sides.host)


WAYS: dict[str, Callable[[Outcome, Sides, random.Random], None]] = {
    "rotations of all keys": _signing,
    "keys lost and made anew": _lost,
    "rotations of the line's keys": _transport,
}


def _after(outcome: Outcome, sides: Sides, made: dict[str, dict[str, int]]) -> None:
    for node in sides.values():
        node.sweep()
    judge.settle(sides)
    judge.agreed(outcome, sides)
    for party, node in sides.items():
        judge.kept(outcome, node, made[party])
        judge.sound(outcome, node)
        outcome.tried["records that waited"] += len(made[party])
