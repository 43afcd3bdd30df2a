"""What a journey manager asks of the ways there are, and how he decides for one."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment.route_kinds import LONGEST_TERM, MOST_HALTS
from safeconduct.assessment.route_places import Gazetteer, Spot
from safeconduct.assessment.route_rules import Question
from safeconduct.geo.routing import LONGER, LONGEST
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released
from safeconduct.risk.passage import HALF_WIDTH_KM, LONGEST_HALT, WINDOW_MINUTES, Nearness
from safeconduct.shell.terms import listed

AHEAD = timedelta(days=30)
"""How long after the last incidents that were looked at a departure can be: the figures are for days like those."""
EARLIEST = date(1970, 1, 1)
MOVEMENTS = 100
_PARTED = re.compile(r"[;；؛\t]")
_DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")


def _place(label: Any, **attrs: Any) -> forms.CharField:
    entry = forms.TextInput(attrs={"dir": "auto", "list": "places", **attrs})
    return forms.CharField(label=label, max_length=200, widget=entry)


def _day(label: Any, help_text: Any = "") -> forms.DateField:
    entry = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=entry, help_text=help_text)


def _number(
    label: Any, low: float, high: float, initial: float | None, help_text: Any = "", step: str = "any"
) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        min_value=low,
        max_value=high,
        initial=initial,
        required=initial is not None,
        help_text=help_text,
        widget=forms.NumberInput(attrs={"step": step}),
    )


class QuestionForm(forms.Form):
    """After is_valid(), `question` is what the rule takes. `level`: the highest label of the movements offered."""

    origin = _place(pgettext_lazy("place", "From"), autofocus=True)
    destination = _place(pgettext_lazy("place", "To"))
    depart = _day(_("Day of departure"))
    until = _day(
        _("Incidents up to"), _("The last day whose incidents count; the departure is at most 30 days later.")
    )
    half_width_km = _number(
        _("Half width of the corridor, km"),
        0.05,
        25,
        HALF_WIDTH_KM,
        _("An incident so near to the road counts. The figures grow in proportion."),
    )
    window_minutes = _number(
        _("Window, minutes"),
        1,
        1440,
        WINDOW_MINUTES,
        _(
            "Altogether, before and after passing: an incident within it counts. The figures grow in proportion."
        ),
    )
    longest = _number(
        _("Longest detour, times the quickest"),
        1,
        LONGEST,
        LONGER,
        _("A longer way means more traffic, more fatigue and more exposure to crashes."),
    )
    halts = forms.CharField(
        label=_("Halts on the way"),
        help_text=_("One to a line: place; minutes. A halt counts on the ways that pass within 10 km of it."),
        max_length=5_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
    )
    times = _number(
        _("Multiplier for the hour of day: your judgement; the data has no hour"),
        0.01,
        100,
        1.0,
        _("1 changes nothing. It multiplies every figure alike, so it makes no way better than another."),
    )
    crash_rate = _number(
        _("Road deaths per billion km: your figure, not from incidents"),
        0.001,
        10_000,
        None,
        _("Shown in a column of its own and never added. Leave it empty if you have none."),
    )
    crash_per = forms.ChoiceField(
        label=_("These are km of"),
        choices=[("vehicle", _("vehicles")), ("person", _("persons"))],
        required=False,
        initial="vehicle",
    )
    crash_source = forms.CharField(
        label=_("Source of that figure"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    movement = forms.ChoiceField(label=_("Kept with the movement"), required=False)

    def __init__(self, *args: Any, reader: Subject, book: Gazetteer, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.book = book
        self.question: Question | None = None
        for name in ("depart", "until"):
            self.fields[name].initial = today
        choices: Any = self.fields["movement"]
        movements = _movements(reader)
        self.level = max((each.label for each in movements), key=LEVELS.index, default=LEVELS[0])
        choices.choices = [("", _("none")), *((each.id, _quoted(each)) for each in movements)]

    @property
    def groups(self) -> list[tuple[Any, list[forms.BoundField], bool]]:
        """The fields as the page shows them, with what is open from the start."""
        names = (
            (_("The journey"), ("origin", "destination", "depart", "until", "movement"), True),
            (_("What counts as near"), ("half_width_km", "window_minutes", "longest", "halts"), True),
            (_("Your own judgement"), ("times", "crash_rate", "crash_per", "crash_source"), False),
        )
        return [
            (title, [self[name] for name in group], shown or any(self[name].errors for name in group))
            for title, group, shown in names
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        origin, destination = self._spot("origin"), self._spot("destination")
        if origin and destination and origin.at == destination.at:
            self.add_error("destination", _("The journey ends where it begins."))
        self._check_days()
        halts = self._halts()
        rate, source = cleaned.get("crash_rate"), cleaned.get("crash_source") or ""
        if rate and not source:
            self.add_error("crash_source", _("A figure is given with its source."))
        if self.errors or origin is None or destination is None:
            return cleaned
        crash = {"rate": rate, "per": cleaned.get("crash_per") or "vehicle", "source": source}
        self.question = Question(
            origin=origin,
            destination=destination,
            depart=cleaned["depart"],
            until=cleaned["until"],
            near=Nearness(cleaned["half_width_km"], cleaned["window_minutes"], cleaned["times"]),
            longest=cleaned["longest"],
            halts=tuple(halts),
            crash=crash if rate else None,
        )
        return cleaned

    def _spot(self, name: str) -> Spot | None:
        typed = self.cleaned_data.get(name) or ""
        if not typed:
            return None
        found = self.book.find(typed)
        if found is None:
            self.add_error(name, _unknown(self.book, typed))
        return found

    def _check_days(self) -> None:
        depart, until = self.cleaned_data.get("depart"), self.cleaned_data.get("until")
        if until and not EARLIEST < until <= datetime.now(UTC).date() + timedelta(days=1):
            self.add_error("until", _("Incidents are looked at up to today, and from 1970 on."))
        elif depart and until and not until <= depart <= until + AHEAD:
            text = _("The departure is on the last day whose incidents count, or at most 30 days after it.")
            self.add_error("depart", text)

    def _halts(self) -> list[tuple[Spot, float]]:
        found: list[tuple[Spot, float]] = []
        lines = [line for line in (self.cleaned_data.get("halts") or "").splitlines() if line.strip()]
        if len(lines) > MOST_HALTS:
            self.add_error("halts", gettext("At most %(n)s halts.") % {"n": MOST_HALTS})
            return found
        for number, line in enumerate(lines, 1):
            place, *more = (each.strip() for each in _PARTED.split(line))
            minutes = _minutes(more)
            spot = self.book.find(place) if place else None
            if minutes is None:
                text = gettext("Line %(n)s: place; minutes, of 1 to 20,160.")
                self.add_error("halts", text % {"n": number})
            elif spot is None:
                self.add_error("halts", _unknown(self.book, place))
            else:
                found.append((spot, minutes))
        return found


def _minutes(fields: list[str]) -> float | None:
    if len(fields) != 1:
        return None
    digits = fields[0].translate(_DIGITS)
    return float(digits) if re.fullmatch(r"\d{1,5}", digits) and 0 < int(digits) <= LONGEST_HALT else None


def _unknown(book: Gazetteer, typed: str) -> str:
    alike = book.alike(typed)
    if not alike:
        return gettext("No town or site of that name is known here.")
    return gettext("No town or site of that name is known here. Perhaps: %(names)s") % {
        "names": listed(alike)
    }


def _movements(reader: Subject) -> list[Released]:
    """The movements that the reader may see and that are not over."""
    query = Query("movement", parts=("notice",), withdrawn=False, sort="at", limit=MOVEMENTS)
    return [
        each for each in find(reader, query).records if each.state in ("notified", "under_way", "overdue")
    ]


def _quoted(movement: Released) -> str:
    """The number by which people quote it."""
    return (movement.parts.get("notice") or {}).get("reference") or movement.id[:8]


class ChoiceForm(forms.Form):
    """Which way, why, and until when."""

    way = forms.ChoiceField(label=_("Option"), widget=forms.RadioSelect)
    why = forms.CharField(
        label=_("Why"), max_length=5_000, widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"})
    )
    expires = _day(_("Holds until"), _("At most 31 days: the figures grow old."))
    seen = forms.IntegerField(min_value=1, max_value=10**8, widget=forms.HiddenInput)

    def __init__(self, *args: Any, ways: int, **options: Any) -> None:
        super().__init__(*args, **options)
        field: Any = self.fields["way"]
        text = _("Option %(n)s")
        field.choices = [(str(n), text % {"n": n}) for n in range(1, ways + 1)]

    def clean_expires(self) -> date:
        expires: date = self.cleaned_data["expires"]
        today = datetime.now(UTC).date()
        if not today < expires <= today + LONGEST_TERM:
            raise forms.ValidationError(_("From tomorrow on, and at most 31 days from today."))
        return expires
