"""The work on the joint strategy, one function for each rule of it. Each acts in the name of a person.

Each raises what `records.commit` raises. Clause 3 says what of it crosses: objectives, lessons, recommendations,
measures, verifications with their evidence, and effects; who owns a measure within a party stays at home.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.committee.strategy_kinds import (
    EFFECT,
    LESSON,
    MEASURE,
    MOST_FILES,
    OBJECTIVE,
    RECOMMENDATION,
)
from safeconduct.records import here, principals
from safeconduct.records.attachments import attachment_parts
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import release
from safeconduct.records.transaction import iso
from safeconduct.risk.rates import CONFIDENCE, rate_ratio
from safeconduct.shell.same_event import counted_once

Parts = Mapping[str, Any]
DAY = 86_400.0


def adopt_objective(actor: Subject, goal: Parts, door: Door | None = None) -> Committed:
    """State what is to be reached, in terms that can be verified."""
    return commit(actor, Draft(OBJECTIVE.name, {"goal": goal}), door=door)


def end_objective(
    actor: Subject, objective: str, seen: int, state: str, door: Door | None = None
) -> Committed:
    """The objective is reached, or dropped."""
    return commit(actor, Draft(OBJECTIVE.name, {}, record=objective, expected=seen, state=state), door=door)


def record_lesson(
    actor: Subject, incident: str, title: str, text: str = "", by: str = "", door: Door | None = None
) -> Committed:
    """What an incident teaches. It is at least as secret as the summary of the incident."""
    found = release(actor, incident, door=door)
    learned = {"title": title, "text": text, **_now(actor, by)}
    level = LEVELS.index(found.levels.get("summary", "OPEN"))
    levels = {"learned": max(level, LESSON.default_levels()["learned"])}
    return commit(actor, Draft(LESSON.name, {"learned": learned}, about=incident, levels=levels), door=door)


def recommend(
    actor: Subject, about: str, title: str, text: str, to: str, by: str = "", door: Door | None = None
) -> Committed:
    """What ought to be done about a lesson, or towards an objective."""
    advice = {"title": title, "text": text, "to": to, **_now(actor, by)}
    return commit(actor, Draft(RECOMMENDATION.name, {"advice": advice}, about=about), door=door)


def leave_recommendation(actor: Subject, record: str, seen: int, door: Door | None = None) -> Committed:
    """A recommendation is not pursued: it stays on record as such."""
    draft = Draft(RECOMMENDATION.name, {}, record=record, expected=seen, state="not_pursued")
    return commit(actor, draft, door=door)


def take_measure(
    actor: Subject,
    about: str,
    plan: Parts,
    account: str = "",
    cost: Parts | None = None,
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """This party takes a measure. `account` is the person who answers for it, who is reminded when it is due."""
    parts: dict[str, Any] = {
        "plan": plan,
        "owner": {"account": account or actor.person},
        "progress": _now(actor, by),
        "cost": cost,
    }
    return commit(actor, Draft(MEASURE.name, parts, about=about), door=door)


def move_measure(
    actor: Subject,
    measure: str,
    seen: int,
    state: str,
    remark: str = "",
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """The measure is under way, reported done, dropped or planned again. It is complete only when verified."""
    parts: dict[str, Any] = {"progress": {**_now(actor, by), "remark": remark}}
    if state == "reported":
        found = release(actor, measure, door=door)
        parts["owner"] = {**(found.parts.get("owner") or {}), "reporter": actor.person}
    return commit(actor, Draft(MEASURE.name, parts, record=measure, expected=seen, state=state), door=door)


def verify(
    actor: Subject,
    measure: str,
    method: str,
    outcome: str,
    text: str = "",
    files: Sequence[tuple[str, bytes]] = (),
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Somebody other than the owner says what they found, with the files that show it, in one transaction.

    `files` are (name, bytes). Raises AttachmentRefused for one that is not taken.
    """
    if len(files) > MOST_FILES:
        raise Malformed(f"at most {MOST_FILES} files")
    kept = [attachment_parts(name, raw) for name, raw in files]
    payload = {
        "actor": principals.to_wire(actor),
        "measure": measure,
        "finding": {"method": method, "outcome": outcome, "text": text, **_now(actor, by)},
        "files": kept,
    }
    answer = (door or here.door()).call("strategy_verify", payload)
    return Committed(answer["record"], answer["version"], answer["index"])


def count_incidents(actor: Subject, risk: str, place: str, since: float, until: float) -> int:
    """How many incidents of a category there were at a place within a time, as far as the actor may see them: each
    event once, whichever party recorded it, too."""
    query = Query(
        "incident", category=risk, place=place, since=since, until=until, withdrawn=False, parts=("summary",),
        limit=MAX_LIMIT,
    )  # fmt: skip
    found = find(actor, query).records
    return len(found) - len(counted_once(actor, found))


def state_effect(
    actor: Subject,
    about: str,
    what: str,
    risk: str,
    place: str,
    turned: float,
    days_before: int,
    days_after: int,
    events: tuple[int, int] | None = None,
    persons: tuple[int, int] | None = None,
    source: str = "",
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """State what was counted in so many days before and after the measure took effect, and what that can tell.

    `turned` is that moment in epoch seconds. Incidents are counted here and now, from what the actor may see;
    near misses are given as (before, after), with who counted them. `persons` is the headcount covered.
    """
    start, end = turned - days_before * DAY, turned + days_after * DAY
    if end > time.time() + DAY:
        raise Malformed("that time is not over yet")
    if what == "incidents":
        events = (
            count_incidents(actor, risk, place, start, turned),
            count_incidents(actor, risk, place, turned, end),
        )
    elif events is None or not source:
        raise Malformed("near misses are given with who counted them")
    covered = persons or (1, 1)
    told = rate_ratio(events[0], days_before * covered[0], events[1], days_after * covered[1])
    seen = {
        "what": what,
        "risk": risk,
        "place": place,
        "before": _period(start, turned, days_before, events[0], persons[0] if persons else None),
        "after": _period(turned, end, days_after, events[1], persons[1] if persons else None),
        "ratio": told.ratio,
        "low": told.low,
        "high": told.high,
        "confidence": CONFIDENCE,
        "verdict": told.verdict,
        "source": source,
        **_now(actor, by),
    }
    return commit(actor, Draft(EFFECT.name, {"seen": seen}, about=about), door=door)


def _period(since: float, until: float, days: int, events: int, persons: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "since": _day(since),
        "until": _day(until),
        "days": days,
        "events": events,
    }
    return found | ({"persons": persons} if persons is not None else {})


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _now(actor: Subject, by: str) -> dict[str, str]:
    return {"at": iso(time.time()), "by": by or actor.person}
