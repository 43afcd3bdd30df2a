"""The work on the registry: entering and correcting, arriving and departing, counting, complaining, answering.

Each function acts in the name of the person who asks, and raises what `records.commit` raises: Refused,
NotFound, Conflict, PartRefused, Malformed or Unavailable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import release
from safeconduct.registry.kinds import APPEAL, GRIEVANCE, PERSON, PRESENCE

Parts = Mapping[str, Mapping[str, Any] | None]
KEPT = ("organisation", "project", "site", "unit", "protection", "person")
"""The kinds that are entered and amended as they are; the others come about by what happens."""
AT_HOME = frozenset({"person", "presence"})
"""Kinds of which nothing is released to a partner: who travels is told by a manifest, one name at a time."""


def parts_open_to(actor: Subject, act: str, kind: str) -> frozenset[str]:
    """The parts of a kind that the clauses in force could open to this person in this act.

    For what a page offers; whether it may be done is decided when it is done.
    """
    entries = here.state().policy.entries(actor, act, kind)
    names = all_kinds()[kind].part_names
    return frozenset(names[entry.bit] for entry in entries)


def enter(
    actor: Subject,
    kind: str,
    parts: Parts,
    about: str = "",
    levels: Mapping[str, int] | None = None,
    door: Door | None = None,
) -> Committed:
    """Enter an organisation, a project, a site, a unit, a site's protection or a Protected Person."""
    if kind not in KEPT:
        raise Malformed(f"{kind} is not entered by hand")
    said = {name: value for name, value in parts.items() if value is not None}
    draft = Draft(
        kind,
        said,
        about=about or None,
        levels=levels,
        releasable=() if kind in AT_HOME else None,
        assigned=account_of(said) if kind == PERSON.name else None,
    )
    return commit(actor, draft, door=door)


def amend(
    actor: Subject,
    kind: str,
    record: str,
    seen: int,
    parts: Parts,
    state: str | None = None,
    levels: Mapping[str, int] | None = None,
    door: Door | None = None,
) -> Committed:
    """The next version of a record, built on version `seen`: parts left out stay, one given as None is emptied."""
    if kind not in KEPT:
        raise Malformed(f"{kind} is not amended by hand")
    assigned = account_of(parts) if kind == PERSON.name and "link" in parts else None
    draft = Draft(kind, parts, record=record, expected=seen, state=state, levels=levels, assigned=assigned)
    return commit(actor, draft, door=door)


def account_of(parts: Parts) -> Sequence[str]:
    """The person who may see what is held: the one who signs in with the account that the record names."""
    account = (parts.get("link") or {}).get("account", "")
    return (account,) if account else ()


# --- who is where ------------------------------------------------------------------------------------------


def arrive(
    actor: Subject, person: str, site: str, since: str, external: str = "", door: Door | None = None
) -> Committed:
    """A person arrives at a site at `since`; a stay elsewhere ends at that moment.

    An arrival where the person is already changes nothing. Raises Malformed when the person would be at two
    places at once, or would arrive tomorrow.
    """
    given = {"person": person, "site": site, "since": since, "external": external}
    return _act("registry_arrive", actor, given, door)


def depart(actor: Subject, person: str, until: str, door: Door | None = None) -> Committed:
    """A person departs from where they are. Raises Malformed for one who is nowhere."""
    return _act("registry_depart", actor, {"person": person, "until": until}, door)


def leave(
    actor: Subject, person: str, until: str, seen: int | None = None, door: Door | None = None
) -> Committed:
    """A person leaves for good: terms of erasure begin to run."""
    return _act("registry_leave", actor, {"person": person, "until": until, "seen": seen}, door)


def enter_stay(
    actor: Subject,
    person: str,
    site: str,
    since: str,
    until: str,
    external: str = "",
    door: Door | None = None,
) -> Committed:
    """A stay that is over already. Raises PartRefused when the person was elsewhere at that time."""
    given = {"person": person, "site": site, "since": since, "until": until, "external": external}
    return _act("registry_stay", actor, given, door)


