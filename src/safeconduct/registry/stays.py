"""A person is at one place at a time: the rule that every stay is held to, and the stay that is open.

The writer asks these inside its transaction, so that two arrivals at the same moment cannot both be taken.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from safeconduct.records.moments import instant
from safeconduct.records.rows import RowView

SLACK_S = 300
"""How far ahead of this node's clock a moment may lie that is told as past: clocks differ."""
FOR_EVER = float("inf")


class StayAt(NamedTuple):
    """One stay of a person as it stands: `until` is None while it is open. Times are epoch seconds."""

    row: RowView
    site: str
    since: float
    until: float | None

    @property
    def end(self) -> float:
        return FOR_EVER if self.until is None else self.until


def seconds(moment: str) -> float:
    """A moment as epoch seconds. Raises MomentRefused."""
    return instant(moment).timestamp()


def stay_of(row: RowView) -> StayAt | None:
    """The stay that a presence tells of; None once it was erased."""
    stay = json.loads(row.parts).get("stay")
    if not stay:
        return None
    until = stay.get("until")
    return StayAt(row, stay["site"], seconds(stay["since"]), seconds(until) if until else None)


def stays_of(tx: Any, person: str, but: str = "") -> list[StayAt]:
    """The own, not withdrawn stays of a person, by beginning; `but` is the id of one to leave out."""
    rows = tx.rows_about(person, "presence")
    found = [stay_of(row) for row in rows if row.id != but and row.originator == tx.home.party]
    return sorted((stay for stay in found if stay is not None), key=lambda stay: (stay.since, stay.end))


def open_stay(tx: Any, person: str) -> StayAt | None:
    return next((stay for stay in stays_of(tx, person) if stay.until is None), None)


def overlapping(tx: Any, person: str, since: float, until: float | None, but: str = "") -> StayAt | None:
    """A stay of the person that shares time with [since, until); None when there is none."""
    end = FOR_EVER if until is None else until
    for stay in stays_of(tx, person, but):
        if stay.since < end and since < stay.end:
            return stay
    return None


def too_late(now: float, *moments: str | None) -> bool:
    """Whether a moment lies ahead: nobody has arrived or departed tomorrow."""
    return any(moment is not None and seconds(moment) > now + SLACK_S for moment in moments)
