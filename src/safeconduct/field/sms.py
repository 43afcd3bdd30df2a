"""A muster answered by SMS: a gateway hands on `from` and `text`; the number says who it is, the first word what.

A number is known by the contact point that its owner gave for SMS. Words that say neither are not guessed at: the name
stays unaccounted for, and the warden asks.
"""

from __future__ import annotations

import re
from typing import Any, Final

from safeconduct.field.device_writer import enrolled
from safeconduct.field.said import NotUnderstood
from safeconduct.records.hooks import job
from safeconduct.records.moments import instant
from safeconduct.records.principals import subject_of, to_wire
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso
from safeconduct.watch.muster_kinds import MUSTER, ROLL_ENTRY
from safeconduct.watch.muster_writer import reply_job

HELP: Final = frozenset({"help", "sos", "2", "مدد", "بچاؤ"})
HELP_WITHIN: Final = ("救", "帮助", "求助")
"""Found anywhere: Chinese puts no spaces between words."""
SAFE: Final = frozenset({"safe", "ok", "fine", "1", "خیریت", "محفوظ", "ٹھیک", "平安", "安全"})
LATE = 86_400.0
"""Seconds after a muster was due in which a word still counts, closed or not."""
SIGNIFICANT = 9
"""Digits at the end of a number that are looked for; the whole of it is compared then."""


def read(fields: dict[str, str]) -> dict[str, str]:
    """{"from", "text", "at"} of a gateway's message. Raises NotUnderstood for one without a number."""
    number = re.sub(r"[^0-9]", "", fields.get("from", ""))[:20].removeprefix("00")
    if len(number) < SIGNIFICANT:
        raise NotUnderstood("from is a telephone number with its country code")
    return {"from": number, "text": fields.get("text", "")[:1_000], "at": fields.get("at", "")[:40]}


def state_of(text: str) -> str:
    """What an answer says: "needs_help", "accounted" or "" for neither.

    Who asks for help anywhere in it needs it. Only a text that is nothing but one word for safe says safe: "not safe",
    "OK no" and "fine, 3 wounded" have that word, too.
    """
    words = [word for word in re.split(r"[\W_]+", text.casefold()) if word]
    if not HELP.isdisjoint(words) or any(each in text for each in HELP_WITHIN):
        return "needs_help"
    return "accounted" if len(words) == 1 and words[0] in SAFE else ""


@job("field_sms")
def sms_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Store an answer on every open roll that asks after the owner of the number; says how many there were."""
    enrolled(tx, str(payload["device"]))
    state, number = state_of(payload["text"]), str(payload["from"])
    answered = 0
    for person in sorted(_owners(tx, number)) if state else ():
        actor = to_wire(subject_of(tx.tables, tx.home, person, tx.now))
        said = {
            "at": payload["at"] or iso(tx.now),
            "means": "sms",
            "by": person,
            "remark": payload["text"][:200],
        }
        for entry in tx.rows_open(ROLL_ENTRY.name, person):
            muster = tx.row(entry.about)
            if person in names_in(entry.assigned) and muster is not None and _counts(tx, muster):
                reply_job(tx, {"actor": actor, "entry": entry.id, "state": state, "reply": said})
                answered += 1
    return {"understood": bool(state), "answered": answered}


def _counts(tx: Tx, muster: RowView) -> bool:
    due = str((muster.values().get("call") or {}).get("due") or "")
    return muster.kind == MUSTER.name and due != "" and tx.now < instant(due).timestamp() + LATE


def _owners(tx: Tx, number: str) -> set[str]:
    found: set[str] = set()
    for row in tx.rows_open("contact_point", number[-SIGNIFICANT:]):
        address = row.values().get("address") or {}
        if (
            address.get("channel") == "sms"
            and re.sub(r"[^0-9]", "", str(address.get("address", ""))) == number
        ):
            found |= names_in(row.assigned)
    return found
