"""The forms of warnings: give one, acknowledge, find what came of it, end it early, grade it anew."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import ROLES
from safeconduct.assessment import warning_rules as rules
from safeconduct.assessment import warning_words as words
from safeconduct.assessment.warning_kinds import MOST_CORNERS, MOST_NAMED, MOST_PLACES, may_acknowledge
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.commit import Committed
from safeconduct.records.principals import subjects_of
from safeconduct.records.release import Released
from safeconduct.shell.terms import ROLE_NAMES

Choices = Sequence[tuple[str, Any]]
_POINT = re.compile(r"\s*(-?\d{1,3}(?:\.\d{1,12})?)\s*[,;،]\s*(-?\d{1,3}(?:\.\d{1,12})?)\s*")
_COMMAS = re.compile(r"[,،、\n]")


def _short(name: str, required: bool = True, limit: int = 200, **more: Any) -> forms.CharField:
    entry = forms.TextInput(attrs={"dir": "auto"})
    return forms.CharField(
        label=words.FIELDS[name], max_length=limit, required=required, widget=entry, **more
    )


def _long(name: str, required: bool = False, label: Any = "") -> forms.CharField:
    entry = forms.Textarea(attrs={"rows": 3, "dir": "auto"})
    return forms.CharField(
        label=label or words.FIELDS[name], max_length=5_000, required=required, widget=entry
    )


def _choice(name: str, codes: words.Words, initial: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(label=words.FIELDS[name], choices=list(codes.items()), initial=initial or None)


class _Moment(forms.DateTimeField):
    """An instant of the reader's time zone, told in UTC."""

    def __init__(self, name: str) -> None:
        entry = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(label=words.FIELDS[name], widget=entry)

    def clean(self, value: Any) -> Any:
        entered = super().clean(value)
        return entered.astimezone(UTC).isoformat(timespec="seconds") if entered else ""


def _naming_roles() -> Choices:
    policy, party = here.state().policy, here.home().party
    return [(role, ROLE_NAMES[role]) for role in ROLES if may_acknowledge(policy, party, role)]


def _persons() -> Choices:
    """Those who could acknowledge: nobody else is told of here, travellers and guests of the node least of all."""
    accounts = list(Account.objects.filter(locked=False).order_by("display_name", "username")[:5_000])
    able = {role for role, _name in _naming_roles()}
    known = subjects_of(here.headers(), here.home(), [each.person for each in accounts], time.time())
    found = [each for each in accounts if known[each.person].roles & able]
    return [(each.person, each.display_name or each.username) for each in found[:500]]


def persons_named(persons: Sequence[str]) -> dict[str, str]:
    """What these persons of the own party are called; one without an account is left out."""
    found = Account.objects.filter(person__in=persons)
    return {each.person: each.display_name or each.username for each in found}


