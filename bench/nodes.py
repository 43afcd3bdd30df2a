"""Nodes to measure: homes on disk with their writers in this process, and incidents to put into them."""

from __future__ import annotations

import os
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.signatures import create_key_file, file_signatory
from safeconduct.records.home import Home
from safeconduct.records.rows import RowView

AGREEMENT = "pk-cn"
PARTIES = {"host": "pk", "partner": "cn"}
_PLACES = ("Karachi", "Gwadar", "Dasu", "Besham", "Quetta", "Lahore", "Peshawar", "Turbat", "Hub", "Chaman")
_METHODS = ("suicide_bombing", "vehicle_bomb", "explosive_device", "shooting", "ambush")
_WORDS = [
    "convoy",
    "road",
    "gate",
    "police",
    "checkpoint",
    "vehicle",
    "explosion",
    "motorcycle",
    "engineers",
    "project",
    "camp",
    "night",
    "escort",
    "witnesses",
    "district",
    "hospital",
    "claimed",
    "group",
    "investigation",
    "traffic",
    "bridge",
    "tunnel",
    "bus",
    "workers",
    "morning",
]


class Node:
    """A home whose writer is this process. Several live side by side; `active` chooses one for readers."""

    def __init__(self, path: Path) -> None:
        from safeconduct.records.door import Door
        from safeconduct.records.writer import Writer

        self.home = Home.load(path)
        point(self.home)
        self.writer = Writer(self.home)
        self.door = Door(self.home, self.writer)

    @contextmanager
    def active(self) -> Iterator[Node]:
        from django.db import connections

        from safeconduct.records import here

        connections["tables"] = self.writer.connection
        with here.at(self.home, self.door):
            yield self

    def row_of(self, record: str) -> RowView:
        """A record as the writer sees it. Raises LookupError."""
        found: list[RowView | None] = []
        self.writer.tick(lambda tx: found.append(tx.row(record)))
        if found[0] is None:
            raise LookupError(record)
        return found[0]

    def close(self) -> None:
        self.writer.close()


def point(home: Home) -> None:
    """Make Django's databases in this process those of a home, files or schemas."""
    from django.conf import settings
    from django.db import connections

    from safeconduct.node.databases import databases
    from safeconduct.node.secret import secret_key

    for alias, wanted in connections.configure_settings(databases(home, "cli")).items():
        if hasattr(connections._connections, alias):  # type: ignore[attr-defined]
            # What a writer holds goes on; only files of the accounts are shut here.
            if alias == "default":
                connections[alias].close()
            del connections[alias]
        connections.settings[alias] = wanted
    settings.ALLOWED_HOSTS, settings.SECRET_KEY = ["*"], secret_key(home)


@contextmanager
def one_node(side: str = "host", database: str = "") -> Iterator[Node]:
    """A node of one side with no partner and the demonstration's house rules in force; on PostgreSQL where `database`
    is the address of an empty one."""
    with folder_for_homes() as folder:
        _create(folder, side, {"database": database} if database else None)
        node = Node(folder / side)
        try:
            with node.active():
                _enact(node, "house", f"house/{side}", _key(folder, side))
            yield node
        finally:
            node.close()


@contextmanager
def two_nodes() -> Iterator[tuple[Node, Node]]:
    """(Host, Partner) of `two_homes`, both with their writers in this process."""
    with two_homes() as homes:
        host, partner = (Node(home.path) for home in homes)
        try:
            yield host, partner
        finally:
            partner.close()
            host.close()


@contextmanager
def two_homes(**databases: Mapping[str, str]) -> Iterator[tuple[Home, Home]]:
    """Homes of (Host, Partner), paired, the demonstration's agreement signed by both as far as it is agreed.

    `databases` are, by side, the settings of a home that lives on PostgreSQL.
    """
    from safeconduct.exchange.outbound import sweep
    from safeconduct.exchange.pairing import accept_card, export_card

    with folder_for_homes() as folder:
        homes = {side: _create(folder, side, databases.get(side, {})) for side in PARTIES}
        for side, other in (("host", "partner"), ("partner", "host")):
            node = Node(homes[side].path)
            card, spoken = export_card(homes[other], PARTIES[side], AGREEMENT)
            accept_card(homes[side], card, spoken, node.door)
            node.close()
        host, partner = (Node(homes[side].path) for side in PARTIES)
        for node in (host, partner):
            with node.active():
                _enact(node, "house", f"house/{node.home.side}", _key(folder, node.home.side))
        with host.active():
            _enact(host, AGREEMENT, "agreement", _key(folder, "host"), _agreed())
        pull(partner, host)
        with partner.active():
            _enact(partner, AGREEMENT, "agreement", _key(folder, "partner"), _agreed())
        pull(host, partner)
        for node in (host, partner):
            while node.writer.db.execute("SELECT 1 FROM exchange_sweep").fetchone():
                node.writer.tick(sweep)
            node.close()
        yield host.home, partner.home


