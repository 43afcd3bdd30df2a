"""What the board says when a link is down: since when, what may be stale, and which time locks stay shut here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from safeconduct.exchange.links import LinkDown

AHEAD_SECONDS = 3600.0
"""How long before a time lock opens the board says that it will stay shut."""


@dataclass(frozen=True)
class Lock:
    """An itinerary under a time lock: `opens` in epoch seconds on the originator's clock."""

    movement: str
    reference: str
    originator: str
    opens: float


@dataclass(frozen=True)
class ShutLock:
    """A lock that will not open here (or, for an own record, not open there) while the link is down."""

    lock: Lock
    down: LinkDown
    own: bool
    past: bool


def shut_locks(locks: Iterable[Lock], down: Mapping[str, LinkDown], own: str, now: float) -> list[ShutLock]:
    """The locks that open within the hour, or have opened since the link failed, and stay shut, soonest first."""
    found = []
    for lock in locks:
        if lock.opens - now > AHEAD_SECONDS:
            continue
        for party, link in down.items():
            if lock.originator not in (own, party) or (lock.originator == own and lock.opens < link.since):
                continue
            found.append(ShutLock(lock, link, lock.originator == own, lock.opens <= now))
    return sorted(found, key=lambda each: (each.lock.opens, each.lock.reference))
