"""Which databases a process of a node has: SQLite files in its home, or schemas of one PostgreSQL database.

`database = "postgresql://user@host/name"` in `[node]` chooses PostgreSQL. `database_web`, the same database as another
role, is for the processes that show records: it reads the tables behind `records.wall` and keeps the accounts. A
password stands in the address, since only the node's user reads node.toml, or in libpq's own file (`~/.pgpass`), and
never on a command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from safeconduct.records.dialect import SETTING
from safeconduct.records.home import Home, HomeError
from safeconduct.records.users import SHOWING

SCHEMES = ("postgresql://", "postgres://")
_WAL = "PRAGMA journal_mode=WAL; PRAGMA busy_timeout=20000;"
_KEPT = "PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;"
_OURS = {"dbname", "user", "password", "host", "port", "options", "application_name"}
_SESSION = ("jit=off", "work_mem=32MB")
"""Lists are short and many: what compiling them takes is lost, and their sorting belongs into memory."""
_FOLLOWS = ("synchronous_commit=off",)
"""The tables follow a ledger that is on the disk already, and what a crash takes from them is applied again. They share
the server's log with it, so that they are never ahead."""
PREPARED_AFTER = 2
_LISTS = ("plan_cache_mode=force_custom_plan",)
"""A plan made for any values goes through all of a kind or of the text index. The writer asks by key; who lists and
searches, a command, say, has each question planned for what it asks."""
CONNECT_SECONDS = 20
MOST_CONNECTIONS = 16
"""Connections that those of one name that show records hold to each of their two schemas, all together; one process has
FEWEST at the least."""
FEWEST_CONNECTIONS = 4


def databases(home: Home, process: str) -> dict[str, dict[str, Any]]:
    """Django's DATABASES for a process of this home. Raises HomeError for an address that is none."""
    shows = process in SHOWING
    if home.database is None:
        return {"default": _accounts_file(home), "tables": _tables_file(home, shows)}
    address = home.settings.get("database_web", home.database) if shows else home.database
    found = {"default": _schema(address, "accounts", process), "tables": tables_schema(address, process)}
    if process == "web":
        each = max(FEWEST_CONNECTIONS, MOST_CONNECTIONS // int(home.settings.get("web_processes", 1)))
        for settings in found.values():
            settings["OPTIONS"]["pool"]["max_size"] = each
    return found


def tables_schema(address: str, process: str) -> dict[str, Any]:
    """The tables as a process has them: for one that shows records, the views of `records.wall`."""
    if process not in SHOWING:
        session = _FOLLOWS if process == "writer" else (*_FOLLOWS, *_LISTS)
        return _followed(_schema(address, "tables", process, session))
    read_only = ("default_transaction_read_only=on",)
    return {**_schema(address, "reading,tables", process, read_only), "WALLED": True}


def _followed(settings: dict[str, Any]) -> dict[str, Any]:
    """Of a connection that asks the same few questions for every record: the server plans each of them once."""
    settings["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": PREPARED_AFTER}
    return settings


def _file(name: str, pragmas: str, **options: Any) -> dict[str, Any]:
    settings = {"timeout": 20, "init_command": pragmas, **options}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": settings}


def _accounts_file(home: Home) -> dict[str, Any]:
    return _file(str(home.accounts), _WAL + _KEPT, transaction_mode="IMMEDIATE")


def _tables_file(home: Home, shows: bool) -> dict[str, Any]:
    if shows:
        name = f"file:{quote(str(home.tables))}?mode=ro"
        return _file(name, "PRAGMA query_only=ON; PRAGMA busy_timeout=20000;")
    return _file(str(home.tables), _WAL + _KEPT)


def _schema(address: str, path: str, process: str, session: Sequence[str] = ()) -> dict[str, Any]:
    found = address_parts(address)
    more: dict[str, Any] = {name: value for name, value in found.items() if name not in _OURS}
    if process in SHOWING:
        more["pool"] = {
            "min_size": 1,
            "max_size": MOST_CONNECTIONS,
            "timeout": CONNECT_SECONDS,
            "reset": forget_reader,
        }
    from safeconduct.ledger.postgres import held, noticing

    noticed = [setting.replace(" ", "") for setting in noticing()]
    told = [f"search_path={path}", *_SESSION, *noticed, *session]
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": found["dbname"],
        "USER": found.get("user", ""),
        "PASSWORD": found.get("password", ""),
        "HOST": found.get("host", ""),
        "PORT": found.get("port", ""),
        "CONN_MAX_AGE": 0 if process in SHOWING else None,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": f"safeconduct {process}",
            **held(),
            **more,
            "options": " ".join(f"-c {each}" for each in told),
        },
    }


def forget_reader(connection: Any) -> None:
    """A connection that goes back to the pool reads for nobody."""
    connection.execute(f"SELECT set_config('{SETTING}', '', false)")
    connection.declared = ""


def without_password(address: str) -> str:
    """An address as it may be given on a command line, which others can read. Raises HomeError."""
    if address_parts(address).get("password"):
        raise HomeError("others can read a command line: put the password into node.toml or ~/.pgpass")
    return address


def address_parts(address: object) -> dict[str, Any]:
    """What an address of a PostgreSQL database says, by libpq's names. Raises HomeError, which does not repeat it."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if not isinstance(address, str) or not address.startswith(SCHEMES):
        raise HomeError("node.toml: database and database_web begin with postgresql://")
    try:
        found = conninfo_to_dict(address)
    except ProgrammingError:
        raise HomeError(
            "node.toml: database or database_web is no address of a PostgreSQL database"
        ) from None
    if not found.get("dbname"):
        raise HomeError("node.toml: database and database_web end with /name-of-the-database")
    if "options" in found:
        raise HomeError("node.toml: options of the address are the node's own; leave them out")
    return found
