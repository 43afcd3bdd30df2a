"""The work on incidents: reporting in three stages, correcting, and setting claims side by side.

Each function commits one version in the name of the person who acts, and raises what `records.commit` raises:
Refused, NotFound, Conflict, PartRefused, Malformed or Unavailable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.incidents.kinds import CLAIM, INCIDENT, STATES
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.kinds import all_kinds
from safeconduct.records.refusals import Malformed

Parts = Mapping[str, Mapping[str, Any] | None]
LATER_STAGES = STATES[1:]
"""What follows the immediate report: update, post-incident report, closed."""


def parts_open_to(actor: Subject, act: str, kind: str) -> frozenset[str]:
    """The parts of a kind that the clauses in force could open to this person in this act.

    For what a page offers; whether it may be done is decided when it is done.
    """
    entries = here.state().policy.entries(actor, act, kind)
    names = all_kinds()[kind].part_names
    return frozenset(names[entry.bit] for entry in entries)


def report_incident(
    actor: Subject,
    parts: Parts,
    levels: Mapping[str, int] | None = None,
    releasable: Sequence[str] | None = None,
    door: Door | None = None,
) -> Committed:
    """The immediate report: what happened, when and where; everything else may follow.

    `releasable` names the parties it may be released to as far as the agreement allows (None: every partner).
    """
    draft = Draft(INCIDENT.name, parts, state="immediate", levels=levels, releasable=releasable)
    return commit(actor, draft, door=door)


def update_report(
    actor: Subject,
    incident: str,
    seen: int,
    parts: Parts,
    stage: str = "update",
    levels: Mapping[str, int] | None = None,
    releasable: Sequence[str] | None = None,
    door: Door | None = None,
) -> Committed:
    """An update, the post-incident report or the closing one, built on version `seen` of the incident.

    Parts left out stay as they are; a part given as None is emptied.
    """
    if stage not in LATER_STAGES:
        raise Malformed(f"a report is followed by {', '.join(LATER_STAGES)}")
    draft = Draft(
        INCIDENT.name,
        parts,
        record=incident,
        expected=seen,
        state=stage,
        levels=levels,
        releasable=releasable,
    )
    return commit(actor, draft, door=door)


def add_claim(
    actor: Subject,
    incident: str,
    parts: Parts,
    levels: Mapping[str, int] | None = None,
    releasable: Sequence[str] | None = None,
    door: Door | None = None,
) -> Committed:
    """Set one figure or statement beside what others claim of an incident, own or received.

    `releasable` None: it goes as far as the incident itself.
    """
    draft = Draft(CLAIM.name, parts, about=incident, levels=levels, releasable=releasable)
    return commit(actor, draft, door=door)


def retract_claim(actor: Subject, claim: str, seen: int, door: Door | None = None) -> Committed:
    """Say that the claim no longer stands; it stays on record and no longer counts."""
    draft = Draft(CLAIM.name, {}, record=claim, expected=seen, state="retracted")
    return commit(actor, draft, door=door)
