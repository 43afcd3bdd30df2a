"""The forms of the watch floor about an SOS: on somebody's behalf, acknowledge, task a unit, stand down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.records.transaction import iso
from safeconduct.watch import words
from safeconduct.watch.sos_kinds import SOS_CATEGORIES

_LONG = forms.Textarea(attrs={"rows": 3, "dir": "auto"})
MOST_AGO = 1_440

Choices = Sequence[tuple[str, str]]


class BehalfForm(forms.Form):
    """An SOS that came by telephone, radio or mouth: whoever takes it writes what was said and nothing else."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    headline = forms.CharField(label=words.FIELDS["headline"], max_length=200)
    category = forms.ChoiceField(
        label=words.FIELDS["category"],
        choices=[(code, words.SOS_CATEGORIES[code]) for code in SOS_CATEGORIES],
    )
    about = forms.ChoiceField(label=words.FIELDS["about"], required=False)
    stated = forms.CharField(label=words.FIELDS["stated"], max_length=200, required=False)
    latitude = forms.FloatField(label=words.FIELDS["latitude"], min_value=-90, max_value=90, required=False)
    longitude = forms.FloatField(
        label=words.FIELDS["longitude"], min_value=-180, max_value=180, required=False
    )
    name = forms.CharField(label=words.FIELDS["name"], max_length=200, required=False)
    phone = forms.CharField(label=words.FIELDS["phone"], max_length=200, required=False)
    persons = forms.IntegerField(
        label=words.FIELDS["persons"], min_value=1, max_value=100_000, initial=1, required=False
    )
    text = forms.CharField(label=words.FIELDS["text"], max_length=5_000, required=False, widget=_LONG)
    minutes_ago = forms.IntegerField(
        label=_("Minutes ago"), min_value=0, max_value=MOST_AGO, initial=0, required=False
    )
    exercise = forms.BooleanField(label=words.FIELDS["exercise"], required=False)

    def __init__(self, *args: Any, about: Choices = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["about"].choices = [("", "—"), *about]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if (given.get("latitude") is None) != (given.get("longitude") is None):
            self.add_error("longitude", _("Latitude and longitude come together."))
        return given

    def parts(self, now: float) -> dict[str, Any]:
        """The parts of the SOS as it was told, at `now` (seconds since 1970)."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        call: dict[str, Any] = {
            name: given[name] for name in ("category", "headline", "persons", "exercise") if name in given
        }
        call |= {"at": iso(now - 60 * given.get("minutes_ago", 0)), "means": "floor"}
        place = {name: given[name] for name in ("stated", "latitude", "longitude") if name in given}
        return {
            "call": call,
            "place": {**place, "source": "stated"} if place else None,
            "caller": {name: given[name] for name in ("name", "phone") if name in given} or None,
            "words": {"text": given["text"]} if "text" in given else None,
        }


class AcknowledgeForm(forms.Form):
    remark = forms.CharField(label=words.FIELDS["remark"], max_length=5_000, required=False)


class TaskForm(forms.Form):
    unit = forms.ChoiceField(label=words.FIELDS["unit"])
    task = forms.CharField(label=words.FIELDS["task"], max_length=5_000, required=False)
    minutes_away = forms.IntegerField(
        label=words.FIELDS["minutes_away"], min_value=0, max_value=100_000, required=False
    )

    def __init__(self, *args: Any, units: Choices = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].choices = list(units)  # type: ignore[attr-defined]


class StandDownForm(forms.Form):
    category = forms.ChoiceField(
        label=words.FIELDS["category"],
        choices=[(code, words.STAND_DOWNS[code]) for code in ("floor", "false_alarm")],
    )
    remark = forms.CharField(
        label=_("How you know, and from whom"), max_length=5_000, help_text=_("Who gave the word, and how.")
    )