def pull(receiver: Node, sender: Node) -> int:
    """Bring the receiver up to date with the sender's feed and give the cosignatures back; entries taken in.

    The bundles and the checks are those of the link; only the network is left out.
    """
    import base64

    from safeconduct.exchange.bundle import Cosignatures
    from safeconduct.exchange.delivery import feed_of
    from safeconduct.exchange.identity import Card

    ours, theirs = receiver.home.party, sender.home.party
    feed, card = feed_of(sender.home, ours), Card.of(sender.home.partners[ours].card)
    begun: int = receiver.door.call("exchange_cursor", {"partner": theirs})["have"]
    have = begun
    while True:
        raw = feed.bundle(have).pack()
        payload = {"partner": theirs, "bundle": base64.b64encode(raw).decode()}
        answer = receiver.door.call("ingest", payload)
        if answer["status"] not in ("ok", "old"):
            raise RuntimeError(f"the exchange stopped: {answer['status']}")
        feed.note_cosignatures(card, Cosignatures.unpack(base64.b64decode(answer["cosignatures"])))
        have = int(answer["have"])
        if have >= feed.size:
            return have - begun


def leaves(home: Home) -> Iterator[dict[str, Any]]:
    """The entries of a home's ledger, in order, whoever writes it."""
    import json
    from contextlib import closing

    from safeconduct.ledger.log import Log
    from safeconduct.records.databases import open_ledger

    with closing(open_ledger(home, read_only=True)) as db:
        log = Log(db, "ledger", "")
        for first in range(0, log.size, 1_000):
            for entry in log.entries(first, min(log.size, first + 1_000)):
                yield json.loads(entry.leaf)


def incidents(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Parts of made-up incidents, of the size that a watch room writes (about 1 KB)."""
    draw = random.Random(seed)
    return [_incident(draw, number) for number in range(count)]


def _incident(draw: random.Random, number: int) -> dict[str, Any]:
    place = draw.choice(_PLACES)
    killed = draw.randrange(12)
    return {
        "summary": {
            "title": f"Incident {number} near {place}",
            "narrative": " ".join(draw.choices(_WORDS, k=60)) + ".",
            "category": "attack",
        },
        "when": {
            "start": f"20{draw.randrange(10, 25)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"
        },
        "where": {
            "latitude": round(draw.uniform(24, 37), 4),
            "longitude": round(draw.uniform(61, 77), 4),
            "place": place,
            "district": f"{place} district",
        },
        "people": {"killed_low": killed, "killed_best": killed, "killed_high": killed + 2},
        "method": {"type": draw.choice(_METHODS)},
        "response": {"units": f"Escort {draw.randrange(40)}", "text": " ".join(draw.choices(_WORDS, k=20))},
        "source": {"name": "Watch room", "external": f"bench:{number}:{draw.getrandbits(48):x}"},
    }


def person(node: Node, role: str, name: str) -> Subject:
    """Somebody of a node's own party with one role, given by a record."""
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject

    party = node.home.party
    assignment = {"person": name, "account_name": name, "role": role, "clearance": 3}
    draft = Draft("role_assignment", {"assignment": assignment}, releasable=())
    commit(system_subject(party), draft, door=node.door)
    return Subject(party, frozenset({role}), 3, frozenset(), frozenset(), name)


def drafts(parts: Sequence[dict[str, Any]]) -> list[Any]:
    """The drafts of incidents reported after the fact."""
    from safeconduct.records.commit import Draft

    return [Draft("incident", each, state="post_incident") for each in parts]


@contextmanager
def folder_for_homes() -> Iterator[Path]:
    """A folder for homes on the disk that BENCH_DIR names (default: the temporary one), gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="safeconduct-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _create(folder: Path, side: str, database: Mapping[str, str] | None = None) -> Home:
    """A home with its databases. The first one of a process starts Django."""
    from safeconduct.node.django_start import migrate, start_django

    party = PARTIES[side]
    public = create_key_file(_key(folder, side))
    signatory = file_signatory(party, f"Signatory of the {side}", public).to_dict()
    port = free_port()
    home = Home.create(
        folder / side,
        party,
        side,
        f"{side.title()} Party",
        signatories=[signatory],
        cadence=3600,
        exchange_port=port,
        exchange_url=f"https://127.0.0.1:{port}",
        **(database or {}),
    )
    start_django(home)
    from django.db import connections

    connections.close_all()
    point(home)
    migrate()
    connections.close_all()
    return home


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def _key(folder: Path, side: str) -> Path:
    return folder / f"{side}.pem"


def _enact(node: Node, agreement: str, place: str, key: Path, numbers: frozenset[str] | None = None) -> None:
    """Put the demonstration's clauses of one folder on record, and agree to all or to those in `numbers`."""
    from safeconduct.node.signing_here import act, agreement_of, propose

    with as_file(files("safeconduct.node.demonstration")) as folder:
        propose(agreement, sorted((folder / place).glob("*.md")), node.door)
    for number in sorted({clause.number for clause in agreement_of(agreement).clauses}):
        if numbers is None or number in numbers:
            act(agreement, number, "agreed", key, None, node.door)


def _agreed() -> frozenset[str]:
    from safeconduct.node.demonstration.fill import statuses

    return frozenset(number for number, status in statuses().items() if status == "agreed")
