"""The pages of minimum standards: sites with what is overdue, a site's checks, one check with its evidence."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment import srm_standard_rules as rules
from safeconduct.assessment import srm_words as words
from safeconduct.assessment.srm_followed import followed
from safeconduct.assessment.srm_standard_files import load
from safeconduct.assessment.srm_standard_forms import CheckForm, EvidenceForm, GapForm
from safeconduct.assessment.srm_standard_kinds import CHECK, EVIDENCE, GAPS, SITE_CLASSES
from safeconduct.assessment.srm_subject import title_of
from safeconduct.records import here
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.shell.filed import filed

LIVE = "/live?topics=standard_check,standard_evidence,recommendation,measure,verification"
PLAIN_FAULTS = (PartRefused, Malformed, ValueError)


@dataclass(frozen=True)
class SiteLine:
    """A site with its latest check, whoever's; `due` when it never was checked or longer ago than a year."""

    record: str
    title: str
    district: str
    latest: Released | None
    progress: rules.Progress | None
    at: datetime | None
    due: bool


@require_safe
@answering
def standards(request: HttpRequest) -> HttpResponse:
    """The sites that the reader may know of, those first that are to be checked."""
    reader = reader_of(request)
    query = Query(
        "site", parts=("identity", "place"), state="active", withdrawn=False, sort="at", limit=MAX_LIMIT
    )
    sites = find(reader, query).records
    checks = rules.checks_of(reader, [each.id for each in sites])
    lines = [_line(each, checks[each.id]) for each in sites]
    lines.sort(key=lambda each: (not each.due, each.title))
    shown = [*sites, *(check for each in checks.values() for check in each)]
    context = {
        "lines": lines,
        "due": sum(each.due for each in lines),
        "every": rules.EVERY_DAYS,
        "page_level": max((each.label for each in shown), key=LEVELS.index, default="OPEN"),
        "live_url": LIVE,
    }
    return render(request, "assessment/standards_list.html", context)


def _line(site: Released, checks: Sequence[Released]) -> SiteLine:
    latest = checks[0] if checks else None
    at = rules.checked_at(latest) if latest else None
    return SiteLine(
        record=site.id,
        title=title_of(site),
        district=str((site.parts.get("place") or {}).get("district", "")),
        latest=latest,
        progress=rules.progress(rules.items_of(latest)) if latest and rules.items_of(latest) else None,
        at=datetime.fromtimestamp(at, UTC) if at else None,
        due=rules.overdue(at, time.time()),
    )


@require_safe
@answering
def site(request: HttpRequest, record: str) -> HttpResponse:
    """A site's latest check by each party, standard by standard, and those before."""
    reader = reader_of(request)
    found = _site(reader, record)
    checks = rules.checks_of(reader, [record])[record]
    latest = list({each.originator: each for each in reversed(checks)}.values())
    shown = [_check_context(reader, each) for each in latest]
    levels = [found.label, *(each.label for each in checks), *(each["level"] for each in shown)]
    context = {
        "site": found,
        "title": title_of(found),
        "latest": shown,
        "before": [
            {"record": each, "at": (each.parts.get("result") or {}).get("at", "")}
            for each in checks
            if each not in latest
        ],
        "due": rules.overdue(rules.checked_at(checks[0]) if checks else None, time.time()),
        "may_check": _may(reader, CHECK.name),
        "page_level": max(levels, key=LEVELS.index),
        "live_url": LIVE,
        "alone": "HX-Request" in request.headers,
    }
    name = "_standards_site" if context["alone"] else "standards_site"
    return render(request, f"assessment/{name}.html", context)


@require_safe
@answering
def check(request: HttpRequest, record: str) -> HttpResponse:
    """One check with its evidence, and what became of its gaps."""
    reader = reader_of(request)
    found = _check(reader, record)
    shown = _check_context(reader, found)
    context = {
        "check": shown,
        "page_level": shown["level"],
        "live_url": LIVE,
        "alone": "HX-Request" in request.headers,
    }
    name = "_standards_check" if context["alone"] else "standards_check"
    return render(request, f"assessment/{name}.html", context)


