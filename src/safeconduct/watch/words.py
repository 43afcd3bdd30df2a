"""The words of the watch as people read them: parts, fields, states, codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]
"""Code -> its word, translated when it is shown."""

PARTS: Words = {
    "call": pgettext_lazy("part of an SOS", "Call for help"),
    "place": pgettext_lazy("part of an SOS", "Where"),
    "caller": pgettext_lazy("part of an SOS", "Who calls"),
    "words": pgettext_lazy("part of an SOS", "What was said"),
    "rooms": pgettext_lazy("part of an SOS", "Which rooms have it"),
    "whereabouts": pgettext_lazy("part of a tasking", "Where the unit is"),
    "genuineness": pgettext_lazy("part of a stand-down", "Under duress or not"),
}

STATES: Words = {
    "raised": pgettext_lazy("state of an SOS", "open"),
    "stood_down": pgettext_lazy("state of an SOS", "stood down"),
    "false_alarm": pgettext_lazy("state of an SOS", "false alarm"),
}

TASKING_STATES: Words = {
    "tasked": pgettext_lazy("state of a tasking", "tasked"),
    "under_way": pgettext_lazy("state of a tasking", "under way"),
    "on_scene": pgettext_lazy("state of a tasking", "on the scene"),
    "released": pgettext_lazy("state of a tasking", "released"),
}

SOS_CATEGORIES: Words = {
    "person": pgettext_lazy("category of an SOS", "Person"),
    "vehicle": pgettext_lazy("category of an SOS", "Vehicle"),
    "site": pgettext_lazy("category of an SOS", "Site"),
    "journey": pgettext_lazy("category of an SOS", "Journey"),
    "device": pgettext_lazy("category of an SOS", "Device"),
}

STAND_DOWNS: Words = {
    "safe_word": pgettext_lazy("stand-down", "with the safe word"),
    "false_alarm": pgettext_lazy("stand-down", "as a false alarm"),
    "floor": pgettext_lazy("stand-down", "by the watch floor"),
    "device": pgettext_lazy("stand-down", "from the device"),
}

MEANS: Words = {
    "phone": pgettext_lazy("means of an SOS", "phone"),
    "device": pgettext_lazy("means of an SOS", "device"),
    "floor": pgettext_lazy("means of an SOS", "watch floor"),
}

SOURCES: Words = {
    "phone": pgettext_lazy("how a place is known", "the phone's own position"),
    "device": pgettext_lazy("how a place is known", "the device's own position"),
    "stated": pgettext_lazy("how a place is known", "as stated"),
    "site": pgettext_lazy("how a place is known", "the site's place"),
    "journey": pgettext_lazy("how a place is known", "the journey's last position"),
}

FIELDS: Words = {
    "headline": _("In a few words"),
    "stated": _("Stated place"),
    "latitude": _("Latitude"),
    "longitude": _("Longitude"),
    "name": _("Name"),
    "phone": _("Telephone"),
    "text": _("What was said"),
    "category": _("Category"),
    "persons": _("Persons concerned"),
    "about": _("Journey or site"),
    "remark": _("Remark"),
    "unit": _("Unit"),
    "task": _("Task"),
    "minutes_away": _("Minutes away"),
    "exercise": _("Exercise"),
}

CODES: Mapping[str, Words] = {"means": MEANS, "source": SOURCES}


def word(words: Words, name: object) -> str:
    """The name in the reader's language; one that has no word is shown with its underscores opened."""
    found = words.get(str(name))
    return str(found) if found is not None else str(name).replace("_", " ")
