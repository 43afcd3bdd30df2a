"""Both nodes with their own processes: whichever is killed, the flow goes on, and a suspension still stops it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exchange.nodes import Node as Here
from exchange.nodes import key_file
from exchange.test_link import free_port
from positions.flow_nodes import PHONE, journey
from safeconduct.node.processes import Node
from safeconduct.node.signing_here import act
from safeconduct.positions.store import Position, Store
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.refusals import Unavailable

PROCESSES = ("writer", "feed", "courier")


@dataclass
class Line:
    """A journey under way on two nodes that run; `theirs` is its id at the Host, `own` at the Partner."""

    host: Node
    partner: Node
    theirs: str
    own: str
    count: int = 0

    def report(self) -> float:
        """A phone's position at the Partner's node; its time."""
        self.count += 1
        at, latitude = time.time(), round(25 + self.count / 10_000, 6)
        store = Store(self.partner.home)
        store.put([Position(self.own, PHONE, at, latitude, 66.9, 10.0)])
        store.close()
        fixes = [[PHONE, at, latitude, 66.9, 10.0]]
        try:
            with Door(self.partner.home) as door:
                door.call("positions_seen", {"movement": self.own, "fixes": fixes})
        except Unavailable:
            pass  # the phone's node keeps it, and tells of it with the next
        return at

    def arrived(self) -> list[float]:
        store = Store(self.host.home)
        found = [fix.at for fix in store.track(self.theirs, 0.0, 10_000, ("cn",))]
        store.close()
        return found

    def flows(self, seconds: float = 90.0) -> float:
        """Report until a position taken from now on is on the other side; how long that took."""
        since = time.time()
        until(lambda: bool(self.report()) and max(self.arrived(), default=0.0) > since, seconds)
        return time.time() - since


def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        time.sleep(0.1)


@pytest.fixture
def line(_own_connections: None, world: Path) -> Iterator[Line]:
    host, partner = Here(world / "pk"), Here(world / "cn")
    theirs, own = journey(host, partner)
    host.close()
    partner.close()
    ports = {"pk": free_port(), "cn": free_port()}
    nodes = []
    for party, other in (("pk", "cn"), ("cn", "pk")):
        home = Home.load(world / party)
        settings = {**home.settings, "exchange_port": ports[party]}
        partners = {other: replace(home.partners[other], url=f"https://127.0.0.1:{ports[other]}")}
        home = Home(home.path, home.party, home.side, home.name, partners, settings)
        home.save()
        nodes.append(Node(home))
    try:
        for node in nodes:
            node.start(PROCESSES)
        yield Line(nodes[0], nodes[1], theirs, own)
    finally:
        for node in nodes:
            node.stop()


def test_whatever_is_killed_the_flow_goes_on_and_a_suspension_stops_it(line: Line, world: Path) -> None:
    line.flows()
    for node, name in (
        (line.partner, "writer"),
        (line.partner, "feed"),
        (line.host, "courier"),
        (line.host, "writer"),
    ):
        killed = node.children[name]
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        line.report()
        until(lambda n=node, k=name, old=killed.pid: n.children[k].pid != old, 90.0)
        line.flows()
    with Door(line.partner.home) as door, here.at(line.partner.home, door):
        act("pk-cn", "5", "suspended", key_file(world, "cn"), None, door)
    suspended = time.time()
    end = suspended + 2.0
    while time.time() < end:
        line.report()
        time.sleep(0.05)
    assert max(line.arrived()) <= suspended
    assert len(line.arrived()) == len(set(line.arrived()))
