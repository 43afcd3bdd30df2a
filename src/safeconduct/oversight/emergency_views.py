"""Pages of breaking the glass: doing it for one record, ending it, and the list that each auditor looks at."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safeconduct.oversight import access, emergency, rules
from safeconduct.oversight.wording import kind_name
from safeconduct.records import here
from safeconduct.records.emergencies import LONGEST
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import heading
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.navigation import page_of
from safeconduct.shell.terms import listed

LIVE = "/live?topics=emergency_reading,emergency_review"


class GlassForm(forms.Form):
    record = forms.CharField(label=gettext_lazy("Record (its number)"), max_length=64)
    reason = forms.CharField(
        label=gettext_lazy("What the emergency is, and why you need this record"),
        min_length=10,
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    minutes = forms.TypedChoiceField(label=gettext_lazy("For how long"), coerce=int)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [
            (minutes, ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes})
            for minutes in (15, 30, LONGEST)
        ]
        self.fields["minutes"].choices = choices  # type: ignore[attr-defined]


class ReviewForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("What you found (may be empty)"),
        max_length=2_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


@require_http_methods(["GET", "POST"])
@answering
def break_glass(request: HttpRequest) -> HttpResponse:
    """Read one record in an emergency, without the right to: a reason, a limit in time, and every auditor is told."""
    reader = reader_of(request)
    if not emergency.may_break_glass(reader):
        raise NotFound
    form = GlassForm(
        request.POST or None, initial={"record": request.GET.get("record", "")[:64], "minutes": 15}
    )
    if request.method == "POST" and form.is_valid():
        wish = form.cleaned_data
        emergency.break_glass(reader, wish["record"].strip(), wish["reason"], wish["minutes"])
        messages.success(request, _("It is open to you. The auditors have been told."))
        found = heading(wish["record"].strip())
        page = page_of(found[0].kind, found[0].id) if found is not None else ""
        return redirect(page or "oversight:break_glass")
    lines = emergency.emergencies(reader, {})
    own = [line for line in lines if line.open_now and line.by == reader.person]
    context = {
        "form": form,
        "open_now": [(line, kind_name(line.opened.get("kind", ""))) for line in own],
        "page_level": "RESTRICTED",
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "oversight/break_glass.html", context, status=status)


@require_POST
@answering
def mend_glass(request: HttpRequest) -> HttpResponse:
    """End one's emergency reading before its time."""
    if emergency.mend_glass(reader_of(request)):
        messages.success(request, _("The emergency reading has ended."))
    return redirect("oversight:break_glass")


@require_GET
@answering
def emergencies(request: HttpRequest) -> HttpResponse:
    """Emergency readings of both parties: who, what, why, until when, and which auditors have looked at it."""
    reader, policy = reader_of(request), here.state().policy
    access.require_reviewer(policy, reader)
    lines = emergency.emergencies(reader, rules.people(reader))
    context = {
        "lines": [(line, kind_name(line.opened.get("kind", "")), listed(line.waits_for)) for line in lines],
        "form": ReviewForm(),
        "auditing": True,
        "page_level": "CONFIDENTIAL",
        "live_url": LIVE,
    }
    return render(request, "oversight/emergencies.html", context)


@require_POST
@answering
def review(request: HttpRequest, reading: str) -> HttpResponse:
    """Say that one has looked at an emergency reading."""
    form = ReviewForm(request.POST)
    text = form.cleaned_data["text"] if form.is_valid() else ""
    emergency.review(reader_of(request), reading, text)
    messages.success(request, _("It is on record that you have looked at it."))
    return redirect("oversight:emergencies")
