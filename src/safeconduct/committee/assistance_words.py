"""The words of assistance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]

PARTS: Words = {
    "need": _("What is needed"),
    "offer": _("What is offered"),
    "condition": _("End-use condition"),
    "answer": _("Answer"),
    "consignment": _("What is delivered"),
    "receipt": _("Receipt"),
    "check": _("Check of the end use"),
}
STATES: Words = {
    "open": pgettext_lazy("state of a record", "open"),
    "met": pgettext_lazy("state of a request", "met"),
    "withdrawn": pgettext_lazy("state of a record", "withdrawn"),
    "accepted": pgettext_lazy("state of an offer", "accepted"),
    "declined": pgettext_lazy("state of an offer", "declined"),
    "fulfilled": pgettext_lazy("state of an offer", "everything delivered"),
    "handed_over": pgettext_lazy("state of a delivery", "handed over, not yet accepted"),
    "refused": pgettext_lazy("state of a delivery", "refused"),
}
FIELDS: Words = {
    "category": _("Category"),
    "quantity": _("Quantity"),
    "unit": _("Unit"),
    "deliveries": _("In so many deliveries"),
    "end_use": _("It may be used for"),
    "check_how": _("How that is checked"),
    "every_days": _("Checked every so many days"),
    "sequence": _("Delivery number"),
}
CATEGORIES: Words = {
    "equipment": pgettext_lazy("assistance", "equipment"),
    "training": pgettext_lazy("assistance", "training"),
    "maintenance": pgettext_lazy("assistance", "maintenance"),
    "advice": pgettext_lazy("assistance", "technical advice"),
    "warnings": pgettext_lazy("assistance", "graded warnings"),
}
ANSWERED: Words = {
    "accepted": pgettext_lazy("answer to an offer", "accepted with its condition"),
    "declined": pgettext_lazy("answer to an offer", "declined"),
}
RECEIVED: Words = {
    "accepted": pgettext_lazy("receipt of a delivery", "accepted"),
    "in_part": pgettext_lazy("receipt of a delivery", "accepted in part"),
    "refused": pgettext_lazy("receipt of a delivery", "refused"),
}
KEPT: Words = {
    "kept": pgettext_lazy("check of the end use", "the condition is kept"),
    "unclear": pgettext_lazy("check of the end use", "not clear"),
    "not_kept": pgettext_lazy("check of the end use", "the condition is not kept"),
}
CODES: Mapping[str, Words] = {"category": CATEGORIES, "outcome": {**KEPT, **ANSWERED, **RECEIVED}}
REFUSALS: Words = {
    "the Host Party alone asks, accepts and receives": _("The Host Party alone asks, accepts and receives."),
    "the Partner Party alone offers and delivers": _("The Partner Party alone offers and delivers."),
    "this is said by the other party": _("This is for the other party to say."),
    "a delivery is of an own offer": _("A delivery is of an own offer."),
    "that follows from the other party's own record": _("That follows from the other party's own record."),
    "this request is no longer open": _("This request is no longer open."),
    "what is offered is what was asked for, or upkeep or training for it": _(
        "What is offered is what was asked for, or maintenance or training for it."
    ),
    "this offer is not open to an answer": _("This offer is not open to an answer."),
    "this is answered already": _("This is answered already."),
    "no more is accepted than was delivered": _("No more is accepted than was delivered."),
    "only what was accepted is delivered": _("Only what was accepted is delivered."),
    "only what was accepted has an end use to check": _("Only what was accepted has an end use to check."),
    "what was given stays as it was: give another": _("What was given stays as it was. Give another."),
}
