"""The words of responses and of liaison as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

Words = Mapping[str, Any]
"""Code -> its word, translated when it is shown."""

PARTS: Words = {
    "task": pgettext_lazy("part of an item", "What is to be done"),
    "progress": pgettext_lazy("part of an item", "How far it is"),
    "detail": pgettext_lazy("part of an item", "What is known for it"),
    "told": pgettext_lazy("part of an item", "Who told whom"),
    "message": pgettext_lazy("part of a message", "Message"),
    "request": pgettext_lazy("part of a request", "Question"),
}

STATES: Words = {
    "offered": pgettext_lazy("state of an item", "offered to the other room"),
    "handed_over": pgettext_lazy("state of an item", "handed over"),
    "done": pgettext_lazy("state of an item", "done"),
    "not_needed": pgettext_lazy("state of an item", "not needed"),
    "closed": pgettext_lazy("state of a response", "closed"),
    "sent": pgettext_lazy("state of a message", "sent"),
    "answered": pgettext_lazy("state of a request", "answered"),
    "withdrawn": pgettext_lazy("state of a request", "withdrawn"),
    "open": pgettext_lazy("state of an item", "open"),
}

CLASSES: Words = {
    "work_site": pgettext_lazy("class of a site", "Work site"),
    "institution": pgettext_lazy("class of a site", "Institution"),
    "residence": pgettext_lazy("class of a site", "Residence"),
    "journey": pgettext_lazy("class of a site", "Journey"),
    "elsewhere": pgettext_lazy("class of a site", "Elsewhere"),
}

CATEGORIES: Words = {
    "hospital": pgettext_lazy("item of a response", "Nearest suitable hospital"),
    "medical_evacuation": pgettext_lazy("item of a response", "Medical evacuation"),
    "relocation": pgettext_lazy("item of a response", "Relocation of the site"),
    "hibernation": pgettext_lazy("item of a response", "Hibernation of the site"),
    "road_closed": pgettext_lazy("item of a response", "Road closed"),
    "journeys_stopped": pgettext_lazy("item of a response", "Journeys stopped"),
    "consular_notice": pgettext_lazy("item of a response", "Consular notice"),
    "next_of_kin": pgettext_lazy("item of a response", "Next of kin"),
    "other": pgettext_lazy("item of a response", "Other"),
}

TRAUMA: Words = {
    "none": pgettext_lazy("what a hospital can do", "no care for the badly injured"),
    "stabilise": pgettext_lazy("what a hospital can do", "stabilises the badly injured"),
    "surgery": pgettext_lazy("what a hospital can do", "operates on the badly injured"),
    "centre": pgettext_lazy("what a hospital can do", "trauma centre"),
}

REACH: Words = {
    "road": pgettext_lazy("how a distance was measured", "by road"),
    "straight_line": pgettext_lazy("how a distance was measured", "straight line, no road is known"),
}

TOLD: Words = {
    "in_person": pgettext_lazy("how somebody was told", "in person"),
    "telephone": pgettext_lazy("how somebody was told", "by telephone"),
    "radio": pgettext_lazy("how somebody was told", "by radio"),
    "letter": pgettext_lazy("how somebody was told", "by letter"),
    "other": pgettext_lazy("how somebody was told", "in another way"),
}

PRIORITIES: Words = {
    "routine": pgettext_lazy("priority of a message", "Routine"),
    "urgent": pgettext_lazy("priority of a message", "Urgent"),
    "flash": pgettext_lazy("priority of a message", "Flash"),
}

OUTCOMES: Words = {
    "full": pgettext_lazy("answer to a request", "in full"),
    "partial": pgettext_lazy("answer to a request", "in part"),
    "declined": pgettext_lazy("answer to a request", "declined"),
}

SOURCES: Words = {
    "person": pgettext_lazy("who translated", "translated by a person"),
    "machine": pgettext_lazy("who translated", "translated by a machine"),
}

FIELDS: Words = {
    "subject": _("Subject"),
    "question": _("Question"),
    "due": _("Due"),
    "language": _("Language"),
    "priority": _("Priority"),
    "title": _("Title"),
    "site_class": _("Class of the site"),
    "outcome": _("Answer"),
    "relation": _("Relation or office"),
}

CODES: Mapping[str, Words] = {
    "site_class": CLASSES,
    "trauma": TRAUMA,
    "reach": REACH,
    "priority": PRIORITIES,
    "outcome": OUTCOMES,
}

LANGUAGES = (("en", "English"), ("ur", "اردو"), ("zh-Hans", "中文"))


def text_of(task: Mapping[str, Any]) -> str:
    """What is to be done, in the reader's language where the checklist has it."""
    asked = (get_language() or "en").split("-")[0]
    return str(task.get(f"text_{asked}") or task.get("text") or "")
