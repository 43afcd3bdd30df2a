"""The work on a journey before it begins: notify, amend, name; acknowledge, clear, refuse; assign; hand over; say.

Each function acts in the name of a person and raises what `records.commit` raises: Refused (with the clause that
would allow it), NotFound, Conflict, PartRefused, Malformed or Unavailable. Acknowledging ("we have it"), clearing
("it may go") and assigning ("this unit answers for it") are three acts of the Host Party, and none implies another.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.journeys.kinds import ACKNOWLEDGEMENT, CLEARANCE, COMMENT, HANDOVER, MOVEMENT
from safeconduct.journeys.lead import Terms, terms_of
from safeconduct.records import here, principals
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.records.under import party_under, under

Parts = Mapping[str, Any]
MAX_SERIES = 60
"""Days of one series of recurring movements."""


def terms() -> Terms:
    """What the clauses in force ask of this party's notices."""
    home = here.home()
    party = party_under(home, under())
    return terms_of(here.state().policy, home.party, home.partners if party is None else [party])


def opens_hours_of(originator: str) -> int | None:
    """How long before departure that party's itineraries open to this one; None where no clause says so."""
    policy = here.state().policy
    return policy.limit("opens_hours", MOVEMENT.name, "itinerary", here.home().party, originator)


# --- the Partner Party's notice ------------------------------------------------------------------------------


