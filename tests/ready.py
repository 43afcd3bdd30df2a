"""What a run of the tests makes once: a folder of its own, and in it what the first worker to need it has made.

The folder lies in memory where there is room for it. Every transaction still waits for its disk, as it must; a
test that needs to know what a killed process left behind reads the same files.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safeconduct.records.home import Home

if TYPE_CHECKING:
    from postgres import Server

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes that must be free in memory: a run without failures holds a quarter of it at most."""

_PREFIX = "safeconduct-test-"
_MINE = "SAFECONDUCT_TESTS" not in os.environ


def _begin() -> Path:
    """The folder of this run; whom this process starts is told of it."""
    if not _MINE:
        return Path(os.environ["SAFECONDUCT_TESTS"])
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None
    _clear(Path(tempfile.gettempdir()))
    made = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    os.environ["SAFECONDUCT_TESTS"] = str(made)
    return made


def _clear(folder: Path) -> None:
    """Remove what runs that were killed left behind; each folder has the number of its process in its name."""
    for left in folder.glob(f"{_PREFIX}*-*"):
        number = left.name.removeprefix(_PREFIX).partition("-")[0]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            shutil.rmtree(left, ignore_errors=True)


RUN = _begin()
OWN = RUN / os.environ.get("PYTEST_XDIST_WORKER", "alone")
"""The folder of this process alone."""


