"""The log in its database: appending, proving, erasing bodies, going back, and being read by others."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databases import Places
from safeconduct.ledger.database import FAULTS, Database, open_database, transaction
from safeconduct.ledger.log import Entry, Log, LogStale
from safeconduct.ledger.notes import Checkpoint
from safeconduct.ledger.postgres import Postgres
from safeconduct.ledger.tree import EMPTY_ROOT, Frontier, leaf_hash, verify_consistency, verify_inclusion

ORIGIN = "pk.example/ledger"


def pairs(count: int, start: int = 0) -> list[tuple[bytes, bytes | None]]:
    return [(b"leaf %d" % index, b"body %d" % index) for index in range(start, start + count)]


def root_of(leaves: list[bytes]) -> bytes:
    frontier = Frontier()
    frontier.extend(leaf_hash(leaf) for leaf in leaves)
    return frontier.root()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    places = Places()
    yield places.new()
    places.drop()


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each sort."""
    opened: Database
    if request.param == "sqlite":
        opened = open_database(tmp_path / "ledger.sqlite3")
    else:
        opened = Postgres(request.getfixturevalue("address"), "ledger")
        opened.execute("DROP SCHEMA ledger CASCADE")
        opened.execute("CREATE SCHEMA ledger")
    yield opened
    opened.close()


def append(connection: Database, log: Log, entries: list[tuple[bytes, bytes | None]]) -> int:
    connection.execute("BEGIN IMMEDIATE")
    first = log.append(entries)
    connection.execute("COMMIT")
    return first


def test_database_is_durable_and_private(tmp_path: Path) -> None:
    old_umask = os.umask(0)
    try:
        connection = open_database(tmp_path / "ledger.sqlite3")
    finally:
        os.umask(old_umask)
    settings = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
    }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    assert connection.isolation_level is None
    Log(connection, "own", ORIGIN)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    connection.close()


def test_what_is_appended_can_be_read_and_proved(connection: Database) -> None:
    log = Log(connection, "own", ORIGIN)
    assert (log.size, log.root()) == (0, EMPTY_ROOT)
    assert append(connection, log, pairs(3)) == 0
    assert append(connection, log, [(b"bare", None)]) == 3
    assert append(connection, log, []) == 4
    assert log.entry(1) == Entry(1, b"leaf 1", b"body 1")
    assert log.entries(2, 9) == [Entry(2, b"leaf 2", b"body 2"), Entry(3, b"bare", None)]
    assert log.checkpoint() == Checkpoint(ORIGIN, 4, log.root())
    assert log.checkpoint_at(2) == Checkpoint(ORIGIN, 2, root_of([b"leaf 0", b"leaf 1"]))
    assert verify_inclusion(1, 4, leaf_hash(b"leaf 1"), log.inclusion(1, 4), log.root())
    for index in (-1, 4):
        with pytest.raises(IndexError):
            log.entry(index)
    for size in (-1, 5):
        with pytest.raises(ValueError):
            log.root_at(size)
    assert log.fits(log.checkpoint_at(3)) and log.fits(log.checkpoint_at(0))
    for wrong in (
        Checkpoint(ORIGIN, 5, log.root()),
        Checkpoint("cn.example/ledger", 4, log.root()),
        Checkpoint(ORIGIN, 3, log.root()),
    ):
        assert not log.fits(wrong)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=6), st.data())
