"""The words of statements to the press."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]

PARTS: Words = {
    "line": _("The line"),
    "background": _("Background, not for saying"),
    "leak": _("Leak"),
    "reported": _("What was reported"),
    "grade": _("Grade"),
    "source": _("Who reported it"),
}
STATES: Words = {
    "draft": pgettext_lazy("state of a statement", "draft, at home"),
    "put_forward": pgettext_lazy("state of a statement", "put forward"),
    "agreed": pgettext_lazy("state of a statement", "agreed by both"),
    "in_use": pgettext_lazy("state of a statement", "in use, with the other party's notice"),
    "neither": pgettext_lazy("state of a statement", "neither confirmed nor denied"),
}
FIELDS: Words = {
    "mode": _("How it comes into use"),
    "text_ur": _("Text in Urdu"),
    "text_zh": _("Text in Chinese"),
    "speaker": _("Who may say it"),
    "reliability": _("Reliability of the source (A to F)"),
    "credibility": _("Credibility of the content (1 to 6)"),
    "name": _("Name"),
    "contact": _("How to reach them"),
    "background": _("Background, not for saying"),
    "incident": _("Record of the incident"),
}
MODES: Words = {
    "joint": pgettext_lazy("mode of a statement", "agreed by both"),
    "notice": pgettext_lazy("mode of a statement", "by one party, with the other's notice"),
}
ANSWERS: Words = {
    "agreed": pgettext_lazy("answer to a statement", "agreed"),
    "noted": pgettext_lazy("answer to a statement", "taken note of"),
    "objected": pgettext_lazy("answer to a statement", "objected to"),
}
CODES: Mapping[str, Words] = {"mode": MODES, "outcome": ANSWERS}
REFUSALS: Words = {
    "a line ends after it begins": _("A line ends after it begins."),
    "what may be said stays as it was: put another line forward": _(
        "What may be said stays as it was. Put another line forward."
    ),
    "a line that is put forward has its words": _("A line that is put forward has its words."),
    "a joint line is agreed by both": _("A joint line is agreed by both."),
    "the other party has not taken note, and the time of notice is not over": _(
        "The other party has not taken note, and the time of notice is not over."
    ),
    "that a line is agreed follows from the other party's answer": _(
        "That a line is agreed follows from the other party's answer."
    ),
    "no such incident is known to you": _("No such incident is known to you."),
    "the words have changed: read them again": _("The words have changed. Read them again."),
    "this line is not open to an answer": _("This line is not open to an answer."),
    "a line is answered by the other party": _("A line is answered by the other party."),
}
