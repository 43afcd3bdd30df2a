"""The writer's side of meetings: references drawn by lot, the order of an agenda, minutes that both have agreed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.committee.meeting_kinds import ACTION, AGENDA_ITEM, DECISION, MINUTES, MINUTES_WORD
from safeconduct.committee.meeting_seating import agenda
from safeconduct.committee.references import draw
from safeconduct.exchange.state import State
from safeconduct.ledger.canonical import canonical
from safeconduct.notify.rota import Told
from safeconduct.notify.telling import tell
from safeconduct.records.authorisations import opened_to
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_received, on_version
from safeconduct.records.moments import instant
from safeconduct.records.once import once
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.timers.due import arm, disarm, timer

Answer = dict[str, Any]

STEP = 10**9
"""Between two neighbours on an agenda there is room for thirty more, and none of it is ever shown."""
NUMBERED = {
    AGENDA_ITEM.name: (AGENDA_ITEM, "item", "reference", "I"),
    DECISION.name: (DECISION, "decision", "number", "D"),
    ACTION.name: (ACTION, "task", "number", "A"),
}
"""The kinds that bear a reference: which field of which part, and its letter."""


@job("committee_number")
def number_job(tx: Tx, payload: Answer) -> Answer:
    """Store a new item, decision or action under a reference of its own; sent again with the same key it is one."""
    subject = tx.subject(payload["actor"])
    if payload["kind"] not in NUMBERED:
        raise Malformed("this bears no reference")
    kind, part, field, letter = NUMBERED[payload["kind"]]
    parts, about = dict(payload["parts"]), str(payload["about"])

    def work() -> tuple[str, int, int]:
        given = {**parts, part: {**(parts.get(part) or {}), field: draw(tx, kind.name, letter)}}
        if kind is AGENDA_ITEM:
            given["handling"] = {**(parts.get("handling") or {}), "rank": _last(tx, subject, about) + STEP}
        draft = Draft(
            kind.name,
            given,
            about=about,
            levels=payload.get("levels"),
            releasable=payload.get("releasable") if kind is AGENDA_ITEM else _told_to(tx, about),
        )
        return store(tx, subject, "write", kind, draft)

    return once(tx, f"number\n{subject.person}\n{kind.name}", str(payload.get("key") or ""), work)


@job("committee_move")
def move_job(tx: Tx, payload: Answer) -> Answer:
    """Put an item before another one of its meeting, or last."""
    subject, record, before = tx.subject(payload["actor"]), str(payload["item"]), str(payload["before"])
    row = tx.row(record)
    if row is None or row.kind != AGENDA_ITEM.name or not tx.knows(subject, row):
        raise NotFound(record)
    meeting = _meeting(tx, subject, row.about)
    others = [each for each in agenda(tx, meeting) if each.id != record]
    ids = [each.id for each in others]
    if before and before not in ids:
        raise NotFound(before)
    place = ids.index(before) if before else len(ids)
    handling = row.values()["handling"]
    rank = _between(_rank(others[place - 1]) if place else 0, _rank(others[place]) if before else None)
    draft = Draft(
        AGENDA_ITEM.name,
        {"handling": {**handling, "rank": rank}},
        record=record,
        expected=int(payload["expected"]),
    )
    stored = store(tx, subject, "write", AGENDA_ITEM, draft)
    return dict(zip(("record", "version", "index"), stored, strict=True))


def _told_to(tx: Tx, about: str) -> list[str] | None:
    """Whom a decision or an action may be told: on an item, the parties some of whose observers know of that item."""
    row = tx.row(about)
    if row is None or row.kind != AGENDA_ITEM.name:
        return None
    return [party for party in tx.home.partners if opened_to(tx.tables, row, party, tx.now)]


def _between(low: int, high: int | None) -> int:
    if high is None:
        return low + STEP
    if high - low < 2:
        raise Malformed("this agenda was reordered too often: put the item last and try again")
    return low + 1 + secrets.randbelow(high - low - 1)


def _last(tx: Tx, subject: Subject, meeting: str) -> int:
    return max((_rank(each) for each in agenda(tx, _meeting(tx, subject, meeting))), default=0)


def _rank(row: RowView) -> int:
    return int(row.values()["handling"]["rank"])


def _meeting(tx: Tx, subject: Subject, record: str) -> RowView:
    row = tx.row(record)
    if row is None or row.kind != "meeting" or not tx.knows(subject, row):
        raise NotFound(record)
    return row


def digest_of(text: Mapping[str, Any]) -> str:
    """What a word on minutes pins: SHA-256 in hex of the text's canonical JSON (RFC 8785)."""
    return hashlib.sha256(canonical(dict(text))).hexdigest()


@on_received
def follow_received(tx: Tx, row: RowView, _index: int) -> None:
    """Minutes are agreed by the word of the last party that has the text, where all are on the text as it stands."""
    if row.kind != MINUTES_WORD.name or not row.about or row.withdrawn:
        return
    own = tx.row(row.about)
    if own is None or own.kind != MINUTES.name or own.originator != tx.home.party or own.withdrawn:
        return
    text = own.values().get("text")
    if own.state != "proposed" or not text:
        return
    shown = {each.partner for each in State(tx.db).sent_to(own.id) if each.held >> MINUTES.bit("text") & 1}
    if (shown & tx.home.partners.keys()) | {row.originator} <= _agreeing(tx, own, digest_of(text)):
        draft = Draft(MINUTES.name, {}, record=own.id, expected=own.version, state="agreed")
        store(tx, system_subject(tx.home.party), "write", MINUTES, draft)


def _agreeing(tx: Tx, minutes: RowView, digest: str) -> set[str]:
    """The parties whose latest word is that they agree to this text."""
    latest: dict[str, Answer] = {}
    for row in tx.rows_about(minutes.id, MINUTES_WORD.name):
        latest[row.originator] = row.values().get("word") or {}
    return {
        party
        for party, word in latest.items()
        if (word.get("stance"), word.get("digest")) == ("agreed", digest)
    }


@on_version
def follow_own(tx: Tx, row: RowView, _index: int) -> None:
    """An open action reminds when it is due."""
    if row.kind != ACTION.name:
        return
    key, task = f"action:{row.id}", row.values().get("task")
    if row.state != "open" or row.withdrawn or not task:
        disarm(tx, key)
        return
    due = instant(task["due"]).timestamp()
    if due > tx.now:
        arm(tx, key, due, "committee_action", {"action": row.id})


@timer("committee_action")
def action_due(tx: Tx, payload: Answer, _due: float) -> None:
    """Whoever wrote the action is reminded once; it stays open, and every page says that it is overdue."""
    row = tx.row(str(payload["action"]))
    if row is None or row.state != "open" or row.withdrawn:
        return
    author = str(tx.header(row.ledger_index).get("by", ""))
    if author and author != "system":
        tell(tx, row, [Told(author, by_name=True)], occasion=f"due:{row.id}")
    tx.announce({"topic": row.kind, "kind": row.kind, "record": row.id, "index": row.ledger_index})
