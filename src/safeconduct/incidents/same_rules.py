"""The work on what is one event: saying so of two incidents, objecting, and taking back what was said.

Each acts in the name of a person and speaks for the own party alone; the other party's records and words stay as they
are. Each raises what `records.commit` raises.
"""

from __future__ import annotations

from safeconduct.agreement.policy import Subject
from safeconduct.records import here, principals
from safeconduct.records.commit import Committed
from safeconduct.records.door import Door
from safeconduct.risk.same_event import DIFFERENT, SAME, TAKEN_BACK


def say_same(
    actor: Subject, one: str, other: str, reason: str = "", seen: int = 0, door: Door | None = None
) -> Committed:
    """Say that two incidents are the same event: an own one and any other, or two of different partners. Said of what
    a partner has said, it agrees."""
    return _said(actor, one, other, SAME, reason, seen, door)


def say_different(
    actor: Subject, one: str, other: str, reason: str = "", seen: int = 0, door: Door | None = None
) -> Committed:
    """Say that two incidents are not the same event: for this party they count apart, whatever another says."""
    return _said(actor, one, other, DIFFERENT, reason, seen, door)


def take_back(actor: Subject, one: str, other: str, seen: int = 0, door: Door | None = None) -> Committed:
    """Say nothing of two incidents any more; what was said stays on record, and another party's word counts."""
    return _said(actor, one, other, TAKEN_BACK, "", seen, door)


def _said(
    actor: Subject, one: str, other: str, word: str, reason: str, seen: int, door: Door | None
) -> Committed:
    payload = {
        "actor": principals.to_wire(actor),
        "one": one,
        "other": other,
        "word": word,
        "reason": reason,
        "seen": seen,
    }
    answer = (door or here.door()).call("same_event_say", payload)
    return Committed(answer["record"], answer["version"], answer["index"])
