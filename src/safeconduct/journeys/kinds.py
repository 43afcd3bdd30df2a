"""What a journey is made of: the notice and all that both parties say about it.

A movement is the Partner Party's notification; each traveller on its manifest is a record, so that one name
can be withdrawn. Acknowledgement ("got it"), clearance (the decision) and legs (who escorts) are the Host
Party's records about it: three things, and none of them the movement's own. A handover says, by the word of
both units, when the responsibility passed from one leg to the next.
"""

from __future__ import annotations

from typing import Any

from safeconduct.journeys.conduct import (
    CHECK_IN_CATEGORIES,
    STANCES,
    CheckIn,
    CheckInPosition,
    Course,
    Decision,
    Duty,
    Escort,
    Point,
    Receipt,
    Remark,
    Word,
)
from safeconduct.journeys.notice import (
    MOVEMENT_CATEGORIES,
    CheckPlan,
    Contact,
    Itinerary,
    Notice,
    Traveller,
    TravellerDocument,
    TravellerLink,
    Vehicles,
)
from safeconduct.journeys.underway_word import check_true_time
from safeconduct.records.checks import about, all_of, requires
from safeconduct.records.kinds import Kind, PartRefused, register
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.records.rows import names_in

__all__ = [
    "ACKNOWLEDGEMENT",
    "CHECK_IN",
    "CHECK_IN_CATEGORIES",
    "CLEARANCE",
    "COMMENT",
    "HANDOVER",
    "LEG",
    "MANIFEST_ENTRY",
    "MOVEMENT",
    "MOVEMENT_CATEGORIES",
    "STANCES",
]


def _check_decision(_tx: Any, given: Any) -> None:
    """A refusal and a revocation say why."""
    decision = given.parts.get("decision")
    if given.header["state"] in ("refused", "revoked") and not (decision and decision.get("reason")):
        raise PartRefused("clearance", [("decision", "reason", "say why")])
    if given.header["state"] == "revoked" and (
        given.previous is None or given.previous.state not in ("cleared", "revoked")
    ):
        raise Malformed("only a clearance that was given is revoked")


def _check_word(tx: Any, given: Any) -> None:
    """A handover is given by the one unit before it is taken by the other, and by another person."""
    word = given.parts.get("word") or (given.previous.values().get("word") if given.previous else None) or {}
    state = given.header["state"]
    if (state in ("given", "taken") and not word.get("given_at")) or (
        state == "taken" and not word.get("taken_at")
    ):
        raise PartRefused("handover", [("word", "", "a handover is given, and then taken")])
    if given.subject.person != SYSTEM:
        _check_hands(tx, given, state)


def _check_hands(tx: Any, given: Any, state: str) -> None:
    """Who says the words of a handover, and in which order."""
    before = given.previous.state if given.previous else ""
    if before == "taken" or (state, before) in (("given", ""), ("taken", ""), ("taken", "due")):
        raise Malformed("a handover is given once, and then taken once")
    if state == before == "due" or not before:
        return
    point = given.previous.values().get("point") or {}
    if "point" in given.parts and given.parts["point"] != point:
        raise Malformed("a handover that was given is taken where it was meant to be")
    unit = point.get("to_unit" if state == "taken" else "from_unit")
    if unit not in given.subject.units:
        raise Refused("a handover is given and taken by the two units it is between", attempt=_attempt(given))
    if state == "taken" and tx.header(given.previous.ledger_index).get("by") == given.subject.person:
        raise Refused("a handover is taken by another person than gave it", attempt=_attempt(given))


def _check_commander(tx: Any, given: Any) -> None:
    """Who answers for a journey is first said by a coordinator, and then also by the commanders who answer for it:
    nobody lets his own unit in, and with it himself into the itinerary, nor puts another unit out."""
    subject = given.subject
    if subject.person == SYSTEM or "coordinator" in subject.roles:
        return
    movement = tx.row(given.header["about"])
    if not subject.units & names_in(movement.bearers):
        reason = (
            "a journey's legs are assigned by a coordinator, or by a commander who answers for it already"
        )
        raise Refused(reason, attempt=_attempt(given))


