"""The writer on PostgreSQL: the same ledger as on SQLite, one writer on whichever machine, and nothing lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import pytest
from django.db import DatabaseError
from hypothesis import given, settings
from hypothesis import strategies as st

import ready
from conftest import using
from postgres import Server
from records.killed import commit_without_end
from records.test_commit import PARTS
from safeconduct.ledger.database import DatabaseFault
from safeconduct.ledger.log import Log
from safeconduct.ledger.postgres import Postgres
from safeconduct.node.backups import backup, restore, verify_home
from safeconduct.node.databases import tables_schema
from safeconduct.positions.store import Position, Store
from safeconduct.records import here, principals
from safeconduct.records.commit import Draft, commit
from safeconduct.records.databases import open_ledger
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.hooks import HOOKS
from safeconduct.records.once import once
from safeconduct.records.principals import system_subject
from safeconduct.records.transaction import Tx
from safeconduct.records.writer import AlreadyRunning, Writer
from safeconduct.timers.due import arm, disarm
from writer_process import PATIENCE, start_apart

SYSTEM = system_subject("pk")
T0 = 1_730_000_000.0


Prepared = Callable[[str], Path]


@pytest.fixture
def home(prepared_on: Prepared, tmp_path: Path) -> Iterator[Home]:
    """A node all of which is on PostgreSQL."""
    found = Home.load(ready.copy(prepared_on("postgresql"), tmp_path / "home"))
    with using(found):
        yield found


def on(home: Home, address: str) -> Home:
    """The same node with its ledger, and that alone, on another server."""
    return replace(home, settings={**home.settings, "database": address})


def wire(draft: Draft, act: str = "write") -> dict[str, Any]:
    return {"actor": principals.to_wire(SYSTEM), "act": act, "draft": draft.to_wire()}


def incident(title: str, **more: Any) -> Draft:
    return Draft("incident", {**PARTS, "summary": {"title": title, "category": "attack"}}, **more)


class _Chance:
    """The machine's chance, the same each time."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)

    def __enter__(self) -> None:
        self.before = os.urandom
        os.urandom = self.source.randbytes  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        os.urandom = self.before


