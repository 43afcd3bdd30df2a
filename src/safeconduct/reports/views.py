"""The pages of reports: what to report on, the report on the screen, as a file, and those that were filed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.as_of import past
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released, release
from safeconduct.reports import words as named
from safeconduct.reports.filing import file_report, filed_pdf
from safeconduct.reports.forms import LANGUAGES, SituationForm
from safeconduct.reports.gathering import Gathering
from safeconduct.reports.record_paper import record_paper
from safeconduct.reports.situation import situation
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.shell.papers import Paper
from safeconduct.shell.typesetting import Unset, pdf

FILED = 50
Made = tuple[Paper, Gathering]


@require_GET
@answering
def home(request: HttpRequest) -> HttpResponse:
    """What to report on, and the reports that were filed."""
    reader = reader_of(request)
    page = find(reader, Query("report", parts=("scope",), limit=FILED, cursor=request.GET.get("cursor", "")))
    context = {
        "form": SituationForm(initial={"day": datetime.now(UTC).date(), "span": "day"}),
        "filed": [_line(each) for each in [*page.records, *page.unplaced]],
        "next": page.next_cursor,
        "page_level": max((r.label for r in page.records), key=_rank, default="RESTRICTED"),
        "live_url": "/live?topics=report",
    }
    return render(request, "reports/home.html", context)


def _rank(label: str) -> int:
    return ("OPEN", "RESTRICTED", "CONFIDENTIAL", "SECRET").index(label)


def _line(found: Released) -> dict[str, Any]:
    scope = found.parts.get("scope") or {}
    return {
        "id": found.id,
        "scope": scope,
        "form": str(named.FORMS.get(scope.get("form", ""), "")),
        "language": dict(LANGUAGES).get(scope.get("language", ""), ""),
        "at": found.at,
        "label": found.label,
        "withdrawn": found.withdrawn,
        "erased": "content" in found.erased,
    }


# --- situation reports -----------------------------------------------------------------------------------


@require_GET
@answering
def situation_page(request: HttpRequest) -> HttpResponse:
    """The situation report on the screen."""
    form = SituationForm(request.GET)
    if not form.is_valid():
        return render(request, "reports/home.html", {"form": form, "page_level": "OPEN"}, status=400)
    if not form.cleaned_data["at"]:
        return redirect(f"{reverse('reports:situation')}?{_address(form)}")
    made = situation(reader_of(request), form.period, past(form.moment))
    return _page(
        request, made, reverse("reports:situation_pdf"), reverse("reports:file_situation"), _address(form)
    )


@require_GET
@answering
def situation_pdf(request: HttpRequest) -> HttpResponse:
    """The same as a PDF, of what may leave the node."""
    form, reader = _valid(SituationForm(request.GET)), _require_export(request)

    def make() -> Made:
        return situation(reader, form.period, past(form.moment), "export")

    name = f"situation-{form.period.last}-{form.cleaned_data['span']}-{form.moment:%Y%m%dT%H%M%SZ}"
    return _file(request, make, name)


@require_POST
@answering
def file_situation(request: HttpRequest) -> HttpResponse:
    """File the situation report as a record, in the language in which it is read."""
    form = _valid(SituationForm(request.POST))
    actor, period = _require_export(request), form.period
    paper, taken = situation(actor, period, past(form.moment), "export")
    span = (period.since.timestamp(), period.until.timestamp())
    made = file_report(actor, paper, taken, form.cleaned_data["span"], span)
    messages.success(request, _("The report was filed."))
    return redirect("reports:filed", made.record)


def _valid(form: SituationForm) -> SituationForm:
    if not form.is_valid():
        raise Malformed("; ".join(error for errors in form.errors.values() for error in map(str, errors)))
    return form


def _address(form: SituationForm) -> str:
    return urlencode(
        {
            "day": form.cleaned_data["day"].isoformat(),
            "span": form.cleaned_data["span"],
            "at": form.moment.strftime("%Y-%m-%dT%H:%M:%S"),
        }
    )


# --- the paper of a record -------------------------------------------------------------------------------


def moment_of(text: str) -> datetime:
    """A moment of an address in UTC, by default now. Raises Malformed."""
    try:
        found = datetime.fromisoformat(text[:40]) if text else datetime.now(UTC)
        utc = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        return utc.replace(microsecond=0)
    except (ValueError, OverflowError) as fault:
        raise Malformed("the moment is given in ISO 8601") from fault


@require_GET
@answering
def record_page(request: HttpRequest, record: str) -> HttpResponse:
    """The paper of a record and of what is about it, on the screen."""
    at = moment_of(request.GET.get("at", ""))
    made = record_paper(reader_of(request), record, past(at))
    file = reverse("reports:file_record", args=[record])
    return _page(request, made, reverse("reports:record_pdf", args=[record]), file, _at(at))


@require_GET
@answering
def record_pdf(request: HttpRequest, record: str) -> HttpResponse:
    """The same as a PDF, of what may leave the node."""
    at, reader = moment_of(request.GET.get("at", "")), _require_export(request)

    def make() -> Made:
        return record_paper(reader, record, past(at), "export")

    return _file(request, make, f"paper-{record[:8]}-{at:%Y%m%dT%H%M%SZ}")


@require_POST
@answering
def file_record(request: HttpRequest, record: str) -> HttpResponse:
    """File the paper as a record, in the language in which it is read."""
    actor, at = _require_export(request), moment_of(request.POST.get("at", ""))
    paper, taken = record_paper(actor, record, past(at), "export")
    made = file_report(actor, paper, taken, "record", subject=record)
    messages.success(request, _("The report was filed."))
    return redirect("reports:filed", made.record)


def _at(at: datetime) -> str:
    return urlencode({"at": at.strftime("%Y-%m-%dT%H:%M:%S")})


# --- what was filed --------------------------------------------------------------------------------------


@require_GET
@answering
def filed(request: HttpRequest, report: str) -> HttpResponse:
    """One report that was filed: what it is of, and its file."""
    found = release(reader_of(request), report)
    if found.kind != "report":
        raise Malformed("not a report")
    context = {"report": _line(found), "found": found, "page_level": found.label}
    return render(request, "reports/filed.html", context)


@require_GET
@answering
def filed_file(request: HttpRequest, report: str) -> HttpResponse:
    """The PDF as it was filed."""
    return _pdf(filed_pdf(reader_of(request), report), f"report-{report[:8]}")


# --- both ------------------------------------------------------------------------------------------------


def _page(request: HttpRequest, made: Made, file_url: str, filing_url: str, address: str) -> HttpResponse:
    paper, taken = made
    reader = reader_of(request)
    context = {
        "paper": paper,
        "moment": taken.moment,
        "file_url": file_url,
        "filing_url": filing_url,
        "address": address,
        "fields": [pair.split("=", 1) for pair in address.replace("%3A", ":").split("&")],
        "languages": LANGUAGES,
        "may_export": may_export(reader),
        "may_file": may_export(reader) and bool(here.state().policy.entries(reader, "write", "report")),
        "page_level": paper.level,
    }
    return render(request, "reports/paper.html", context)


def _file(request: HttpRequest, make: Callable[[], Made], name: str) -> HttpResponse:
    language = request.GET.get("language", "") or translation.get_language() or "en"
    if language not in dict(LANGUAGES):
        raise Malformed("a report is in English, Urdu or Chinese")
    with translation.override(language):
        paper, _taken = make()
        try:
            raw = pdf(paper)
        except Unset as fault:
            raise Malformed(str(fault)) from fault
    return _pdf(raw, f"{name}-{language}")


def _require_export(request: HttpRequest) -> Subject:
    """A file leaves the node: only for whom some grant lets anything out that reports are made of."""
    reader = reader_of(request)
    if not may_export(reader):
        raise refusal(reader, "export", "incident", _("taking a report out of the node"))
    return reader


def may_export(reader: Subject) -> bool:
    policy = here.state().policy
    return any(policy.entries(reader, "export", kind) for kind in all_kinds())


def _pdf(raw: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(raw, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer
