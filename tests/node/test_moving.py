"""A node is carried over to PostgreSQL whole or not at all, and its files stay as they were."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

import ready
from conftest import using
from databases import Places
from exchange.nodes import INCIDENT, own_connections
from journeys import two_nodes
from safeconduct.ledger.database import columns, open_database
from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.postgres import Postgres
from safeconduct.node.backups import verify_home
from safeconduct.node.moving_accounts import copy_accounts
from safeconduct.node.moving_keys import move_keys, same_slots
from safeconduct.people.models import Account
from safeconduct.positions.store import Position, Store
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.databases import keys_moved_mark, ledger_of, moved_mark, open_keys, open_ledger
from safeconduct.records.door import Door
from safeconduct.records.erased import Erased, note_erased, read_erased
from safeconduct.records.home import Home, HomeError
from safeconduct.records.principals import system_subject
from safeconduct.records.writer import Writer

ACCOUNT = "sana"
pytestmark = pytest.mark.files("moves from files to a server")


@pytest.fixture
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture
def places() -> Iterator[Places]:
    made = Places()
    yield made
    made.drop()


@pytest.fixture
def home(_own_connections: None, prepared: Path, tmp_path: Path) -> Home:
    """A closed node with a partner, a journey's position and an account."""
    shutil.copytree(two_nodes.made(prepared, "5"), tmp_path / "world")
    found = Home.load(tmp_path / "world" / "pk")
    with using(Home.load(prepared)):
        shutil.copy(prepared / "accounts.sqlite3", found.accounts)
    with using(found):
        Account.objects.create_account(ACCOUNT, "a long enough password", clearance=2)
    store = Store(found)
    store.put([Position("m1", "p1", 1_730_000_000.25, 25.0, 66.9, None, 1.5)])
    store.close()
    for partner in ("", "cn"):
        with open_keys(found, partner, write=True) as keys:
            keys.take()
    return found


def command(home: Home, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "safeconduct", "--home", str(home.path), "move", *arguments]


