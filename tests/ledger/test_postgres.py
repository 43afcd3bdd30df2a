"""A connection to PostgreSQL: what it takes and gives, what it refuses, and what its faults do not say."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

import ready
from safeconduct.ledger.database import DatabaseFault, columns, snapshot, sweep, transaction, wait_for_disk
from safeconduct.ledger.postgres import Postgres, Unfit


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A database that sorts by an English dictionary, as an operator's may."""
    name = f"by_a_dictionary_{os.getpid()}"
    ready.server().ask(
        f"CREATE DATABASE {name} OWNER safeconduct TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'"
    )
    yield ready.server().address(name)
    ready.server().drop([name])


@pytest.fixture
def db(address: str) -> Iterator[Postgres]:
    opened = Postgres(address, "own")
    opened.execute("DROP TABLE IF EXISTS thing")
    opened.execute(
        "CREATE TABLE thing (name TEXT PRIMARY KEY, n INTEGER, at REAL, raw BLOB NOT NULL DEFAULT x'')"
    )
    yield opened
    opened.close()


def test_values_come_back_as_they_were_given(db: Postgres) -> None:
    rows = [
        ("a", 2**63 - 1, 1.1, b"\x00\xff"),
        ("b", -1, 1e300, b""),
        ("ü\U0010ffff", True, 3, b"x"),
        ("n", None, None, b""),
    ]
    assert db.executemany("INSERT INTO thing VALUES (?, ?, ?, ?)", rows).rowcount == 4
    assert db.execute("SELECT * FROM thing ORDER BY name").fetchall() == [
        ("a", 2**63 - 1, 1.1, b"\x00\xff"),
        ("b", -1, 1e300, b""),
        ("n", None, None, b""),
        ("ü\U0010ffff", 1, 3.0, b"x"),
    ]
    assert db.execute("INSERT INTO thing (name) VALUES (?) ON CONFLICT DO NOTHING", ("a",)).rowcount == 0
    again = [("a", 0, 0.0, b""), ("c", 0, 0.0, b"")]
    assert db.executemany("INSERT INTO thing VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", again).rowcount == 1
    assert db.execute("SELECT raw FROM thing WHERE name = ?", ("c",)).fetchone() == (b"",)
    assert columns(db, "thing") == {"name", "n", "at", "raw"} and columns(db, "nothing") == set()


def test_texts_sort_by_their_code_points_whatever_the_database_was_made_for(db: Postgres) -> None:
    names = ["B", "a", "Z", "ä", "_", "-", "A b", "Ab", "中", "ا"]
    db.executemany("INSERT INTO thing (name) VALUES (?)", [(name,) for name in names])
    assert [name for (name,) in db.execute("SELECT name FROM thing ORDER BY name")] == sorted(names)
    assert db.execute(
        "SELECT count(*) FROM thing WHERE name >= ? AND name < ?", ("A", "A\U0010ffff")
    ).fetchone() == (2,)
    assert db.execute("SELECT min(name), max(name) FROM thing").fetchone() == (min(names), max(names))


def test_a_transaction_is_whole_and_a_turn_nobody_else_has(db: Postgres, address: str) -> None:
    other = Postgres(address, "own")
    with pytest.raises(KeyError), transaction(db):
        assert db.in_transaction
        db.execute("INSERT INTO thing (name) VALUES (?)", ("gone",))
        raise KeyError
    assert not db.in_transaction and db.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    with snapshot(other):
        assert other.execute("SELECT count(*) FROM thing").fetchone() == (0,)
        with transaction(db):
            db.execute("INSERT INTO thing (name) VALUES (?)", ("here",))
        assert other.execute("SELECT count(*) FROM thing").fetchone() == (0,), "one unchanging view"
    assert other.execute("SELECT count(*) FROM thing").fetchone() == (1,)
    other.execute("SET lock_timeout = 50")
    with transaction(db), pytest.raises(DatabaseFault, match="lock timeout"):
        other.execute("BEGIN IMMEDIATE")
    other.close()


def test_one_claim_at_a_time_for_as_long_as_its_connection_lives(db: Postgres, address: str) -> None:
    other, elsewhere = Postgres(address, "own"), Postgres(address, "not_own")
    assert db.claim() and not other.claim() and elsewhere.claim()
    db.close()
    end = time.monotonic() + 90
    while not other.claim():
        assert time.monotonic() < end
        time.sleep(0.01)
    other.close()
    elsewhere.close()


def test_a_reader_writes_nothing(db: Postgres, address: str) -> None:
    reader = Postgres(address, "own", read_only=True)
    assert reader.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    for statement in ("INSERT INTO thing (name) VALUES ('x')", "CREATE TABLE other (a INTEGER)"):
        with pytest.raises(DatabaseFault, match="read-only"):
            reader.execute(statement)
    reader.close()
    nothing = Postgres(address, "of_nobody", read_only=True)
    assert columns(nothing, "thing") == set()
    nothing.close()


def test_faults_say_what_failed_and_no_value(db: Postgres) -> None:
    db.execute("INSERT INTO thing (name) VALUES (?)", ("canary",))
    with pytest.raises(DatabaseFault, match="UniqueViolation") as found:
        db.execute("INSERT INTO thing (name) VALUES (?)", ("canary",))
    assert "canary" not in str(found.value) and found.value.__cause__ is None
    with pytest.raises(DatabaseFault) as found:
        db.execute("UPDATE thing SET n = CAST(? AS INTEGER)", ("canary",))
    assert "canary" not in str(found.value)
    with pytest.raises(DatabaseFault, match="no_such"):
        db.execute("SELECT * FROM no_such")


