"""What flips on the disk is found by a timer, told in words, and neither stops the node nor is signed over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import ready
from exchange.conftest import made, nodes, world  # noqa: F401
from exchange.nodes import INCIDENT, Node, bundle_bytes, own_connections, pull
from safeconduct.oversight.ailments import ailments
from safeconduct.oversight.metrics import metrics_text
from safeconduct.oversight.recompute import recompute, result
from safeconduct.oversight.vitals import vitals
from safeconduct.records.home import Home

Pair = tuple[Node, Node]


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


def gone_through(node: Node) -> list[tuple[str, int]]:
    """One time through everything, by the timer; where something does not hold."""
    node.writer.home = replace(node.home, settings={**node.home.settings, "recompute_hours": 0.01})
    before = result(node.home).finished
    while result(node.home).finished == before:
        node.writer.tick(recompute)
    return [(fault.where, fault.index) for fault in result(node.home).faults]


@pytest.fixture
def worked(nodes: Pair) -> Pair:  # noqa: F811
    host, partner = nodes
    for _ in range(3):
        host.commit("incident", INCIDENT)
        partner.commit("incident", INCIDENT)
    host.publish()
    pull(partner, host)
    pull(host, partner)
    return host, partner


def test_of_a_home_that_is_whole_nothing_is_said(worked: Pair) -> None:
    host, _ = worked
    assert gone_through(host) == []
    with host.active():
        found = vitals()
        assert found.recompute["finished"] and not [a for a in ailments(found) if a.code == "damaged"]
        assert b"safeconduct_damage_found 0.0" in metrics_text(found)


def test_it_takes_no_more_at_a_time_than_the_day_asks_for(worked: Pair) -> None:
    host, _ = worked
    host.writer.tick(recompute)
    said = host.call("recompute")
    assert 0 < said["done"] <= 200 < said["total"] and said["hours"] == 24.0


def flip(db: sqlite3.Connection, table: str, column: str, index: int) -> None:
    (raw,) = db.execute(f"SELECT {column} FROM {table} WHERE idx = ?", (index,)).fetchone()
    changed = bytes([raw[0], raw[1] ^ 1, *raw[2:]])
    db.execute(f"UPDATE {table} SET {column} = ? WHERE idx = ?", (changed, index))


@pytest.mark.parametrize("column", ["hash", "leaf", "body"])
def test_damage_to_ledger_and_feed_is_found_where_it_is(worked: Pair, column: str) -> None:
    host, _ = worked
    last = max(i for i, _, body in host.writer.log.entries(0, host.writer.log.size) if body)
    flip(host.writer.db, "ledger_leaf", column, last)
    feed = host.feed("cn")
    (sealed,) = feed.db.execute("SELECT max(idx) FROM feed_leaf WHERE body IS NOT NULL").fetchone()
    flip(feed.db, "feed_leaf", column, sealed)
    assert gone_through(host) == [("ledger", last), ("feed:cn", sealed)]
    with host.active():
        told = [a for a in ailments(vitals()) if a.code == "damaged"]
    assert [a.severity for a in told] == ["grave", "grave"] and str(last) in told[0].what


def test_damage_to_what_came_from_a_partner_and_to_keys_is_found(worked: Pair) -> None:
    host, _ = worked
    flip(host.writer.db, "mirror_cn_leaf", "leaf", 1)
    with (host.home.keys / "parts").open("r+b") as file:
        file.seek(8192 + 40 * 3 + 9)
        file.write(b"\xff\xfe")
    assert {where for where, _ in gone_through(host)} >= {"mirror:cn", "keys:parts"}
    reopened = Node(host.home.path) if host.close() is None else host  # type: ignore[func-returns-value]
    assert len(result(reopened.home).faults) >= 2, "what was found is known after a restart"
    host.writer, host.door = reopened.writer, reopened.door


def test_a_page_that_cannot_be_read_does_not_stop_the_writer(
    worked: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _ = worked

    def unreadable(*_: object) -> list[bytes]:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(host.writer.log, "_hashes", unreadable)
    monkeypatch.setattr(host.writer.log, "_follow", unreadable)
    assert ("ledger", 0) in gone_through(host)
    monkeypatch.undo()
    assert host.commit("incident", INCIDENT).version == 1


def test_over_damage_nothing_is_signed(worked: Pair, world: Path) -> None:  # noqa: F811
    host, partner = worked
    head, size = host.feed("cn").head_size(), host.feed("cn").size
    host.writer.db.execute("UPDATE ledger_leaf SET hash = ? WHERE idx = ?", (bytes(32), head - 1))
    feed = host.feed("cn").db
    feed.execute("UPDATE feed_leaf SET hash = ? WHERE idx = ?", (bytes(32), size - 1))
    host.writer.log.reload()
    host.feed("cn").log.reload()
    host.commit("incident", INCIDENT)
    host.publish()
    assert (host.feed("cn").head_size(), host.feed("cn").size) == (head, size)
    assert partner.ingest("pk", bundle_bytes(host, partner, partner.have("pk")))["status"] in ("ok", "old")
    assert partner.call("exchange_cursor", partner="pk")["frozen"] == ""


@pytest.fixture
def alone(bare_home: Home) -> Iterator[Node]:
    """A node without partners, on either database."""
    node = Node(bare_home.path)
    for _ in range(3):
        node.commit("incident", INCIDENT)
    yield node
    node.close()


@pytest.mark.both
def test_what_the_database_refuses_to_read_is_found_and_the_writer_goes_on(
    alone: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = alone.writer.log
    unreadable = replace(log._sql, rows_between="SELECT page FROM unreadable WHERE idx >= ? AND idx < ?")
    monkeypatch.setattr(log, "_sql", unreadable)
    assert gone_through(alone) == [("ledger", 0)]
    monkeypatch.undo()
    assert alone.commit("incident", INCIDENT).version == 1


@pytest.mark.both
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records_row SET state = 'closed' WHERE kind = 'incident'",
        "DELETE FROM records_version WHERE ledger_index = (SELECT max(ledger_index) FROM records_version)",
        "UPDATE records_search SET words = 'otherwise' WHERE rowid = (SELECT max(rowid) FROM records_search)",
    ],
)
def test_tables_that_are_not_what_the_ledger_says_are_found(alone: Node, change: str) -> None:
    assert gone_through(alone) == []
    alone.writer.tables.execute(change)
    assert {where.partition(":")[0] for where, _ in gone_through(alone)} == {"tables"}
    with alone.active():
        told = [a for a in ailments(vitals()) if a.code == "damaged"]
    assert told and "rebuild" in told[0].do


def second_set(home: Home) -> str:
    """All that is in the second set of tables; "" where there is none."""
    if home.database is None:
        file = home.path / "tables.check.sqlite3"
        return file.read_bytes().decode("latin-1") if file.exists() else ""
    if ready.ask_tables(home, "SELECT to_regnamespace('tables_check') IS NULL") == [(True,)]:
        return ""
    return repr(ready.ask_tables(home, "SELECT parts FROM tables_check.records_row"))


def one_thing_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.oversight.recompute._share", lambda _home, _total: 1)
    monkeypatch.setattr("safeconduct.oversight.recompute.PIECE", 1000)


@pytest.mark.both
def test_an_erasure_leaves_nothing_in_the_second_set_of_tables(
    alone: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_thing_at_a_time(monkeypatch)
    monkeypatch.setattr("safeconduct.records.writer.SWEEP_PAUSE", 0.0)
    summary = {**INCIDENT["summary"], "narrative": "CANARY-SHADOW"}
    spoken = alone.commit("incident", {**INCIDENT, "summary": summary})
    while "CANARY-SHADOW" not in second_set(alone.home):
        alone.writer.tick(recompute)
        assert result(alone.home).finished == 0.0
    alone.system("erase", record=spoken.record)
    assert second_set(alone.home) == ""
    assert gone_through(alone) == [] and second_set(alone.home) == ""
    while alone.writer.db.execute("SELECT 1 FROM erasing").fetchone():  # a snapshot of another session
        alone.writer.tick(lambda _tx: None)
    files = [p for p in alone.home.path.rglob("*") if p.is_file()] + ready.files_of_tables(alone.home)
    assert not [p for p in files if b"CANARY-SHADOW" in p.read_bytes()]


@pytest.mark.both
def test_what_a_killed_writer_left_of_a_second_set_goes_with_the_next_erasure(
    alone: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_thing_at_a_time(monkeypatch)
    spoken = alone.commit("incident", INCIDENT)
    while not second_set(alone.home):
        alone.writer.tick(recompute)
    monkeypatch.setattr("safeconduct.records.shadow._open", {})
    alone.system("erase", record=spoken.record)
    assert second_set(alone.home) == ""


@pytest.mark.parametrize("table", ["given", "ack"])
def test_what_stands_beside_the_entries_of_a_feed_is_gone_through(worked: Pair, table: str) -> None:
    host, partner = worked
    pull(partner, host)
    pull(host, partner)
    column = "cosignatures" if table == "given" else "note"
    host.feed("cn").db.execute(f"UPDATE {table} SET {column} = x'00'")
    assert [where for where, _ in gone_through(host)] == ["feed:cn"]
