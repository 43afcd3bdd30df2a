"""What to report on: which day or week, and as of which moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from safeconduct.reports.situation import SPANS, Period

LANGUAGES = (("en", "English"), ("ur", "اردو"), ("zh-hans", "简体中文"))


class SituationForm(forms.Form):
    """Moments are asked for and shown in UTC: a report is the same for everybody who asks for it."""

    day = forms.DateField(label=_("Last day"), widget=forms.DateInput(attrs={"type": "date"}))
    span = forms.ChoiceField(
        label=_("Period"),
        choices=[("day", _("one day")), ("week", _("seven days"))],
        required=False,
    )
    at = forms.DateTimeField(
        label=_("As known at (UTC)"),
        help_text=_("Empty: as known now."),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S"),
    )

    def clean_span(self) -> str:
        span = str(self.cleaned_data["span"] or "day")
        return span if span in SPANS else "day"

    def clean_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["at"]
        if at is None:
            return None
        utc = timezone.make_naive(at, timezone.get_current_timezone()).replace(tzinfo=UTC)
        if utc > datetime.now(UTC):
            raise forms.ValidationError(gettext("Nothing is known of a moment that has not passed."))
        return utc

    def clean_day(self) -> Any:
        day = self.cleaned_data["day"]
        if not 1970 < day.year < 9999 or day > (datetime.now(UTC) + timedelta(days=1)).date():
            raise forms.ValidationError(gettext("Choose a day that has begun."))
        return day

    @property
    def period(self) -> Period:
        return Period.of(self.cleaned_data["day"], self.cleaned_data["span"])

    @property
    def moment(self) -> datetime:
        """To the second, so that the address of the report names it."""
        return (self.cleaned_data["at"] or datetime.now(UTC)).replace(microsecond=0)