def correct_stay(
    actor: Subject,
    presence: str,
    seen: int,
    site: str,
    since: str,
    until: str | None,
    external: str = "",
    door: Door | None = None,
) -> Committed:
    """Correct a stay that was entered wrongly. Raises Malformed when it would overlap another of the person."""
    stay = {"site": site, "since": since, "until": until or None, "external": external or None}
    draft = Draft(
        PRESENCE.name,
        {"stay": stay},
        record=presence,
        expected=seen,
        state="departed" if until else "arrived",
    )
    return commit(actor, draft, door=door)


def return_headcount(
    actor: Subject,
    site: str,
    count: int,
    as_of: str,
    remarks: str = "",
    basis: str = "returned",
    door: Door | None = None,
) -> Committed:
    """So many persons were counted at a site, everyone included. A count older than the last is refused.

    With `basis` "named" it is the number of those registered there, for a party that is not told names.
    """
    figure = {"count": count, "as_of": as_of, "basis": basis, "remarks": remarks}
    return _act("registry_headcount", actor, {"site": site, "figure": figure}, door)


# --- who is who --------------------------------------------------------------------------------------------


def same_person(
    actor: Subject,
    keep: str,
    duplicate: str,
    reason: str,
    at: str,
    seen: int | None = None,
    door: Door | None = None,
) -> Committed:
    """Say, with a reason, that `duplicate` is a second record of the person of `keep`: it ends and points there."""
    given = {"keep": keep, "duplicate": duplicate, "reason": reason, "at": at, "seen": seen}
    return _act("registry_same_person", actor, given, door)


def other_person(actor: Subject, one: str, other: str, door: Door | None = None) -> Committed:
    """Say that two like records are two people."""
    return _act("registry_other_person", actor, {"one": one, "other": other}, door)


# --- grievances --------------------------------------------------------------------------------------------


def raise_grievance(
    actor: Subject,
    matter: Mapping[str, Any],
    name: str = "",
    about: str = "",
    door: Door | None = None,
) -> Committed:
    """Somebody says that a measure restricts them without ground, or that what is held on them is wrong.

    Who raised it is kept apart from the matter; the one who raised it may read it and its answers. What is
    held on a person is nobody else's business: such a request stays at home.
    """
    parts = {"matter": matter, "raised_by": {"name": name, "account": actor.person}}
    at_home = matter.get("measure") == "record"
    draft = Draft(
        GRIEVANCE.name,
        parts,
        about=about or matter.get("site") or None,
        assigned=(actor.person,),
        releasable=() if at_home else None,
    )
    return commit(actor, draft, door=door)


def answer_grievance(
    actor: Subject, grievance: str, text: str, outcome: str, by: str = "", door: Door | None = None
) -> Committed:
    """Answer a grievance or an appeal, own or received: with what was decided, and why."""
    reply = {"text": text, "outcome": outcome, "by": by}
    return _act("registry_answer", actor, {"grievance": grievance, "reply": reply}, door)


def appeal_grievance(actor: Subject, grievance: str, ground: str, door: Door | None = None) -> Committed:
    """The answer does not settle it: somebody else is to look at the same grievance."""
    found = release(actor, grievance, door=door)
    if found.kind != GRIEVANCE.name:
        raise NotFound(grievance)
    draft = Draft(APPEAL.name, {"appeal": {"ground": ground}}, about=found.id, assigned=(actor.person,))
    return commit(actor, draft, door=door)


def close_grievance(actor: Subject, grievance: str, seen: int, door: Door | None = None) -> Committed:
    """Nothing more is expected of this grievance."""
    draft = Draft(GRIEVANCE.name, {}, record=grievance, expected=seen, state="closed")
    return commit(actor, draft, door=door)


def _act(job: str, actor: Subject, given: Mapping[str, Any], door: Door | None) -> Committed:
    answer = (door or here.door()).call(job, {"actor": to_wire(actor), **given})
    return Committed(answer["record"], answer["version"], answer["index"])
