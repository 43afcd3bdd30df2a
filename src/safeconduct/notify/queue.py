"""The messages that wait, as rows beside the ledger: one to each (alert, rung, channel, recipient), ever.

A row moves in the same transaction as the delivery record that says so in public: queued, then `sending` before
anything leaves, then what became of it. A row that says `sending` after a crash is one of which nobody knows whether
it left; it is never simply sent again (`handing`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from safeconduct.ledger.database import Database, columns
from safeconduct.notify.kinds import CONTACT_POINT, DELIVERY, NO_CHANNEL
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import on_start
from safeconduct.records.own import own_rows
from safeconduct.records.principals import system_subject
from safeconduct.records.transaction import Tx, iso

USEFUL = 86_400.0
"""Seconds after which a message that never left is not sent any more."""
ROUNDS, ROUND_PAUSE = 3, 60.0
"""How often all of a person's channels are tried while each says no, and the seconds in between."""
REPEATS = 3
"""How often at most a message is handed over again of which nobody knows whether it left, always with its number."""

FIELDS = (
    "key", "delivery", "telling", "about", "escalation", "person", "role", "point", "channel", "number", "rung",
    "exercise", "channels", "queued", "due", "state", "round", "tries", "worker", "urgent",
)  # fmt: skip
_TABLE = """
    CREATE TABLE IF NOT EXISTS notify_send (
        key TEXT PRIMARY KEY,
        delivery TEXT NOT NULL UNIQUE,
        telling TEXT NOT NULL,
        about TEXT NOT NULL,
        escalation TEXT NOT NULL,
        person TEXT NOT NULL,
        role TEXT NOT NULL,
        point TEXT NOT NULL,
        channel TEXT NOT NULL,
        number TEXT NOT NULL,
        rung INTEGER NOT NULL,
        exercise INTEGER NOT NULL,
        channels TEXT NOT NULL,
        queued REAL NOT NULL,
        due REAL NOT NULL,
        state TEXT NOT NULL,
        round INTEGER NOT NULL DEFAULT 1,
        tries INTEGER NOT NULL DEFAULT 0,
        worker TEXT NOT NULL DEFAULT '',
        urgent INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS notify_send_state ON notify_send (state, exercise, due)",
    "CREATE INDEX IF NOT EXISTS notify_send_telling ON notify_send (telling)",
    "CREATE INDEX IF NOT EXISTS notify_send_escalation ON notify_send (escalation, state)",
    "CREATE TABLE IF NOT EXISTS notify_seen "
    "(id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL, fault TEXT NOT NULL, session TEXT NOT NULL, "
    "turn INTEGER NOT NULL, earlier TEXT NOT NULL)",
)


class Send(NamedTuple):
    """One row; `telling` is shared by what tells one person of one rung, over whichever channel. What is `urgent`
    tells that somebody asks for help: it goes before everything else."""

    key: str
    delivery: str
    telling: str
    about: str
    escalation: str
    person: str
    role: str
    point: str
    channel: str
    number: str
    rung: int
    exercise: int
    channels: str
    queued: float
    due: float
    state: str
    round: int
    tries: int
    worker: str
    urgent: int = 0


class Point(NamedTuple):
    """Where a person is reached: the contact point's record, and what stands in it."""

    record: str
    channel: str
    address: str
    language: str
    order: int


@on_start
def make_tables(tx: Tx) -> None:
    create_tables(tx.db)


def create_tables(db: Database) -> None:
    for statement in (_TABLE, *_INDEXES):
        db.execute(statement)
    if "urgent" not in columns(db, "notify_send"):
        db.execute("ALTER TABLE notify_send ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0")


def sends(tx: Tx, where: str, parameters: Sequence[Any], limit: int = 1_000) -> list[Send]:
    """Rows by a condition of this module's own making."""
    sql = f"SELECT {', '.join(FIELDS)} FROM notify_send WHERE {where} LIMIT ?"  # noqa: S608
    return [Send(*row) for row in tx.db.execute(sql, (*parameters, limit)).fetchall()]


def send_of(tx: Tx, delivery: str) -> Send | None:
    return next(iter(sends(tx, "delivery = ?", [delivery], 1)), None)


