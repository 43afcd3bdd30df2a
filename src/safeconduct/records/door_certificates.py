"""Which certificates the door of another machine takes: a list beside the ledger, the same for every machine's writer.

What is not on it is not let in, whoever signed it; what is taken off it is let out at once.
"""

from __future__ import annotations

import re
from typing import Any

from safeconduct.records.hooks import job, on_start
from safeconduct.records.machines import MACHINE
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.transaction import Tx

TOPIC = "machines"
"""What the bus says when the list has changed."""
_SERIAL = re.compile(r"[0-9a-f]{1,40}")
_TABLE = (
    "CREATE TABLE IF NOT EXISTS door_certificate (serial TEXT PRIMARY KEY, machine TEXT NOT NULL, "
    "process TEXT NOT NULL, ends REAL NOT NULL, since REAL NOT NULL)"
)


@on_start
def make_table(tx: Tx) -> None:
    tx.db.execute(_TABLE)


@job("machine_added", by=())
def added(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Take the certificates of a machine's processes from now on, and none that it had before. Raises Malformed."""
    try:
        machine = str(payload["machine"])
        given = [(str(c["serial"]), str(c["process"]), float(c["ends"])) for c in payload["certificates"]]
    except (KeyError, TypeError, ValueError) as fault:
        raise Malformed("a machine has a name and certificates") from fault
    if not MACHINE.fullmatch(machine) or not all(_SERIAL.fullmatch(serial) for serial, _, _ in given):
        raise Malformed("a machine has a name and certificates")
    tx.db.execute("DELETE FROM door_certificate WHERE machine = ?", (machine,))
    for serial, process, ends in given:
        tx.db.execute(
            "INSERT INTO door_certificate (serial, machine, process, ends, since) VALUES (?, ?, ?, ?, ?)",
            (serial, machine, process, ends, tx.now),
        )
    tx.announce({"topic": TOPIC})
    return {}


@job("machine_removed", by=())
def removed(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Take no certificate of a machine any more; its connections end at once. Raises NotFound."""
    machine = str(payload.get("machine"))
    known = tx.db.execute("SELECT 1 FROM door_certificate WHERE machine = ? LIMIT 1", (machine,)).fetchone()
    if known is None:
        raise NotFound(machine)
    tx.db.execute("DELETE FROM door_certificate WHERE machine = ?", (machine,))
    tx.announce({"topic": TOPIC})
    return {}


@job("machines", by=())
def machines(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Every certificate that the door takes."""
    rows = tx.db.execute("SELECT serial, machine, process, ends, since FROM door_certificate").fetchall()
    names = ("serial", "machine", "process", "ends", "since")
    return {"certificates": [dict(zip(names, row, strict=True)) for row in rows]}
