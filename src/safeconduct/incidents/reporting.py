"""Pages that write: the immediate report, later reports, claims. Each calls one function of `rules`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.incidents import rules
from safeconduct.incidents.answers import answered, principal
from safeconduct.incidents.filters import partners
from safeconduct.incidents.forms import (
    CLAIM_FORMS,
    IMMEDIATE_FORMS,
    PART_FORMS,
    PartForm,
    ReleaseForm,
    StageForm,
)
from safeconduct.incidents.kinds import CATEGORIES
from safeconduct.incidents.presentation import highest, list_line
from safeconduct.incidents.views import incident_of
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import refusal


@require_http_methods(["GET", "HEAD", "POST"])
@answered
def report(request: HttpRequest) -> HttpResponse:
    """The immediate report: short, because it is written while things happen."""
    writer = principal(request)
    _expect(writer, "incident", {form.part for form in IMMEDIATE_FORMS})
    data = request.POST if request.method == "POST" else None
    forms = [form(data, clearance=writer.clearance) for form in IMMEDIATE_FORMS]
    for each in forms:
        if "category" in each.fields and request.GET.get("category") in CATEGORIES:
            each.initial["category"] = request.GET["category"]
    release_form = ReleaseForm(data, partners())
    if data is not None and _valid([*forms, release_form]):
        try:
            done = rules.report_incident(
                writer, _values(forms), _levels(forms), release_form.cleaned_data["releasable"]
            )
        except (PartRefused, Malformed) as fault:
            forms[0].add_error(None, str(fault))
        else:
            messages.success(request, _("Reported. It is in the ledger."))
            return HttpResponseRedirect(reverse("incidents:detail", args=[done.record]))
    context = {"forms": forms, "release_form": release_form, "page_level": _level(forms)}
    return render(request, "incidents/report.html", context, status=_status(forms))


@require_http_methods(["GET", "HEAD", "POST"])
@answered
def update(request: HttpRequest, incident: str) -> HttpResponse:
    """A later report: any part that the writer both reads and may write, on the version they have seen."""
    writer = principal(request)
    found = incident_of(writer, incident)
    if found.originator != writer.party:
        raise refusal(writer, "write", "incident", _("only its originator writes a record"), record=found.id)
    open_parts = _writable(writer, found)
    data = request.POST if request.method == "POST" else None
    forms = [_form_of(form, found, writer, data) for form in PART_FORMS if form.part in open_parts]
    following = "update" if found.state == "immediate" else found.state
    stage_form = StageForm(data, initial={"stage": following, "seen": found.version})
    release_form = ReleaseForm(data, partners(), sorted(found.releasable))
    status = 0
    if data is not None and _valid([*forms, stage_form, release_form]):
        changed = [form for form in forms if _changed(form, found)]
        try:
            rules.update_report(
                writer,
                found.id,
                stage_form.cleaned_data["seen"],
                _values(changed),
                stage_form.cleaned_data["stage"],
                _levels(changed),
                release_form.cleaned_data["releasable"],
            )
        except Conflict as fault:
            stage_form.add_error(None, _conflict(fault))
            status = 409
        except (PartRefused, Malformed) as fault:
            stage_form.add_error(None, str(fault))
        else:
            messages.success(request, _("The report is in the ledger."))
            return HttpResponseRedirect(reverse("incidents:detail", args=[found.id]))
    context = {
        "incident": found,
        "line": list_line(found),
        "forms": forms,
        "stage_form": stage_form,
        "release_form": release_form,
        "page_level": highest([found.label, _level(forms)]),
    }
    return render(request, "incidents/update.html", context, status=status or _status([*forms, stage_form]))


@require_http_methods(["GET", "HEAD", "POST"])
@answered
def claim(request: HttpRequest, incident: str) -> HttpResponse:
    """One more figure or statement beside those there are; nobody's claim replaces another's."""
    writer = principal(request)
    found = incident_of(writer, incident)
    _expect(writer, "claim", {"source"})
    may = rules.parts_open_to(writer, "write", "claim")
    data = request.POST if request.method == "POST" else None
    forms = [form(data, clearance=writer.clearance) for form in CLAIM_FORMS if form.part in may]
    audience = found.releasable if found.originator == writer.party else {found.originator}
    release_form = ReleaseForm(data, partners(), sorted(audience))
    if data is not None and _valid([*forms, release_form]):
        said = {name: value for name, value in _values(forms).items() if value is not None}
        try:
            rules.add_claim(writer, found.id, said, _levels(forms), release_form.cleaned_data["releasable"])
        except (PartRefused, Malformed) as fault:
            forms[0].add_error(None, str(fault))
        else:
            messages.success(request, _("The claim stands beside the others."))
            return HttpResponseRedirect(reverse("incidents:detail", args=[found.id]) + "#claims")
    context = {
        "incident": found,
        "line": list_line(found),
        "forms": forms,
        "release_form": release_form,
        "page_level": highest([found.label, _level(forms)]),
    }
    return render(request, "incidents/claim.html", context, status=_status(forms))


@require_POST
@answered
def retract(request: HttpRequest, incident: str, claim: str) -> HttpResponse:
    """Take a claim back: it stays on record, and counts no more."""
    writer = principal(request)
    found = release(writer, claim)
    if found.kind != "claim" or found.about != incident:
        raise NotFound(claim)
    try:
        rules.retract_claim(writer, claim, int(request.POST.get("seen", "0") or 0))
    except (ValueError, Conflict):
        messages.error(request, _("The claim has changed meanwhile. Look at it again."))
    else:
        messages.success(request, _("The claim was retracted."))
    return HttpResponseRedirect(reverse("incidents:detail", args=[incident]) + "#claims")


def _expect(writer: Subject, kind: str, parts: set[str]) -> None:
    """Refuse early, before anything is typed, what is certain to be refused."""
    if not parts <= rules.parts_open_to(writer, "write", kind):
        raise refusal(writer, "write", kind, f"write {kind}: no grant")


def _writable(writer: Subject, found: Released) -> set[str]:
    """Parts that the writer may write and is shown: nobody replaces what they cannot see."""
    under_pen = release(writer, found.id, "write")
    closed = {each.part for each in (*found.withheld, *under_pen.withheld)} | set(found.erased)
    return {form.part for form in PART_FORMS} - closed


def _form_of(form: type[PartForm], found: Released, writer: Subject, data: Any) -> PartForm:
    level = LEVELS.index(found.levels[form.part]) if form.part in found.levels else None
    return form(data, current=found.parts.get(form.part), level=level, clearance=writer.clearance)


def _valid(forms: Iterable[Any]) -> bool:
    """Whether all are valid; every form is asked, so that all faults show at once."""
    answers = [form.is_valid() for form in forms]
    return all(answers)


def _values(forms: Iterable[PartForm]) -> Mapping[str, dict[str, Any] | None]:
    return {form.part: form.value() for form in forms}


def _levels(forms: Iterable[PartForm]) -> dict[str, int]:
    return {form.part: form.level() for form in forms}


def _changed(form: PartForm, found: Released) -> bool:
    present = found.levels.get(form.part)
    relabelled = present is not None and LEVELS.index(present) != form.level()
    return relabelled or form.value() != found.parts.get(form.part)


def _level(forms: Sequence[PartForm]) -> str:
    """The highest label that the form would put on what is typed, as it stands now."""
    return highest(
        form.cleaned_data.get("label_level", LEVELS[-1])
        if form.is_bound and hasattr(form, "cleaned_data")
        else form.fields["label_level"].initial
        for form in forms
    )


def _status(forms: Iterable[Any]) -> int:
    return 422 if any(form.is_bound and form.errors for form in forms) else 200


def _conflict(fault: Conflict) -> str:
    return _(
        "The incident is at version %(number)s now. Open it again, and enter your report on that version."
    ) % {"number": fault.current}
