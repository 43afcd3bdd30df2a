"""The work on an SOS: raise, take on, task a unit, stand down. One function for each act.

Each acts in the name of a person and raises what `records.commit` raises: Refused (with the clause that would allow
it), NotFound, Conflict, PartRefused, Malformed or Unavailable. None of them waits for the other party's node.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records import here, principals
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import release
from safeconduct.records.transaction import iso
from safeconduct.watch.sos_kinds import SOS, SOS_ACKNOWLEDGEMENT, TASKING


def raise_sos(
    actor: Subject,
    parts: Mapping[str, Any],
    about: str = "",
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Ask for help, for oneself or on somebody's behalf; durable on return, and the ladder has begun.

    `parts` are the SOS's; its call says when the button was pressed and by what means, the node adds when it heard of
    it. `about` is the movement or site it belongs to, if any. The same `key` of the same actor is one SOS however
    often it is sent.
    """
    payload = {"parts": dict(parts), "about": about, "key": key}
    return _told("watch_sos", actor, payload, door)


def acknowledge_sos(
    actor: Subject, sos: str, remark: str = "", by: str = "", door: Door | None = None
) -> Committed:
    """This party's room has it, by this room's clock; its own ladder climbs no further."""
    receipt = {"at": iso(time.time()), "room": here.home().side, "by": by or actor.person, "remark": remark}
    draft = Draft(SOS_ACKNOWLEDGEMENT.name, {"receipt": receipt}, about=sos)
    return commit(actor, draft, act="acknowledge", door=door)


def task_unit(
    actor: Subject,
    about: str,
    unit: str,
    unit_name: str = "",
    task: str = "",
    whereabouts: Mapping[str, Any] | None = None,
    door: Door | None = None,
) -> Committed:
    """The Host Party sends a unit; from now on it is a duty bearer of the SOS. Nobody else may, whatever his rank."""
    duty = {"unit": unit, "unit_name": unit_name, "at": iso(time.time()), "task": task}
    parts: dict[str, Any] = {"duty": duty}
    if whereabouts:
        parts["whereabouts"] = {"at": iso(time.time()), **whereabouts}
    return commit(actor, Draft(TASKING.name, parts, about=about), act="command", door=door)


def move_tasking(actor: Subject, tasking: str, seen: int, state: str, door: Door | None = None) -> Committed:
    """The unit is under way, on the scene, or released from its task."""
    draft = Draft(TASKING.name, {}, record=tasking, expected=seen, state=state)
    return commit(actor, draft, act="command", door=door)


def stand_down(
    actor: Subject,
    sos: str,
    category: str,
    under_duress: bool = False,
    remark: str = "",
    by: str = "",
    key: str = "",
    door: Door | None = None,
) -> Committed:
    """Help is no longer needed, says the party whose SOS it is; a false alarm is one that is counted as such.

    Under duress the word is taken like any other and the SOS goes on: both rooms are told, the phone is not.
    """
    word = {"at": iso(time.time()), "by": by or actor.person, "category": category, "remark": remark}
    payload = {
        "sos": sos,
        "parts": {"word": word, "genuineness": {"under_duress": under_duress}},
        "key": key,
    }
    return _told("watch_stand_down", actor, payload, door)


def open_sos(actor: Subject, sos: str, door: Door | None = None) -> None:
    """Raises NotFound for an SOS that the actor may not know of, Malformed for one that is over."""
    found = release(actor, sos, door=door)
    if found.kind != SOS.name:
        raise Malformed("only an SOS is answered so")
    if found.state in SOS.final:
        raise Malformed("this SOS is over")


def _told(job: str, actor: Subject, payload: dict[str, Any], door: Door | None) -> Committed:
    answer = (door or here.door()).call(job, {"actor": principals.to_wire(actor), **payload})
    return Committed(answer["record"], answer["version"], answer["index"])