def notify_movement(
    actor: Subject,
    parts: Parts,
    names: Sequence[Parts] = (),
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Give notice of a movement, as long ahead as the clause asks; one that cannot wait says it is an emergency.

    `names` are the travellers' parts (`who`, `document`, `link`), each a record of its own; without them the notice
    gives a count. The itinerary opens as long before departure as the clause says, an emergency's at once. The same
    `key` of the same person counts once.
    """
    payload = {"parts": dict(parts), "names": [dict(each) for each in names], "key": key}
    return _committed(actor, "journey_notify", payload, door)


def amend_movement(
    actor: Subject, movement: str, seen: int, parts: Parts, door: Door | None = None
) -> Committed:
    """Change a movement, built on version `seen`; what was brought forward keeps to the lead time again."""
    return _committed(
        actor, "journey_amend", {"movement": movement, "seen": seen, "parts": dict(parts)}, door
    )


def cancel_movement(actor: Subject, movement: str, seen: int, door: Door | None = None) -> Committed:
    """The journey does not take place."""
    found = movement_of(actor, movement, door)
    if found.state in ("arrived", "cancelled"):
        raise Malformed("a movement that has ended is not cancelled")
    draft = Draft(MOVEMENT.name, {}, record=movement, expected=seen, state="cancelled")
    return commit(actor, draft, door=door)


def notify_series(
    actor: Subject,
    parts: Parts,
    days: Sequence[int],
    names: Sequence[Parts] = (),
    key: str = "",
    door: Door | None = None,
) -> list[Committed]:
    """Give notice of the same movement on several days: `days` counts from the day in `parts`, 0 being that day.

    The movements share the reference, each with its day behind it, and are one by one amended, cleared or cancelled.
    """
    wanted = sorted(set(days))
    if not 0 < len(wanted) <= MAX_SERIES or wanted[0] < 0 or wanted[-1] > 366:
        raise Malformed(f"a series has 1 to {MAX_SERIES} days within a year")
    notice = parts["notice"]
    made = []
    for day in wanted:
        moved = shifted(parts, timedelta(days=day))
        date = moved["notice"]["since"][:10]
        moved["notice"] |= {"reference": f"{notice['reference']}/{date}", "category": "recurring"}
        made.append(notify_movement(actor, moved, names, f"{key}/{date}" if key else "", door))
    return made


def shifted(parts: Parts, by: timedelta) -> dict[str, Any]:
    """The parts of a movement with every moment moved, each still in its own zone."""

    def move(value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: move(each, key) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [move(each) for each in value]
        if name in ("since", "until", "depart", "arrive", "due") and isinstance(value, str):
            return (datetime.fromisoformat(value) + by).isoformat()
        return value

    found: dict[str, Any] = move(parts)
    return found


def name_traveller(actor: Subject, movement: str, parts: Parts, door: Door | None = None) -> Committed:
    """Put one more person on the manifest."""
    return _committed(actor, "journey_name", {"movement": movement, "parts": dict(parts)}, door)


def withdraw_name(actor: Subject, entry: str, reason: str, door: Door | None = None) -> list[str]:
    """Take one name back from the manifest, here and with whoever was given it; answers the parties told.

    The traveller sees nothing of the journey any more.
    """
    found = release(actor, entry, door=door)
    if found.kind != "manifest_entry":
        raise NotFound(entry)
    payload = {"actor": principals.to_wire(actor), "record": entry, "parts": [], "reason": reason}
    return list((door or here.door()).call("withdraw", payload)["partners"])


# --- the Host Party's three acts -----------------------------------------------------------------------------


def acknowledge(
    actor: Subject,
    movement: str,
    unit: str = "",
    remark: str = "",
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Say "we have it", for a unit if the actor serves in one. It clears nothing.

    Said again for the same unit about the same version, it is the acknowledgement there is.
    """
    found = movement_of(actor, movement, door)
    if found.withdrawn:
        raise Malformed("a withdrawn movement is not acknowledged")
    unit = unit or (next(iter(actor.units)) if len(actor.units) == 1 else "")
    if unit and actor.units and unit not in actor.units:
        raise Malformed("an acknowledgement is given for one's own unit")
    said = find(
        actor, Query(ACKNOWLEDGEMENT.name, about=movement, withdrawn=False, sort="at", limit=500), door=door
    )
    for each in said.records:
        receipt = each.parts.get("receipt") or {}
        own = each.originator == actor.party and receipt.get("unit", "") == unit
        if own and each.ledger_index > found.ledger_index and receipt.get("by", "") == (by or actor.person):
            return Committed(each.id, each.version, each.ledger_index)
    receipt = {"at": _now(), "unit": unit, "by": by or actor.person, "remark": remark}
    draft = Draft(ACKNOWLEDGEMENT.name, {"receipt": receipt}, about=movement)
    return commit(actor, draft, "acknowledge", door)


def clear(
    actor: Subject,
    movement: str,
    conditions: str = "",
    by: str = "",
    seen: int = 0,
    door: Door | None = None,
) -> Committed:
    """Decide that a movement may go, on conditions if there are any. It is no guarantee."""
    return _decide(actor, movement, "cleared", "", conditions, by, seen, door)


def refuse(
    actor: Subject, movement: str, reason: str, by: str = "", seen: int = 0, door: Door | None = None
) -> Committed:
    """Decide that a movement may not go, and say why."""
    return _decide(actor, movement, "refused", reason, "", by, seen, door)


def revoke(
    actor: Subject, movement: str, reason: str, by: str = "", seen: int = 0, door: Door | None = None
) -> Committed:
    """Take a clearance back, and say why."""
    return _decide(actor, movement, "revoked", reason, "", by, seen, door)


def _decide(
    actor: Subject,
    movement: str,
    state: str,
    reason: str,
    conditions: str,
    by: str,
    seen: int,
    door: Door | None,
) -> Committed:
    """`seen` is the version of the decision that the officer saw (0: none): two officers do not decide at once."""
    found = movement_of(actor, movement, door)
    if found.withdrawn or found.state in MOVEMENT.final:
        raise Malformed("a movement that has ended or was withdrawn is not decided on")
    if state != "cleared" and not reason.strip():
        raise Malformed("a refusal says why")
    decision = {"reason": reason, "conditions": conditions, "by": by or actor.person, "at": _now()}
    present = decision_on(actor, movement, door)
    draft = (
        Draft(CLEARANCE.name, {"decision": decision}, about=movement, state=state)
        if present is None
        else Draft(CLEARANCE.name, {"decision": decision}, record=present.id, expected=seen, state=state)
    )
    return commit(actor, draft, "approve", door)


def decision_on(reader: Subject, movement: str, door: Door | None = None) -> Released | None:
    """The decision on a movement, as far as the reader may see it; None where there is none."""
    query = Query(CLEARANCE.name, about=movement, withdrawn=False, sort="at", limit=1)
    return next(iter(find(reader, query, door=door).records), None)


def assign_legs(actor: Subject, movement: str, legs: Sequence[Parts], door: Door | None = None) -> list[str]:
    """Say which unit answers for which stretch, in order; answers the records of the legs.

    Each leg has `course`, `duty` and perhaps `escort`; it begins where and when the one before it ends, and the
    units hand over there. Said again it replaces the plan: numbers stay, what is as it was is left alone.
    """
    payload = {
        "actor": principals.to_wire(actor),
        "movement": movement,
        "legs": [dict(each) for each in legs],
    }
    return list((door or here.door()).call("journey_legs", payload)["legs"])


# --- handovers -----------------------------------------------------------------------------------------------


def give(actor: Subject, handover: str, by: str = "", door: Door | None = None) -> Committed:
    """The unit that holds the journey says that it hands it over. It holds it until the other has taken it."""
    found = _handover_of(actor, handover, "due", door)
    word = {"given_at": _now(), "given_by": by or actor.person}
    return _say(actor, found, word, "given", door)


def take(actor: Subject, handover: str, by: str = "", door: Door | None = None) -> Committed:
    """The next unit says that it has taken the journey over; from this second it answers for it."""
    found = _handover_of(actor, handover, "given", door)
    word = {**found.parts["word"], "taken_at": _now(), "taken_by": by or actor.person}
    return _say(actor, found, word, "taken", door)


def _handover_of(actor: Subject, handover: str, state: str, door: Door | None) -> Released:
    found = release(actor, handover, door=door)
    if found.kind != HANDOVER.name:
        raise NotFound(handover)
    if found.state != state:
        raise Malformed("a handover is given once, and then taken once")
    return found


def _say(actor: Subject, found: Released, word: Parts, state: str, door: Door | None) -> Committed:
    draft = Draft(HANDOVER.name, {"word": word}, record=found.id, expected=found.version, state=state)
    return commit(actor, draft, door=door)


# --- what is said --------------------------------------------------------------------------------------------


def comment(
    actor: Subject,
    about: str,
    text: str,
    stance: str = "comment",
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Comment on a movement, a decision, a leg or another comment, or object to it. It decides nothing."""
    remark = {"text": text, "stance": stance, "by": by or actor.person}
    return commit(actor, Draft(COMMENT.name, {"remark": remark}, about=about), door=door)


def movement_of(reader: Subject, record: str, door: Door | None = None) -> Released:
    """A movement by its id. Raises NotFound for a record of another kind as for none."""
    found = release(reader, record, door=door)
    if found.kind != MOVEMENT.name:
        raise NotFound(record)
    return found


def _committed(actor: Subject, job: str, payload: dict[str, Any], door: Door | None) -> Committed:
    answer = (door or here.door()).call(job, {"actor": principals.to_wire(actor), **payload})
    return Committed(answer["record"], answer["version"], answer["index"])


def _now() -> str:
    moment = datetime.fromtimestamp(time.time(), UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
