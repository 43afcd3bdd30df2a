"""The words of meetings as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]
"""Code -> its word, translated when it is shown."""

PARTS: Words = {
    "venue": pgettext_lazy("part of a meeting", "Venue"),
    "seat": pgettext_lazy("part of an attendance", "Person"),
    "terms": pgettext_lazy("part of an observer's seat", "Terms"),
    "item": pgettext_lazy("part of an item", "Item"),
    "handling": pgettext_lazy("part of an item", "How it is handled"),
    "reader": pgettext_lazy("part of an authorisation", "Reader"),
    "text": pgettext_lazy("part of minutes", "Text"),
    "words": pgettext_lazy("part of a reservation", "Reservation"),
    "lifting": pgettext_lazy("part of a reservation", "How it was lifted"),
}
GROUPS: Words = {
    "committee": pgettext_lazy("who meets", "Joint Security Committee"),
    "district": pgettext_lazy("who meets", "District group"),
    "site": pgettext_lazy("who meets", "Site group"),
    "working_group": pgettext_lazy("who meets", "Working group"),
}
HELD: Words = {
    "in_person": pgettext_lazy("how a meeting is held", "in one room"),
    "video": pgettext_lazy("how a meeting is held", "by video"),
    "telephone": pgettext_lazy("how a meeting is held", "by telephone"),
}
CAPACITIES: Words = {
    "chair": pgettext_lazy("capacity at a meeting", "chair"),
    "member": pgettext_lazy("capacity at a meeting", "member"),
    "secretary": pgettext_lazy("capacity at a meeting", "secretary"),
    "adviser": pgettext_lazy("capacity at a meeting", "adviser"),
    "observer": pgettext_lazy("capacity at a meeting", "observer"),
}
CATEGORIES: Words = {
    "incidents": pgettext_lazy("category of an item", "Incidents"),
    "journeys": pgettext_lazy("category of an item", "Journeys"),
    "sites": pgettext_lazy("category of an item", "Sites"),
    "strategy": pgettext_lazy("category of an item", "Strategy"),
    "assistance": pgettext_lazy("category of an item", "Assistance"),
    "agreement": pgettext_lazy("category of an item", "Agreement"),
    "response": pgettext_lazy("category of an item", "Response"),
    "grievances": pgettext_lazy("category of an item", "Grievances"),
    "other": pgettext_lazy("category of an item", "Other"),
}
METHODS: Words = {
    "oral": pgettext_lazy("how an observer is told", "in the room only"),
    "visual": pgettext_lazy("how an observer is told", "shown, not to keep"),
    "document": pgettext_lazy("how an observer is told", "given as a document"),
}
STATES: Words = {
    "called": pgettext_lazy("state of a meeting", "called"),
    "held": pgettext_lazy("state of a meeting", "held"),
    "closed": pgettext_lazy("state of a meeting", "closed"),
    "cancelled": pgettext_lazy("state of a meeting", "cancelled"),
    "planned": pgettext_lazy("state of an item", "planned"),
    "discussed": pgettext_lazy("state of an item", "discussed"),
    "deferred": pgettext_lazy("state of an item", "deferred"),
    "dropped": pgettext_lazy("state of an item", "dropped"),
    "invited": pgettext_lazy("state of an attendance", "invited"),
    "accepted": pgettext_lazy("state of an attendance", "accepted"),
    "declined": pgettext_lazy("state of an attendance", "declined"),
    "present": pgettext_lazy("state of an attendance", "present"),
    "absent": pgettext_lazy("state of an attendance", "absent"),
    "granted": pgettext_lazy("state of a seat", "granted"),
    "ended": pgettext_lazy("state of a seat", "ended"),
    "draft": pgettext_lazy("state of minutes", "draft"),
    "proposed": pgettext_lazy("state of minutes", "put before the other party"),
    "agreed": pgettext_lazy("state of minutes", "agreed by both"),
    "taken": pgettext_lazy("state of a decision", "taken"),
    "carried_out": pgettext_lazy("state of a decision", "carried out"),
    "superseded": pgettext_lazy("state of a decision", "superseded"),
    "open": pgettext_lazy("state of an action", "open"),
    "lifted": pgettext_lazy("state of a reservation", "lifted"),
    "done": pgettext_lazy("state of an action", "done"),
}
STANCES: Words = {
    "agreed": pgettext_lazy("word on minutes", "agrees"),
    "objection": pgettext_lazy("word on minutes", "objects"),
}
ANSWERABLE: Words = {
    "host": _("Host Party"),
    "partner": _("Partner Party"),
    "both": pgettext_lazy("who is answerable", "both parties"),
}
FIELDS: Words = {
    "title": pgettext_lazy("field of a meeting", "Title"),
    "title_ur": pgettext_lazy("field of a meeting", "Title in Urdu"),
    "title_zh": pgettext_lazy("field of a meeting", "Title in Chinese"),
    "group": pgettext_lazy("field of a meeting", "Who meets"),
    "starts": pgettext_lazy("field of a meeting", "Begins"),
    "ends": pgettext_lazy("field of a meeting", "Ends"),
    "chair": pgettext_lazy("field of a meeting", "Chair"),
    "held": pgettext_lazy("field of a meeting", "How it is held"),
    "access": pgettext_lazy("field of a meeting", "How to get in"),
    "capacity": pgettext_lazy("field of a meeting", "As"),
    "post": pgettext_lazy("field of a meeting", "Post"),
    "ceiling": pgettext_lazy("field of a meeting", "Up to the label"),
    "categories": pgettext_lazy("field of a meeting", "Categories"),
    "methods": pgettext_lazy("field of a meeting", "How he is told"),
    "reference": pgettext_lazy("field of a meeting", "Reference"),
    "number": pgettext_lazy("field of a meeting", "Number"),
    "presenter": pgettext_lazy("field of a meeting", "Presented by"),
    "answerable": pgettext_lazy("field of a meeting", "Answerable"),
    "owner": pgettext_lazy("field of a meeting", "Owner"),
    "withheld": pgettext_lazy("field of a meeting", "Withheld from observers"),
    "ground": pgettext_lazy("field of a meeting", "On what ground"),
    "rank": pgettext_lazy("field of a meeting", "Place on the agenda"),
    "taken_by": pgettext_lazy("field of a meeting", "Minutes taken by"),
    "stance": pgettext_lazy("field of a meeting", "Word"),
    "position": pgettext_lazy("field of a meeting", "Number on his agenda"),
}
CODES: Mapping[str, Words] = {
    "group": GROUPS,
    "held": HELD,
    "capacity": CAPACITIES,
    "stance": STANCES,
    "answerable": ANSWERABLE,
}
