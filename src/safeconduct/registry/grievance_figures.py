"""Figures of grievances for the committee: by kind of measure, answered in time, appealed; from what the reader sees.

Times are this node's: from when a grievance was raised or came here until the first answer was given or came here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.history import begun
from safeconduct.records.release import Released

DAYS = 14
"""Within so many days a grievance is answered in time, unless `grievance_days` in node.toml says otherwise."""
MOST = 2_000
AT_HOME = "record"
"""Requests to correct what is held on a person: they stay with the party that holds it."""


@dataclass(frozen=True)
class Figures:
    """`measure` is the kind of measure, "" for one that is withheld; `days` the median until the first answer."""

    measure: str
    raised: int
    waiting: int
    late: int
    in_time: int
    answered: int
    appealed: int
    days: float | None


def days_allowed() -> float:
    """Within how many days a grievance is answered in time on this node."""
    days = here.home().settings.get("grievance_days", DAYS)
    return days if isinstance(days, int | float) and 0 < days < 36_525 else DAYS


def figures(reader: Subject, now: datetime) -> tuple[list[Figures], list[Released]]:
    """Each kind of measure, the most frequent first, and the records that were counted."""
    found = find(
        reader, Query("grievance", withdrawn=False, sort="at", parts=("matter",), limit=MOST)
    ).records
    found = [each for each in found if each.parts.get("matter", {}).get("measure") != AT_HOME]
    about = [each.id for each in found]
    answers = find(reader, Query("answer", about=about, withdrawn=False, sort="at", limit=MOST)).records
    appeals = find(reader, Query("appeal", about=about, withdrawn=False, sort="at", limit=MOST)).records
    first = _first(answers)
    raised, appealed = begun(found), {each.about for each in appeals}
    limit = timedelta(days=days_allowed())
    by_kind: dict[str, list[Released]] = {}
    for each in found:
        by_kind.setdefault(each.parts.get("matter", {}).get("measure", ""), []).append(each)
    rows = [_figures(name, some, raised, first, appealed, limit, now) for name, some in by_kind.items()]
    return sorted(rows, key=lambda row: (-row.raised, row.measure)), [*found, *answers, *appeals]


def _first(answers: Sequence[Released]) -> dict[str, datetime]:
    """By grievance, when the first answer was given or came here."""
    told, found = begun(answers), dict[str, datetime]()
    for each in answers:
        at = told.get(each.id, each.at)
        if each.about and (each.about not in found or at < found[each.about]):
            found[each.about] = at
    return found


def _figures(
    measure: str,
    found: Sequence[Released],
    raised: dict[str, datetime],
    first: dict[str, datetime],
    appealed: set[str],
    limit: timedelta,
    now: datetime,
) -> Figures:
    took = [first[each.id] - raised.get(each.id, each.at) for each in found if each.id in first]
    waits = [
        now - raised.get(each.id, each.at) for each in found if each.id not in first and each.state == "open"
    ]
    return Figures(
        measure=measure,
        raised=len(found),
        waiting=len(waits),
        late=sum(wait > limit for wait in waits) + sum(time > limit for time in took),
        in_time=sum(time <= limit for time in took),
        answered=len(took),
        appealed=sum(each.id in appealed for each in found),
        days=max(0.0, median(time / timedelta(days=1) for time in took)) if took else None,
    )
