"""What the writer promised is still there after kill -9, torn files, rebuilds and erasures."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps

import ready
from records.test_commit import PARTS, person
from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log
from safeconduct.ledger.tree import verify_consistency
from safeconduct.node.backups import backup, restore, verify_home
from safeconduct.records import entries, here
from safeconduct.records.commit import Draft, commit, commit_many
from safeconduct.records.databases import open_ledger
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.hooks import HOOKS
from safeconduct.records.principals import system_subject
from safeconduct.records.projection import Tables
from safeconduct.records.rebuild import derived_tables, fingerprint, rebuild
from safeconduct.records.writer import Writer

SYSTEM = system_subject("pk")


def fill(count: int) -> list[str]:
    drafts = [
        Draft("incident", {**PARTS, "summary": {"title": f"Event {n}", "category": "attack"}})
        for n in range(count)
    ]
    made = commit_many(SYSTEM, drafts)
    records = [m.record for m in made if not isinstance(m, Exception)]
    for record in records[::3]:
        commit(
            SYSTEM,
            Draft("incident", {"people": {"killed_best": 1}}, record=record, expected=1, state="update"),
        )
    return records


@pytest.mark.both
def test_rebuilt_tables_are_the_same(node: Home) -> None:
    fill(30)
    writer = here.door().writer
    assert writer is not None
    before = fingerprint()
    writer.tables.execute("UPDATE records_row SET state = 'closed' WHERE kind = 'incident'")
    assert fingerprint() != before
    assert rebuild(writer) == writer.log.size
    assert fingerprint() == before


@pytest.mark.both
def test_tables_that_fell_behind_catch_up_at_the_next_start(bare_home: Home) -> None:
    with Door.open(bare_home) as door, here.at(bare_home, door):
        fill(5)
        early = _kept(here.tables())
    with Door.open(bare_home) as door, here.at(bare_home, door):
        fill(5)
        whole = fingerprint()
        _put_back(here.tables(), early)
        assert fingerprint() != whole
    with Door.open(bare_home) as door, here.at(bare_home, door):
        assert fingerprint() == whole


def _kept(tables: Tables) -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    """Every row of every table, by the names of its columns."""
    columns = {
        model._meta.db_table: ", ".join(field.column for field in model._meta.local_concrete_fields)
        for model in apps.get_models()
        if model._meta.db_table in derived_tables()
    }
    columns["records_search"] = "rowid, words"
    return {table: (names, tables.all(f"SELECT {names} FROM {table}")) for table, names in columns.items()}


def _put_back(tables: Tables, kept: dict[str, tuple[str, list[tuple[Any, ...]]]]) -> None:
    for table, (names, rows) in kept.items():
        tables.execute(f"DELETE FROM {table}")
        for row in rows:
            if table == "records_search":
                tables.execute(*tables.dialect.put_text(*row))
            else:
                tables.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(row))})", row)


CHILD = textwrap.dedent(
    """
    import os, sys
    from safeconduct.records.home import Home
    from safeconduct.node.django_start import start_django
    home = Home.load(sys.argv[1]); start_django(home, "writer")
    from safeconduct.records import entries, here
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.door import Door
    from safeconduct.records.principals import system_subject
    parts = {"summary": {"title": "x", "category": "attack"}, "when": {"start": "2024-10-06"},
             "where": {"place": "Karachi"}}
    with Door.open(home) as door, here.at(home, door):
        print("started", flush=True)
        while True:
            commit_many(system_subject("pk"), [Draft("incident", parts)] * 7)
            log = door.writer.log
            print(log.size, log.root().hex(), flush=True)
    """
)


def test_kill_9_leaves_every_reported_state_consistent(bare_home: Home) -> None:
    chance = random.Random(6)
    said: list[tuple[int, bytes]] = []
    kills = checked = 0
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(bare_home.path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None and child.stdout.readline() == "started\n"
        time.sleep(chance.uniform(0.01, 0.25))
        os.kill(child.pid, signal.SIGKILL)
        kills += 1
        for line in child.stdout.read().splitlines():
            size, _, root = line.partition(" ")
            if len(root) == 64:
                said.append((int(size), bytes.fromhex(root)))
        child.wait()
        connection = open_ledger(bare_home, read_only=True)
        log = Log(connection, "ledger", "pk.safeconduct/ledger")
        for size, root in said[-20:]:
            assert size <= log.size and log.root_at(size) == root
            proof = log.consistency(size, log.size)
            assert verify_consistency(size, log.size, root, log.root(), proof)
            checked += 1
        connection.close()
    assert kills == 5 and checked >= 5
    with Door.open(bare_home) as door, here.at(bare_home, door):
        before = fingerprint()
        assert door.writer is not None
        rebuild(door.writer)
        assert fingerprint() == before
    assert verify_home(bare_home).broken is None


def test_a_flipped_bit_in_a_part_is_found_with_its_index(node: Home) -> None:
    made = commit(SYSTEM, Draft("incident", {**PARTS, "people": {"victims": "two engineers"}}))
    writer = here.door().writer
    assert writer is not None
    body = bytearray(writer.log.entry(made.index).body or b"")
    body[-3] ^= 4
    writer.db.execute("UPDATE ledger_leaf SET body = ? WHERE idx = ?", (bytes(body), made.index))
    verdict = verify_home(node)
    assert verdict.broken == made.index and verdict.why


def test_a_changed_leaf_is_found_with_its_index(node: Home) -> None:
    made = commit(SYSTEM, Draft("incident", PARTS))
    fill(3)
    writer = here.door().writer
    assert writer is not None
    leaf = writer.log.entry(made.index).leaf.replace(b'"immediate"', b'"closed___"')
    writer.db.execute("UPDATE ledger_leaf SET leaf = ? WHERE idx = ?", (leaf, made.index))
    assert verify_home(node).broken == made.index


def test_an_unwritable_ledger_stops_the_writer_rather_than_run_ahead(node: Home) -> None:
    writer = here.door().writer
    assert writer is not None
    size = writer.log.size
    refusing = {"sqlite": "PRAGMA query_only=ON", "postgresql": "SET default_transaction_read_only = on"}
    writer.db.execute(refusing["postgresql" if node.database else "sqlite"])
    with pytest.raises(SystemExit):
        commit(SYSTEM, Draft("incident", PARTS))
    if writer.db.in_transaction:
        writer.db.execute("ROLLBACK")
    writer.log.reload()
    assert writer.log.size == size


def test_the_pool_of_keys_never_hands_one_out_twice(bare_home: Home) -> None:
    used: set[int] = set()
    for _ in range(3):
        with Door.open(bare_home) as door, here.at(bare_home, door):
            made = commit(SYSTEM, Draft("incident", PARTS))
            assert door.writer is not None
            slots = {
                p.slot
                for p in entries.unpack(door.writer.log.entry(made.index).body or b"")
                if p.state == entries.SEALED
            }
        assert slots and not slots & used
        used |= slots


@pytest.mark.files("`backup` and `restore` copy files")
def test_backup_restores_and_says_so_when_it_is_damaged(bare_home: Home, tmp_path: Path) -> None:
    with Door.open(bare_home) as door, here.at(bare_home, door):
        fill(12)
        whole = fingerprint()
        size = backup(bare_home, tmp_path / "backup")
    assert not list((tmp_path / "backup").rglob("parts*")), "no keys in a backup"
    damaged = tmp_path / "damaged"
    shutil.copytree(tmp_path / "backup", damaged)
    with sqlite3.connect(damaged / "ledger.sqlite3") as connection:
        connection.execute("UPDATE ledger_leaf SET leaf = replace(leaf, 'pk', 'cn') WHERE idx = 4")
    with pytest.raises(HomeError, match="damaged at index 4"):
        restore(bare_home, damaged)
    (damaged / "ledger.sqlite3").write_bytes(b"not a database" * 500)
    with pytest.raises(HomeError, match="cannot be read"):
        restore(bare_home, damaged)
    from django.db import connections

    connections["tables"].close()
    assert restore(bare_home, tmp_path / "backup") == size
    with Door.open(bare_home) as door, here.at(bare_home, door):
        assert fingerprint() == whole


def test_keys_are_readable_by_their_owner_alone(node: Home) -> None:
    assert node.keys.stat().st_mode & 0o777 == 0o700
    for path in node.keys.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name
    with KeyStore.open(node.keys / "parts", write=False) as store:
        assert store.key(0) is None or len(store.key(0) or b"") == 32


@pytest.mark.files("on a server the ledger has no file to itself")
def test_the_ledger_holds_no_part_above_the_lowest_label_in_the_open(node: Home) -> None:
    commit(
        person("watch_officer"),
        Draft("incident", {**PARTS, "response": {"units": "CANARY-7731 at the gate"}}),
    )
    writer = here.door().writer
    assert writer is not None
    writer.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"CANARY-7731" not in node.ledger.read_bytes()


@pytest.mark.both
def test_a_reader_neither_holds_up_an_erasure_nor_keeps_what_was_erased(
    node: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.records.writer.SWEEP_PAUSE", 0.0)
    parts = {**PARTS, "summary": {"title": "CANARY-ERASED", "category": "attack"}}
    made = commit(SYSTEM, Draft("incident", parts, levels={"summary": 0}))
    files = [path for path in (node.tables, node.ledger) if path.exists()]
    readers: list[Any] = [sqlite3.connect(f"file:{path}?mode=ro", uri=True) for path in files]
    for reader in readers:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if node.database is not None:
        readers.append(psycopg.connect(node.database, options="-c search_path=tables"))
        readers[-1].execute("SELECT count(*) FROM records_row")
    actor = {"person": "system", "roles": []}
    started = time.monotonic()
    here.door().call("erase", {"actor": actor, "record": made.record, "parts": [], "reason": ""})
    assert time.monotonic() - started < 15.0, "the databases themselves would wait for twenty seconds"
    for reader in readers:
        reader.close()
    writer = here.door().writer
    assert writer is not None
    writer.tick(lambda _tx: None)
    assert files_with_the_canary(node) == []
    assert writer.db.execute("SELECT count(*) FROM erasing").fetchone() == (0,)


@contextmanager
def seen_while_it_is_erased(node: Home) -> Iterator[psycopg.Connection]:
    """Somebody's view from before an erasure, which is done by now."""
    parts = {**PARTS, "summary": {"title": "CANARY-ERASED", "category": "attack"}}
    made = commit(SYSTEM, Draft("incident", parts, levels={"summary": 0}))
    assert node.database is not None
    with psycopg.connect(node.database) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        here.door().call("erase", {"actor": {"person": "system", "roles": []}, "record": made.record})
        yield other