def _check_handed(tx: Any, given: Any) -> None:
    """A handover is from the unit that has the leg which ends there."""
    point, leg = given.parts.get("point"), tx.row(given.header["about"])
    if point and point["from_unit"] != (leg.values().get("duty") or {}).get("unit"):
        raise Malformed("a handover is from the unit of the leg that ends there")


def _attempt(given: Any) -> dict[str, str]:
    return {"person": given.subject.person, "act": given.act, "record": given.header["record"]}


MOVEMENT = register(
    Kind(
        name="movement",
        addressed=True,
        parts={
            "notice": Notice,
            "itinerary": Itinerary,
            "vehicles": Vehicles,
            "check_plan": CheckPlan,
            "contact": Contact,
        },
        states=("notified", "under_way", "overdue", "arrived", "cancelled"),
        final=("arrived", "cancelled"),
        check=requires("notice", "a movement has its notice"),
        dimensions={
            "time": ("notice", "since"),
            "until": ("notice", "until"),
            "category": ("notice", "category"),
            "place": ("notice", "origin_district"),
            "external": ("notice", "reference"),
            "figure": ("notice", "persons"),
        },
        searched=("notice.reference", "notice.purpose", "notice.organisation"),
    )
)
MANIFEST_ENTRY = register(
    Kind(
        name="manifest_entry",
        parts={"who": Traveller, "document": TravellerDocument, "link": TravellerLink},
        states=("named", "removed"),
        final=("removed",),
        check=all_of(about("movement"), requires("who", "a traveller has a name")),
        inherits_bearers=True,
        searched=("who.name", "who.name_ur", "who.name_zh", "who.name_latin"),
        falls_with=True,
    )
)
ACKNOWLEDGEMENT = register(
    Kind(
        name="acknowledgement",
        parts={"receipt": Receipt},
        check=all_of(about("movement"), requires("receipt", "an acknowledgement says when")),
        dimensions={"time": ("receipt", "at")},
    )
)
CLEARANCE = register(
    Kind(
        name="clearance",
        parts={"decision": Decision},
        states=("cleared", "refused", "revoked"),
        check=all_of(about("movement"), requires("decision", "a decision says when"), _check_decision),
        dimensions={"time": ("decision", "at")},
    )
)
LEG = register(
    Kind(
        name="leg",
        parts={"course": Course, "duty": Duty, "escort": Escort},
        states=("assigned", "active", "completed", "cancelled"),
        final=("completed", "cancelled"),
        check=all_of(
            about("movement"),
            requires("course", "a leg has a course"),
            requires("duty", "a leg has a unit that is answerable"),
            _check_commander,
        ),
        dimensions={
            "time": ("course", "depart"),
            "until": ("course", "arrive"),
            "place": ("course", "district"),
            "figure": ("course", "sequence"),
        },
        assigns=("duty", "unit"),
    )
)
HANDOVER = register(
    Kind(
        name="handover",
        parts={"point": Point, "word": Word},
        states=("due", "given", "taken"),
        final=("taken",),
        check=all_of(about("leg"), requires("point", "a handover has a point"), _check_handed, _check_word),
        dimensions={"time": ("point", "due")},
        falls_with=True,
    )
)
CHECK_IN = register(
    Kind(
        name="check_in",
        parts={"word": CheckIn, "position": CheckInPosition},
        check=all_of(about("movement"), requires("word", "a check-in says when"), check_true_time),
        inherits_bearers=True,
        dimensions={
            "time": ("word", "at"),
            "category": ("word", "category"),
            "latitude": ("position", "latitude"),
            "longitude": ("position", "longitude"),
        },
        falls_with=True,
    )
)
COMMENT = register(
    Kind(
        name="comment",
        parts={"remark": Remark},
        check=all_of(
            about("movement", "clearance", "leg", "comment"), requires("remark", "a comment says something")
        ),
        dimensions={"category": ("remark", "stance")},
        searched=("remark.text",),
        falls_with=True,
    )
)
