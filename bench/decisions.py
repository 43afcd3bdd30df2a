"""Decisions a second: the compiled dictionary against Cedar, on the same random requests."""

from __future__ import annotations

import argparse
import random

from bench.measure import heading, side_by_side
from bench.nodes import Node, two_nodes
from safeconduct.agreement.cedar import CedarOpinion
from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.agreement.vocabulary import ACTS, ROLES

Request = tuple[Subject, str, Item, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    with two_nodes() as (host, _), host.active():
        run(host, given.requests, given.pairs)


def run(node: Node, requests: int, pairs: int) -> None:
    heading("Decisions on the demonstration's agreement")
    policy = node.writer.state.policy
    asked = made_up(policy, requests)
    few = asked[:200]

    def dictionary() -> int:
        for subject, act, item, part in asked:
            policy.decide(subject, act, item, part, 0.0)
        return len(asked)

    def masks() -> int:
        for subject, act, item, _ in asked:
            policy.mask(subject, act, item, 0.0)
        return len(asked)

    def cedar() -> int:
        opinion = CedarOpinion(policy, policy.vocabulary)
        for subject, act, item, part in few:
            opinion.permits(subject, act, item, part, 0.0)
        return len(few)

    print(side_by_side(dictionary, cedar, pairs).line("one part, permitted or refused with reason", "Cedar"))
    print(side_by_side(masks, cedar, pairs).line("every part of a record", "Cedar, one part"))


def made_up(policy: Policy, number: int) -> list[Request]:
    """Random requests, half of them of kinds and acts that some grant is about."""
    draw = random.Random(4)
    parties = sorted({party for party, *_ in policy.table})
    kinds = sorted(policy.vocabulary.kinds)
    keys = sorted(policy.table)
    found: list[Request] = []
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
