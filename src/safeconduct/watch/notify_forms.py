"""The forms of telling people: a shift, a ladder, a contact point."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.vocabulary import ROLES
from safeconduct.notify.kinds import DUTY_BEARER
from safeconduct.shell.terms import ROLE_NAMES
from safeconduct.watch.notify_words import CHANNELS

Choices = Sequence[tuple[str, Any]]
NO_OFFICE = ("administrator", "observer", "protected_person", "analyst")
ROWS = 6
"""Steps that the form of a ladder has."""
_ANY = ("", "—")
_WHEN = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
LANGUAGES = (("en", "English"), ("ur", "اردو"), ("zh-hans", "中文"))


def offices() -> list[tuple[str, Any]]:
    """The roles that somebody can be on call for."""
    return [(role, ROLE_NAMES[role]) for role in ROLES if role not in NO_OFFICE]


class ShiftForm(forms.Form):
    """Who is on call for what, from when to when, in UTC."""

    person = forms.ChoiceField(label=_("Person"))
    role = forms.ChoiceField(label=_("Role"), required=False)
    unit = forms.CharField(label=_("or unit"), max_length=64, required=False)
    district = forms.CharField(label=_("Only for the district"), max_length=200, required=False)
    since = forms.DateTimeField(label=_("From (UTC)"), widget=_WHEN)
    until = forms.DateTimeField(label=_("Until (UTC)"), widget=_WHEN)

    def __init__(self, *args: Any, persons: Choices = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].choices = [_ANY, *persons]  # type: ignore[attr-defined]
        self.fields["role"].choices = [_ANY, *offices()]  # type: ignore[attr-defined]
        self.names = dict(persons)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not given.get("role") and not given.get("unit"):
            self.add_error("role", _("Somebody is on call for a role or for a unit."))
        since, until = given.get("since"), given.get("until")
        if since and until and until <= since:
            self.add_error("until", _("A shift ends after it began."))
        return given

    def shift(self) -> dict[str, Any]:
        given = {name: value for name, value in self.cleaned_data.items() if value}
        for name in ("since", "until"):
            moment: datetime = given[name]
            given[name] = moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
        return {**given, "name": str(self.names.get(given["person"], ""))}


class ScopeForm(forms.Form):
    """What a ladder is for; what is left empty is any."""

    kind = forms.ChoiceField(label=_("For"), required=False)
    site = forms.ChoiceField(label=_("Site"), required=False)
    district = forms.CharField(label=_("District"), max_length=200, required=False)

    def __init__(self, *args: Any, kinds: Choices = (), sites: Choices = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [("", _("anything")), *kinds]  # type: ignore[attr-defined]
        self.fields["site"].choices = [_ANY, *sites]  # type: ignore[attr-defined]


class StepForm(forms.Form):
    """One step: after how many minutes, whom, over which channels."""

    after_minutes = forms.FloatField(label=_("After minutes"), min_value=0, max_value=10_080, required=False)
    roles = forms.MultipleChoiceField(label=_("Roles"), required=False)
    units = forms.CharField(label=_("Units, parted by commas"), max_length=500, required=False)
    channels = forms.MultipleChoiceField(label=_("Channels"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bearer = (DUTY_BEARER, _("Duty Bearer"))
        self.fields["roles"].choices = [*offices(), bearer]  # type: ignore[attr-defined]
        channels = [(name, label) for name, label in CHANNELS.items() if name != "none"]
        self.fields["channels"].choices = channels  # type: ignore[attr-defined]

    def step(self) -> dict[str, Any] | None:
        """The step, or None for a row that was left empty."""
        given = self.cleaned_data
        if not given:
            return None
        units = [unit.strip() for unit in given["units"].split(",") if unit.strip()]
        if given["after_minutes"] is None and not given["roles"] and not units:
            return None
        return {
            "after_seconds": round(60 * (given["after_minutes"] or 0)),
            "roles": given["roles"],
            "units": units,
            "channels": given["channels"],
        }


class ContactPointForm(forms.Form):
    """Where one is reached oneself."""

    channel = forms.ChoiceField(
        label=_("Channel"), choices=[(name, label) for name, label in CHANNELS.items() if name != "none"]
    )
    address = forms.CharField(
        label=_("Address or number"), max_length=200, widget=forms.TextInput(attrs={"dir": "ltr"})
    )
    language = forms.ChoiceField(label=_("Language of the message"), choices=LANGUAGES)
