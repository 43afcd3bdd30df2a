"""Who someone is to the policy: a person, the roles that records give them now, their units and clearance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from safeconduct.agreement.policy import Subject
from safeconduct.records.authorisations import NOBODY, authorised
from safeconduct.records.emergencies import opened_in_emergency
from safeconduct.records.home import Home
from safeconduct.records.projection import epoch
from safeconduct.records.refusals import Refused
from safeconduct.records.under import party_under

SYSTEM = "system"
"""The node itself (first set-up, import from the command line, drills); never a person at a screen."""
AT_ONCE = 500
"""Persons asked about with one query."""


class Asks(Protocol):
    def all(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]: ...

    def one(self, sql: str, parameters: list[Any]) -> tuple[Any, ...] | None: ...


def system_subject(party: str) -> Subject:
    return Subject(
        party=party,
        roles=frozenset({SYSTEM}),
        clearance=3,
        units=frozenset(),
        authorised=frozenset(),
        person=SYSTEM,
    )


def subject_of(tables: Asks, home: Home, person: str, now: float) -> Subject:
    """The principal that a person is at this moment. Someone with no assignment has no role."""
    return subjects_of(tables, home, [person], now)[person]


def subjects_of(tables: Asks, home: Home, persons: Sequence[str], now: float) -> dict[str, Subject]:
    """The principals that these persons are at this moment, by person."""
    held: dict[str, list[dict[str, Any]]] = {person: [] for person in persons}
    asked, open_to, broken = list(held), dict[str, frozenset[str]](), dict[str, frozenset[str]]()
    for first in range(0, len(asked), AT_ONCE):
        some = asked[first : first + AT_ONCE]
        marks = ", ".join(["%s"] * len(some))
        for person, parts in tables.all(
            f"SELECT external, parts FROM records_row WHERE kind = 'role_assignment' AND external IN ({marks}) "
            "AND state = 'open' AND originator = %s AND withdrawn = %s",
            [*some, home.party, False],
        ):
            assignment = json.loads(parts).get("assignment")
            if assignment is not None:
                held[person].append(assignment)
        open_to |= authorised(tables, some, now)
        broken |= opened_in_emergency(tables, some, home.party, now)
    return {
        person: _subject(home, person, assignments, open_to.get(person, NOBODY), now)._replace(
            emergency=broken.get(person, NOBODY)
        )
        for person, assignments in held.items()
    }


def _subject(
    home: Home, person: str, assignments: Iterable[Mapping[str, Any]], open_to: frozenset[str], now: float
) -> Subject:
    roles: set[str] = set()
    units: set[str] = set()
    clearance = 0
    limits: dict[str, set[str] | None] = {}
    for assignment in assignments:
        since, until = epoch(assignment.get("since")), epoch(assignment.get("until"))
        if (since is not None and now < since) or (until is not None and now >= until):
            continue
        roles.add(assignment["role"])
        _limit(home, limits, assignment)
        units.update(assignment.get("units", ()))
        clearance = max(clearance, assignment.get("clearance", 0))
    return Subject(
        party=home.party,
        roles=frozenset(roles),
        clearance=clearance,
        units=frozenset(units),
        authorised=open_to if roles else NOBODY,
        person=person,
        limited=frozenset((role, party) for role, parties in limits.items() for party in parties or ()),
    )


def _limit(home: Home, limits: dict[str, set[str] | None], assignment: Mapping[str, Any]) -> None:
    """To which parties' agreements a role is limited; None once it is held without a limit as well. An agreement that
    this node has no more stands for nobody."""
    role, agreements = assignment["role"], assignment.get("agreements", ())
    if not agreements:
        limits[role] = None
        return
    parties = {party_under(home, agreement) or "" for agreement in agreements}
    before = limits.get(role, set())
    limits[role] = None if before is None else before | parties


def to_wire(subject: Subject) -> dict[str, Any]:
    return {"person": subject.person, "roles": sorted(subject.roles)}


def confirm(tables: Asks, home: Home, actor: Mapping[str, Any], now: float) -> Subject:
    """The actor a request names, with only those of the roles it claims that records give right now.

    A request may claim fewer roles than the person has (a token's scope). Raises Refused for one left with none.
    """
    person = str(actor["person"])
    if person == SYSTEM:
        return system_subject(home.party)
    subject = subject_of(tables, home, person, now)
    claimed = frozenset(map(str, actor.get("roles", ())))
    roles = subject.roles & claimed
    if not roles:
        raise Refused("no role")
    return Subject(
        party=subject.party,
        roles=roles,
        clearance=subject.clearance,
        units=subject.units,
        authorised=subject.authorised,
        person=person,
        emergency=subject.emergency,
        limited=subject.limited,
    )
