"""Keys in a PostgreSQL database keep every promise that keys in a file keep, and leave nothing of what was erased."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ready
from databases import Places
from safeconduct.ledger import keystore, slots_postgres
from safeconduct.ledger.database import DatabaseFault
from safeconduct.ledger.keystore import KeyStore, KeyStoreRefused
from safeconduct.ledger.postgres import Postgres
from safeconduct.ledger.slots_postgres import SlotsPostgres, let_read

BLOCK, SHELF = 8, 20


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    made = Places()
    yield made.new()
    made.drop()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "BLOCK", BLOCK)
    monkeypatch.setattr(slots_postgres, "SHELF", SHELF)
    monkeypatch.setattr(slots_postgres, "AHEAD", 4)


def opened(address: str, schema: str = "parts", write: bool = True, waits: bool = True) -> KeyStore:
    db = Postgres(address, schema, read_only=not write, reconnects=not write)
    try:
        if write:
            # A server takes a moment to notice that a session has ended.
            while not db.claim():
                if not waits:
                    raise KeyStoreRefused("open in another writer")
        return KeyStore(SlotsPostgres(db, schema, write), write)
    except BaseException:
        db.close()
        raise


def emptied(address: str, schema: str = "parts") -> None:
    with closing(Postgres(address, "public")) as db:
        db.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


class Two:
    """A store in a file and one on PostgreSQL, to which the same is done."""

    def __init__(self, path: Path, address: str) -> None:
        self.path, self.address = path, address
        self.taken: list[dict[int, bytes]] = [{}, {}]
        self.open()

    def open(self) -> None:
        self.stores = [KeyStore.open(self.path, create=True), opened(self.address)]
        self.readers = [KeyStore.open(self.path, write=False), opened(self.address, write=False)]

    def end(self, how: str) -> None:
        for store in (*self.stores, *self.readers):
            store.close() if how == "close" else store.medium.close()
        self.open()

    def do(self, what: str, number: int) -> None:
        answers = [self.answer(at, what, number) for at in range(2)]
        assert answers[0] == answers[1], (what, number)

    def answer(self, at: int, what: str, number: int) -> Any:
        store, taken = self.stores[at], self.taken[at]
        if what == "take":
            found = [store.take() for _ in range(number % 11)]
            assert not {slot for slot, _ in found} & set(taken), "a slot twice"
            taken.update(found)
            return [slot for slot, _ in found]
        if what == "erase":
            try:
                store.erase([number, number // 2, number])
            except IndexError:
                return "refused"
            taken.update((slot, b"") for slot in (number, number // 2) if slot in taken)
        elif what == "advance":
            store.advance_past(number)
        elif what == "look":
            said = [store.damage(0, number), store.slots(), store.next_slot, store.reaches(number)]
            for each in (store, self.readers[at]):
                keys = [each.key(slot) for slot in range(number + 1)]
                assert all(key == (keys[slot] or b"") for slot, key in taken.items() if slot <= number)
                said.append([key is None for key in keys])
            return said
        return None


def runs(shortest: int) -> Any:
    doing = st.sampled_from(["take", "take", "erase", "advance", "look", "close", "crash"])
    return st.lists(st.tuples(doing, st.integers(0, 45)), min_size=shortest, max_size=10)


@settings(max_examples=8)
@given(run=runs(3))
def test_the_same_done_to_both_gives_the_same_answers(
    tmp_path_factory: pytest.TempPathFactory, place: str, run: list[tuple[str, int]]
) -> None:
    emptied(place)
    two = Two(tmp_path_factory.mktemp("keys") / "parts", place)
    try:
        for what, number in run:
            two.end(what) if what in ("close", "crash") else two.do(what, number)
        two.do("look", 45)
    finally:
        for store in (*two.stores, *two.readers):
            store.medium.close()


class Cut:
    """Ends a connection, as a kill does, before the nth statement from now on."""

    def __init__(self, store: KeyStore, after: int) -> None:
        medium = store.medium
        assert isinstance(medium, SlotsPostgres)
        self.db, self.left, self.run = medium._db, after, medium._db.execute
        self.db.execute = self  # type: ignore[method-assign]

    def __call__(self, *given: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            self.db.close()
        return self.run(*given)


def test_a_kill_before_any_statement_loses_nothing_that_was_promised(place: str) -> None:
    emptied(place)
    promised: dict[int, bytes | None] = {}
    asked: set[int] = set()
    finished = False
    for statement in range(200):
        store = opened(place)
        Cut(store, statement)
        with suppress(DatabaseFault):
            for _ in range(BLOCK + 1):
                slot, key = store.take()
                assert slot not in promised
                promised[slot] = key
            asked |= {slot, slot - 3}
            store.erase([slot, slot - 3])
            promised.update({slot: None, slot - 3: None})
            store.advance_past(slot + 2)
            promised.update({each: promised.get(each, b"") for each in (slot + 1, slot + 2)})
            finished = True
        store.medium.close()
        with opened(place, write=False) as reader:
            for each, kept in list(promised.items())[-3 * BLOCK :] if not finished else promised.items():
                # What was being erased may be gone though nobody was told so yet; nothing else is.
                assert kept == b"" or reader.key(each) == kept or (each in asked and reader.key(each) is None)
            assert reader.damage(0, reader.slots()) == ""
        if finished:
            break
    assert finished, "the last of them went through"


def test_nothing_of_an_erased_key_is_in_any_file_of_the_server(place: str) -> None:
    server = ready.server()
    server.ask("ALTER SYSTEM SET wal_recycle = off")
    server.ask("SELECT pg_reload_conf()")
    server.ask("GRANT pg_checkpoint TO safeconduct")
    emptied(place)
    name = place.partition("@/")[2].partition("?")[0]
    with psycopg.connect(host=str(server.folder), user="postgres", dbname=name, autocommit=True) as superuser:
        superuser.execute("GRANT EXECUTE ON FUNCTION pg_switch_wal() TO safeconduct")
    with closing(Postgres(place, "parts")) as db:
        assert slots_postgres.let_go_of_log(db)
    with opened(place) as store, closing(Postgres(place, "parts", read_only=True)) as looker:
        taken = [store.take() for _ in range(3 * SHELF)]
        # Somebody's old view of the keys keeps nothing of them on the disk.
        looker.execute("BEGIN")
        looker.execute("SELECT count(*) FROM pg_class").fetchone()
        gone = [slot for slot, _ in taken if slot % 5 == 1]
        for slot in gone[:3]:
            store.erase([slot])
        store.erase(gone)
        server.ask("CHECKPOINT")
        ((number,),) = server.ask(f"SELECT oid FROM pg_database WHERE datname = '{name}'")
        data = server.folder / "data"
        files = [p for p in (data / "base" / str(number)).iterdir() if p.is_file()]
        held = b"".join(path.read_bytes() for path in files)
        log = b"".join(p.read_bytes() for p in (data / "pg_wal").iterdir() if p.is_file())
        for slot, key in taken:
            assert (key in held) == (slot not in gone), slot
            assert slot not in gone or key not in log, "the log of before was let go of"
        assert all((store.key(slot) is None) == (slot in gone) for slot, _ in taken)


def test_a_server_that_logs_its_statements_has_no_key_in_its_log(place: str) -> None:
    server = ready.server()
    name = place.partition("@/")[2].partition("?")[0]
    emptied(place)
    server.ask(f'ALTER DATABASE "{name}" SET log_min_messages = log')
    server.ask(f'ALTER DATABASE "{name}" SET log_min_duration_statement = 0')
    try:
        with opened(place) as store:
            taken = [store.take() for _ in range(2 * SHELF)]
            store.erase([taken[0][0]])
    finally:
        server.ask(f'ALTER DATABASE "{name}" RESET ALL')
    log = (server.folder / "log").read_text(errors="replace")
    assert "slots_1" in log and not any(key.hex() in log for _, key in taken)


def test_there_is_one_writer_and_a_role_that_reads_feeds_alone(place: str) -> None:
    server = ready.server()
    name = place.partition("@/")[2].partition("?")[0]
    if not server.ask("SELECT 1 FROM pg_roles WHERE rolname = 'safeconduct_keys'"):
        server.ask("CREATE ROLE safeconduct_keys LOGIN")
    reads = server.address(name, "safeconduct_keys")
    emptied(place)
    emptied(place, "feed_cn")
    with opened(place) as ledger, opened(place, "feed_cn") as feed:
        with pytest.raises(KeyStoreRefused, match="another writer"):
            opened(place, waits=False)
        with pytest.raises(FileNotFoundError):
            opened(place, "feed_xx", write=False)
        ledger.take()
        medium = feed.medium
        assert isinstance(medium, SlotsPostgres)
        slot, key = feed.take()
        let_read(medium._db, '"feed_cn"', '"safeconduct_keys"')
        later = [feed.take() for _ in range(2 * SHELF)]
        with pytest.raises((FileNotFoundError, DatabaseFault)):
            opened(reads, "parts", write=False)
        with opened(reads, "feed_cn", write=False) as reader:
            assert reader.key(slot) == key and all(reader.key(each) == held for each, held in later)
            feed.erase([slot, later[-1][0]])
            assert reader.key(slot) is None and reader.key(later[-1][0]) is None
            server.ask(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'safeconduct_keys'"
            )
            with pytest.raises(DatabaseFault):
                reader.key(later[0][0])
            assert reader.key(later[0][0]) == later[0][1], "a reader connects again"
            with pytest.raises(KeyStoreRefused):
                reader.take()
        with (
            closing(Postgres(reads, "feed_cn", read_only=True)) as db,
            pytest.raises(DatabaseFault, match="denied"),
        ):
            db.execute("SELECT * FROM parts.counts")


def test_a_damaged_slot_and_a_lost_row_are_told_and_can_be_erased(place: str) -> None:
    emptied(place)
    with opened(place) as store:
        taken = [store.take() for _ in range(6)]
    with closing(Postgres(place, "parts")) as db:
        db.execute("UPDATE slots_0 SET held = ? WHERE slot = 1", (bytes(40),))
        db.execute("DELETE FROM slots_0 WHERE slot = 3")
    with opened(place) as store:
        for slot in (1, 3):
            with pytest.raises(KeyStoreRefused, match=f"slot {slot} is damaged"):
                store.key(slot)
            assert f"slot {slot}" in store.damage(slot, 5)
            store.erase([slot])
            assert store.key(slot) is None
        assert store.key(4) == taken[4][1] and store.damage(0, 100) == ""
    with closing(Postgres(place, "parts")) as db:
        db.execute("DELETE FROM counts")
    with pytest.raises(KeyStoreRefused, match="damaged"):
        opened(place)
