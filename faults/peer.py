"""A malicious peer, or somebody on the way: what it sends is refused whole, and what it cannot prove accuses nobody."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from exchange.forging import BAD, Forger, entry, mutated, state_of
from exchange.nodes import INCIDENT, Node, bundle_bytes, pull, unpacked
from faults import judge
from faults.ground import Ground, Sides
from faults.outcome import Outcome
from safeconduct.exchange.bundle import Cosignatures, FeedEntry
from safeconduct.exchange.feed import AckRefused
from safeconduct.exchange.identity import Card, Keys, feed_key
from safeconduct.ledger.keys import SigningKey
from safeconduct.ledger.notes import build_add_checkpoint, cosign, open_checkpoint, sign_checkpoint
from safeconduct.records.refusals import Malformed

HOW = (
    "bundles changed on the way, heads and entries forged with the partner's own keys, replays, false cosignatures; "
    "each fork that is shown as one must rest on two signed heads"
)
ROUND = 40
"""Attacks on one pair of nodes."""

Attack = Callable[["Peer"], None]


class Believed(Exception):
    """What was forged is what an honest partner could have sent: the nodes have nothing more to say to each other."""


class Peer:
    """The host, as it could falsify its own feed, and the partner that must not believe it."""

    def __init__(self, sides: Sides, chance: random.Random, outcome: Outcome) -> None:
        self.host, self.partner = sides.host, sides.partner
        self.chance = chance
        self.outcome = outcome
        self.forger = Forger(self.host, sides.folder)
        self.whole = unpacked(self.host, self.partner)

    def refused(self, raw: bytes, what: str) -> None:
        """The bytes change nothing, whatever the answer."""
        before = state_of(self.partner)
        try:
            answer = self.partner.ingest("pk", raw)["status"]
        except Malformed:
            answer = "refused"
        if state_of(self.partner) != before:
            self.outcome.lost.append(f"{what} changed the partner's state ({answer})")
        if answer in ("fork", "frozen"):
            self.outcome.accused.append(f"{what} was taken for a fork")

    def taken(self, raw: bytes) -> bool:
        """Whether the bytes are taken for a partner's honest ones."""
        try:
            return self.partner.ingest("pk", raw)["status"] == "ok"
        except Malformed:
            return False


def _changed_on_the_way(peer: Peer) -> None:
    raw = replace(peer.whole, head=b"").pack()
    peer.refused(mutated(raw, peer.chance), "a bundle changed on the way")


def _changed_head(peer: Peer) -> None:
    """A head that cannot be used is passed over: nothing may come of it but a refusal."""
    raw = replace(peer.whole, head=mutated(peer.whole.head, peer.chance)).pack()
    peer.refused(raw, "a ledger head changed on the way")


def _forged_entry(peer: Peer) -> None:
    """Signed by the partner's own feed key, and not what an honest partner of this agreement would send."""
    name = peer.chance.choice(sorted(BAD))
    _append(peer, [entry(record=f"{peer.chance.getrandbits(128):032x}"), BAD[name]()], name)


def _scrambled_entry(peer: Peer) -> None:
    """A well-formed header in which fields are given each other's values, or none that fit."""
    header = json.loads(entry().leaf)
    values: list[Any] = [
        *header.values(),
        None,
        -1,
        2**63,
        1.5,
        True,
        "",
        "../../etc",
        "\u202e",
        [],
        {},
        [[]],
        "x" * 9000,
    ]
    for field in peer.chance.sample(sorted(header), peer.chance.randint(1, 3)):
        header[field] = peer.chance.choice(values)
    leaf = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    if leaf == entry().leaf:
        return
    _append(peer, [FeedEntry(leaf, entry().parts)], f"a scrambled entry {leaf[:200]!r}", honest=True)


def _append(peer: Peer, entries: list[FeedEntry], what: str, honest: bool = False) -> None:
    """Forge entries at the end of the feed; where they may happen to be `honest`, they may also be taken whole."""
    forger = peer.forger
    size = len(forger.entries)
    forger.entries += entries
    try:
        raw = forger.bundle(peer.partner.have("pk"))
        if honest and peer.taken(raw):
            raise Believed
        peer.refused(raw, what)
    finally:
        del forger.entries[size:]
        forger.db.execute("DELETE FROM feed_leaf WHERE idx >= ?", (size,))
        forger.db.execute("DELETE FROM feed_tile WHERE ((idx + 1) << (8 * level)) > ?", (size,))
        forger.log.reload()


def _replay(peer: Peer) -> None:
    end = peer.chance.randrange(1, len(peer.whole.entries) + 1)
    start = peer.chance.randrange(end)
    peer.refused(bundle_bytes(peer.host, peer.partner, start, end - start), "a replay")


def _swapped(peer: Peer) -> None:
    entries = list(peer.whole.entries)
    peer.chance.shuffle(entries)
    if entries == list(peer.whole.entries):
        return
    peer.refused(replace(peer.whole, entries=tuple(entries)).pack(), "entries in another order")


