"""What is asked of a forecast, and what issuing one asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.assessment import forecast_words as words
from safeconduct.assessment.forecast_kinds import METHODS
from safeconduct.assessment.forecast_made import HORIZONS, LAG, Asked
from safeconduct.risk.days import day_of

EARLIEST = 1970
AHEAD = 31
MOST_LAG = 365


class AskForm(forms.Form):
    """Days ahead, lag and first day; all may be left out."""

    days = forms.TypedChoiceField(
        label=_("How far ahead"),
        choices=list(zip(HORIZONS, (_("7 days"), _("30 days")), strict=True)),
        coerce=int,
        required=False,
    )
    origin = forms.DateField(
        label=words.FIELDS["origin"],
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    lag = forms.IntegerField(label=words.FIELDS["lag"], min_value=0, max_value=MOST_LAG, required=False)
    method = forms.ChoiceField(
        label=words.FIELDS["method"],
        choices=[(each, words.METHODS[each]) for each in METHODS],
        required=False,
    )

    def clean_origin(self) -> Any:
        given = self.cleaned_data["origin"]
        if given and not (EARLIEST <= given.year <= 9000 and given <= _today() + timedelta(days=AHEAD)):
            raise forms.ValidationError(_("A forecast begins at most a month from now."))
        return given

    def clean_days(self) -> int:
        return int(self.cleaned_data["days"] or HORIZONS[0])

    def clean_lag(self) -> int:
        given = self.cleaned_data["lag"]
        return LAG if given is None else int(given)

    def clean_method(self) -> str:
        return str(self.cleaned_data["method"] or METHODS[0])

    @classmethod
    def of(cls, given: Any) -> AskForm:
        """From an address; what it leaves out is as usual, and shown so."""
        return cls({"days": HORIZONS[0], "lag": LAG, "method": METHODS[0], **given.dict()})

    @property
    def asked(self) -> Asked:
        given = self.cleaned_data
        return Asked(given["days"], given["lag"], day_of(given["origin"]) if given["origin"] else None)


class IssueForm(AskForm):
    """The same, and who decides what with it."""

    purpose = forms.CharField(
        label=words.FIELDS["purpose"],
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_("For instance: where protection is added in the coming week."),
    )
    decider = forms.CharField(
        label=words.FIELDS["decider"], max_length=200, widget=forms.TextInput(attrs={"dir": "auto"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("days", "origin", "lag"):
            self.fields[name].widget = forms.HiddenInput()


def _today() -> Any:
    return datetime.now(UTC).date()
