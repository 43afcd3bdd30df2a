"""Firing what is due: in order of due, each timer by itself, and never so many that a commit has to wait."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from safeconduct.records.door import Door
from safeconduct.records.events import log_event
from safeconduct.records.hooks import job, on_tick
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import handler

EVERY = 0.2
"""Seconds between two looks at what is due; `timers` in node.toml says otherwise."""
AT_ONCE = 100
"""Timers that one transaction fires at most."""
BUDGET = 0.05
"""Seconds after which a transaction fires no more, so that the commits that wait come in between."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 900.0
"""Seconds until a timer whose handler failed is tried again, doubled each time."""
NAMED_IN_STATUS = 20


@on_tick("timers", EVERY)
def fire_due(tx: Tx) -> bool:
    """Fire what is due; True when more of it waits."""
    end = time.monotonic() + BUDGET
    rows = _due(tx)
    for number, row in enumerate(rows):
        if number and time.monotonic() > end:
            return True
        _fire(tx, *row)
    return len(rows) == AT_ONCE


def _due(tx: Tx) -> list[tuple[str, float, str, str, int]]:
    """What is due now. One that waits to be tried again is never more than the longest pause away: if it
    seems to be, the clock was set back since."""
    found: list[tuple[str, float, str, str, int]] = tx.db.execute(
        "SELECT key, due, name, payload, tries FROM timer_due WHERE next <= ? "
        "OR (tries > 0 AND next > ?) ORDER BY due, key LIMIT ?",
        (tx.now, tx.now + LONGEST_PAUSE, AT_ONCE),
    ).fetchall()
    return found


def _fire(tx: Tx, key: str, due: float, name: str, payload: str, tries: int) -> None:
    def work() -> None:
        # An earlier timer of this transaction may have disarmed this one, or armed it for later.
        gone = tx.db.execute("DELETE FROM timer_due WHERE key = ? AND due = ? AND name = ?", (key, due, name))
        if not gone.rowcount:
            return
        function = handler(name)
        if function is None:
            raise LookupError(f"no timer is named {name}")
        function(tx, json.loads(payload), due)

    fault = tx.attempt(work)
    if fault is None:
        return
    pause = min(FIRST_PAUSE * 2 ** min(tries, 20), LONGEST_PAUSE)
    log_event("timer_failed", fault=fault, unforeseen=True, timer=name, tries=tries + 1)
    # Only the kind of fault is kept: its words could quote a record.
    tx.db.execute(
        "UPDATE timer_due SET tries = tries + 1, next = ?, fault = ? WHERE key = ?",
        (tx.now + pause, type(fault).__name__, key),
    )


@job("timers")
def timers_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """How many timers wait, how many are late, and which fail."""
    waiting, late, soonest = tx.db.execute(
        "SELECT count(*), count(CASE WHEN due < ? AND tries = 0 THEN 1 END), min(due) FROM timer_due",
        (tx.now - 10 * EVERY,),
    ).fetchone()
    failing = tx.db.execute(
        "SELECT name, count(*), max(tries), min(due), min(next), max(fault) FROM timer_due WHERE tries > 0 "
        "GROUP BY name ORDER BY min(due) LIMIT ?",
        (NAMED_IN_STATUS,),
    ).fetchall()
    return {
        "waiting": waiting,
        "late": late,
        "soonest": iso(soonest) if soonest is not None else "",
        "failing": [
            {
                "name": name,
                "count": count,
                "tries": tries,
                "due": iso(due),
                "next": iso(again),
                "fault": fault,
            }
            for name, count, tries, due, again, fault in failing
        ],
    }


def describe(door: Door) -> Iterator[str]:
    """The timers of a node in a few lines, for the command line."""
    found = door.call("timers", {})
    soonest = f", the next at {found['soonest']}" if found["soonest"] else ""
    late = f", {found['late']:,} late" if found["late"] else ""
    yield f"timers: {found['waiting']:,} armed{soonest}{late}"
    for each in found["failing"]:
        yield (
            f"  {each['name']} fails: {each['count']:,} waiting since {each['due']}, tried {each['tries']} times, "
            f"last {each['fault']}; again at {each['next']}"
        )
