"""The strategy's words: parts, states, fields and codes, and what its rules refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]

PARTS: Words = {
    "goal": _("What is to be reached"),
    "learned": _("What was learned"),
    "advice": _("What ought to be done"),
    "plan": _("What is done"),
    "progress": _("How far it is"),
    "cost": _("Cost"),
    "owner": _("Who answers for it here"),
    "finding": _("What was found"),
    "proof": _("Evidence"),
    "seen": _("Effect seen"),
}
STATES: Words = {
    "current": pgettext_lazy("state of an objective", "current"),
    "reached": pgettext_lazy("state of an objective", "reached"),
    "dropped": pgettext_lazy("state of a measure", "dropped"),
    "recorded": pgettext_lazy("state of a record", "on record"),
    "made": pgettext_lazy("state of a record", "made"),
    "not_pursued": pgettext_lazy("state of a recommendation", "not pursued"),
    "planned": pgettext_lazy("state of a measure", "planned"),
    "under_way": pgettext_lazy("state of a measure", "under way"),
    "reported": pgettext_lazy("state of a measure", "reported done, not verified"),
    "verified": pgettext_lazy("state of a measure", "verified"),
    "given": pgettext_lazy("state of a record", "given"),
    "filed": pgettext_lazy("state of a record", "on file"),
    "stated": pgettext_lazy("state of a record", "stated"),
}
FIELDS: Words = {
    "title": _("Title"),
    "text": _("Text"),
    "criterion": _("How anybody can tell"),
    "risk": _("Risk that it reduces"),
    "place": _("District or place"),
    "since": _("From"),
    "until": _("Until"),
    "review": _("To be reviewed by"),
    "at": _("When"),
    "by": _("By"),
    "to": _("Addressed to"),
    "owner": _("Owner"),
    "due": _("Due"),
    "verify_how": _("How the other party may verify it"),
    "objective": _("Serves the objective"),
    "band": _("Cost band"),
    "remark": _("Remark"),
    "method": _("How it was verified"),
    "outcome": _("Outcome"),
    "what": _("What is counted"),
    "source": _("Counted by"),
    "account": _("Account"),
}
RISKS: Words = {
    "attack": pgettext_lazy("risk", "attack"),
    "kidnapping": pgettext_lazy("risk", "kidnapping"),
    "threat": pgettext_lazy("risk", "threat"),
    "accident": pgettext_lazy("risk", "accident"),
    "unrest": pgettext_lazy("risk", "unrest"),
    "crime": pgettext_lazy("risk", "crime"),
    "natural": pgettext_lazy("risk", "natural hazard"),
    "other": pgettext_lazy("risk", "other"),
}
SIDES: Words = {"host": _("Host Party"), "partner": _("Partner Party"), "both": _("Both Parties")}
BANDS: Words = {
    "none": pgettext_lazy("cost band", "no cost of its own"),
    "small": pgettext_lazy("cost band", "under 10,000 US dollars"),
    "medium": pgettext_lazy("cost band", "10,000 to 100,000 US dollars"),
    "large": pgettext_lazy("cost band", "100,000 to 1 million US dollars"),
    "very_large": pgettext_lazy("cost band", "over 1 million US dollars"),
}
METHODS: Words = {
    "site_visit": pgettext_lazy("method of verification", "visit to the place"),
    "test": pgettext_lazy("method of verification", "test"),
    "document": pgettext_lazy("method of verification", "document"),
    "photograph": pgettext_lazy("method of verification", "photograph"),
    "exercise": pgettext_lazy("method of verification", "exercise"),
}
FINDINGS: Words = {
    "complete": pgettext_lazy("finding of a verification", "complete"),
    "partial": pgettext_lazy("finding of a verification", "partly done"),
    "not_done": pgettext_lazy("finding of a verification", "not done"),
}
COUNTED: Words = {
    "incidents": _("incidents on record"),
    "near_misses": _("near misses, as somebody counted them"),
}
CODES: Mapping[str, Words] = {
    "risk": RISKS,
    "to": SIDES,
    "band": BANDS,
    "method": METHODS,
    "outcome": FINDINGS,
    "what": COUNTED,
}
REFUSALS: Words = {
    "a measure begins planned": _("A measure begins planned."),
    "a measure is verified by a verification, and goes from one state to the next": _(
        "A measure goes from one state to the next, and is verified only by a verification."
    ),
    "what was reported done is not planned anew: take it up again first": _(
        "What was reported done is not planned anew. Take it up again first."
    ),
    "a verification stays as it was given: give another": _("A verification stays as it was given."),
    "only what was reported done is verified": _("Only what was reported done is verified."),
    "a measure is verified by somebody other than its owner": _(
        "A measure is verified by somebody other than its owner."
    ),
    "complete means with evidence: add a file": _("“Complete” means with evidence: add a file."),
    "that time is not over yet": _("That time is not over yet."),
    "near misses are given with who counted them": _("Near misses are given with who counted them."),
    "the review is not before the beginning": _("The review is not before the beginning."),
    "a headcount is given for both periods or for none": _(
        "A headcount is given for both periods or for none."
    ),
    "only JPEG, PNG, WebP and UTF-8 text are taken": _(
        "Only JPEG, PNG, WebP and plain text files are taken."
    ),
    "an empty file": _("The file is empty."),
    "a picture that cannot be read whole": _("The picture cannot be read whole."),
}
