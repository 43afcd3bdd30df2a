"""What must hold when two nodes were at work under faults: all that was answered for is there, nothing else left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from bench.nodes import Node, leaves
from bench.world import World
from faults import canary
from faults.judge import sound
from faults.outcome import Outcome
from faults.soak_traffic import Journal
from safeconduct.exchange.delivery import feed_of
from safeconduct.exchange.state import State, received_id
from safeconduct.records.databases import open_positions
from safeconduct.records.home import Home
from safeconduct.records.rebuild import derived_tables

TOLD = 5
"""Losses of one sort that are told by name."""


def judge(outcome: Outcome, world: World, journal: Journal) -> None:
    """Both nodes must have stopped."""
    host, partner = (Node(home.path) for home in (world.host, world.partner))
    try:
        _kept(outcome, world.partner, journal)
        _versions(outcome, {"pk": host, "cn": partner}, journal)
        _across(outcome, host, partner, sorted(journal.crosses), "releases")
        _across(outcome, partner, host, sorted(_calls(journal)), "calls for help")
        _leaks(outcome, world, host, partner, journal)
        for node in (host, partner):
            outcome.seen[f"entries in the ledger of {node.home.party}"] = node.writer.log.size
            sound(outcome, node)
    finally:
        partner.close()
        host.close()


def _calls(journal: Journal) -> set[str]:
    return {record for record, _ in journal.calls.values()}


def _lost(outcome: Outcome, what: str, missing: list[str]) -> None:
    if missing:
        outcome.lost.append(f"{len(missing):,} {what} that were answered for: {', '.join(missing[:TOLD])}")


def _kept(outcome: Outcome, home: Home, journal: Journal) -> None:
    """Positions, answers to the muster, readings and calls, at the node that answered."""
    with closing(open_positions(home)) as db:
        there = {(str(m), int(at)) for m, at in db.execute("SELECT movement, at FROM position").fetchall()}
    _lost(outcome, "positions", [f"{m} at {at}" for m, at in sorted(journal.positions - there)])
    states: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    records: set[str] = set()
    for header in leaves(home):
        if header["type"] != "version":
            continue
        kinds[header["kind"]] += 1
        records.add(header["record"])
        if header["kind"] == "roll_entry":
            states[header["record"]] = header["state"]
    said = journal.replies.items()
    _lost(outcome, "answers to the muster", [entry for entry, state in said if states.get(entry) != state])
    _lost(outcome, "calls for help", sorted(_calls(journal) - records))
    if kinds["reading"] < journal.readings:
        outcome.lost.append(f"{journal.readings - kinds['reading']:,} readings that were shown and not noted")
    outcome.seen["readings in the ledger"] = kinds["reading"]


def _versions(outcome: Outcome, nodes: dict[str, Node], journal: Journal) -> None:
    for party, node in nodes.items():
        there = dict(node.writer.tables.all("SELECT id, version FROM records_row"))
        wanted = journal.records[party].items()
        _lost(outcome, f"records of {party}", [r for r, v in wanted if int(there.get(r, 0)) < v])


def _across(outcome: Outcome, sender: Node, receiver: Node, records: list[str], what: str) -> None:
    """The other side has each of them."""
    state, name = State(sender.writer.db), sender.home.party
    there = {record for (record,) in receiver.writer.tables.all("SELECT id FROM records_row")}
    missing = []
    for record in records:
        sent = state.sent(receiver.home.party, record)
        if sent is None or received_id(name, sent.opaque) not in there:
            missing.append(record)
    _lost(outcome, f"{what} of {name} at {receiver.home.party}", missing)
    outcome.tried[f"{what} looked for on the other side"] += len(records)


def _leaks(outcome: Outcome, world: World, host: Node, partner: Node, journal: Journal) -> None:
    """What may not leave stands in no bundle, nowhere on the other side and in no log; what was given stands there."""
    given, kept = sorted(journal.given), sorted(journal.kept_back)
    seen: set[str] = set()
    for what, raw in _outside(world, partner):
        outcome.leaked += [f"{what} bears {each}" for each in canary.found_in(raw, kept)]
        outcome.seen["bytes searched"] += len(raw)
        if what == "the tables of cn":
            seen.update(canary.found_in(raw, given))
    for raw in _bundles(host):
        outcome.leaked += [f"a bundle bears {each}" for each in canary.found_in(raw, kept)]
        outcome.seen["bytes searched"] += len(raw)
    outcome.tried["canaries that may not leave"] += len(kept)
    outcome.tried["canaries that must arrive"] += len(given)
    outcome.missed += [f"the search does not see {each}" for each in sorted(set(given) - seen)[:TOLD]]


def _outside(world: World, partner: Node) -> Iterator[tuple[str, bytes]]:
    tables = partner.writer.tables
    yield (
        "the tables of cn",
        "\n".join(
            repr(row) for name in derived_tables() for row in tables.all(f"SELECT * FROM {name}")
        ).encode(),
    )
    for home in (world.host, world.partner):
        log = home.path.parent / f"{home.party}.log"
        yield f"the log of {home.party}", log.read_bytes() if log.exists() else b""


def _bundles(host: Node) -> Iterator[bytes]:
    feed, at = feed_of(host.home, "cn"), 0
    while at < feed.size:
        bundle = feed.bundle(at, 500)
        if not bundle.entries:
            return
        at += len(bundle.entries)
        texts = [text for entry in bundle.entries for _, text in entry.parts if text]
        yield bundle.pack() + canary.disclosed(texts)
