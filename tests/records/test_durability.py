"""What the writer promised is still there after kill -9, torn files, rebuilds and erasures."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from records.test_commit import PARTS, person
from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log, open_database
from safeconduct.ledger.tree import verify_consistency
from safeconduct.node.backups import backup, restore, verify_home
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit, commit_many
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.principals import system_subject
from safeconduct.records.rebuild import fingerprint, rebuild

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


def test_rebuilt_tables_are_the_same(node: Home) -> None:
    fill(30)
    writer = here.door().writer
    assert writer is not None
    before = fingerprint()
    writer.tables.execute("UPDATE records_row SET state = 'closed' WHERE kind = 'incident'")
    assert fingerprint() != before
    assert rebuild(writer) == writer.log.size
    assert fingerprint() == before


def test_tables_that_fell_behind_catch_up_at_the_next_start(bare_home: Home) -> None:
    with Door.open(bare_home) as door, here.at(bare_home, door):
        fill(5)
    early = bare_home.path / "early.sqlite3"
    shutil.copy(bare_home.tables, early)
    with Door.open(bare_home) as door, here.at(bare_home, door):
        fill(5)
        whole = fingerprint()
    for suffix in ("-wal", "-shm"):
        Path(f"{bare_home.tables}{suffix}").unlink(missing_ok=True)
    early.replace(bare_home.tables)
    with Door.open(bare_home) as door, here.at(bare_home, door):
        assert fingerprint() == whole


CHILD = textwrap.dedent(
    """
    import os, sys
    from safeconduct.records.home import Home
    from safeconduct.node.django_start import start_django
    home = Home.load(sys.argv[1]); start_django(home, "writer")
    from safeconduct.records import here
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
        connection = open_database(bare_home.ledger)
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
    writer.db.execute("PRAGMA query_only=ON")
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
            from safeconduct.records import entries

            slots = {
                p.slot
                for p in entries.unpack(door.writer.log.entry(made.index).body or b"")
                if p.state == entries.SEALED
            }
        assert slots and not slots & used
        used |= slots


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


def test_the_ledger_holds_no_part_above_the_lowest_label_in_the_open(node: Home) -> None:
    commit(
        person("watch_officer"),
        Draft("incident", {**PARTS, "response": {"units": "CANARY-7731 at the gate"}}),
    )
    writer = here.door().writer
    assert writer is not None
    writer.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"CANARY-7731" not in node.ledger.read_bytes()


def test_a_reader_neither_holds_up_an_erasure_nor_keeps_what_was_erased(
    node: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.records.writer.SWEEP_PAUSE", 0.0)
    parts = {**PARTS, "summary": {"title": "CANARY-ERASED", "category": "attack"}}
    made = commit(SYSTEM, Draft("incident", parts, levels={"summary": 0}))
    readers = [sqlite3.connect(f"file:{path}?mode=ro", uri=True) for path in (node.tables, node.ledger)]
    for reader in readers:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
    actor = {"person": "system", "roles": []}
    started = time.monotonic()
    here.door().call("erase", {"actor": actor, "record": made.record, "parts": [], "reason": ""})
    assert time.monotonic() - started < 5.0
    for reader in readers:
        reader.close()
    writer = here.door().writer
    assert writer is not None
    writer.tick(lambda _tx: None)
    kept = [
        path.name for path in node.path.rglob("*") if path.is_file() and b"CANARY-ERASED" in path.read_bytes()
    ]
    assert kept == []
    assert writer.db.execute("SELECT count(*) FROM erasing").fetchone() == (0,)
