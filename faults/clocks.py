"""Clocks that are ten years off: one node's or both, ahead, behind, or suddenly right again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from exchange.nodes import INCIDENT, PEOPLE, Node, agree, pull
from faults import judge
from faults.chaos import act
from faults.ground import PARTIES, Ground, Sides, linked
from faults.machines import Clerk, Machine, meet, set_clock, stop
from faults.outcome import Outcome
from safeconduct.exchange.cadence import keep_acks
from safeconduct.exchange.last_contact import Link, link_of
from safeconduct.records.home import Home
from safeconduct.records.transaction import iso

HOW = (
    "the writers' clocks are moved by ten years while both work and exchange; time locks, terms and cosignatures are "
    "judged by the clock of the node that keeps them"
)
YEARS = 10 * 365.25 * 86_400
HOUR = 3600.0


@dataclass(frozen=True)
class Skew:
    """Seconds by which the two clocks are off, before and after something happens to them."""

    name: str
    before: dict[str, float]
    after: dict[str, float]


def _skews() -> list[Skew]:
    right = {"pk": 0.0, "cn": 0.0}
    one = {"ahead": {**right, "pk": YEARS}, "behind": {**right, "pk": -YEARS}}
    both = {"apart": {"pk": YEARS, "cn": -YEARS}, "ahead together": {"pk": YEARS, "cn": YEARS}}
    found = [Skew(f"the sender's clock {name}", moved, moved) for name, moved in one.items()]
    found += [Skew(f"both clocks {name}", moved, moved) for name, moved in both.items()]
    found += [Skew(f"a clock {name} that is put right", moved, right) for name, moved in one.items()]
    found += [Skew(f"a clock that jumps {name}", right, moved) for name, moved in one.items()]
    return found


SKEWS = _skews()


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` rounds, each with one skew, the host and the partner taking turns at being the one."""
    outcome = Outcome(HOW)
    for number in range(size):
        skew, turned = SKEWS[number % len(SKEWS)], number // len(SKEWS) % 2
        with ground.nodes() as sides:
            _round(outcome, sides, random.Random(f"{seed}/{number}"), skew, bool(turned))
        outcome.tried[skew.name] += 1
    for skew in SKEWS[: max(1, size // 40)][:2]:
        _running(outcome, ground, skew)
    return outcome


def _set(sides: Sides, offsets: dict[str, float], turned: bool) -> None:
    for party, node in sides.items():
        node.offset = offsets[PARTIES[party] if turned else party]


def _round(outcome: Outcome, sides: Sides, chance: random.Random, skew: Skew, turned: bool) -> None:
    made: dict[str, list[tuple[str, int]]] = {party: [] for party in PARTIES}
    agree(sides.host, sides.partner, sides.folder, "pk-cn", PEOPLE)
    _set(sides, skew.before, turned)
    _work(sides, chance, made)
    locked = [_locked(node) for node in sides.values()]
    _set(sides, skew.after, turned)
    _work(sides, chance, made)
    for (record, opens), node in zip(locked, sides.values(), strict=True):
        _lock(outcome, sides, node, record, opens)
    for party in PARTIES:
        offset = sides[party].offset
        sides.open(party).offset = offset
    judge.settle(sides)
    judge.agreed(outcome, sides, may=frozenset({"people"}))
    for party, node in sides.items():
        judge.kept(outcome, node, dict(made[party]))
        judge.sound(outcome, node)


def _work(sides: Sides, chance: random.Random, made: dict[str, list[tuple[str, int]]]) -> None:
    for _ in range(20):
        party = chance.choice(sorted(PARTIES))
        act(sides[party], chance, made[party])
        if chance.random() < 0.5:
            pull(sides[PARTIES[party]], sides[party])
        sides[party].writer.tick(keep_acks)


def _locked(node: Node) -> tuple[str, float]:
    """A record whose people stay shut for an hour by the node's own clock; when they open."""
    opens = node.writer.clock() + HOUR
    return node.commit("incident", INCIDENT, opens=iso(opens)).record, opens


def _lock(outcome: Outcome, sides: Sides, node: Node, record: str, opens: float) -> None:
    """A lock is open when the originator's clock has reached its moment, whatever any other clock says."""
    from safeconduct.exchange.state import State, received_id

    name, other = node.home.party, PARTIES[node.home.party]
    receiver = sides[other]
    offset = node.offset
    for after in (None, 0.0, HOUR):
        # As the clock happens to be, then at an hour before the moment, then past it.
        if after is not None:
            node.offset += opens + (1.0 if after else -HOUR) - node.writer.clock()
        node.sweep()
        pull(receiver, node)
        sent = State(node.writer.db).sent(other, record)
        row = receiver.row(received_id(name, sent.opaque)) if sent else None
        shown = row is not None and "people" in row.values()
        due = node.writer.clock() >= opens
        outcome.tried["time locks looked at"] += 1
        if due and not shown:
            outcome.lost.append(f"{name}: a lock stays shut at {iso(node.writer.clock())}")
        if shown and not due and after is None:
            outcome.leaked.append(f"{name}: a lock is open before its moment")
        if shown:
            break
    node.offset = offset


def _running(outcome: Outcome, ground: Ground, skew: Skew) -> None:
    """All processes of both nodes under such clocks, with TLS between them, whose certificates are valid for a time.

    Each works on; the line rests and says that it is the clock; when that is right, everything catches up by itself.
    """
    with ground.world() as folder:
        homes = linked(folder, cadence=1)
        clocks = {party: folder / f"{party}.clock" for party in PARTIES}
        for party, clock in clocks.items():
            set_clock(clock, skew.before[party])
        machines = {party: Machine(homes[party], clock=clocks[party]) for party in PARTIES}
        clerks = {party: Clerk(homes[party], INCIDENT) for party in PARTIES}
        wrong = next(party for party, offset in skew.before.items() if offset)
        try:
            for machine in machines.values():
                machine.start(("writer", "feed", "courier"))
            for machine in machines.values():
                machine.answers()
            for clerk in clerks.values():
                for _ in range(3):
                    clerk.commit()
            link = link_of(homes[wrong], PARTIES[wrong])
            machines[wrong].until(
                lambda: "certificate" in _read(link, homes[wrong]),
                "the courier says nothing of the certificate",
            )
            if "clock" not in (said := _read(link, homes[wrong])):
                outcome.accused.append(f"with the clock of {wrong} wrong its courier says: {said}")
            for clock in clocks.values():
                set_clock(clock, 0.0)
            meet(machines)
        finally:
            stop(machines)
        outcome.tried["nodes run with wrong clocks over TLS"] += len(machines)
        sides = Sides(folder, ground.made)
        try:
            judge.whole(outcome, sides, {party: clerk.answered for party, clerk in clerks.items()})
        finally:
            sides.close()


def _read(link: Link, home: Home) -> str:
    return link_of(home, link.partner).last_error
