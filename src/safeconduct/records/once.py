"""An act that is sent again counts once: a phone with a bad signal does not know whether it was heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from safeconduct.ledger.database import columns
from safeconduct.records.hooks import on_start
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import Tx

MAX_KEY = 128
KEPT_SECONDS = 40 * 86_400.0
"""How long a key is remembered."""
BEFORE = (("journey_word", ""), ("journey_notice", "notice\n"))
"""Tables that had keys of their own, and how their keys begin here."""


@on_start
def make_table(tx: Tx) -> None:
    tx.db.execute(
        "CREATE TABLE IF NOT EXISTS said_once (key TEXT PRIMARY KEY, at REAL NOT NULL, record TEXT NOT NULL, "
        "version INTEGER NOT NULL, idx INTEGER NOT NULL) WITHOUT ROWID"
    )
    tx.db.execute("CREATE INDEX IF NOT EXISTS said_once_at ON said_once (at)")
    for table, begins in BEFORE:
        if columns(tx.db, table):
            tx.db.execute(
                f"INSERT INTO said_once SELECT ? || key, at, record, version, idx FROM {table} WHERE 1 = 1 "
                "ON CONFLICT DO NOTHING",
                (begins,),
            )
            tx.db.execute(f"DROP TABLE {table}")


def once(tx: Tx, who: str, key: str, work: Callable[[], tuple[str, int, int]]) -> dict[str, Any]:
    """Do the work, which answers (record, version, ledger index); if `who` has used this key before, only answer what
    it became then. `who` is a person and, where a key counts for one thing alone, that thing; without a key the work
    is always done. Raises Malformed for an overlong key."""
    if len(key) > MAX_KEY:
        raise Malformed(f"a key has at most {MAX_KEY} characters")
    kept = f"{who}\n{key}"
    if key:
        sql = "SELECT record, version, idx FROM said_once WHERE key = ?"
        found = tx.db.execute(sql, (kept,)).fetchone()
        if found is not None:
            return {"record": found[0], "version": found[1], "index": found[2]}
    record, version, index = work()
    if key:
        tx.db.execute("DELETE FROM said_once WHERE at < ?", (tx.now - KEPT_SECONDS,))
        tx.db.execute("INSERT INTO said_once VALUES (?, ?, ?, ?, ?)", (kept, tx.now, record, version, index))
    return {"record": record, "version": version, "index": index}
