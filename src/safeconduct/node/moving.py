"""Carrying a node whose databases are files over to PostgreSQL, once, while it stands still.

Nothing of the home is changed until all of it is there and was compared: then node.toml is switched, and the files stay
beside as they were. What an interrupted move had made says so itself, and is taken away by the next one.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from safeconduct.exchange.identity import feed_origin
from safeconduct.ledger.carrying import carry
from safeconduct.ledger.database import columns, open_database, transaction
from safeconduct.ledger.log import Log
from safeconduct.ledger.partitions import LEAVES
from safeconduct.ledger.postgres import Postgres, Unfit
from safeconduct.ledger.tree import TILE_WIDTH
from safeconduct.node.backups import Verdict, verify_home
from safeconduct.node.moving_keys import carry_keys, empty_for_keys
from safeconduct.records.databases import keys_are_moved, note_moved, refuse_moved
from safeconduct.records.home import Home, HomeError
from safeconduct.records.stillness import standing_still

Told = Callable[[str], None]
_PARTITIONED = {"ledger_leaf": ("idx", LEAVES, TILE_WIDTH)}
"""Positions are put into theirs by the first writer."""
_MARK = "moving"
"""The schema that says of a database that all of it comes from a move that is not complete."""
_OURS = (
    "SELECT CAST(nspname AS TEXT) FROM pg_namespace WHERE nspname LIKE 'feed\\_%' "
    "OR nspname IN ('ledger', 'positions', 'tables', 'accounts', 'reading', 'moving')"
)


def move(home: Home, addresses: Mapping[str, str], tell: Told) -> Verdict:
    """Carry a home over to the PostgreSQL databases that these settings name, and switch node.toml to them.

    Returns what the ledger is there, which is what it was here. Raises HomeError when the node runs, its ledger does
    not hold, or a database has something in it.
    """
    if home.database is not None or home.feeds_database is not None:
        raise HomeError("this node's databases are on PostgreSQL already")
    refuse_moved(home)
    if home.keys_database is not None and "keys_database" in addresses:
        raise HomeError("this node's keys are on PostgreSQL already")
    there = replace(home, settings={**home.settings, **addresses})
    with standing_still(home), ExitStack() as stack:
        tell("verifying the ledger")
        before = verify_home(home)
        if before.broken is not None:
            raise HomeError(f"the ledger is broken at index {before.broken}: {before.why}")
        token = uuid4().hex
        marks = [
            stack.enter_context(closing(_empty(address, home.party, token)))
            for address in (there.database, there.feeds_database)
            if address is not None
        ]
        if "keys_database" in addresses:
            empty_for_keys(there)
            tell("carrying the keys")
            carry_keys(home, there)
        tell(f"carrying {before.size:,} ledger entries")
        _carried(home.ledger, str(there.database), "ledger")
        if home.positions.exists():
            _carried(home.positions, str(there.database), "positions")
        if there.feeds_database is not None:
            for file in sorted((home.path / "feeds").glob("*/feed.sqlite3")):
                _carry_feed(home, file, there.feeds_database)
        tell("verifying what is there")
        after = verify_home(there)
        if after != before:
            raise HomeError(f"what was carried over is not what was here: {after.why or 'another root'}")
        tell("copying the accounts, making the tables again")
        _fill(home, there, before)
        for mark in marks:
            mark.execute(f"DROP SCHEMA IF EXISTS {_MARK} CASCADE")
        there.save()
        note_moved(there)  # or whichever writer starts first
        if "keys_database" in addresses:
            keys_are_moved(there)
    return after


def _empty(address: str, party: str, token: str) -> Postgres:
    """A connection to a database that holds nothing but the mark that a move is under way. Raises HomeError for one
    that is somebody's."""
    try:
        db = Postgres(address, _MARK)
    except Unfit as fault:
        raise HomeError(str(fault)) from None
    try:
        if not db.claim():
            raise HomeError("another move into this database is under way")
        begun = bool(columns(db, "begun"))
        whose = db.execute("SELECT party, token FROM begun").fetchone() if begun else None
        if whose == (party, token):
            return db
        held = db.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'moving')"
        ).fetchone()[0]
        if held and (whose is None or whose[0] != party):
            if not begun:
                db.execute(f"DROP SCHEMA {_MARK}")
            raise HomeError("there are tables in this database already; a move needs an empty one")
        with transaction(db):
            for (name,) in db.execute(_OURS).fetchall():
                db.execute(f'DROP SCHEMA "{name}" CASCADE')
            db.execute(f"CREATE SCHEMA {_MARK}")
            db.execute("CREATE TABLE begun (party TEXT NOT NULL, token TEXT NOT NULL)")
            db.execute("INSERT INTO begun VALUES (?, ?)", (party, token))
    except BaseException:
        db.close()
        raise
    return db


def _carried(file: Path, address: str, schema: str) -> None:
    with closing(open_database(file, read_only=True)) as source, closing(Postgres(address, schema)) as target:
        with transaction(target):
            counts = carry(source, target, partitioned=_PARTITIONED)
        for table, count in counts.items():
            if target.execute(f'SELECT count(*) FROM "{table}"').fetchone() != (count,):  # noqa: S608
                raise HomeError(f"{table} is not there as it was here")


def _carry_feed(home: Home, file: Path, address: str) -> None:
    partner = file.parent.name
    _carried(file, address, f"feed_{partner}")
    heads = []
    for db in (open_database(file, read_only=True), Postgres(address, f"feed_{partner}")):
        with closing(db):
            log = Log(db, "feed", feed_origin(home.party, partner))
            heads.append((log.size, log.root(), log.verify()))
    if heads[0] != heads[1] or heads[1][2] is not None:
        raise HomeError(f"the feed to {partner} is not there as it was here")


def _fill(home: Home, there: Home, ledger: Verdict) -> None:
    """The accounts as they are here, and the tables that the ledger explains, in the databases of `there`.

    Done in a folder that is a home like the one to come: this one's configuration is not changed yet.
    """
    from safeconduct.node.django_start import migrate, start_django
    from safeconduct.node.moving_accounts import copy_accounts
    from safeconduct.records.writer import Writer

    folder = home.path / _MARK
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        (folder / "keys").symlink_to(home.keys)
        replace(there, path=folder).save()
        to_be = Home.load(folder)
        start_django(to_be)
        migrate()
        if home.accounts.exists():
            copy_accounts(home.accounts)
        writer = Writer(to_be, begins=False)
        found = writer.log.size, base64.b64encode(writer.log.root()).decode()
        writer.close()
        if found != (ledger.size, ledger.root):
            raise HomeError("the ledger changed while it was carried over")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
