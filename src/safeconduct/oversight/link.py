"""How the link to each partner is: contact, what waits on either side, how far each has cosigned the other."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safeconduct.exchange.cadence import Cosigned, all_cosigned
from safeconduct.exchange.last_contact import Link, link_seen
from safeconduct.oversight.wording import ago, moment
from safeconduct.records import here
from safeconduct.records.home import Home, Partner
from safeconduct.records.refusals import from_wire

QUIET_SECONDS = 120.0
"""A link that works is heard of at least this often; the courier waits half a minute for news."""


@dataclass(frozen=True)
class LinkHealth:
    """One partner's link. `state` is up, quiet, down, never or frozen; sizes count feed entries.

    `unread` are kinds that this version does not know, each with the number of entries that wait for one that does;
    `evidence` says when two signed histories of what were seen, whatever `epoch` has begun since. `waiting` are own
    entries that the partner has not acknowledged, `ours_cosigned` the own ledger's size as far as the partner has
    cosigned it, `theirs_cosigned` the other way round.
    """

    partner: Partner
    state: str
    last_contact: datetime | None
    contact_age: str
    error: str
    failing_since: datetime | None
    released: int
    acknowledged: int
    acknowledged_at: datetime | None
    received: int
    ours_cosigned: int
    ours_cosigned_at: datetime | None
    ours_age: str
    theirs_cosigned: int
    frozen: str
    unread: tuple[tuple[str, int], ...]
    epoch: int
    evidence: tuple[tuple[datetime | None, str], ...]

    @property
    def waiting(self) -> int:
        return max(0, self.released - self.acknowledged)


WORST_FIRST = ("frozen", "down", "quiet", "never", "up")


def links(now: float | None = None, only: Collection[str] | None = None) -> list[LinkHealth]:
    """The health of every link of this node, or of those to `only` these parties, the worst first: of a hundred those
    are looked for that do not work."""
    home = here.home()
    moment_now = time.time() if now is None else now
    partners = [each for each in home.partners.values() if only is None or each.party in only]
    acked = all_cosigned(here.door()) if partners else {}
    cursors = here.door().call_many("exchange_cursor", [{"partner": each.party} for each in partners])
    found = [
        _health(home, partner, acked[partner.party], _answered(cursor), moment_now)
        for partner, cursor in zip(partners, cursors, strict=True)
    ]
    return sorted(found, key=lambda link: (WORST_FIRST.index(link.state), link.partner.name.casefold()))


def _answered(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise from_wire(answer)
    return answer


def _health(home: Home, partner: Partner, acked: Cosigned, cursor: dict[str, Any], now: float) -> LinkHealth:
    link = link_seen(home, partner.party, here.door())
    age = acked.age(now)
    return LinkHealth(
        partner=partner,
        state=_state(link, cursor["frozen"], now),
        last_contact=moment(link.last_contact),
        contact_age=ago(now - link.last_contact) if link.last_contact else "",
        error=link.last_error,
        failing_since=moment(link.failing_since),
        released=acked.feed_entries,
        acknowledged=acked.feed_size,
        acknowledged_at=moment(acked.feed_time),
        received=cursor["have"],
        ours_cosigned=acked.ledger_size,
        ours_cosigned_at=moment(acked.ledger_time),
        ours_age=ago(age) if age is not None else "",
        theirs_cosigned=cursor["head"],
        frozen=cursor["frozen"],
        unread=tuple(cursor["unread"].items()),
        epoch=cursor["epoch"],
        evidence=tuple((moment(at), what) for at, what in cursor["evidence"]),
    )


def _state(link: Link, frozen: str, now: float) -> str:
    if frozen:
        return "frozen"
    if link.failing_since:
        return "down"
    if not link.last_contact:
        return "never"
    return "up" if now - link.last_contact < QUIET_SECONDS else "quiet"
