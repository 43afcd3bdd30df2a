"""Pages of inquiries: the list, one inquiry, and opening one on a list of who knew."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safeconduct.oversight import inquiry as acts
from safeconduct.oversight import jobs, rules, who_knew_words
from safeconduct.oversight.unusual import unusual
from safeconduct.oversight.who_knew import who_knew
from safeconduct.oversight.who_knew_views import moment_of
from safeconduct.oversight.wording import kind_name, state_name
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import answering, reader_of

LISTED = 50


class QuestionForm(forms.Form):
    question = forms.CharField(
        label=gettext_lazy("What is to be found out"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class FindingsForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Findings"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 8})
    )
    seen = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class OutcomeForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Outcome"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 4})
    )
    seen = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


@require_GET
@answering
def inquiries(request: HttpRequest) -> HttpResponse:
    """Every inquiry that the reader may know of, the latest first."""
    reader = reader_of(request)
    if not here.state().policy.entries(reader, "read", "inquiry"):
        raise NotFound
    query = Query("inquiry", sort="at", limit=LISTED, parts=("matter",), cursor=request.GET.get("cursor", ""))
    page = find(reader, query)
    context = {
        "lines": [(record, _matter(record), state_name(record.state)) for record in page.records],
        "next": page.next_cursor,
        "auditing": jobs.may_audit(here.state().policy, reader),
        "page_level": "RESTRICTED",
        "live_url": "/live?topics=inquiry",
    }
    return render(request, "oversight/inquiries.html", context)


def _matter(record: Released) -> dict[str, Any]:
    matter = record.parts.get("matter") or {}
    return {**matter, "kind": kind_name(matter.get("record_kind", ""))}


@require_http_methods(["GET", "POST"])
@answering
def inquiry(request: HttpRequest, inquiry: str) -> HttpResponse:
    """One inquiry: its question, the facts, what was found, how it ended; and the next step for who may take it."""
    reader = reader_of(request)
    found = release(reader, inquiry)
    if found.kind != "inquiry":
        raise NotFound(inquiry)
    step = request.POST.get("step", "") if request.method == "POST" else ""
    findings = FindingsForm(request.POST if step == "findings" else None, initial=_initial(found, "findings"))
    outcome = OutcomeForm(request.POST if step == "close" else None, initial=_initial(found, "outcome"))
    if step == "findings" and findings.is_valid():
        acts.record_findings(reader, inquiry, findings.cleaned_data["seen"], findings.cleaned_data["text"])
        messages.success(request, _("The findings are on record."))
        return redirect("oversight:inquiry", inquiry=inquiry)
    if step == "close" and outcome.is_valid():
        acts.close_inquiry(reader, inquiry, outcome.cleaned_data["seen"], outcome.cleaned_data["text"])
        messages.success(request, _("The inquiry is closed."))
        return redirect("oversight:inquiry", inquiry=inquiry)
    if step == "reopen":
        acts.reopen_inquiry(reader, inquiry, found.version)
        return redirect("oversight:inquiry", inquiry=inquiry)
    names = rules.people(reader)
    facts = [
        {
            **fact,
            "name": names.get(fact["person"], fact["person"]),
            "said": who_knew_words.unusual(fact["what"]),
        }
        for fact in (found.parts.get("facts") or {}).get("facts", ())
    ]
    may_write = bool(here.state().policy.entries(reader, "write", "inquiry"))
    context = {
        "found": found,
        "matter": _matter(found),
        "state": state_name(found.state),
        "facts": facts,
        "findings": findings if may_write else None,
        "outcome": outcome if may_write else None,
        "may_write": may_write,
        "page_level": found.label,
        "live_url": "/live?topics=inquiry",
    }
    return render(request, "oversight/inquiry.html", context, status=422 if step else 200)


def _initial(found: Released, part: str) -> dict[str, Any]:
    return {"seen": found.version, "text": (found.parts.get(part) or {}).get("text", "")}


@require_POST
@answering
def open_on(request: HttpRequest, record: str) -> HttpResponse:
    """Open an inquiry on a record's list of who knew, with the facts that were chosen there."""
    reader = reader_of(request)
    form = QuestionForm(request.POST)
    if not form.is_valid():
        raise Malformed(_("an inquiry asks something, in up to 2,000 characters"))
    chosen = set(request.POST.getlist("fact"))
    facts = []
    if chosen:
        known = who_knew(reader, record, moment_of(request.POST.get("at", "")))
        facts = [fact for fact in unusual(reader, known) if fact.key in chosen]
    made = acts.open_inquiry(reader, record, form.cleaned_data["question"], facts)
    messages.success(request, _("The inquiry is open."))
    return redirect("oversight:inquiry", inquiry=made.record)
