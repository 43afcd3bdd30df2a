"""The line between two nodes is spoiled for simulated days, in every way a line can be, while both go on working."""

from __future__ import annotations

import json
import random
import time
from datetime import datetime

from exchange.nodes import INCIDENT
from faults import judge, network
from faults.ground import PARTIES, Ground, Sides, linked
from faults.machines import Clerk, Machine, meet, set_clock, stop
from faults.outcome import Outcome
from safeconduct.exchange.last_contact import link_of

HOW = (
    "each node's processes in a network namespace of their own, the cable between them out, silent in one or both "
    "directions, slow or well; the clocks of all processes go on by a day each time (libfaketime)"
)
DAY = 86_400
PROCESSES = ("writer", "feed", "courier")
RECORDS = 3
"""Incidents that each side reports in a day."""
REAL = 1.0
"""Seconds that a day takes: each courier tries several times."""


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` days."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    with network.cable() as cable, ground.world() as folder:
        homes = linked(folder, network.ADDRESSES, cadence=1)
        clocks = {party: folder / f"{party}.clock" for party in PARTIES}
        days = dict.fromkeys(PARTIES, 0)
        for party in PARTIES:
            set_clock(clocks[party], 0)
        machines = {p: Machine(homes[p], cable.prefix(p), clocks[p]) for p in PARTIES}
        clerks = {party: Clerk(homes[party], INCIDENT) for party in PARTIES}
        try:
            for machine in machines.values():
                machine.start(PROCESSES)
            for machine in machines.values():
                machine.answers()
            meet(machines)
            for day in range(size):
                _spoil(outcome, cable, chance, day)
                for party in PARTIES:
                    days[party] += 1
                    set_clock(clocks[party], days[party] * DAY)
                time.sleep(REAL / 2)
                for clerk in clerks.values():
                    for _ in range(RECORDS):
                        clerk.commit()
                time.sleep(REAL / 2)
                for party, other in PARTIES.items():
                    outcome.seen["days on which a courier said why"] += bool(
                        link_of(homes[party], other).last_error
                    )
            cable.well()
            meet(machines)
        finally:
            stop(machines)
        outcome.tried["records reported"] += sum(len(clerk.answered) for clerk in clerks.values())
        outcome.lost += [
            f"{c.home.party}: {c.unanswered} orders were not answered"
            for c in clerks.values()
            if c.unanswered
        ]
        sides = Sides(folder, ground.made)
        try:
            _days_passed(outcome, sides, size)
            for party, node in sides.items():
                node.offset = float(days[party] * DAY)
            judge.whole(outcome, sides, {party: clerk.answered for party, clerk in clerks.items()})
        finally:
            sides.close()
    return outcome


def _spoil(outcome: Outcome, cable: network.Cable, chance: random.Random, day: int) -> None:
    cable.well()
    ways = ("out", "silent", "silent one way", "slow", "well")
    way = ways[day % len(ways)] if day < len(ways) else chance.choice(ways)
    match way:
        case "out":
            cable.down()
        case "silent":
            cable.silent("pk", "cn")
        case "silent one way":
            cable.silent(chance.choice(sorted(PARTIES)))
        case "slow":
            cable.slow()
    outcome.tried[f"days with the line {way}"] += 1


def _days_passed(outcome: Outcome, sides: Sides, size: int) -> None:
    """The records bear times that are days apart: the clocks went on as they were moved."""
    for party, node in sides.items():
        headers = [json.loads(entry.leaf) for entry in node.writer.log.entries(0, node.writer.log.size)]
        at = [datetime.fromisoformat(h["at"]).timestamp() for h in headers if h.get("kind") == "incident"]
        if not at or max(at) - min(at) < (size - 1) * DAY:
            outcome.missed.append(f"the clock of {party} did not go on by {size} days")
