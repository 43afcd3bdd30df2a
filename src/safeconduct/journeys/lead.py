"""What the clauses ask of a notice: how long before departure it is given, and when its itinerary opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from safeconduct.agreement.policy import Policy
from safeconduct.journeys.kinds import MOVEMENT
from safeconduct.records.moments import instant

OPENS_HOURS = 12
"""How long before departure an itinerary opens where no clause says so."""
HOUR = 3600.0


@dataclass(frozen=True)
class Terms:
    """`lead_hours` is None where no clause in force asks for a lead time; `lead_clause` is the grant that does."""

    lead_hours: int | None
    lead_clause: str
    opens_hours: int

    def late(self, since: str, now: float) -> bool:
        """Whether a notice given at `now` (epoch seconds) for that earliest departure is too late."""
        return self.lead_hours is not None and instant(since).timestamp() - now < self.lead_hours * HOUR

    def opens(self, parts: Mapping[str, Any]) -> str:
        """The moment (ISO 8601) at which an itinerary opens: so long before it is to depart."""
        depart = (parts.get("itinerary") or {}).get("depart") or parts["notice"]["since"]
        moment = instant(depart).timestamp() - self.opens_hours * HOUR
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def terms_of(policy: Policy, own: str, partners: Iterable[str]) -> Terms:
    """The strictest of what the clauses in force with these partners ask of this party's movements."""
    parties = sorted(partners)
    opens = [policy.limit("opens_hours", MOVEMENT.name, "itinerary", party, own) for party in parties]
    hours = [each for each in opens if each is not None]
    lead, clause = max(
        (
            (placed.grant.lead_time_hours, placed.id)
            for placed in policy.grants.values()
            if placed.grant.lead_time_hours is not None
            and MOVEMENT.name in placed.grant.kinds
            and any(whose == own and to in parties for to, whose in placed.directions)
        ),
        default=(None, ""),
    )
    return Terms(lead, clause, min(hours, default=OPENS_HOURS))
