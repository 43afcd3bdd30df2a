"""Telling persons of a record over the channels outside: queued with the fact itself, in one transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from safeconduct.notify.kinds import NO_CHANNEL
from safeconduct.notify.queue import Send, enqueue, for_point, key_of, points_of
from safeconduct.notify.rota import Told
from safeconduct.notify.rungs import CALLS_FOR_HELP, is_exercise
from safeconduct.records.events import log_event
from safeconduct.records.principals import subject_of
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx

MAX_TOLD = 500
"""Persons whom one rung tells at most over channels outside; the others see it on their screens."""
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def tell(
    tx: Tx,
    about: RowView,
    persons: Sequence[Told],
    *,
    occasion: str = "",
    rung: int = 0,
    channels: Sequence[str] = (),
    exercise: bool | None = None,
    escalation: RowView | None = None,
) -> int:
    """Queue a message to each of these persons about a record; returns how many wait.

    Each person is told once of an `occasion` (None: of the record) and rung, however often this is called, over the
    first channel that takes it. Only who may know of the record is told. Somebody meant in person who cannot be
    reached at all is recorded as such.
    """
    practised = bool(exercise) or is_exercise(about)
    count = 0
    if len(persons) > MAX_TOLD:
        log_event("rung_cut", count=len(persons), most=MAX_TOLD)
    for told in persons[:MAX_TOLD]:
        if not _may_know(tx, told.person, about, escalation):
            continue
        telling = f"{occasion or about.id}|{rung}|{told.person}"
        if tx.db.execute("SELECT 1 FROM notify_send WHERE telling = ? LIMIT 1", (telling,)).fetchone():
            continue
        points = points_of(tx, told.person, channels)
        send = Send(
            key=key_of(telling, NO_CHANNEL, ""),
            delivery="",
            telling=telling,
            about=about.id,
            escalation=escalation.id if escalation is not None else "",
            person=told.person,
            role=told.role,
            point="",
            channel=NO_CHANNEL,
            number=new_number(),
            rung=rung,
            exercise=int(practised),
            channels=json.dumps(list(channels)),
            queued=tx.now,
            due=tx.now,
            state="queued",
            round=1,
            tries=0,
            worker="",
            urgent=int(escalation is not None and about.kind in CALLS_FOR_HELP and not practised),
        )
        if points:
            count += enqueue(tx, for_point(tx, send, points[0], 1, tx.now))
        elif told.by_name:
            enqueue(tx, send, "failed", "no_contact_point")
    return count


def new_number() -> str:
    """An opaque number, as it is read over the telephone: two groups of five out of 31 letters and digits."""
    text = "".join(secrets.choice(_LETTERS) for _ in range(10))
    return f"{text[:5]}-{text[5:]}"


def _may_know(tx: Tx, person: str, about: RowView, escalation: RowView | None) -> bool:
    subject = subject_of(tx.tables, tx.home, person, tx.now)
    rows = (about, escalation) if escalation is not None else (about,)
    return any(tx.policy.mask(subject, "read", tx.item(row), tx.now) for row in rows if row is not None)
