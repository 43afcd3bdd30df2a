"""The ledger's leaves on PostgreSQL in partitions: made ahead, whole across them, and gone with their bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ready
from databases import Places
from ledger.test_archive import archived, let_go
from ledger.test_log import append, pairs, root_of
from postgres import Server
from safeconduct.ledger.carrying import carry
from safeconduct.ledger.database import Database, DatabaseFault, open_database, snapshot, sweep, transaction
from safeconduct.ledger.log import Log
from safeconduct.ledger.partitions import Partition
from safeconduct.ledger.postgres import Postgres
from safeconduct.ledger.tree import verify_consistency, verify_inclusion

ORIGIN, WIDTH = "pk.example/ledger", 256


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    places = Places()
    yield places.new()
    places.drop()


@pytest.fixture
def db(address: str) -> Iterator[Postgres]:
    opened = Postgres(address, "ledger")
    opened.execute("DROP SCHEMA ledger CASCADE")
    opened.execute("CREATE SCHEMA ledger")
    yield opened
    opened.close()


def log_of(db: Database, width: int | None = WIDTH) -> Log:
    return Log(db, "own", ORIGIN, width=width)


def held(db: Database, name: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM ONLY {name}").fetchone()[0])


def size(db: Database, tables: str = "own_leaf") -> int:
    """Bytes on the disk of a table with all of its partitions, indexes and what is kept aside."""
    found = db.execute(
        "SELECT CAST(sum(pg_total_relation_size(relid)) AS BIGINT) FROM pg_partition_tree(CAST(? AS regclass))",
        (tables,),
    )
    return int(found.fetchone()[0])


def test_a_partition_is_there_before_it_is_needed(db: Postgres) -> None:
    log = log_of(db)
    append(db, log, pairs(1))
    first, second = Partition("own_leaf_0", 0, 256), Partition("own_leaf_1", 256, 512)
    assert log.partitions.all() == [first, second]
    append(db, log, pairs(255, 1))
    assert log.partitions.all() == [first, second] and held(db, "own_leaf_0") == 256
    append(db, log, pairs(1, 256))
    assert log.partitions.all() == [first, second, Partition("own_leaf_2", 512, 768)]
    # Over several at once, in one transaction and from one list.
    append(db, log, pairs(1000, 257))
    assert [each.start for each in log.partitions.all()] == [0, 256, 512, 768, 1024, 1280]
    assert [held(db, each.name) for each in log.partitions.all()] == [256, 256, 256, 256, 233, 0]
    assert log.root() == root_of([leaf for leaf, _ in pairs(1257)])
    # Another appender knows what is there, and goes on with partitions of its own width.
    wider = log_of(db, 1024)
    append(db, wider, pairs(250, 1257))
    assert wider.partitions.all()[-2:] == [
        Partition("own_leaf_5", 1280, 1536),
        Partition("own_leaf_6", 1536, 2048),
    ]


def test_what_was_made_in_a_transaction_that_failed_is_made_again(db: Postgres) -> None:
    log = log_of(db)
    append(db, log, pairs(250))
    with pytest.raises(KeyError), transaction(db):
        log.append(pairs(10, 250))
        assert len(log.partitions.all()) == 3
        raise KeyError
    assert len(log.partitions.all()) == 2
    log.reload()
    append(db, log, pairs(700, 250))
    with transaction(db):
        db.execute("SAVEPOINT job")
        log.append(pairs(300, 950))
        db.execute("ROLLBACK TO job")
        log.reload()
        log.append(pairs(600, 950))
    assert log.size == 1550 and log.verify() is None
    assert log.root() == root_of([leaf for leaf, _ in pairs(1550)])


def test_nobody_who_reads_waits_for_a_partition_and_it_for_nobody(db: Postgres, address: str) -> None:
    log, reader, other = log_of(db), Postgres(address, "ledger"), Postgres(address, "ledger")
    append(db, log, pairs(10))
    for each in (reader, other):
        each.execute("SET lock_timeout = 1000")
    db.execute("SET lock_timeout = 1000")
    with snapshot(reader):
        assert reader.execute("SELECT count(*) FROM own_leaf").fetchone() == (10,)
        with transaction(db):
            log.append(pairs(600, 10))
            assert other.execute("SELECT count(*) FROM own_leaf").fetchone() == (10,)
        assert reader.execute("SELECT count(*) FROM own_leaf").fetchone() == (10,)
    assert reader.execute("SELECT count(*) FROM own_leaf").fetchone() == (610,)
    # One who holds the table, as a statement that keeps its statistics does, holds up nothing while there is room.
    with snapshot(reader):
        reader.execute("LOCK TABLE own_leaf IN SHARE UPDATE EXCLUSIVE MODE")
        append(db, log, pairs(200, 610))
        assert [each.end for each in log.partitions.all()][-1] == 1024
        with pytest.raises(DatabaseFault, match="55P03"), transaction(db):
            log.append(pairs(400, 810))
    log.reload()
    append(db, log, pairs(400, 810))
    assert log.verify() is None and [each.end for each in log.partitions.all()][-1] == 1536
    for opened in (reader, other):
        opened.close()


def test_proofs_parts_and_cuts_hold_across_partitions(db: Postgres, tmp_path: Path) -> None:
    log, plain = log_of(db), log_of(open_database(tmp_path / "plain.sqlite3"))
    for start in range(0, 1500, 50):
        append(db, log, pairs(50, start))
        append(plain._connection, plain, pairs(50, start))
    assert not plain.partitions.there and plain.root() == log.root()
    for index in (0, 255, 256, 767, 768, 1499):
        assert log.inclusion(index, 1500) == plain.inclusion(index, 1500)
        assert verify_inclusion(
            index, 1500, log.hashes(0, index, 1)[0], log.inclusion(index, 1500), log.root()
        )
        assert verify_consistency(
            index + 1, 1500, log.root_at(index + 1), log.root(), log.consistency(index + 1, 1500)
        )
        assert log.entries(index - 2, index + 3) == plain.entries(index - 2, index + 3)
    with transaction(db):
        log.replace_body(700, None)
    sweep(db, *log.tables)
    assert log.entry(700).body is None and log.verify() is None
    with transaction(db):
        log.cut(300)
    assert log.root() == root_of([leaf for leaf, _ in pairs(300)]) and log.verify() is None
    append(db, log, pairs(500, 300))
    assert log.root() == root_of([leaf for leaf, _ in pairs(800)]) and log.verify() is None
    db.execute("UPDATE own_leaf SET leaf = ? WHERE idx = 600", (b"another",))
    assert log.verify() == 600


def test_an_archived_partition_gives_its_disk_back_at_once(
    db: Postgres, address: str, tmp_path: Path
) -> None:
    log = log_of(db, 512)
    body = os.urandom(3000)
    append(db, log, [(leaf, body) for leaf, _ in pairs(1600)])
    root, before = log.root(), size(db)
    whole = int(db.execute("SELECT pg_database_size(current_database())").fetchone()[0])
    target = archived(log, tmp_path / "archive", 1280)
    reader = Postgres(address, "ledger")
    reader.execute("BEGIN")
    reader.execute("SELECT 1 FROM pg_class").fetchone()  # a view from before anything was archived
    let_go(log, target, 1280)
    # Row by row only what shares a partition with later entries: no byte of that is given back.
    assert [held(db, each.name) for each in log.partitions.all()] == [512, 512, 256, 64, 0]
    assert size(db) >= before
    assert log.past.drop(log.partitions, 8) == 2, "somebody still looks for them there"
    old = Log(reader, "own", ORIGIN)
    assert old.past.end == 0 and old.verify() is None and old.entry(3).leaf == b"leaf 3"
    reader.execute("COMMIT")
    with snapshot(reader):
        reader.execute("SELECT count(*) FROM own_leaf").fetchone()
        assert log.past.drop(log.partitions, 8) == 2, "somebody reads"
    assert log.past.drop(log.partitions, 1) == 1 and log.past.drop(log.partitions, 8) == 0
    assert [each.start for each in log.partitions.all()] == [1024, 1536, 2048]
    freed = before - size(db)
    assert freed > 1024 * 3000
    assert whole - int(db.execute("SELECT pg_database_size(current_database())").fetchone()[0]) > 1024 * 3000
    for each in (log, log_of(db, 512)):
        each.past.folder = target
        each.reload()
        assert (each.size, each.root()) == (1600, root) and each.verify() is None
        assert each.entry(3).body == body and each.entry(1400).body == body
    append(db, log, pairs(900, 1600))
    assert log.verify() is None
    reader.close()


def test_a_plain_table_works_as_before_and_becomes_the_first_partition(db: Postgres, tmp_path: Path) -> None:
    plain = log_of(db, None)
    append(db, plain, pairs(700))
    file = db.execute("SELECT pg_relation_filepath('own_leaf')").fetchone()
    log = log_of(db)
    append(db, log, pairs(100, 700))
    assert not log.partitions.there and log.partitions.before(800) == []
    with pytest.raises(KeyError), transaction(db):
        assert log.partitions.take_in(log.size)
        raise KeyError
    log = log_of(db)
    assert not log.partitions.there
    with transaction(db):
        assert log.partitions.take_in(log.size)
    with transaction(db):
        assert not log.partitions.take_in(log.size)
    assert log.partitions.all() == [Partition("own_leaf_0", 0, 1024)]
    assert db.execute("SELECT pg_relation_filepath('own_leaf_0')").fetchone() == file, "nothing is copied"
    append(db, log, pairs(700, 800))
    assert log.root() == root_of([leaf for leaf, _ in pairs(1500)]) and log.verify() is None
    assert [each.start for each in log.partitions.all()] == [0, 1024, 1280, 1536]
    with pytest.raises(DatabaseFault):
        db.execute("INSERT INTO own_leaf SELECT * FROM own_leaf WHERE idx = 5")
    before = size(db)
    let_go(log, archived(log, tmp_path / "archive", 1280), 1280)
    assert log.past.drop(log.partitions, 8) == 0
    assert [each.start for each in log.partitions.all()] == [1280, 1536] and size(db) < before / 2
    assert log.verify() is None


def test_what_is_carried_over_from_files_lies_in_partitions(db: Postgres, tmp_path: Path) -> None:
    source = open_database(tmp_path / "own.sqlite3")
    was = Log(source, "own", ORIGIN)
    append(source, was, pairs(1500))
    let_go(was, archived(was, tmp_path / "archive", 768), 768)
    with transaction(db):
        counts = carry(source, db, partitioned={"own_leaf": ("idx", WIDTH, 256)})
    assert counts["own_leaf"] == 1500 - 768
    log = log_of(db)
    assert [each.start for each in log.partitions.all()] == [768, 1024, 1280, 1536]
    assert (log.size, log.root()) == (1500, was.root()) and log.verify() is None
    append(db, log, pairs(100, 1500))


_APPENDER = """
import sys, time
from ledger.test_log import pairs
from safeconduct.ledger.log import Log
from safeconduct.ledger.postgres import Postgres
db = Postgres(sys.argv[1], "ledger")
log = Log(db, "own", "pk.example/ledger", width=256)
db.execute("BEGIN IMMEDIATE")
log.append(pairs(200, log.size))
print("made", flush=True)
time.sleep(600)
"""


def test_a_crash_between_making_a_partition_and_using_it_loses_nothing(tmp_path: Path) -> None:
    server = Server(ready.RUN.parent / f"{ready.RUN.name}-crashed-{os.getpid()}")
    server.start()
    try:
        address = Places(server).new()
        db = Postgres(address, "ledger")
        log = log_of(db)
        append(db, log, pairs(200))
        child = subprocess.Popen(
            [sys.executable, "-c", _APPENDER, address],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None and child.stdout.readline() == b"made\n"
        child.kill()
        child.wait()
        log.reload()
        assert log.size == 200 and len(log.partitions.all()) == 2
        append(db, log, pairs(100, 200))  # makes the third, of which nothing is used
        db.execute("BEGIN IMMEDIATE")
        log.append(pairs(300, 300))
        server.crash()
        db.close()
        db = Postgres(address, "ledger")
        log = log_of(db)
        assert log.size == 300 and [each.start for each in log.partitions.all()] == [0, 256, 512]
        append(db, log, pairs(700, 300))
        assert log.root() == root_of([leaf for leaf, _ in pairs(1000)]) and log.verify() is None
        db.close()
    finally:
        server.end()
