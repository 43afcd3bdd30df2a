"""The forms of meetings. Moments are entered in UTC, as every page of the node writes them first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.committee import meeting_words as words
from safeconduct.committee.meeting_kinds import CAPACITIES, CATEGORIES, GROUPS, HELD, METHODS
from safeconduct.records.attachments import MAX_BYTES
from safeconduct.records.moments import instant

Choices = Sequence[tuple[str, Any]]
_LINE = forms.TextInput(attrs={"dir": "auto"})
_FORMAT = "%Y-%m-%dT%H:%M"
_LABELS: Choices = [(str(number), name) for number, name in enumerate(LEVELS)]


def _text(
    label: Any, most: int = 200, required: bool = False, rows: int = 0, lang: str = ""
) -> forms.CharField:
    attrs = {"dir": "auto", **({"lang": lang} if lang else {})}
    widget = forms.Textarea(attrs={**attrs, "rows": rows}) if rows else forms.TextInput(attrs=attrs)
    return forms.CharField(label=label, max_length=most, required=required, widget=widget)


def _moment(label: Any, required: bool = True, help_text: Any = "") -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_FORMAT)
    return forms.DateTimeField(label=label, required=required, widget=widget, help_text=help_text)


def _codes(codes: Sequence[str], named: words.Words) -> list[tuple[str, Any]]:
    return [(code, named[code]) for code in codes]


def stated(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def entered(text: str | None) -> datetime | None:
    """What a form's field begins with for a moment on record."""
    return instant(text) if text else None


class MeetingForm(forms.Form):
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=10**8)
    title = _text(words.FIELDS["title"], required=True)
    title_ur = _text(words.FIELDS["title_ur"], lang="ur")
    title_zh = _text(words.FIELDS["title_zh"], lang="zh-Hans")
    group = forms.ChoiceField(label=words.FIELDS["group"], choices=_codes(GROUPS, words.GROUPS))
    district = _text(_("District"))
    starts = _moment(words.FIELDS["starts"], help_text=_("UTC"))
    ends = _moment(words.FIELDS["ends"], help_text=_("UTC"))
    held = forms.ChoiceField(label=words.FIELDS["held"], choices=_codes(HELD, words.HELD))
    chair = _text(words.FIELDS["chair"])
    place = _text(words.PARTS["venue"])
    access = _text(words.FIELDS["access"], most=5_000, rows=2)
    to = forms.MultipleChoiceField(
        label=_("May be released to"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, parties: Choices = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if parties:
            self.fields["to"].choices = list(parties)  # type: ignore[attr-defined]
        else:
            del self.fields["to"]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("starts") and given.get("ends") and given["ends"] < given["starts"]:
            self.add_error("ends", _("A meeting ends after it begins."))
        return given

    def notice(self) -> dict[str, Any]:
        given = self.cleaned_data
        texts = ("title", "title_ur", "title_zh", "group", "district", "held", "chair")
        return {
            **{name: given[name] for name in texts},
            "starts": stated(given["starts"]),
            "ends": stated(given["ends"]),
        }

    def venue(self) -> dict[str, Any] | None:
        given = self.cleaned_data
        return {"place": given["place"], "access": given["access"]} if given["place"] else None


class ItemForm(forms.Form):
    key = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=10**8)
    title = _text(words.FIELDS["title"], required=True)
    title_ur = _text(words.FIELDS["title_ur"], lang="ur")
    title_zh = _text(words.FIELDS["title_zh"], lang="zh-Hans")
    summary = _text(_("Summary"), most=5_000, rows=3)
    presenter = _text(words.FIELDS["presenter"])
    minutes = forms.IntegerField(label=_("Minutes allotted"), min_value=1, max_value=600, required=False)
    category = forms.ChoiceField(label=_("Category"), choices=_codes(CATEGORIES, words.CATEGORIES))
    level = forms.TypedChoiceField(label=_("Label"), choices=_LABELS, coerce=int, initial=1)
    withheld = forms.BooleanField(
        label=words.FIELDS["withheld"],
        required=False,
        help_text=_("Of an item that is withheld nothing leaves: neither its number nor that there is one."),
    )
    ground = _text(words.FIELDS["ground"])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("withheld") and not given.get("ground"):
            self.add_error("ground", _("Say on what ground it is withheld; the other party is not told."))
        return given

    def item(self) -> dict[str, Any]:
        given = self.cleaned_data
        texts = ("title", "title_ur", "title_zh", "summary", "presenter")
        timed = {"minutes": given["minutes"]} if given["minutes"] else {}
        return {name: given[name] for name in texts} | timed

    def handling(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("category", "withheld", "ground")}


class AttendanceForm(forms.Form):
    name = _text(_("Name"), required=True)
    post = _text(words.FIELDS["post"])
    capacity = forms.ChoiceField(
        label=words.FIELDS["capacity"], choices=_codes(CAPACITIES, words.CAPACITIES), initial="member"
    )
    account = _text(_("Account"), most=64)

    def seat(self, person: str) -> dict[str, Any]:
        given = self.cleaned_data
        return {"name": given["name"], "post": given["post"], "capacity": given["capacity"], "person": person}


class SeatForm(forms.Form):
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=10**8)
    ceiling = forms.TypedChoiceField(label=words.FIELDS["ceiling"], choices=_LABELS, coerce=int, initial=1)
    categories = forms.MultipleChoiceField(
        label=words.FIELDS["categories"],
        choices=_codes(CATEGORIES, words.CATEGORIES),
        widget=forms.CheckboxSelectMultiple,
    )
    methods = forms.MultipleChoiceField(
        label=words.FIELDS["methods"],
        choices=_codes(METHODS, words.METHODS),
        widget=forms.CheckboxSelectMultiple,
    )
    until = _moment(_("May read until"), help_text=_("UTC"))

    def terms(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            **{name: given[name] for name in ("ceiling", "categories", "methods")},
            "until": stated(given["until"]),
        }