def _check_context(reader: Subject, found: Released) -> dict[str, Any]:
    query = Query(
        EVIDENCE.name, about=found.id, parts=("shows", "description"), withdrawn=False, sort="at",
        limit=MAX_LIMIT,
    )  # fmt: skip
    files = find(reader, query).records
    advice = followed(reader, [found.id])[found.id]
    items = rules.items_of(found)
    shows = [str((each.parts.get("shows") or {}).get("code", "")) for each in files]
    known, language = load(here.home().path), get_language() or "en"
    own = found.originator == here.home().party
    shown = [found, *files, *(each for advised in advice for each in advised.records)]
    return {
        "record": found,
        "own": own,
        "told": found.parts.get("result") or {},
        "class_word": words.CLASSES.get(str((found.parts.get("result") or {}).get("site_class", "")), ""),
        "progress": rules.progress(items, shows),
        "rows": [
            {
                **each,
                "asked": known.said(each["code"], each["text"], language),
                "group_word": words.GROUPS[each["group"]],
                "finding_word": words.FINDINGS[each["finding"]],
                "gap": each["finding"] in GAPS,
                "files": [file for file, code in zip(files, shows, strict=True) if code == each["code"]],
            }
            for each in items
        ],
        "handed_on": advice,
        "may_file": own and _may(reader, EVIDENCE.name),
        "may_recommend": _may(reader, "recommendation"),
        "level": max((each.label for each in shown), key=LEVELS.index),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def make_check(request: HttpRequest, record: str) -> HttpResponse:
    """The checklist of the site's class."""
    reader = reader_of(request)
    found = _site(reader, record)
    _expect(reader, CHECK.name)
    site_class = _class_of(found, str(request.GET.get("class", "")))
    known, language = load(here.home().path), get_language() or "en"
    data = request.POST if request.method == "POST" else None
    form = CheckForm(data, standards=known.of(site_class), language=language)
    if data is not None and form.is_valid():
        try:
            items, remark = form.items(), form.cleaned_data["remark"]
            done = rules.check_site(reader, record, site_class, items, remark, str(request.user))
            messages.success(request, _("It is in the ledger."))
            return HttpResponseRedirect(reverse("standards:check", args=[done.record]))
        except PLAIN_FAULTS as fault:
            form.add_error(None, words.reason(fault))
    context = {
        "form": form,
        "title": title_of(found),
        "site": record,
        "classes": [(each, words.CLASSES[each], each == site_class) for each in SITE_CLASSES],
        "fault": known.fault,
        "page_level": found.label,
    }
    status = 422 if data is not None else 200
    return render(request, "assessment/standards_form.html", context, status=status)


@require_POST
@answering
def add_evidence(request: HttpRequest, record: str) -> HttpResponse:
    """Lay a file beside a check, as evidence of one standard."""
    reader = reader_of(request)
    found = _check(reader, record)
    form = EvidenceForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            rules.file_evidence(reader, found.id, form.cleaned_data["code"], file.name, file.read())
            messages.success(request, _("It is in the ledger."))
        except PLAIN_FAULTS as fault:
            messages.error(request, words.reason(fault))
    else:
        messages.error(request, " ".join(str(each) for faults in form.errors.values() for each in faults))
    return HttpResponseRedirect(reverse("standards:check", args=[record]))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def recommend(request: HttpRequest, record: str, code: str) -> HttpResponse:
    """Hand a gap on to the joint strategy."""
    reader = reader_of(request)
    found = _check(reader, record)
    _expect(reader, "recommendation")
    gap = next((each for each in rules.items_of(found) if each["code"] == code), None)
    if gap is None:
        raise Http404
    data = request.POST if request.method == "POST" else None
    form = GapForm(data, initial={"text": gap.get("remark", "")})
    if data is not None and form.is_valid():
        given: Mapping[str, str] = form.cleaned_data
        try:
            rules.recommend_for_gap(
                reader, record, code, given["title"], given["text"], given["to"], str(request.user)
            )
            messages.success(request, _("It is in the ledger."))
            return HttpResponseRedirect(reverse("standards:check", args=[record]))
        except PLAIN_FAULTS as fault:
            form.add_error(None, words.reason(fault))
    context = {
        "form": form,
        "asked": load(here.home().path).said(code, gap["text"], get_language() or "en"),
        "back": reverse("standards:check", args=[record]),
        "page_level": found.label,
    }
    return render(request, "assessment/standards_gap.html", context, status=422 if data is not None else 200)


@require_safe
@answering
def file(request: HttpRequest, record: str) -> HttpResponse:
    """A file that shows what was found, as it was filed."""
    return filed(reader_of(request), record, EVIDENCE.name)


def _class_of(found: Released, asked: str) -> str:
    """The class that was asked for, or the site's own."""
    own = str((found.parts.get("identity") or {}).get("category", ""))
    return next((each for each in (asked, own) if each in SITE_CLASSES), SITE_CLASSES[0])


def _site(reader: Subject, record: str) -> Released:
    found = release(reader, record)
    if found.kind != "site":
        raise NotFound(record)
    return found


def _check(reader: Subject, record: str) -> Released:
    found = release(reader, record)
    if found.kind != CHECK.name:
        raise NotFound(record)
    return found


def _may(reader: Subject, kind: str) -> bool:
    return bool(here.state().policy.entries(reader, "write", kind))


def _expect(reader: Subject, kind: str) -> None:
    if not _may(reader, kind):
        raise refusal(reader, "write", kind, f"write {kind}: no grant")
