"""Forms of the room: one for each part of a record, made from the part itself, and those of what happens.

A form's `value()` is the part as `records.commit` takes it; the part's own model has checked it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError as FormError
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records.kinds import Kind
from safeconduct.registry import words
from safeconduct.registry.fields import LONG, MomentField, Options, field_of
from safeconduct.registry.parts import MAX_COUNT, MEASURES, OUTCOMES
from safeconduct.shell.terms import LEVEL_NAMES

EMPTY: tuple[Any, ...] = (None, "", [])
NOT_ASKED = frozenset({"external", "same_as", "other_than", "reason"})
"""What imports and decisions about duplicates put into a part: no form asks for it, and each keeps it."""


class PartForm(forms.Form):
    """The fields of one part and its label. A part that may be missing may be left empty; then `value()` is None."""

    def __init__(
        self,
        kind: Kind,
        part: str,
        data: Any = None,
        *,
        current: Mapping[str, Any] | None = None,
        level: int | None = None,
        clearance: int = len(LEVELS) - 1,
        options: Options | None = None,
    ) -> None:
        """`current` is the part as it stands and `level` its label; nobody labels above their `clearance`."""
        self.kind, self.part, self.current = kind, part, current or {}
        self._value: dict[str, Any] | None = None
        super().__init__(data, initial=dict(self.current), prefix=part)
        model = kind.parts[part]
        for name, info in model.model_fields.items():
            if name not in NOT_ASKED:
                known = self._with_present(name, options or {})
                self.fields[name] = field_of(model.__name__, name, info, known)
        default = kind.default_levels()[part] if level is None else level
        offered = [name for name in LEVELS if LEVELS.index(name) <= max(clearance, default)]
        self.fields["label_level"] = forms.ChoiceField(
            label=_("Label of this part"),
            choices=[(name, LEVEL_NAMES[name]) for name in offered],
            initial=LEVELS[default],
        )

    def _with_present(self, name: str, options: Options) -> Options:
        """The records to choose from, and those that the part names already, which the writer may not see."""
        present = self.current.get(name) or []
        present = [present] if isinstance(present, str) else present
        if name not in options:
            return options
        known = {record for record, _name in options[name]}
        unseen = [(record, str(_("not shown to you"))) for record in present if record not in known]
        return {**options, name: [*options[name], *unseen]}

    @property
    def heading(self) -> Any:
        return words.PARTS[self.part]

    @property
    def has_place(self) -> bool:
        return "latitude" in self.fields

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        model = self.kind.parts[self.part]
        value = {n: v for n, v in cleaned.items() if n in model.model_fields and v not in EMPTY}
        required = any(info.is_required() for info in model.model_fields.values())
        defaults = {name: info.default for name, info in model.model_fields.items()}
        said = {name: v for name, v in value.items() if required or v != defaults[name]}
        self._value = None
        value |= {name: self.current[name] for name in NOT_ASKED if self.current.get(name)}
        if self.errors or not (said or value.keys() & NOT_ASKED):
            return cleaned
        try:
            checked = model.model_validate(value)
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


class OptionalPartForm(PartForm):
    """A part that the kind does not insist on: left empty as a whole, none of its fields is asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.required = False

    def clean(self) -> dict[str, Any]:
        label = self.cleaned_data.get("label_level")
        if not label:
            self.cleaned_data["label_level"] = self.fields["label_level"].initial
        return super().clean()


