"""The writer's side of responses and liaison: a checklist begun at once, items handed over, receipts, due times."""

from __future__ import annotations

from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_received, on_version
from safeconduct.records.kinds import kind as kind_named
from safeconduct.records.moments import instant
from safeconduct.records.once import once
from safeconduct.records.principals import SYSTEM, system_subject
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import arm, disarm, timer
from safeconduct.watch.response_kinds import (
    INFORMATION_ANSWER,
    INFORMATION_REQUEST,
    LIAISON_MESSAGE,
    MESSAGE_RECEIPT,
    MOST_ITEMS,
    RESPONSE,
    RESPONSE_ITEM,
    TRANSLATION,
)

BEGINS_WITH = ("sos", "incident")
CLOSES = ("full", "declined")
"""Outcomes of an answer that close the request; a partial one leaves it open, and its clock running."""
SENT = (LIAISON_MESSAGE, INFORMATION_REQUEST, INFORMATION_ANSWER, TRANSLATION)

Answer = dict[str, Any]


@job("watch_response")
def begin_job(tx: Tx, payload: Answer) -> Answer:
    """Store a response with its items. A room that has one open for the same record gets that one again."""
    subject = tx.subject(payload["actor"])
    row = tx.row(str(payload["about"]))
    if row is None or not _known(tx, subject, row):
        raise NotFound(str(payload["about"]))
    if row.kind not in BEGINS_WITH:
        raise Malformed("a response is to an SOS or an incident")
    items = list(payload["items"])
    if len(items) > MOST_ITEMS:
        raise Malformed(f"a checklist has at most {MOST_ITEMS} items")

    def work() -> tuple[str, int, int]:
        for each in tx.rows_about(row.id, RESPONSE.name):
            if each.originator == tx.home.party and each.state not in RESPONSE.final:
                return each.id, each.version, each.ledger_index
        levels = dict(payload.get("levels") or {})
        said = {name: level for name, level in levels.items() if name == "summary"}
        draft = Draft(RESPONSE.name, {"summary": payload["summary"]}, about=row.id, levels=said)
        record, version, index = store(tx, subject, "write", RESPONSE, draft)
        for item in items:
            own = item["task"]["room"] == tx.home.side
            parts = {
                "task": item["task"],
                "progress": {"at": iso(tx.now), "by": payload["by"]},
                "detail": item.get("detail") or None,
            }
            draft = Draft(
                RESPONSE_ITEM.name,
                parts,
                about=record,
                state="open" if own else "offered",
                levels={name: level for name, level in levels.items() if parts.get(name)},
                derived_from=[row.id] if parts["detail"] else (),
            )
            store(tx, subject, "write", RESPONSE_ITEM, draft)
        return record, version, index

    return once(tx, f"response\n{subject.person}\n{row.id}", str(payload.get("key") or ""), work)


@job("watch_read_message")
def read_job(tx: Tx, payload: Answer) -> Answer:
    """Store that a named person has read a message; the same person reads it once."""
    subject = tx.subject(payload["actor"])
    row = tx.row(str(payload["message"]))
    if row is None or row.kind != LIAISON_MESSAGE.name or not _known(tx, subject, row):
        raise NotFound(str(payload["message"]))

    def work() -> tuple[str, int, int]:
        receipt = {"at": iso(tx.now), "by": payload["by"], "category": "read"}
        draft = Draft(MESSAGE_RECEIPT.name, {"receipt": receipt}, about=row.id)
        return store(tx, subject, "write", MESSAGE_RECEIPT, draft)

    return once(tx, f"read\n{subject.person}", row.id, work)


def _as_secret_as(tx: Tx, original: str) -> dict[str, int] | None:
    """A translation bears the highest label of what it translates."""
    row = tx.row(original)
    if row is None:
        return None
    shape = kind_named(row.kind)
    here = [row.level(bit) for bit in range(len(shape.part_names)) if row.present >> bit & 1]
    default = TRANSLATION.default_levels()["text"]
    return {"text": max([default, *here])}


def _known(tx: Tx, subject: Subject, row: RowView) -> bool:
    return subject.person == SYSTEM or bool(tx.policy.mask(subject, "read", tx.item(row), tx.now))


