"""The words of alerts as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]
"""Code -> its word, translated when it is shown."""

PARTS: Words = {
    "message": pgettext_lazy("part of an alert", "Message"),
    "area": pgettext_lazy("part of an alert", "Whom it is for"),
    "source": pgettext_lazy("part of an alert", "Source"),
    "audience": pgettext_lazy("part of an alert", "Whom it reached for"),
    "who": pgettext_lazy("part of an answer to an alert", "Who answered"),
}

STATES: Words = {
    "issued": pgettext_lazy("state of an alert", "in force"),
    "cancelled": pgettext_lazy("state of an alert", "cancelled"),
    "expired": pgettext_lazy("state of an alert", "expired"),
    "superseded": pgettext_lazy("state of an answer", "answered anew"),
}

CATEGORIES: Words = {
    "Geo": pgettext_lazy("category of an alert", "Geophysical"),
    "Met": pgettext_lazy("category of an alert", "Weather"),
    "Safety": pgettext_lazy("category of an alert", "Public safety"),
    "Security": pgettext_lazy("category of an alert", "Security"),
    "Rescue": pgettext_lazy("category of an alert", "Rescue"),
    "Fire": pgettext_lazy("category of an alert", "Fire"),
    "Health": pgettext_lazy("category of an alert", "Health"),
    "Env": pgettext_lazy("category of an alert", "Environment"),
    "Transport": pgettext_lazy("category of an alert", "Transport"),
    "Infra": pgettext_lazy("category of an alert", "Infrastructure"),
    "CBRNE": pgettext_lazy("category of an alert", "Chemical, biological, radiological, nuclear, explosive"),
    "Other": pgettext_lazy("category of an alert", "Other"),
}

URGENCIES: Words = {
    "Immediate": pgettext_lazy("urgency of an alert", "Act at once"),
    "Expected": pgettext_lazy("urgency of an alert", "Act within the hour"),
    "Future": pgettext_lazy("urgency of an alert", "Act in time"),
    "Past": pgettext_lazy("urgency of an alert", "No longer to be acted on"),
    "Unknown": pgettext_lazy("urgency of an alert", "Not known"),
}

SEVERITIES: Words = {
    "Extreme": pgettext_lazy("severity of an alert", "Extreme"),
    "Severe": pgettext_lazy("severity of an alert", "Severe"),
    "Moderate": pgettext_lazy("severity of an alert", "Moderate"),
    "Minor": pgettext_lazy("severity of an alert", "Minor"),
    "Unknown": pgettext_lazy("severity of an alert", "Not known"),
}

CERTAINTIES: Words = {
    "Observed": pgettext_lazy("certainty of an alert", "Observed"),
    "Likely": pgettext_lazy("certainty of an alert", "Likely"),
    "Possible": pgettext_lazy("certainty of an alert", "Possible"),
    "Unlikely": pgettext_lazy("certainty of an alert", "Unlikely"),
    "Unknown": pgettext_lazy("certainty of an alert", "Not known"),
}

STATUSES: Words = {
    "actual": pgettext_lazy("status of an alert", "Actual"),
    "exercise": pgettext_lazy("status of an alert", "EXERCISE"),
    "test": pgettext_lazy("status of an alert", "TEST"),
}

ANSWERS: Words = {
    "received": pgettext_lazy("answer to an alert", "Received"),
    "safe": pgettext_lazy("answer to an alert", "I am safe"),
    "needs_help": pgettext_lazy("answer to an alert", "I need help"),
}

COUNTED: Words = {
    "received": pgettext_lazy("answers to an alert, counted", "Received"),
    "safe": pgettext_lazy("answers to an alert, counted", "Safe"),
    "needs_help": pgettext_lazy("answers to an alert, counted", "Need help"),
}

LANGUAGES: Words = {"en": _("English"), "ur": _("Urdu"), "zh": _("Chinese")}

FIELDS: Words = {
    "event": pgettext_lazy("field of an alert", "Event"),
    "urgency": pgettext_lazy("field of an alert", "Urgency"),
    "severity": pgettext_lazy("field of an alert", "Severity"),
    "certainty": pgettext_lazy("field of an alert", "Certainty"),
    "sent": pgettext_lazy("field of an alert", "Sent"),
    "onset": pgettext_lazy("field of an alert", "Begins"),
    "expires": pgettext_lazy("field of an alert", "Expires"),
    "sender": pgettext_lazy("field of an alert", "Sender"),
    "agency": pgettext_lazy("field of an alert", "Agency"),
    "headline": pgettext_lazy("field of an alert", "Headline"),
    "instruction": pgettext_lazy("field of an alert", "What to do"),
    "districts": pgettext_lazy("field of an alert", "Districts"),
    "organisations": pgettext_lazy("field of an alert", "Organisations"),
    "movements": pgettext_lazy("field of an alert", "Everybody on an open journey"),
    "polygon": pgettext_lazy("field of an alert", "Boundary"),
    "answer": pgettext_lazy("field of an answer to an alert", "Answer"),
}

CODES: Mapping[str, Words] = {
    "urgency": URGENCIES,
    "severity": SEVERITIES,
    "certainty": CERTAINTIES,
    "status": STATUSES,
    "answer": ANSWERS,
    "category": CATEGORIES,
}


def word(words: Words, name: object) -> str:
    """The name in the reader's language; one that has no word is shown with its underscores opened."""
    found = words.get(str(name))
    return str(found) if found is not None else str(name).replace("_", " ")
