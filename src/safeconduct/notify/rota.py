"""Whom a rung tells: those on call now for its roles and units, else all who hold them, and those it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from safeconduct.notify.kinds import DUTY_BEARER, ON_CALL
from safeconduct.notify.rungs import Rung, Where
from safeconduct.records.own import own_rows
from safeconduct.records.projection import epoch
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx

ROLE = "role_assignment"


class Told(NamedTuple):
    """A person whom a rung tells, as what, and whether this very person was meant (on call, or by name)."""

    person: str
    role: str = ""
    by_name: bool = False


def told_by(tx: Tx, rung: Rung, bearers: frozenset[str], where: Where) -> list[Told]:
    """Everyone whom a rung tells, each once. `bearers` are the units and persons who answer for what is escalated."""
    found: dict[str, Told] = {}

    def add(told: Told) -> None:
        known = found.get(told.person)
        if known is None or (told.by_name and not known.by_name):
            found[told.person] = told

    for person in rung.persons:
        add(Told(person, "", True))
    for role in rung.roles:
        for told in _bearers(tx, bearers, where) if role == DUTY_BEARER else _for_role(tx, role, where):
            add(told)
    for unit in rung.units:
        for told in _for_unit(tx, unit, "", where):
            add(told)
    return list(found.values())


def on_call(tx: Tx, where: Where, role: str = "", unit: str = "") -> list[str]:
    """The persons on call now for a role or a unit. Of shifts for the site, for the district, and for anywhere, the
    narrowest that has somebody counts. One that was taken over begins then, else as planned; it ends as planned, or
    when it was handed over."""
    best: list[str] = []
    weight = -1
    for row in own_rows(tx, ON_CALL.name, states=("planned", "on_duty"), until_after=tx.now):
        shift = row.values().get("shift")
        if not shift or shift.get("role", "") != role or shift.get("unit", "") != unit:
            continue
        since = epoch(shift["since"])
        if row.state != "on_duty" and (since is None or since > tx.now):
            continue
        site, district = shift.get("site", ""), shift.get("district", "")
        if (site and site != where.site) or (district and district != where.district):
            continue
        says = 2 * bool(site) + bool(district)
        if says > weight:
            best, weight = [], says
        if says == weight and shift["person"] not in best:
            best.append(shift["person"])
    return best


def _for_role(tx: Tx, role: str, where: Where) -> Iterator[Told]:
    called = on_call(tx, where, role=role)
    if called:
        yield from (Told(person, role, True) for person in called)
    else:
        yield from (Told(person, role) for person, _ in holders(tx, role))


def _bearers(tx: Tx, bearers: frozenset[str], where: Where) -> Iterator[Told]:
    """A bearer is a unit, or a person's own account."""
    for bearer in sorted(bearers):
        yield from _for_unit(tx, bearer, DUTY_BEARER, where)
        if _holds_anything(tx, bearer):
            yield Told(bearer, DUTY_BEARER, True)


def _for_unit(tx: Tx, unit: str, role: str, where: Where) -> Iterator[Told]:
    called = on_call(tx, where, unit=unit)
    if called:
        yield from (Told(person, role, True) for person in called)
    else:
        yield from (Told(person, role or held) for person, held in _serving(tx, unit))


def holders(tx: Tx, role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Who holds a role now."""
    yield from _now(tx, own_rows(tx, ROLE, states=("open",), category=role))


def _serving(tx: Tx, unit: str) -> Iterator[tuple[str, str]]:
    """Who serves in a unit now, and in which role."""
    for person, assignment in _now(tx, own_rows(tx, ROLE, states=("open",), naming=unit)):
        if unit in assignment.get("units", ()):
            yield person, assignment["role"]


def _holds_anything(tx: Tx, person: str) -> bool:
    return next(_now(tx, own_rows(tx, ROLE, states=("open",), external=person)), None) is not None


def _now(tx: Tx, rows: Iterable[RowView]) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in rows:
        assignment = row.values().get("assignment")
        if assignment is None:
            continue
        since, until = epoch(assignment.get("since")), epoch(assignment.get("until"))
        if (since is None or since <= tx.now) and (until is None or tx.now < until):
            yield assignment["person"], assignment