class PaperForm(forms.Form):
    paper = forms.FileField(label=_("Paper"), max_length=200, help_text=_("JPEG, PNG, WebP or plain text"))
    level = forms.TypedChoiceField(label=_("Label"), choices=_LABELS, coerce=int, initial=1)

    def clean_paper(self) -> Any:
        paper = self.cleaned_data["paper"]
        if paper.size > 4 * MAX_BYTES:
            raise forms.ValidationError(_("The file is too large."))
        return paper


class MinutesForm(forms.Form):
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=10**8)
    en = _text(_("English"), most=20_000, rows=6, lang="en")
    ur = _text(_("Urdu"), most=20_000, rows=6, lang="ur")
    zh = _text(_("Chinese"), most=20_000, rows=6, lang="zh-Hans")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not (given.get("en") or given.get("ur") or given.get("zh")):
            raise forms.ValidationError(_("Minutes say something in one language at least."))
        return given

    def text(self, taken_by: str) -> Mapping[str, Any]:
        return {name: self.cleaned_data[name] for name in ("en", "ur", "zh")} | {"taken_by": taken_by}


class WordForm(forms.Form):
    stance = forms.ChoiceField(choices=[(code, code) for code in words.STANCES])
    seen = forms.IntegerField(min_value=1, max_value=10**8)
    remark = forms.CharField(max_length=5_000, required=False)


class DecisionForm(forms.Form):
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    text = _text(_("What is decided"), most=5_000, required=True, rows=3)
    text_ur = _text(_("The same in Urdu"), most=5_000, rows=2, lang="ur")
    text_zh = _text(_("The same in Chinese"), most=5_000, rows=2, lang="zh-Hans")
    answerable = forms.ChoiceField(
        label=words.FIELDS["answerable"], choices=_codes(tuple(words.ANSWERABLE), words.ANSWERABLE)
    )
    owner = _text(words.FIELDS["owner"], required=True)
    due = forms.DateField(
        label=_("By"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def decision(self) -> dict[str, Any]:
        given = self.cleaned_data
        texts = ("text", "text_ur", "text_zh", "answerable", "owner")
        due = {"due": given["due"].isoformat()} if given["due"] else {}
        return {name: given[name] for name in texts} | due


class ActionForm(forms.Form):
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    text = _text(_("What is to be done"), most=5_000, required=True)
    owner = _text(words.FIELDS["owner"], required=True)
    due = forms.DateField(label=_("By"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def task(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {"text": given["text"], "owner": given["owner"], "due": given["due"].isoformat()}


class RemarkForm(forms.Form):
    """A step on the version that was seen, with a word where it takes one."""

    seen = forms.IntegerField(min_value=1, max_value=10**8)
    state = forms.CharField(max_length=20, required=False)
    remark = forms.CharField(max_length=5_000, required=False)


class ReservationForm(forms.Form):
    text = _text(_("Reservation"), most=5_000, required=True, rows=2)
