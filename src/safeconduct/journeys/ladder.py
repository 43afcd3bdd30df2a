"""The ladder: who is told that a journey was not heard of, rung by rung, until a person takes it on.

An escalation is one record; each rung is a version of it. The next rung is a durable timer, armed in the same
transaction. The answer of a person stops it, and so does word from the journey. Each party has its own ladder for
its own people, and it does not stand still because the other party's node cannot be reached.

`ladder` in node.toml says otherwise than the default, for example

    ladder = [{ after_minutes = 0, roles = ["security_manager", "duty_bearer"] },
              { after_minutes = 15, roles = ["watch_officer", "coordinator"] }]
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.vocabulary import ROLES
from safeconduct.exchange.courier import link_of
from safeconduct.journeys.kinds import ESCALATION
from safeconduct.journeys.underway_course import instant_of
from safeconduct.records.commit import Draft, store
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx, iso
from safeconduct.timers.due import arm, disarm, timer

log = logging.getLogger(__name__)

DUTY_BEARER = "duty_bearer"
"""Stands among the roles of a rung for the unit that holds the leg."""
SILENCE = ("missed_check_in", "not_departed", "never_departed", "not_arrived", "link_down")
"""Reasons that word from the journey settles."""
LINK_QUIET = 120.0
"""Seconds without contact after which a link counts as down: the courier waits half a minute for news."""
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


def rungs(home: Home) -> Sequence[Rung]:
    """The ladder of a node. A setting that is none is told of in the log, and the default holds."""
    given = home.settings.get("ladder")
    if given is None:
        return DEFAULT
    try:
        return _checked(given)
    except (KeyError, TypeError, ValueError) as fault:
        log.error("ladder in node.toml is none, the default holds: %s", fault)
        return DEFAULT


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


def escalations(tx: Tx, movement: str) -> Iterator[RowView]:
    """What this party has escalated about a movement, oldest first."""
    for row in tx.rows_about(movement, ESCALATION.name):
        if row.originator == tx.home.party:
            yield row


def link_down_since(tx: Tx, movement: RowView) -> float | None:
    """Since when the node that hears from this movement cannot be reached; None while it can, or is this one."""
    if movement.originator == tx.home.party:
        return None
    link = link_of(tx.home, movement.originator)
    if link.failing_since:
        return link.failing_since
    quiet = link.last_contact and tx.now - link.last_contact > LINK_QUIET
    return link.last_contact if quiet else None


def escalate(tx: Tx, movement: RowView, reason: str, due: float, point: str = "", climb: bool = True) -> str:
    """Raise the first rung, and unless told not to `climb`, have the others follow; returns the escalation's id."""
    ladder = rungs(tx.home)
    step = _step(tx, movement, reason, due, point, 1, ladder[0].roles)
    draft = Draft(
        ESCALATION.name,
        {"step": step},
        about=movement.id,
        state="raised",
        assigned=holders(tx, movement.id),
    )
    record, _, _ = store(tx, system_subject(tx.home.party), "write", ESCALATION, draft)
    if climb:
        _arm_next(tx, record, 1, tx.now - ladder[0].after, ladder)
    return record


def _step(
    tx: Tx, movement: RowView, reason: str, due: float, point: str, rung: int, roles: Sequence[str]
) -> dict[str, Any]:
    silent = link_down_since(tx, movement) if reason in SILENCE else None
    if reason == "link_down" and silent is None:
        reason = "missed_check_in"
    step: dict[str, Any] = {
        "reason": "link_down" if silent is not None else reason,
        "rung": rung,
        "roles": list(roles),
        "due": iso(due),
        "raised": iso(tx.now),
        "point": point[:200],
    }
    if silent is not None:
        step["link_down"] = iso(silent)
    return step


def with_standing(tx: Tx, movement: RowView, said: Sequence[RowView]) -> list[RowView]:
    """Of decisions on a movement, or of its legs, those that count: no party decides on its own notice by sending
    what only the receiver of a notice may say."""
    own = tx.home.party
    return [each for each in said if each.originator == own or movement.originator == own]


def legs_of(tx: Tx, movement: RowView) -> list[RowView]:
    """The legs of a movement that count, oldest first."""
    return with_standing(tx, movement, tx.rows_about(movement.id, "leg"))


def holders(tx: Tx, movement: str) -> list[str]:
    """The unit that holds the movement now: of the active leg, else of the first that is not behind it."""
    about = tx.row(movement)
    legs = [] if about is None else [leg for leg in legs_of(tx, about) if leg.state in ("assigned", "active")]
    legs.sort(key=lambda row: (row.state != "active", (row.values().get("course") or {}).get("sequence", 0)))
    unit = (legs[0].values().get("duty") or {}).get("unit") if legs else None
    return [unit] if unit else []


def _arm_next(tx: Tx, escalation: str, reached: int, begun: float, ladder: Sequence[Rung]) -> None:
    if reached < len(ladder):
        payload = {"escalation": escalation, "rung": reached + 1, "begun": begun}
        arm(tx, _key(escalation), begun + ladder[reached].after, "journey_ladder", payload)


def _key(escalation: str) -> str:
    return f"journey_ladder/{escalation}"


@timer("journey_ladder")
def climb(tx: Tx, payload: dict[str, Any], due: float) -> None:
    """The next rung, if nobody has answered. A node that was off climbs one rung at a time, as it catches up."""
    row, ladder = tx.row(payload["escalation"]), rungs(tx.home)
    number: int = payload["rung"]
    movement = tx.row(row.about) if row is not None else None
    if row is None or movement is None or row.state != "raised" or row.withdrawn or number > len(ladder):
        return
    step = row.values()["step"]
    reached = _step(
        tx,
        movement,
        step["reason"],
        instant_of(step["due"]),
        step.get("point", ""),
        number,
        ladder[number - 1].roles,
    )
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
