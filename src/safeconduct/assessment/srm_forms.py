"""The forms of assessments: each does one rule, on the version that was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment import srm_rules as rules
from safeconduct.assessment import srm_words as words
from safeconduct.assessment.srm_compared import key_of
from safeconduct.assessment.srm_kinds import ASSESSMENT
from safeconduct.assessment.srm_parts import CATEGORIES, EVENTS, OTHER, OUTCOMES
from safeconduct.assessment.srm_subject import title_of
from safeconduct.records.commit import Committed
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released
from safeconduct.risk.matrix import CRITICALITIES, IMPACTS, LIKELIHOODS

MOST_SUBJECTS = 500
CORNERS = 200
Label = Any
"""Text, or text that is translated when it is shown."""


def line(label: Label, required: bool = True, most: int = 200, help_text: Label = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"dir": "auto"})
    return forms.CharField(
        label=label, max_length=most, required=required, widget=widget, help_text=help_text
    )


def lines(label: Label, required: bool = False, help_text: Label = "") -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 3, "dir": "auto"})
    return forms.CharField(
        label=label, max_length=5_000, required=required, widget=widget, help_text=help_text
    )


class Day(forms.DateField):
    """A whole day, told as ISO 8601."""

    def __init__(self, label: Label, help_text: Label = "") -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(label=label, widget=widget, help_text=help_text)

    def clean(self, value: Any) -> Any:
        entered = super().clean(value)
        return entered.isoformat() if entered else ""


def explained(codes: tuple[str, ...], named: words.Words, means: words.Words) -> list[tuple[str, Any]]:
    """Each word with its meaning, as a choice shows it."""
    return [(code, _("%(word)s: %(means)s") % {"word": named[code], "means": means[code]}) for code in codes]


def scale(label: Label, codes: tuple[str, ...], named: words.Words, means: words.Words) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=lambda: explained(codes, named, means))


class SrmForm(forms.Form):
    """A form that does one rule. `plain` is one of a single button, which needs no page of its own."""

    plain: ClassVar[bool] = False
    level: str = LEVELS[0]
    """The highest label of what the form offers to choose from."""
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=10**8)

    def __init__(
        self,
        *args: Any,
        reader: Subject,
        found: Released | None = None,
        asked: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        """`found` is the record that the form is about, `asked` what its address says besides."""
        super().__init__(*args, **kwargs)
        self.reader, self.found, self.asked = reader, found, dict(asked or {})
        self.prepare()
        if found is not None:
            self.fields["seen"].initial = found.version

    def prepare(self) -> None:
        """What depends on the reader, on the record, or on what the address says."""

    def do(self, actor: Subject, by: str) -> Committed:
        """The rule, on what was entered and validated."""
        raise NotImplementedError

    @property
    def given(self) -> Released:
        """The record that the form is about. Raises Malformed for a form that begins a new one."""
        if self.found is None:
            raise Malformed("this is done to a record")
        return self.found

    @property
    def record(self) -> str:
        return self.given.id

    @property
    def version(self) -> int:
        return int(self.cleaned_data.get("seen") or self.given.version)

    def part(self, name: str) -> Mapping[str, Any]:
        return self.given.parts.get(name) or {}

    def begin_with(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name in self.fields:
                self.fields[name].initial = value

    def entered(self, *names: str) -> dict[str, Any]:
        """The fields of these names that are not empty."""
        given = self.cleaned_data
        return {name: given[name] for name in names if given.get(name) not in (None, "", [])}


class PeriodForm(SrmForm):
    title = line(_("Title"))
    since = Day(_("From"))
    until = Day(_("Until"))


class PlaceForm(PeriodForm):
    """Of a site or a journey that the reader may know of."""

    subject: ClassVar[str] = "site"
    about = forms.ChoiceField(label="")

    def prepare(self) -> None:
        field: Any = self.fields["about"]
        field.label = words.SUBJECTS[self.subject]
        shown = {"site": ("identity",), "movement": ("notice",)}[self.subject]
        query = Query(self.subject, parts=shown, withdrawn=False, sort="at", limit=MOST_SUBJECTS)
        offered = find(self.reader, query).records
        self.level = max((each.label for each in offered), key=LEVELS.index, default=self.level)
        field.choices = [(each.id, title_of(each)) for each in offered]
        field.initial = self.asked.get("about", "")

    def do(self, actor: Subject, by: str) -> Committed:
        scope = {"subject": self.subject, **self.entered("title", "since", "until")}
        return rules.begin(actor, scope, self.cleaned_data["about"])


class MovementForm(PlaceForm):
    subject = "movement"


class AreaForm(PeriodForm):
    area = line(
        _("Name of the area"), help_text=_("Both parties' assessments of an area are found by its name.")
    )
    latitude = forms.FloatField(label=_("Latitude"), required=False, min_value=-90, max_value=90)
    longitude = forms.FloatField(label=_("Longitude"), required=False, min_value=-180, max_value=180)
    radius_km = forms.FloatField(label=_("Radius, km"), required=False, min_value=0.1, max_value=500)
    boundary = lines(_("Corners"), help_text=_("Three or more, one to a line: latitude, longitude."))

    def prepare(self) -> None:
        self.begin_with(self.asked)

    def clean_boundary(self) -> Any:
        told = [each for each in self.cleaned_data["boundary"].splitlines() if each.strip()]
        if len(told) > CORNERS:
            raise forms.ValidationError(_("Too many corners."))
        try:
            corners = [[float(each) for each in row.replace("،", ",").split(",")] for row in told]
            return [[lon, lat] for lat, lon in corners]
        except ValueError as fault:
            raise forms.ValidationError(_("A corner is a latitude and a longitude, with a comma.")) from fault

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.entered(
            "title", "since", "until", "area", "latitude", "longitude", "radius_km", "boundary"
        )
        return rules.begin(actor, {"subject": "area", **given})


class ScopeForm(PeriodForm):
    def prepare(self) -> None:
        self.begin_with(self.part("scope"))

    def do(self, actor: Subject, by: str) -> Committed:
        scope = {**self.part("scope"), **self.entered("title", "since", "until")}
        return rules.write_part(actor, self.record, self.version, "scope", scope)


class SituationForm(SrmForm):
    text = lines(_("What is known of the situation"), required=True)
    data_as_of = Day(_("Data as of"), help_text=_("How old what you rely on is."))
    missing = lines(
        _("Missing from the data"),
        help_text=_("For example: attempts without a death, the hour of the day, what anybody intends."),
    )
    forecast = line(_("Forecast that was read"), required=False)

    def prepare(self) -> None:
        self.begin_with(self.part("situation"))

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.entered("text", "data_as_of", "missing", "forecast")
        return rules.write_part(actor, self.record, self.version, "situation", given)


class ProgrammeForm(SrmForm):
    activity = lines(_("What is done there"), required=True)
    criticality = forms.ChoiceField(
        label=words.FIELDS["criticality"],
        choices=[(each, words.CRITICALITY[each]) for each in CRITICALITIES],
        initial="PC3",
    )
    persons = forms.IntegerField(label=_("Persons"), required=False, min_value=0, max_value=1_000_000)
    exposure = line(words.FIELDS["exposure"], required=False)

    def prepare(self) -> None:
        self.begin_with(self.part("programme"))

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.entered("activity", "criticality", "persons", "exposure")
        return rules.write_part(actor, self.record, self.version, "programme", given)


def _events() -> list[Any]:
    return [
        (
            words.CATEGORIES[category],
            [(f"{category}/{event}", words.EVENTS[event]) for event in (*EVENTS[category], OTHER)],
        )
        for category in CATEGORIES
    ]


class ThreatForm(SrmForm):
    """One threat, new or as it was rated before (`asked["threat"]` is its key)."""

    what = forms.ChoiceField(label=words.FIELDS["event"], choices=_events)
    title = line(_("What, more exactly"), required=False, help_text=_("For another event: what it is."))
    vulnerabilities = lines(words.FIELDS["vulnerabilities"])
    present = lines(words.FIELDS["present"])
    likelihood = scale(
        _("Likelihood, with the measures in place"), LIKELIHOODS, words.LIKELIHOOD, words.LIKELIHOOD_MEANS
    )
    impact = scale(_("Impact, with the measures in place"), IMPACTS, words.IMPACT, words.IMPACT_MEANS)
    further = lines(words.FIELDS["further"])
    residual_likelihood = scale(
        _("Likelihood, with the further measures"), LIKELIHOODS, words.LIKELIHOOD, words.LIKELIHOOD_MEANS
    )
    residual_impact = scale(_("Impact, with the further measures"), IMPACTS, words.IMPACT, words.IMPACT_MEANS)
    remark = lines(_("Remark"))

    def prepare(self) -> None:
        self.key = self.asked.get("threat", "")
        if not self.key:
            return
        for each in [*rules.weaknesses_of(self.given), *rules.threats_of(self.given)]:
            if key_of(each) == self.key:
                self.begin_with({**each, "what": f"{each['category']}/{each['event']}"})

    def do(self, actor: Subject, by: str) -> Committed:
        category, _slash, event = self.cleaned_data["what"].partition("/")
        given = self.entered(
            "title", "vulnerabilities", "present", "likelihood", "impact", "further", "residual_likelihood",
            "residual_impact", "remark",
        )  # fmt: skip
        threat = {"category": category, "event": event, **given}
        return rules.rate(actor, self.record, self.version, threat, self.key)


class UnrateForm(SrmForm):
    plain = True
    threat = forms.CharField(max_length=400)

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.unrate(actor, self.record, self.version, self.cleaned_data["threat"])


class ProposeForm(SrmForm):
    outcome = forms.ChoiceField(
        label=_("Decision"), choices=lambda: explained(OUTCOMES, words.OUTCOMES, words.OUTCOMES_MEAN)
    )
    reason = lines(words.FIELDS["reason"], required=True)
    review = Day(_("To be reviewed by"))
    expires = Day(words.FIELDS["expires"])

    def prepare(self) -> None:
        self.begin_with(self.part("decision"))

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.entered("outcome", "reason", "review", "expires")
        return rules.propose(actor, self.record, self.version, given, by)


class TakeBackForm(SrmForm):
    plain = True

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.take_back(actor, self.record, self.version)


class SendBackForm(SrmForm):
    plain = True

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.take_back(actor, self.record, self.version, "approve")


class ApproveForm(SrmForm):
    """On exactly the version that was read."""

    remark = lines(_("Remark"))

    def prepare(self) -> None:
        self.fields["seen"].required = True

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.approve(actor, self.record, self.version, self.cleaned_data["remark"], by)


class LabelForm(SrmForm):
    """The label of each part that there is."""

    def prepare(self) -> None:
        levels = self.given.levels
        for name in ASSESSMENT.part_names:
            if name in levels and self.part(name):
                self.fields[f"level_{name}"] = forms.TypedChoiceField(
                    label=words.PARTS[name],
                    choices=[(str(number), level) for number, level in enumerate(LEVELS)],
                    coerce=int,
                    initial=LEVELS.index(levels[name]),
                )

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        levels = {
            name.removeprefix("level_"): level for name, level in given.items() if name.startswith("level_")
        }
        return rules.label(actor, self.record, self.version, levels)


class AdviceForm(SrmForm):
    """A further measure handed on to the joint strategy; `asked["threat"]` is the threat that it is against."""

    title = line(_("Title"))
    text = lines(_("What ought to be done"))
    to = forms.ChoiceField(label=_("Addressed to"), choices=list(words.SIDES.items()))

    def prepare(self) -> None:
        for each in rules.threats_of(self.given):
            if key_of(each) == self.asked.get("threat"):
                self.begin_with({"text": each.get("further", "")})

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        key = self.asked.get("threat", "")
        return rules.recommend(actor, self.record, key, given["title"], given["text"], given["to"], by)


class DifferenceForm(SrmForm):
    """Noted beside the other party's assessment; `asked["own"]` is the own one."""

    way_forward = lines(_("Agreed way forward"), help_text=_("Leave it empty where nothing was agreed yet."))

    def do(self, actor: Subject, by: str) -> Committed:
        own = self.asked.get("own", "")
        return rules.note_difference(actor, own, self.record, self.cleaned_data["way_forward"], by)


class SettleForm(SrmForm):
    way_forward = lines(_("Agreed way forward"), required=True)

    def prepare(self) -> None:
        self.begin_with({"way_forward": self.part("way_forward").get("text", "")})

    def do(self, actor: Subject, by: str) -> Committed:
        text_given = self.cleaned_data["way_forward"]
        return rules.settle_difference(actor, self.record, self.version, text_given, by)
