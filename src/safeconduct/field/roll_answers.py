"""A word that answers a muster, whoever brings it: an SMS gateway for a number, a device for whoever bears it.

Words that say neither safe nor help are not guessed at: the name stays unaccounted for, and the warden asks.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from safeconduct.field.device_writer import enrolled
from safeconduct.records.hooks import job
from safeconduct.records.moments import instant
from safeconduct.records.principals import subject_of, to_wire
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso
from safeconduct.watch.muster_kinds import MUSTER
from safeconduct.watch.muster_writer import asked_after, reply_job

HELP: Final = frozenset({"help", "sos", "2", "مدد", "بچاؤ"})
HELP_WITHIN: Final = ("救", "帮助", "求助")
"""Found anywhere: Chinese puts no spaces between words."""
SAFE: Final = frozenset({"safe", "ok", "fine", "1", "خیریت", "محفوظ", "ٹھیک", "平安", "安全"})
LATE = 86_400.0
"""Seconds after a muster was due in which a word still counts, closed or not."""


def plain(text: str) -> str:
    """Letters in their usual form, and the digits of every script as 0 to 9."""
    usual = unicodedata.normalize("NFKC", text[:1_000])
    return "".join(str(unicodedata.decimal(each)) if each.isdecimal() else each for each in usual)


def state_of(text: str) -> str:
    """What an answer says: "needs_help", "accounted" or "" for neither.

    Who asks for help anywhere in it needs it. Only a text that is nothing but one word for safe says safe: "not safe",
    "OK no" and "fine, 3 wounded" have that word, too.
    """
    text = plain(text)
    words = [word for word in re.split(r"[\W_]+", text.casefold()) if word]
    if not HELP.isdisjoint(words) or any(each in text for each in HELP_WITHIN):
        return "needs_help"
    return "accounted" if len(words) == 1 and words[0] in SAFE else ""


def answer_rolls(tx: Tx, person: str, state: str, at: str, means: str, text: str) -> int:
    """Store a person's answer on every open roll that it is for; returns how many there were."""
    actor = to_wire(subject_of(tx.tables, tx.home, person, tx.now))
    said = {"at": at, "means": means, "by": person, "remark": text[:200]}
    entries = _asked(tx, person, state, at)
    for entry in entries:
        reply_job(tx, {"actor": actor, "entry": entry.id, "state": state, "reply": said})
    return len(entries)


@job("field_answer")
def answer_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """What the bearer of a device said, if it is an answer to a muster that asks after him. Raises NotFound for a
    device that is not enrolled."""
    _row, _identity, link = enrolled(tx, str(payload["device"]))
    text, person = str(payload.get("text") or "")[:1_000], str(link.get("account") or "")
    state = state_of(text) if person else ""
    at = str(payload.get("at") or iso(tx.now))
    return {
        "understood": bool(state),
        "answered": answer_rolls(tx, person, state, at, "device", text) if state else 0,
    }


def _asked(tx: Tx, person: str, state: str, at: str) -> list[RowView]:
    """The entries of a person that this answer is for. One word answers the musters that are open, of these the real
    ones rather than the exercises; without any, those that were closed lately. That somebody is safe is believed of a
    muster only if it was said after that had begun."""
    found: dict[tuple[bool, bool], list[RowView]] = {}
    for entry in asked_after(tx, person):
        muster = tx.row(entry.about)
        if muster is not None and _counts(tx, muster):
            call = muster.values().get("call") or {}
            some = found.setdefault((muster.state != "open", bool(call.get("exercise"))), [])
            if state == "needs_help" or _moment(at, tx.now) >= _moment(call.get("since"), tx.now):
                some.append(entry)
    return found[min(found)] if found else []


def _moment(at: object, otherwise: float) -> float:
    try:
        return instant(str(at)).timestamp()
    except ValueError:
        return otherwise


def _counts(tx: Tx, muster: RowView) -> bool:
    due = str((muster.values().get("call") or {}).get("due") or "")
    return muster.kind == MUSTER.name and due != "" and tx.now < instant(due).timestamp() + LATE
