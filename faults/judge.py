"""What must hold of two nodes when a fault is over: nothing lost, nobody accused, the same picture on both sides."""

from __future__ import annotations

from collections.abc import Mapping

from exchange.nodes import Node, pull
from faults.ground import Sides
from faults.outcome import Outcome
from safeconduct.exchange.cadence import cosigned, keep_acks
from safeconduct.exchange.inbound import mirror_of
from safeconduct.exchange.state import State, received_id
from safeconduct.records.rebuild import fingerprint, rebuild, verify

SHOWN = ("summary", "when", "where")
"""The parts of an incident that the agreement of these homes lets cross."""


def settle(sides: Sides) -> None:
    """Let everything cross that waits, and both heads be cosigned."""
    host, partner = sides.host, sides.partner
    for publishing in (True, True, False):
        for node in (host, partner):
            if publishing:
                node.publish()
            node.writer.tick(keep_acks)
        for _ in range(2):
            pull(partner, host)
            pull(host, partner)


def frozen(node: Node, partner: str) -> str:
    return str(node.call("exchange_cursor", partner=partner)["frozen"])


def sound(outcome: Outcome, node: Node) -> None:
    """The ledger verifies, and the tables are what it explains."""
    party = node.home.party
    verdict = verify(node.writer)
    if verdict.broken is not None:
        outcome.lost.append(f"the ledger of {party} is broken at {verdict.broken}: {verdict.why}")
        return
    with node.active():
        before = fingerprint()
        rebuild(node.writer)
        if fingerprint() != before:
            outcome.lost.append(f"the tables of {party} are not what its ledger explains")


def kept(outcome: Outcome, node: Node, versions: Mapping[str, int]) -> None:
    """Each record is there in the version that was answered for, or a later one."""
    for record, version in versions.items():
        row = node.row(record)
        if row is None or row.version < version:
            outcome.lost.append(
                f"{node.home.party}: {record} version {version}, there is {row and row.version}"
            )


def agreed(
    outcome: Outcome, sides: Sides, gone_back: bool = False, may: frozenset[str] = frozenset()
) -> None:
    """After `settle`: all that was released is there, cosigned, and no side accuses the other.

    When a node has `gone_back`, its partner may know of records that it has no more, as withdrawn, and may have erased
    what the node does not remember having had erased. Parts that `may` be
    there besides are those that open by the clock.
    """
    for sender, receiver in ((sides.host, sides.partner), (sides.partner, sides.host)):
        name, other = sender.home.party, receiver.home.party
        if why := frozen(receiver, name):
            outcome.accused.append(f"{other} exchanges nothing with {name}: {why}")
            continue
        feed = sender.feed(other)
        if receiver.in_tx(lambda tx, name=name: mirror_of(tx, name).root()) != feed.log.root():
            outcome.lost.append(f"{other} has not the whole feed of {name}")
        reached = cosigned(sender.home, other)
        if reached.feed_size != feed.size:
            outcome.lost.append(
                f"{other} has cosigned {reached.feed_size} of {feed.size} of the feed of {name}"
            )
        if not 0 < feed.head_size() == reached.ledger_size:
            outcome.lost.append(f"{other} has cosigned {reached.ledger_size} of the ledger of {name}")
        _same_picture(outcome, sender, receiver, gone_back, may)


def _same_picture(
    outcome: Outcome, sender: Node, receiver: Node, gone_back: bool, may: frozenset[str]
) -> None:
    """The receiver has of each of the sender's records just what is released of it, and nothing else."""
    name, other = sender.home.party, receiver.home.party
    theirs = {row.id: row for row in receiver.of_kind("incident", name)}
    state = State(sender.writer.db)
    for row in sender.of_kind("incident", name):
        sent = state.sent(other, row.id)
        seen = theirs.pop(received_id(name, sent.opaque), None) if sent is not None else None
        if seen is None:
            outcome.lost.append(f"{other} has not {row.id} of {name}")
            continue
        mask = (1 << len(SHOWN)) - 1
        besides = may & seen.values().keys()
        released = {part: value for part, value in row.values().items() if part in SHOWN or part in besides}
        if gone_back:
            erased = {part for bit, part in enumerate(SHOWN) if seen.erased >> bit & 1}
            released = {part: value for part, value in released.items() if part not in erased}
            mask = 0
        theirs_now = (seen.values(), seen.state, seen.withdrawn, seen.erased & mask)
        ours = (released, row.state, row.withdrawn, row.erased & mask)
        if theirs_now != ours:
            outcome.lost.append(f"{other} sees {row.id} of {name} as {theirs_now}, it was released as {ours}")
    left = [record for record, row in theirs.items() if not (gone_back and row.withdrawn)]
    outcome.leaked += [f"{other} has {record} of {name}, which was never released" for record in left]


def whole(outcome: Outcome, sides: Sides, answered: Mapping[str, Mapping[str, int]]) -> None:
    """All of it of both nodes; `answered` is, by party, each record and the version that was answered for."""
    settle(sides)
    agreed(outcome, sides)
    for party, node in sides.items():
        kept(outcome, node, answered[party])
        sound(outcome, node)
