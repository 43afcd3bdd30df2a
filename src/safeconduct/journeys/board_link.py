"""What the board says when a link is down: since when, what may be stale, and which time locks stay shut here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from safeconduct.exchange.courier import link_of
from safeconduct.records import here
from safeconduct.records.home import Partner

QUIET_SECONDS = 120.0
"""A link that works is heard of at least this often; the courier waits half a minute for news."""
AHEAD_SECONDS = 3600.0
"""How long before a time lock opens the board says that it will stay shut."""


@dataclass(frozen=True)
class LinkDown:
    """A partner that cannot be reached. `since` is when it failed and `as_of` when it was last heard of (0.0 for
    never), in epoch seconds: what came from it is no newer than that."""

    partner: Partner
    since: float
    as_of: float


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


def links_down(now: float | None = None) -> Mapping[str, LinkDown]:
    """The partners whose link is down, by party. Partners reached by memory stick have no link to lose."""
    home = here.home()
    moment = time.time() if now is None else now
    found = {}
    for partner in home.partners.values():
        link = link_of(home, partner.party)
        if link.failing_since:
            found[partner.party] = LinkDown(partner, link.failing_since, link.last_contact)
        elif link.last_contact and moment - link.last_contact > QUIET_SECONDS:
            found[partner.party] = LinkDown(partner, link.last_contact, link.last_contact)
    return found


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
