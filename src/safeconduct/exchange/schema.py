"""The tables beside the ledger in which the writer keeps what it remembers of each partner."""

from __future__ import annotations

import sqlite3

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
CREATE TABLE IF NOT EXISTS exchange_received_entry (
    record TEXT NOT NULL,
    ledger_index INTEGER NOT NULL,
    held INTEGER NOT NULL,
    PRIMARY KEY (record, ledger_index)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exchange_hold (record TEXT PRIMARY KEY, because TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS exchange_retained (
    partner TEXT NOT NULL,
    idx INTEGER NOT NULL,
    record TEXT NOT NULL,
    mask INTEGER NOT NULL,
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
CREATE TABLE IF NOT EXISTS exchange_lock (record TEXT PRIMARY KEY, opens REAL NOT NULL)
"""


def create_tables(db: sqlite3.Connection) -> None:
    """Make the tables that are not there yet, inside the caller's transaction."""
    for statement in _SCHEMA.split(";"):
        db.execute(statement)
