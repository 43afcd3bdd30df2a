"""Policy decisions per second: the compiled dictionary, and Cedar with the same grants.

The policy is that of the demonstration's Host, its agreement signed; half of the questions are such that some
grant speaks of them, the others are drawn at random over parties, roles, acts, kinds and parts. Cedar is asked
anew each time; a node keeps its answer for records that are alike.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

from bench.measure import heading, side_by_side
from bench.nodes import Node, two_nodes
from safeconduct.agreement.cedar import CedarOpinion
from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.agreement.vocabulary import ACTS, ROLES

Question = tuple[Subject, str, Item, str]
NOW = 1_728_000_000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    with two_nodes() as (host, _):
        run(host, given.questions, given.pairs)


def run(node: Node, count: int, pairs: int) -> None:
    policy = node.writer.state.policy
    heading(f"Policy decisions, {len(policy.grants)} grants in force")
    asked = made_up(policy, count)
    few = asked[: max(1, count // 40)]
    opinion = CedarOpinion(policy, policy.vocabulary)

    def decide(what: Sequence[Question]) -> int:
        for subject, act, item, part in what:
            policy.decide(subject, act, item, part, NOW)
        return len(what)

    def mask() -> int:
        for subject, act, item, _ in asked:
            policy.mask(subject, act, item, NOW)
        return len(asked)

    def cedar() -> int:
        opinion._classes.clear()
        for subject, act, item, part in few:
            opinion.permits(subject, act, item, part, NOW)
        return len(few)

    def alike() -> int:
        for subject, act, item, part in few:
            opinion.permits(subject, act, item, part, NOW)
        return len(few)

    cedar()
    same = sum(
        policy.decide(s, act, item, part, NOW).permit == opinion.permits(s, act, item, part, NOW)
        for s, act, item, part in few
    )
    print(f"{same:,} of {len(few):,} answers are the same")
    print(side_by_side(lambda: decide(asked), cedar, pairs).line("dictionary, one part", "Cedar"))
    print(side_by_side(mask, cedar, pairs).line("dictionary, a record's whole mask", "Cedar"))
    print(side_by_side(alike, cedar, pairs).line("Cedar's answer for records that are alike", "Cedar"))


def made_up(policy: Policy, number: int) -> list[Question]:
    """Random requests, half of them of kinds and acts that some grant is about."""
    draw = random.Random(4)
    parties = sorted({party for party, *_ in policy.table})
    kinds = sorted(policy.vocabulary.kinds)
    keys = sorted(policy.table)
    found: list[Question] = []
    for n in range(number):
        party, role, act, kind, part = draw.choice(keys)
        if n % 2:
            party, role, act, kind = (draw.choice(x) for x in (parties, ROLES, ACTS, kinds))
            part = draw.choice(policy.vocabulary.kinds[kind].parts)
        shape = policy.vocabulary.kinds[kind]
        item = Item(
            id=str(n),
            kind=kind,
            originator=draw.choice(parties),
            state=draw.choice(shape.states),
            levels=draw.getrandbits(2 * len(shape.parts)),
            releasable=frozenset(parties),
        )
        found.append((Subject(party, frozenset({role}), 3), act, item, part))
    return found


if __name__ == "__main__":
    main()