def test_what_no_database_can_hold_is_the_askers_fault_and_leaves_the_transaction_whole(db: Postgres) -> None:
    with transaction(db):
        for value in ("with \x00 in it", "\ud800"):
            with pytest.raises(ValueError):
                db.execute("INSERT INTO thing (name) VALUES (?)", (value,))
        for number in (2**63, -(2**63) - 1, 10**40):
            with pytest.raises(OverflowError):
                db.execute("INSERT INTO thing (name, n) VALUES ('n', ?)", (number,))
        db.execute("INSERT INTO thing (name) VALUES (?)", ("after",))
    assert db.execute("SELECT name FROM thing").fetchall() == [("after",)]


def _end(address: str, db: Postgres) -> None:
    """End a connection as a server does that restarts."""
    number = db.execute("SELECT pg_backend_pid()").fetchone()[0]
    admin = Postgres(address, "admin")
    admin.execute("SELECT CAST(pg_terminate_backend(CAST(? AS INTEGER), 5000) AS INTEGER)", (number,))
    admin.close()


def test_a_lost_connection_is_made_again_only_for_those_who_may(db: Postgres, address: str) -> None:
    lasting = Postgres(address, "own", reconnects=True)
    for each in (lasting, db):
        _end(address, each)
        with pytest.raises(DatabaseFault):
            each.execute("SELECT count(*) FROM thing")
        assert not each.in_transaction
    assert lasting.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    _end(address, lasting)
    with pytest.raises(DatabaseFault), transaction(lasting):
        pass
    with pytest.raises(DatabaseFault, match="within a transaction"), transaction(lasting):
        lasting.execute("INSERT INTO thing (name) VALUES ('again')")
        _end(address, lasting)
        with pytest.raises(DatabaseFault):
            lasting.execute("SELECT 1 FROM thing")
        lasting.execute("INSERT INTO thing (name) VALUES ('outside any transaction')")
    assert lasting.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    lasting.close()
    with pytest.raises(DatabaseFault):
        db.execute("SELECT count(*) FROM thing")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("mysql://node@here/db", "postgresql://"),
        ("host=/tmp dbname=x password=canary", "postgresql://"),
        ("postgresql://node:can/ary@here/db", "the address of the database is none"),
        ("postgresql://node@here/db?no_such=1", "the address of the database is none"),
        ("", "postgresql://"),
        (5432, "postgresql://"),
        ("postgresql://node:canary@db.example/db", "sslmode=verify-full"),
        ("postgresql://node@192.0.2.1/db?sslmode=prefer", "sslmode=verify-full"),
        ("postgresql://node@localhost,db.example/db", "sslmode=verify-full"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(wrong: Any, told: str) -> None:
    with pytest.raises(Unfit) as found:
        Postgres(wrong, "own")
    assert told in str(found.value) and not any(
        piece in str(found.value) for piece in ("canary", "ary@", "node")
    )


@pytest.mark.parametrize(
    ("setting", "told"),
    [("synchronous_commit", "synchronous_commit = off"), ("fsync", "fsync = off")],
)
def test_a_server_that_acknowledges_what_it_may_lose_is_refused(
    address: str, setting: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if setting == "fsync":
        # Only the whole server could be started so: what it would say is put in its mouth.
        monkeypatch.setattr("safeconduct.ledger.postgres._ASKED", "'off', 'on', 'UTF8'")
        with pytest.raises(Unfit, match=told):
            Postgres(address, "own")
        return
    with pytest.raises(Unfit, match=told):
        Postgres(f"{address}&options=-c%20{setting}%3Doff", "own")


def test_a_database_in_another_encoding_is_refused() -> None:
    server = ready.server()
    name = f"latin_{os.getpid()}"
    server.ask(f"CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with pytest.raises(Unfit, match="LATIN1"):
        Postgres(server.address(name), "own")
    server.drop([name])


def test_nobody_answers(tmp_path: object) -> None:
    with pytest.raises(DatabaseFault, match="no connection") as found:
        Postgres(f"postgresql://node:canary@/x?host={tmp_path}", "own")
    assert "canary" not in str(found.value)


def test_a_server_on_another_machine_is_to_notice_soon_that_the_way_is_cut(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.ledger.postgres._is_far", lambda _: True)
    db = Postgres(address, "own")
    for name in (
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_keepalives_count",
        "tcp_user_timeout",
    ):
        assert db.execute(f"SHOW {name}").fetchone() is not None
    db.close()


def test_what_is_written_may_wait_for_the_disk_or_not(db: Postgres) -> None:
    for always, said in ((False, "off"), (True, "on")):
        wait_for_disk(db, always)
        assert db.execute("SHOW synchronous_commit").fetchone() == (said,)
    assert sweep(db, "thing")


def test_a_schema_may_have_any_name_that_a_partner_has(address: str) -> None:
    odd = 'feed_a-b"; DROP SCHEMA own; --'
    for _ in range(2):
        db = Postgres(address, odd)
        db.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER)")
        assert db.execute("SELECT current_schema()").fetchone() == (odd,)
        db.close()
