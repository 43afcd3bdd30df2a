"""Ledger entries per second that `verify` recomputes, against bare SHA-256 hashing of the same bytes.

`verify` reads every leaf and every part beside it, unseals the parts, recomputes leaf hashes, tree and tiles, and
holds each part against the digest in its leaf. Bare hashes the same leaves and parts, once each, from memory.
"""

from __future__ import annotations

import argparse
import hashlib

from bench.measure import heading, side_by_side
from bench.nodes import Node, drafts, incidents, one_node


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=3000)
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    with one_node() as node, node.active():
        run(node, given.incidents, given.pairs)


def run(node: Node, count: int, pairs: int) -> None:
    from safeconduct.ledger.tree import leaf_hash
    from safeconduct.records.commit import commit_many
    from safeconduct.records.following import decode
    from safeconduct.records.principals import system_subject
    from safeconduct.records.rebuild import verify
    from safeconduct.records.transaction import open_body

    for first in range(0, count, 500):
        made = drafts(incidents(min(500, count - first), first))
        commit_many(system_subject(node.home.party), made, door=node.door)
    log = node.writer.log
    held: list[bytes] = []
    for entry in log.entries(0, log.size):
        texts = open_body(node.writer.keystore, decode(entry.leaf), entry.body)
        held += [entry.leaf, *(text.encode() for text in texts if text is not None)]
    heading(f"verify, {log.size:,} entries with {len(held) - log.size:,} parts")

    def whole() -> int:
        verdict = verify(node.writer)
        assert verdict.broken is None, verdict
        return verdict.size

    def tree() -> int:
        assert log.verify() is None
        return log.size

    def bare() -> int:
        for data in held:
            hashlib.sha256(data).digest()
        return log.size

    def leaves() -> int:
        for entry in entries:
            leaf_hash(entry.leaf)
        return log.size

    print(side_by_side(whole, bare, pairs).line("verify: tree and parts", "SHA-256 of both"))
    entries = log.entries(0, log.size)
    print(side_by_side(tree, leaves, pairs).line("of it the tree", "SHA-256 of the leaves"))


if __name__ == "__main__":
    main()
