"""Real nodes for the tests of the exchange: homes on disk, writers in this process, bundles by hand."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

import ready
from safeconduct.agreement.signatures import create_key_file, file_signatory
from safeconduct.exchange import cadence, outbound
from safeconduct.exchange.bundle import Bundle, Cosignatures
from safeconduct.exchange.delivery import feed_of
from safeconduct.exchange.feed import Feed
from safeconduct.exchange.identity import Card
from safeconduct.exchange.pairing import accept_card, export_card
from safeconduct.node.signing_here import act, propose
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.records.writer import Writer

FIRST, PEOPLE = "1", "2"

INCIDENT: dict[str, Any] = {
    "summary": {
        "title": "Bomb against a convoy",
        "narrative": "Near the airport gate.",
        "category": "attack",
    },
    "when": {"start": "2024-10-06T23:00:00+05:00"},
    "where": {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport", "district": "Karachi"},
    "people": {"killed_best": 2, "injured_best": 1},
    "response": {"units": "Escort 14", "text": "held back"},
}

_CLAUSE_FIRST = """+++
clause  = "1"
version = 1
title   = "Incidents and claims"
texts   = ["en"]

[[grant]]
id     = "1.1"
to     = "both"
roles  = ["coordinator", "watch_officer"]
may    = ["read", "disclose"]
kind   = "incident"
parts  = ["summary", "when", "where"]
whose  = "other"
up_to  = "RESTRICTED"

[[grant]]
id     = "1.2"
to     = "both"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "claim"
parts  = ["figure"]
whose  = "other"
up_to  = "RESTRICTED"

[[grant]]
id     = "1.3"
to     = "both"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "attachment"
parts  = ["description", "content"]
whose  = "other"
up_to  = "RESTRICTED"
+++
## en

1.1 Each Party shall disclose the summary, the time and the place of its incidents to the other, to be read.

1.2 Each Party shall disclose the figures of its claims to the other, to be read.

1.3 Each Party shall disclose its attachments to the other, to be read.
"""

_CLAUSE_PEOPLE = """+++
clause  = "2"
version = 1
title   = "People"
texts   = ["en"]

[[grant]]
id     = "2.1"
to     = "both"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "incident"
parts  = ["people"]
whose  = "other"
up_to  = "CONFIDENTIAL"
when   = ["not_before"]
+++
## en

2.1 Each Party shall disclose what its incidents say of people to the other, to be read, once the time lock opened.
"""


def key_file(folder: Path, party: str) -> Path:
    """The key of a party's signatory, which lies outside its home."""
    return folder / f"{party}.pem"


def create(folder: Path, prepared: Path, party: str, side: str) -> Home:
    """A home with migrated, empty databases and one signatory."""
    public = create_key_file(key_file(folder, party))
    signatory = file_signatory(party, f"Signatory of {party}", public).to_dict()
    given = {"signatories": [signatory], "exchange_pad": 16, "cadence": 3600, **ready.database(prepared)}
    home = Home.create(folder / party, party, side, f"Party {party}", **given)
    if home.database is None:
        shutil.copyfile(prepared / "tables.sqlite3", home.tables)
    return home


@contextmanager
def own_connections() -> Iterator[None]:
    """Leave Django's databases, and whom it answers, as they were found, whatever nodes are opened inside."""
    before = {alias: dict(connections.settings[alias]) for alias in connections}
    answering = settings.ALLOWED_HOSTS, settings.SECRET_KEY
    try:
        yield
    finally:
        settings.ALLOWED_HOSTS, settings.SECRET_KEY = answering
        for alias, wanted in before.items():
            if alias == "tables" or connections.settings[alias] != wanted:
                connections.settings[alias] = wanted
                if hasattr(connections._connections, alias):
                    del connections[alias]


