"""Form fields for what the parts of the registry hold: moments, choices of records, corners, forces."""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from django import forms
from django.core.exceptions import ValidationError as FormError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic.fields import FieldInfo

from safeconduct.people.models import Account
from safeconduct.records.moments import MomentRefused, instant
from safeconduct.registry import words
from safeconduct.registry.parts import FORCES

Options = Mapping[str, list[tuple[str, str]]]
"""By field, the records that may be chosen: id and name."""

LONG = forms.Textarea(attrs={"rows": 4})
RECORDS = frozenset({"organisation", "employer", "project", "site"})
LISTS_OF_RECORDS = frozenset({"organisations", "sites", "projects"})
DAYS = frozenset({"ProjectIdentity", "Matter"})
MAX_CORNER_TEXT = 100_000


class MomentField(forms.DateTimeField):
    """An instant of the reader's own time zone, told as ISO 8601 with its offset."""

    def __init__(self, **options: Any) -> None:
        entry = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "60"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=entry, **options)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str) and value and "T" in value:
            try:
                return timezone.localtime(instant(value)).replace(tzinfo=None)
            except MomentRefused:
                return value
        return value

    def clean(self, value: Any) -> Any:
        entered = super().clean(value)
        return entered.isoformat() if isinstance(entered, datetime) else ""


class DayField(forms.DateField):
    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)

    def prepare_value(self, value: Any) -> Any:
        return value[:10] if isinstance(value, str) else value

    def clean(self, value: Any) -> Any:
        entered = super().clean(value)
        return entered.isoformat() if entered else ""


class CornersField(forms.CharField):
    """The corners of a boundary, one to a line: longitude, latitude."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=LONG,
            max_length=MAX_CORNER_TEXT,
            help_text=_("One corner to a line: longitude, latitude in degrees."),
            **options,
        )

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(f"{longitude}, {latitude}" for longitude, latitude in value)
        return value

    def clean(self, value: Any) -> Any:
        corners = []
        for number, line in enumerate(super().clean(value).splitlines(), 1):
            if not line.strip():
                continue
            try:
                longitude, latitude = (float(each) for each in line.replace(";", ",").split(","))
            except ValueError:
                raise FormError(
                    gettext("Line %(n)s is not a longitude and a latitude.") % {"n": number}
                ) from None
            corners.append([longitude, latitude])
        return corners


class AccountField(forms.CharField):
    """An account by its sign-in name; records name it by the id of its person."""

    def prepare_value(self, value: Any) -> Any:
        found = Account.objects.filter(person=value).first() if value else None
        return found.username if found else value

    def clean(self, value: Any) -> Any:
        entered = super().clean(value)
        found = Account.objects.filter(username=entered).first() if entered else None
        if entered and found is None:
            raise FormError(gettext("There is no such account."))
        return str(found.person) if found else ""


class ForcesField(forms.MultiValueField):
    """How many of each force; empty means none is known."""

    def __init__(self, **options: Any) -> None:
        numbers = [forms.IntegerField(min_value=0, max_value=100_000, required=False) for _force in FORCES]
        super().__init__(numbers, widget=_ForcesEntry(), require_all_fields=False, **options)

    def compress(self, data_list: list[Any]) -> list[dict[str, Any]]:
        counted = zip(FORCES, data_list or [], strict=False)
        return [{"force": force, "count": count} for force, count in counted if count is not None]


class _ForcesEntry(forms.MultiWidget):
    template_name = "registry/forces.html"
    use_fieldset = True

    def __init__(self) -> None:
        super().__init__([forms.NumberInput(attrs={"min": 0, "inputmode": "numeric"}) for _force in FORCES])

    def decompress(self, value: Any) -> list[Any]:
        known = {each["force"]: each["count"] for each in value or ()}
        return [known.get(force) for force in FORCES]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        for force, entry in zip(FORCES, context["widget"]["subwidgets"], strict=True):
            entry["label"] = words.FORCES[force]
        return context


def field_of(model: str, name: str, info: FieldInfo, options: Options) -> forms.Field:
    """The form field for one field of a part."""
    label = words.FIELDS.get(name, name)
    told: dict[str, Any] = {"label": label, "required": info.is_required()}
    kind = _bare(info.annotation)
    if name in LISTS_OF_RECORDS:
        chosen = options.get(name, [])
        return forms.MultipleChoiceField(
            choices=chosen, widget=forms.CheckboxSelectMultiple, **told | {"required": False}
        )
    if name in RECORDS and name in options:
        return forms.ChoiceField(choices=[("", "—"), *options[name]], **told)
    if get_origin(kind) is Literal:
        names = words.CODES.get(name, {})
        return forms.ChoiceField(
            choices=[(code, words.word(names, code)) for code in get_args(kind)], **told | {"required": True}
        )
    if name == "account":
        return AccountField(max_length=150, help_text=_("The sign-in name of the person."), **told)
    if name == "boundary":
        return CornersField(**told)
    if name == "forces":
        return ForcesField(**told)
    return _plain(model, name, info, kind, told)


def _plain(model: str, name: str, info: FieldInfo, kind: Any, told: dict[str, Any]) -> forms.Field:
    limits = {type(each): each for each in info.metadata}
    low, high = limits.get(Ge), limits.get(Le)
    bounds: dict[str, Any] = {"min_value": low.ge if low else None, "max_value": high.le if high else None}
    if kind is int:
        return forms.IntegerField(**told, **bounds)
    if kind is float:
        return forms.FloatField(widget=forms.NumberInput(attrs={"step": "any"}), **told, **bounds)
    if name in ("since", "until", "expires", "as_of"):
        day = model in DAYS or (model == "GuardForce")
        return DayField(**told) if day else MomentField(**told)
    longest = next((each.max_length for each in _metadata(info) if getattr(each, "max_length", None)), 200)
    long = longest > 500
    return forms.CharField(max_length=longest, widget=LONG if long else None, **told)


def _metadata(info: FieldInfo) -> list[Any]:
    found = list(info.metadata)
    for part in get_args(info.annotation):
        found += getattr(part, "__metadata__", ())
    return found


def _bare(annotation: Any) -> Any:
    """An annotation without what may be missing and without its limits."""
    if get_origin(annotation) in (types.UnionType,) or str(get_origin(annotation)) == "typing.Union":
        return _bare(next(each for each in get_args(annotation) if each is not type(None)))
    if hasattr(annotation, "__metadata__"):
        return _bare(annotation.__origin__)
    return annotation


def now() -> str:
    """This minute, as a form begins with it."""
    return datetime.now(UTC).replace(second=0, microsecond=0).isoformat()
