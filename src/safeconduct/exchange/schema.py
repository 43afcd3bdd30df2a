"""The tables beside the ledger in which the writer keeps what it remembers of each partner.

They carry a version number: a home that an earlier version made is brought up to this one when its writer starts.
"""

from __future__ import annotations

from collections.abc import Callable

from safeconduct.ledger.database import Database, columns
from safeconduct.ledger.log import Log
from safeconduct.records.entries import PLAIN, SEALED, unpack

VERSION = 4

_SCHEMA = """
CREATE TABLE IF NOT EXISTS exchange_partner (
    partner TEXT PRIMARY KEY,
    feed_size INTEGER NOT NULL DEFAULT 0,
    frozen TEXT NOT NULL DEFAULT '',
    feed_note BLOB NOT NULL DEFAULT x'',
    ledger_size INTEGER NOT NULL DEFAULT 0,
    ledger_root BLOB NOT NULL DEFAULT x'',
    ledger_note BLOB NOT NULL DEFAULT x'',
    cosigned_feed BLOB NOT NULL DEFAULT x'',
    acked_ledger INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS exchange_outbox (
    partner TEXT NOT NULL,
    idx INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (partner, idx)
);
CREATE TABLE IF NOT EXISTS exchange_sent (
    partner TEXT NOT NULL,
    record TEXT NOT NULL,
    opaque TEXT NOT NULL,
    version INTEGER NOT NULL,
    own_version INTEGER NOT NULL,
    own_index INTEGER NOT NULL,
    held INTEGER NOT NULL,
    digests TEXT NOT NULL,
    commitment TEXT NOT NULL,
    at TEXT NOT NULL,
    about TEXT NOT NULL,
    PRIMARY KEY (partner, record),
    UNIQUE (partner, opaque)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS exchange_sent_record ON exchange_sent (record);
CREATE TABLE IF NOT EXISTS exchange_sent_entry (
    partner TEXT NOT NULL,
    idx INTEGER NOT NULL,
    record TEXT NOT NULL,
    mask INTEGER NOT NULL,
    PRIMARY KEY (partner, idx)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS exchange_sent_entry_record ON exchange_sent_entry (partner, record);
CREATE TABLE IF NOT EXISTS exchange_lost (
    partner TEXT NOT NULL,
    opaque TEXT NOT NULL,
    PRIMARY KEY (partner, opaque)
);
CREATE TABLE IF NOT EXISTS exchange_asked (
    partner TEXT NOT NULL,
    idx INTEGER NOT NULL,
    record TEXT NOT NULL,
    mask INTEGER NOT NULL,
    PRIMARY KEY (partner, idx)
);
CREATE TABLE IF NOT EXISTS exchange_erasing (
    partner TEXT NOT NULL,
    idx INTEGER NOT NULL,
    mask INTEGER NOT NULL,
    PRIMARY KEY (partner, idx)
);
CREATE TABLE IF NOT EXISTS exchange_held_back (record TEXT PRIMARY KEY, mask INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS exchange_received (
    partner TEXT NOT NULL,
    opaque TEXT NOT NULL,
    record TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    ledger_index INTEGER NOT NULL,
    held INTEGER NOT NULL,
    leaf TEXT NOT NULL,
    PRIMARY KEY (partner, opaque)
);
CREATE INDEX IF NOT EXISTS exchange_received_at ON exchange_received (ledger_index);
CREATE TABLE IF NOT EXISTS exchange_received_entry (
    record TEXT NOT NULL,
    ledger_index INTEGER NOT NULL,
    held INTEGER NOT NULL,
    PRIMARY KEY (record, ledger_index)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exchange_hold (
    record TEXT PRIMARY KEY,
    because TEXT NOT NULL,
    person TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL DEFAULT 0,
    idx INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS exchange_retained (
    partner TEXT NOT NULL,
    idx INTEGER NOT NULL,
    record TEXT NOT NULL,
    mask INTEGER NOT NULL,
    at REAL NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (partner, idx)
);
CREATE TABLE IF NOT EXISTS exchange_evidence (
    partner TEXT NOT NULL,
    at REAL NOT NULL,
    what TEXT NOT NULL,
    ours BLOB NOT NULL,
    theirs BLOB NOT NULL,
    bundle BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS exchange_sweep (partner TEXT PRIMARY KEY, cursor INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS exchange_lock (record TEXT PRIMARY KEY, opens REAL NOT NULL);
CREATE TABLE IF NOT EXISTS exchange_opened (record TEXT PRIMARY KEY, opens REAL NOT NULL);
CREATE TABLE IF NOT EXISTS exchange_sealed (
    partner TEXT NOT NULL,
    record TEXT NOT NULL,
    bundle TEXT NOT NULL,
    mask INTEGER NOT NULL,
    PRIMARY KEY (partner, record, bundle)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exchange_sealed_file (
    bundle TEXT PRIMARY KEY,
    partner TEXT NOT NULL,
    file BLOB NOT NULL,
    expires REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS exchange_sealed_in (
    bundle TEXT PRIMARY KEY,
    partner TEXT NOT NULL,
    cover TEXT NOT NULL,
    body BLOB NOT NULL,
    received REAL NOT NULL,
    by TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_try REAL NOT NULL,
    state TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS exchange_sealed_held (
    partner TEXT NOT NULL,
    opaque TEXT NOT NULL,
    record TEXT NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    ledger_index INTEGER NOT NULL,
    held INTEGER NOT NULL,
    digests TEXT NOT NULL,
    labels TEXT NOT NULL,
    PRIMARY KEY (partner, opaque)
);
CREATE TABLE IF NOT EXISTS exchange_unread (
    partner TEXT NOT NULL,
    idx INTEGER NOT NULL,
    ledger_index INTEGER NOT NULL,
    kind TEXT NOT NULL,
    record TEXT NOT NULL,
    leaf BLOB NOT NULL,
    PRIMARY KEY (partner, idx)
);
CREATE INDEX IF NOT EXISTS exchange_unread_record ON exchange_unread (partner, record);
CREATE TABLE IF NOT EXISTS exchange_epoch (partner TEXT PRIMARY KEY, epoch INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS exchange_resuming (partner TEXT PRIMARY KEY, view BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS exchange_renewal (
    partner TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    keep INTEGER NOT NULL,
    adopted TEXT NOT NULL,
    reached INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS exchange_former_key (role TEXT NOT NULL, vkey TEXT NOT NULL, PRIMARY KEY (role, vkey));
CREATE TABLE IF NOT EXISTS exchange_own_key (role TEXT PRIMARY KEY, vkey TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS exchange_parting (
    partner TEXT PRIMARY KEY,
    at REAL NOT NULL,
    closed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS exchange_schema (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL)
"""


