"""A muster answered by SMS: a gateway hands on `from` and `text`; the number says who it is, the first word what.

A number is known by the contact point that its owner gave for SMS. Words that say neither are not guessed at: the name
stays unaccounted for, and the warden asks. Nor is anybody held safe by a number that several people gave, by a word
that was sent before the muster began, or by one that may be meant for an exercise.
"""

from __future__ import annotations

import re
from typing import Any

from safeconduct.field.device_writer import enrolled
from safeconduct.field.roll_answers import answer_rolls, plain, state_of
from safeconduct.field.said import NotUnderstood
from safeconduct.records.hooks import job
from safeconduct.records.mentions import Mentions
from safeconduct.records.once import once
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso

SIGNIFICANT = 9
"""Digits that a number has at least."""


def read(fields: dict[str, str]) -> dict[str, str]:
    """{"from", "text", "at", "id"} of a gateway's message; `id` is the gateway's own, if it gives one. Raises
    NotUnderstood for one without a number."""
    number = re.sub(r"[^0-9]", "", plain(fields.get("from", "")))[:20].removeprefix("00")
    if len(number) < SIGNIFICANT:
        raise NotUnderstood("from is a telephone number with its country code")
    found = {"from": number, "text": fields.get("text", "")[:1_000], "at": fields.get("at", "")[:40]}
    return {**found, "id": fields.get("id", "")[:64]}


@job("field_sms")
def sms_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Store an answer on every open roll that asks after the owner of the number; says how many there were. The same
    message of a gateway counts once."""
    device = enrolled(tx, str(payload["device"]))[0]
    state, number, given = state_of(payload["text"]), str(payload["from"]), str(payload.get("id") or "")
    if given and not _first(tx, device.id, given):
        return {"understood": bool(state), "answered": 0}
    at = str(payload["at"] or iso(tx.now))
    owners = sorted(_owners(tx, number)) if state else []
    if len(owners) > 1 and state != "needs_help":
        # One of several people is safe: nobody knows which.
        return {"understood": True, "answered": 0}
    answered = sum(answer_rolls(tx, person, state, at, "sms", payload["text"]) for person in owners)
    return {"understood": bool(state), "answered": answered}


def _first(tx: Tx, device: str, given: str) -> bool:
    """Whether this number of a gateway is heard for the first time."""
    heard: list[bool] = []

    def work() -> tuple[str, int, int]:
        heard.append(True)
        return device, 0, 0

    once(tx, f"sms\n{device}", given, work)
    return bool(heard)


def _owners(tx: Tx, number: str) -> set[str]:
    found: set[str] = set()
    for row in _POINTS.of(tx, number):
        if row.state != "removed":
            found |= names_in(row.assigned)
    return found


def _number(row: RowView) -> tuple[str, ...]:
    """The digits of a contact point for SMS."""
    address = row.values().get("address") or {}
    if address.get("channel") != "sms":
        return ()
    return (re.sub(r"[^0-9]", "", str(address.get("address", ""))),)


_POINTS = Mentions("contact_point", _number)