def test_any_batches_give_the_same_tree(batches: list[int], draw: st.DataObject) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    log = Log(connection, "own", ORIGIN)
    leaves: list[bytes] = []
    for count in batches:
        entries = pairs(count, len(leaves))
        append(connection, log, entries)
        leaves += [leaf for leaf, _ in entries]
        assert (log.size, log.root()) == (len(leaves), root_of(leaves))
    other = Log(connection, "own", ORIGIN)
    assert (other.size, other.root()) == (log.size, log.root())
    assert other.frontier().hashes == log.frontier().hashes
    assert log.verify() is None
    if leaves:
        new = draw.draw(st.integers(1, len(leaves)))
        old = draw.draw(st.integers(1, new))
        assert log.root_at(old) == root_of(leaves[:old])
        assert verify_consistency(old, new, log.root_at(old), log.root_at(new), log.consistency(old, new))
        index = draw.draw(st.integers(0, new - 1))
        proof = log.inclusion(index, new)
        assert verify_inclusion(index, new, leaf_hash(leaves[index]), proof, log.root_at(new))


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=5), st.integers(0, 2_000))
def test_both_databases_hold_the_same_tree(address: str, batches: list[int], cut: int) -> None:
    here, there = sqlite3.connect(":memory:", isolation_level=None), Postgres(address, "same")
    logs = []
    for connection in (here, there):
        connection.execute("DROP TABLE IF EXISTS own_leaf")
        connection.execute("DROP TABLE IF EXISTS own_tile")
        log = Log(connection, "own", ORIGIN)
        for count in batches:
            append(connection, log, pairs(count, log.size))
        with transaction(connection):
            log.cut(min(cut, log.size))
        append(connection, log, [(b"other", None)])
        log.replace_body(log.size - 1, b"kept")
        logs.append(log)
    one, two = logs
    assert (one.size, one.root(), one.entries(0, 2_000)) == (two.size, two.root(), two.entries(0, 2_000))
    assert two.verify() is None
    for name in ("own_leaf ORDER BY idx", "own_tile ORDER BY level, idx"):
        assert (
            here.execute(f"SELECT * FROM {name}").fetchall()
            == there.execute(f"SELECT * FROM {name}").fetchall()
        )
    there.close()
    here.close()


def test_two_levels_of_tiles() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    log = Log(connection, "own", ORIGIN)
    size = 256 * 256 + 300
    append(connection, log, [(b"%d" % index, None) for index in range(size)])
    assert connection.execute("SELECT level, count(*) FROM own_tile GROUP BY level").fetchall() == [
        (1, 257),
        (2, 1),
    ]
    log.reload()
    assert log.root() == root_of([b"%d" % index for index in range(size)])
    for index in (0, 255, 256, 65535, 65536, size - 1):
        assert verify_inclusion(index, size, leaf_hash(b"%d" % index), log.inclusion(index, size), log.root())
    for old in (1, 256, 300, 65536, 65537, size):
        assert verify_consistency(old, size, log.root_at(old), log.root(), log.consistency(old, size))


def test_append_belongs_to_the_callers_transaction(connection: Database) -> None:
    log = Log(connection, "own", ORIGIN)
    with pytest.raises(RuntimeError):
        log.append(pairs(1))
    append(connection, log, pairs(300))
    before = log.checkpoint()
    connection.execute("BEGIN IMMEDIATE")
    log.append(pairs(300, 300))
    assert log.size == 600
    connection.execute("ROLLBACK")
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogStale):
        log.append(pairs(1, 600))
    connection.execute("ROLLBACK")
    log.reload()
    assert log.checkpoint() == before
    append(connection, log, pairs(300, 300))
    assert log.root() == root_of([leaf for leaf, _ in pairs(600)])
    assert log.verify() is None


def test_a_failed_append_leaves_memory_as_it_was(connection: Database) -> None:
    log = Log(connection, "own", ORIGIN)
    append(connection, log, pairs(5))
    before = log.checkpoint()
    connection.execute("CREATE UNIQUE INDEX stop ON own_leaf ((CASE WHEN idx = 7 THEN 2 ELSE idx END))")
    with pytest.raises(FAULTS), transaction(connection):
        log.append(pairs(4, 5))
    assert log.checkpoint() == before and not connection.in_transaction
    log.reload()
    assert log.checkpoint() == before