class Node:
    """A home whose writer is this process; several live side by side."""

    def __init__(self, path: Path) -> None:
        self.home = Home.load(path)
        self.offset = 0.0
        connections.settings["tables"] = ready.settings_of(self.home)["tables"]
        if hasattr(connections._connections, "tables"):
            del connections["tables"]
        self.writer = Writer(self.home)
        self.clock = self.writer.clock
        self.writer.clock = lambda: self.clock() + self.offset
        self.door = Door(self.home, self.writer)

    @contextmanager
    def active(self) -> Iterator[Node]:
        """`records.here` and Django's tables are this node's inside the block."""
        before = connections["tables"] if hasattr(connections._connections, "tables") else None
        connections["tables"] = self.writer.connection
        try:
            with here.at(self.home, self.door):
                yield self
        finally:
            if before is not None:
                connections["tables"] = before

    def close(self) -> None:
        self.writer.close()

    def call(self, job: str, **payload: Any) -> dict[str, Any]:
        return self.door.call(job, payload)

    def system(self, job: str, **payload: Any) -> dict[str, Any]:
        return self.call(job, actor={"person": "system", "roles": ["system"]}, **payload)

    def commit(self, kind: str, parts: dict[str, Any], **more: Any) -> Committed:
        with self.active():
            return commit(system_subject(self.home.party), Draft(kind, parts, **more), door=self.door)

    def sweep(self) -> None:
        """Go on looking at older records until nothing is left to look at."""
        while True:
            self.writer.tick(outbound.sweep)
            if not self.writer.db.execute("SELECT 1 FROM exchange_sweep").fetchone():
                return

    def everything(self) -> bytes:
        """All bytes of its home, once what was erased is swept: on a server another session may see it for a moment."""
        end = time.monotonic() + 90
        while self.writer.db.execute("SELECT 1 FROM erasing").fetchone():
            assert time.monotonic() < end, "what was erased is not swept"
            time.sleep(0.05)
            self.writer.tick(lambda _tx: None)
        return ready.bytes_of(self.home)

    def publish(self) -> None:
        self.writer.tick(cadence.publish)

    def feed(self, partner: str) -> Feed:
        return feed_of(self.home, partner)

    def row(self, record: str) -> RowView | None:
        found: list[RowView | None] = []
        self.writer.tick(lambda tx: found.append(tx.row(record)))
        return found[0]

    def of_kind(self, kind: str, originator: str) -> list[RowView]:
        sql = "SELECT id FROM records_row WHERE kind = %s AND originator = %s ORDER BY born"
        ids = [record for (record,) in self.writer.tables.all(sql, [kind, originator])]
        return [row for record in ids if (row := self.row(record)) is not None]

    def in_tx(self, function: Any) -> Any:
        found: list[Any] = []

        def run(tx: Tx) -> None:
            found.append(function(tx))

        self.writer.tick(run)
        return found[0]

    def have(self, partner: str) -> int:
        return int(self.call("exchange_cursor", partner=partner)["have"])

    def ingest(self, partner: str, raw: bytes) -> dict[str, Any]:
        return self.call("ingest", partner=partner, bundle=base64.b64encode(raw).decode())


@contextmanager
def opened(made: Path, folder: Path) -> Iterator[tuple[Node, Node]]:
    """The host `pk` and its partner `cn` of a copy, `world`, of prepared homes."""
    world = folder / "world"
    ready.copy(made, world)
    host, partner = Node(world / "pk"), Node(world / "cn")
    try:
        yield host, partner
    finally:
        partner.close()
        host.close()


def pull(receiver: Node, sender: Node, limit: int = 1000) -> None:
    """Bring the receiver up to date with the sender's feed, and give the cosignatures back."""
    ours, theirs = receiver.home.party, sender.home.party
    while True:
        raw = sender.feed(ours).bundle(receiver.have(theirs), limit).pack()
        answer = receiver.ingest(theirs, raw)
        assert answer["status"] in ("ok", "old"), answer
        give(sender, receiver, answer)
        if answer["have"] >= sender.feed(ours).size:
            return


def give(sender: Node, receiver: Node, answer: dict[str, Any]) -> None:
    """Hand the receiver's cosignatures to the sender of the feed."""
    card = Card.of(sender.home.partners[receiver.home.party].card)
    given = Cosignatures.unpack(base64.b64decode(answer["cosignatures"]))
    sender.feed(receiver.home.party).note_cosignatures(card, given)


def bundle_bytes(sender: Node, receiver: Node, start: int = 0, limit: int = 1000) -> bytes:
    return sender.feed(receiver.home.party).bundle(start, limit).pack()


def unpacked(sender: Node, receiver: Node, start: int = 0) -> Bundle:
    return Bundle.unpack(bundle_bytes(sender, receiver, start))


def make_parties(prepared: Path, folder: Path) -> None:
    """The homes of `pk` (host of both), `cn` and `xx`, paired, clause 1 agreed with both."""
    host = create(folder, prepared, "pk", "host")
    for party, agreement in (("cn", "pk-cn"), ("xx", "pk-xx")):
        pair(host, create(folder, prepared, party, "partner"), agreement)
    for party, agreement in (("cn", "pk-cn"), ("xx", "pk-xx")):
        first, second = Node(folder / "pk"), Node(folder / party)
        propose_first(first, folder, agreement)
        agree(first, second, folder, agreement, FIRST)
        first.close()
        second.close()


def pair(host: Home, partner: Home, agreement: str) -> None:
    """Accept each other's cards, as two people with telephones would."""
    for own, other in ((host, partner), (partner, host)):
        card, spoken = export_card(Home.load(other.path), own.party, agreement)
        node = Node(own.path)
        try:
            accept_card(Home.load(own.path), card, spoken, node.door)
        finally:
            node.close()


def sign(node: Node, folder: Path, agreement: str, number: str, to: str) -> None:
    with node.active():
        act(agreement, number, to, key_file(folder, node.home.party), None, node.door)


def propose_first(node: Node, folder: Path, agreement: str) -> None:
    files = []
    for number, text in ((FIRST, _CLAUSE_FIRST), (PEOPLE, _CLAUSE_PEOPLE)):
        file = folder / f"clause-{number}.md"
        file.write_text(text)
        files.append(file)
    with node.active():
        propose(agreement, files, node.door)


def agree(host: Node, partner: Node, folder: Path, agreement: str, number: str) -> None:
    """Both sign a clause, each having seen what the other signed before."""
    sign(host, folder, agreement, number, "agreed")
    pull(partner, host)
    sign(partner, folder, agreement, number, "agreed")
    pull(host, partner)
    host.sweep()
    partner.sweep()