def moved(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT", "DJANGO"))}
    return subprocess.run(command(home, *arguments), capture_output=True, text=True, env=environment)


def rows(db: Any, tables: list[str]) -> dict[str, list[str]]:
    return {
        table: sorted(map(repr, db.execute(f"SELECT * FROM {table}").fetchall()))
        for table in tables
        if columns(db, table)
    }


def bytes_of(home: Home) -> dict[str, str]:
    """What every file of a home holds, the locks and what SQLite keeps beside a database aside."""
    passing = (".lock", "-wal", "-shm", "-journal")
    return {
        str(path.relative_to(home.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.path.rglob("*"))
        if path.is_file() and not path.name.endswith(passing)
    }


def test_all_of_a_node_is_there_and_it_goes_on(home: Home, places: Places) -> None:
    own, feeds, keys = places.new(), places.new(), places.new()
    before, files = verify_home(home), bytes_of(home)
    with closing(open_database(home.ledger, read_only=True)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        held = rows(db, tables)
    with closing(open_database(home.tables, read_only=True)) as db:
        explained = db.execute(
            "SELECT id, version, kind, state, parts FROM records_row ORDER BY id"
        ).fetchall()
    note_erased(home, [Erased("ledger", 3, "0" * 64, 5)])
    files = bytes_of(home)
    done = moved(home, "--to", own, "--feeds-to", feeds, "--keys-to", keys)
    assert done.returncode == 0, done.stderr
    assert before.root in done.stdout
    there = Home.load(home.path)
    assert (there.database, there.feeds_database, there.keys_database) == (own, feeds, keys)
    after = bytes_of(home)
    assert {name for name in files if after.get(name) != files[name]} == {"node.toml"}
    assert set(after) - set(files) <= {"keys/django", "moved", "keys/moved"}, (
        "nothing is left of the move itself"
    )
    with closing(open_ledger(there, read_only=True)) as db:
        assert rows(db, tables) == held
        assert [each.start for each in ledger_of(there, db).partitions.all()] == [0, 1 << 20]
    assert verify_home(there) == before
    for address in (own, feeds, keys):
        with closing(Postgres(address, "moving", read_only=True)) as db:
            assert columns(db, "begun") == set()
    for partner in ("", "cn"):
        file = home.feed("cn") / "keys" if partner else home.keys / "parts"
        with KeyStore.open(file, write=False) as held, open_keys(there, partner) as store:
            assert same_slots(held, store) and (partner or store.slots() > 0)
    assert read_erased(there) == [Erased("ledger", 3, "0" * 64, 5)]
    store = Store(there)
    assert [p.at for p in store.track("m1", 0, 5)] == [1_730_000_000.25]
    store.close()
    with using(there), Door.open(there) as door, here.at(there, door):
        assert door.writer is not None and door.writer.log.size >= before.size
        assert Account.objects.get(username=ACCOUNT).clearance == 2
        known = "SELECT id, version, kind, state, parts FROM records_row WHERE ledger_index < %s ORDER BY id"
        assert here.tables().all(known, [before.size]) == explained
        commit(system_subject("pk"), Draft("incident", INCIDENT))
        store = Store(there)
        assert store._days.there and len(store.track("m1", 0, 5)) == 1
        store.close()
    assert verify_home(there).broken is None
    replace(there, settings={k: v for k, v in there.settings.items() if "database" not in k}).save()
    with pytest.raises(HomeError, match="two histories"):
        Writer(Home.load(home.path))
    there.save()
    again = moved(there, "--to", places.new())
    assert again.returncode == 1 and "already" in again.stderr


def test_a_move_that_is_killed_leaves_the_node_as_it_was_and_is_begun_again(
    home: Home, places: Places
) -> None:
    own, keys, files = places.new(), places.new(), bytes_of(home)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT", "DJANGO"))}
    for stage in ("carrying the keys", "verifying what", "copying"):
        child = subprocess.Popen(
            command(home, "--to", own, "--keys-to", keys), stderr=subprocess.PIPE, text=True, env=environment
        )
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith(stage):
                break
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stderr.close()
        assert child.returncode == -signal.SIGKILL
        after = bytes_of(home)
        assert {name: after[name] for name in files} == files
        assert Home.load(home.path).database is None
    done = moved(home, "--to", own, "--keys-to", own)
    assert done.returncode == 1 and "same database as database" in done.stderr
    done = moved(home, "--to", own, "--keys-to", keys)
    assert done.returncode == 0, done.stderr
    assert not (home.path / "moving").exists()
    assert verify_home(Home.load(home.path)).broken is None


def as_before(there: Home) -> Home:
    """The node when somebody has taken the databases out of node.toml."""
    replace(there, settings={k: v for k, v in there.settings.items() if "database" not in k}).save()
    return Home.load(there.path)


def test_what_was_killed_after_the_switch_is_marked_before_anything_is_written_there(
    home: Home, places: Places
) -> None:
    own, keys = places.new(), places.new()
    done = moved(home, "--to", own, "--keys-to", keys)
    assert done.returncode == 0, done.stderr
    marks = (moved_mark(home), keys_moved_mark(home))
    # As a kill after node.toml was switched leaves it.
    for mark in marks:
        mark.unlink()
    with closing(Postgres(keys, "moving")) as db:
        db.execute("CREATE TABLE begun (party TEXT PRIMARY KEY)")
        db.execute("INSERT INTO begun VALUES (?)", (home.party,))
    there = Home.load(home.path)
    with using(there), Door.open(there) as door, here.at(there, door):
        assert all(mark.exists() for mark in marks)
        commit(system_subject("pk"), Draft("incident", INCIDENT))
    with closing(Postgres(keys, "moving", read_only=True)) as db:
        assert columns(db, "begun") == set()
    files = as_before(there)
    with pytest.raises(HomeError, match="two histories"):
        Writer(files)
    with pytest.raises(HomeError, match="keys_database"):
        open_keys(files)
    again = moved(files, "--to", places.new())
    assert again.returncode == 1 and "two histories" in again.stderr


def test_a_database_that_holds_something_is_not_touched(home: Home, places: Places) -> None:
    own = places.new()
    with closing(Postgres(own, "ledger")) as theirs:
        theirs.execute("CREATE TABLE ledger_leaf (idx INTEGER PRIMARY KEY)")
    done = moved(home, "--to", own)
    assert done.returncode == 1 and "empty" in done.stderr and "Traceback" not in done.stderr
    (name,) = places.names[:1]
    with closing(Postgres(own, "ledger")) as theirs:
        assert theirs.execute("SELECT count(*) FROM ledger_leaf").fetchone() == (0,)
        assert theirs.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'moving'").fetchone() == (0,)
    assert name and Home.load(home.path).database is None


def test_what_another_partys_move_left_is_not_taken_away(home: Home, places: Places) -> None:
    own = places.new()
    with closing(Postgres(own, "moving")) as theirs:
        theirs.execute("CREATE TABLE begun (party TEXT NOT NULL, token TEXT NOT NULL)")
        theirs.execute("INSERT INTO begun VALUES ('cn', 'other')")
        theirs.execute("CREATE SCHEMA ledger")
        theirs.execute("CREATE TABLE ledger.ledger_leaf (idx INTEGER PRIMARY KEY)")
        assert moved(home, "--to", own).returncode == 1
        assert theirs.execute("SELECT count(*) FROM ledger.ledger_leaf").fetchone() == (0,)


def test_a_running_node_a_broken_ledger_and_a_password_are_refused(home: Home, places: Places) -> None:
    own = places.new()
    with home.lock.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = moved(home, "--to", own)
    assert done.returncode == 1 and "running" in done.stderr
    done = moved(home, "--to", "postgresql://node:canary@/x")
    assert done.returncode == 1 and "command line" in done.stderr and "canary" not in done.stderr
    with closing(open_database(home.ledger)) as db:
        db.execute("UPDATE ledger_leaf SET leaf = ? WHERE idx = 3", (b"{}",))
    done = moved(home, "--to", own)
    assert done.returncode == 1 and "broken at index 3" in done.stderr
    assert not ready.server().ask(f"SELECT 1 FROM pg_stat_activity WHERE datname = '{places.names[0]}'")


def test_accounts_are_copied_as_they_are_whatever_was_there(prepared: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(prepared, tmp_path / name)
    one, two = Home.load(tmp_path / "one"), Home.load(tmp_path / "two")
    with using(one):
        for number in range(3):
            Account.objects.create_account(f"{ACCOUNT}{number}", "a long enough password", clearance=number)
    with using(two):
        Account.objects.create_account("gone", "a long enough password")
        assert copy_accounts(one.accounts) >= 3
        kept = Account.objects.create_account("later", "a long enough password")
        assert kept.pk not in {1, 2, 3}
        kept.delete()
    with closing(open_database(one.accounts)) as first, closing(open_database(two.accounts)) as second:
        tables = [
            name
            for (name,) in first.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in ("sqlite_sequence", "django_migrations")
        ]
        assert rows(first, tables) == rows(second, tables)
        second.execute("DELETE FROM django_migrations WHERE app = 'people'")
    with using(one), pytest.raises(HomeError, match="earlier version"):
        copy_accounts(two.accounts)
    assert "source" not in connections.settings


def test_the_keys_alone_are_carried_over_and_only_into_what_is_empty(home: Home, places: Places) -> None:
    keys, before = places.new(), verify_home(home)
    with closing(Postgres(keys, "parts")) as theirs:
        theirs.execute("CREATE TABLE counts (one INTEGER PRIMARY KEY)")
    addresses = {"keys_database": keys}
    with pytest.raises(HomeError, match="empty"):
        move_keys(home, addresses)
    with closing(Postgres(keys, "public")) as db:
        db.execute("DROP SCHEMA parts CASCADE")
    assert move_keys(home, addresses) == before
    there = Home.load(home.path)
    assert (there.database, there.keys_database) == (None, keys)
    assert verify_home(there) == before
    with pytest.raises(HomeError, match="already"):
        move_keys(there, addresses)
    replace(there, settings={k: v for k, v in there.settings.items() if k != "keys_database"}).save()
    with pytest.raises(HomeError, match="keys_database"):
        Writer(Home.load(home.path))
