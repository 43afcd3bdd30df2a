"""Single bits that flip in the files of a home while it lies closed: found by the scheduled recompute, or harmless."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exchange.nodes import INCIDENT, pull
from faults import damage
from faults.ground import PARTIES, Ground, Sides
from faults.outcome import Outcome
from safeconduct.exchange.cadence import keep_acks
from safeconduct.records.attachments import attachment_parts

HOW = (
    "one bit at a random place of a random file: ledger, tiles, tables, key stores, feeds; the home is opened, goes "
    "through itself by its timer, and says all it has to its partner; harmless is what changed nothing of what it says"
)
NOT_PROVED = ("accounts.sqlite3", "positions.sqlite3")
"""Files that nothing else in the home explains: what is in them cannot be recomputed."""


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` flips."""
    outcome = Outcome(HOW)
    chance = random.Random(seed)
    with prepared(ground) as (sides, before, copies):
        whole = {name: raw for name, raw in damage.files_of(copies["pk"]).items() if name not in NOT_PROVED}
        names = sorted(name for name, raw in whole.items() if raw)
        for number in range(size):
            name = names[number % len(names)]
            raw = bytearray(whole[name])
            at, bit = chance.randrange(len(raw)), chance.randrange(8)
            raw[at] ^= 1 << bit
            for party in PARTIES:
                damage.reset(sides, party, copies[party])
            (sides.folder / "pk" / name).write_bytes(raw)
            sides.open("cn")
            how = damage.judged(outcome, sides, "pk", before, f"bit {bit} of byte {at} of {name}")
            outcome.tried[f"flips in {name}"] += 1
            outcome.seen[how] += 1
    return outcome


@contextmanager
def prepared(ground: Ground) -> Iterator[tuple[Sides, damage.Said, dict[str, Path]]]:
    """Two nodes that have worked and exchanged, closed; what the host says; and a copy of each home."""
    with ground.nodes() as sides:
        work(sides)
        before = damage.Said.of(sides.host)
        sides.close()
        copies = {party: sides.folder.parent / f"kept-{party}" for party in PARTIES}
        for party, copy in copies.items():
            shutil.copytree(sides.folder / party, copy, ignore=shutil.ignore_patterns("*.sock"))
        try:
            yield sides, before, copies
        finally:
            for party, copy in copies.items():
                damage.reset(sides, party, copy)


def work(sides: Sides) -> None:
    """Some of everything: sealed and open parts, a file, versions, an erasure, a withdrawal, cosigned heads."""
    host = sides.host
    made = [host.commit("incident", INCIDENT).record for _ in range(12)]
    host.commit("incident", INCIDENT, levels={"summary": 0, "where": 0})
    host.commit("attachment", attachment_parts("paper.txt", b"a paper\n" * 200))
    for record in made[:4]:
        host.commit("incident", {"people": {"killed_best": 1}}, record=record, expected=1, state="update")
    host.system("erase", record=made[5], parts=["where"])
    host.system("withdraw", record=made[6])
    sides.partner.commit("incident", INCIDENT)
    while host.writer.log.size < 300:
        host.publish()
    for _ in range(2):
        for party, other in PARTIES.items():
            sides[party].publish()
            pull(sides[other], sides[party])
            sides[party].writer.tick(keep_acks)
