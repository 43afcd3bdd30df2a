"""The words of the room as people read them: parts, fields, states, codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]
"""Code -> its word, translated when it is shown."""

PARTS: Words = {
    "notice": pgettext_lazy("part of a movement", "Movement Notification"),
    "itinerary": _("Itinerary"),
    "vehicles": _("Vehicles"),
    "check_plan": _("Check-in plan"),
    "contact": _("Contact"),
    "who": pgettext_lazy("part of a manifest entry", "Name"),
    "document": _("Travel document"),
    "link": _("Own record of the person"),
    "receipt": pgettext_lazy("part of an acknowledgement", "Acknowledgement"),
    "decision": pgettext_lazy("part of a clearance", "Decision"),
    "course": pgettext_lazy("part of a leg", "Course"),
    "duty": _("Duty Bearer"),
    "escort": _("Escort"),
    "point": pgettext_lazy("part of a handover", "Handover point"),
    "word": pgettext_lazy("part of a handover", "What was said"),
    "position": _("Position"),
    "step": pgettext_lazy("part of an escalation", "Step of the ladder"),
    "answer": pgettext_lazy("part of an escalation", "Answer"),
}

STATES: Words = {
    "notified": pgettext_lazy("state of a movement", "notified"),
    "under_way": pgettext_lazy("state of a movement", "under way"),
    "overdue": pgettext_lazy("state of a movement", "overdue"),
    "arrived": pgettext_lazy("state of a movement", "arrived"),
    "cancelled": pgettext_lazy("state of a movement", "cancelled"),
    "named": pgettext_lazy("state of a manifest entry", "named"),
    "removed": pgettext_lazy("state of a manifest entry", "removed"),
    "cleared": pgettext_lazy("state of a clearance", "cleared"),
    "refused": pgettext_lazy("state of a clearance", "refused"),
    "revoked": pgettext_lazy("state of a clearance", "revoked"),
    "assigned": pgettext_lazy("state of a leg", "assigned"),
    "active": pgettext_lazy("state of a leg", "active"),
    "completed": pgettext_lazy("state of a leg", "completed"),
    "due": pgettext_lazy("state of a handover", "due"),
    "given": pgettext_lazy("state of a handover", "given"),
    "taken": pgettext_lazy("state of a handover", "taken"),
    "raised": pgettext_lazy("state of an escalation", "raised"),
    "answered": pgettext_lazy("state of an escalation", "answered"),
}

STAGES: Words = {
    "notified": pgettext_lazy("stage of a movement", "Notified"),
    "acknowledged": pgettext_lazy("stage of a movement", "Acknowledged"),
    "cleared": pgettext_lazy("stage of a movement", "Cleared"),
    "refused": pgettext_lazy("stage of a movement", "Refused"),
    "under_way": pgettext_lazy("stage of a movement", "Under way"),
    "overdue": pgettext_lazy("stage of a movement", "Overdue"),
    "arrived": pgettext_lazy("stage of a movement", "Arrived"),
    "cancelled": pgettext_lazy("stage of a movement", "Cancelled"),
}
"""Where a movement stands, from all that both parties said of it (`standing.stage_of`)."""

DECISIONS: Words = {
    "cleared": pgettext_lazy("decision on a movement", "Cleared"),
    "refused": pgettext_lazy("decision on a movement", "Refused"),
    "revoked": pgettext_lazy("decision on a movement", "Clearance revoked"),
}

FIELDS: Words = {
    "reference": _("Reference"),
    "purpose": _("Purpose"),
    "category": _("Category"),
    "since": _("Earliest departure"),
    "until": _("Latest arrival"),
    "origin_district": _("District of origin"),
    "destination_district": _("District of destination"),
    "districts": _("Districts crossed"),
    "persons": _("Persons"),
    "vehicles": _("Vehicles"),
    "emergency": _("Emergency"),
    "organisation": _("Organisation"),
    "exercise": _("Exercise"),
    "origin": _("Origin"),
    "destination": _("Destination"),
    "stops": _("Stops"),
    "stop": pgettext_lazy("on a journey", "Stop"),
    "depart": _("Departure"),
    "arrive": _("Arrival"),
    "minutes": _("Minutes"),
    "route": _("Route"),
    "coordinates": _("Coordinates"),
    "distance_m": _("Distance"),
    "duration_s": _("Duration"),
    "corridor_m": _("Width of the corridor"),
    "plate": _("Number plate"),
    "type": _("Type"),
    "armoured": _("Armoured"),
    "points": _("Check-in points"),
    "window_minutes": _("Window"),
    "allowance_minutes": _("Allowance"),
    "phone": _("Telephone"),
    "nationality": _("Nationality"),
    "employer": _("Employer"),
    "passport": _("Passport"),
    "at": pgettext_lazy("moment", "At"),
    "unit": pgettext_lazy("duty bearer", "Unit"),
    "unit_name": _("Name of the unit"),
    "by": pgettext_lazy("person", "By"),
    "reason": _("Reason"),
    "conditions": _("Conditions"),
    "sequence": _("Leg"),
    "from_place": pgettext_lazy("place", "From"),
    "to_place": pgettext_lazy("place", "To"),
    "handover_place": _("Handover point"),
    "strength": _("Strength"),
    "callsign": _("Callsign"),
    "remarks": _("Remarks"),
    "stance": _("Stance"),
    "rung": _("Step"),
    "entered": _("Entered"),
    "delay_minutes": _("Delay"),
    "given_at": pgettext_lazy("handover", "Given at"),
    "given_by": pgettext_lazy("handover", "Given by"),
    "taken_at": pgettext_lazy("handover", "Taken at"),
    "taken_by": pgettext_lazy("handover", "Taken by"),
}

MOVEMENT_CATEGORIES: Words = {
    "single": pgettext_lazy("category of movement", "Single"),
    "group": pgettext_lazy("category of movement", "Group"),
    "recurring": pgettext_lazy("category of movement", "Recurring"),
}

CHECK_IN_CATEGORIES: Words = {
    "departed": pgettext_lazy("check-in", "Departed"),
    "check_in": pgettext_lazy("check-in", "Check-in"),
    "delayed": pgettext_lazy("check-in", "Delayed"),
    "arrived": pgettext_lazy("check-in", "Arrived"),
}

STANCES: Words = {
    "comment": pgettext_lazy("stance", "Comment"),
    "objection": pgettext_lazy("stance", "Objection"),
}

REASONS: Words = {
    "missed_check_in": pgettext_lazy("reason of an escalation", "Missed check-in"),
    "not_departed": pgettext_lazy("reason of an escalation", "Not departed in time"),
    "never_departed": pgettext_lazy("reason of an escalation", "Never departed"),
    "not_arrived": pgettext_lazy("reason of an escalation", "Not arrived in time"),
    "not_cleared": pgettext_lazy("reason of an escalation", "Not cleared by departure"),
    "link_down": pgettext_lazy("reason of an escalation", "No word: link down"),
    "left_corridor": pgettext_lazy("reason of an escalation", "Left the route corridor"),
    "entered_area": pgettext_lazy("reason of an escalation", "Entered a Designated Area"),
}

OUTCOMES: Words = {
    "taken": pgettext_lazy("outcome of an escalation", "Taken on"),
    "heard": pgettext_lazy("outcome of an escalation", "Heard from"),
    "departed": pgettext_lazy("outcome of an escalation", "Departed"),
    "arrived": pgettext_lazy("outcome of an escalation", "Arrived"),
    "back": pgettext_lazy("outcome of an escalation", "Back within bounds"),
    "amended": pgettext_lazy("outcome of an escalation", "Plan amended"),
    "cancelled": pgettext_lazy("outcome of an escalation", "Movement cancelled"),
    "cleared": pgettext_lazy("outcome of an escalation", "Decided"),
}

DUTY_BEARER = pgettext_lazy("to be told of an escalation", "Duty bearer of the leg")

CODES: Mapping[str, Words] = {
    "reason": REASONS,
    "outcome": OUTCOMES,
    "category": {**MOVEMENT_CATEGORIES, **CHECK_IN_CATEGORIES},
    "stance": STANCES,
}


def word(words: Words, name: object) -> str:
    """The name in the reader's language; one that has no word is shown with its underscores opened."""
    found = words.get(str(name))
    return str(found) if found is not None else str(name).replace("_", " ")
