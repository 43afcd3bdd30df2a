"""Taking in what another agency sent: kept as an alert whose source names it, and never sent on by itself.

Whoever brings it must be one who may write alerts. It stays with this party: whom it concerns is for a person to say.
A message is known by sender, identifier and moment and counts once; an update or a cancelling changes only what the
same sender sent, and what it refers to and has not come yet is over when it comes. CAP signs nothing: who a sender is
vouches whoever brings it, and the ledger names him. Neither party of this node is a sender here: what they say comes
by their nodes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records import here, principals
from safeconduct.records.commit import Draft, store
from safeconduct.records.door import Door
from safeconduct.records.hooks import job, on_start
from safeconduct.records.moments import instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.watch.alert_kinds import ALERT
from safeconduct.watch.cap import CapAlert, Reference, as_name
from safeconduct.watch.cap_reading import CapRefused, read
from safeconduct.watch.cap_records import IN, parts_of

AHEAD = timedelta(days=1)
"""By how much a sender's clock may be fast: a moment years ahead would outlast every later word of the same sender."""
LONGEST = timedelta(days=90)
"""How long another agency's alert is in force at most, as an own one is."""
TAKEN, KNOWN, UPDATED, CANCELLED, IGNORED = "taken", "known", "updated", "cancelled", "ignored"
GONE = ""
"""Stands for the record of a message that was overtaken before it came."""

Answer = dict[str, Any]


def take_in(actor: Subject, data: bytes, agency: str = "", door: Door | None = None) -> dict[str, str]:
    """Take in one CAP 1.2 message. Answers what became of it (taken, known, updated, cancelled, ignored) and its
    record's id, if there is one. Raises CapRefused for bytes that are no such message, and what commit() raises."""
    cap = read(data)
    if cap.status not in IN or cap.message_type not in ("Alert", "Update", "Cancel"):
        return {"outcome": IGNORED, "record": ""}
    now = datetime.now(UTC)
    _check_moments(cap, now)
    payload = {
        "actor": principals.to_wire(actor),
        "kind": cap.message_type,
        "reference": str(cap.reference),
        "references": [str(each) for each in cap.references],
        "parts": parts_of(_in_bounds(cap, now), agency),
        "open": cap.scope == "Public",
    }
    answer: dict[str, str] = (door or here.door()).call("cap_take", payload)
    return answer


def _check_moments(cap: CapAlert, now: datetime) -> None:
    if cap.reference.sent > now + AHEAD:
        raise CapRefused("sent: more than a day ahead")


def _in_bounds(cap: CapAlert, now: datetime) -> CapAlert:
    """The message as it counts here: over after 90 days, whatever it says; an update gives it more."""
    latest = max(now, cap.reference.sent) + LONGEST
    infos = tuple(
        replace(info, expires=min(info.expires, latest)) if info.expires is not None else info
        for info in cap.infos
    )
    return replace(cap, infos=infos)


@on_start
def make_table(tx: Tx) -> None:
    """Which message is which record."""
    tx.db.execute(
        "CREATE TABLE IF NOT EXISTS cap_taken (message TEXT PRIMARY KEY, record TEXT NOT NULL, at REAL NOT NULL) "
        "WITHOUT ROWID"
    )


@job("cap_take")
def take_job(tx: Tx, payload: Answer) -> Answer:
    """The writer's side of take_in()."""
    subject = tx.subject(payload["actor"])
    if subject.person != SYSTEM and not tx.policy.entries(subject, "write", ALERT.name):
        raise Refused("write alert: no grant")
    own, kind = str(payload["reference"]), str(payload["kind"])
    known = _record_of(tx, own)
    if known is not None:
        return {"outcome": KNOWN if known else IGNORED, "record": known}
    sender = Reference.parse(own).sender
    if sender in {f"{as_name(party)}.safeconduct" for party in (tx.home.party, *tx.home.partners)}:
        return {"outcome": IGNORED, "record": ""}
    earlier = [each for each in payload["references"] if Reference.parse(each).sender == sender]
    row = next((found for each in earlier if (found := _alert(tx, each)) is not None), None)
    for each in earlier if kind != "Alert" else ():
        if _record_of(tx, each) is None:
            _remember(tx, each, GONE)
    if row is None and kind == "Cancel":
        _remember(tx, own, GONE)
        return {"outcome": IGNORED, "record": ""}
    if row is not None and kind != "Alert":
        return _change(tx, subject, row, own, kind, payload["parts"])
    levels = dict.fromkeys(("message", "area", "source"), 0) if payload.get("open") else None
    draft = Draft(
        ALERT.name, payload["parts"], state=_state(tx, payload["parts"]), levels=levels, releasable=()
    )
    record, _, _ = store(tx, subject, "write", ALERT, draft)
    _remember(tx, own, record)
    return {"outcome": TAKEN, "record": record}


def _change(tx: Tx, subject: Subject, row: RowView, own: str, kind: str, parts: Answer) -> Answer:
    """What has a later moment holds; what came late is known and changes nothing."""
    before = row.values()
    _remember(tx, own, row.id)
    message = before.get("message") or {}
    late = instant(parts["message"]["sent"]) < instant(message["sent"]) if message else False
    if row.state in ALERT.final or late or row.withdrawn:
        return {"outcome": IGNORED, "record": row.id}
    if parts["message"]["status"] != message.get("status"):
        raise Malformed("an exercise is not updated by the real thing, nor the other way round")
    if kind == "Cancel":
        source = {**parts["source"], "agency": (before.get("source") or {}).get("agency", "")}
        draft = Draft(ALERT.name, {"source": source}, record=row.id, expected=row.version, state="cancelled")
        store(tx, subject, "write", ALERT, draft)
        return {"outcome": CANCELLED, "record": row.id}
    area = parts["area"] if len(parts["area"]) > 1 or parts["area"].get("description") else before.get("area")
    whole = {**parts, "area": area or parts["area"]}
    state = _state(tx, parts)
    store(
        tx,
        subject,
        "write",
        ALERT,
        Draft(ALERT.name, whole, record=row.id, expected=row.version, state=state),
    )
    return {"outcome": UPDATED, "record": row.id}


def _state(tx: Tx, parts: Answer) -> str:
    return "expired" if instant(parts["message"]["expires"]).timestamp() <= tx.now else "issued"


def _alert(tx: Tx, message: str) -> RowView | None:
    """The alert that another agency's message became; never one of this party's own."""
    record = _record_of(tx, message)
    row = tx.row(record) if record else None
    if row is None or row.originator != tx.home.party:
        return None
    return row if (row.values().get("source") or {}).get("agency") else None


def _record_of(tx: Tx, message: str) -> str | None:
    found = tx.db.execute("SELECT record FROM cap_taken WHERE message = ?", (message,)).fetchone()
    return None if found is None else str(found[0])


def _remember(tx: Tx, message: str, record: str) -> None:
    tx.db.execute(
        "INSERT INTO cap_taken VALUES (?, ?, ?) "
        "ON CONFLICT (message) DO UPDATE SET record = excluded.record, at = excluded.at",
        (message, record, tx.now),
    )
