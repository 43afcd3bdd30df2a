"""Which journeys the board shows: a stretch of time, and what it is narrowed to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

WINDOWS = {
    "now": pgettext_lazy("window of the board", "Now"),
    "today": pgettext_lazy("window of the board", "Today"),
    "tomorrow": pgettext_lazy("window of the board", "Tomorrow"),
}
LATELY = timedelta(hours=1)
SOON = timedelta(hours=4)
"""What `now` reaches back and ahead; whatever is under way is always in it."""


@dataclass(frozen=True)
class Window:
    """A stretch of time in epoch seconds, from `since` up to and without `until`. `open` windows also hold every
    journey that is under way, whenever it began."""

    name: str
    since: float
    until: float

    @property
    def open(self) -> bool:
        return self.name != "tomorrow"


def window_of(name: str, now: float) -> Window:
    """The window of that name; "today" for one that does not exist. Days are those of the node's time zone."""
    moment = timezone.localtime(datetime.fromtimestamp(now, timezone.get_default_timezone()))
    if name == "now":
        return Window(name, (moment - LATELY).timestamp(), (moment + SOON).timestamp())
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "tomorrow":
        return Window(name, _days(midnight, 1), _days(midnight, 2))
    # Late in the evening the next hours belong to today: a night shift's journeys must not wait for midnight.
    return Window("today", midnight.timestamp(), max(_days(midnight, 1), now + SOON.total_seconds()))


def _days(midnight: datetime, days: int) -> float:
    """Midnight so many days on, on the wall's clock: a day in which the clocks change is not 24 hours long."""
    later = midnight.replace(tzinfo=None) + timedelta(days=days)
    return timezone.make_aware(later, midnight.tzinfo).timestamp()


class BoardForm(forms.Form):
    """What the board is narrowed to. Empty, it lets everything through."""

    text = forms.CharField(
        label=_("Reference or organisation"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    district = forms.CharField(
        label=_("District"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"list": "districts"}),
    )
    stage = forms.ChoiceField(label=pgettext_lazy("stage of a movement", "Stage"), required=False)
    mine = forms.BooleanField(
        label=_("Mine"), required=False, help_text=_("My unit's, and what waits for me.")
    )
    places = forms.BooleanField(
        label=_("Show places"),
        required=False,
        help_text=_("Reads the itineraries; reading is noted where the agreement says so."),
    )

    def __init__(self, *args: Any, stages: Any = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stage"].choices = [("", gettext("Any")), *stages]  # type: ignore[attr-defined]