def test_a_savepoint_that_was_gone_back_to_is_noticed_in_the_same_turn(connection: Database) -> None:
    log = Log(connection, "own", ORIGIN)
    with transaction(connection):
        log.append(pairs(3))
        connection.execute("SAVEPOINT job")
        log.append(pairs(2, 3))
        connection.execute("ROLLBACK TO job")
        with pytest.raises(LogStale):
            log.append(pairs(1, 5))
        log.reload()
        assert log.append(pairs(2, 3)) == 3
    assert log.verify() is None and log.size == 5


def test_another_appender_is_noticed(tmp_path: Path) -> None:
    first, second = open_database(tmp_path / "l"), open_database(tmp_path / "l")
    one, two = Log(first, "own", ORIGIN), Log(second, "own", ORIGIN)
    append(first, one, pairs(1))
    append(second, two, pairs(1, 1))
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogStale):
        one.append(pairs(1, 2))
    first.execute("ROLLBACK")
    one.reload()
    assert append(first, one, pairs(1, 2)) == 2
    first.close()
    second.close()


def test_logs_share_a_database(connection: Database) -> None:
    own, feed = Log(connection, "own", ORIGIN), Log(connection, "feed_cn", "pk.example/feed/cn")
    connection.execute("BEGIN IMMEDIATE")
    own.append(pairs(3))
    feed.append(pairs(1))
    connection.execute("COMMIT")
    assert (own.size, feed.size) == (3, 1)
    for name in ("", "Own", "a b", "a;drop", "1a", "é", "a" * 49):
        with pytest.raises(ValueError):
            Log(connection, name, ORIGIN)


def test_a_body_goes_and_the_tree_stays(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    connection = open_database(path)
    log = Log(connection, "own", ORIGIN)
    append(connection, log, [(b"leaf %d" % i, b"CANARY%04d" % i * 30) for i in range(200)])
    head = log.checkpoint()
    log.replace_body(77, None)
    log.replace_body(78, b"less")
    assert (log.entry(77).body, log.entry(78)) == (None, Entry(78, b"leaf 78", b"less"))
    with pytest.raises(IndexError):
        log.replace_body(200, None)
    assert log.verify(anchors=[head]) is None
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"CANARY0077" not in raw and b"CANARY0078" not in raw and b"CANARY0079" in raw


def test_a_reader_sees_appends_after_reload_and_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "a space & a #"
    writer = open_database(path)
    log = Log(writer, "own", ORIGIN)
    append(writer, log, pairs(5))
    connection = open_database(path, read_only=True)
    reader = Log(connection, "own", ORIGIN)
    assert reader.checkpoint() == log.checkpoint()
    append(writer, log, pairs(300, 5))
    assert reader.size == 5
    reader.reload()
    assert reader.checkpoint() == log.checkpoint() and reader.verify() is None
    with pytest.raises(sqlite3.OperationalError):
        reader.replace_body(1, None)
    connection.close()
    writer.close()
    with pytest.raises(sqlite3.OperationalError):
        open_database(tmp_path / "absent", read_only=True)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE own_leaf SET leaf = substr(?, 1, 1) WHERE idx = 412", 412),
        ("UPDATE own_leaf SET leaf = 'text' WHERE idx = 3", 3),
        ("UPDATE own_leaf SET hash = ? WHERE idx = 599", 599),
        ("DELETE FROM own_leaf WHERE idx = 100", 100),
        ("DELETE FROM own_leaf WHERE idx = 0", 0),
        ("UPDATE own_tile SET hash = ? WHERE idx = 1", 256),
        ("DELETE FROM own_tile WHERE idx = 1", 256),
        ("INSERT INTO own_tile VALUES (1, 7, ?)", 600),
        ("DELETE FROM own_leaf WHERE idx = 599", 599),
        ("INSERT INTO own_leaf VALUES (700, ?, 'leaf', NULL)", 600),
        ("INSERT INTO own_leaf VALUES (-3, ?, 'leaf', NULL)", 0),
        ("UPDATE own_leaf SET body = ? WHERE idx = 55", 55),
    ],
)
def test_verify_names_the_first_broken_entry(connection: Database, statement: str, broken: int) -> None:
    log = Log(connection, "own", ORIGIN)
    bodies = [b"body %d" % index for index in range(600)]
    append(connection, log, [(hashlib.sha256(body).digest(), body) for body in bodies])
    head = log.checkpoint()

    def holds(leaf: bytes, body: bytes | None) -> bool:
        return body is None or hashlib.sha256(body).digest() == leaf

    assert log.verify(anchors=[head], body_holds=holds) is None
    connection.execute(statement, (bytes(32),) if "?" in statement else ())
    assert Log(connection, "own", ORIGIN).verify(anchors=[head], body_holds=holds) == broken


