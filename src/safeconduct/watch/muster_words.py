"""The words of musters as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]
"""Code -> its word, translated when it is shown."""

PARTS: Words = {
    "target": pgettext_lazy("part of a muster", "Whom it means"),
    "roll": pgettext_lazy("part of a muster", "The roll"),
    "reply": pgettext_lazy("part of an entry on a roll", "Last word"),
    "count": pgettext_lazy("part of the figures of a muster", "Figures"),
}

STATES: Words = {
    "unaccounted": pgettext_lazy("state of an entry on a roll", "Unaccounted"),
    "accounted": pgettext_lazy("state of an entry on a roll", "Accounted"),
    "unreachable": pgettext_lazy("state of an entry on a roll", "Unreachable"),
    "needs_help": pgettext_lazy("state of an entry on a roll", "Needs help"),
}

MUSTER_STATES: Words = {
    "open": pgettext_lazy("state of a muster", "open"),
    "closed": pgettext_lazy("state of a muster", "closed"),
}

SCOPES: Words = {
    "site": pgettext_lazy("scope of a muster", "Sites"),
    "area": pgettext_lazy("scope of a muster", "Area"),
    "organisation": pgettext_lazy("scope of a muster", "Organisation"),
    "journeys": pgettext_lazy("scope of a muster", "All open journeys"),
    "country": pgettext_lazy("scope of a muster", "The whole country"),
}

MEANS: Words = {
    "phone": pgettext_lazy("means of a reply", "phone"),
    "sms": pgettext_lazy("means of a reply", "SMS"),
    "warden": pgettext_lazy("means of a reply", "warden"),
    "device": pgettext_lazy("means of a reply", "device"),
    "floor": pgettext_lazy("means of a reply", "watch floor"),
}

FIELDS: Words = {
    "title": _("What it is about"),
    "scope": _("Who is asked after"),
    "minutes": _("Minutes to answer"),
    "district": _("District"),
    "radius_m": _("Radius in metres"),
}


def word(words: Words, name: object) -> str:
    """The name in the reader's language; one that has no word is shown with its underscores opened."""
    found = words.get(str(name))
    return str(found) if found is not None else str(name).replace("_", " ")
