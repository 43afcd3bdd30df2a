"""The words of the room as people read them: parts, fields, states, codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]
"""Code -> its word, translated when it is shown."""

PARTS: Words = {
    "identity": _("Identity"),
    "contact": _("Contact"),
    "scope": _("Organisations and sites"),
    "place": _("Place"),
    "arrangements": _("Arrangements on site"),
    "bearer": _("Duty Bearer"),
    "guard_force": _("Guard force"),
    "strength": _("Strength"),
    "name": _("Name"),
    "employment": _("Employment"),
    "document": _("Travel document"),
    "link": _("Account and other records"),
    "stay": _("Stay"),
    "figure": _("Figure"),
    "matter": _("What it is about"),
    "raised_by": _("Raised by"),
    "reply": _("Answer"),
    "appeal": _("Appeal"),
}

FIELDS: Words = {
    "name": _("Name"),
    "name_ur": _("Name in Urdu script"),
    "name_zh": _("Name in Chinese script"),
    "name_latin": _("Name in Latin script"),
    "external": _("Identifier in the register it came from"),
    "category": _("Category"),
    "country": _("Country"),
    "person": _("Contact person"),
    "phone": _("Telephone"),
    "email": _("E-mail"),
    "radio": _("Radio"),
    "since": _("Since"),
    "until": _("Until"),
    "organisations": _("Organisations"),
    "sites": _("Sites"),
    "organisation": _("Organisation"),
    "organisation_name": _("Organisation, by name"),
    "projects": _("Projects"),
    "latitude": _("Latitude"),
    "longitude": _("Longitude"),
    "coordinates": _("Coordinates"),
    "radius_m": _("Radius in metres"),
    "boundary": _("Boundary"),
    "place": _("Place"),
    "district": _("District"),
    "province": _("Province"),
    "access": _("Access"),
    "muster_point": _("Muster point"),
    "remarks": _("Remarks"),
    "unit": _("Unit, by its code"),
    "unit_name": _("Unit"),
    "contact": _("How to reach it"),
    "forces": _("Guard force by force"),
    "force": _("Force"),
    "count": _("Persons"),
    "as_of": _("As of"),
    "code": _("Code of the unit"),
    "persons": _("Persons"),
    "vehicles": _("Vehicles"),
    "employer": _("Employer"),
    "employer_name": _("Employer, by name"),
    "project": _("Project"),
    "position": pgettext_lazy("in an organisation", "Position"),
    "site": _("Site"),
    "passport": _("Passport"),
    "permit": _("Permit"),
    "next_of_kin": _("Next of kin"),
    "account": _("Account"),
    "same_as": _("Use this record instead"),
    "other_than": _("Found to be other people"),
    "reason": _("Reason"),
    "basis": _("Basis"),
    "title": _("Title"),
    "measure": _("Measure"),
    "ground": _("Ground"),
    "expires": _("Expires"),
    "text": _("Text"),
    "outcome": _("Outcome"),
    "by": _("By"),
}

STATES: Words = {
    "active": pgettext_lazy("state of a registered record", "active"),
    "ended": pgettext_lazy("state of a registered record", "ended"),
    "departed": pgettext_lazy("state of a person or a stay", "departed"),
    "arrived": pgettext_lazy("state of a stay", "there"),
    "answered": pgettext_lazy("state of a grievance", "answered"),
    "closed": pgettext_lazy("state of a grievance", "closed"),
    "given": pgettext_lazy("state of an answer", "given"),
    "appealed": pgettext_lazy("state of a grievance", "appealed, waits for its second answer"),
    "decided": pgettext_lazy("state of an appeal", "decided"),
    "told": pgettext_lazy("state of a notice", "told"),
}

ORGANISATION_CATEGORIES: Words = {
    "company": pgettext_lazy("category of organisation", "Company"),
    "ministry": pgettext_lazy("category of organisation", "Ministry"),
    "mission": pgettext_lazy("category of organisation", "Diplomatic mission"),
    "institution": pgettext_lazy("category of organisation", "Institution"),
    "agency": pgettext_lazy("category of organisation", "Agency"),
    "other": pgettext_lazy("category", "Other"),
}

SITE_CATEGORIES: Words = {
    "work_site": pgettext_lazy("category of site", "Work site"),
    "institution": pgettext_lazy("category of site", "Institution"),
    "residence": pgettext_lazy("category of site", "Residence"),
}

FORCES: Words = {
    "police": pgettext_lazy("force", "Police"),
    "army": pgettext_lazy("force", "Army"),
    "rangers": pgettext_lazy("force", "Rangers"),
    "frontier_corps": pgettext_lazy("force", "Frontier Corps"),
    "levies": pgettext_lazy("force", "Levies"),
    "private": pgettext_lazy("force", "Private guards"),
    "escort": pgettext_lazy("force", "Escort"),
    "other": pgettext_lazy("category", "Other"),
}

BASES: Words = {
    "named": pgettext_lazy("basis of a headcount", "by name"),
    "returned": pgettext_lazy("basis of a headcount", "as counted on site"),
}

MEASURES: Words = {
    "movement": pgettext_lazy("measure that restricts", "Movement"),
    "escort": pgettext_lazy("measure that restricts", "Escort"),
    "curfew": pgettext_lazy("measure that restricts", "Curfew"),
    "access": pgettext_lazy("measure that restricts", "Access to a place"),
    "relocation": pgettext_lazy("measure that restricts", "Relocation"),
    "record": pgettext_lazy("measure that restricts", "What is held on a person"),
    "other": pgettext_lazy("category", "Other"),
}

OUTCOMES: Words = {
    "upheld": pgettext_lazy("outcome of a grievance", "Upheld: the complaint is right"),
    "changed": pgettext_lazy("outcome of a grievance", "The measure was changed"),
    "lifted": pgettext_lazy("outcome of a grievance", "The measure was lifted"),
    "explained": pgettext_lazy("outcome of a grievance", "The measure stays; this is why"),
    "rejected": pgettext_lazy("outcome of a grievance", "Rejected"),
}

CODES: Words = {
    "category": {**FORCES, **ORGANISATION_CATEGORIES, **SITE_CATEGORIES},
    "force": FORCES,
    "basis": BASES,
    "measure": MEASURES,
    "outcome": OUTCOMES,
}
"""By field, the words for the codes that stand in it."""

REASONS: Words = {
    "a departure is not before the arrival": _("A departure is not before the arrival."),
    "a later count is on record already": _("A later count is on record already."),
    "a person has departed when there is an end": _("A person has departed when there is an end."),
    "it has not come to that yet": _("It has not come to that yet: this lies ahead."),
    "no such site": _("There is no such site."),
    "one of the records is not in use any more": _("One of the records is not in use any more."),
    "the person is registered elsewhere at that time": _("The person is registered elsewhere at that time."),
    "this grievance is closed": _("This grievance is closed."),
    "a grievance is appealed once it was answered": _("A grievance is appealed once it was answered."),
    "an appeal waits for its answer already": _("An appeal waits for its answer already."),
    "a grievance is appealed by the party that raised it": _(
        "A grievance is appealed by the party that raised it."
    ),
    "an appeal is decided by somebody other than who answered first": _(
        "An appeal is decided by somebody other than who answered first."
    ),
    "this person has left; enter them as there again first": _(
        "This person has left. Set them active again before they arrive."
    ),
    "this person is not registered as present anywhere": _(
        "This person is not registered as present anywhere."
    ),
    "two records and a reason are needed": _("Two records and a reason are needed."),
}
"""What the writer refuses in the words it says it in, for people."""

KINDS: Words = {
    "organisation": _("Organisation"),
    "project": _("Project"),
    "site": _("Site"),
    "unit": _("Unit"),
    "person": _("Protected Person"),
    "presence": _("Stay"),
    "headcount": _("Headcount"),
    "protection": _("Protection of a site"),
    "grievance": _("Grievance"),
    "answer": _("Answer"),
    "appeal": _("Appeal"),
    "answer_notice": _("Notice of an answer"),
}


def word(words: Words, code: Any) -> Any:
    """The word for a code; one that has none is shown as it is."""
    return words.get(code, str(code).replace("_", " "))
