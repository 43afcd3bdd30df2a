"""Entries of a ledger verified a second, against bare SHA-256 over the same bytes."""

from __future__ import annotations

import argparse
import hashlib

from bench.measure import heading, side_by_side
from bench.nodes import Node, drafts, incidents, one_node
from safeconduct.node.backups import verify_home


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=3_000)
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    with one_node() as node, node.active():
        run(node, given.entries, given.pairs)


def run(node: Node, entries: int, pairs: int) -> None:
    from safeconduct.records.commit import commit_many
    from safeconduct.records.principals import system_subject

    heading("Verification of a ledger")
    made = drafts(incidents(entries))
    for first in range(0, len(made), 500):
        commit_many(system_subject(node.home.party), made[first : first + 500])
    stored = [(e.leaf, e.body or b"") for e in node.writer.log.entries(0, node.writer.log.size)]
    print(f"{len(stored):,} entries, {sum(len(a) + len(b) for a, b in stored) / len(stored):,.0f} bytes each")

    def verify() -> int:
        verdict = verify_home(node.home)
        if verdict.broken is not None:
            raise RuntimeError(verdict.why)
        return verdict.size

    def bare() -> int:
        for leaf, body in stored:
            hashlib.sha256(leaf).digest()
            hashlib.sha256(body).digest()
        return len(stored)

    print(side_by_side(verify, bare, pairs).line("leaves, tree, and every part opened", "bare SHA-256"))


if __name__ == "__main__":
    main()
