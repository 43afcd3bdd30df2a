"""The search page: everything that the reader may see, by its words, in three scripts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records.everywhere import (
    LONGEST,
    Group,
    Hit,
    Sought,
    search_everywhere,
    searched_kinds,
    title_of,
)
from safeconduct.records.kinds import all_kinds
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.navigation import page_of
from safeconduct.shell.terms import FIELD_NAMES, KIND_NAMES, PART_NAMES, STATE_NAMES, plain

FEW, MANY = 5, 30
"""Hits of each kind where several are shown, and where one kind is."""


SHORTCUT = {"data-shortcut": "/", "aria-keyshortcuts": "/"}


class SearchForm(forms.Form):
    q = forms.CharField(
        label=_("Words"),
        required=False,
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"type": "search", "dir": "auto", "autofocus": True, **SHORTCUT}),
    )
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    since = forms.DateField(
        label=_("From day"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(label=_("To day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        kinds = sorted((plain(KIND_NAMES, each.name), each.name) for each in searched_kinds())
        choices = [("", _("every kind")), *((name, word) for word, name in kinds)]
        self.fields["kind"].choices = choices  # type: ignore[attr-defined]

    def sought(self, cursor: str) -> Sought:
        kind, until = self.cleaned_data["kind"], self.cleaned_data["until"]
        return Sought(
            text=self.cleaned_data["q"],
            kinds=(kind,) if kind else (),
            since=_midnight(self.cleaned_data["since"]),
            until=_midnight(until + timedelta(days=1) if until and until.year < 9999 else until),
            most=MANY if kind else FEW,
            cursor=cursor if kind else "",
        )


def _midnight(day: Any) -> float | None:
    return datetime.combine(day, datetime.min.time(), UTC).timestamp() if day else None


@require_safe
@answering
def search_page(request: HttpRequest) -> HttpResponse:
    """Records of every kind with these words in a part that the reader may see, grouped by kind."""
    form = SearchForm(request.GET)
    groups: list[Group] = []
    if form.is_valid() and form.cleaned_data["q"]:
        groups = search_everywhere(reader_of(request), form.sought(request.GET.get("cursor", "")))
    labels = [hit.found.label for group in groups for hit in group.hits]
    context = {
        "form": form,
        "asked": form.is_valid() and bool(form.cleaned_data["q"]),
        "groups": [_shown(group, request) for group in groups],
        "first": "" if not request.GET.get("cursor") else _address(request, cursor=""),
        "page_level": LEVELS[max(map(LEVELS.index, labels), default=0)],
    }
    return render(request, "shell/search.html", context, status=200 if form.is_valid() else 400)


def _address(request: HttpRequest, **changed: str) -> str:
    fields = {name: request.GET.get(name, "") for name in ("q", "kind", "since", "until")} | changed
    return "?" + urlencode({name: value for name, value in fields.items() if value})


def _shown(group: Group, request: HttpRequest) -> dict[str, Any]:
    alone = request.GET.get("kind") == group.kind
    more = _address(request, kind=group.kind, cursor=group.next_cursor if alone else "")
    return {
        "kind": group.kind,
        "name": plain(KIND_NAMES, group.kind),
        "hits": [_line(hit) for hit in group.hits],
        "alike": group.alike,
        "more": more if group.next_cursor else "",
    }


def _line(hit: Hit) -> dict[str, Any]:
    found = hit.found
    title = title_of(all_kinds()[found.kind], found)
    excerpts = []
    for path, pieces in hit.excerpts:
        part, _dot, name = path.partition(".")
        whole = "".join(text for text, _hit in pieces) == title
        word = plain(FIELD_NAMES, name) if name in FIELD_NAMES else plain(PART_NAMES, part)
        excerpts.append({"name": word, "pieces": pieces, "is_title": whole})
    return {
        "title": title or f"{plain(KIND_NAMES, found.kind)} {found.id[:8]}",
        "marked": next((each["pieces"] for each in excerpts if each["is_title"]), None),
        "url": page_of(found.kind, found.id, found.about),
        "excerpts": [each for each in excerpts if not each["is_title"]],
        "state": plain(STATE_NAMES, found.state),
        "withdrawn": found.withdrawn,
        "at": found.at,
        "precision": found.at_precision,
        "originator": found.originator,
        "label": found.label,
    }
