"""Records per second from node to node: a feed's entries bundled, verified, stored, cosigned, acknowledged.

Both nodes are in this process and take turns, so that nothing runs beside anything; the bundles and every check
are those of the link, only the network is left out. In service the sender's part runs in the feed's process
and the receiver's in the other node's writer, so the slower of the two sets the pace. Bare is the least that
the receiver must do: the same bytes hashed and put into one durable SQLite transaction, leaf by leaf.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sqlite3
import time
from itertools import pairwise
from statistics import median

from bench.measure import heading
from bench.nodes import Node, drafts, incidents, two_nodes
from safeconduct.exchange.bundle import Bundle
from safeconduct.ledger.database import open_database


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=500, help="records in a run: one bundle (to 1,000)")
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    with two_nodes() as (host, partner):
        run(host, partner, given.records, given.pairs)


def run(host: Node, partner: Node, records: int, pairs: int) -> None:
    from safeconduct.exchange.bundle import Cosignatures
    from safeconduct.exchange.delivery import feed_of
    from safeconduct.exchange.identity import Card
    from safeconduct.records.commit import commit_many
    from safeconduct.records.principals import system_subject

    heading(f"From node to node, {records} records a bundle")
    ours, theirs = partner.home.party, host.home.party
    feed, card = feed_of(host.home, ours), Card.of(host.home.partners[ours].card)
    database = open_database(host.home.path.parent / "bare-exchange.sqlite3")
    database.execute("CREATE TABLE leaf (id INTEGER PRIMARY KEY, hash BLOB, leaf BLOB, body BLOB)")
    have = int(partner.door.call("exchange_cursor", {"partner": theirs})["have"])
    rounds: list[dict[str, float]] = []
    size = 0
    for number in range(pairs + 1):
        made = commit_many(system_subject(theirs), drafts(incidents(records, number)), door=host.door)
        assert not any(isinstance(one, Exception) for one in made)
        marks = [time.perf_counter()]
        raw = feed.bundle(have, records).pack()
        marks.append(time.perf_counter())
        payload = {"partner": theirs, "bundle": base64.b64encode(raw).decode()}
        answer = partner.door.call("ingest", payload)
        marks.append(time.perf_counter())
        feed.note_cosignatures(card, Cosignatures.unpack(base64.b64decode(answer["cosignatures"])))
        marks.append(time.perf_counter())
        assert answer["status"] == "ok" and answer["have"] == have + records == feed.acks()["feed"].size
        have, size = answer["have"], len(raw)
        bundle, receiver, acknowledged = (b - a for a, b in pairwise(marks))
        found = {"sender": bundle + acknowledged, "receiver": receiver, "bare": _bare(database, raw)}
        if number:  # the first round warms up
            rounds.append({**found, "whole": marks[-1] - marks[0]})
    database.close()
    print(f"{size / records:,.0f} bytes a record on the way, {pairs} rounds, in turn with bare")
    for name in ("whole", "receiver", "sender"):
        rate = records / median(each[name] for each in rounds)
        ratio = median(each["bare"] / each[name] for each in rounds)
        limit = records / median(each["bare"] for each in rounds)
        aim = "   aim 10,000/s" if name == "whole" else ""
        print(f"{name:<10} {rate:>9,.0f} records/s   bare {limit:>9,.0f}/s   ratio {ratio:.3f}{aim}")


def _bare(database: sqlite3.Connection, raw: bytes) -> float:
    """Seconds that it takes to hash a bundle's entries and to store them, durable, in one transaction."""
    entries = Bundle.unpack(raw).entries
    rows = [(e.leaf, "".join(text for _, text in e.parts if text).encode()) for e in entries]
    begun = time.perf_counter()
    database.execute("BEGIN IMMEDIATE")
    database.executemany(
        "INSERT INTO leaf (hash, leaf, body) VALUES (?, ?, ?)",
        [(hashlib.sha256(b"\x00" + leaf).digest(), leaf, body) for leaf, body in rows],
    )
    database.execute("COMMIT")
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
