"""What the writer makes of positions: nothing is stored of them, but what they mean can become a record.

A room registers with `on_fixes` what it watches for (a corridor that was left). It is called in the writer's
transaction with the fixes that were not seen before, in the order of their time; a fault in it takes back what it did
and nothing else. What may flow to a partner goes on its way from here, and every process hears which journeys moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from safeconduct.geo.sphere import GeometryError, point
from safeconduct.geo.watching import Fix
from safeconduct.positions.flow_out import offer
from safeconduct.records.events import log_event
from safeconduct.records.hooks import job
from safeconduct.records.refusals import Malformed
from safeconduct.records.transaction import Tx

Watch = Callable[[Tx, str, str, Sequence[Fix]], None]
"""(transaction, movement, whose fixes they are, the fixes)"""
WATCHES: list[Watch] = []
AT_ONCE = 2_000


def on_fixes(function: Watch) -> Watch:
    """Call `function(tx, movement, person, fixes)` for positions of a movement that are new."""
    WATCHES.append(function)
    return function


@job("positions_seen")
def seen_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Positions of one movement: `fixes` are [person, seconds since 1970, latitude, longitude, accuracy or None]."""
    movement, fixes = str(payload["movement"]), payload["fixes"]
    if not isinstance(fixes, list) or len(fixes) > AT_ONCE:
        raise Malformed(f"at most {AT_ONCE} positions at once")
    by_person: dict[str, list[Fix]] = {}
    try:
        for person, at, latitude, longitude, accuracy in fixes:
            moment = datetime.fromtimestamp(float(at), UTC)
            fix = Fix(point(latitude, longitude), moment, float(accuracy) if accuracy is not None else None)
            by_person.setdefault(str(person), []).append(fix)
    except (GeometryError, TypeError, ValueError, OverflowError) as fault:
        raise Malformed("a position is person, time, latitude, longitude and accuracy") from fault
    for person, found in by_person.items():
        look_at_fixes(tx, movement, person, sorted(found, key=lambda fix: fix.moment))
    if fixes:
        offer(tx, movement)
        tx.announce({"topic": "positions", "movements": [movement]})
    return {"seen": len(fixes)}


def look_at_fixes(tx: Tx, movement: str, person: str, fixes: Sequence[Fix]) -> None:
    """Let every room that watches look at new fixes, in the order of their time."""
    for watch in WATCHES:
        fault = tx.attempt(partial(watch, tx, movement, person, fixes))
        if fault is not None:
            log_event("positions_unseen", fault=fault, unforeseen=True)
