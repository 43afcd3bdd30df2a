"""The words of warnings: parts, states, fields and codes, and what their rules refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from safeconduct.shell.terms import CREDIBILITY_NAMES, RELIABILITY_NAMES

Words = Mapping[str, Any]

PARTS: Words = {
    "warning": pgettext_lazy("part of a warning", "Warning"),
    "places": pgettext_lazy("part of a warning", "Places concerned"),
    "grade": pgettext_lazy("part of a warning", "Grade"),
    "source": pgettext_lazy("part of a warning", "Where it came from"),
    "named": pgettext_lazy("part of a warning", "Who is to acknowledge"),
    "ending": pgettext_lazy("part of a warning", "Ended early"),
    "receipt": pgettext_lazy("part of a receipt", "Taken note of"),
    "who": pgettext_lazy("part of a receipt", "For whom it counts"),
    "outcome": pgettext_lazy("part of an outcome", "What came of it"),
    "grounds": pgettext_lazy("part of an outcome", "What that rests on"),
}
STATES: Words = {
    "in_force": pgettext_lazy("state of a warning", "in force"),
    "ended": pgettext_lazy("state of a warning", "ended early"),
    "expired": pgettext_lazy("state of a warning", "run out"),
    "given": pgettext_lazy("state of a record", "given"),
    "found": pgettext_lazy("state of an outcome", "found"),
}
FIELDS: Words = {
    "title": _("Title"),
    "text": _("Text"),
    "category": pgettext_lazy("of a warning", "Threat"),
    "urgency": _("Urgency"),
    "at": _("When"),
    "since": _("From"),
    "until": _("Until"),
    "exercise": _("Exercise"),
    "districts": _("Districts"),
    "sites": _("Sites"),
    "site_names": _("Sites"),
    "roads": pgettext_lazy("of a warning", "Roads"),
    "area": pgettext_lazy("of a warning", "Area, in words"),
    "points": pgettext_lazy("of a warning", "Positions"),
    "polygon": pgettext_lazy("of a warning", "Area drawn on the map"),
    "grades": pgettext_lazy("of a warning", "Grades, the first as it was given"),
    "reliability": _("Reliability of the source"),
    "credibility": _("Credibility of the report"),
    "why": pgettext_lazy("of a grade", "Why"),
    "code": pgettext_lazy("of a source", "Code of the source"),
    "type": pgettext_lazy("of a source", "Type of source"),
    "means": pgettext_lazy("of a source", "How it came"),
    "reference": pgettext_lazy("of a source", "Their reference"),
    "roles": _("Roles"),
    "units": _("Units"),
    "persons": pgettext_lazy("of a warning", "Persons named"),
    "version": _("Version"),
    "account": _("Account"),
    "result": pgettext_lazy("of a warning", "What came of it"),
    "acted_on": pgettext_lazy("of a warning", "Was something done against it"),
    "incident": pgettext_lazy("of a warning", "Incident"),
    "remark": _("Remark"),
    "by": _("By"),
}
THREATS: Words = {
    "attack": pgettext_lazy("threat", "attack"),
    "kidnapping": pgettext_lazy("threat", "kidnapping"),
    "bomb": pgettext_lazy("threat", "explosive device"),
    "unrest": pgettext_lazy("threat", "unrest"),
    "crime": pgettext_lazy("threat", "crime"),
    "natural": pgettext_lazy("threat", "natural hazard"),
    "other": pgettext_lazy("threat", "other"),
}
URGENCIES: Words = {
    "immediate": pgettext_lazy("urgency of a warning", "immediate"),
    "soon": pgettext_lazy("urgency of a warning", "soon"),
    "routine": pgettext_lazy("urgency of a warning", "routine"),
}
WITHIN: Words = {
    "immediate": _("immediate: acknowledged within 10 minutes"),
    "soon": _("soon: acknowledged within an hour"),
    "routine": _("routine: acknowledged within a day"),
}
"""The same for whoever chooses one."""
SOURCE_TYPES: Words = {
    "own_assessment": pgettext_lazy("type of source", "own assessment"),
    "authority": pgettext_lazy("type of source", "authority"),
    "organisation": pgettext_lazy("type of source", "organisation"),
    "site": pgettext_lazy("type of source", "site"),
    "media": pgettext_lazy("type of source", "press and public announcements"),
    "channel": pgettext_lazy("type of source", "channel"),
}
MEANS: Words = {
    "written": pgettext_lazy("how a warning came", "in writing"),
    "telephone": pgettext_lazy("how a warning came", "by telephone"),
    "radio": pgettext_lazy("how a warning came", "by radio"),
    "meeting": pgettext_lazy("how a warning came", "in a meeting"),
    "electronic": pgettext_lazy("how a warning came", "by an electronic message"),
    "published": pgettext_lazy("how a warning came", "published"),
}
RESULTS: Words = {
    "came_true": pgettext_lazy("outcome of a warning", "came true"),
    "did_not": pgettext_lazy("outcome of a warning", "did not come true"),
    "unknown": pgettext_lazy("outcome of a warning", "not known"),
}
ACTED_ON: Words = {
    "yes": pgettext_lazy("was a warning acted on", "yes"),
    "no": pgettext_lazy("was a warning acted on", "no"),
    "not_known": pgettext_lazy("was a warning acted on", "not known"),
}
RELIABILITY = RELIABILITY_NAMES
CREDIBILITY = CREDIBILITY_NAMES
CODES: Mapping[str, Words] = {
    "urgency": URGENCIES,
    "type": SOURCE_TYPES,
    "means": MEANS,
    "result": RESULTS,
    "acted_on": ACTED_ON,
    "category": {"bomb": THREATS["bomb"], **RESULTS},
    "reason": {
        "warning_unacknowledged": pgettext_lazy("reason of an escalation", "Warning not acknowledged")
    },
}
REFUSALS: Words = {
    "a warning holds for a time, and for a year at most": _(
        "A warning holds for a time: it ends after it begins, and within a year."
    ),
    "a warning is of what is to come": _("A warning is of what is to come: it holds beyond now."),
    "a warning says which places it concerns": _("Say which places the warning concerns."),
    "a warning names who is to acknowledge it": _("Name who is to acknowledge the warning."),
    "who is named must be able to acknowledge": _("Only roles that may acknowledge a warning can be named."),
    "that moment lies in the future": _("That moment lies in the future."),
    "this warning is over": _("This warning is over."),
    "a warning is ended with a reason, and a reason ends it": _("A warning is ended with a reason."),
    "a grade is added to the earlier ones": _("A grade is added to the earlier ones."),
    "this warning was withdrawn: it is not to be used": _(
        "This warning was withdrawn. It is not to be used."
    ),
    "this party has found an outcome: revise it": _("An outcome is on record: revise it."),
    "that nothing came of a warning is found when its time is over": _(
        "That nothing came of a warning, or that nobody knows, is found when its time is over."
    ),
    "no such incident": _("There is no such incident."),
    "String should match pattern": _("Capitals, digits and hyphens only."),
}


def word(words: Words, code: object) -> str:
    """The word in the reader's language; a code that has none is shown with its underscores opened."""
    found = words.get(str(code))
    return str(found) if found is not None else str(code).replace("_", " ")


def said(fault: Exception) -> str:
    """What a rule refused, in the reader's language where it has words for it."""
    text = str(fault)
    return next((str(words) for code, words in REFUSALS.items() if code in text), text)
