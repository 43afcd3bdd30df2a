"""The ladder: who is told that somebody must act, rung by rung, until a person takes it on.

An escalation is one record; each rung is a version of it. The next rung is a durable timer, armed in the same
transaction, and so are the messages to those whom the rung names. The answer of a person stops it, however late it
comes, and so does what settles it by itself. Each party has its own ladders for its own people, and they do not stand
still because the other party's node cannot be reached. Which ladder holds: `rungs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from safeconduct.notify.kinds import DUTY_BEARER, ESCALATION
from safeconduct.notify.queue import not_needed
from safeconduct.notify.rota import Told, told_by
from safeconduct.notify.rungs import (
    DEFAULT,
    SOS_DEFAULT,
    Ladder,
    Rung,
    Where,
    is_exercise,
    ladder_again,
    ladder_for,
    rungs,
    where_of,
)
from safeconduct.notify.telling import tell
from safeconduct.records.commit import Draft, store
from safeconduct.records.hooks import on_version
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import arm, disarm, timer

__all__ = [
    "DEFAULT",
    "DUTY_BEARER",
    "SOS_DEFAULT",
    "Rung",
    "escalate",
    "escalations",
    "on_rung",
    "rungs",
    "settle",
    "stop",
]

Restep = Callable[[Tx, RowView, dict[str, Any]], dict[str, Any]]
_resteps: dict[str, Restep] = {}


def on_rung(kind: str) -> Callable[[Restep], Restep]:
    """Register what a room makes of a step about its kind when a rung is reached: a fact may have changed since the
    rung below. Called as `function(tx, row, step)`; it answers the step as it is now."""

    def register(function: Restep) -> Restep:
        _resteps[kind] = function
        return function

    return register


def escalations(tx: Tx, record: str) -> Iterator[RowView]:
    """What this party has escalated about a record, oldest first."""
    for row in tx.rows_about(record, ESCALATION.name):
        if row.originator == tx.home.party:
            yield row


def escalate(
    tx: Tx,
    row: RowView,
    reason: str,
    due: float,
    point: str = "",
    climb: bool = True,
    assigned: Sequence[str] = (),
    *,
    kind_of: str = "",
    site: str = "",
    district: str = "",
    exercise: bool | None = None,
    untold: Sequence[str] = (),
) -> str:
    """Raise the first rung about a record, and unless told not to `climb`, have the others follow.

    `due` is when the fact was due or seen, seconds since 1970; `assigned` are the units and persons who answer for the
    record now. `kind_of`, `site` and `district` choose the ladder; left out, the record says them. What is about an
    exercise is one, whatever `exercise` says. Persons who are `untold` get no message on any rung. Returns the
    escalation's id.
    """
    there = where_of(row)
    where = Where(site or there.site, district or there.district)
    ladder = ladder_for(tx, kind_of or row.kind, where)
    practised = bool(exercise) or is_exercise(row)
    fact = {"reason": reason, "due": iso(due), "point": point[:200], "exercise": practised}
    first = ladder.rungs[0]
    draft = Draft(
        ESCALATION.name,
        {"step": _step(tx, row, fact, 1, first)},
        about=row.id,
        state="raised",
        assigned=list(assigned),
    )
    record, _, _ = store(tx, system_subject(tx.home.party), "write", ESCALATION, draft)
    _tell(tx, record, row, 1, first, where, untold)
    if climb:
        begun = tx.now - first.after
        _arm_next(tx, record, 1, begun, ladder, kind_of or row.kind, where, untold)
    return record


def _step(tx: Tx, row: RowView, fact: dict[str, Any], number: int, rung: Rung) -> dict[str, Any]:
    step = {**fact, "rung": number, "roles": list(rung.roles), "raised": iso(tx.now)}
    step |= {"units": list(rung.units), "persons": list(rung.persons)}
    restep = _resteps.get(row.kind)
    return restep(tx, row, step) if restep else step


def _tell(
    tx: Tx, escalation: str, about: RowView, number: int, rung: Rung, where: Where, untold: Sequence[str]
) -> None:
    """Queue a message to each whom the rung names."""
    raised = tx.row(escalation)
    if raised is None:
        return
    bearers = names_in(raised.assigned + raised.bearers)
    persons: Sequence[Told] = [t for t in told_by(tx, rung, bearers, where) if t.person not in untold]
    step = raised.values()["step"]
    tell(
        tx,
        about,
        persons,
        occasion=escalation,
        rung=number,
        channels=rung.channels,
        exercise=bool(step.get("exercise")),
        escalation=raised,
    )


def _arm_next(
    tx: Tx,
    escalation: str,
    reached: int,
    begun: float,
    ladder: Ladder,
    kind: str,
    where: Where,
    untold: Sequence[str],
) -> None:
    if reached < len(ladder.rungs):
        payload = {"escalation": escalation, "rung": reached + 1, "begun": begun, "ladder": ladder.record}
        payload |= {"kind": kind, "site": where.site, "district": where.district, "untold": list(untold)}
        arm(tx, _key(escalation), begun + ladder.rungs[reached].after, "ladder", payload)


def _key(escalation: str) -> str:
    return f"ladder/{escalation}"


@timer("journey_ladder")
@timer("ladder")
def climb(tx: Tx, payload: dict[str, Any], due: float) -> None:
    """The next rung, if nobody has answered. A node that was off climbs one rung at a time, as it catches up."""
    row = tx.row(payload["escalation"])
    about = tx.row(row.about) if row is not None else None
    number: int = payload["rung"]
    if row is None or about is None or row.state != "raised" or row.withdrawn:
        return
    kind = payload.get("kind") or about.kind
    where = Where(payload.get("site", ""), payload.get("district", ""))
    ladder = ladder_again(tx, kind, payload.get("ladder", ""))
    if number > len(ladder.rungs):
        return
    before = row.values()["step"]
    fact = {name: before[name] for name in ("reason", "due", "point", "exercise") if name in before}
    rung = ladder.rungs[number - 1]
    reached = _step(tx, about, fact, number, rung)
    draft = Draft(ESCALATION.name, {"step": reached}, record=row.id, expected=row.version)
    store(tx, system_subject(tx.home.party), "write", ESCALATION, draft)
    untold: Sequence[str] = payload.get("untold", ())
    _tell(tx, row.id, about, number, rung, where, untold)
    _arm_next(tx, row.id, number, payload["begun"], ladder, kind, where, untold)


def settle(tx: Tx, escalation: RowView, outcome: str) -> None:
    """Nothing more needs an answer: say what settled it, and stop the ladder."""
    answer = {"at": iso(tx.now), "outcome": outcome}
    draft = Draft(
        ESCALATION.name,
        {"answer": answer},
        record=escalation.id,
        expected=escalation.version,
        state="answered",
    )
    store(tx, system_subject(tx.home.party), "write", ESCALATION, draft)
    stop(tx, escalation.id)


def stop(tx: Tx, escalation: str) -> None:
    """Climb no further, and send nothing that still waits."""
    disarm(tx, _key(escalation))
    not_needed(tx, escalation)


@on_version
def after_answer(tx: Tx, row: RowView, index: int) -> None:
    """Whoever answers an escalation stops its ladder, whatever it is about."""
    if row.kind == ESCALATION.name and row.state == "answered":
        stop(tx, row.id)
