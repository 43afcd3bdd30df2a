"""A node that was made by an earlier release finds everything again, in the tables of this one."""

from __future__ import annotations

from django.core.management import call_command

from safeconduct.records import rebuild
from safeconduct.records.commit import Draft, commit
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
