"""The ladder: who is told that somebody must act, rung by rung, until a person takes it on.

An escalation is one record; each rung is a version of it. The next rung is a durable timer, armed in the same
transaction. The answer of a person stops it, and so does what settles it by itself. Each party has its own ladders for
its own people, and they do not stand still because the other party's node cannot be reached.

A ladder is for a kind of record. `ladder` in node.toml says otherwise than the default for journeys, `ladder_sos` for
an SOS, for example

    ladder = [{ after_minutes = 0, roles = ["security_manager", "duty_bearer"] },
              { after_minutes = 15, roles = ["watch_officer", "coordinator"] }]
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.vocabulary import ROLES
from safeconduct.notify.kinds import ESCALATION
from safeconduct.records.commit import Draft, store
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import arm, disarm, timer

log = logging.getLogger(__name__)

DUTY_BEARER = "duty_bearer"
"""Stands among the roles of a rung for the unit that answers for what is escalated."""
MAX_RUNGS = 20


@dataclass(frozen=True)
class Rung:
    """Who is told, so many seconds after the ladder began."""

    after: float
    roles: tuple[str, ...]


DEFAULT = (
    Rung(0, ("security_manager", DUTY_BEARER)),
    Rung(600, ("watch_officer",)),
    Rung(1200, ("coordinator", "commander")),
    Rung(1800, ("signatory",)),
)
SOS_DEFAULT = (
    Rung(0, ("watch_officer", "security_manager", DUTY_BEARER)),
    Rung(60, ("coordinator", "security_officer")),
    Rung(180, ("commander", "liaison")),
    Rung(600, ("signatory",)),
)
LADDERS = {"movement": ("ladder", DEFAULT), "sos": ("ladder_sos", SOS_DEFAULT)}
"""By kind, the setting in node.toml and what holds without it."""

Restep = Callable[[Tx, RowView, dict[str, Any]], dict[str, Any]]
_resteps: dict[str, Restep] = {}


def on_rung(kind: str) -> Callable[[Restep], Restep]:
    """Register what a room makes of a step about its kind when a rung is reached: a fact may have changed since the
    rung below. Called as `function(tx, row, step)`; it answers the step as it is now."""

    def register(function: Restep) -> Restep:
        _resteps[kind] = function
        return function

    return register


def rungs(home: Home, kind: str = "movement") -> Sequence[Rung]:
    """The ladder of a node for a kind. A setting that is none is told of in the log, and the default holds."""
    setting, default = LADDERS[kind]
    given = home.settings.get(setting)
    if given is None:
        return default
    try:
        return _checked(given)
    except (KeyError, TypeError, ValueError) as fault:
        log.error("%s in node.toml is none, the default holds: %s", setting, fault)
        return default


def _checked(given: Any) -> Sequence[Rung]:
    found = [Rung(60.0 * float(each["after_minutes"]), tuple(each["roles"])) for each in given]
    if not 0 < len(found) <= MAX_RUNGS:
        raise ValueError(f"a ladder has 1 to {MAX_RUNGS} rungs")
    for rung in found:
        unknown = set(rung.roles) - {*ROLES, DUTY_BEARER}
        if unknown or not rung.roles:
            raise ValueError(f"no such roles: {', '.join(sorted(unknown)) or 'none at all'}")
    pauses = [rung.after for rung in found]
    if pauses != sorted(set(pauses)) or not 0 <= pauses[0] <= pauses[-1] <= 7 * 86_400:
        raise ValueError("each rung is later than the one before, none later than a week")
    return tuple(found)


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
) -> str:
    """Raise the first rung about a record, and unless told not to `climb`, have the others follow.

    `due` is when the fact was due or seen, seconds since 1970; `assigned` are the units and persons who answer for the
    record now. Returns the escalation's id.
    """
    ladder = rungs(tx.home, row.kind)
    step = _step(tx, row, {"reason": reason, "due": iso(due), "point": point[:200]}, 1, ladder[0].roles)
    draft = Draft(ESCALATION.name, {"step": step}, about=row.id, state="raised", assigned=list(assigned))
    record, _, _ = store(tx, system_subject(tx.home.party), "write", ESCALATION, draft)
    if climb:
        _arm_next(tx, record, 1, tx.now - ladder[0].after, ladder)
    return record


def _step(tx: Tx, row: RowView, fact: dict[str, Any], rung: int, roles: Sequence[str]) -> dict[str, Any]:
    step = {**fact, "rung": rung, "roles": list(roles), "raised": iso(tx.now)}
    restep = _resteps.get(row.kind)
    return restep(tx, row, step) if restep else step


def _arm_next(tx: Tx, escalation: str, reached: int, begun: float, ladder: Sequence[Rung]) -> None:
    if reached < len(ladder):
        payload = {"escalation": escalation, "rung": reached + 1, "begun": begun}
        arm(tx, _key(escalation), begun + ladder[reached].after, "ladder", payload)


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
    ladder = rungs(tx.home, about.kind)
    if number > len(ladder):
        return
    before = row.values()["step"]
    fact = {name: before[name] for name in ("reason", "due", "point") if name in before}
    reached = _step(tx, about, fact, number, ladder[number - 1].roles)
    draft = Draft(ESCALATION.name, {"step": reached}, record=row.id, expected=row.version)
    store(tx, system_subject(tx.home.party), "write", ESCALATION, draft)
    _arm_next(tx, row.id, number, payload["begun"], ladder)


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
    disarm(tx, _key(escalation))
