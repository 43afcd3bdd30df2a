"""Homes that an earlier version made are brought up to this one when their writer starts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from safeconduct.exchange.schema import VERSION, NewerSchema
from safeconduct.ledger.database import columns
from safeconduct.records.databases import open_ledger
from safeconduct.records.home import Home

from .nodes import INCIDENT, Node, pull

Pair = tuple[Node, Node]

FIRST_RELEASE = """
DROP TABLE exchange_schema;
DROP TABLE exchange_opened;
ALTER TABLE exchange_received_entry RENAME TO later;
CREATE TABLE exchange_received_entry (
    record TEXT NOT NULL, ledger_index INTEGER NOT NULL, PRIMARY KEY (record, ledger_index)
);
INSERT INTO exchange_received_entry SELECT record, ledger_index FROM later;
DROP TABLE later;
"""


def aged(home: Home, script: str) -> None:
    """Give a closed home the tables of an earlier version."""
    db = open_ledger(home)
    for statement in script.split(";"):
        db.execute(statement)
    db.close()


@pytest.mark.usefixtures("carried")
def test_a_home_of_the_first_release_is_brought_up_to_this_one(nodes: Pair, world: Path) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    gone = host.commit("incident", INCIDENT)
    pull(partner, host)
    host.system("erase", record=gone.record)
    pull(partner, host)
    sql = "SELECT * FROM exchange_received_entry ORDER BY record, ledger_index"
    before = partner.writer.db.execute(sql).fetchall()
    partner.close()
    aged(partner.home, FIRST_RELEASE)
    again = Node(world / "cn")
    try:
        assert again.writer.db.execute(sql).fetchall() == before
        assert again.writer.db.execute("SELECT version FROM exchange_schema").fetchone() == (VERSION,)
        host.system("erase", record=made.record)
        pull(again, host)
        assert [row.present for row in again.of_kind("incident", "pk")] == [0, 0]
        pull(host, again)
    finally:
        again.close()
        partner.writer = again.writer


THIRD = """
ALTER TABLE exchange_hold RENAME TO later;
CREATE TABLE exchange_hold (record TEXT PRIMARY KEY, because TEXT NOT NULL);
INSERT INTO exchange_hold SELECT record, because FROM later;
DROP TABLE later;
ALTER TABLE exchange_retained RENAME TO later;
CREATE TABLE exchange_retained (
    partner TEXT NOT NULL, idx INTEGER NOT NULL, record TEXT NOT NULL, mask INTEGER NOT NULL, PRIMARY KEY (partner, idx)
);
INSERT INTO exchange_retained SELECT partner, idx, record, mask FROM later;
DROP TABLE later;
DROP INDEX exchange_received_at;
UPDATE exchange_schema SET version = 3
"""


@pytest.mark.usefixtures("carried")
def test_a_hold_of_before_it_was_noted_who_set_it_is_in_force_and_is_lifted(nodes: Pair, world: Path) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    partner.system("hold", record=row.id, because="a court")
    host.system("erase", record=made.record, parts=["where"])
    pull(partner, host)
    partner.close()
    aged(partner.home, THIRD)
    again = Node(world / "cn")
    try:
        assert again.writer.db.execute("SELECT version FROM exchange_schema").fetchone() == (VERSION,)
        (held,) = again.system("holds")["holds"]
        hold = held["hold"]
        assert (hold["index"], hold["by"], hold["at"], hold["because"]) == (0, "", "", "a court")
        assert [each["at"] for each in hold["asked"]] == [""]
        assert again.system("lift_hold", record=row.id, seen=0)["erased"] == 1
        assert again.system("holds")["holds"] == []
    finally:
        again.close()
        partner.writer = again.writer


@pytest.mark.usefixtures("carried")
def test_a_home_of_a_later_version_is_not_touched(nodes: Pair, world: Path) -> None:
    host, _ = nodes
    host.close()
    aged(host.home, f"UPDATE exchange_schema SET version = {VERSION + 1}")
    before = _held(host.home)
    with pytest.raises(NewerSchema, match="later program"):
        Node(world / "pk")
    assert _held(host.home) == before
    assert (1, VERSION + 1) in before["exchange_schema"]


def _held(home: Home) -> dict[str, list[object]]:
    """What of the exchange's tables a newer version could have changed."""
    tables = ("exchange_schema", "exchange_partner", "exchange_received_entry", "ledger_leaf")
    with closing(open_ledger(home, read_only=True)) as db:
        return {
            table: [*sorted(columns(db, table)), *db.execute(f"SELECT * FROM {table}").fetchall()]
            for table in tables
        }
