"""The words of the room as people read them: parts, fields, categories, stages, grades, precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from safeconduct.shell.terms import CREDIBILITY_NAMES, RELIABILITY_NAMES

Words = Mapping[str, Any]
"""Code -> its word, translated when it is shown."""

PARTS: Words = {
    "summary": _("What happened"),
    "when": _("When"),
    "where": _("Where"),
    "people": _("People harmed"),
    "method": _("Method"),
    "response": _("Response"),
    "source": _("Source of the report"),
    "figure": _("Figure"),
    "remark": _("Remark"),
    "statement": pgettext_lazy("part of a record", "statement"),
    "reason": _("Reason"),
}

FIELDS: Words = {
    "title": _("Title"),
    "narrative": _("Narrative"),
    "category": _("Category"),
    "target_class": _("Target"),
    "exercise": _("Exercise"),
    "start": _("Start"),
    "end": _("End"),
    "time_precision": _("Precision of the time"),
    "latitude": _("Latitude"),
    "longitude": _("Longitude"),
    "coordinates": _("Coordinates"),
    "geo_precision": _("Precision of the place"),
    "place": _("Place"),
    "district": _("District"),
    "province": _("Province"),
    "country": _("Country"),
    "nationalities": _("Nationalities"),
    "victims": _("About the victims"),
    "type": _("Kind of attack"),
    "detail": _("Detail"),
    "units": _("Units and positions"),
    "measures": _("Measures taken"),
    "text": _("Text"),
    "name": _("Reported by"),
    "url": _("Web address"),
    "grade": _("Grade"),
    "reliability": _("Reliability of the source"),
    "credibility": _("Credibility of the report"),
    "external": _("Identifier in the data set"),
    "remark": _("Remark"),
    "what": _("What is counted"),
    "low": _("Low"),
    "best": _("Best"),
    "high": _("High"),
    "unit": _("Unit"),
    "outlet": _("Who says so"),
    "party": _("Side"),
    "published": _("Published"),
    "pair": pgettext_lazy("of a statement on the same event", "Number of the statement"),
    "at": pgettext_lazy("of a statement on the same event", "Said at"),
}

CATEGORIES: Words = {
    "attack": _("Attack"),
    "kidnapping": _("Kidnapping"),
    "threat": _("Threat"),
    "accident": _("Accident"),
    "unrest": _("Unrest"),
    "crime": _("Crime"),
    "natural": _("Natural hazard"),
    "leak": pgettext_lazy("category of incident", "Leak of information"),
    "other": pgettext_lazy("category of incident", "Other"),
}

TARGETS: Words = {
    "protected_person": _("Protected Person"),
    "project": _("Project"),
    "convoy": _("Convoy or vehicle"),
    "institution": _("Institution"),
    "residence": _("Residence"),
    "infrastructure": _("Infrastructure"),
    "security_force": _("Security force"),
    "civilians": _("Civilians"),
    "other": pgettext_lazy("target of an incident", "Other"),
    "unknown": pgettext_lazy("target of an incident", "Not known"),
}

METHODS: Words = {
    "suicide_bombing": _("Suicide bombing"),
    "vehicle_bomb": _("Vehicle bomb"),
    "explosive_device": _("Explosive device"),
    "shooting": _("Shooting"),
    "ambush": _("Ambush"),
    "indirect_fire": _("Indirect fire"),
    "air_or_drone": _("Aircraft or drone"),
    "assault": _("Assault"),
    "abduction": _("Abduction"),
    "arson": _("Arson or damage"),
    "crowd": _("Crowd or mob"),
    "robbery": _("Robbery"),
    "other": pgettext_lazy("method of an incident", "Other"),
    "unknown": pgettext_lazy("method of an incident", "Not known"),
}

STATES: Words = {
    "immediate": pgettext_lazy("report stage", "Immediate"),
    "update": pgettext_lazy("report stage", "Update"),
    "post_incident": pgettext_lazy("report stage", "Post-incident"),
    "closed": pgettext_lazy("report stage", "Closed"),
}

SAID: Words = {
    "same": pgettext_lazy("said of two records", "The same event"),
    "different": pgettext_lazy("said of two records", "Not the same event"),
    "taken_back": pgettext_lazy("said of two records", "Taken back"),
}
"""What a party says of two incidents."""

MEASURED: Words = {
    "killed": _("Killed"),
    "injured": _("Injured"),
    "missing": _("Missing"),
    "kidnapped": _("Kidnapped"),
    "killed_foreign": _("Partner nationals killed"),
    "injured_foreign": _("Partner nationals injured"),
    "killed_host": _("Host nationals killed"),
    "injured_host": _("Host nationals injured"),
    "attackers": _("Attackers"),
    "vehicles": _("Vehicles"),
    "explosives_kg": _("Explosives (kg)"),
}

CLAIMANTS: Words = {
    "host": _("Host Party"),
    "partner": _("Partner Party"),
    "press": _("Press"),
    "other": pgettext_lazy("side that makes a claim", "Other"),
}

RELIABILITY: Words = RELIABILITY_NAMES
CREDIBILITY: Words = CREDIBILITY_NAMES

TIME_PRECISION: Words = {
    "1": _("the day"),
    "2": _("within two to six days"),
    "3": _("the week"),
    "4": _("the month"),
    "5": _("longer than a month"),
}

GEO_PRECISION: Words = {
    "1": _("exact place"),
    "2": _("within about 25 km"),
    "3": _("district"),
    "4": _("province"),
    "5": _("a line or a vague area"),
    "6": _("country"),
    "7": _("at sea or in the air"),
}

CODES: Mapping[str, Words] = {
    "category": CATEGORIES,
    "target_class": TARGETS,
    "type": METHODS,
    "time_precision": TIME_PRECISION,
    "geo_precision": GEO_PRECISION,
    "party": CLAIMANTS,
}
"""By field, the words for the codes that stand in it."""

SEVERITIES: Words = {
    "negligible": pgettext_lazy("severity", "Negligible"),
    "minor": pgettext_lazy("severity", "Minor"),
    "moderate": pgettext_lazy("severity", "Moderate"),
    "severe": pgettext_lazy("severity", "Severe"),
    "critical": pgettext_lazy("severity", "Critical"),
}


def word(words: Words, name: object) -> str:
    """The name in the reader's language; one that has no word is shown with its underscores opened."""
    found = words.get(str(name))
    return str(found) if found is not None else str(name).replace("_", " ")
