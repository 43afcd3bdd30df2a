"""Copies of a node whose databases a server holds, dumped as the operator's page says or whole; and what lies there."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg

import ready
from faults import cluster
from postgres import OWNER, program_of
from safeconduct.exchange.delivery import restored_mark
from safeconduct.records.home import Home

FEEDS, NODE, LEDGER = "feeds.sql", "node.sql", "ledger.sql"
_LEFT_OUT = ("tables", "tables_check", "reading", "positions", "feed_*")


def dump(home: Home, folder: Path) -> None:
    """First the feeds, which may be files, then the node's own, without what the ledger explains."""
    folder.mkdir()
    if home.feeds_database is not None:
        _dump(home, folder / FEEDS, "-n", "feed_*")
    for file in (home.path / "feeds").glob("*/feed.sqlite3"):
        with closing(sqlite3.connect(file)) as feed, closing(sqlite3.connect(folder / _of(file))) as copy:
            feed.backup(copy)
    _dump(home, folder / NODE, *(word for name in _LEFT_OUT for word in ("-N", name)))


def restore(home: Home, folder: Path) -> None:
    """Put a dump in the place of a home's database, and say so; keys and the list of what was erased are today's."""
    server, name = ready.server(), ready.names(home)["tables"]
    server.drop([name])
    server.ask(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0")
    for dumped in (FEEDS, NODE):
        if (folder / dumped).exists():
            load(home, folder / dumped)
    for file in (home.path / "feeds").glob("*/feed.sqlite3"):
        for log in file.parent.glob(f"{file.name}-*"):
            log.unlink()
        shutil.copyfile(folder / _of(file), file)
    home.restored.touch()
    for partner in home.partners:
        restored_mark(home, partner).touch()
    make_tables(home)


def _of(feed: Path) -> str:
    """What a feed's file is called in a dump."""
    return f"{feed.parent.name}.sqlite3"


def dump_ledger(home: Home, file: Path) -> None:
    """The schema of the ledger alone."""
    _dump(home, file, "-n", "ledger")


def put_ledger(home: Home, file: Path) -> None:
    """Another day's ledger in the place of a home's."""
    with psycopg.connect(str(home.database), autocommit=True) as asked:
        asked.execute("DROP SCHEMA ledger CASCADE")
    load(home, file)


def whole(home: Home) -> str:
    """The name of a copy of a home's database, with which nobody works."""
    return ready.server().fresh(ready.names(home)["tables"])


def whole_back(home: Home, copy: str) -> None:
    """Such a copy in the place of the home's database, which nobody is told of."""
    server, name = ready.server(), ready.names(home)["tables"]
    server.drop([name])
    server.ask(f"ALTER DATABASE {copy} RENAME TO {name}")


def beside(home: Home, path: Path, folder: Path) -> Home:
    """A dump restored as the database of a copy of a home, beside it; `forget` it again."""
    database = ready.database(feeds=home.feeds_database is not None)
    there = replace(home, path=path, settings={**home.settings, **database})
    there.save()
    restore(there, folder)
    return there


def forget(home: Home) -> None:
    ready.server().drop([ready.names(home)["tables"]])


def load(home: Home, file: Path) -> None:
    _run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", str(file), str(home.database))


def make_tables(home: Home) -> None:
    """As the node does when it starts; in a process of its own, whose databases are this home's."""
    made = (
        "import sys; from safeconduct.node.django_start import migrate, start_django; "
        "from safeconduct.records.home import Home; start_django(Home.load(sys.argv[1]), 'writer'); migrate()"
    )
    subprocess.run([sys.executable, "-c", made, str(home.path)], check=True, capture_output=True)


def files(home: Home, schemas: Sequence[str] = ()) -> Iterator[tuple[str, bytes]]:
    """What the disk has of a home's database: of all of it, or of relations in schemas that begin so."""
    if not schemas:
        for path in ready.files_of_tables(home):
            yield path.name, path.read_bytes()
        return
    ready.server().ask("CHECKPOINT")
    for relation in cluster.relations(home):
        if relation.name.startswith(tuple(schemas)):
            yield relation.name, (ready.server().folder / "data" / relation.file).read_bytes()


def rows(home: Home) -> bytes:
    """All rows that a server gives of a home's database, as text: what lies compressed on the disk, too."""
    with psycopg.connect(str(home.database), autocommit=True) as asked:
        tables = asked.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        found = [asked.execute(f"SELECT x::text FROM {name} x".encode()).fetchall() for (name,) in tables]
    return "\n".join(str(text) for each in found for (text,) in each).encode()


def log_segments() -> list[bytes]:
    """What the server's log has of all that was ever written, until it is written over."""
    log = ready.server().folder / "data" / "pg_wal"
    return [path.read_bytes() for path in sorted(log.iterdir()) if path.is_file()]


def _dump(home: Home, file: Path, *chosen: str) -> None:
    _run("pg_dump", "-f", str(file), *chosen, str(home.database))


def _run(name: str, *given: str) -> None:
    done = subprocess.run([program_of(name), *given], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip()[-500:]}")
