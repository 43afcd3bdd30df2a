"""The two nodes of a drill: made in a folder, paired, run as real processes over a link that can be cut."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.signatures import create_key_file
from safeconduct.node.processes import Node
from safeconduct.node.setting_up import create_home, prepare_databases
from safeconduct.records.door import Door
from safeconduct.records.home import SIDES, Home, HomeError

AGREEMENT = "pk-cn"
PARTIES = {"host": "pk", "partner": "cn"}
CLAUSES = ("1", "3", "4", "5", "6", "8")
RUN = ("writer", "courier", "notifier")
"""What the drill starts of a node itself; the feed is the link's."""
PATIENCE = 40.0


class Station:
    """One node of the drill. Inside `seat` this process speaks for it through its writer's socket."""

    def __init__(self, folder: Path, side: str) -> None:
        self.side, self.folder = side, folder
        self.home = Home.load(folder / side)
        self.node: Node | None = None
        self._feed: subprocess.Popen[bytes] | None = None

    @contextmanager
    def seat(self) -> Iterator[Door]:
        """Be this node: its door, its tables. Where no writer runs yet, this process is the writer."""
        from django.db import connections

        from safeconduct.records import here

        settings = connections.settings["tables"]
        settings["NAME"] = str(self.home.tables)
        connections["tables"] = own = connections.create_connection("tables")
        try:
            with Door.open(self.home) as door, here.at(self.home, door):
                yield door
        finally:
            own.close()

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        from safeconduct.records import here

        with self.seat():
            return [tuple(row) for row in here.tables().all(sql, list(values))]

    def person(self, name: str, role: str, *units: str) -> Subject:
        """Somebody whom a record gives this role."""
        from safeconduct.records.commit import Draft, commit
        from safeconduct.records.principals import system_subject

        given = {"person": name, "account_name": name, "role": role, "clearance": 3, "units": list(units)}
        with self.seat() as door:
            draft = Draft("role_assignment", {"assignment": given}, releasable=())
            commit(system_subject(self.home.party), draft, door=door)
        return Subject(self.home.party, frozenset({role}), 3, frozenset(units), frozenset(), name)

    def start(self) -> None:
        self.node = Node(self.home)
        self.node.start(RUN)
        self.open_link()

    def open_link(self) -> None:
        command = [sys.executable, "-m", "safeconduct.node.processes", "feed", str(self.home.path)]
        self._feed = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def cut_link(self) -> None:
        """End the process that gives this node's feed, and every connection with it."""
        if self._feed is not None:
            self._feed.kill()
            self._feed.wait()
            self._feed = None

    def kill_writer(self) -> None:
        """The hardest end there is; the node starts its writer again by itself."""
        if self.node is not None:
            self.node.children["writer"].kill()

    def stop(self) -> None:
        self.cut_link()
        if self.node is not None:
            self.node.stop()


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """What the condition answers, once it is true. Raises TimeoutError."""
    end = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {patience:.0f} s")
        time.sleep(0.1)


def make(folder: Path, ports: Sequence[int]) -> tuple[Station, Station]:
    """Two new nodes, paired, with house rules; the Host has proposed the clauses. Raises HomeError if not new."""
    from safeconduct.exchange.pairing import accept_card, export_card

    for number, side in enumerate(SIDES):
        if (folder / side).exists():
            raise HomeError(f"{folder} has a node already; a drill makes its own")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        public = create_key_file(folder / f"{side}.pem")
        create_home(
            folder / side,
            PARTIES[side],
            side,
            f"{side.title()} Party (drill)",
            ports[2 * number],
            ports[2 * number + 1],
            {f"Signatory of the {side.title()}": public},
            cadence=5,
            exchange_pad=16,
        )
    host, partner = Station(folder, "host"), Station(folder, "partner")
    prepare_databases(host.home)
    from django.db import connections

    connections.close_all()
    for database in ("tables", "accounts"):
        shutil.copyfile(getattr(host.home, database), getattr(partner.home, database))
    for own, other in ((host, partner), (partner, host)):
        card, spoken = export_card(Home.load(other.home.path), own.home.party, AGREEMENT)
        with own.seat() as door:
            accept_card(own.home, card, spoken, door)
        own.home = Home.load(own.home.path)
        with own.seat() as door:
            _rules(own, door)
    return host, partner


def _rules(own: Station, door: Door) -> None:
    from safeconduct.node.signing_here import act, propose

    key = own.folder / f"{own.side}.pem"
    with as_file(files("safeconduct.node.demonstration")) as content:
        for clause in propose("house", sorted((content / "house" / own.side).glob("*.md")), door):
            act("house", clause.number, "agreed", key, None, door)
        if own.side == "host":
            found = [next((content / "agreement").glob(f"{int(number):02}-*.md")) for number in CLAUSES]
            propose(AGREEMENT, found, door)
            for number in CLAUSES:
                act(AGREEMENT, number, "agreed", key, None, door)


def agree(host: Station, partner: Station) -> None:
    """The Partner's signatory agrees to what came over the link; the Host learns of it."""
    from safeconduct.node.signing_here import act, agreement_of

    def arrived() -> bool:
        with partner.seat():
            standing = agreement_of(AGREEMENT).standing
            return set(CLAUSES) <= set(standing.numbers) and all(standing.history(n) for n in CLAUSES)

    def in_force() -> bool:
        with host.seat():
            return {c.number for c in agreement_of(AGREEMENT).standing.in_force} >= set(CLAUSES)

    until(arrived, "the clauses")
    with partner.seat() as door:
        for number in CLAUSES:
            act(AGREEMENT, number, "agreed", partner.folder / "partner.pem", None, door)
    until(in_force, "the agreement")
