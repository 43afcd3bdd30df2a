"""A journey of the Partner's people under way, known to both nodes, and phones that report it."""

from __future__ import annotations

import json
import struct
import time
from typing import Any

import ready
from exchange.nodes import Node, pull
from journeys.two_nodes import parts, person
from safeconduct.exchange.spool import Shelf, spool_file
from safeconduct.journeys import rules
from safeconduct.positions.keeping import store_of
from safeconduct.positions.store import Position, Store
from safeconduct.records.transaction import iso

PHONE = "phone-of-li-0042"


def journey(host: Node, partner: Node, **notice: Any) -> tuple[str, str]:
    """A journey under way: its id on the Host's node, and on the Partner's."""
    manager = person(partner, f"manager-{time.monotonic_ns()}", "security_manager")
    with partner.active():
        given = parts(0.05, emergency=True, **notice)
        movement = rules.notify_movement(manager, given, [{"who": {"name": "Li"}}]).record
    pull(host, partner)
    say(partner, movement, "departed")
    pull(host, partner)
    (there,) = [
        row
        for row in host.of_kind("movement", "cn")
        if row.version and known(host, row.id, partner, movement)
    ]
    assert there.state == "under_way"
    return there.id, movement


def long_agreed(*nodes: Node) -> None:
    """Let the clause have been in force for as long as anything here is old."""
    for node in nodes:
        node.writer.db.execute("UPDATE position_since SET at = 0")


def known(host: Node, record: str, partner: Node, movement: str) -> bool:
    sql = "SELECT opaque FROM exchange_sent WHERE partner = 'pk' AND record = ?"
    (opaque,) = partner.writer.db.execute(sql, (movement,)).fetchone()
    found = host.writer.db.execute(
        "SELECT record FROM exchange_received WHERE partner = 'cn' AND opaque = ?", (opaque,)
    ).fetchone()
    return found is not None and found[0] == record


def say(node: Node, movement: str, category: str) -> None:
    at = iso(time.time() + node.offset)
    node.commit("check_in", {"word": {"at": at, "entered": at, "category": category}}, about=movement)


def report(node: Node, movement: str, latitude: float, at: float | None = None, who: str = PHONE) -> Position:
    """A phone's position, stored and told to the writer just as the web process does."""
    fix = Position(movement, who, at or time.time() + node.offset, latitude, 66.9, 12.0, 20.0, 270.0)
    store = Store(node.home)
    store.put([fix])
    store.tell([fix])
    store.close()
    node.call("positions_seen", movement=movement, fixes=[[who, fix.at, latitude, 66.9, 12.0]])
    return fix


def lines(sender: Node, receiver: Node) -> list[list[Any]]:
    """What lies in the sender's spool for the receiver."""
    file = spool_file(sender.home, receiver.home.party)
    return [json.loads(line) for line in file.read_bytes().splitlines()[1:]] if file.exists() else []


def carry(sender: Node, receiver: Node) -> dict[str, Any]:
    """What the courier does, without the network."""
    raw = Shelf(sender.home, receiver.home.party).since("", 0)
    if raw is None:
        return {"kept": 0}
    head, *some = raw.decode().splitlines()
    return hand_over(sender, receiver, some, head)


def hand_over(
    sender: Node, receiver: Node, some: list[Any], head: Any = '{"seq":1,"spool":"ab"}'
) -> dict[str, Any]:
    return receiver.call("positions_flowed", partner=sender.home.party, head=head, lines=some)


def kept(node: Node, movement: str, party: str) -> list[Position]:
    """What a node holds of a movement that came from a party."""
    return store_of(node.home).track(movement, 0.0, 10_000, (party,))


def entries(node: Node, kind: str = "flow") -> list[dict[str, Any]]:
    """The ledger's entries of a type, oldest first."""
    found = [json.loads(entry.leaf) for entry in node.writer.log.entries(0, node.writer.log.size)]
    return [header for header in found if header["type"] == kind]


def bytes_of_positions(node: Node) -> bytes:
    """Every byte in which positions may lie: the database, its log, and the spools. Of a server, what it gives."""
    folder = node.home.path
    if node.home.database is not None:
        given = [value for row in ready.rows_of(node.home, "positions") for value in row]
        spools = b"".join(file.read_bytes() for file in folder.glob("feeds/*/positions*"))
        return spools + b"".join(struct.pack(">d", value) for value in given if isinstance(value, float))
    files = [*folder.glob(f"{node.home.positions.name}*"), *folder.glob("feeds/*/positions*")]
    return b"".join(file.read_bytes() for file in files)
