"""The work on warnings, one function for each rule of it. Each acts in the name of a person.

Each raises what `records.commit` raises. Clause 6 says what of a warning crosses: never who it came from.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.assessment.warning_kinds import OUTCOME, WARNING
from safeconduct.records import here, principals
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release
from safeconduct.records.transaction import iso

Parts = Mapping[str, Any]


def give_warning(
    actor: Subject,
    warned: Parts,
    places: Parts,
    source: Parts,
    named: Parts,
    reliability: str,
    credibility: int,
    by: str = "",
    why: str = "",
    own_only: bool = False,
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Put a warning on record, as received or made, with its first grade; those named are told at once.

    `warned` without `at` was received now. `own_only` keeps all of it from the other party. The `key` counts once.
    """
    now = iso(time.time())
    whole = {"at": now, **warned}
    first = {**_grade(actor, reliability, credibility, by, why), "at": whole["at"]}
    payload: dict[str, Any] = {
        "actor": principals.to_wire(actor),
        "parts": {
            "warning": whole,
            "places": dict(places),
            "grade": {"grades": [first]},
            "source": dict(source),
            "named": dict(named),
        },
        "releasable": [] if own_only else None,
        "key": key,
    }
    return _called("warning_give", payload, door)


def acknowledge_warning(
    actor: Subject,
    warning: str,
    text: str = "",
    by: str = "",
    version: int = 0,
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Say by name that one has taken note of a warning, whoever gave it, and what will be done."""
    payload = {
        "actor": principals.to_wire(actor),
        "warning": warning,
        "text": text,
        "by": by or actor.person,
        "version": version,
        "key": key,
    }
    return _called("warning_acknowledge", payload, door)


def end_warning(
    actor: Subject, warning: str, seen: int, text: str, by: str = "", door: Door | None = None
) -> Committed:
    """End an own warning before its time, and say why."""
    parts = {"ending": {"at": iso(time.time()), "by": by or actor.person, "text": text}}
    return commit(actor, Draft(WARNING.name, parts, record=warning, expected=seen, state="ended"), door=door)


def revise_grade(
    actor: Subject,
    warning: str,
    seen: int,
    reliability: str,
    credibility: int,
    why: str,
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Grade an own warning anew while it is in force. The earlier grades stay, and the first counts for the record."""
    found = warning_of(actor, warning, door)
    earlier = (found.parts.get("grade") or {}).get("grades") or []
    parts = {"grade": {"grades": [*earlier, _grade(actor, reliability, credibility, by, why)]}}
    return commit(actor, Draft(WARNING.name, parts, record=warning, expected=seen), door=door)


def record_outcome(
    actor: Subject,
    warning: str,
    result: str,
    acted_on: str = "not_known",
    incident: str = "",
    remark: str = "",
    by: str = "",
    seen: int = 0,
    door: Door | None = None,
) -> Committed:
    """Record what this party found to have come of a warning, its own or the other's; `seen` is the version of the
    finding that is revised. What was found before stays on record."""
    parts = {
        "outcome": {
            "result": result,
            "acted_on": acted_on,
            "at": iso(time.time()),
            "by": by or actor.person,
        },
        "grounds": {"incident": incident, "remark": remark},
    }
    before = own_outcome(actor, warning, door)
    if before is None:
        return commit(actor, Draft(OUTCOME.name, parts, about=warning), door=door)
    return commit(actor, Draft(OUTCOME.name, parts, record=before.id, expected=seen), door=door)


def own_outcome(actor: Subject, warning: str, door: Door | None = None) -> Released | None:
    """What this party has found so far, as far as the actor may see it."""
    query = Query(OUTCOME.name, about=warning, originator=actor.party, withdrawn=False, sort="at", limit=1)
    return next(iter(find(actor, query, door=door).records), None)


def warning_of(reader: Subject, record: str, door: Door | None = None) -> Released:
    """One warning. Raises NotFound."""
    found = release(reader, record, door=door)
    if found.kind != WARNING.name:
        raise NotFound(record)
    return found


def _grade(actor: Subject, reliability: str, credibility: int, by: str, why: str) -> dict[str, Any]:
    return {
        "reliability": reliability,
        "credibility": credibility,
        "at": iso(time.time()),
        "by": by or actor.person,
        "why": why,
    }


def _called(job: str, payload: dict[str, Any], door: Door | None) -> Committed:
    answer = (door or here.door()).call(job, payload)
    return Committed(answer["record"], answer["version"], answer["index"])