class SeenForm(forms.Form):
    """The version that an amendment is built on."""

    seen = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class StateForm(SeenForm):
    """The same, with the state of what is entered."""

    def __init__(self, data: Any, states: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["state"] = forms.ChoiceField(
            label=_("State"), choices=[(state, words.word(words.STATES, state)) for state in states]
        )


class ArriveForm(forms.Form):
    site = forms.ChoiceField(label=words.FIELDS["site"])
    since = MomentField(label=_("Arrived"))

    def __init__(self, data: Any, sites: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(data, prefix="arrive", **kwargs)
        self.fields["site"].choices = sites  # type: ignore[attr-defined]


class DepartForm(forms.Form):
    until = MomentField(label=_("Departed"))
    for_good = forms.BooleanField(
        label=_("For good: what is held on this person is then erased on schedule"), required=False
    )

    def __init__(self, data: Any, **kwargs: Any) -> None:
        super().__init__(data, prefix="depart", **kwargs)


class StayForm(SeenForm):
    """A stay that was entered wrongly."""

    site = forms.ChoiceField(label=words.FIELDS["site"])
    since = MomentField(label=_("Arrived"))
    until = MomentField(label=_("Departed"), required=False)

    def __init__(self, data: Any, sites: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["site"].choices = sites  # type: ignore[attr-defined]


class HeadcountForm(forms.Form):
    """A figure counted on site, everyone there included."""

    count = forms.IntegerField(
        label=_("Persons counted, everyone included"), min_value=0, max_value=MAX_COUNT
    )
    as_of = MomentField(label=words.FIELDS["as_of"])
    remarks = forms.CharField(label=words.FIELDS["remarks"], max_length=2_000, required=False, widget=LONG)


class JoinForm(SeenForm):
    """Why two records are of one person. Without a reason nothing is joined."""

    reason = forms.CharField(label=_("How do you know?"), max_length=2_000, widget=LONG)


class GrievanceForm(forms.Form):
    """A measure that restricts somebody, why it should change, and until when it runs."""

    title = forms.CharField(label=_("What is it about?"), max_length=200)
    measure = forms.ChoiceField(label=words.FIELDS["measure"])
    ground = forms.CharField(label=_("Why should it change?"), max_length=5_000, widget=LONG)
    site = forms.ChoiceField(label=words.FIELDS["site"], required=False)
    since = forms.DateField(
        label=_("The measure began"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    expires = forms.DateField(
        label=_("The measure expires, if that was said"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(self, data: Any, sites: list[tuple[str, str]]) -> None:
        super().__init__(data)
        told = [(code, words.MEASURES[code]) for code in MEASURES if code != "record"]
        self.fields["measure"].choices = told  # type: ignore[attr-defined]
        self.fields["site"].choices = [("", "—"), *sites]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, expires = cleaned.get("since"), cleaned.get("expires")
        if since and expires and expires < since:
            self.add_error("expires", _("The expiry is not before the beginning."))
        return cleaned

    def matter(self) -> dict[str, Any]:
        told = {n: v for n, v in self.cleaned_data.items() if v not in EMPTY}
        return told | {n: told[n].isoformat() for n in ("since", "expires") if n in told}


class AnswerForm(forms.Form):
    text = forms.CharField(label=_("Answer"), max_length=5_000, widget=LONG)
    outcome = forms.ChoiceField(
        label=words.FIELDS["outcome"], choices=[(code, words.OUTCOMES[code]) for code in OUTCOMES]
    )


class AppealForm(forms.Form):
    ground = forms.CharField(label=_("Why the answer does not settle it"), max_length=5_000, widget=LONG)


class CorrectionForm(forms.Form):
    """What a person says is wrong in what is held on them. Only what was changed is passed on."""

    why = forms.CharField(label=_("Anything to add?"), max_length=2_000, required=False, widget=LONG)

    def __init__(self, data: Any, held: list[tuple[str, Any, str]]) -> None:
        """`held` has (field name, its label, what is held now)."""
        super().__init__(data)
        self.held = held
        asked = {
            name: forms.CharField(label=label, max_length=500, required=False, initial=now)
            for name, label, now in held
        }
        self.fields = {**asked, **self.fields}

    def changes(self) -> list[tuple[str, str, str, str]]:
        """(field name, label, what is held, what it should be) of every field that was changed."""
        told = self.cleaned_data
        return [(name, str(label), now, told[name]) for name, label, now in self.held if told[name] != now]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not self.changes() and not cleaned.get("why"):
            raise FormError(_("Change what is wrong, or say in words what is."))
        return cleaned


class SearchForm(forms.Form):
    text = forms.CharField(
        label=_("Name, in any script"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    category = forms.ChoiceField(label=words.FIELDS["category"], required=False)

    def __init__(self, data: Any, categories: words.Words | None) -> None:
        super().__init__(data)
        if categories is None:
            del self.fields["category"]
        else:
            anything = [("", _("Any")), *categories.items()]
            self.fields["category"].choices = anything  # type: ignore[attr-defined]
