"""`python -m faults soak [--minutes N]`: two nodes as they work, at the sizes of the design, with faults all the while.

All processes of both nodes run, the Partner's databases on PostgreSQL and the Host's in files, TLS between them. People
send positions, answer a muster, read journeys, call for help, commit and watch at the rates of a hundred countries,
scaled to what this machine can do, as is printed. Meanwhile every few seconds something is broken: a process of either
node killed with -9, the line cut, silent or slow, a bundle taken in twice or from too early on, the database server
killed, a clock moved by minutes. A journal outside has all that was answered for. In the end everything stops breaking,
what waits crosses, and it is judged: lost, accused, leaked, missed. Exit code 1 for any of them.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bench.measure import machine, memory
from bench.nodes import free_port, incidents
from bench.servers import postgresql, settings_on
from bench.world import World, make, world
from faults.ground import PARTIES
from faults.machines import Machine, meet, moved_clocks, set_clock, stop
from faults.outcome import Outcome, table
from faults.soak_judge import judge
from faults.soak_line import SPOILED, Line, State
from faults.soak_traffic import RATES, Callers, Doorkeeper, Journal, Screens
from safeconduct.node.health import answers, pages_answer
from safeconduct.records.home import Home

HOW = (
    "both nodes at work at the sizes of the design, scaled to the machine; processes killed, the line cut, silent and "
    "slow, bundles twice and from too early on, the database server killed, a clock moved"
)
EVERY = {
    "pk": ("writer", "feed", "web", "courier", "notifier"),
    "cn": ("writer", "feed", "web", "courier", "notifier"),
}
SHORT, LONG = (6, 20, 4), (120, 400, 120)
"""Devices on journeys, names on a roll, travellers who may call for help."""
LONGEST_REST = 20.0
"""Seconds of work between two faults, at most."""
CLOCK_SECONDS = 240.0
"""By how much a clock is moved, ahead or behind."""
WORK_A_SECOND = 40.0
"""The scale is 1 for a machine that does twice as many commits a second, one after the other with nothing else to do:
both nodes, their database server and everybody who uses them are on it."""


@dataclass
class Scene:
    """All that is running."""

    world: World
    machines: Mapping[str, Machine]
    lines: dict[str, Line]
    clocks: dict[str, Path]
    crash: Callable[[], None]
    outcome: Outcome
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"pk": [], "cn": []})
    """by party, (seconds, KB) of all its processes"""


class Station(Machine):
    """A machine whose web processes have the true clock: under a moved one (libfaketime) a worker does not notice that
    its server was killed, and stays."""

    def _spawn(self, name: str) -> None:
        clock = self.clock
        self.clock = None if name == "web" else clock
        super()._spawn(name)
        self.clock = clock


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m faults soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--scale", type=float, help="share of the sizes of a hundred countries; measured unless given"
    )
    parser.add_argument(
        "--world", type=Path, help="a folder that bench.world has filled before; made unless given"
    )
    asked = parser.parse_args(given)
    seconds = asked.minutes * 60
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = asked.world
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="safeconduct-soak-")))
            make(folder, *(LONG if seconds > 120 else SHORT))
        server = stack.enter_context(postgresql())
        made = stack.enter_context(
            world(folder, {"partner": settings_on(server)}, cadence=2, exchange_pad=16, web_processes=2)
        )
        outcome = soak(made, server.crash, seconds, asked.scale, asked.seed)
    print(table([("soak", outcome, time.monotonic() - begun)]))
    return int(bool(outcome.harm) or not outcome.tried)


def soak(made: World, crash: Callable[[], None], seconds: float, scale: float | None, seed: int) -> Outcome:
    outcome = Outcome(HOW)
    with contextlib.ExitStack() as stack:
        lines = _linked(made)
        for line in lines.values():
            line.begin()
            stack.callback(line.end)
        homes = {"pk": made.host, "cn": made.partner}
        clocks = {party: Path(homes[party].path.parent / f"{party}.clock") for party in PARTIES}
        for clock in clocks.values():
            set_clock(clock, 0.0)
        moved = _may_move_clocks()
        machines = {party: Station(homes[party], clock=clocks[party] if moved else None) for party in PARTIES}
        stack.callback(stop, machines)
        for party, each in machines.items():
            each.start(EVERY[party])
        for each in machines.values():
            each.answers()
            each.until(partial(_pages, each.home), f"the pages of {each.home.party}")
        scene = Scene(made, machines, lines, clocks if moved else {}, crash, outcome)
        share = scale or _scale(made)
        outcome.seen["thousandths of the rates of a hundred countries"] = round(1000 * share)
        print(
            f"{machine()}\nrates of a hundred countries times {share:.3f}, for {seconds:,.0f} s", flush=True
        )
        journal = _work(scene, seconds, share, seed)
        _mend(scene)
        meet(machines)
        _after(scene, journal)
        stack.pop_all().close()
    judge(outcome, made, journal)
    _grown(scene)
    return outcome


def _linked(made: World) -> dict[str, Line]:
    """By party, the line by which it fetches from the other; the homes are told of it."""
    lines = {}
    homes = {"pk": made.host, "cn": made.partner}
    for party, other in PARTIES.items():
        line = lines[party] = Line(free_port(), int(homes[other].settings["exchange_port"]))
        known = replace(homes[party].partners[other], url=f"https://127.0.0.1:{line.port}")
        homes[party] = replace(homes[party], partners={**homes[party].partners, other: known})
        homes[party].save()
    made.host, made.partner = homes["pk"], homes["cn"]
    return lines


def _may_move_clocks() -> bool:
    try:
        moved_clocks()
    except RuntimeError:
        return False
    return True


def _pages(home: Home) -> bool:
    return pages_answer(home)


def _scale(made: World) -> float:
    """What share of the design's rates this machine can do beside everything else: by commits one after the other."""
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.door import Door
    from safeconduct.records.principals import system_subject

    begun, count = time.monotonic(), 0
    with Door(made.host) as door:
        for parts in incidents(10_000, 99):
            commit(system_subject("pk"), Draft("incident", parts, state="post_incident"), door=door)
            count += 1
            if time.monotonic() - begun > 3.0:
                break
    return min(1.0, max(0.02, count / (time.monotonic() - begun) / (2 * WORK_A_SECOND)))