@on_version
def follow_own(tx: Tx, row: RowView, index: int) -> None:
    """A request's clock runs while it is open."""
    if row.kind == INFORMATION_REQUEST.name:
        _clock(tx, row)


@on_received
def follow_received(tx: Tx, row: RowView, index: int) -> None:
    """What the other room's records mean for this room's own."""
    if row.kind == RESPONSE_ITEM.name and row.about:
        _handed_over(tx, row)
    elif row.kind == LIAISON_MESSAGE.name:
        _delivered(tx, row)
    elif row.kind == INFORMATION_REQUEST.name:
        _clock(tx, row)
    elif row.kind == INFORMATION_ANSWER.name and row.about:
        _answered(tx, row)


def _handed_over(tx: Tx, taken: RowView) -> None:
    """The other room has taken an item that was offered; one that was taken back meanwhile stays, and both show."""
    own = tx.row(taken.about)
    if own is None or own.kind != RESPONSE_ITEM.name or own.originator != tx.home.party:
        return
    if own.state == "offered" and not own.withdrawn and not taken.withdrawn:
        draft = Draft(RESPONSE_ITEM.name, {}, record=own.id, expected=own.version, state="handed_over")
        store(tx, system_subject(tx.home.party), "write", RESPONSE_ITEM, draft)


def _delivered(tx: Tx, message: RowView) -> None:
    """This node has it: said once, by its own clock, before anybody has read it."""
    if message.withdrawn or not message.values().get("message"):
        return
    for each in tx.rows_about(message.id, MESSAGE_RECEIPT.name):
        if each.originator == tx.home.party:
            return
    receipt = {"at": iso(tx.now), "by": tx.home.name, "category": "delivered"}
    draft = Draft(MESSAGE_RECEIPT.name, {"receipt": receipt}, about=message.id)
    store(tx, system_subject(tx.home.party), "write", MESSAGE_RECEIPT, draft)


def _answered(tx: Tx, answer: RowView) -> None:
    """An answer closes the request, however late it comes, unless it is a part of one."""
    own, reply = tx.row(answer.about), answer.values().get("reply") or {}
    if own is None or own.kind != INFORMATION_REQUEST.name or own.originator != tx.home.party:
        return
    if own.state == "open" and not own.withdrawn and reply.get("outcome") in CLOSES:
        draft = Draft(INFORMATION_REQUEST.name, {}, record=own.id, expected=own.version, state="answered")
        store(tx, system_subject(tx.home.party), "write", INFORMATION_REQUEST, draft)


def _clock(tx: Tx, request: RowView) -> None:
    key, asked = f"information_request:{request.id}", request.values().get("request") or {}
    if request.state != "open" or request.withdrawn or not asked.get("due"):
        disarm(tx, key)
        return
    due = instant(asked["due"]).timestamp()
    if due > tx.now:
        arm(tx, key, due, "information_request", {"record": request.id})


@timer("information_request")
def request_due(tx: Tx, payload: Answer, _due: float) -> None:
    """The time is over: every screen shows it. Nothing is concluded from it."""
    row = tx.row(str(payload["record"]))
    if row is not None and row.state == "open":
        tx.announce({"topic": row.kind, "kind": row.kind, "record": row.id, "index": row.ledger_index})


@job("watch_send")
def send_job(tx: Tx, payload: Answer) -> Answer:
    """Store what one room writes to the other; sent again with the same key it is one."""
    subject = tx.subject(payload["actor"])
    found = [each for each in SENT if each.name == payload["kind"]]
    if not found:
        raise Malformed("this is not sent so")
    kind, about = found[0], str(payload.get("about") or "")

    def work() -> tuple[str, int, int]:
        draft = Draft(
            kind.name,
            dict(payload["parts"]),
            about=about or None,
            releasable=payload.get("releasable"),
            levels=_as_secret_as(tx, about) if kind is TRANSLATION else None,
        )
        return store(tx, subject, "write", kind, draft)

    return once(tx, f"send\n{subject.person}\n{kind.name}", str(payload.get("key") or ""), work)
