"""Assistance to the Host's own capabilities, one function for each rule of it. Clause 7 says what of it crosses."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.committee.assistance_kinds import (
    ANSWER,
    DELIVERY,
    END_USE_CHECK,
    OFFER,
    RECEIPT,
    REQUEST,
)
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.transaction import iso

Parts = Mapping[str, Any]


def ask(actor: Subject, need: Parts, by: str = "", door: Door | None = None) -> Committed:
    """The Host asks for help with a capability of its own."""
    return commit(actor, Draft(REQUEST.name, {"need": {**need, **_now(actor, by)}}), door=door)


def end_request(actor: Subject, request: str, seen: int, state: str, door: Door | None = None) -> Committed:
    """The request is met, or withdrawn."""
    return commit(actor, Draft(REQUEST.name, {}, record=request, expected=seen, state=state), door=door)


def offer(
    actor: Subject, request: str, offered: Parts, condition: Parts, by: str = "", door: Door | None = None
) -> Committed:
    """The Partner offers, on a condition of end use that is checked every so many days."""
    parts = {"offer": {**offered, **_now(actor, by)}, "condition": condition}
    return commit(actor, Draft(OFFER.name, parts, about=request), door=door)


def answer_offer(
    actor: Subject, offered: str, outcome: str, text: str = "", by: str = "", door: Door | None = None
) -> Committed:
    """The Host takes the offer with its condition, or does not."""
    answer = {"outcome": outcome, "text": text, **_now(actor, by)}
    return commit(actor, Draft(ANSWER.name, {"answer": answer}, about=offered), door=door)


def end_offer(actor: Subject, offered: str, seen: int, state: str, door: Door | None = None) -> Committed:
    """Everything has been delivered, or the Partner withdraws what is still to come."""
    return commit(actor, Draft(OFFER.name, {}, record=offered, expected=seen, state=state), door=door)


def deliver(
    actor: Subject, offered: str, consignment: Parts, by: str = "", door: Door | None = None
) -> Committed:
    """The Partner hands over one part of what was accepted; parts are numbered in the order of handing over."""
    query = Query(DELIVERY.name, about=offered, parts=("consignment",), sort="at", limit=200)
    held = [
        (each.parts.get("consignment") or {}).get("sequence", 0)
        for each in find(actor, query, door=door).records
    ]
    given = {**consignment, "sequence": max(held, default=0) + 1, **_now(actor, by)}
    return commit(actor, Draft(DELIVERY.name, {"consignment": given}, about=offered), door=door)


def receive(
    actor: Subject,
    delivery: str,
    outcome: str,
    quantity: int,
    text: str = "",
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """The Host accepts a delivery, accepts a part of it, or refuses it. Nobody else can."""
    receipt = {"outcome": outcome, "quantity": quantity, "text": text, **_now(actor, by)}
    return commit(actor, Draft(RECEIPT.name, {"receipt": receipt}, about=delivery), door=door)


def check_end_use(
    actor: Subject, offered: str, outcome: str, text: str = "", by: str = "", door: Door | None = None
) -> Committed:
    """Either party looks whether the condition is kept, and says what it found."""
    check = {"outcome": outcome, "text": text, **_now(actor, by)}
    return commit(actor, Draft(END_USE_CHECK.name, {"check": check}, about=offered), door=door)


def _now(actor: Subject, by: str) -> dict[str, str]:
    return {"at": iso(time.time()), "by": by or actor.person}
