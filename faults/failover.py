"""The machine that holds the sequencer is cut off, and then killed, while others go on committing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from faults.database_host import DATABASES, DatabaseHost
from faults.ground import Ground
from faults.hosts import Switch, switch
from faults.machines import Machine
from faults.outcome import Outcome
from safeconduct.exchange.cadence import cosigned
from safeconduct.ledger.log import Log
from safeconduct.node.backups import verify_home
from safeconduct.records.databases import open_ledger
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.stand_by import standing
from safeconduct.records.ways import listening

HOW = (
    "PostgreSQL, three machines of one party and its partner in network namespaces of their own; the web processes of "
    "two machines commit without pause; the cable of the machine that holds the sequencer is pulled, and then all of "
    "it is killed, or it is killed at once; it comes back and stands by"
)
HOSTS = ("db", "a", "b", "c", "partner")
SEQUENCERS, CLERKS = ("a", "b"), ("b", "c")
PROCESSES = ("writer", "feed", "courier")
WAYS = ("cut off, then killed", "killed")
BEFORE, AFTER = 20, 20
"""Commits that each clerk is answered for before a fault, and after it."""


PATIENCE = 600.0
"""Seconds: five hosts' processes begin on one machine, which others may use."""


@dataclass(frozen=True)
class Said:
    """What a clerk was answered, and when it asked and had the answer; `record` is "unanswered" for neither."""

    asked: float
    answered: float
    record: str
    version: int


class Host(Machine):
    """A machine of the party: what runs on it ends with it."""

    def power_off(self) -> None:
        self._ending.set()
        self._watch.join(PATIENCE)
        for child in self.children.values():
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
        for child in self.children.values():
            child.wait(PATIENCE)


class World:
    """The hosts of a run, and what the clerks on two of them were answered."""

    def __init__(self, folder: Path, at: Switch, homes: dict[str, Home]) -> None:
        self.folder, self.at, self.homes = folder, at, homes
        self.hosts: dict[str, Host] = {}
        self.clerks: dict[str, subprocess.Popen[bytes]] = {}

    def power_on(self, name: str, processes: Sequence[str] = PROCESSES) -> None:
        self.hosts[name] = Host(self.homes[name], self.at.prefix(name))
        self.hosts[name].start(processes)

    def hire(self, name: str) -> None:
        command = [*self.at.prefix(name), sys.executable, "-m", "faults.far_clerk"]
        with self._log(name).open("ab") as log:
            self.clerks[name] = subprocess.Popen(
                [*command, str(self.homes[name].path), str(self._file(name))], stdout=log, stderr=log
            )

    def said(self, name: str) -> list[Said]:
        if not self._file(name).exists():
            return []
        lines = self._file(name).read_text().split("\n")[:-1]
        return [Said(float(a), float(b), record, int(v)) for a, b, record, v in map(str.split, lines)]

    def answered(self, name: str, since: float = 0.0) -> list[Said]:
        """What a clerk asked for since a moment and was answered for."""
        return [each for each in self.said(name) if each.version and each.asked >= since]

    def until_answered(self, names: Sequence[str], count: int, since: float = 0.0) -> None:
        def enough() -> bool:
            return all(len(self.answered(name, since)) >= count for name in names)

        _until(enough, lambda: f"clerks on {names} are not answered: {self.logs()}")

    def logs(self) -> str:
        found = [*self.folder.glob("*.log"), *self.folder.glob("*/*.log")]
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in found)

    def dismiss(self) -> None:
        for clerk in self.clerks.values():
            clerk.terminate()
        for clerk in self.clerks.values():
            clerk.wait(PATIENCE)

    def stop(self) -> None:
        for clerk in self.clerks.values():
            if clerk.poll() is None:
                clerk.kill()
                clerk.wait()
        for host in self.hosts.values():
            host.power_off()

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.answers"

    def _log(self, name: str) -> Path:
        return self.folder / f"clerk-{name}.log"


def run(ground: Ground, size: int, seed: int) -> Outcome:
    """`size` faults, in turn to each of the two machines that may hold the sequencer."""
    outcome = Outcome(HOW)
    gaps: list[float] = []
    with ground.world() as folder, switch(HOSTS) as at, _database(at) as server:
        names = {what: server.fresh() for what in DATABASES}
        world = World(folder, at, _homes(folder, at, server, names))
        judge = replace(
            world.homes["a"],
            settings={**world.homes["a"].settings, **server.addresses(names, here=True), "doors": []},
        )
        try:
            world.power_on("partner")
            for name in SEQUENCERS:
                world.power_on(name)
                _until(lambda name=name: _up(world.homes[name]), world.logs)
            for name in CLERKS:
                world.hire(name)
            world.until_answered(CLERKS, BEFORE)
            for number in range(size):
                gaps.append(_fault(outcome, world, WAYS[number % 2 if size > 1 else 0]))
            world.dismiss()
            _judge(outcome, world, judge)
        finally:
            world.stop()
    outcome.seen["ms until everybody was answered again, at most"] = round(1000 * max(gaps))
    outcome.seen["ms until everybody was answered again, at least"] = round(1000 * min(gaps))
    return outcome


