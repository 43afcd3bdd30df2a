"""Where the databases of a node lie: files in its home, or schemas of the PostgreSQL database that node.toml names.

A partner's feed has a database of its own: files, or what `feeds_database` names, which the process that serves it
reaches with rights of its own. Keys have a third one, which is in no backup of the other two.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from safeconduct.ledger.database import Database, columns, open_database
from safeconduct.ledger.keystore import KeyStore, KeyStoreRefused
from safeconduct.ledger.log import Log
from safeconduct.ledger.partitions import LEAVES
from safeconduct.ledger.tiles import Folder
from safeconduct.records.home import Home, HomeError
from safeconduct.records.users import SHOWING, permit

if TYPE_CHECKING:
    from safeconduct.ledger.postgres import Postgres

BUSY_MS = 20_000
CLAIM_SECONDS = 5.0
_POSITIONS = (
    "SELECT quote_ident(relname), relispartition FROM pg_class "
    "WHERE relnamespace = CAST('positions' AS regnamespace) AND relkind IN ('r', 'p')"
)
WEB = "database_web"
"""The node's database as the role of the processes that show records."""
KEYS_FEED = "keys_database_feed"
"""The database of keys as the role of the process that serves feeds."""


def address(home: Home) -> str | None:
    """The PostgreSQL database that holds what would be files in the home; None when it is files."""
    return home.database


def feeds_address(home: Home) -> str | None:
    """The same for the partners' feeds."""
    return home.feeds_database


def keys_address(home: Home) -> str | None:
    """The same for the keys of sealed parts. One that may only read those of feeds has an address of its own."""
    return home.keys_database or home.settings.get(KEYS_FEED)


def open_ledger(home: Home, *, read_only: bool = False) -> Database:
    """The ledger and what lies beside it. Only the writer opens it for writing.

    Raises HomeError for a PostgreSQL that will not do, one of FAULTS when there is no connection.
    """
    place = address(home)
    if place is not None:
        return _postgres(place, "ledger", read_only=read_only)
    if not read_only:
        refuse_moved(home)
    return open_database(home.ledger, read_only=read_only)


def ledger_of(home: Home, db: Database) -> Log:
    """The ledger in a database of this node, with the archive that node.toml attaches."""
    log = Log(db, "ledger", f"{home.party}.safeconduct/ledger", width=LEAVES)
    if home.archive is not None:
        log.past.folder = Folder(home.archive)
    return log


def moved_mark(home: Home) -> Path:
    """The file that stands where a node once was moved away from."""
    return home.path / "moved"


def refuse_moved(home: Home) -> None:
    """Raises HomeError for a home from which the node was moved away, and whose files are those of before."""
    if address(home) is None and moved_mark(home).exists():
        raise HomeError(
            "this node was moved to PostgreSQL, and the ledger beside it is that of before: going on with it would "
            "sign two histories. Put `database` back into node.toml"
        )


def note_moved(home: Home) -> None:
    """Make the marks that a move could not make any more, before anything is written that the files beside lack."""
    if address(home) is not None and home.ledger.exists():
        moved_mark(home).touch(mode=0o600)
    files = home.keys / "parts", *(home.path / "feeds").glob("*/keys")
    if home.keys_database is not None and any(file.exists() for file in files):
        keys_are_moved(home)


def has_ledger(home: Home) -> bool:
    """Whether a writer ever made a ledger here."""
    if address(home) is None:
        return home.ledger.exists()
    with closing(open_ledger(home, read_only=True)) as db:
        return bool(columns(db, "ledger_leaf"))


def claim(db: Database, seconds: float = CLAIM_SECONDS) -> bool:
    """Be the only writer of a ledger, on whichever machine; False when another is. A file's lock is the home's.

    A server takes a moment to notice that a writer has ended: so many seconds are waited.
    """
    from safeconduct.ledger.postgres import Postgres

    return not isinstance(db, Postgres) or _claimed(db, seconds)


def _claimed(db: Postgres, seconds: float = CLAIM_SECONDS) -> bool:
    end = time.monotonic() + seconds
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
    """The role of the processes that show records keeps and reads positions; only the owner made their tables. Of a
    table in partitions it has the whole, and none of its partitions for itself."""
    if address(home) is None or not home.settings.get(WEB):
        return
    role = _role(str(home.settings[WEB]))
    db.execute(f"GRANT USAGE ON SCHEMA positions TO {role}")
    for name, partition in db.execute(_POSITIONS).fetchall():
        if partition:
            db.execute(f"REVOKE ALL ON positions.{name} FROM {role}")
        else:
            db.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON positions.{name} TO {role}")


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


