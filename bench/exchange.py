"""Records a second from node to node: bundled, verified, durable and cosigned, against a bare insert."""

from __future__ import annotations

import argparse
import os
import sqlite3

from bench.measure import heading, rate, side_by_side
from bench.nodes import Node, drafts, incidents, pull, two_nodes

SIZE = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=500, help="records in a run")
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    with two_nodes() as (host, partner):
        run(host, partner, given.records, given.pairs)


def run(host: Node, partner: Node, records: int, pairs: int) -> None:
    from safeconduct.records.commit import commit_many
    from safeconduct.records.principals import system_subject

    heading("From node to node, without the network")
    for number in range(pairs + 1):
        with host.active():
            made = drafts(incidents(records, number))
            commits = rate(lambda made=made: len(commit_many(system_subject("pk"), made)))
        if number == pairs:
            print(f"{'commit with release to one partner':<46} {commits:>11,.0f}/s")
    bare = sqlite3.connect(partner.home.path / "bare.sqlite3", isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, body BLOB)")

    def take() -> int:
        with partner.active():
            return pull(partner, host)

    def insert() -> int:
        bare.execute("BEGIN")
        bare.executemany("INSERT INTO entry (body) VALUES (?)", [(os.urandom(SIZE),) for _ in range(records)])
        bare.execute("COMMIT")
        return records

    # The first pull takes everything that waits; later ones would find nothing, so it is one long run.
    print(side_by_side(take, insert, 1).line("verified, durable, cosigned", f"rows of {SIZE} B", "10,000/s"))
    bare.close()


if __name__ == "__main__":
    main()
