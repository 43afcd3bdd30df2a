"""The second wall: what a query that forgot `release()` gets on PostgreSQL, as the role of the pages' processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from records.test_commit import PARTS, person
from safeconduct.agreement.policy import Subject
from safeconduct.node.databases import forget_reader, tables_schema
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.release import NotFound, release
from safeconduct.records.wall import NODE, declared

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
PLACED: dict[str, Any] = {
    **PARTS,
    "where": {"latitude": 24.9, "longitude": 67.17, "place": "CANARY-PLACE", "district": "Karachi"},
    "people": {"killed_best": 2, "victims": "CANARY-PEOPLE"},
    "source": {"name": "CANARY-SOURCE"},
}


class Raw:
    """A session as the pages' processes have it, without anything of the house in between."""

    def __init__(self, home: Home) -> None:
        options = tables_schema(home.settings["database_web"], "web")["OPTIONS"]["options"]
        self.session = psycopg.connect(home.settings["database_web"], options=options, autocommit=True)

    def declare(self, what: str) -> None:
        self.session.execute("SELECT set_config('safeconduct.reader', %s, false)", [what])

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.session.execute(sql, values).fetchall()


@pytest.fixture
def raw(node: Home) -> Iterator[Raw]:
    opened = Raw(node)
    yield opened
    opened.session.close()


@pytest.fixture
def records(node: Home) -> dict[str, str]:
    """Three incidents: as they are usually labelled, one that is secret as a whole, one that is open as a whole."""
    officer = person("watch_officer")
    secret, open_to_all = dict.fromkeys(PLACED, 3), dict.fromkeys(PLACED, 0)
    made = {
        "usual": commit(officer, Draft("incident", PLACED)),
        "secret": commit(officer, Draft("incident", PLACED, levels=secret)),
        "open": commit(officer, Draft("incident", PLACED, levels=open_to_all)),
    }
    return {name: each.record for name, each in made.items()}


def whole(raw: Raw) -> dict[str, dict[str, Any]]:
    """Every column that `SELECT *` gives of the incidents."""
    found = raw.session.execute("SELECT * FROM records_row WHERE kind = 'incident'")
    assert found.description is not None
    names = [column.name for column in found.description]
    return {row[names.index("id")]: dict(zip(names, row, strict=True)) for row in found.fetchall()}


def test_without_a_declared_reader_there_is_nothing(records: dict[str, str], raw: Raw) -> None:
    assert raw.ask("SELECT * FROM records_row") == [] == raw.ask("SELECT * FROM records_search")
    for wrong in (
        "", "9|pk", "3", "3|", "33|pk", "-1|pk", " 3|pk", "node ", "NODE", "3|pk|x", "3|p", "3|%", "*", "\n3|pk",
    ):  # fmt: skip
        raw.declare(wrong)
        for view in ("records_row", "records_search", "records_timed"):
            assert raw.ask(f"SELECT * FROM {view}") == [], wrong


def test_a_forgotten_release_gives_nothing_above_the_clearance(records: dict[str, str], raw: Raw) -> None:
    for clearance in range(4):
        raw.declare(f"{clearance}|pk")
        rows = whole(raw)
        assert (records["secret"] in rows) == (clearance == 3)
        assert "CANARY-PEOPLE" in rows[records["open"]]["parts"]
        usual = rows.get(records["usual"])
        levels = {name: level for name, level in _levels().items() if name in PLACED}
        assert (usual is None) == (min(levels.values()) > clearance)
        if usual is None:
            continue
        seen = {name for name, level in levels.items() if level <= clearance}
        assert json.loads(usual["parts"]).keys() == seen
        for part, columns in {
            "where": ("place", "latitude"),
            "when": ("time",),
            "summary": ("category",),
        }.items():
            assert {usual[column] is not None for column in columns} == {part in seen}, (clearance, part)
        for part, canary in (
            ("people", "CANARY-PEOPLE"),
            ("source", "CANARY-SOURCE"),
            ("where", "CANARY-PLACE"),
        ):
            assert (canary in repr(usual)) == (part in seen), (clearance, canary)
        born = usual["born"]
        bits = {
            place & 15 for (place,) in raw.ask("SELECT rowid FROM records_search WHERE rowid >> 4 = %s", born)
        }
        assert all(usual["levels"] >> 2 * bit & 3 <= clearance for bit in bits)


