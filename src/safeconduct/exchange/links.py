"""Which partners cannot be reached, and since when: what came from them is no newer than that."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from safeconduct.exchange.last_contact import link_seen
from safeconduct.records import here
from safeconduct.records.home import Partner
from safeconduct.records.refusals import Unavailable

QUIET_SECONDS = 120.0
"""A link that works is heard of at least this often; the courier waits half a minute for news."""


@dataclass(frozen=True)
class LinkDown:
    """A partner that cannot be reached. `since` is when it failed and `as_of` when it was last heard of (0.0 for
    never), in epoch seconds: what came from it is no newer than that."""

    partner: Partner
    since: float
    as_of: float


def links_down(now: float | None = None) -> Mapping[str, LinkDown]:
    """The partners whose link is down, by party. Partners reached by memory stick have no link to lose."""
    home = here.home()
    moment = time.time() if now is None else now
    found = {}
    for partner in home.partners.values():
        link = link_seen(home, partner.party, here.door())
        if link.failing_since:
            found[partner.party] = LinkDown(partner, link.failing_since, link.last_contact)
        elif link.last_contact and moment - link.last_contact > QUIET_SECONDS:
            found[partner.party] = LinkDown(partner, link.last_contact, link.last_contact)
    return found


@dataclass(frozen=True)
class LinkSeen:
    """How a link is for people at a glance: `up`, `down`, `frozen`, or `never` when nothing was heard yet. `as_of`
    is when the partner was last heard of, in epoch seconds, 0.0 for never."""

    partner: Partner
    state: str
    as_of: float


def links_seen(now: float | None = None) -> list[LinkSeen]:
    """Every link of this node, also those that work."""
    home, down = here.home(), links_down(now)
    found = []
    frozen = _frozen(sorted(home.partners))
    for party, partner in sorted(home.partners.items()):
        heard = link_seen(home, party, here.door()).last_contact
        state = "down" if party in down else "up" if heard else "never"
        if party in frozen:
            state = "frozen"
        found.append(LinkSeen(partner, state, heard))
    return found


def _frozen(parties: Sequence[str]) -> frozenset[str]:
    """The partners with whom the exchange stands still, asked with one line; none while the writer is silent."""
    asked = [{"partner": party} for party in parties]
    with suppress(Unavailable):
        answers = here.door().call_many("exchange_cursor", asked)
        return frozenset(party for party, said in zip(parties, answers, strict=True) if said.get("frozen"))
    return frozenset()