# --- what goes on ------------------------------------------------------------------------------------------


def _work(scene: Scene, seconds: float, scale: float, seed: int) -> Journal:
    journal, made = Journal(), scene.world
    callers = Callers(made, journal, scale, seconds, seed)
    keepers = [
        Doorkeeper(made.host, journal, "releases", max(0.3, RATES["releases"] * scale), seed),
        Doorkeeper(made.partner, journal, "journeys", max(0.1, RATES["journeys"] * scale), seed + 1),
    ]
    screens = {
        side: Screens(home, made.screens[side], 10)
        for side, home in (("host", made.host), ("partner", made.partner))
    }
    threads = [callers, *keepers, *screens.values()]
    for each in threads:
        each.start()
    _break(scene, seconds, random.Random(seed))
    for keeper in keepers:
        keeper.ending.set()
    callers.join(600)
    for keeper in keepers:
        keeper.join(120)
    _mend(scene)
    _screens_have_all(scene, journal, screens)
    for each in screens.values():
        each.end()
        scene.outcome.seen["streams opened"] += each.opened
    for what, count in journal.answered.items():
        scene.outcome.tried[f"{what} answered for"] += count
    for what, count in journal.again.items():
        scene.outcome.seen[f"{what} said again"] += count
    for what, count in journal.unanswered.items():
        scene.outcome.seen[f"{what} without an answer"] += count
    scene.outcome.seen["seconds behind at the end"] = round(callers.late)
    scene.outcome.lost += journal.wrong
    return journal


def _break(scene: Scene, seconds: float, chance: random.Random) -> None:
    """One fault after the other until the time is over; each line and clock is mended before the next."""
    end = time.monotonic() + seconds
    faults = [_kill, _crash, _kill, _spoil, _kill, _bundles, _kill, *([_move] if scene.clocks else [])]
    started = time.monotonic()
    number = 0
    while (left := end - time.monotonic()) > 0:
        for party, each in scene.machines.items():
            scene.memory[party].append((time.monotonic() - started, _memory(each)))
        faults[number % len(faults)](scene, chance, min(left, chance.uniform(1.0, 5.0)))
        number += 1
        rest = max(chance.uniform(0.5, 4.0), _until_well(scene, end))
        time.sleep(max(0.0, min(rest, LONGEST_REST, end - time.monotonic())))


def _until_well(scene: Scene, end: float) -> float:
    """Wait until both nodes answer again, or the time is over; how many seconds that took. So long they then work."""
    begun = time.monotonic()
    homes = [each.home for each in scene.machines.values()]
    while time.monotonic() < end and not all(answers(home) and _pages(home) for home in homes):
        time.sleep(0.1)
    return time.monotonic() - begun


def _kill(scene: Scene, chance: random.Random, _: float) -> None:
    party = chance.choice(sorted(scene.machines))
    name = chance.choice(EVERY[party])
    if scene.machines[party].kill(name):
        scene.outcome.tried[f"kills of {name}"] += 1