def points_of(tx: Tx, person: str, channels: Sequence[str] = ()) -> list[Point]:
    """Where a person is reached, in the order in which it is tried: their own, or that of the channels given."""
    found = []
    for row in own_rows(tx, CONTACT_POINT.name, states=("in_use",), assigned=person):
        part = row.values().get("address")
        if part and (not channels or part["channel"] in channels):
            language, order = part.get("language", "en"), part.get("order", 1)
            found.append(Point(row.id, part["channel"], part["address"], language, order))
    found.sort(key=lambda point: (channels.index(point.channel) if channels else 0, point.order))
    return found


def enqueue(tx: Tx, send: Send, state: str = "queued", fault: str = "") -> bool:
    """Add a message that waits, with its record; False when there is one for that key already."""
    if tx.db.execute("SELECT 1 FROM notify_send WHERE key = ?", (send.key,)).fetchone():
        return False
    to = {
        "person": send.person,
        "role": send.role,
        "rung": send.rung,
        "channel": send.channel,
        "number": send.number,
        "queued": iso(send.queued),
        "exercise": bool(send.exercise),
    }
    parts: dict[str, Any] = {"to": to}
    if fault:
        parts["outcome"] = {"at": iso(tx.now), "fault": fault}
    draft = Draft(DELIVERY.name, parts, about=send.about, state=state, assigned=[send.person], releasable=())
    record, _, _ = store(tx, system_subject(tx.home.party), "write", DELIVERY, draft)
    row = send._replace(delivery=record, state=state)
    marks = ", ".join("?" * len(FIELDS))
    tx.db.execute(f"INSERT INTO notify_send ({', '.join(FIELDS)}) VALUES ({marks})", row)  # noqa: S608
    return True


def move(tx: Tx, send: Send, state: str, fault: str = "", **columns: Any) -> Send:
    """Bring a row and its record to another state; `columns` are further columns of the row."""
    after = send._replace(state=state, **columns)
    changed = {"state": state, **columns}
    assignments = ", ".join(f"{name} = ?" for name in changed)
    tx.db.execute(
        f"UPDATE notify_send SET {assignments} WHERE key = ?",  # noqa: S608
        (*changed.values(), send.key),
    )
    record = tx.row(send.delivery)
    if record is None or record.withdrawn:
        return after
    outcome: Mapping[str, Any] = {"at": iso(tx.now), "fault": fault, "tries": min(after.tries, 100)}
    draft = Draft(DELIVERY.name, {"outcome": outcome}, record=record.id, expected=record.version, state=state)
    store(tx, system_subject(tx.home.party), "write", DELIVERY, draft)
    return after


def next_channel(tx: Tx, send: Send) -> bool:
    """After one channel said no, queue the next one for the same person and rung; when all have, those that said no
    again after a pause, a few times, and at last, once, one of which nobody knows whether it left. False when nothing
    more is tried."""
    points = points_of(tx, send.person, json.loads(send.channels))
    tried = {each.point: each for each in sends(tx, "telling = ?", [send.telling])}
    if any(each.state in ("queued", "sending", "delivered") for each in tried.values()):
        return True
    for point in points:
        before = tried.get(point.record)
        if before is None:
            return enqueue(tx, for_point(tx, send, point, send.round, tx.now))
        if before.state == "failed" and before.round < send.round:
            move(tx, before, "queued", round=send.round, due=tx.now)
            return True
    again = next((tried[p.record] for p in points if tried[p.record].state == "failed"), None)
    if again is not None and send.round < ROUNDS:
        move(tx, again, "queued", round=send.round + 1, due=tx.now + ROUND_PAUSE)
        return True
    doubtful = next((tried[p.record] for p in points if tried[p.record].state == "uncertain"), None)
    if doubtful is not None and doubtful.tries < 2:
        move(tx, doubtful, "queued", due=tx.now)
        return True
    return False


def for_point(tx: Tx, send: Send, point: Point, round_: int, due: float) -> Send:
    """The same message over another channel: the same number, another key."""
    return send._replace(
        key=key_of(send.telling, point.channel, point.record),
        delivery="",
        point=point.record,
        channel=point.channel,
        queued=tx.now,
        due=due,
        state="queued",
        round=round_,
        tries=0,
        worker="",
    )


def key_of(telling: str, channel: str, point: str) -> str:
    return f"{telling}|{channel}|{point or NO_CHANNEL}"


def not_needed(tx: Tx, escalation: str) -> int:
    """Send nothing more of an escalation that was answered; returns how many messages that were. What was handed
    over already is not called back."""
    waiting = sends(tx, "escalation = ? AND state = 'queued'", [escalation])
    for send in waiting:
        move(tx, send, "not_needed", "answered")
    return len(waiting)
