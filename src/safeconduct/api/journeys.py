"""Movements and all that both parties say about them: notice, receipt, decision, legs, handovers, check-ins."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from ninja import Query, Router

from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.journey_bodies import (
    CheckInDraft,
    ClearanceDraft,
    CommentDraft,
    EscalationAnswer,
    LegPlan,
    LegsStored,
    Movement,
    MovementDraft,
    MovementFilters,
    MovementPage,
    MovementUpdate,
    NameWithdrawal,
    NameWithdrawn,
    ReceiptDraft,
    TravellerDraft,
)
from safeconduct.api.listing import only, query, reader
from safeconduct.api.problems import bad_request
from safeconduct.api.schemas import Stored, given_parts
from safeconduct.journeys import rules, underway
from safeconduct.journeys.kinds import CLEARANCE, COMMENT, LEG, MANIFEST_ENTRY, MOVEMENT
from safeconduct.notify import answering
from safeconduct.records import find as finding
from safeconduct.records.moments import MomentRefused, instant
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import release

router = Router(tags=["journeys"])
ONCE = ("movements", "/check-ins")
"""Endings of the addresses whose writes the writer itself makes once under their key."""
MAX_DEPTH = 20
"""Comments upon comments that are followed to the movement they belong to."""


@router.get("/movements", response=MovementPage, summary="List movements")
def list_movements(request: Asked, filters: Query[MovementFilters]) -> HttpResponse:
    only(request, MovementFilters)
    asked = query(
        MOVEMENT.name,
        filters,
        external=(filters.reference,) if filters.reference else (),
        ends_after=_seconds(filters.ends_after),
    )
    return wire.answer(wire.page(finding.find(reader(request), asked)))


@router.post("/movements", response={201: Stored}, summary="Give notice of a movement")
def notify_movement(request: Asked, draft: MovementDraft) -> HttpResponse:
    """As long ahead as the clause asks, or marked as an emergency. With its manifest it is stored whole or not at
    all. Under an `Idempotency-Key` it may be sent again for a week, also when the outcome was not known."""
    parts = MOVEMENT.validate(given_parts(draft.parts))
    names = [MANIFEST_ENTRY.validate(given_parts(each)) for each in draft.travellers]
    done = rules.notify_movement(reader(request), parts, names, _key(request))
    return wire.stored(done, 201, f"{request.path}/{done.record}")


@router.get("/movements/{movement}", response=Movement, summary="Read a movement")
def read_movement(request: Asked, movement: str) -> HttpResponse:
    """What is said about it is listed by `/records?kind=leg&about=…`, with `clearance`, `acknowledgement`,
    `manifest_entry`, `check_in`, `escalation` and `comment` likewise, and `handover` about its leg."""
    only(request)
    return wire.tagged(request, rules.movement_of(reader(request), movement))


@router.patch(
    "/movements/{movement}", response=Stored, summary="Amend a movement", openapi_extra=wire.IF_MATCH
)
def amend_movement(request: Asked, movement: str, update: MovementUpdate) -> HttpResponse:
    """What is brought forward keeps to the lead time again."""
    parts = MOVEMENT.validate(given_parts(update.parts))
    return wire.stored(rules.amend_movement(reader(request), movement, wire.seen_version(request), parts))


@router.post(
    "/movements/{movement}/cancellation",
    response=Stored,
    summary="Cancel a movement",
    openapi_extra=wire.IF_MATCH,
)
def cancel_movement(request: Asked, movement: str) -> HttpResponse:
    return wire.stored(rules.cancel_movement(reader(request), movement, wire.seen_version(request)))


@router.post("/movements/{movement}/travellers", response={201: Stored}, summary="Put a name on the manifest")
def name_traveller(request: Asked, movement: str, draft: TravellerDraft) -> HttpResponse:
    parts = MANIFEST_ENTRY.validate(given_parts(draft.parts))
    return _made(rules.name_traveller(reader(request), movement, parts))


@router.post(
    "/travellers/{traveller}/withdrawal", response=NameWithdrawn, summary="Take a name off the manifest"
)
def withdraw_name(request: Asked, traveller: str, withdrawal: NameWithdrawal) -> HttpResponse:
    """Here and with whoever was given it; the others on the manifest stay."""
    told = rules.withdraw_name(reader(request), traveller, withdrawal.reason)
    return wire.answer({"record": traveller, "told": told})


@router.post(
    "/movements/{movement}/acknowledgements", response={201: Stored}, summary="Acknowledge a movement"
)
def acknowledge_movement(request: Asked, movement: str, receipt: ReceiptDraft) -> HttpResponse:
    """Said again for the same unit about the same version, it is the acknowledgement there is."""
    return _made(rules.acknowledge(reader(request), movement, receipt.unit, receipt.remark, _by(request)))


@router.post("/movements/{movement}/clearance", response={201: Stored}, summary="Decide on a movement")
def decide_movement(request: Asked, movement: str, draft: ClearanceDraft) -> HttpResponse:
    """A clearance is neither an acknowledgement nor a guarantee. 412: somebody has decided since `seen`."""
    if draft.conditions and draft.decision != "cleared":
        raise bad_request("Conditions belong to a clearance.")
    if draft.reason and draft.decision == "cleared":
        raise bad_request("A clearance has conditions, not a reason.")
    actor, by = reader(request), _by(request)
    match draft.decision:
        case "cleared":
            done = rules.clear(actor, movement, draft.conditions, by, draft.seen)
        case "refused":
            done = rules.refuse(actor, movement, draft.reason, by, draft.seen)
        case "revoked":
            done = rules.revoke(actor, movement, draft.reason, by, draft.seen)
    return _made(done)


@router.put("/movements/{movement}/legs", response=LegsStored, summary="Assign the legs of a movement")
def assign_legs(request: Asked, movement: str, plan: LegPlan) -> HttpResponse:
    """The whole plan: a leg that is as it was is left alone, one no longer in it is cancelled. Where two units
    meet, a handover is due."""
    legs = [leg.model_dump(mode="json", exclude_none=True) for leg in plan.legs]
    return wire.answer({"legs": rules.assign_legs(reader(request), movement, legs)})


@router.post("/handovers/{handover}/given", response=Stored, summary="Hand a journey over")
def give_handover(request: Asked, handover: str) -> HttpResponse:
    """Said by the unit that holds the journey; it holds it until the other has taken it."""
    return wire.stored(rules.give(reader(request), handover, _by(request)))


@router.post("/handovers/{handover}/taken", response=Stored, summary="Take a journey over")
def take_handover(request: Asked, handover: str) -> HttpResponse:
    """Said by the next unit, which answers for the journey from then on."""
    return wire.stored(rules.take(reader(request), handover, _by(request)))


@router.post("/movements/{movement}/check-ins", response={201: Stored}, summary="Check in")
def check_in(request: Asked, movement: str, word: CheckInDraft) -> HttpResponse:
    """With its true time. Under an `Idempotency-Key` it may be sent again for forty days and counts once."""
    position = word.position
    done = underway.check_in(
        reader(request),
        movement,
        word.category,
        None if word.at is None else instant(word.at),
        word.point,
        word.delay_minutes,
        None if position is None else (position.latitude, position.longitude, position.accuracy_m),
        _by(request),
        _key(request),
    )
    return _made(done)


@router.post("/movements/{movement}/comments", response={201: Stored}, summary="Comment or object")
def add_comment(request: Asked, movement: str, draft: CommentDraft) -> HttpResponse:
    """It decides nothing, and stands in the ledger."""
    rules.movement_of(reader(request), movement)
    about = draft.about or movement
    if about != movement:
        _belongs(request, about, movement)
    return _made(rules.comment(reader(request), about, draft.text, draft.stance, _by(request)))


@router.post("/escalations/{escalation}/answer", response=Stored, summary="Take an escalation on")
def answer_escalation(request: Asked, escalation: str, answer: EscalationAnswer) -> HttpResponse:
    """It climbs no further. 412: somebody has answered already."""
    return wire.stored(answering.answer_escalation(reader(request), escalation, answer.text, _by(request)))


def _belongs(request: Asked, record: str, movement: str) -> None:
    """Raises NotFound for a record that does not speak of this movement."""
    about = record
    for _ in range(MAX_DEPTH):
        found = release(reader(request), about)
        if found.kind not in (CLEARANCE.name, LEG.name, COMMENT.name):
            break
        about = found.about
        if about == movement:
            return
    raise NotFound(record)


def _made(done: Any) -> HttpResponse:
    return wire.stored(done, 201, f"/api/v1/records/{done.record}")


def _by(request: Asked) -> str:
    """The name that the owner of the token goes by, as on the pages."""
    return str(request.bearer.token.account)[:200]


def _key(request: Asked) -> str:
    """What the writer remembers a write by: its key together with what it says, so that a key which is used
    again for something else once the gate has forgotten it never swallows a notice."""
    key = request.headers.get("Idempotency-Key")
    if not key:
        return ""
    pieces: Sequence[bytes] = (request.path.encode(), key.encode(), request.body)
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8) + piece)
    return digest.hexdigest()


def _seconds(moment: str) -> float | None:
    try:
        return instant(moment).timestamp() if moment else None
    except MomentRefused as fault:
        raise bad_request(str(fault)) from None
