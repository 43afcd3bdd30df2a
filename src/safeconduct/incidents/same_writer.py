"""The writer's side of statements on the same event: both halves in one transaction, of which neither stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from safeconduct.agreement.policy import Subject
from safeconduct.incidents.kinds import INCIDENT
from safeconduct.incidents.same_kinds import SAME_EVENT, STATES, may_be_joined
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job
from safeconduct.records.kept import belongs_to, marks, partners_in
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso
from safeconduct.risk.same_event import SAME, TAKEN_BACK

Stored = tuple[str, int, int]


@job("same_event_say")
def say_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Say of two incidents that they are one event, that they are not, or nothing any more. What this party has said
    of them already is amended. Payload: actor, one, other, word, reason, seen (the version of what was said; 0)."""
    subject, word = tx.subject(payload["actor"]), str(payload["word"])
    one, other = (_incident(tx, subject, str(payload[name])) for name in ("one", "other"))
    seen, text = int(payload.get("seen") or 0), str(payload.get("reason") or "").strip()
    if word not in STATES or one.id == other.id:
        raise Malformed("of two incidents it is said that they are the same event, or different, or nothing")
    before = own_halves(tx, one, other)
    if seen and (not before or before[0].version != seen):
        raise Conflict(before[0].version if before else 0)
    if word == TAKEN_BACK and not before:
        raise Malformed("nothing was said that could be taken back")
    if word == SAME and (one.withdrawn or other.withdrawn):
        raise Malformed("this incident was withdrawn: it is not to be used")
    record, version, index = (
        _amended(tx, subject, before, _goes(tx, one, other), word, text)
        if before
        else _stored(tx, subject, one, other, word, text)
    )
    return {"record": record, "version": version, "index": index}


def _incident(tx: Tx, subject: Subject, record: str) -> RowView:
    row = tx.row(record)
    if row is None or row.kind != INCIDENT.name or not tx.knows(subject, row):
        raise NotFound(record)
    return row


def own_halves(tx: Tx, one: RowView, other: RowView) -> list[RowView]:
    """What this party has said of two incidents: the half about the first, then that about the other."""
    by_pair = [
        {
            half.values()["statement"]["pair"]: half
            for half in tx.rows_about(each.id, SAME_EVENT.name)
            if half.originator == tx.home.party and half.values().get("statement")
        }
        for each in (one, other)
    ]
    common = sorted(by_pair[0].keys() & by_pair[1].keys(), key=lambda pair: by_pair[0][pair].ledger_index)
    return [halves[common[-1]] for halves in by_pair] if common else []


def _stored(tx: Tx, subject: Subject, one: RowView, other: RowView, word: str, text: str) -> Stored:
    if not may_be_joined(tx, one, other):
        raise Malformed("a party says so of an incident of its own, of two partners', or in answer")
    statement = {"pair": uuid4().hex, "at": iso(tx.now)}
    level = max(_label(one), _label(other), SAME_EVENT.default_levels()["statement"])
    levels = {"statement": level, "reason": max(level, SAME_EVENT.default_levels()["reason"])}
    way, done = _goes(tx, one, other), list[Stored]()
    for row in (one, other):
        parts = {"statement": statement, **({"reason": {"text": text}} if text and not done else {})}
        draft = Draft(SAME_EVENT.name, parts, about=row.id, state=word, levels=levels, **way)
        done.append(store(tx, subject, "write", SAME_EVENT, draft))
    return done[0]


def _amended(
    tx: Tx, subject: Subject, before: list[RowView], way: Mapping[str, Any], word: str, text: str
) -> Stored:
    """The same halves with another word; why something else was said before is not why this is."""
    if all(half.state == word for half in before) and not text:
        return before[0].id, before[0].version, before[0].ledger_index
    done = list[Stored]()
    for half in before:
        parts: dict[str, Any] = {"reason": None} if "reason" in half.values() else {}
        if text and not done:
            parts = {"reason": {"text": text}}
        draft = Draft(SAME_EVENT.name, parts, record=half.id, expected=half.version, state=word, **way)
        done.append(store(tx, subject, "write", SAME_EVENT, draft))
    return done[0]


def _goes(tx: Tx, one: RowView, other: RowView) -> dict[str, Any]:
    """To whom a statement on two incidents may go: to nobody who may not have both. One that stays here belongs to
    those agreements under which both are."""
    to = sorted(_reach(tx, one) & _reach(tx, other))
    both = (belongs_to(row, tx.home.party) for row in (one, other))
    return {"releasable": to, "kept_for": marks(both) if not to and len(tx.home.partners) > 1 else None}


def _reach(tx: Tx, row: RowView) -> frozenset[str]:
    """Whom an incident may go to, or came from."""
    return partners_in(row.releasable) if row.originator == tx.home.party else frozenset({row.originator})


def _label(row: RowView) -> int:
    """The label of what the incident says first: as much as a reader of the statement is told of it."""
    return row.level(INCIDENT.bit("summary")) if row.present >> INCIDENT.bit("summary") & 1 else 0
