"""What the forms of the committee's work share: fields with the work's own labels, and a form that does one rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.policy import Subject
from safeconduct.committee.work_words import FIELDS
from safeconduct.people.models import Account
from safeconduct.records.commit import Committed
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released

Label = Any
"""Text, or text that is translated when it is shown."""


def short_text(name: str, label: Label = "", required: bool = True, limit: int = 200) -> forms.CharField:
    entry = forms.TextInput(attrs={"dir": "auto"})
    return forms.CharField(label=label or FIELDS[name], max_length=limit, required=required, widget=entry)


def long_text(name: str, label: Label = "", required: bool = False, limit: int = 5_000) -> forms.CharField:
    entry = forms.Textarea(attrs={"rows": 3, "dir": "auto"})
    return forms.CharField(label=label or FIELDS[name], max_length=limit, required=required, widget=entry)


def choice(name: str, words: Mapping[str, Any], label: Label = "", initial: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label or FIELDS[name], choices=list(words.items()), initial=initial or None
    )


def number(
    label: Label, least: int = 0, most: int = 1_000_000, required: bool = True, initial: int | None = None
) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, min_value=least, max_value=most, required=required, initial=initial
    )


class Day(forms.DateField):
    """A whole day, told as ISO 8601; "" for none."""

    def __init__(self, name: str, label: Label = "", required: bool = True) -> None:
        entry = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(label=label or FIELDS[name], required=required, widget=entry)

    def clean(self, value: Any) -> Any:
        entered = super().clean(value)
        return entered.isoformat() if entered else ""


class Moment(forms.DateTimeField):
    """An instant of the reader's time zone, told in UTC."""

    def __init__(self, name: str, label: Label = "") -> None:
        entry = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(label=label or FIELDS[name], widget=entry)

    def clean(self, value: Any) -> Any:
        entered = super().clean(value)
        return entered.astimezone(UTC).isoformat(timespec="seconds") if entered else ""


class _FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.getlist(name) if hasattr(files, "getlist") else []


class FilesField(forms.FileField):
    """Some files as (name, bytes), none of them kept anywhere but in memory."""

    def __init__(self, label: Label, help_text: Label = "") -> None:
        super().__init__(label=label, required=False, widget=_FilesInput, help_text=help_text)

    def clean(self, data: Any, initial: Any = None) -> Any:
        return [(each.name, each.read()) for each in data or []]


class AccountChoice(forms.ChoiceField):
    """A person of this party by account; records name them by their person."""

    def __init__(self, label: Label, help_text: Label = "") -> None:
        super().__init__(label=label, required=False, choices=_persons, help_text=help_text)


def _persons() -> Sequence[tuple[str, Any]]:
    found = Account.objects.filter(locked=False).order_by("display_name", "username")
    return [("", _("me")), *((each.person, each.display_name or each.username) for each in found[:500])]


class WorkForm(forms.Form):
    """A form that does one rule of work. `plain` is one of a single button, which needs no page of its own."""

    plain: ClassVar[bool] = False

    def __init__(self, *args: Any, reader: Subject, found: Released | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader, self.found = reader, found
        self.prepare()

    def prepare(self) -> None:
        """What depends on the reader or on the record that the form is about."""

    def do(self, actor: Subject, by: str) -> Committed:
        """The rule, on what was entered and validated."""
        raise NotImplementedError

    @property
    def about(self) -> Released:
        """The record that the form is about. Raises Malformed for a form that begins a new one."""
        if self.found is None:
            raise Malformed("this is done to a record")
        return self.found

    @property
    def record(self) -> str:
        return self.about.id

    def entered(self, *names: str) -> dict[str, Any]:
        """The fields of these names that are not empty."""
        given = self.cleaned_data
        return {name: given[name] for name in names if given.get(name) not in (None, "")}


class SeenForm(WorkForm):
    """On the version that was seen, by a button alone."""

    plain: ClassVar[bool] = True
    seen = forms.IntegerField(min_value=1, max_value=10**8, widget=forms.HiddenInput)

    @property
    def version(self) -> int:
        return int(self.cleaned_data["seen"])
