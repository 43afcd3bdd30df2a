"""Word from the road as the writer takes it: with its true time, and once however often a phone sends it."""

from __future__ import annotations

from typing import Any

from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job
from safeconduct.records.kinds import all_kinds
from safeconduct.records.moments import instant
from safeconduct.records.once import once
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.transaction import Tx

AHEAD_SECONDS = 300.0
"""By how much a phone's clock may be fast."""


def check_true_time(tx: Tx, given: Any) -> None:
    """A check-in tells of what was, not of what will be."""
    word = given.parts.get("word")
    if word is None or given.subject.person == SYSTEM:
        return
    if any(instant(word[name]).timestamp() > tx.now + AHEAD_SECONDS for name in ("at", "entered")):
        raise Malformed("a check-in has a time that has not come yet")


@job("journey_check_in")
def check_in_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Store a check-in; with a `key` that this person has used before, answer what it became then."""
    subject = tx.subject(payload["actor"])
    movement = str(payload["movement"])
    row = tx.row(movement)
    if row is None or not tx.knows(subject, row):
        raise NotFound(movement)
    draft = Draft("check_in", dict(payload["parts"]), about=movement, assigned=[subject.person])
    who, key = f"{subject.person}\n{movement}", str(payload.get("key") or "")
    return once(tx, who, key, lambda: store(tx, subject, "write", all_kinds()["check_in"], draft))
