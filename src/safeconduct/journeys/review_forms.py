"""The forms of the review page: acknowledge, clear, refuse, revoke, the legs, a comment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from safeconduct.journeys import words
from safeconduct.journeys.detail import Stretch
from safeconduct.journeys.filing import MAX_LEGS
from safeconduct.journeys.underway_course import instant_of

ROWS = 2
"""Empty rows that are offered for legs that are to be added."""
_LONG = forms.Textarea(attrs={"rows": 3, "dir": "auto"})
_MOMENT = "%Y-%m-%dT%H:%M"


class AcknowledgeForm(forms.Form):
    remark = forms.CharField(label=words.FIELDS["remarks"], max_length=5_000, required=False, widget=_LONG)


class ClearForm(forms.Form):
    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    conditions = forms.CharField(
        label=words.FIELDS["conditions"], max_length=5_000, required=False, widget=_LONG
    )


class RefuseForm(forms.Form):
    """For a refusal and for taking a clearance back: both say why."""

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    reason = forms.CharField(label=words.FIELDS["reason"], max_length=5_000, widget=_LONG)


class CommentForm(forms.Form):
    text = forms.CharField(label=words.STANCES["comment"], max_length=5_000, widget=_LONG)
    stance = forms.ChoiceField(label=words.FIELDS["stance"], choices=list(words.STANCES.items()))


class NameForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    nationality = forms.CharField(label=words.FIELDS["nationality"], max_length=200, required=False)
    employer = forms.CharField(label=words.FIELDS["employer"], max_length=200, required=False)

    def parts(self) -> dict[str, Any]:
        return {"who": {key: value for key, value in self.cleaned_data.items() if value}}


class ReasonForm(forms.Form):
    reason = forms.CharField(label=words.FIELDS["reason"], max_length=300)


def _moment(label: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MOMENT)
    return forms.DateTimeField(
        label=label, required=False, widget=widget, input_formats=[_MOMENT, f"{_MOMENT}:%S"]
    )


def _short(label: Any, **attrs: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"dir": "auto", **attrs})
    return forms.CharField(label=label, max_length=200, required=False, widget=widget)


class LegForm(forms.Form):
    """One leg. Where it begins, and when, may be left empty: it is where and when the one before it ends."""

    unit = forms.CharField(
        label=pgettext_lazy("duty bearer", "Unit"),
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"list": "units", "dir": "ltr"}),
    )
    from_place = _short(words.FIELDS["from_place"])
    to_place = _short(words.FIELDS["to_place"])
    depart = _moment(words.FIELDS["depart"])
    arrive = _moment(words.FIELDS["arrive"])
    district = _short(_("District"))
    handover_place = _short(words.FIELDS["handover_place"])
    contact = _short(words.PARTS["contact"])
    escort_vehicles = forms.IntegerField(
        label=words.FIELDS["vehicles"], min_value=0, max_value=1_000, required=False
    )
    strength = forms.IntegerField(
        label=words.FIELDS["strength"], min_value=0, max_value=100_000, required=False
    )
    callsign = _short(words.FIELDS["callsign"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.has_changed() and not self.errors:
            for name in ("unit", "to_place", "arrive"):
                if not cleaned.get(name):
                    self.add_error(name, _("A leg names its unit, where it ends and when."))
                    break
        return cleaned


LegFormSet = forms.formset_factory(
    LegForm, extra=0, max_num=MAX_LEGS, validate_max=True, absolute_max=MAX_LEGS, can_delete=True
)


def initial_legs(
    legs: Sequence[Stretch], notice: Mapping[str, Any], itinerary: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The plan as it stands and some empty rows; without a plan, the whole way as one leg."""
    rows = [_row(leg) for leg in legs]
    if not rows:
        ends = itinerary or {}
        rows = [
            {
                "from_place": (ends.get("origin") or {}).get("place") or notice.get("origin_district", ""),
                "to_place": (ends.get("destination") or {}).get("place")
                or notice.get("destination_district", ""),
                "depart": _local(ends.get("depart") or notice.get("since")),
                "arrive": _local(ends.get("arrive") or notice.get("until")),
                "district": notice.get("origin_district", ""),
            }
        ]
    return rows + [{} for _ in range(min(ROWS, MAX_LEGS - len(rows)))]


def planned(formset: Any, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The legs as the rules take them; `names` gives the name of a unit by its code. Call after is_valid()."""
    found: list[dict[str, Any]] = []
    for form in formset.forms:
        said = form.cleaned_data
        if not said.get("unit") or said.get("DELETE"):
            continue
        before = found[-1]["course"] if found else {}
        depart = said["depart"].isoformat() if said.get("depart") else before.get("arrive")
        course = {
            "sequence": len(found) + 1,
            "from_place": said.get("from_place") or before.get("to_place", ""),
            "to_place": said["to_place"],
            "depart": depart or "",
            "arrive": said["arrive"].isoformat(),
            "district": said.get("district", ""),
            "handover_place": said.get("handover_place", ""),
        }
        duty = {"unit": said["unit"], "unit_name": names.get(said["unit"], ""), "contact": said["contact"]}
        leg: dict[str, Any] = {"course": course, "duty": duty}
        escort = {
            "vehicles": said["escort_vehicles"],
            "strength": said["strength"],
            "callsign": said["callsign"],
        }
        if any(value not in (None, "") for value in escort.values()):
            leg["escort"] = {key: value for key, value in escort.items() if value is not None}
        found.append(leg)
    return found


def _row(leg: Stretch) -> dict[str, Any]:
    course, escort = leg.course, leg.escort or {}
    return {
        "unit": leg.duty.get("unit", ""),
        "from_place": course["from_place"],
        "to_place": course["to_place"],
        "depart": _local(course["depart"]),
        "arrive": _local(course["arrive"]),
        "district": course.get("district", ""),
        "handover_place": course.get("handover_place", ""),
        "contact": leg.duty.get("contact", ""),
        "escort_vehicles": escort.get("vehicles"),
        "strength": escort.get("strength"),
        "callsign": escort.get("callsign", ""),
    }


def _local(moment: str | None) -> datetime | None:
    if not moment:
        return None
    return timezone.localtime(datetime.fromtimestamp(instant_of(moment), timezone.get_default_timezone()))
