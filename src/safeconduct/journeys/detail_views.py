"""The pages of one movement: as both parties read it, and as the clearing officer decides on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.journeys import review_forms, rules, words
from safeconduct.journeys.board_drawing import collection, drawn
from safeconduct.journeys.board_journeys import Journey
from safeconduct.journeys.context import headcounts, incidents_near
from safeconduct.journeys.detail import Whole, events, history, stretches, whole
from safeconduct.journeys.request_views import may
from safeconduct.journeys.underway_course import instant_of
from safeconduct.positions.reading import may_follow
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds
from safeconduct.shell.answers import answering, reader_of

LIVE = (
    "/live?topics=movement,manifest_entry,acknowledgement,clearance,leg,handover,check_in,comment,escalation"
)


@require_safe
@answering
def detail(request: HttpRequest, movement: str) -> HttpResponse:
    """One movement: what was notified, what was decided, who answers for it, who said what, what changed."""
    reader, now = reader_of(request), time.time()
    found = whole(reader, movement, now)
    context = _context(reader, found, now)
    alone = "HX-Request" in request.headers
    return render(request, f"journeys/{'_movement' if alone else 'detail'}.html", {**context, "alone": alone})


@require_safe
@answering
def review(request: HttpRequest, movement: str) -> HttpResponse:
    """The same with all that is needed to decide: acknowledge, clear and refuse, legs, what is known on the way."""
    reader = reader_of(request)
    return review_page(request, whole(reader, movement, time.time()))


def review_page(request: HttpRequest, found: Whole, status: int = 200, **forms: Any) -> HttpResponse:
    """The review page; `forms` are those that were filled in and did not pass."""
    reader, now = reader_of(request), time.time()
    context = _context(reader, found, now)
    clearance = found.clearance
    seen = {"seen": clearance.version if clearance else 0}
    near, counts = incidents_near(reader, found.movement, now), headcounts(reader, found.movement)
    notice, itinerary = (found.movement.parts.get(name) for name in ("notice", "itinerary"))
    working = not found.ended
    legs = review_forms.initial_legs(context["legs"], notice or {}, itinerary)
    context |= {
        "acknowledge_form": forms.get("acknowledge") or review_forms.AcknowledgeForm(prefix="ack"),
        "clear_form": forms.get("clear") or review_forms.ClearForm(initial=seen, prefix="clear"),
        "refuse_form": forms.get("refuse") or review_forms.RefuseForm(initial=seen, prefix="refuse"),
        "legs_form": forms.get("legs") or review_forms.LegFormSet(initial=legs, prefix="legs"),
        "may_acknowledge": working and may(reader, "acknowledge", "acknowledgement"),
        "may_clear": working and may(reader, "approve", "clearance"),
        "may_assign": working and may(reader, "command", "leg"),
        "cleared": clearance is not None and clearance.state == "cleared" and not clearance.withdrawn,
        "incidents": near,
        "headcounts": counts,
        "units": sorted(unit_names(reader).items()),
        "page_level": max(
            [context["page_level"], *(n.label for n in near), *(c.label for c in counts)], key=LEVELS.index
        ),
    }
    return render(request, "journeys/review.html", context, status=status)


def unit_names(reader: Subject) -> Mapping[str, str]:
    """The units on record by their code, as far as the reader may see them."""
    if "unit" not in all_kinds():
        return {}
    found = find(reader, Query("unit", parts=("identity",), withdrawn=False, sort="at", limit=500)).records
    identities = [each.parts["identity"] for each in found if each.parts.get("identity")]
    return {identity["code"]: identity["name"] for identity in identities if identity.get("code")}


def _context(reader: Subject, found: Whole, now: float) -> dict[str, Any]:
    movement = found.movement
    notice, itinerary = movement.parts.get("notice") or {}, movement.parts.get("itinerary") or {}
    own = movement.originator == reader.party
    versions = history(reader, movement)
    legs = stretches(found, reader)
    # Before it has departed nobody holds it; the page then says who will.
    begun = found.holder is not None and now >= found.holder.since
    working = not found.ended
    journey = Journey(movement, found.stage, legs=found.said["leg"], handovers=found.handovers)
    features = list(drawn([journey], {}, now))
    manifest = [each for each in found.said["manifest_entry"] if each.state == "named"]
    return {
        "whole": found,
        "movement": movement,
        "notice": notice,
        "itinerary": itinerary,
        "plan": movement.parts.get("check_plan") or {},
        "vehicles": (movement.parts.get("vehicles") or {}).get("vehicles", ()),
        "contact": movement.parts.get("contact") or {},
        "withheld": [
            (words.word(words.PARTS, each.part), each.reason, each.would)
            for each in movement.withheld
            if each.reason != "not released" or not found.lock
        ],
        "route": itinerary.get("route"),
        "route_km": round(itinerary["route"]["distance_m"] / 1000) if itinerary.get("route") else None,
        "features": collection(features, now) if features else None,
        "stage": found.stage,
        "stage_word": words.word(words.STAGES, found.stage),
        "category": words.word(words.MOVEMENT_CATEGORIES, notice.get("category", "")),
        "opens_to_other": _opens_to_other(notice, movement.parts) if own else None,
        "opens_here": _opens_here(reader, found, notice),
        "clearance": found.clearance,
        "decision_word": words.word(words.DECISIONS, found.clearance.state) if found.clearance else "",
        "acknowledgements": found.said["acknowledgement"],
        "legs": legs,
        "holder_begun": begun,
        "manifest": manifest,
        "events": events(found, versions),
        "versions": versions,
        "comment_form": review_forms.CommentForm(prefix="comment"),
        "name_form": review_forms.NameForm(prefix="name"),
        "own": own,
        "may_amend": own and working and may(reader, "write", "movement"),
        "may_copy": may(reader, "write", "movement"),
        "may_name": own and working and may(reader, "write", "manifest_entry"),
        "may_withdraw_name": own and may(reader, "withdraw", "manifest_entry"),
        "may_say": working and movement.state != "arrived" and may(reader, "write", "check_in"),
        "spoken": list(words.CHECK_IN_CATEGORIES.items()),
        "word_key": uuid4().hex,
        "may_comment": may(reader, "write", "comment"),
        "may_review": working
        and (
            may(reader, "acknowledge", "acknowledgement")
            or may(reader, "approve", "clearance")
            or may(reader, "command", "leg")
        ),
        "may_ask_who_knew": may(reader, "read", "reading"),
        "may_follow": bool(may_follow(reader, movement.id)),
        "may_see_ratings": may(reader, "read", "assessment"),
        "may_seal": own and working and bool(itinerary) and may(reader, "export", "movement"),
        "live_url": LIVE,
        "page_level": found.level(),
    }


def _opens_to_other(notice: Mapping[str, Any], parts: Mapping[str, Any]) -> float | None:
    """When an own itinerary opens to the other party, in epoch seconds; None in an emergency: at once."""
    if not notice or notice.get("emergency"):
        return None
    return instant_of(rules.terms().opens(parts))


def _opens_here(reader: Subject, found: Whole, notice: Mapping[str, Any]) -> float | None:
    """When the itinerary opens to this reader, as far as that is known: by its lock, or by the clause."""
    if found.opens is not None:
        return found.opens.timestamp()
    if found.lock != "awaited" or not notice:
        return None
    hours = rules.opens_hours_of(found.movement.originator)
    return instant_of(notice["since"]) - hours * 3600.0 if hours is not None else None
