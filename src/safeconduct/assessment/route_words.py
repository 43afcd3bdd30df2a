"""The words of route options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Any]

PARTS: Words = {
    "options": _("Route options"),
    "basis": _("What the figures rest on"),
    "choice": _("Choice"),
}
STATES: Words = {
    "assessed": pgettext_lazy("state of route options", "assessed"),
    "chosen": pgettext_lazy("state of route options", "chosen"),
    "dropped": pgettext_lazy("state of a record", "dropped"),
}
FIELDS: Words = {
    "origin": pgettext_lazy("place", "From"),
    "destination": pgettext_lazy("place", "To"),
    "depart": _("Day of departure"),
    "halts": _("Halts on the way"),
    "ways": _("Options"),
    "distance_m": _("Distance, m"),
    "duration_s": _("Time on the road, s"),
    "roads": _("Roads"),
    "towns": _("By way of"),
    "expected": _("Expected incidents near one passage"),
    "year": _("Incidents in the cells passed, 365 days"),
    "ever": _("Incidents in the cells passed, all time"),
    "beyond_m": _("Metres where nothing is known"),
    "stretches": _("Where the figure comes from"),
    "near": _("Near"),
    "metres": _("Metres"),
    "share": _("Share of the figure"),
    "against": _("Compared with the quickest"),
    "ratio": _("Ratio"),
    "lower": _("Share of draws in which it is lower"),
    "verdict": _("Verdict"),
    "until": _("Incidents up to"),
    "newest": _("Newest incident that counts"),
    "known": _("Incidents known"),
    "joined": _("Records of the same event as another"),
    "counted": _("Incidents counted"),
    "passed": _("Incidents in the cells passed, 365 days"),
    "named": _("Incidents named as what this is derived from"),
    "half_width_km": _("Half width of the corridor, km"),
    "window_minutes": _("Window, minutes"),
    "times": _("Multiplier for the hour of day"),
    "longest": _("Longest detour, times the quickest"),
    "draws": _("Draws"),
    "seed": _("Seed"),
    "method": pgettext_lazy("of reckoning", "Method"),
    "licence": _("Licence"),
    "schematic": _("Schematic roads"),
    "crash": _("Road deaths: a figure of your own"),
    "rate": _("Per billion km"),
    "per": _("These are km of"),
    "source": _("Source"),
    "way": _("Option"),
    "why": _("Why"),
    "expires": _("Holds until"),
    "by": _("By"),
    "at": _("At"),
    "minutes": _("Minutes"),
}
CODES: Mapping[str, Words] = {
    "verdict": {
        "lower": pgettext_lazy("route compared", "fewer incidents to be expected"),
        "higher": pgettext_lazy("route compared", "more incidents to be expected"),
        "no_difference": pgettext_lazy("route compared", "no measurable difference"),
        "unknown": pgettext_lazy("route compared", "nothing known"),
    },
    "per": {"vehicle": _("vehicles"), "person": _("persons")},
}
NO_ROUTE: Words = {
    "origin_off_road": _("No road of the file is within 50 km of where the journey begins."),
    "destination_off_road": _("No road of the file is within 50 km of where the journey ends."),
    "not_joined": _("No road of the file joins the two places."),
}
ALWAYS_MISSING = (
    _("No non-lethal attempts, no hour of the day, no intent: the data does not have them."),
    _(
        "The intervals cover chance alone: not the model, the places, what was never reported, or a change of plan."
    ),
    _("Crashes, weather, checkpoints and the state of the road are not in these figures."),
)
"""What no data of incidents has; said with every assessment."""
REFUSALS: Words = {
    "figures stay as they were reckoned: assess again": _(
        "Figures stay as they were reckoned. Assess again."
    ),
    "a choice stays as it was made: assess again": _("A choice stays as it was made. Assess again."),
    "this was dropped: assess again": _("This was dropped. Assess again."),
    "there is no way of that number": _("There is no option of that number."),
    "a choice makes it chosen, and nothing else does": _("Choose an option, and say why."),
    "a way is chosen by a person who may approve it": _("A person who may approve it chooses."),
    "a choice ends after it is made, and within 31 days": _(
        "A choice ends after it is made, within 31 days."
    ),
}
