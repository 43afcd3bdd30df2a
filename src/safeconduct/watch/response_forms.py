"""The forms of responses and liaison: short ones, for somebody who has been awake for long."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.records.transaction import iso
from safeconduct.watch import response_words as words
from safeconduct.watch.response_kinds import (
    ITEM_CATEGORIES,
    OUTCOMES,
    PRIORITIES,
    SITE_CLASSES,
    TOLD_MEANS,
)

Choices = Sequence[tuple[str, Any]]
MOST_MINUTES = 43_200
_TEXT = forms.Textarea(attrs={"rows": 4, "dir": "auto"})
_LINE = forms.TextInput(attrs={"dir": "auto"})
ROOMS: Choices = (("host", _("Host Party's room")), ("partner", _("Partner Party's room")))


def _codes(codes: Sequence[str], named: words.Words) -> list[tuple[str, Any]]:
    return [(code, named[code]) for code in codes]


class BeginForm(forms.Form):
    """The checklist is chosen by the class of the site; whoever begins may know better."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    site_class = forms.ChoiceField(
        label=words.FIELDS["site_class"], choices=_codes(SITE_CLASSES, words.CLASSES)
    )
    title = forms.CharField(label=words.FIELDS["title"], max_length=200, required=False, widget=_LINE)


class RemarkForm(forms.Form):
    """What is said with a step of an item, on the version that was seen."""

    seen = forms.IntegerField(min_value=1, max_value=10**8)
    state = forms.ChoiceField(choices=[(each, each) for each in ("open", "offered", "done", "not_needed")])
    remark = forms.CharField(max_length=5_000, required=False)


class ToldForm(forms.Form):
    """Who was told, by whom, when and how. Nothing is sent by this."""

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=10**8)
    who = forms.CharField(label=_("Who was told"), max_length=200, widget=_LINE)
    relation = forms.CharField(label=words.FIELDS["relation"], max_length=200, required=False, widget=_LINE)
    by = forms.CharField(label=_("Who told them"), max_length=200, widget=_LINE)
    means = forms.ChoiceField(label=_("How"), choices=_codes(TOLD_MEANS, words.TOLD))
    minutes_ago = forms.IntegerField(label=_("Minutes ago"), min_value=0, max_value=MOST_MINUTES, initial=0)

    def told(self) -> dict[str, Any]:
        given = self.cleaned_data
        at = iso(time.time() - 60 * given["minutes_ago"])
        return {name: given[name] for name in ("who", "relation", "by", "means")} | {"at": at}


class RoadForm(forms.Form):
    """Which road is closed, and around which place."""

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=10**8)
    road = forms.CharField(label=_("Road, from where to where"), max_length=200, widget=_LINE)
    latitude = forms.FloatField(label=_("Latitude"), min_value=-90, max_value=90, required=False)
    longitude = forms.FloatField(label=_("Longitude"), min_value=-180, max_value=180, required=False)
    radius_m = forms.IntegerField(
        label=_("Metres around it"), min_value=100, max_value=200_000, required=False
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if (given.get("latitude") is None) != (given.get("longitude") is None):
            self.add_error("longitude", _("Latitude and longitude come together."))
        return given


class ItemForm(forms.Form):
    text = forms.CharField(label=_("What is to be done"), max_length=5_000, widget=_LINE)
    category = forms.ChoiceField(
        label=_("Category"), choices=_codes(ITEM_CATEGORIES, words.CATEGORIES), initial="other"
    )
    room = forms.ChoiceField(label=_("Whose it is"), choices=ROOMS)
    minutes = forms.IntegerField(
        label=_("Due in minutes"), min_value=1, max_value=MOST_MINUTES, required=False
    )


class Addressed(forms.Form):
    """Something for the room of one other party."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    about = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)
    to = forms.ChoiceField(label=_("To"))

    def __init__(self, *args: Any, parties: Choices = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = list(parties)  # type: ignore[attr-defined]


class MessageForm(Addressed):
    priority = forms.ChoiceField(label=words.FIELDS["priority"], choices=_codes(PRIORITIES, words.PRIORITIES))
    subject = forms.CharField(label=words.FIELDS["subject"], max_length=200, widget=_LINE)
    text = forms.CharField(label=_("Message"), max_length=20_000, widget=_TEXT)
    language = forms.ChoiceField(label=words.FIELDS["language"], choices=words.LANGUAGES)


class RequestForm(Addressed):
    subject = forms.CharField(label=words.FIELDS["subject"], max_length=200, widget=_LINE)
    question = forms.CharField(label=words.FIELDS["question"], max_length=20_000, widget=_TEXT)
    minutes = forms.IntegerField(
        label=_("Answer wanted within minutes"), min_value=2, max_value=MOST_MINUTES, initial=60
    )

    def due(self) -> str:
        return iso(time.time() + 60 * self.cleaned_data["minutes"])


class AnswerForm(forms.Form):
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    outcome = forms.ChoiceField(label=words.FIELDS["outcome"], choices=_codes(OUTCOMES, words.OUTCOMES))
    text = forms.CharField(label=_("Text"), max_length=20_000, widget=_TEXT)


class TranslationForm(forms.Form):
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    language = forms.ChoiceField(label=words.FIELDS["language"], choices=words.LANGUAGES)
    text = forms.CharField(label=_("Translation"), max_length=20_000, widget=_TEXT)
    source = forms.ChoiceField(
        label=_("Made by"), choices=[("person", _("a person")), ("machine", _("a machine"))]
    )
    by = forms.CharField(
        label=_("Name of the person or machine"), max_length=200, required=False, widget=_LINE
    )
