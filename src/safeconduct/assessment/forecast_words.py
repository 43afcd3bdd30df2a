"""The forecast's words: parts, states, fields and codes, verdicts, and what its rules refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]

PARTS: Words = {
    "basis": _("What it rests on"),
    "expected": _("What it expects"),
    "tried": _("How the method did before"),
    "use": _("What it is for"),
}
STATES: Words = {"issued": pgettext_lazy("state of a forecast", "issued")}
FIELDS: Words = {
    "origin": _("First day"),
    "days": _("Days"),
    "lag": _("Days taken as still unreported"),
    "known": _("Incidents known"),
    "used": _("Incidents used"),
    "year": _("Of these in 365 days"),
    "named": _("Incidents named as its sources"),
    "newest": _("Newest incident"),
    "newest_party": _("Its party"),
    "made": _("How the area was made"),
    "reach_km": _("Kilometres around incidents"),
    "cells": _("Cells"),
    "area_km2": _("Area in km²"),
    "resolution": _("Resolution of H3"),
    "seed": _("Seed of what is drawn"),
    "method": _("Method"),
    "total": _("Expected in the whole area"),
    "low": _("Low end"),
    "high": _("High end"),
    "first": _("First week tried"),
    "last": _("Last week tried"),
    "windows": _("Windows tried"),
    "incidents": _("Incidents"),
    "outside": _("Outside the area"),
    "verdict": _("Verdict on the option"),
    "scores": _("Scores"),
    "provinces": _("By province"),
    "purpose": _("What is to be decided"),
    "decider": _("Who decides"),
}
METHODS: Words = {
    "uniform": pgettext_lazy("method of a forecast", "the same everywhere"),
    "count90": pgettext_lazy("method of a forecast", "count of 90 days"),
    "count365": pgettext_lazy("method of a forecast", "count of 365 days"),
    "ever": pgettext_lazy("method of a forecast", "kernel over all time"),
    "standard": pgettext_lazy("method of a forecast", "standard: 365 days and kernel"),
    "scales": pgettext_lazy("method of a forecast", "option: regression on counts"),
}
MADE: Words = {
    "polygons": _("the outlines that this node holds, and cells with an incident"),
    "around": _("within some kilometres of any incident"),
}
VERDICTS: Words = {
    "better": _("The option measurably beats the standard forecast."),
    "mixed": _(
        "The option's chances are measurably truer, but it finds measurably fewer incidents in the same area."
    ),
    "none": _("The option does not measurably beat the standard forecast."),
    "worse": _("The option is measurably worse than the standard forecast."),
    "few": _("Too few incidents to say whether the option beats the standard forecast."),
    "": _("The option could not be tried: too few incidents before the weeks that were tried."),
}
GAINS: Words = {
    "more": _("measurably more incidents"),
    "less": _("measurably fewer incidents"),
    "unclear": _("no measurable difference"),
}
CODES: Mapping[str, Words] = {"method": METHODS, "made": MADE, "verdict": VERDICTS}
REFUSALS: Words = {
    "a person issues a forecast": _("A person issues a forecast."),
    "a forecast stays as it was issued: issue another": _(
        "A forecast stays as it was issued. Issue another."
    ),
    "there is nothing to issue: no incident in 365 days": _(
        "There is nothing to issue: no incident in the last 365 days."
    ),
    "how the method did before is still being reckoned": _(
        "How the method did before is still being reckoned. Try again in a minute."
    ),
    "the option has too few incidents to be fitted": _("The option has too few incidents to be fitted."),
}