def keys_moved_mark(home: Home) -> Path:
    """The file that stands where key stores once were moved away from."""
    return home.keys / "moved"


def keys_are_moved(home: Home) -> None:
    """Say in the database of keys that what is in it is no move's any more, and here that the files are of before."""
    if home.keys_database is not None and not keys_moved_mark(home).exists():
        with closing(_postgres(home.keys_database, "moving")) as db:
            db.execute("DROP SCHEMA IF EXISTS moving CASCADE")
        keys_moved_mark(home).touch(mode=0o600)


def open_keys(home: Home, partner: str = "", *, write: bool = False) -> KeyStore:
    """The key store of the ledger, or that of the feed to a partner. A writer makes it when it is not there.

    Raises FileNotFoundError for a reader while there is none, KeyRefused and KeyStoreRefused as KeyStore does,
    HomeError for a database that will not do.
    """
    place = keys_address(home)
    if place is None:
        if keys_moved_mark(home).exists():
            raise HomeError(
                "the keys of this node were moved to PostgreSQL, and those beside it are of before: put "
                "`keys_database` back into node.toml"
            )
        path = home.feed(partner) / "keys" if partner else home.keys / "parts"
        return KeyStore.open(path, write=write, create=write, readers=bool(partner and home.users))
    return _keys_on_postgresql(home, place, f"feed_{partner}" if partner else "parts", write)


def _keys_on_postgresql(home: Home, place: str, schema: str, write: bool) -> KeyStore:
    from safeconduct.ledger.slots_postgres import SlotsPostgres, let_read

    db = _postgres(place, schema, read_only=not write, reconnects=not write)
    try:
        if write:
            keep_apart(home, db)
            if not _claimed(db):
                raise KeyStoreRefused(f"the keys in {schema} are open in another writer")
        medium = SlotsPostgres(db, f"the key store {schema}", write)
        reader = home.settings.get(KEYS_FEED)
        if write and schema != "parts" and reader:
            let_read(db, f'"{schema}"', _role(str(reader)))
        return KeyStore(medium, write)
    except BaseException:
        db.close()
        raise


def keep_apart(home: Home, keys: Postgres) -> None:
    """Raises HomeError when keys would lie in the database of what they seal, by whatever address it is named."""
    for name, place in (("database", address(home)), ("feeds_database", feeds_address(home))):
        if place is not None:
            with closing(_postgres(place, "public", read_only=True)) as other:
                if other.whereabouts() == keys.whereabouts():
                    raise HomeError(
                        f"node.toml: keys_database is the same database as {name}: keys lie apart from what they seal, "
                        "or every backup of it has them"
                    )


def destroy_keys(home: Home, partner: str) -> None:
    """Take the keys of the feed to a former partner out of a PostgreSQL database for good; where they are a file,
    that is left to whoever moves the feed."""
    from safeconduct.ledger.slots_postgres import let_go_of_log

    place = keys_address(home)
    if place is not None:
        with closing(_postgres(place, f"feed_{partner}")) as db:
            db.execute(f'DROP SCHEMA "feed_{partner}" CASCADE')
            let_go_of_log(db)


def open_erased(home: Home) -> Database | None:
    """Where the list of what was erased lies when it is a table, in the schema `erased`; None when it is a file."""
    place = keys_address(home)
    return None if place is None else _postgres(place, "erased")


def on_postgresql(home: Home) -> bool:
    """Whether anything of a node but its keys lies on PostgreSQL."""
    return address(home) is not None or feeds_address(home) is not None


def needs_files(home: Home, what: str) -> None:
    """Raises HomeError where something can be done with SQLite's files only."""
    if on_postgresql(home):
        raise HomeError(
            f"{what} of this kind is for a node whose databases are files; this one's are on PostgreSQL: "
            "see *Backups on PostgreSQL* in docs/operator.md"
        )


def _postgres(address: str, schema: str, *, read_only: bool = False, reconnects: bool = False) -> Postgres:
    from safeconduct.ledger.postgres import Postgres, Unfit

    try:
        return Postgres(address, schema, read_only=read_only, reconnects=reconnects)
    except Unfit as fault:
        raise HomeError(f"node.toml: {fault}") from None


def _role(address: str) -> str:
    from safeconduct.ledger.postgres import Unfit, role_of

    try:
        return role_of(address)
    except Unfit as fault:
        raise HomeError(f"node.toml: {fault}") from None