step = st.one_of(
    st.tuples(st.just("new"), st.text(max_size=12), st.integers(0, 3)),
    st.tuples(st.just("amend"), st.integers(0, 5), st.integers(0, 9)),
    st.tuples(st.just("erase"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("refused"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("timer"), st.sampled_from("abc"), st.integers(0, 9)),
    st.tuples(st.just("disarm"), st.sampled_from("abc"), st.just(0)),
)


def _run(writer: Writer, batches: list[list[tuple[str, Any, int]]]) -> None:
    records: list[str] = []
    for number, batch in enumerate(batches):
        writer.clock = lambda number=number: T0 + number
        jobs: list[tuple[str, dict[str, Any]]] = []
        for what, which, value in batch:
            record = records[which % len(records)] if isinstance(which, int) and records else "0" * 32
            if what == "new":
                jobs.append(("commit", wire(incident(which or "untitled", levels={"summary": value}))))
            elif what == "amend":
                change = Draft("incident", {"people": {"killed_best": value}}, record=record, state="update")
                jobs.append(("commit", wire(change)))
            elif what == "erase":
                actor = {"person": "system", "roles": []}
                jobs.append(("erase", {"actor": actor, "record": record, "parts": [], "reason": ""}))
            elif what == "refused":
                jobs.append(("commit", wire(Draft("incident", {"no such part": {}}, record=record))))
            elif what == "timer":
                writer.tick(lambda tx, key=which, due=value: arm(tx, key, due, "law", {"due": due}))
            else:
                writer.tick(lambda tx, key=which: bool(disarm(tx, key)) and False)
        for answer in writer.execute(jobs) if jobs else ():
            if answer.get("record") not in (None, *records):
                records.append(answer["record"])


@pytest.mark.files("has both beside each other")
@settings(max_examples=4, deadline=None)
@given(st.lists(st.lists(step, min_size=1, max_size=6), min_size=1, max_size=5), st.integers(0, 2**32))
def test_the_same_jobs_make_the_same_tree_and_the_same_rows_on_both(
    prepared_on: Prepared,
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[Any]],
    seed: int,
) -> None:
    held = []
    for database in ("sqlite", "postgresql"):
        folder = tmp_path_factory.mktemp("both")
        home = Home.load(ready.copy(prepared_on(database), folder / "home"))
        with using(home), _Chance(seed), Door(home, Writer(home, lambda: T0)) as door, here.at(home, door):
            writer = door.writer
            assert writer is not None
            _run(writer, batches)
            asked = {
                "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
                "postgresql": "SELECT CAST(relname AS TEXT) FROM pg_class WHERE relnamespace = "
                "CAST('ledger' AS regnamespace) AND relkind IN ('r', 'p') AND NOT relispartition",
            }
            rows = {
                table: sorted(map(repr, writer.db.execute(f"SELECT * FROM {table}").fetchall()))
                for (table,) in writer.db.execute(asked[database]).fetchall()
            }
            held.append((writer.log.size, writer.log.root(), rows))
        shutil.rmtree(folder)
    assert held[0] == held[1]


def test_a_second_machine_over_the_same_database_is_refused(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(home, path=tmp_path / "machine two")
    shutil.copytree(home.path, other.path)
    with Door.open(home), monkeypatch.context() as impatient:
        impatient.setattr("safeconduct.records.databases.CLAIM_SECONDS", 0.1)
        for _ in range(2):
            with pytest.raises(AlreadyRunning, match="database"):
                Writer(other)
    monkeypatch.setattr("safeconduct.records.databases.CLAIM_SECONDS", 90.0)
    Writer(other).close()


@pytest.mark.parametrize("when", ["between", "within"])
def test_a_writer_that_loses_its_connection_ends_and_what_it_answered_is_there(
    home: Home, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Door.open(home) as door, here.at(home, door):
        writer = door.writer
        assert writer is not None
        made = commit(SYSTEM, incident("kept"))
        number = writer.db.execute("SELECT pg_backend_pid()").fetchone()[0]
        size, root = writer.log.size, writer.log.root()

        def lost(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
            ready.server().ask(f"SELECT pg_terminate_backend({number}, 5000)")
            return {}

        monkeypatch.setitem(HOOKS.jobs, "lost", lost)
        if when == "between":
            lost(None, {})  # type: ignore[arg-type]
            jobs = [("commit", wire(incident("never acknowledged")))]
        else:
            jobs = [("commit", wire(incident("never acknowledged"))), ("lost", {})]
        for _ in range(2):
            with pytest.raises(SystemExit):
                writer.execute(jobs)
        with suppress(DatabaseError, sqlite3.Error):
            writer.tables.execute("ROLLBACK")
    with Door.open(home) as door, here.at(home, door):
        assert door.writer is not None
        log = door.writer.log
        assert (log.size, log.root()) == (size, root) and log.entry(made.index).index == made.index
        commit(SYSTEM, incident("after"))
    assert verify_home(home).broken is None


KILLS = int(os.environ.get("SAFECONDUCT_KILLS", "6"))
"""How often the writer is killed; a long run tries more."""


def test_kill_9_of_the_writer_loses_nothing_that_was_acknowledged(home: Home) -> None:
    chance = random.Random(6)
    said: list[tuple[int, bytes]] = []
    for kill in range(KILLS):
        heard, child = start_apart(commit_without_end, str(home.path))
        assert heard.poll(PATIENCE)
        end = time.monotonic() + chance.uniform(0.0, 0.3)
        with suppress(EOFError, UnpicklingError):
            said.append(heard.recv())
            while time.monotonic() < end:
                said.append(heard.recv())
            os.kill(child.pid or 0, signal.SIGKILL)
            while True:
                said.append(heard.recv())
        child.join(PATIENCE)
        assert child.exitcode == -signal.SIGKILL
        with closing(open_ledger(home)) as db:
            log = Log(db, "ledger", "pk.safeconduct/ledger")
            for size, root in said[-30:]:
                assert size <= log.size and log.root_at(size) == root, f"lost at kill {kill}"
            assert log.verify() is None
    print(f"{KILLS} kills, {len(said)} acknowledged batches, the last at {said[-1][0]} entries")
    with Door.open(home) as door, here.at(home, door):
        assert door.writer is not None and door.writer.log.size >= said[-1][0]
        found = door.writer.tables.one("SELECT count(*) FROM records_row WHERE kind = 'incident'")
        assert found == (door.writer.log.size,), "the tables have caught up"
    assert verify_home(home).broken is None


@pytest.mark.files("has a server of its own, and the tables beside it")
def test_a_server_that_is_killed_loses_nothing_that_was_acknowledged(bare_home: Home, tmp_path: Path) -> None:
    server = Server(Path(str(ready.server().folder) + "-killed"))
    server.start()
    try:
        home = on(bare_home, server.address(server.fresh()))
        for _ in range(2):
            with Door.open(home) as door, here.at(home, door):
                made = [commit(SYSTEM, incident(f"{n}")) for n in range(20)]
                server._control("stop", "-m", "immediate")
                with pytest.raises(SystemExit):
                    commit(SYSTEM, incident("never acknowledged"))
            server._control(
                "start", "-o", f"-c unix_socket_directories={server.folder} -c listen_addresses=''"
            )
            with Door.open(home) as door, here.at(home, door):
                assert door.writer is not None
                log = door.writer.log
                assert [log.entry(each.index).index for each in made] == [each.index for each in made]
                assert log.size == made[-1].index + 1 and log.verify() is None
    finally:
        server.end()


def test_an_erased_part_has_no_key_and_its_row_is_swept(home: Home) -> None:
    with Door.open(home) as door, here.at(home, door):
        made = commit(SYSTEM, incident("gone", levels={"summary": 2}))
        actor = {"person": "system", "roles": []}
        here.door().call("erase", {"actor": actor, "record": made.record, "parts": [], "reason": ""})
        writer = door.writer
        assert writer is not None
        writer.tick(lambda _tx: None)
        assert writer.db.execute("SELECT count(*) FROM erasing").fetchone() == (0,)
        dead = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'ledger_leaf'"
        writer.db.execute("SELECT pg_stat_clear_snapshot()")
        assert writer.db.execute(dead).fetchone() == (0,)
    assert verify_home(home).broken is None


def test_what_postgresql_cannot_hold_is_refused_alone_and_stops_nobody(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
        return once(tx, "somebody", payload["key"], lambda: ("record", payload["version"], 1))

    monkeypatch.setitem(HOOKS.jobs, "said", said)
    keys: list[tuple[str, int]] = [("a", 1), ("\x00", 1), ("\ud800", 1), ("big", 2**63), ("b", 2)]
    with Door.open(home) as door:
        assert door.writer is not None
        answers = door.writer.execute([("said", {"key": key, "version": n}) for key, n in keys])
        assert ["error" in answer for answer in answers] == [False, True, True, True, False]
        found = door.writer.db.execute("SELECT key, version FROM said_once ORDER BY key").fetchall()
        assert found == [("somebody\na", 1), ("somebody\nb", 2)]


def test_who_shows_records_keeps_positions_and_reads_no_ledger(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Door.open(home) as door:
        door.call("timers", {})
        monkeypatch.setenv("SAFECONDUCT_PROCESS", "web")
        store = Store(home)
        assert store.put([Position("m", "p", T0, 25.0, 66.9)]) == 1
        assert [p.at for p in store.track("m", 0, 9)] == [T0] and store.forget("m") == 1
        for statement in ("SELECT * FROM ledger.ledger_leaf", "CREATE TABLE other (a INTEGER)"):
            with pytest.raises(DatabaseFault, match="permission denied"):
                store.db.execute(statement)
        store.close()
        web = Postgres(str(home.settings["database_web"]), "ledger", read_only=True)
        with pytest.raises(DatabaseFault):
            web.execute("SELECT * FROM timer_due")
        web.close()


def test_copying_files_is_no_backup_of_a_server(home: Home, tmp_path: Path) -> None:
    for act in (lambda: backup(home, tmp_path / "to"), lambda: restore(home, tmp_path / "from")):
        with pytest.raises(HomeError, match="Backups on PostgreSQL"):
            act()
    assert not (tmp_path / "to").exists()


def test_verify_finds_nothing_to_verify(home: Home) -> None:
    with pytest.raises(HomeError, match="no ledger yet"):
        verify_home(home)


def test_an_address_that_is_none_is_said_in_words(bare_home: Home) -> None:
    with pytest.raises(HomeError, match=r"node\.toml: the address"):
        Writer(on(bare_home, "mysql://here/db"))
    Writer(bare_home).close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_lists_has_each_question_planned_for_what_it_asks_and_only_the_ledger_waits_for_the_disk(
    node: Home,
) -> None:
    writer = here.door().writer
    assert writer is not None
    assert writer.tables.one("SHOW plan_cache_mode") == ("force_custom_plan",)
    assert writer.tables.one("SHOW synchronous_commit") == ("off",)
    assert writer.db.execute("SHOW synchronous_commit").fetchone() == ("on",)
    assert node.database is not None
    session = tables_schema(node.database, "writer")["OPTIONS"]["options"]
    assert "plan_cache_mode" not in session and "synchronous_commit=off" in session