def files_with_the_canary(node: Home) -> list[str]:
    held = (*node.path.rglob("*"), *ready.files_of_tables(node))
    found = [path for path in held if path.is_file()]
    return [path.name for path in found if re.search(rb"canary.erased", path.read_bytes(), re.IGNORECASE)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_a_snapshot_still_sees_is_swept_when_it_has_ended(
    node: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.records.writer.SWEEP_PAUSE", 0.0)
    writer = here.door().writer
    assert writer is not None
    with seen_while_it_is_erased(node):
        writer.tick(lambda _tx: None)
        assert writer.db.execute("SELECT count(*) > 0 FROM erasing").fetchone() == (True,)
    writer.tick(lambda _tx: None)
    assert writer.db.execute("SELECT count(*) FROM erasing").fetchone() == (0,)
    assert files_with_the_canary(node) == []


def test_keys_put_back_from_an_older_copy_are_not_handed_out_for_what_the_ledger_has_sealed(
    bare_home: Home,
) -> None:
    with Door.open(bare_home) as door, here.at(bare_home, door):
        commit(SYSTEM, Draft("incident", PARTS))
    older = (bare_home.keys / "parts").read_bytes()
    with Door.open(bare_home) as door, here.at(bare_home, door):
        fill(4)
        assert door.writer is not None
        newest = max(_slots(door))
    (bare_home.keys / "parts").write_bytes(older)
    with Door.open(bare_home) as door, here.at(bare_home, door):
        made = commit(SYSTEM, Draft("incident", PARTS))
        assert door.writer is not None
        fresh = [p.slot for p in entries.unpack(door.writer.log.entry(made.index).body or b"") if p.slot]
        assert fresh and min(fresh) > newest


def _slots(door: Door) -> list[int]:
    assert door.writer is not None
    found = door.writer.log.entries(0, door.writer.log.size)
    return [p.slot for e in found for p in entries.unpack(e.body or b"") if p.state == entries.SEALED]


def test_a_writer_that_does_not_start_holds_nothing(bare_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as fault:
        fault.setattr(HOOKS, "start", [_fails])
        with pytest.raises(SystemExit):
            Writer(bare_home)
    with Door.open(bare_home) as door:
        assert door.writer is not None


def _fails(_tx: object) -> None:
    raise OSError(5, "I/O error")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_snapshot_that_ends_within_a_sweep_hides_nothing_from_it(node: Home) -> None:
    commit(SYSTEM, Draft("incident", PARTS))
    writer = here.door().writer
    assert writer is not None
    with seen_while_it_is_erased(node) as other:

        def ending(sql: str) -> object:
            done = writer.tables.execute(sql)
            if "VACUUM" in sql:
                other.commit()
            return done

        while not writer.tables.dialect.sweep(ending):
            pass
    assert files_with_the_canary(node) == []
