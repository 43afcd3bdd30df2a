"""The words of the analysis: units of time, ways of grouping, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from safeconduct.records import here
from safeconduct.shell.terms import CODE_NAMES

Words = Mapping[str, Any]

UNITS: Words = {
    "week": pgettext_lazy("unit of time", "Week"),
    "month": pgettext_lazy("unit of time", "Month"),
    "quarter": pgettext_lazy("unit of time", "Quarter"),
    "year": pgettext_lazy("unit of time", "Year"),
}

GROUPS: Words = {
    "province": gettext_lazy("Province"),
    "district": gettext_lazy("District"),
    "place": gettext_lazy("Place"),
    "category": gettext_lazy("Category"),
    "target": gettext_lazy("Target"),
    "attack": gettext_lazy("Kind of attack"),
    "party": gettext_lazy("Reported by"),
}
"""What incidents can be counted by."""

COMPARED = ("province", "district", "category", "target", "attack", "party")

PRECISIONS: Words = {
    "": gettext_lazy("Every incident"),
    "sure": gettext_lazy("Place within about 25 km and time within six days"),
    "exact": gettext_lazy("Place and day exactly known"),
}

WEEKDAYS = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)

VERDICTS: Words = {
    "fewer": gettext_lazy("measurably fewer"),
    "more": gettext_lazy("measurably more"),
    "unclear": gettext_lazy("no measurable difference"),
    "none": gettext_lazy("no incident"),
}

_CODES = {"category": "category", "target": "target_class", "attack": "type"}


def group_name(group: str, value: str) -> str:
    """A value of a group as people read it; the empty one is not known, or not shown to the reader."""
    if not value:
        return _("Not known or not shown")
    if group == "party":
        return party_names().get(value, value)
    if group in _CODES:
        word = CODE_NAMES.get(_CODES[group], {}).get(value)
        return str(word) if word is not None else value.replace("_", " ")
    return value


def party_names() -> dict[str, str]:
    """This node's party and its partners, by id."""
    home = here.home()
    return {home.party: home.name, **{p.party: p.name for p in home.partners.values()}}
