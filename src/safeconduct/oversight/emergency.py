"""Breaking the glass, and looking at it afterwards: what was opened by whom and why, until each auditor has seen it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.notify.rota import told_by
from safeconduct.notify.rungs import Rung, Where
from safeconduct.notify.telling import tell
from safeconduct.people.roles import assignments
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.emergencies import EMERGENCY_READING, EMERGENCY_REVIEW
from safeconduct.records.find import Query, find
from safeconduct.records.hooks import on_received, on_version
from safeconduct.records.principals import to_wire
from safeconduct.records.projection import epoch
from safeconduct.records.release import Released
from safeconduct.records.transaction import Tx

AUDITOR = "auditor"
LISTED = 100
TOLD = Rung(0, roles=(AUDITOR,))


def may_break_glass(reader: Subject) -> bool:
    """Whether some grant in force opens anything to one of the reader's roles in an emergency."""
    policy = here.state().policy
    return any(policy.opens_in_emergency(reader, kind) for kind in policy.by_emergency)


def break_glass(actor: Subject, record: str, reason: str, minutes: int) -> str:
    """Open one record to the actor for some minutes; the auditors are told. Answers the id of the emergency reading.

    Raises NotFound where no grant opens it in an emergency, as for a record that does not exist; Refused while
    another is open.
    """
    payload = {"actor": to_wire(actor), "record": record, "reason": reason, "minutes": minutes}
    return str(here.door().call("break_glass", payload)["record"])


def mend_glass(actor: Subject) -> bool:
    """End what the actor has open; whether there was anything."""
    return bool(here.door().call("mend_glass", {"actor": to_wire(actor)})["ended"])


def review(actor: Subject, reading: str, text: str) -> Committed:
    """Say, as an auditor, that one has looked at an emergency reading. Raises Refused when one has said so already."""
    part = {"by": actor.person, "text": text}
    return commit(actor, Draft(EMERGENCY_REVIEW.name, {"seen": part}, about=reading, releasable=()))


@dataclass(frozen=True)
class EmergencyLine:
    """An emergency reading, who has looked at it, and which auditors of this party have not yet."""

    found: Released
    opened: dict[str, Any]
    by: str
    until: datetime | None
    open_now: bool
    reviews: tuple[dict[str, Any], ...]
    waits_for: tuple[str, ...]
    mine: bool
    """Whether it waits for the reader."""


def emergencies(reader: Subject, names: dict[str, str]) -> list[EmergencyLine]:
    """The emergency readings that the reader may know of, both parties' own, the latest first."""
    if not here.state().policy.entries(reader, "read", EMERGENCY_READING.name):
        return []
    found = find(reader, Query(EMERGENCY_READING.name, sort="at", limit=LISTED)).records
    said: dict[str, list[dict[str, Any]]] = {}
    if found and here.state().policy.entries(reader, "read", EMERGENCY_REVIEW.name):
        query = Query(EMERGENCY_REVIEW.name, about=[each.id for each in found], sort="at", limit=1000)
        for each in find(reader, query).records:
            said.setdefault(each.about, []).append({**(each.parts.get("seen") or {}), "at": each.at})
    auditors = _auditors(reader)
    return [_line(each, said.get(each.id, []), auditors, names, reader) for each in found]


def waiting_for(reader: Subject) -> int:
    """How many emergency readings the reader, as an auditor, has not looked at."""
    if AUDITOR not in reader.roles:
        return 0
    return sum(line.mine for line in emergencies(reader, {}))


def _auditors(reader: Subject) -> list[str]:
    now = datetime.now(UTC)
    if not here.state().policy.entries(reader, "read", "role_assignment"):
        return [reader.person] if AUDITOR in reader.roles else []
    return sorted(
        {each.person for each in assignments(reader) if each.role == AUDITOR and each.holds_at(now)}
    )


def _line(
    found: Released,
    reviews: list[dict[str, Any]],
    auditors: list[str],
    names: dict[str, str],
    reader: Subject,
) -> EmergencyLine:
    opened, who = found.parts.get("opened") or {}, found.parts.get("opened_by") or {}
    seconds = epoch(opened.get("until"))
    until = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    seen = {each.get("by", "") for each in reviews}
    waits = [person for person in auditors if person not in seen]
    return EmergencyLine(
        found=found,
        opened=opened,
        by=names.get(who.get("person", ""), who.get("person", "")),
        until=until,
        open_now=found.state == "open" and until is not None and until > datetime.now(UTC),
        reviews=tuple(
            {**each, "name": names.get(each.get("by", ""), each.get("by", ""))} for each in reviews
        ),
        waits_for=tuple(names.get(person, person) for person in waits),
        mine=reader.person in waits,
    )


@on_version
def tell_own(tx: Tx, row: Any, index: int) -> None:
    """This party's auditors are told when the glass is broken here."""
    if row.kind == EMERGENCY_READING.name and row.version == 1:
        tell(tx, row, told_by(tx, TOLD, frozenset(), Where()))


@on_received
def tell_of_theirs(tx: Tx, row: Any, index: int) -> None:
    """And when it was broken there, where a clause lets that be known here."""
    if row.kind == EMERGENCY_READING.name:
        tell(tx, row, told_by(tx, TOLD, frozenset(), Where()))