def _wrong_key(peer: Peer) -> None:
    checkpoint = replace(peer.host.feed("cn").log.checkpoint(), root=peer.chance.randbytes(32))
    keys = (
        SigningKey.generate(checkpoint.origin),
        Keys.of(peer.host.home).ledger,
        feed_key(peer.host.home, "xx"),
        feed_key(peer.partner.home, "pk"),
    )
    note = sign_checkpoint(checkpoint, peer.chance.choice(keys))
    peer.refused(replace(peer.whole, note=note).pack(), "a head signed with another key")


def _unproved_head(peer: Peer) -> None:
    """A larger ledger head that does not continue what was cosigned: signed alone, it is no proof of a fork."""
    keys, size = Keys.of(peer.host.home), peer.partner.call("exchange_cursor", partner="pk")["head"]
    known = peer.host.writer.log.checkpoint_at(size)
    note = sign_checkpoint(replace(known, size=size + 16, root=peer.chance.randbytes(32)), keys.ledger)
    head = build_add_checkpoint(size, [peer.chance.randbytes(32)], note)
    peer.refused(replace(peer.whole, head=head).pack(), "a head without its proof")


def _false_cosignature(peer: Peer) -> None:
    feed, card = peer.host.feed("cn"), Card.of(peer.host.home.partners["cn"].card)
    checkpoint = feed.log.checkpoint()
    other = replace(checkpoint, root=peer.chance.randbytes(32))
    stranger = SigningKey.generate("cn.safeconduct/witness", "cosignature/v1")
    own = sign_checkpoint(checkpoint, feed_key(peer.host.home, "cn"))
    note = peer.chance.choice((
        own,
        own + cosign(checkpoint, stranger, 1),
        other.text().encode() + b"\n" + cosign(other, Keys.of(peer.partner.home).witness, 1),
        peer.chance.randbytes(200),
    ))  # fmt: skip
    before = feed.acks()
    try:
        feed.note_cosignatures(card, Cosignatures(feed=note))
        peer.outcome.missed.append("a false cosignature was taken")
    except AckRefused:
        pass
    if feed.acks() != before:
        peer.outcome.lost.append("a false cosignature changed what is acknowledged")


def _noise(peer: Peer) -> None:
    peer.refused(peer.chance.randbytes(peer.chance.randrange(4000)), "noise")


def _cut(peer: Peer) -> None:
    raw = replace(peer.whole, head=b"").pack()
    peer.refused(raw[: peer.chance.randrange(len(raw))], "a bundle cut short")


ATTACKS: dict[str, Attack] = {
    "bundles changed on the way": _changed_on_the_way,
    "ledger heads changed on the way": _changed_head,
    "entries no honest partner sends": _forged_entry,
    "entries with scrambled fields": _scrambled_entry,
    "replays": _replay,
    "bundles in another order": _swapped,
    "heads of another key": _wrong_key,
    "heads without proof": _unproved_head,
    "false cosignatures": _false_cosignature,
    "pieces of noise": _noise,
    "bundles cut short": _cut,
}


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` attacks, and after every round of them an exchange between the same two nodes that must still work."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    while outcome.tried.total() < size:
        with ground.nodes() as sides:
            _besieged(outcome, sides, chance, min(ROUND, size - outcome.tried.total()))
    return outcome


def _besieged(outcome: Outcome, sides: Sides, chance: random.Random, count: int) -> None:
    host, partner = sides.host, sides.partner
    for _ in range(5):
        host.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host)
    peer = Peer(sides, chance, outcome)
    for _ in range(count):
        name = chance.choice(sorted(ATTACKS))
        outcome.tried[name] += 1
        try:
            ATTACKS[name](peer)
        except Believed:
            outcome.seen["scrambled entries that an honest partner could send"] += 1
            judge.sound(outcome, partner)
            return
    peer.forger.db.close()
    host.commit("incident", INCIDENT)
    judge.settle(sides)
    judge.agreed(outcome, sides)
    judge.sound(outcome, partner)
    _true_fork(outcome, sides, chance)


def _true_fork(outcome: Outcome, sides: Sides, chance: random.Random) -> None:
    """Two histories that were signed are proof, and are kept: the one accusation that is just."""
    host, partner = sides.host, sides.partner
    (sides.folder / "fork").mkdir()
    forger = Forger(host, sides.folder / "fork")
    size = len(forger.entries)
    at = chance.randrange(size)
    forger.entries[at] = entry(record=f"{chance.getrandbits(128):032x}")
    status = partner.ingest("pk", forger.bundle(0))["status"]
    forger.db.close()
    outcome.tried["true forks"] += 1
    if status != "fork" or not _proved(partner):
        outcome.missed.append(f"a true fork at {at} of {size} was answered with {status}")


def _proved(node: Node) -> bool:
    """Whether what froze the exchange are two heads that the other has signed and that cannot both be."""
    card = Card.of(node.home.partners["pk"].card)
    notes = node.writer.db.execute("SELECT ours, theirs FROM exchange_evidence").fetchall()
    heads = [[open_checkpoint(bytes(note), [card.feed]).checkpoint for note in pair] for pair in notes]
    return bool(heads) and all(ours != theirs for ours, theirs in heads)
