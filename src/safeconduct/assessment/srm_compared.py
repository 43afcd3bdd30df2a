"""Two parties' ratings side by side, threat by threat: which says more, and never anything in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safeconduct.assessment.srm_parts import CATEGORIES, EVENTS, OTHER, Event, Rating
from safeconduct.risk.matrix import RISKS, above

RATED = tuple(Rating.model_fields)
Threat = Mapping[str, Any]


def key_of(threat: Threat) -> str:
    """By which a threat is known again in another assessment."""
    return Event(category=threat["category"], event=threat["event"], title=str(threat.get("title", ""))).key


def in_order(threats: Sequence[Threat]) -> list[Threat]:
    """By the UN's categories and their events, others last: in the same order whoever wrote them."""
    return sorted(threats, key=_place)


def compared(host: Sequence[Threat], partner: Sequence[Threat]) -> list[dict[str, Any]]:
    """One row for each threat that either has rated, as `srm_parts.Compared` has it."""
    by_host = {key_of(each): each for each in host}
    by_partner = {key_of(each): each for each in partner}
    rows = []
    for each in in_order(list({**by_partner, **by_host}.values())):
        key = key_of(each)
        one, other = rating(by_host.get(key)), rating(by_partner.get(key))
        row = {"category": each["category"], "event": each["event"], "title": str(each.get("title", ""))}
        given = {"host": one, "partner": other}
        rows.append(
            row | {side: value for side, value in given.items() if value} | {"says": says(one, other)}
        )
    return rows


def rating(threat: Threat | None) -> dict[str, str] | None:
    return {name: str(threat[name]) for name in RATED} if threat is not None else None


def says(host: Mapping[str, str] | None, partner: Mapping[str, str] | None) -> str:
    """Which of two ratings is higher: by the present risk, then by the residual one. "differs" where other words
    come to the same risks."""
    if host is None or partner is None:
        return "partner_only" if host is None else "host_only"
    for name in ("risk", "residual"):
        if host[name] != partner[name]:
            return "host_higher" if above(RISKS, host[name], partner[name]) else "partner_higher"
    return "same" if host == partner else "differs"


def _place(threat: Threat) -> tuple[int, int, str]:
    events = (*EVENTS[threat["category"]], OTHER)
    return CATEGORIES.index(threat["category"]), events.index(threat["event"]), key_of(threat)