def _spoil(scene: Scene, chance: random.Random, seconds: float) -> None:
    party = chance.choice(sorted(scene.lines))
    state: State = chance.choice(SPOILED)
    scene.lines[party].become(state)
    time.sleep(seconds)
    scene.lines[party].become("well")
    scene.outcome.tried[f"lines {state}"] += 1


def _bundles(scene: Scene, chance: random.Random, _: float) -> None:
    """A bundle comes twice, and it begins before what the receiver has."""
    from safeconduct.exchange.bundle import BundleRefused
    from safeconduct.exchange.feed import Feed
    from safeconduct.ledger.database import FAULTS
    from safeconduct.records.door import Door
    from safeconduct.records.refusals import Malformed, Unavailable

    party = chance.choice(sorted(PARTIES))
    sender, receiver = scene.machines[PARTIES[party]].home, scene.machines[party].home
    try:
        with Door(receiver) as door:
            have = int(door.call("exchange_cursor", {"partner": sender.party})["have"])
            start = max(0, have - chance.randint(0, 40))
            with contextlib.closing(Feed(sender, receiver.party)) as feed:
                raw = feed.bundle(start).pack()
            payload = {"partner": sender.party, "bundle": base64.b64encode(raw).decode()}
            for _again in range(2):
                door.call("ingest", payload)
        scene.outcome.tried["bundles taken in twice"] += 1
    except Malformed as fault:
        scene.outcome.accused.append(f"an honest bundle of {sender.party} was refused: {fault}")
    except (Unavailable, BundleRefused, *FAULTS):
        scene.outcome.seen["bundles that nobody was there to take"] += 1


def _crash(scene: Scene, _chance: random.Random, _: float) -> None:
    scene.crash()
    scene.outcome.tried["kills of the database server"] += 1


def _move(scene: Scene, chance: random.Random, seconds: float) -> None:
    clock = scene.clocks[chance.choice(sorted(scene.clocks))]
    set_clock(clock, chance.choice((-CLOCK_SECONDS, CLOCK_SECONDS)))
    time.sleep(seconds)
    set_clock(clock, 0.0)
    scene.outcome.tried["clocks moved"] += 1


def _mend(scene: Scene) -> None:
    for line in scene.lines.values():
        line.become("well")
    for clock in scene.clocks.values():
        set_clock(clock, 0.0)
    for each in scene.machines.values():
        each.answers()
        each.until(partial(_pages, each.home), f"the pages of {each.home.party}")


def _screens_have_all(scene: Scene, journal: Journal, screens: dict[str, Screens]) -> None:
    """Every screen of the own room was told of each call, or told to look at everything."""
    room = screens["partner"]
    end = time.monotonic() + 120

    def behind() -> list[int]:
        calls = list(journal.calls.values())
        return [
            n
            for n, told in enumerate(room.told)
            if any(record not in told and at > room.looked[n] for record, at in calls)
        ]

    while behind() and time.monotonic() < end:
        time.sleep(0.2)
    scene.outcome.lost += [f"screen {n} was never told of a call for help" for n in behind()]
    scene.outcome.tried["screens"] += len(room.told) + len(screens["host"].told)


def _after(scene: Scene, journal: Journal) -> None:
    """What can be asked of running nodes only: that neither accuses the other."""
    from safeconduct.records.door import Door

    for party, other in PARTIES.items():
        with Door(scene.machines[party].home) as door:
            if frozen := door.call("exchange_cursor", {"partner": other})["frozen"]:
                scene.outcome.accused.append(f"{party} exchanges nothing with {other}: {frozen}")


def _memory(each: Machine) -> float:
    found = 0.0
    for child in each.children.values():
        with contextlib.suppress(OSError, StopIteration, ValueError):
            found += memory(child.pid)
    return found


def _grown(scene: Scene) -> None:
    """Memory at the half of the time and at its end, and what that is in an hour."""
    for party, seen in scene.memory.items():
        if len(seen) < 8:
            continue
        quarter = len(seen) // 4
        middle, late = seen[2 * quarter : 3 * quarter], seen[3 * quarter :]
        (at, was), (until, now) = _median(middle), _median(late)
        scene.outcome.seen[f"MB of all processes of {party} at the end"] = round(now / 1024)
        if until - at > 60:
            grown = (now - was) / 1024 / ((until - at) / 3600)
            print(
                f"{party}: memory {was / 1024:,.0f} MB, then {now / 1024:,.0f} MB: {grown:+,.0f} MB an hour"
            )


def _median(seen: list[tuple[float, float]]) -> tuple[float, float]:
    ordered = sorted(seen, key=lambda each: each[1])
    return seen[len(seen) // 2][0], ordered[len(ordered) // 2][1]


if __name__ == "__main__":
    sys.exit(main())
