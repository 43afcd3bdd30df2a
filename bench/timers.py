"""A restart with 5,000 armed timers: until the node is up, and until all that are due have fired.

Each timer commits one record, as an escalation does: validated, salted, sealed, appended, followed by the tables,
its own row completed, all in one durable transaction of up to 100. Bare is the insertion of the very rows that
such firings left behind into copies of the same tables, 100 to a durable transaction, and nothing else.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from bench.commits import GROUP, Bare
from bench.measure import Work, heading, side_by_side
from bench.nodes import Node, incidents, one_node

ROUND = 86_400.0
"""Seconds from one round of timers to the next."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timers", type=int, default=5000)
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    with one_node() as node, node.active():
        run(node, given.timers, given.pairs)


def run(node: Node, count: int, pairs: int) -> None:
    from safeconduct.records.commit import Draft, store
    from safeconduct.records.kinds import kind
    from safeconduct.records.principals import system_subject
    from safeconduct.records.transaction import Tx
    from safeconduct.timers.due import timer

    made = incidents(500)

    @timer("bench")
    def fire(tx: Tx, payload: Mapping[str, Any], due: float) -> None:
        draft = Draft("incident", made[payload["n"] % len(made)], state="post_incident")
        store(tx, system_subject(tx.home.party), "write", kind("incident"), draft)

    heading(f"A restart with {count:,} armed timers")
    clock = Clock()
    node.writer.clock = clock
    for round_ in range(pairs + 1):
        _arm(node, count, round_)
    up = min(_restart(node, clock) for _ in range(pairs))
    clock.rounds += 1
    begun = time.perf_counter()
    start = _restart(node, clock)
    _fire_all(node)
    whole = time.perf_counter() - begun
    print(
        f"up after {up:.2f} s with none due; {start:.2f} s with all due, {whole:.2f} s until all have fired"
    )
    bare = Bare(node)
    bare.copy()
    found = side_by_side(_restarted(node, count, clock), bare.grouped(count // GROUP), pairs)
    print(found.line("fired after a restart", "the same rows bare"))
    bare.close()


class Clock:
    """The time of day, a round of timers later each time."""

    def __init__(self) -> None:
        self.rounds = 0

    def __call__(self) -> float:
        return time.time() + self.rounds * ROUND


def _arm(node: Node, count: int, round_: int) -> None:
    from safeconduct.records.transaction import Tx
    from safeconduct.timers.due import arm

    def arm_all(tx: Tx) -> None:
        for n in range(count):
            arm(tx, f"bench/{round_}/{n}", tx.now + (round_ + 0.5) * ROUND, "bench", {"n": n})

    node.writer.tick(arm_all)


def _restart(node: Node, clock: Clock) -> float:
    """Seconds until a new writer stands where the old one was."""
    from django.db import connections

    from safeconduct.records.writer import Writer

    node.writer.close()
    begun = time.perf_counter()
    node.writer = node.door.writer = Writer(node.home, clock)
    connections["tables"] = node.writer.connection
    return time.perf_counter() - begun


def _fire_all(node: Node) -> None:
    from safeconduct.timers.firing import fire_due

    while node.writer.tick(fire_due):
        pass


def _restarted(node: Node, count: int, clock: Clock) -> Work:
    def work() -> int:
        clock.rounds += 1
        before = node.writer.log.size
        _restart(node, clock)
        _fire_all(node)
        if node.writer.log.size < before + count:
            raise RuntimeError("timers did not fire")
        return count

    return work


if __name__ == "__main__":
    main()