class NewerSchema(SystemExit):
    """The home was used by a later version, whose tables this one does not know."""


def create_tables(db: Database, log: Log) -> None:
    """Bring the tables up to this version, inside the caller's transaction. Raises NewerSchema."""
    found = _version_of(db)
    if found > VERSION:
        raise NewerSchema(
            f"this home's exchange tables are of version {found}, and this program knows version {VERSION}: "
            "start the later program again"
        )
    for version in range(found or VERSION, VERSION):
        upgrade = _UPGRADES.get(version)
        if upgrade is not None:
            upgrade(db, log)
    for statement in _SCHEMA.split(";"):
        db.execute(statement)
    db.execute(
        "INSERT INTO exchange_schema VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET version = excluded.version",
        (VERSION,),
    )


def _version_of(db: Database) -> int:
    """The version of the tables that are there; 0 for none. The first two did not say it."""
    if columns(db, "exchange_schema"):
        return int(db.execute("SELECT version FROM exchange_schema").fetchone()[0])
    entries = columns(db, "exchange_received_entry")
    if not entries:
        return 0
    return 2 if "held" in entries else 1


def _tell_parts_held(db: Database, log: Log) -> None:
    """Version 2 says of each received entry which parts it still holds: those that lie beside its leaf."""
    db.execute("ALTER TABLE exchange_received_entry ADD COLUMN held INTEGER NOT NULL DEFAULT 0")
    for record, index in db.execute("SELECT record, ledger_index FROM exchange_received_entry").fetchall():
        parts = unpack(log.entry(index).body or b"")
        held = sum(1 << bit for bit, part in enumerate(parts) if part.state in (PLAIN, SEALED))
        db.execute(
            "UPDATE exchange_received_entry SET held = ? WHERE record = ? AND ledger_index = ?",
            (held, record, index),
        )
    db.execute("DELETE FROM exchange_received_entry WHERE held = 0")


def _tell_who_holds(db: Database, log: Log) -> None:
    """Version 4 says of each hold who set it, when and by which entry, and of what waits for it since when
    and up to which version."""
    wanted = {
        "exchange_hold": (
            "person TEXT NOT NULL DEFAULT ''",
            "at REAL NOT NULL DEFAULT 0",
            "idx INTEGER NOT NULL DEFAULT 0",
        ),
        "exchange_retained": ("at REAL NOT NULL DEFAULT 0", "version INTEGER NOT NULL DEFAULT 0"),
    }
    for table, added in wanted.items():
        there = columns(db, table)
        for column in added if there else ():
            if column.split()[0] not in there:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")


_UPGRADES: dict[int, Callable[[Database, Log], None]] = {1: _tell_parts_held, 3: _tell_who_holds}
"""What a version needs before it is the next one, besides tables that it does not have yet."""
