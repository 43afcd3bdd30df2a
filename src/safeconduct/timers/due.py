"""Durable timers: what is to be done at a moment, as rows beside the ledger.

A row is armed, disarmed and fired inside the writer's transactions, so what a timer does, its own completion
and what it arms next become durable together: a process that is killed at any moment loses none and repeats
none. The rows lie in the ledger's database, so backups have them and a rebuild of the tables leaves them alone.

A handler is a function `(tx, payload, due)`. It decides by the records as they are now, not by the time that
has passed: a timer may be late by as long as the node was off, and the clock may have been set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from safeconduct.ledger.database import Database
from safeconduct.records.hooks import on_start
from safeconduct.records.transaction import Tx

Handler = Callable[[Tx, dict[str, Any], float], None]

MAX_KEY = 200
MAX_PAYLOAD = 16 * 1024

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS timer_due (
        key TEXT PRIMARY KEY,
        due REAL NOT NULL,
        next REAL NOT NULL,
        name TEXT NOT NULL,
        payload TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        fault TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID
    """,
    "CREATE INDEX IF NOT EXISTS timer_next ON timer_due (next, due, key)",
)
_handlers: dict[str, Handler] = {}


@dataclass(frozen=True)
class Armed:
    """A timer that waits. `due` is when it is to fire and `next` when it will be tried (later than `due` once
    it has failed `tries` times, last with `fault`); seconds since 1970."""

    key: str
    due: float
    next: float
    name: str
    payload: dict[str, Any]
    tries: int
    fault: str


def timer(name: str) -> Callable[[Handler], Handler]:
    """Register what is done when a timer of this name is due. Raises ValueError for a name given twice."""

    def register(function: Handler) -> Handler:
        if _handlers.setdefault(name, function) is not function:
            raise ValueError(f"two timers are named {name}")
        return function

    return register


def handler(name: str) -> Handler | None:
    return _handlers.get(name)


def arm(tx: Tx, key: str, due: float, name: str, payload: Mapping[str, Any]) -> None:
    """Have the handler `name` called with the payload at `due` (seconds since 1970), once.

    There is one timer to a key: what was armed under it before is replaced. Raises ValueError for an empty or
    overlong key, a due time that is none, or a payload that is not JSON or larger than 16 KB.
    """
    if not 0 < len(key) <= MAX_KEY:
        raise ValueError(f"a timer's key has 1 to {MAX_KEY} characters")
    moment = float(due)
    if not abs(moment) < 1e12:
        raise ValueError("a timer is due at a moment")
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if len(text.encode()) > MAX_PAYLOAD:
        raise ValueError(f"a timer's payload has at most {MAX_PAYLOAD} bytes")
    tx.db.execute(
        "INSERT INTO timer_due (key, due, next, name, payload) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
        "due = excluded.due, next = excluded.next, name = excluded.name, payload = excluded.payload, tries = 0, "
        "fault = ''",
        (key, moment, moment, name, text),
    )


def disarm(tx: Tx, key: str) -> bool:
    """Take a timer away; False when none was armed under this key."""
    return bool(tx.db.execute("DELETE FROM timer_due WHERE key = ?", (key,)).rowcount)


def armed(tx: Tx, prefix: str = "") -> Iterator[Armed]:
    """The timers that wait and whose key begins so, in the order in which they are due."""
    rows = tx.db.execute(
        "SELECT key, due, next, name, payload, tries, fault FROM timer_due WHERE key >= ? AND key < ? "
        "ORDER BY due, key",
        _range(prefix),
    ).fetchall()
    for key, due, next_try, name, payload, tries, fault in rows:
        yield Armed(key, due, next_try, name, json.loads(payload), tries, fault)


def _range(prefix: str) -> tuple[str, str]:
    return prefix, prefix + "\U0010ffff"


@on_start
def make_table(tx: Tx) -> None:
    create_tables(tx.db)


def create_tables(db: Database) -> None:
    for statement in _SCHEMA:
        db.execute(statement)
