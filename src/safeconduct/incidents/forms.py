"""Forms of the room. Each part of a record has a form of its own: what a person may not write is not asked.

A form's `value()` is the part as `records.commit` takes it; the part's own model has checked it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError as FormError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.incidents import words
from safeconduct.incidents.kinds import CLAIM, FIGURES, INCIDENT, UNITS
from safeconduct.records.kinds import Kind
from safeconduct.records.moments import instant, is_day
from safeconduct.shell.terms import LEVEL_NAMES

EMPTY = (None, "")
LONG = forms.Textarea(attrs={"rows": 4})


def choices(options: words.Words, blank: Any = None) -> list[tuple[str, Any]]:
    """The options of a select, with an empty first one when `blank` gives its words."""
    return ([("", blank)] if blank is not None else []) + list(options.items())


class PartForm(forms.Form):
    """The fields of one part and its label. `optional` parts may be left empty; then `value()` is None."""

    kind: ClassVar[Kind] = INCIDENT
    part: ClassVar[str]
    optional: ClassVar[bool] = True

    def __init__(
        self,
        data: Any = None,
        *,
        current: Mapping[str, Any] | None = None,
        level: int | None = None,
        clearance: int = len(LEVELS) - 1,
    ) -> None:
        """`current` is the part as it stands and `level` its label; nobody labels above their `clearance`."""
        self.current = current
        self._value: dict[str, Any] | None = None
        super().__init__(data, initial=self.initial_of(current) if current else {}, prefix=self.part)
        default = self.kind.default_levels()[self.part] if level is None else level
        offered = [name for name in LEVELS if LEVELS.index(name) <= max(clearance, default)]
        self.fields["label_level"] = forms.ChoiceField(
            label=_("Label of this part"),
            choices=[(name, LEVEL_NAMES[name]) for name in offered],
            initial=LEVELS[default],
        )

    @property
    def heading(self) -> Any:
        return words.PARTS[self.part]

    @classmethod
    def initial_of(cls, current: Mapping[str, Any]) -> dict[str, Any]:
        return dict(current)

    def compose(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """The part's fields from the cleaned ones, blanks left out."""
        model = self.kind.parts[self.part]
        return {n: v for n, v in cleaned.items() if n in model.model_fields and v not in EMPTY}

    def says_something(self, value: Mapping[str, Any]) -> bool:
        """Whether anything was entered, defaults aside."""
        return any(content not in EMPTY and content is not False for content in value.values())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        value = self.compose(cleaned)
        self._value = None
        if self.errors or (self.optional and not self.says_something(value)):
            return cleaned
        try:
            checked = self.kind.parts[self.part].model_validate(value)
        except ValidationError as fault:
            for error in fault.errors(include_url=False):
                name = str(error["loc"][0]) if error["loc"] else None
                message = error["msg"].removeprefix("Value error, ")
                self.add_error(name if name in self.fields else None, FormError(message))
            return cleaned
        self._value = checked.model_dump(mode="json", exclude_none=True)
        return cleaned

    def value(self) -> dict[str, Any] | None:
        """The part, or None when it was left empty. Call after is_valid()."""
        return self._value

    def level(self) -> int:
        return LEVELS.index(self.cleaned_data["label_level"])


class SummaryForm(PartForm):
    part = "summary"
    optional = False

    title = forms.CharField(label=words.FIELDS["title"], max_length=200)
    category = forms.ChoiceField(label=words.FIELDS["category"], choices=choices(words.CATEGORIES))
    target_class = forms.ChoiceField(
        label=words.FIELDS["target_class"], choices=choices(words.TARGETS, "—"), required=False
    )
    narrative = forms.CharField(
        label=words.FIELDS["narrative"], max_length=20_000, required=False, widget=LONG
    )
    exercise = forms.BooleanField(label=_("This is an exercise"), required=False)


