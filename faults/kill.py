"""kill -9 of every process of a node at random moments, while others work with it."""

from __future__ import annotations

import random
import time
import urllib.error
import urllib.request
from itertools import cycle

import ready
from bench.nodes import free_port
from exchange.nodes import INCIDENT
from faults import judge
from faults.ground import PARTIES, Ground, Sides, linked
from faults.machines import Clerk, Machine, meet, stop
from faults.outcome import Outcome

HOW = (
    "both nodes' processes are killed in turn at random moments while each commits without pause, exchanges over TLS "
    "and answers pages; what was answered for is written down outside and looked for afterwards"
)
VICTIMS = {
    "pk": ("writer", "feed", "courier", "web", "notifier", "field"),
    "cn": ("writer", "feed", "courier"),
}
LONGEST = 0.6
"""Seconds between two kills, at most."""


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` kills."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    with ground.world() as folder:
        homes = linked(folder, cadence=1, mqtt_port=free_port())
        machines = {party: Machine(homes[party]) for party in PARTIES}
        clerks = {party: Clerk(homes[party], INCIDENT) for party in PARTIES}
        try:
            for party, machine in machines.items():
                machine.start(VICTIMS[party])
            for machine in machines.values():
                machine.answers()
            for clerk in clerks.values():
                clerk.start()
            _kill(outcome, machines, clerks, chance, size)
            for clerk in clerks.values():
                clerk.finish()
            meet(machines)
            machines["pk"].until(lambda: _page(homes["pk"].settings["port"]), "the pages of pk")
        finally:
            for clerk in clerks.values():
                clerk.ending.set()
            stop(machines)
        for clerk in clerks.values():
            outcome.tried["records answered for"] += len(clerk.answered)
            outcome.seen["orders without an answer"] += clerk.unanswered
        sides = Sides(folder, ground.made)
        try:
            judge.whole(outcome, sides, {party: clerk.answered for party, clerk in clerks.items()})
        finally:
            sides.close()
    return outcome


def _kill(
    outcome: Outcome, machines: dict[str, Machine], clerks: dict[str, Clerk], chance: random.Random, size: int
) -> None:
    """One after the other, the writers most often; after each round every writer must have answered again."""
    order = [(party, name) for party, names in VICTIMS.items() for name in names]
    if machines["pk"].home.database is not None:
        order.insert(0, ("", "the database server"))
    turns = cycle([*order, ("pk", "writer"), ("cn", "writer")])
    while size:
        party, name = next(turns)
        time.sleep(chance.uniform(0.0, LONGEST))
        if not party:
            ready.server().crash()
            outcome.tried["kills of the database server"] += 1
            size -= 1
            for machine in machines.values():
                machine.answers()
            continue
        before = len(clerks[party].answered)
        if machines[party].kill(name):
            outcome.tried[f"kills of {name}"] += 1
            size -= 1
        if name == "writer":
            machines[party].until(
                lambda b=before, p=party: len(clerks[p].answered) > b, f"the writer of {party}"
            )


def _page(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
