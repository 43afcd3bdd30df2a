"""What persons do about telling people: plan and take over shifts, set ladders, say where they are reached.

Each function acts in the name of a person and raises what `records.commit` raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.notify.kinds import CONTACT_POINT, LADDER, ON_CALL
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release

MAX_POINTS = 10
"""Contact points that one person has at most."""
_FOR = ("role", "unit", "site", "district")


def plan_shift(actor: Subject, shift: Mapping[str, Any], door: Door | None = None) -> Committed:
    """Put a person on call for a role or a unit, from when to when."""
    draft = Draft(
        ON_CALL.name, {"shift": dict(shift)}, state="planned", assigned=[shift["person"]], releasable=()
    )
    return commit(actor, draft, door=door)


def take_over(actor: Subject, shift: str, door: Door | None = None) -> Committed:
    """Begin a shift now, and end those it relieves: the same role or unit for the same place.

    The relief is on call before the other is released: were this cut off in between, both would be told.
    """
    found = _own(actor, shift, ON_CALL.name, door)
    if found.state == "handed_over":
        raise Malformed("this shift was handed over")
    begun = _move(actor, found, "on_duty", door)
    now = found.parts["shift"]
    for other in shifts(actor, door):
        same = all(other.parts["shift"].get(name, "") == now.get(name, "") for name in _FOR)
        if other.id != found.id and other.state == "on_duty" and same:
            _move(actor, other, "handed_over", door)
    return begun


def hand_over(actor: Subject, shift: str, door: Door | None = None) -> Committed:
    """End a shift. With nobody else on call, all who hold the role are told."""
    return _move(actor, _own(actor, shift, ON_CALL.name, door), "handed_over", door)


def shifts(reader: Subject, door: Door | None = None) -> list[Released]:
    """The shifts that are on or to come, as far as the reader may see them, the earliest first."""
    found: list[Released] = []
    for state in ("on_duty", "planned"):
        query = Query(
            ON_CALL.name, state=state, originator=reader.party, withdrawn=False, limit=500, descending=False
        )
        found += [each for each in find(reader, query, door=door).records if each.parts.get("shift")]
    return sorted(found, key=lambda each: str(each.parts["shift"]["since"]))


def set_ladder(
    actor: Subject, scope: Mapping[str, str], steps: Sequence[Mapping[str, Any]], door: Door | None = None
) -> Committed:
    """Say who is told when, for a kind of record, a site, a district. A ladder for the same takes its place."""
    given = {name: value for name, value in scope.items() if value}
    parts = {"scope": given, "steps": {"steps": [dict(step) for step in steps]}}
    LADDER.validate(parts)
    for each in ladders(actor, door):
        held = {name: value for name, value in each.parts["scope"].items() if value}
        if held == given:
            draft = Draft(LADDER.name, parts, record=each.id, expected=each.version)
            return commit(actor, draft, door=door)
    return commit(actor, Draft(LADDER.name, parts, releasable=()), door=door)


def end_ladder(actor: Subject, ladder: str, door: Door | None = None) -> Committed:
    """Let the next less specific ladder hold again. What has begun is climbed to its end."""
    return _move(actor, _own(actor, ladder, LADDER.name, door), "ended", door)


def ladders(reader: Subject, door: Door | None = None) -> list[Released]:
    """The ladders in force."""
    query = Query(
        LADDER.name, state="in_force", originator=reader.party, withdrawn=False, sort="at", limit=500
    )
    return [each for each in find(reader, query, door=door).records if "steps" in each.parts]


def add_contact_point(
    actor: Subject, channel: str, address: str, language: str = "en", door: Door | None = None
) -> Committed:
    """Say where one is reached oneself; what is added last is tried last. Raises Malformed for one too many."""
    held = contact_points(actor, door)
    if len(held) >= MAX_POINTS:
        raise Malformed("a person has no more contact points than can be tried in time")
    order = max((each.parts["address"]["order"] for each in held), default=0) + 1
    part = {"channel": channel, "address": address, "order": min(order, 20), "language": language}
    draft = Draft(CONTACT_POINT.name, {"address": part}, assigned=[actor.person], releasable=())
    return commit(actor, draft, door=door)


def prefer_contact_point(actor: Subject, point: str, door: Door | None = None) -> None:
    """Try this one first, and the others in the order they had."""
    held = contact_points(actor, door)
    if point not in {each.id for each in held}:
        raise NotFound(point)
    held.sort(key=lambda each: each.id != point)
    for order, each in enumerate(held, 1):
        address = each.parts["address"]
        if address["order"] != order:
            part = {"address": {**address, "order": order}}
            commit(actor, Draft(CONTACT_POINT.name, part, record=each.id, expected=each.version), door=door)


def remove_contact_point(actor: Subject, point: str, door: Door | None = None) -> Committed:
    """Be reached there no more."""
    return _move(actor, _own(actor, point, CONTACT_POINT.name, door), "removed", door)


def contact_points(actor: Subject, door: Door | None = None) -> list[Released]:
    """One's own contact points, in the order in which they are tried."""
    query = Query(
        CONTACT_POINT.name, state="in_use", originator=actor.party, withdrawn=False, sort="at", limit=100
    )
    found = [each for each in find(actor, query, door=door).records if each.parts.get("address")]
    return sorted(found, key=lambda each: (each.parts["address"].get("order", 1), each.at))


def _own(actor: Subject, record: str, kind: str, door: Door | None) -> Released:
    found = release(actor, record, door=door)
    if found.kind != kind or not found.parts:
        raise NotFound(record)
    return found


def _move(actor: Subject, found: Released, state: str, door: Door | None) -> Committed:
    draft = Draft(found.kind, {}, record=found.id, expected=found.version, state=state)
    return commit(actor, draft, door=door)
