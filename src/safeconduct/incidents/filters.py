"""What a list of incidents may be narrowed by, read from an address and made a query."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from safeconduct.incidents import words
from safeconduct.records import here
from safeconduct.records.find import Query

LIST_PARTS = ("summary", "when", "where")
PAGE = 50

Box = tuple[float, float, float, float]


class BoxField(forms.CharField):
    """West, south, east, north in degrees; west may exceed east across the antimeridian."""

    def clean(self, value: Any) -> Box | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            west, south, east, north = (float(number) for number in text.split(","))
        except ValueError:
            raise forms.ValidationError(
                gettext("Four numbers of degrees: west, south, east, north.")
            ) from None
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
            raise forms.ValidationError(gettext("Four numbers of degrees: west, south, east, north."))
        return west, south, east, north


class FilterForm(forms.Form):
    """The filters of list, map and export. Unbound or empty, it lets everything through."""

    text = forms.CharField(
        label=_("Search"), required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search"})
    )
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    category = forms.ChoiceField(label=words.FIELDS["category"], required=False)
    place = forms.CharField(label=words.FIELDS["district"], required=False, max_length=200)
    originator = forms.ChoiceField(label=_("Reported by"), required=False)
    state = forms.ChoiceField(label=_("Stage"), required=False)
    bbox = BoxField(
        label=_("Area"), required=False, max_length=120, help_text=_("West, south, east, north in degrees")
    )
    figures = forms.BooleanField(
        label=_("Show figures"),
        required=False,
        help_text=_("Reading them is noted where the agreement says so."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        anything = gettext("Any")
        for name, options in (
            ("category", words.CATEGORIES.items()),
            ("state", words.STATES.items()),
            ("originator", parties()),
        ):
            self.fields[name].choices = [("", anything), *options]  # type: ignore[attr-defined]

    def query(self, parts: Sequence[str] = (), limit: int = PAGE, cursor: str = "") -> Query:
        """The filters as a query. Call after is_valid()."""
        told = self.cleaned_data
        last = told["until"]
        until = last + timedelta(days=1) if last and last < date.max else None
        return Query(
            kind="incident",
            text=told["text"],
            since=_epoch(told["since"]),
            until=_epoch(until),
            bbox=told["bbox"],
            category=told["category"],
            place=told["place"],
            originator=told["originator"],
            state=told["state"],
            parts=parts,
            limit=limit,
            cursor=cursor,
        )

    def list_parts(self) -> tuple[str, ...]:
        return (*LIST_PARTS, "people") if self.cleaned_data["figures"] else LIST_PARTS


def filters_of(request: HttpRequest) -> FilterForm:
    """The filters that an address names; fields it does not name are empty."""
    return FilterForm(request.GET)


def parties() -> list[tuple[str, str]]:
    """This node's party and its partners, by id and name."""
    home = here.home()
    return [(home.party, home.name), *((p.party, p.name) for p in home.partners.values())]


def partners() -> list[tuple[str, str]]:
    return parties()[1:]


def _epoch(day: date | None) -> float | None:
    return datetime.combine(day, time(), UTC).timestamp() if day else None