def _fault(outcome: Outcome, world: World, way: str) -> float:
    """One fault; seconds until every clerk that is not on the machine was answered again."""
    holder = next(name for name in SEQUENCERS if listening(world.homes[name].socket))
    other = next(name for name in SEQUENCERS if name != holder)
    rest = [name for name in CLERKS if name != holder]
    _until(lambda: standing(world.homes[other]) is not None, world.logs)
    host = world.hosts[holder]
    begun = time.monotonic()
    if way == "killed":
        host.power_off()
    else:
        mark = host.log.stat().st_size
        world.at.pull(holder)
    world.until_answered(rest, AFTER, begun)
    again = max(world.answered(name, begun)[0].answered for name in rest)
    if way != "killed":
        _until(lambda: "claim_lost" in host.log.read_text()[mark:], world.logs)
        host.power_off()
        world.at.plug(holder)
    world.power_on(holder)
    _until(lambda: standing(world.homes[holder]) is not None, world.logs)
    if not listening(world.homes[other].socket):
        outcome.lost.append(f"{other} does not hold the sequencer after {holder} came back")
    world.until_answered(CLERKS, 1, time.monotonic())
    outcome.tried[way] += 1
    return again - begun


def _judge(outcome: Outcome, world: World, judge: Home) -> None:
    """Every answer holds, and the partner has all of it and accuses nobody."""
    holder = next(name for name in SEQUENCERS if listening(world.homes[name].socket))
    with closing(open_ledger(judge, read_only=True)) as db:
        log = Log(db, "ledger", "")
        headers = [json.loads(entry.leaf) for entry in log.entries(0, log.size)]
    there = {(h.get("record"), h.get("version")) for h in headers}
    for name in CLERKS:
        said = world.said(name)
        outcome.tried[f"commits that {name} was answered for"] += sum(bool(each.version) for each in said)
        outcome.seen["orders without an answer"] += sum(not each.version for each in said)
        outcome.lost += [
            f"{name}: {each.record} version {each.version}"
            for each in said
            if each.version and (each.record, each.version) not in there
        ]

    def whole() -> bool:
        reached = cosigned(judge, "cn")
        return reached.feed_size == reached.feed_entries and reached.ledger_size >= len(headers)

    try:
        _until(whole, world.logs)
    except TimeoutError as fault:
        outcome.lost.append(f"the partner has not cosigned all of it: {cosigned(judge, 'cn')} {fault}")
    for home, partner in ((world.homes["partner"], "pk"), (world.homes[holder], "cn")):
        with Door(home) as door:
            found = door.call("exchange_cursor", {"partner": partner})
        if found["frozen"] or found["evidence"]:
            outcome.accused.append(f"{home.party} accuses {partner}: {found['frozen']} {found['evidence']}")
    verdict = verify_home(judge)
    if verdict.broken is not None:
        outcome.lost.append(f"the ledger is broken at {verdict.broken}: {verdict.why}")


def _homes(folder: Path, at: Switch, server: DatabaseHost, names: dict[str, str]) -> dict[str, Home]:
    exchange = {name: f"https://{at.address(name)}:9001" for name in HOSTS}
    own = Home.load(folder / "pk")
    told = {**own.settings, "exchange_port": 9001, "second_factor": "optional", "cadence": 1}
    known = replace(own.partners["cn"], url=exchange["partner"])
    replace(own, settings=told, partners={**own.partners, "cn": known}).save()
    partner = Home.load(folder / "cn")
    both = replace(partner.partners["pk"], url=" ".join(exchange[name] for name in SEQUENCERS))
    there = {
        **partner.settings,
        "exchange_port": 9001,
        "exchange_address": at.address("partner"),
        "cadence": 1,
    }
    partner = replace(partner, settings=there, partners={**partner.partners, "pk": both})
    partner.save()
    given = {
        "here": server.addresses(names, here=True),
        "there": server.addresses(names),
        "doors": {name: f"{at.address(name)}:9101" for name in SEQUENCERS},
        "settings": {
            name: {"exchange_address": at.address(name), "address": at.address(name)}
            for name in ("a", "b", "c")
        },
    }
    command = [sys.executable, "-m", "faults.failover_homes", str(folder / "pk"), str(folder)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the machines were not made: {done.stderr[-3000:]}")
    places = {"a": folder / "pk", "b": folder / "b" / "home", "c": folder / "c" / "home"}
    return {"partner": partner, **{name: Home.load(path) for name, path in places.items()}}


@contextmanager
def _database(at: Switch) -> Iterator[DatabaseHost]:
    import ready
    from postgres import folder_for

    server = DatabaseHost(folder_for(ready.RUN).with_name(f"{ready.RUN.name}-{os.getpid()}-db"), at, "db")
    try:
        server.start()
        yield server
    finally:
        server.end()


def _up(home: Home) -> bool:
    return listening(home.socket) or standing(home) is not None


def _until(condition: Callable[[], bool], why: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(why())
        time.sleep(0.05)
