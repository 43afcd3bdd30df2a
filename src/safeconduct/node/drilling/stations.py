"""The two nodes of a drill: made in a folder, paired, run as real processes over a wire that can be cut."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.signatures import create_key_file
from safeconduct.node.drilling.doors import PATIENCE
from safeconduct.node.drilling.wire import Wire
from safeconduct.node.processes import ORDER, Node
from safeconduct.node.setting_up import create_home, prepare_databases
from safeconduct.records.databases import open_tables
from safeconduct.records.door import Door
from safeconduct.records.home import SIDES, Home, HomeError

AGREEMENT = "pk-cn"
PARTIES = {"host": "pk", "partner": "cn"}
CLAUSES = ("1", "2", "3", "4", "5", "6", "8")
PASSWORD = "only-for-this-drill"  # noqa: S105  (of accounts that live as long as the drill)


class Person(NamedTuple):
    """Somebody of the story: an account and a role, with its units."""

    side: str
    name: str
    role: str
    units: tuple[str, ...] = ()


UNITS = ("airport-security", "karachi-police", "port-security")
"""The three duty bearers of the way, in its order."""
PEOPLE = (
    Person("host", "floor", "watch_officer"),
    Person("host", "relief", "watch_officer"),
    Person("host", "coordinator", "coordinator"),
    *(Person("host", unit, "commander", (unit,)) for unit in UNITS),
    Person("host", "auditor", "auditor"),
    Person("partner", "li", "protected_person"),
    Person("partner", "warden", "warden"),
    Person("partner", "embassy", "watch_officer"),
    Person("partner", "manager", "security_manager"),
    Person("partner", "cn-auditor", "auditor"),
    Person("partner", "cn-liaison", "liaison"),
    Person("partner", "observer", "observer"),
)


class Station:
    """One node of the drill. Inside `seat` this process speaks for it through its writer's socket."""

    def __init__(self, folder: Path, side: str, wire: Wire) -> None:
        self.side, self.folder, self.wire = side, folder, wire
        self.home = Home.load(folder / side)
        self.node: Node | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.home.settings['port']}"

    def files_with(self, found: bytes) -> list[Path]:
        """The files of this node's home in which these bytes stand."""
        held = []
        for path in self.home.path.rglob("*"):
            # What SQLite keeps beside a database comes and goes.
            with suppress(FileNotFoundError):
                if path.is_file() and found in path.read_bytes():
                    held.append(path)
        return held

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
        """Rows of this node's tables, read from the disk."""
        with closing(open_tables(self.home)) as found:
            return [tuple(row) for row in found.execute(sql.replace("%s", "?"), values)]

    def parts(self, record: str) -> dict[str, Any]:
        """The parts of a record as they are in this node's tables."""
        ((text,),) = self.ask("SELECT parts FROM records_row WHERE id = %s", record)
        found: dict[str, Any] = json.loads(text)
        return found

    def start(self) -> None:
        self.node = Node(self.home)
        self.node.start(ORDER, timeout=PATIENCE)
        self.wire.mend()
        self.whole()

    def kill(self, name: str) -> bool:
        """Kill -9; the node starts the process again by itself. False when it was down already."""
        child = self.node.children.get(name) if self.node is not None else None
        if child is None or child.poll() is not None:
            return False
        child.kill()
        return True

    def whole(self) -> None:
        """Wait until every process runs and every port answers. Raises TimeoutError."""
        from safeconduct.records.refusals import Unavailable

        def answers() -> bool:
            try:
                with Door(self.home) as door:
                    return bool(door.call_many("exchange_cursor", [{}]))
            except Unavailable:
                return False

        def up() -> bool:
            running = self.node is not None and all(c.poll() is None for c in self.node.children.values())
            ports = ("port", "exchange_port", "cot_plain_port")
            return running and answers() and all(_listens(int(self.home.settings[port])) for port in ports)

        until(up, f"all processes of the {self.side}")

    def stop(self) -> None:
        self.wire.cut()
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
        time.sleep(0.05)


def make(folder: Path) -> tuple[tuple[Station, Station], dict[str, Subject]]:
    """Two new nodes, paired, with house rules and people; the Host has proposed the clauses. Raises HomeError if not
    new."""
    from safeconduct.exchange.pairing import accept_card, export_card

    ports = dict(zip(SIDES, _free_ports(), strict=True))
    for side in SIDES:
        if (folder / side).exists():
            raise HomeError(f"{folder} has a node already; a drill makes its own")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        public = create_key_file(folder / f"{side}.pem")
        web, exchange, _, cot = ports[side]
        create_home(
            folder / side,
            PARTIES[side],
            side,
            f"{side.title()} Party (drill)",
            web,
            exchange,
            {f"Signatory of the {side.title()}": public},
            cadence=5,
            exchange_pad=16,
            cot_plain_port=cot,
            second_factor="optional",
        )
    host, partner = (Station(folder, side, Wire(ports[side][2], ports[side][1])) for side in SIDES)
    prepare_databases(host.home)
    persons = _accounts()
    from django.db import connections

    connections.close_all()
    for database in ("tables", "accounts"):
        shutil.copyfile(getattr(host.home, database), getattr(partner.home, database))
    for own, other in ((host, partner), (partner, host)):
        card, spoken = export_card(Home.load(other.home.path), own.home.party, AGREEMENT)
        with own.seat() as door:
            accept_card(own.home, card, spoken, door, url=f"https://127.0.0.1:{other.wire.port}")
        own.home = Home.load(own.home.path)
        with own.seat() as door:
            _rules(own, door)
    return (host, partner), {each.name: _person(each, persons, (host, partner)) for each in PEOPLE}


def _accounts() -> dict[str, str]:
    """An account for each, the same in both nodes; the person id by name."""
    from django.contrib.auth.hashers import make_password

    from safeconduct.people.models import Account

    hashed, found = make_password(PASSWORD), {}
    for each in PEOPLE:
        account = Account.objects.create_account(each.name, display_name=each.name, clearance=3)
        account.password = hashed
        account.save(update_fields=["password"])
        found[each.name] = str(account.person)
    return found


def _person(each: Person, persons: dict[str, str], stations: tuple[Station, Station]) -> Subject:
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject

    (at,) = (station for station in stations if station.side == each.side)
    person = persons[each.name]
    given = {
        "person": person, "account_name": each.name, "role": each.role, "clearance": 3, "units": list(each.units),
    }  # fmt: skip
    with at.seat() as door:
        draft = Draft("role_assignment", {"assignment": given}, releasable=())
        commit(system_subject(at.home.party), draft, door=door)
    return Subject(at.home.party, frozenset({each.role}), 3, frozenset(each.units), frozenset(), person)


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


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def _free_ports() -> Sequence[list[int]]:
    """For each node four ports that nobody has at this moment: web, exchange, the wire to it, TAK."""
    probes = [socket.socket() for _ in range(8)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return [ports[:4], ports[4:]]
