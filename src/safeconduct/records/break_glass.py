"""The writer's side of breaking the glass: whether some grant lets it be broken, and the record of it."""

from __future__ import annotations

from typing import Any

from safeconduct.records.commit import Draft, store
from safeconduct.records.emergencies import EMERGENCY_READING, LONGEST
from safeconduct.records.hooks import job
from safeconduct.records.principals import SYSTEM, system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused, to_wire
from safeconduct.records.rows import COLUMNS, RowView
from safeconduct.records.transaction import Tx, iso

MOST_A_DAY = 10
DAY = 86_400.0


@job("break_glass")
def break_glass_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Open one record to one person for some minutes. Payload: actor, record, reason, minutes.

    A record that no grant opens to them in an emergency is not found, and the attempt is kept. Nobody has two open, nor
    breaks the glass more than MOST_A_DAY times in a day.
    """
    subject = tx.subject(payload["actor"])
    reason, minutes, record = payload.get("reason"), payload.get("minutes"), str(payload.get("record"))[:64]
    if not isinstance(reason, str) or not 10 <= len(reason.strip()) <= 1_000:
        raise Malformed("a reason is given in 10 to 1,000 characters")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= LONGEST:
        raise Malformed(f"the glass is broken for 1 to {LONGEST} minutes")
    attempt = {"person": subject.person, "act": "read", "record": record}
    row = tx.row(record)
    if subject.person == SYSTEM or row is None or not _opens_more(tx, subject, row):
        note = {"at": iso(tx.now), "reason": "break the glass: no grant opens it in an emergency", **attempt}
        tx.append("refusal", note)
        return to_wire(NotFound(record))
    if _open_now(tx, subject.person):
        raise Refused("an emergency reading is open already: end it first", attempt=attempt)
    if _lately(tx, subject.person) >= MOST_A_DAY:
        raise Refused(f"nobody breaks the glass more than {MOST_A_DAY} times a day", attempt=attempt)
    parts = {
        "opened": {
            "kind": row.kind,
            "reason": reason,
            "begun": iso(tx.now),
            "until": iso(tx.now + minutes * 60),
        },
        "opened_by": {"person": subject.person, "roles": sorted(subject.roles)},
    }
    received = row.originator in tx.home.partners
    draft = Draft(
        EMERGENCY_READING.name,
        parts,
        about=row.id,
        releasable=[row.originator] if received else [],
        assigned=[subject.person],
    )
    made, _, index = store(tx, system_subject(tx.home.party), "write", EMERGENCY_READING, draft)
    return {"record": made, "index": index}


def _opens_more(tx: Tx, subject: Any, row: RowView) -> bool:
    """Whether some grant shows them, in an emergency, a part that is here and that they may not read as it is."""
    item = tx.item(row)
    now = tx.policy.mask(subject, "read", item, tx.now)
    then = tx.policy.mask(subject._replace(emergency=frozenset({row.id})), "read", item, tx.now)
    return bool(then & ~now & row.present) and not row.withdrawn


def _lately(tx: Tx, person: str) -> int:
    found = tx.tables.one(
        "SELECT count(*) FROM records_row WHERE kind = %s AND external = %s AND originator = %s AND time > %s",
        [EMERGENCY_READING.name, person, tx.home.party, tx.now - DAY],
    )
    return int(found[0]) if found else 0


def _open_now(tx: Tx, person: str) -> list[RowView]:
    found = tx.tables.all(
        f"SELECT {', '.join(COLUMNS)} FROM records_row WHERE kind = %s AND external = %s AND originator = %s "
        "AND state = 'open' AND until > %s",
        [EMERGENCY_READING.name, person, tx.home.party, tx.now],
    )
    return [RowView(*row) for row in found]


@job("mend_glass")
def mend_glass_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """End what the actor has open before its time. Ending nothing changes nothing."""
    subject = tx.subject(payload["actor"])
    ended = _open_now(tx, subject.person)
    for row in ended:
        opened = {**row.values()["opened"], "until": iso(tx.now)}
        draft = Draft(row.kind, {"opened": opened}, record=row.id, expected=row.version, state="ended")
        store(tx, system_subject(tx.home.party), "write", EMERGENCY_READING, draft)
    return {"ended": [row.id for row in ended]}
