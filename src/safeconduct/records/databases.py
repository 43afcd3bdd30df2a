"""Where the databases of a node lie: files in its home, or schemas of the PostgreSQL database that node.toml names.

A partner's feed has a database of its own: files, or what `feeds_database` names, which the process that serves it
reaches with rights of its own.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from safeconduct.ledger.database import Database, columns, open_database
from safeconduct.records.home import Home, HomeError
from safeconduct.records.users import permit

if TYPE_CHECKING:
    from safeconduct.ledger.postgres import Postgres

BUSY_MS = 20_000
CLAIM_SECONDS = 5.0
SHOWING = ("web", "field")
"""Processes that show records, which work as another role where node.toml names one:"""
WEB = "database_web"


def address(home: Home) -> str | None:
    """The PostgreSQL database that holds what would be files in the home; None when it is files."""
    return home.database


def feeds_address(home: Home) -> str | None:
    """The same for the partners' feeds."""
    return home.feeds_database


def open_ledger(home: Home, *, read_only: bool = False) -> Database:
    """The ledger and what lies beside it. Only the writer opens it for writing.

    Raises HomeError for a PostgreSQL that will not do, one of FAULTS when there is no connection.
    """
    place = address(home)
    if place is not None:
        return _postgres(place, "ledger", read_only=read_only)
    if not read_only and moved_mark(home).exists():
        raise HomeError(
            "this node was moved to PostgreSQL, and the ledger beside it is that of before: going on with it would "
            "sign two histories. Put `database` back into node.toml"
        )
    return open_database(home.ledger, read_only=read_only)


def moved_mark(home: Home) -> Path:
    """The file that stands where a node once was moved away from."""
    return home.path / "moved"


def has_ledger(home: Home) -> bool:
    """Whether a writer ever made a ledger here."""
    if address(home) is None:
        return home.ledger.exists()
    with closing(open_ledger(home, read_only=True)) as db:
        return bool(columns(db, "ledger_leaf"))


def claim(db: Database) -> bool:
    """Be the only writer of a ledger, on whichever machine; False when another is. A file's lock is the home's.

    A server takes a moment to notice that a writer has ended: so long is waited.
    """
    from safeconduct.ledger.postgres import Postgres

    if not isinstance(db, Postgres):
        return True
    end = time.monotonic() + CLAIM_SECONDS
    while not (claimed := db.claim()) and time.monotonic() < end:
        time.sleep(0.02)
    return claimed


def open_tables(home: Home) -> Database:
    """The tables that the ledger explains, for reading by plain SQL."""
    place = address(home)
    if place is None:
        return open_database(home.tables, read_only=True)
    return _postgres(place, "tables", read_only=True)


def open_positions(home: Home) -> Database:
    """The positions of journeys, for any process of the node: as the role that its process has."""
    place = address(home)
    if place is None:
        fresh = not home.positions.exists()
        connection = open_database(home.positions)
        if fresh:
            permit(home, home.positions)
        connection.execute("PRAGMA busy_timeout = 10000")
        return connection
    shows = os.environ.get("SAFECONDUCT_PROCESS") in SHOWING
    return _postgres(home.settings.get(WEB, place) if shows else place, "positions", reconnects=True)


def let_in(home: Home, db: Database) -> None:
    """The role of the processes that show records keeps and reads positions; only the owner made their tables."""
    if address(home) is None or not home.settings.get(WEB):
        return
    from safeconduct.ledger.postgres import role_of

    role = role_of(str(home.settings[WEB]))
    db.execute(f"GRANT USAGE ON SCHEMA positions TO {role}")
    db.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA positions TO {role}")


def may_have_positions(home: Home) -> bool:
    """False where nobody has kept one yet."""
    return address(home) is not None or home.positions.exists()


def open_feed(home: Home, partner: str, *, appends: bool = False, read_only: bool = False) -> Database:
    """The feed to a partner, for the writer that appends and for those who read it."""
    place = feeds_address(home)
    if place is None:
        connection = open_database(home.feed(partner) / "feed.sqlite3", read_only=read_only)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        return connection
    return _postgres(place, f"feed_{partner}", read_only=read_only, reconnects=not appends)


def set_feed_aside(home: Home, partner: str, agreement: str, destroy: bool) -> None:
    """Take the feed to a former partner out of a PostgreSQL database: under another name, or for good.

    Where feeds are files, they are moved with their folder.
    """
    place = feeds_address(home)
    if place is None:
        return
    schema = f'"feed_{partner}"'
    with closing(_postgres(place, f"feed_{partner}")) as db:
        if destroy:
            db.execute(f"DROP SCHEMA {schema} CASCADE")
        else:
            kept = f'"parted_{partner}_{agreement}"'
            db.execute(f"DROP SCHEMA IF EXISTS {kept} CASCADE")
            db.execute(f"ALTER SCHEMA {schema} RENAME TO {kept}")


def needs_files(home: Home, what: str) -> None:
    """Raises HomeError where something can be done with SQLite's files only."""
    if address(home) is not None or feeds_address(home) is not None:
        raise HomeError(
            f"{what} of this kind is for a node whose databases are files; this one's are on PostgreSQL: "
            "see pg_basebackup or pg_dump in docs/operator.md"
        )


def _postgres(address: str, schema: str, *, read_only: bool = False, reconnects: bool = False) -> Postgres:
    from safeconduct.ledger.postgres import Postgres, Unfit

    try:
        return Postgres(address, schema, read_only=read_only, reconnects=reconnects)
    except Unfit as fault:
        raise HomeError(f"node.toml: {fault}") from None
