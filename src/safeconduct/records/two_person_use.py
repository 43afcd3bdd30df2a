"""What an approval by a second person does, in the writer: it gives a role, or lifts a limit for an hour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Draft, store
from safeconduct.records.founding import READING, ROLE_ASSIGNMENT
from safeconduct.records.hooks import job, on_version
from safeconduct.records.kinds import kind as kind_of
from safeconduct.records.principals import SYSTEM, subject_of, system_subject
from safeconduct.records.projection import epoch
from safeconduct.records.refusals import NeedsSecond, Refused
from safeconduct.records.rows import COLUMNS, RowView
from safeconduct.records.transaction import Tx, iso
from safeconduct.records.two_person import BULK_REQUEST, ROLE_REQUEST

HOUR = 3600.0
"""Within so many seconds records are counted, and for so long an approval that was drawn on lasts."""


@on_version
def give_role(tx: Tx, row: RowView, index: int) -> None:
    """The approval of a request gives the role: in the name of who asked, who must still be one to give it."""
    if row.kind != ROLE_REQUEST.name or row.state != "approved":
        return
    wish = row.values()["wish"]
    given = {name: wish.get(name, "") for name in ("person", "account_name", "role", "until")}
    assignment = {
        **given,
        "units": wish.get("units", []),
        "agreements": wish.get("agreements", []),
        "clearance": wish["clearance"],
        "since": iso(tx.now),
    }
    giver = subject_of(tx.tables, tx.home, wish["asked_by"], tx.now)
    if not tx.policy.entries(giver, "write", ROLE_ASSIGNMENT.name):
        raise Refused("who asked for it gives no roles any more: ask anew", attempt={"record": row.id})
    draft = Draft(ROLE_ASSIGNMENT.name, {"assignment": assignment}, about=row.id, releasable=())
    second = tx.header(index)["by"]
    made, _, _ = store(tx, giver, "write", ROLE_ASSIGNMENT, draft, approved_by=second)
    _mark_used(tx, row, {"at": iso(tx.now), "record": made})


def count_shown(tx: Tx, reader: Subject, act: str, kind: str, shown: Sequence[dict[str, Any]]) -> None:
    """Stop one person who is about to be shown more records of a kind within an hour than one person alone may.

    `shown` are the items of a reading: record and parts. Raises NeedsSecond when no approval covers it.
    """
    if reader.person == SYSTEM or (act, kind) not in tx.policy.two_person:
        return
    limits: dict[str, int] = {}
    for item in shown:
        row = tx.row(str(item["record"]))
        if row is not None and row.kind == kind:
            mask = sum(1 << kind_of(kind).bit(part) for part in set(item["parts"]))
            alone = tx.policy.alone(reader, act, tx.item(row), tx.now, mask)
            if alone is not None:
                limits[row.id] = alone
    if not limits:
        return
    count = len(_lately(tx, reader.person, act, kind).union(limits))
    if count > min(limits.values()) and not _draw(tx, reader.person, act, kind, count):
        attempt = {"person": reader.person, "act": act, "kind": kind, "record": ""}
        raise NeedsSecond(act, kind, count, min(limits.values()), attempt)


@job("foresee")
def foresee_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Whether one person may be shown so many records of a kind now, before the first of them is: so that nobody is
    stopped in the middle of a file. Raises NeedsSecond; each reading is counted all the same."""
    reader, act, kind = tx.subject(payload["actor"]), str(payload["act"]), str(payload["kind"])
    count = int(payload["records"])
    limits = []
    for entry in tx.policy.entries(reader, act, kind):
        found = [condition.placed.grant.two_person_above for condition in entry.conditions]
        limits += [max(most for most in found if most is not None)] if None not in found else []
    within = not limits or count <= min(limits) or reader.person == SYSTEM
    if not within and not _draw(tx, reader.person, act, kind, count):
        attempt = {"person": reader.person, "act": act, "kind": kind, "record": ""}
        raise NeedsSecond(act, kind, count, min(limits), attempt)
    return {}


def _lately(tx: Tx, person: str, act: str, kind: str) -> set[str]:
    """The records of a kind of which logged parts were shown to a person by this act within the hour."""
    found = tx.tables.all(
        "SELECT DISTINCT s.record FROM records_row r JOIN records_shown s ON s.reading = r.id "
        "JOIN records_row k ON k.id = s.record "
        "WHERE r.kind = %s AND r.external = %s AND r.category = %s AND r.originator = %s AND r.at > %s AND k.kind = %s",
        [READING.name, person, act, tx.home.party, tx.now - HOUR, kind],
    )
    return {record for (record,) in found}


def _draw(tx: Tx, person: str, act: str, kind: str, count: int) -> bool:
    """Whether an approval covers so many records: one that is being used, or else one that begins to be."""
    found = tx.tables.all(
        f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE kind = %s AND external = %s AND category = %s "
        "AND originator = %s AND withdrawn = %s AND state IN ('approved', 'used') ORDER BY born",
        [BULK_REQUEST.name, person, kind, tx.home.party, False],
    )
    asked = [(row, row.values()["wish"]) for row in (RowView(*each) for each in found)]
    fitting = [row for row, wish in asked if wish["act"] == act and wish["records"] >= count]
    for row in fitting:
        if row.state == "used" and (epoch(row.values()["use"]["until"]) or 0.0) > tx.now:
            return True
    for row in fitting:
        if row.state == "approved" and (epoch(row.values()["wish"]["expires"]) or 0.0) > tx.now:
            _mark_used(tx, row, {"at": iso(tx.now), "until": iso(tx.now + HOUR)})
            return True
    return False


def _mark_used(tx: Tx, row: RowView, use: dict[str, str]) -> None:
    draft = Draft(row.kind, {"use": use}, record=row.id, expected=row.version, state="used")
    store(tx, system_subject(tx.home.party), "write", kind_of(row.kind), draft)