def shared(name: str, make: Callable[[Path], object]) -> Path:
    """The folder of this name, which `make` filled once in this run: to be read and copied, never written to."""
    folder = RUN / name
    with (RUN / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            making = RUN / f"{name}.making"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            mark = begun()
            make(making)
            del _made[mark:]
            making.rename(folder)
    return folder


def end() -> None:
    """Leave nothing of this run behind; a worker leaves that to the process that started it."""
    if _MINE:
        if (RUN / "postgresql").exists():
            _server().end()
        shutil.rmtree(RUN, ignore_errors=True)


# --- homes and their databases -----------------------------------------------------------------------------

POSTGRESQL = os.environ.get("SAFECONDUCT_TEST_DATABASE") == "postgresql"
"""Whether the homes of this run live on PostgreSQL, all of them."""
_made: list[str] = []


def _server() -> Server:
    from postgres import Server, folder_for

    return Server(folder_for(RUN))


def server() -> Server:
    """The PostgreSQL server of this run, which the first worker that needs it starts."""
    shared("postgresql", lambda _folder: _server().start())
    return _server()


def database(template: Path | None = None, feeds: bool = False) -> dict[str, str]:
    """Settings of a new home: of nothing for SQLite, else of a database of its own, empty or as another home's is.

    With `feeds`, or where the other home has them so, it holds the partners' feeds, too.
    """
    home = Home.load(template) if template is not None else None
    if (home.database if home is not None else POSTGRESQL) in (None, False):
        return {}
    if home is None:
        return _database("template0", feeds)
    return _database(names(home)["tables"], home.feeds_database is not None)


def own_database() -> dict[str, str]:
    """Settings of a new home that lives on PostgreSQL whatever the run says."""
    return _database("template0")


def _database(template: str, feeds: bool = False) -> dict[str, str]:
    from postgres import WEB

    where = server()
    name = where.fresh(template)
    _made.append(name)
    made = {"database": where.address(name), "database_web": where.address(name, WEB)}
    return {**made, "feeds_database": where.address(name)} if feeds else made


def copy(source: Path, target: Path, **given: Any) -> Path:
    """Copy a folder in which homes lie, at most a folder deep: each gets databases of its own."""
    shutil.copytree(source, target, **given)
    for file in (*target.glob("node.toml"), *target.glob("*/node.toml")):
        home = Home.load(file.parent)
        if home.database is not None:
            settings = {**home.settings, **database(file.parent)}
            replace(home, settings=settings).save()
    return target


def ask_tables(home: Home, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a home's tables answer to SQL with %s for values, whoever writes them."""
    if home.database is None:
        with closing(sqlite3.connect(f"file:{home.tables}?mode=ro", uri=True)) as file:
            return file.execute(sql.replace("%s", "?"), values).fetchall()
    import psycopg

    with psycopg.connect(home.database, options="-c search_path=tables") as session:
        return session.execute(sql.encode(), values).fetchall()


def rows_of(home: Home, schema: str) -> list[tuple[Any, ...]]:
    """All rows of a schema of a home that lives on PostgreSQL."""
    import psycopg

    with psycopg.connect(str(home.database)) as session:
        found = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
        tables = [f'SELECT * FROM {schema}."{name}"'.encode() for (name,) in found]
        return [row for table in tables for row in session.execute(table).fetchall()]


def leaves(home: Home) -> list[dict[str, Any]]:
    """The entries of a home's ledger, whoever writes it."""
    import json

    from safeconduct.ledger.log import Log
    from safeconduct.records.databases import open_ledger

    with closing(open_ledger(home, read_only=True)) as db:
        log = Log(db, "ledger", "")
        return [json.loads(entry.leaf) for entry in log.entries(0, log.size)]


def files_of_tables(home: Home) -> list[Path]:
    """The files in which the tables' rows lie, as the disk has them now; not the logs."""
    if home.database is None:
        return [home.tables]
    server().ask("CHECKPOINT")
    ((number,),) = server().ask(f"SELECT oid FROM pg_database WHERE datname = '{names(home)['tables']}'")
    return list((server().folder / "data/base" / str(number)).iterdir())


def bytes_of(home: Home) -> bytes:
    """All that a home holds: its files and, on a server, those of its database with what lies compressed in them."""
    files = [path for path in sorted(home.path.rglob("*")) if path.is_file()]
    if home.database is None:
        return b"".join(path.read_bytes() for path in files)
    import psycopg

    with psycopg.connect(home.database) as session:
        found = session.execute(
            "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname !~ '^pg_|^information_'"
        )
        schemas = [str(name) for (name,) in found.fetchall()]
    values = [value for name in schemas for row in rows_of(home, name) for value in row]
    held = [value if isinstance(value, bytes) else str(value).encode() for value in values]
    return b"".join([*(path.read_bytes() for path in (*files, *files_of_tables(home))), *held])


def begun() -> int:
    """A mark for `drop_since`."""
    return len(_made)


def drop_since(mark: int) -> None:
    """Drop the databases that this process made since, which nobody uses any more."""
    if _made[mark:]:
        leave_wall()
        server().drop(_made[mark:])
        del _made[mark:]


def names(home: Home) -> dict[str, str]:
    """What Django calls a home's databases."""
    from safeconduct.node.databases import databases

    return {alias: settings["NAME"] for alias, settings in databases(home, "cli").items()}


def behind_the_wall() -> None:
    """Let the house's own code read the tables in this process as a process that shows records does on PostgreSQL; not
    the tests, nor what fills a demonstration."""
    import sys

    from django.db import connections

    from safeconduct.node.databases import tables_schema
    from safeconduct.records import here

    def connection() -> Any:
        frame = sys._getframe(2)
        while frame.f_back is not None and frame.f_globals["__name__"] == here.__name__:
            frame = frame.f_back
        caller, plain = frame.f_globals["__name__"], connections["tables"]
        if (
            plain.vendor != "postgresql"
            or not caller.startswith("safeconduct.")
            or ".demonstration" in caller
        ):
            return plain
        name = plain.settings_dict["NAME"]
        if getattr(walled, "name", None) != name:
            leave_wall()
            from postgres import WEB

            settings = tables_schema(server().address(name, WEB), "web")
            del settings["OPTIONS"]["pool"]
            given = connections.configure_settings({"default": {}, "reading": settings})["reading"]
            walled.name, walled.connection = name, type(plain)(given, "reading")
        return walled.connection

    here._connection = connection


walled = threading.local()
"""This thread's connection to the wall's side of the tables that it read last: its `connection` and their `name`."""


def leave_wall() -> None:
    if hasattr(walled, "connection"):
        walled.connection.close()
        del walled.connection, walled.name


def settings_of(home: Home) -> dict[str, dict[str, Any]]:
    """What Django has to know of a home's databases, of whichever sort."""
    from django.db import connections

    from safeconduct.node.databases import databases

    return connections.configure_settings(databases(home, "cli"))


def point(home: Home) -> dict[str, dict[str, Any]]:
    """Make Django's databases a home's, of whichever sort; what they were before, for `point_back`."""
    from django.db import connections

    before = {alias: dict(connections.settings[alias]) for alias in connections}
    point_back(settings_of(home))
    return before


def point_back(wanted: Mapping[str, dict[str, Any]]) -> None:
    from django.db import connections

    leave_wall()
    for alias, settings in wanted.items():
        given = connections.settings[alias]
        other = given["ENGINE"] != settings["ENGINE"]
        if hasattr(connections._connections, alias):
            connections[alias].close()
            if other:
                del connections[alias]
        given.clear()
        given.update(settings)
