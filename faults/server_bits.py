"""Single bits that flip in the files of a node's database on the server, and in its home, while all lies still."""

from __future__ import annotations

import random

import ready
from faults import cluster, damage
from faults.bits import NOT_PROVED
from faults.ground import Ground
from faults.outcome import Outcome

HOW = (
    "one bit at a random place of a random file of the node, of its ledger, tables and feeds on the server or of its "
    "home: on a server with checksums, on one without (indices left out, which nothing proves there); the node is "
    "opened, goes through itself by its timer, and says all it has to its partner"
)
WAYS = ("with checksums", "without checksums", "in the home")
WITHOUT = {"ignore_checksum_failure": "on"}
"""Settings with which a server gives what it reads, whatever its checksums say."""


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` flips."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    server = ready.server()
    with cluster.prepared(ground) as (sides, before, kept, relations):
        beside = [
            name for name, raw in damage.files_of(kept.homes["pk"]).items() if raw and name not in NOT_PROVED
        ]
        for number in range(size):
            way = WAYS[number % len(WAYS)]
            kept.put_back(sides)
            if way == "in the home":
                name = chance.choice(beside)
                path = sides.folder / "pk" / name
            else:
                found = chance.choice([each for each in relations if way == WAYS[0] or not each.index])
                name, path = found.name, server.folder / "data" / found.file
            raw = bytearray(path.read_bytes())
            at, bit = chance.randrange(len(raw)), chance.randrange(8)
            raw[at] ^= 1 << bit
            path.write_bytes(raw)
            server.serve(**(WITHOUT if way == WAYS[1] else {}))
            how = judged(outcome, sides, before, f"bit {bit} of byte {at} of {name}, {way}")
            outcome.tried[f"flips {way}"] += 1
            outcome.seen[f"{how}, {way}"] += 1
    return outcome


def judged(outcome: Outcome, sides: cluster.Sides, before: damage.Said, what: str) -> str:
    """As `damage.judged`; a server that what it read has thrown over takes the partner's node with it, too."""
    try:
        sides.open("cn")
        return damage.judged(outcome, sides, "pk", before, what)
    except damage.STOPS:
        return "stopped with the server"
