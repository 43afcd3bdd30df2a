"""The words of deployments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]

PARTS: Words = {
    "said": _("What was said"),
    "meeting": _("Meeting"),
    "consent": _("Consent of the other party"),
}
STATES: Words = {
    "approved": pgettext_lazy("state of a deployment", "signed by both"),
    "ended": pgettext_lazy("state of a record", "ended"),
    "proposed": pgettext_lazy("state of a record", "proposed"),
    "held": pgettext_lazy("state of a discussion", "held"),
}
FIELDS: Words = {
    "purpose": _("Protective purpose"),
    "terms": _("Terms"),
    "reference": _("Number of the decision"),
    "meeting": _("Record of the meeting"),
    "record": _("Record"),
    "digest": _("Fingerprint of the terms"),
}
CODES: Mapping[str, Words] = {}
REFUSALS: Words = {
    "no clause in force permits this party to propose a deployment": _(
        "No clause in force permits this party to propose a deployment."
    ),
    "the other party has not consented to these terms": _(
        "The other party has not consented to these terms."
    ),
    "the terms have changed: read them again": _("The terms have changed. Read them again."),
    "what both have signed stays as it was: end it and propose another": _(
        "What both have signed stays as it was. End it and propose another."
    ),
    "no such meeting is known to you": _("No such meeting is known to you."),
    "consent is the other party's word": _("Consent is for the other party to give."),
    "this deployment has ended: propose another": _("This deployment has ended. Propose another."),
}