class WarningForm(forms.Form):
    """A warning as it was received or made."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    title = _short("title")
    text = _long("text")
    category = _choice("category", words.THREATS)
    urgency = _choice("urgency", words.WITHIN, "soon")
    since = _Moment("since")
    until = _Moment("until")
    exercise = forms.BooleanField(label=words.FIELDS["exercise"], required=False)
    districts = _short("districts", False, 5_000, help_text=_("Parted by commas"))
    sites = forms.MultipleChoiceField(label=words.FIELDS["sites"], required=False)
    roads = _short("roads", False)
    area = _short("area", False, 2_000)
    spot = forms.CharField(label=_("A position: what it is called"), max_length=200, required=False)
    latitude = forms.FloatField(label=_("Latitude"), min_value=-90, max_value=90, required=False)
    longitude = forms.FloatField(label=_("Longitude"), min_value=-180, max_value=180, required=False)
    boundary = forms.CharField(
        label=_("Polygon: one corner on each line"),
        required=False,
        max_length=50_000,
        help_text=_("Latitude, longitude: 24.86, 67.01"),
        widget=forms.Textarea(attrs={"rows": 3, "dir": "ltr"}),
    )
    code = forms.CharField(
        label=words.FIELDS["code"],
        max_length=32,
        help_text=_(
            "A code of your own for an organisation or a channel: capitals, digits, hyphens. Never a name."
        ),
        widget=forms.TextInput(attrs={"dir": "ltr"}),
    )
    type = _choice("type", words.SOURCE_TYPES)
    means = _choice("means", words.MEANS)
    reference = forms.CharField(
        label=words.FIELDS["reference"],
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr"}),
    )
    reliability = _choice("reliability", words.RELIABILITY, "F")
    credibility = _choice("credibility", words.CREDIBILITY, "6")
    why = _short("why", False)
    roles = forms.MultipleChoiceField(
        label=words.FIELDS["roles"],
        choices=_naming_roles,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    units = _short("units", False, 1_000, help_text=_("Their codes, parted by commas"))
    persons = forms.MultipleChoiceField(label=words.FIELDS["persons"], choices=_persons, required=False)
    own_only = forms.BooleanField(label=_("Keep it from the other party"), required=False)

    def __init__(self, *args: Any, sites: Choices = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["sites"]
        field.choices = list(sites)
        self.site_names = dict(sites)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        spot = [given.get(name) for name in ("spot", "latitude", "longitude")]
        if any(each not in (None, "") for each in spot) and any(each in (None, "") for each in spot):
            self.add_error("longitude", _("A position has a name, a latitude and a longitude."))
        given["polygon"] = self._ring(given.get("boundary") or "")
        if not any(given.get(name) for name in ("districts", "sites", "roads", "area", "spot", "polygon")):
            self.add_error("districts", words.REFUSALS["a warning says which places it concerns"])
        if not any(given.get(name) for name in ("roles", "units", "persons")):
            self.add_error("roles", words.REFUSALS["a warning names who is to acknowledge it"])
        return given

    def _ring(self, text: str) -> list[list[float]] | None:
        lines = [line for line in text.splitlines() if line.strip()]
        found = [match for line in lines if (match := _POINT.fullmatch(line))]
        if len(found) != len(lines) or 0 < len(lines) < 3 or len(lines) >= MOST_CORNERS:
            self.add_error(
                "boundary", _("Three corners or more, each a latitude and a longitude in degrees.")
            )
            return None
        ring = [[float(match[2]), float(match[1])] for match in found]
        return [*ring, ring[0]] if ring and ring[0] != ring[-1] else ring or None

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        warned = self._filled("title", "text", "category", "urgency", "since", "until", "exercise")
        places = self._filled("roads", "area", "polygon", "sites")
        places |= {
            "districts": _parted(given["districts"], MOST_PLACES),
            "site_names": [str(self.site_names[each])[:200] for each in given["sites"]],
        }
        if given["spot"]:
            position = {"latitude": given["latitude"], "longitude": given["longitude"]}
            places["points"] = [{"name": given["spot"], **position}]
        return rules.give_warning(
            actor,
            warned,
            places,
            self._filled("code", "type", "means", "reference"),
            self._filled("roles", "persons") | {"units": _parted(given["units"], MOST_NAMED)},
            given["reliability"],
            int(given["credibility"]),
            by,
            given["why"],
            given["own_only"],
            given["key"],
        )

    def _filled(self, *names: str) -> dict[str, Any]:
        given = self.cleaned_data
        return {name: given[name] for name in names if given.get(name) not in (None, "", [])}


def _parted(text: str, most: int) -> list[str]:
    return [each.strip()[:200] for each in _COMMAS.split(text) if each.strip()][: most + 1]


class ActForm(forms.Form):
    """A form that does one rule to a warning."""

    def __init__(self, *args: Any, found: Released, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found = found

    def do(self, actor: Subject, by: str) -> Committed:
        raise NotImplementedError


class _SeenForm(ActForm):
    seen = forms.IntegerField(min_value=0, max_value=10**8, widget=forms.HiddenInput)


class AcknowledgeForm(ActForm):
    key = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)
    version = forms.IntegerField(min_value=1, max_value=10**8, widget=forms.HiddenInput, required=False)
    text = _long("text", label=_("What will be done"))

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.acknowledge_warning(
            actor, self.found.id, given["text"], by, given["version"] or 0, given["key"]
        )


class EndForm(_SeenForm):
    text = _long("text", True, _("Why it is ended before its time"))

    def do(self, actor: Subject, by: str) -> Committed:
        return rules.end_warning(
            actor, self.found.id, self.cleaned_data["seen"], self.cleaned_data["text"], by
        )


class GradeForm(_SeenForm):
    reliability = _choice("reliability", words.RELIABILITY)
    credibility = _choice("credibility", words.CREDIBILITY)
    why = _short("why")

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.revise_grade(
            actor,
            self.found.id,
            given["seen"],
            given["reliability"],
            int(given["credibility"]),
            given["why"],
            by,
        )


class OutcomeForm(_SeenForm):
    """`seen` is the version of the finding that is revised, 0 for the first."""

    result = _choice("result", words.RESULTS)
    acted_on = _choice("acted_on", words.ACTED_ON, "not_known")
    incident = forms.CharField(
        label=words.FIELDS["incident"],
        max_length=64,
        required=False,
        help_text=_("The id of its record, if there is one"),
        widget=forms.TextInput(attrs={"dir": "ltr"}),
    )
    remark = _long("remark")

    def do(self, actor: Subject, by: str) -> Committed:
        given = self.cleaned_data
        return rules.record_outcome(
            actor,
            self.found.id,
            given["result"],
            given["acted_on"],
            given["incident"].strip(),
            given["remark"],
            by,
            given["seen"],
        )
