"""A node that was made by an earlier release finds everything again, in the tables of this one."""

from __future__ import annotations

from contextlib import closing

import pytest
from django.core.management import call_command
from django.db import connections

from safeconduct.node import django_start
from safeconduct.records import rebuild, wall
from safeconduct.records.commit import Draft, commit
from safeconduct.records.databases import open_tables
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.writer import Writer

INCIDENT = {
    "summary": {"title": "Shots at a gate", "category": "attack"},
    "when": {"start": "2024-10-06"},
    "where": {"district": "Karachi"},
}


def test_old_tables_are_filled_again_from_the_ledger(bare_home: Home) -> None:
    with Door.open(bare_home) as door:
        made = commit(system_subject("pk"), Draft("incident", INCIDENT), door=door)
    before = rebuild.fingerprint()
    call_command("migrate", "exchange", "0001", database="tables", verbosity=0)
    call_command("migrate", "records", "0001", database="tables", verbosity=0)
    call_command("migrate", database="tables", verbosity=0)
    writer = Writer(bare_home)
    try:
        assert rebuild.fingerprint() == before
        assert writer.tables.one("SELECT version FROM records_row WHERE id = %s", [made.record]) == (1,)
    finally:
        writer.close()


@pytest.mark.both
@pytest.mark.parametrize("absent", [{}, {"people": 0}], ids=["told by the rows", "told by the ledger alone"])
def test_rows_of_before_there_were_tiers_get_theirs(bare_home: Home, absent: dict[str, int]) -> None:
    """As the ledger would make them; they stand all along where they say enough themselves."""
    shared = bare_home.database is not None
    with Door.open(bare_home) as door:
        for levels in ({}, {"when": 3}, {"summary": 0, "where": 2}, absent):
            commit(system_subject("pk"), Draft("incident", INCIDENT, levels=levels), door=door)
    before = rebuild.fingerprint()
    if shared:
        with connections["tables"].cursor() as cursor:
            wall.take_down(cursor.execute)
    call_command("migrate", "records", "0005", database="tables", verbosity=0)
    django_start.migrate()
    with closing(open_tables(bare_home)) as tables:
        kept = tables.execute("SELECT count(*) FROM records_row WHERE kind = 'incident'").fetchone()[0]
    assert kept == (0 if absent else 4)
    writer = Writer(bare_home)
    try:
        assert rebuild.fingerprint() == before
        rebuild.rebuild(writer)
        assert rebuild.fingerprint() == before
    finally:
        writer.close()