class WhenForm(PartForm):
    part = "when"
    optional = False

    start_day = forms.DateField(
        label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    start_time = forms.TimeField(
        label=_("Hour, if known"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    end_day = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    end_time = forms.TimeField(
        label=_("Last hour"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    time_precision = forms.TypedChoiceField(
        label=words.FIELDS["time_precision"], choices=choices(words.TIME_PRECISION), coerce=int, initial=1
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = timezone.get_current_timezone_name()
        self.fields["start_time"].help_text = gettext("Time zone: %(zone)s") % {"zone": zone}

    @classmethod
    def initial_of(cls, current: Mapping[str, Any]) -> dict[str, Any]:
        initial: dict[str, Any] = {"time_precision": current.get("time_precision", 1)}
        for end in ("start", "end"):
            if text := current.get(end):
                moment = instant(text)
                local = moment if is_day(text) else timezone.localtime(moment)
                initial[f"{end}_day"] = local.date()
                initial[f"{end}_time"] = None if is_day(text) else local.time()
        return initial

    def compose(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        value: dict[str, Any] = {"time_precision": cleaned.get("time_precision", 1)}
        for end in ("start", "end"):
            day, hour = cleaned.get(f"{end}_day"), cleaned.get(f"{end}_time")
            if hour and not day:
                self.add_error(f"{end}_day", FormError(gettext("Give the day as well.")))
            elif day:
                value[end] = self._as_written(end, _moment(day, hour))
        value["local_hour_known"] = bool(cleaned.get("start_time"))
        if self.current and value.get("start") == self.current.get("start"):
            value["local_hour_known"] = self.current.get("local_hour_known", False)
        return value

    def _as_written(self, end: str, entered: str) -> str:
        """The moment as the report had it, if it was not changed: to the minute, in whatever time zone."""
        before = (self.current or {}).get(end)
        if before and is_day(before) == is_day(entered):
            apart = instant(before).replace(second=0, microsecond=0) - instant(entered)
            return entered if apart else str(before)
        return entered


def _moment(day: date, hour: time | None) -> str:
    if hour is None:
        return day.isoformat()
    return timezone.make_aware(datetime.combine(day, hour)).isoformat()


class WhereForm(PartForm):
    part = "where"
    optional = False

    place = forms.CharField(label=words.FIELDS["place"], max_length=200, required=False)
    district = forms.CharField(label=words.FIELDS["district"], max_length=200, required=False)
    province = forms.CharField(label=words.FIELDS["province"], max_length=200, required=False)
    country = forms.CharField(label=words.FIELDS["country"], max_length=200, required=False)
    latitude = forms.FloatField(
        label=words.FIELDS["latitude"],
        min_value=-90,
        max_value=90,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
    longitude = forms.FloatField(
        label=words.FIELDS["longitude"],
        min_value=-180,
        max_value=180,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
    geo_precision = forms.TypedChoiceField(
        label=words.FIELDS["geo_precision"], choices=choices(words.GEO_PRECISION), coerce=int, initial=1
    )


class PeopleForm(PartForm):
    part = "people"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        counted = {
            f"{name}_{end}": forms.IntegerField(
                label=f"{words.MEASURED[name]}: {words.FIELDS[end]}",
                min_value=0,
                max_value=1_000_000,
                required=False,
            )
            for name in FIGURES
            for end in ("low", "best", "high")
        }
        told = {
            "nationalities": forms.CharField(
                label=words.FIELDS["nationalities"], max_length=200, required=False
            ),
            "victims": forms.CharField(
                label=words.FIELDS["victims"],
                help_text=_("A name that may have to be withdrawn alone belongs in a record of its own."),
                max_length=20_000,
                required=False,
                widget=LONG,
            ),
        }
        self.fields = {**counted, **told, **self.fields}

    def rows(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The counted groups, each with its fields for low, best and high."""
        return [
            (words.MEASURED[name], [self[f"{name}_{end}"] for end in ("low", "best", "high")])
            for name in FIGURES
        ]

    def others(self) -> list[forms.BoundField]:
        return [self[name] for name in ("nationalities", "victims", "label_level")]


class MethodForm(PartForm):
    part = "method"

    type = forms.ChoiceField(label=words.FIELDS["type"], choices=choices(words.METHODS, "—"), required=False)
    detail = forms.CharField(label=words.FIELDS["detail"], max_length=20_000, required=False, widget=LONG)


class ResponseForm(PartForm):
    part = "response"

    units = forms.CharField(label=words.FIELDS["units"], max_length=20_000, required=False, widget=LONG)
    measures = forms.CharField(label=words.FIELDS["measures"], max_length=20_000, required=False, widget=LONG)
    text = forms.CharField(label=words.FIELDS["text"], max_length=20_000, required=False, widget=LONG)


def _grades() -> dict[str, forms.Field]:
    return {
        "reliability": forms.ChoiceField(
            label=words.FIELDS["reliability"], choices=choices(words.RELIABILITY, "—"), required=False
        ),
        "credibility": forms.TypedChoiceField(
            label=words.FIELDS["credibility"],
            choices=choices(words.CREDIBILITY, "—"),
            coerce=int,
            empty_value=None,
            required=False,
        ),
    }


class SourceForm(PartForm):
    part = "source"

    name = forms.CharField(label=words.FIELDS["name"], max_length=200, required=False)
    url = forms.URLField(label=words.FIELDS["url"], max_length=2_000, required=False, assume_scheme="https")
    remark = forms.CharField(label=words.FIELDS["remark"], max_length=2_000, required=False, widget=LONG)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {**self.fields, **_grades()}

    def compose(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """An identifier that an import gave stays: no field of the form holds it."""
        external = (self.current or {}).get("external")
        return super().compose(cleaned) | ({"external": external} if external else {})


PART_FORMS: tuple[type[PartForm], ...] = (
    SummaryForm,
    WhenForm,
    WhereForm,
    PeopleForm,
    MethodForm,
    ResponseForm,
    SourceForm,
)
IMMEDIATE_FORMS = PART_FORMS[:3]


class ClaimedFigureForm(PartForm):
    kind = CLAIM
    part = "figure"

    what = forms.ChoiceField(label=words.FIELDS["what"], choices=choices(words.MEASURED, "—"), required=False)
    low = forms.FloatField(label=words.FIELDS["low"], min_value=0, required=False)
    best = forms.FloatField(label=words.FIELDS["best"], min_value=0, required=False)
    high = forms.FloatField(label=words.FIELDS["high"], min_value=0, required=False)

    def compose(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        value = super().compose(cleaned)
        for end in ("low", "best", "high"):
            if end in value and value[end] == int(value[end]):
                value[end] = int(value[end])
        if value.get("what") in UNITS:
            value["unit"] = UNITS[value["what"]]
        return value


class ClaimSourceForm(PartForm):
    kind = CLAIM
    part = "source"
    optional = False

    outlet = forms.CharField(label=words.FIELDS["outlet"], max_length=200)
    party = forms.ChoiceField(label=words.FIELDS["party"], choices=choices(words.CLAIMANTS))
    published = forms.DateField(
        label=words.FIELDS["published"], required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    url = forms.URLField(label=words.FIELDS["url"], max_length=2_000, required=False, assume_scheme="https")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {**self.fields, **_grades()}

    def compose(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        value = super().compose(cleaned)
        return value | ({"published": value["published"].isoformat()} if "published" in value else {})


class RemarkForm(PartForm):
    kind = CLAIM
    part = "remark"

    text = forms.CharField(label=words.FIELDS["text"], max_length=20_000, required=False, widget=LONG)


CLAIM_FORMS: tuple[type[PartForm], ...] = (ClaimedFigureForm, ClaimSourceForm, RemarkForm)


class ReleaseForm(forms.Form):
    """To which partners the record may be released at all; what of it is for the agreement to say."""

    releasable = forms.MultipleChoiceField(
        label=_("May be released to"),
        help_text=_(
            "Only the parts that the agreement allows ever leave. With none chosen it stays with us."
        ),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(
        self, data: Any, partners: Sequence[tuple[str, str]], chosen: Sequence[str] | None = None
    ) -> None:
        every = [party for party, _name in partners]
        super().__init__(data, prefix="release", initial={"releasable": every if chosen is None else chosen})
        self.fields["releasable"].choices = list(partners)  # type: ignore[attr-defined]


class StageForm(forms.Form):
    """Which report this is, and the version of the incident that it is built on."""

    stage = forms.ChoiceField(
        label=_("This report is"),
        choices=[(name, label) for name, label in words.STATES.items() if name != "immediate"],
    )
    seen = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
