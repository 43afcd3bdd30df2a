"""Which incidents are looked at, over which time, and what is compared: read from an address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct.assessment.analysis_words import COMPARED, GROUPS, PRECISIONS, UNITS, group_name
from safeconduct.assessment.seen import Seen
from safeconduct.risk.days import day_of, iso_of

YEARS = 4
DAYS = 1_461
"""Four years: how far back the period begins where nobody chose."""
QUIET = 90
"""After so many days without an incident the data are taken to end with the latest one, unless somebody chose."""
MOST_UNITS = 600
_LENGTH = {"week": 7, "month": 30, "quarter": 91, "year": 365}
FIRST, LAST = date(1900, 1, 1), date(2199, 12, 31)
CHOSEN = ("category", "target", "party", "province", "district")
_SEVERAL = ("category", "target")

Period = tuple[int, int]
"""The first day and the day after the last, days since 1970."""


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class AnalysisForm(forms.Form):
    """The filters. What may be chosen is what stands in incidents that the reader sees."""

    since = _day(gettext_lazy("From"))
    until = _day(gettext_lazy("To"))
    unit = forms.ChoiceField(label=gettext_lazy("Count by"), required=False)
    category = forms.MultipleChoiceField(label=GROUPS["category"], required=False)
    target = forms.MultipleChoiceField(label=GROUPS["target"], required=False)
    party = forms.ChoiceField(label=GROUPS["party"], required=False)
    province = forms.ChoiceField(label=GROUPS["province"], required=False)
    district = forms.ChoiceField(label=GROUPS["district"], required=False)
    precision = forms.ChoiceField(
        label=gettext_lazy("Precision"), required=False, choices=list(PRECISIONS.items())
    )
    methods = forms.BooleanField(
        label=gettext_lazy("Kind of attack, where you may see it"),
        required=False,
        help_text=gettext_lazy("Reading it is noted where the agreement says so."),
    )
    group = forms.ChoiceField(label=gettext_lazy("Compare by"), required=False)
    before_since = _day(gettext_lazy("Earlier period from"))
    before_until = _day(gettext_lazy("Earlier period to"))
    after_since = _day(gettext_lazy("Later period from"))
    after_until = _day(gettext_lazy("Later period to"))

    PERIODS = ("before_since", "before_until", "after_since", "after_until")

    def __init__(self, data: Mapping[str, Any], seen: Seen, today: date) -> None:
        super().__init__(data)
        self.seen = seen
        self.today = day_of(today)
        for name in CHOSEN:
            values = sorted(set(np.unique(seen.events.names[name]).tolist()) - {""})
            options = sorted(((value, group_name(name, value)) for value in values), key=lambda each: each[1])
            if name in _SEVERAL:
                self.fields[name].widget.attrs["size"] = 4
            self._offer(name, options if name in _SEVERAL else [("", _("Any")), *options])
        self._offer("unit", [("", _("As the period allows")), *UNITS.items()])
        self._offer("group", [(name, GROUPS[name]) for name in COMPARED])

    def _offer(self, name: str, options: list[tuple[str, Any]]) -> None:
        self.fields[name].choices = options  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        for name in ("since", "until", *self.PERIODS):
            if told.get(name) and not FIRST <= told[name] <= LAST:
                self.add_error(name, _("A day from 1900 to 2199."))
        if self.errors:
            return told
        since, until = self.period()
        if since >= until:
            self.add_error("until", _("The period ends before it begins."))
        elif told.get("unit") and (until - since) / _LENGTH[told["unit"]] > MOST_UNITS:
            self.add_error("unit", _("More than %(n)s of these: choose a longer unit.") % {"n": MOST_UNITS})
        given = [name for name in self.PERIODS if told.get(name)]
        if given and len(given) < len(self.PERIODS):
            missing = next(name for name in self.PERIODS if name not in given)
            self.add_error(missing, _("Give all four days, or none."))
        elif given:
            before, after = self.compared()
            for (first, last), name in ((before, "before_until"), (after, "after_until")):
                if first >= last:
                    self.add_error(name, _("The period ends before it begins."))
            if before[1] > after[0]:
                self.add_error("after_since", _("The later period begins before the earlier one ends."))
        return told

    def period(self) -> Period:
        """The period looked at; call after the fields were cleaned, as `clean` does."""
        # A day that has not come is a slip of the pen: it must not carry the period with it.
        day = self.seen.events.day[self.seen.events.day <= self.today]
        latest = int(day[-1]) if len(day) else self.today
        end = latest + 1 if latest < self.today - QUIET else self.today + 1
        until = _after(self.cleaned_data.get("until")) or end
        since = _number(self.cleaned_data.get("since"))
        if since is None:
            first = int(day[0]) if len(day) and day[0] < until else until - DAYS
            since = max(until - DAYS, min(first, until - 1))
        return since, until

    def compared(self) -> tuple[Period, Period]:
        """The two periods that are compared: those given, or the halves of the period (of one day: the day before)."""
        told = [self.cleaned_data.get(name) for name in self.PERIODS]
        if all(told):
            numbers = [_number(each) or 0 for each in told]
            return (numbers[0], numbers[1] + 1), (numbers[2], numbers[3] + 1)
        since, until = self.period()
        middle = (since + until) // 2
        return (min(since, middle - 1), middle), (middle, until)

    def counted_by(self) -> str:
        """The unit of time: the one that was chosen, or one that gives some dozens of counts."""
        chosen: str = self.cleaned_data["unit"]
        since, until = self.period()
        days = until - since
        return chosen or (
            "week" if days <= 400 else "month" if days <= DAYS else "quarter" if days <= 10_000 else "year"
        )

    def ended_early(self) -> bool:
        """Whether the period was made to end with the latest incident, because there has been none for long."""
        return not self.cleaned_data.get("until") and self.period()[1] <= self.today - QUIET

    def address(self) -> list[tuple[str, str]]:
        """The fields as they stand in an address, the period that was used among them."""
        told = self.cleaned_data
        since, until = self.period()
        pairs = [("since", iso_of(since)), ("until", iso_of(until - 1))]
        for name in _SEVERAL:
            pairs += [(name, value) for value in told[name]]
        for name in ("unit", "party", "province", "district", "precision", "group"):
            pairs += [(name, told[name])] if told[name] else []
        pairs += [("methods", "on")] if told["methods"] else []
        return pairs + [(name, told[name].isoformat()) for name in self.PERIODS if told[name]]


def today() -> date:
    return datetime.now(UTC).date()


def _number(day: date | None) -> int | None:
    return None if day is None else day_of(day)


def _after(day: date | None) -> int | None:
    return None if day is None else day_of(day) + 1