def test_where_an_index_gives_the_order_no_time_is_shown_that_is_not_shown_elsewhere(
    records: dict[str, str], raw: Raw
) -> None:
    asked = "SELECT * FROM {} WHERE kind = 'incident' AND time IS NOT NULL ORDER BY id"
    for declaration in ("", NODE, "0|pk", "1|pk", "2|pk", "3|pk", "3|cn"):
        raw.declare(declaration)
        shown = raw.ask(asked.format("records_row"))
        assert raw.ask(asked.format("records_timed")) == shown


def _levels() -> dict[str, int]:
    from safeconduct.records.kinds import kind

    return kind("incident").default_levels()


def test_another_party_gets_only_what_is_releasable_to_it(node: Home, raw: Raw) -> None:
    officer = person("watch_officer")
    kept = commit(officer, Draft("incident", PARTS, releasable=())).record
    given = commit(officer, Draft("incident", PARTS, releasable=())).record
    here.tables().execute("UPDATE records_row SET releasable = '|cn|xx|' WHERE id = %s", [given])
    raw.declare("3|cn")
    assert set(whole(raw)) == {given}
    raw.declare("3|c")
    assert whole(raw) == {}
    raw.declare("3|pk")
    assert set(whole(raw)) == {kept, given}


def test_the_node_sees_headers_and_what_policy_is_made_of(records: dict[str, str], raw: Raw) -> None:
    raw.declare(NODE)
    rows = whole(raw)
    assert set(rows) == set(records.values())
    assert {row["parts"] for row in rows.values()} == {"{}"}
    assert {row[name] for row in rows.values() for name in ("time", "place", "latitude", "category")} == {
        None
    }
    assert all(parts != "{}" for (parts,) in raw.ask("SELECT parts FROM records_row WHERE kind = 'clause'"))
    assert raw.ask("SELECT * FROM records_search") == []


def test_the_tables_themselves_are_closed_even_after_a_mistaken_grant(
    records: dict[str, str], raw: Raw
) -> None:
    raw.declare("3|pk")
    for table in ("tables.records_row", "tables.records_search"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.ask(f"SELECT 1 FROM {table}")
        here.tables().execute(f"GRANT SELECT ON {table} TO safeconduct_web")
        assert raw.ask(f"SELECT 1 FROM {table}") == []


def test_the_role_of_the_pages_writes_no_table_of_the_ledger(records: dict[str, str], raw: Raw) -> None:
    raw.declare("3|pk")
    for statement in (
        "UPDATE records_row SET state = 'x'", "DELETE FROM records_version", "DELETE FROM tables.records_row",
        "INSERT INTO records_applied VALUES (9, 9)", "DROP VIEW records_row", "CREATE TABLE tables.mine (x int)",
        "UPDATE records_part SET bit = 0",
    ):  # fmt: skip
        with pytest.raises(psycopg.Error):
            raw.session.execute(statement)
        raw.session.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.session.execute(statement)
        raw.session.execute("SET default_transaction_read_only = on")


def test_the_wall_hides_nothing_that_policy_shows(
    records: dict[str, str], node: Home, monkeypatch: Any
) -> None:
    """What a reader is given is the same with the wall and without it, in lists, by search and one by one."""
    readers = [
        person(role, f"p-{role}-{clearance}", clearance=clearance)
        for role in ("watch_officer", "coordinator", "analyst", "administrator")
        for clearance in (0, 1, 3)
    ]
    with_wall = [_given(reader, records) for reader in readers]
    plain = here.tables
    from django.db import connections

    monkeypatch.setattr(here, "_connection", lambda: connections["tables"])
    assert [_given(reader, records) for reader in readers] == with_wall
    assert plain is here.tables and any(any(found.values()) for found in with_wall)


def _given(reader: Subject, records: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for asked in (
        Query("incident"),
        Query("incident", text="canary"),
        Query("incident", sort="at", descending=False),
    ):
        page = find(reader, asked)
        found[repr(asked)] = [(each.id, each.parts, each.label) for each in (*page.records, *page.unplaced)]
    for record in records.values():
        try:
            found[record] = dict(release(reader, record).parts)
        except NotFound:
            found[record] = {}
    return found


def test_a_connection_that_was_given_back_reads_for_nobody(records: dict[str, str], raw: Raw) -> None:
    raw.declare("3|pk")
    assert raw.ask("SELECT 1 FROM records_row LIMIT 1")
    forget_reader(raw.session)
    assert raw.ask("SELECT 1 FROM records_row LIMIT 1") == []


def test_only_a_reader_can_be_declared(node: Home) -> None:
    assert declared(system_subject("pk")) == "3|pk"
    with pytest.raises(ValueError):
        declared(system_subject("pk|cn"))
    with pytest.raises(ValueError):
        declared(system_subject("pk")._replace(clearance=4))
