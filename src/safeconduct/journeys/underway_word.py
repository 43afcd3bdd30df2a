"""Word from the road as the writer takes it: with its true time, and once however often a phone sends it."""

from __future__ import annotations

from typing import Any

from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import job, on_start
from safeconduct.records.kinds import all_kinds
from safeconduct.records.moments import instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.transaction import Tx

AHEAD_SECONDS = 300.0
"""By how much a phone's clock may be fast."""
KEPT_SECONDS = 40 * 86_400.0
"""How long the key of a check-in is remembered."""
MAX_KEY = 128


@on_start
def make_table(tx: Tx) -> None:
    tx.db.execute(
        "CREATE TABLE IF NOT EXISTS journey_word (key TEXT PRIMARY KEY, at REAL NOT NULL, record TEXT NOT NULL, "
        "version INTEGER NOT NULL, idx INTEGER NOT NULL) WITHOUT ROWID"
    )
    tx.db.execute("CREATE INDEX IF NOT EXISTS journey_word_at ON journey_word (at)")


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
    movement, key = str(payload["movement"]), str(payload.get("key") or "")
    if len(key) > MAX_KEY:
        raise Malformed(f"a key has at most {MAX_KEY} characters")
    row = tx.row(movement)
    if row is None or not (subject.person == SYSTEM or tx.policy.mask(subject, "read", tx.item(row), tx.now)):
        raise NotFound(movement)
    kept = f"{subject.person}\n{movement}\n{key}"
    if key:
        sql = "SELECT record, version, idx FROM journey_word WHERE key = ?"
        found = tx.db.execute(sql, (kept,)).fetchone()
        if found is not None:
            return {"record": found[0], "version": found[1], "index": found[2]}
    draft = Draft("check_in", dict(payload["parts"]), about=movement, assigned=[subject.person])
    record, version, index = store(tx, subject, "write", all_kinds()["check_in"], draft)
    if key:
        tx.db.execute("DELETE FROM journey_word WHERE at < ?", (tx.now - KEPT_SECONDS,))
        tx.db.execute(
            "INSERT INTO journey_word VALUES (?, ?, ?, ?, ?)", (kept, tx.now, record, version, index)
        )
    return {"record": record, "version": version, "index": index}