def test_anchors_find_a_history_that_was_rewritten_whole(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "one")
    log = Log(connection, "own", ORIGIN)
    append(connection, log, pairs(400))
    anchors = [log.checkpoint_at(size) for size in (0, 100, 256, 400)]
    connection.close()
    other = open_database(tmp_path / "two")
    forged = Log(other, "own", ORIGIN)
    append(other, forged, [*pairs(150), (b"forged", None), *pairs(249, 151)])
    assert forged.verify() is None
    assert forged.verify(anchors=reversed(anchors)) == 100
    assert forged.verify(anchors=anchors[:2]) is None
    other.close()


def test_verify_tells_how_far_it_is(connection: Database) -> None:
    log = Log(connection, "own", ORIGIN)
    append(connection, log, pairs(2500))
    seen: list[tuple[int, int]] = []
    assert log.verify(lambda done, total: seen.append((done, total))) is None
    assert seen == [(1024, 2500), (2048, 2500), (2500, 2500)]
    assert not connection.in_transaction


@given(st.integers(0, 700), st.integers(0, 700), st.integers(0, 300))
@settings(max_examples=20)
def test_a_log_that_was_cut_goes_on_as_if_the_rest_had_never_been(whole: int, size: int, more: int) -> None:
    size = min(size, whole)
    database = sqlite3.connect(":memory:", isolation_level=None)
    log, plain = Log(database, "own", ORIGIN), Log(database, "plain", ORIGIN)
    with pytest.raises(RuntimeError, match="transaction"):
        log.cut(0)
    append(database, log, pairs(whole))
    database.execute("BEGIN")
    log.cut(size)
    database.execute("COMMIT")
    later = [(b"other %d" % index, None) for index in range(more)]
    append(database, log, later)
    append(database, plain, [*pairs(size), *later])
    assert (log.size, log.root()) == (plain.size, plain.root())
    assert log.verify() is None and log.consistency(size, log.size) == plain.consistency(size, log.size)
    database.close()


def test_a_log_verified_piece_by_piece_finds_what_the_whole_does(tmp_path: Path) -> None:
    """A stored hash beneath a full tile is read by no root any more, and still found."""
    connection = open_database(tmp_path / "log")
    log = Log(connection, "own", "pk.example/ledger")
    connection.execute("BEGIN")
    log.append([(b"leaf %d" % n, None) for n in range(700)])
    connection.execute("COMMIT")

    def broken() -> int | None:
        frontier = Frontier()
        while frontier.size < log.size:
            if (found := log.verify_next(frontier, min(frontier.size + 100, log.size))) is not None:
                return found
        assert frontier.root() == log.root()
        return None

    assert broken() is None
    for change, where in (
        ("UPDATE own_leaf SET hash = zeroblob(32) WHERE idx = 7", 7),
        ("UPDATE own_tile SET hash = zeroblob(32) WHERE level = 1 AND idx = 1", 256),
        ("UPDATE own_leaf SET leaf = x'00' WHERE idx = 699", 699),
        ("DELETE FROM own_leaf WHERE idx = 300", 300),
    ):
        connection.execute("BEGIN")
        connection.execute(change)
        assert broken() == where == log.verify()
        connection.execute("ROLLBACK")
    connection.close()
