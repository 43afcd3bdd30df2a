"""What the demonstration's watch has behind it this morning: a call for help that was answered and stood down, and a
muster that was practised. Made up, through the same rules as the real thing."""

from __future__ import annotations

import time

from safeconduct.node.demonstration.acting import Until
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.principals import system_subject
from safeconduct.records.transaction import iso
from safeconduct.watch import muster, sos

HEADLINE = "Stones thrown at the gate of the port site"
TITLE = "Monthly muster of the port site"
HOURS_AGO = 3


def call_for_help(party: str, site: str, door: Door) -> str:
    """The Partner's watch floor raised an SOS this morning and has it."""
    actor = system_subject(party)
    parts = {
        "call": {
            "category": "site",
            "at": iso(time.time() - 3600 * HOURS_AGO),
            "means": "floor",
            "headline": HEADLINE,
            "persons": 4,
        },
        "place": {"stated": "Main gate", "source": "stated"},
    }
    record = sos.raise_sos(actor, parts, site, key="demonstration", door=door).record
    sos.acknowledge_sos(actor, record, "Gate closed, everybody inside", by="Watch officer", door=door)
    return record


def answer_call(party: str, record: str, door: Door) -> None:
    """The Host's room acknowledges, and sends a unit."""
    actor = system_subject(party)
    sos.acknowledge_sos(actor, record, "Patrol sent", by="Watch officer", door=door)
    tasking = sos.task_unit(actor, record, "gwadar-police", "District police, Gwadar", "Disperse", door=door)
    sos.move_tasking(actor, tasking.record, tasking.version, "released", door=door)


def end_call(party: str, record: str, door: Door) -> None:
    """The Partner's room ends it, by the word of the site."""
    said = "The site's manager by telephone: the crowd has gone, nobody hurt"
    sos.stand_down(system_subject(party), record, "floor", remark=said, by="Watch officer", door=door)


def practised_muster(party: str, site: str, name: str, until: Until, door: Door) -> None:
    """A muster of one site as an exercise: all but two answered, and it was closed."""
    actor = system_subject(party)
    call = {
        "title": TITLE,
        "scope": "site",
        "scope_name": name,
        "due": iso(time.time() + 600),
        "exercise": True,
    }
    record = muster.begin_muster(actor, call, {"sites": [site]}, key="demonstration", door=door).record

    def complete() -> bool:
        found = here.tables().all(
            "SELECT parts ->> '$.roll.complete' FROM records_row WHERE id = %s", [record]
        )
        return bool(found and found[0][0])

    until(complete, "the roll of the muster")
    sql = "SELECT id FROM records_row WHERE about = %s AND kind = 'roll_entry' ORDER BY born"
    entries = [entry for (entry,) in here.tables().all(sql, [record])]
    muster.reply_many(actor, entries[:-2], "accounted", "warden", by="Warden", door=door)
    muster.reply_many(
        actor, entries[-2:-1], "unreachable", "warden", by="Warden", remark="telephone off", door=door
    )
    ((version,),) = here.tables().all("SELECT version FROM records_row WHERE id = %s", [record])
    muster.close_muster(actor, record, version, door=door)
