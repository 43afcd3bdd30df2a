"""Pages on what is one event: choosing the other record, saying so, objecting, taking it back."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from safeconduct.agreement.policy import Subject
from safeconduct.incidents import rules, same_rules
from safeconduct.incidents.answers import answered, principal
from safeconduct.incidents.presentation import highest, list_line
from safeconduct.incidents.same_seen import DAYS, KILOMETRES, candidates, together
from safeconduct.incidents.views import incident_of
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed
from safeconduct.risk.same_event import DIFFERENT, SAME, TAKEN_BACK
from safeconduct.shell.answers import refusal


class SameForm(forms.Form):
    """The other record, and why the two are one event."""

    other = forms.SlugField(max_length=64, error_messages={"required": gettext_lazy("Choose a record.")})
    reason = forms.CharField(
        label=gettext_lazy("Why they are the same event"),
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@answered
def same(request: HttpRequest, incident: str) -> HttpResponse:
    """Say that an incident is the same event as another: one of those near in time and place, or found by words."""
    writer = principal(request)
    found = incident_of(writer, incident)
    _expect(writer)
    text = request.GET.get("text", "").strip()[:200]
    form = SameForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound and form.is_valid():
        other = incident_of(writer, form.cleaned_data["other"])
        try:
            same_rules.say_same(writer, found.id, other.id, form.cleaned_data["reason"])
        except (PartRefused, Malformed):
            form.add_error(None, _("That cannot be said of these two records."))
        else:
            messages.success(request, _("It is said that the two records speak of the same event."))
            return _back(found.id)
    if form.is_bound:
        status = 422
    known = [each.line.id for each in together(writer, found).beside if each.own == SAME]
    listed = candidates(writer, found, text, known)
    context = {
        "incident": found,
        "line": list_line(found),
        "form": form,
        "text": text,
        "chosen": form.data.get("other", "") if form.is_bound else "",
        "candidates": listed,
        "days": DAYS,
        "kilometres": KILOMETRES,
        "page_level": highest([found.label, *(each.line.label for each in listed)]),
    }
    return render(request, "incidents/same.html", context, status=status)


@require_POST
@answered
def say(request: HttpRequest, incident: str, other: str) -> HttpResponse:
    """Agree, object or take back: what the own party says of two records now."""
    writer = principal(request)
    one, second = incident_of(writer, incident), incident_of(writer, other)
    word, reason = request.POST.get("word", ""), request.POST.get("reason", "").strip()[:2_000]
    told = request.POST.get("seen", "")
    # What is none is a version that nobody has seen.
    seen = int(told or 0) if told.isascii() and (told.isdigit() or not told) and len(told) < 10 else -1
    if word not in _SAID:
        raise Malformed("a party says same or different, or takes back what it said")
    try:
        if word == TAKEN_BACK:
            same_rules.take_back(writer, one.id, second.id, seen)
        else:
            say_it = same_rules.say_same if word == SAME else same_rules.say_different
            say_it(writer, one.id, second.id, reason, seen)
    except Conflict:
        messages.error(request, _("Something else was said meanwhile. Look at it again."))
    else:
        messages.success(request, _SAID[word])
    return _back(one.id)


_SAID = {
    SAME: gettext_lazy("It is said that the two records speak of the same event."),
    DIFFERENT: gettext_lazy("It is said that the two records do not speak of the same event."),
    TAKEN_BACK: gettext_lazy("It was taken back. It stays on record and counts no more."),
}


def _back(incident: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("incidents:detail", args=[incident]) + "#same-event")


def _expect(writer: Subject) -> None:
    """Refuse early, before anything is chosen, what is certain to be refused."""
    if "statement" not in rules.parts_open_to(writer, "write", "same_event"):
        raise refusal(writer, "write", "same_event", "write same_event: no grant")
