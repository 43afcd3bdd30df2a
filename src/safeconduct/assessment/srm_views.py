"""The pages of assessments: the list with what is overdue, a subject with both parties' ratings, one assessment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment import srm_words as words
from safeconduct.assessment.srm_acts import ACTS, Act, may, offers
from safeconduct.assessment.srm_compared import in_order, key_of
from safeconduct.assessment.srm_context import context_of, places_of
from safeconduct.assessment.srm_followed import followed
from safeconduct.assessment.srm_forms import SrmForm
from safeconduct.assessment.srm_kinds import ASSESSMENT, DIFFERENCE
from safeconduct.assessment.srm_rules import weaknesses_of
from safeconduct.assessment.srm_shown import listed_subjects, shown_difference
from safeconduct.assessment.srm_subject import (
    Picture,
    Sheet,
    address,
    in_words,
    matrix,
    picture_of,
    picture_of_area,
    rows_of,
)
from safeconduct.records import here
from safeconduct.records.commit import Committed
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.shell.terms import reason_withheld

LIVE = "/live?topics=assessment,assessment_difference,recommendation,measure,verification"
ASKED = ("about", "threat", "own", "area")
"""What an address may say besides; nothing by which somebody decides."""
PLAIN_FAULTS = (PartRefused, Malformed, ValueError)


@require_safe
@answering
def assessments(request: HttpRequest) -> HttpResponse:
    """Every subject that the reader may know assessments of, what is overdue first."""
    return _list(request, only_overdue=False)


@require_safe
@answering
def overdue(request: HttpRequest) -> HttpResponse:
    """The same with what is overdue alone."""
    return _list(request, only_overdue=True)


def _list(request: HttpRequest, only_overdue: bool) -> HttpResponse:
    reader = reader_of(request)
    lines, level = listed_subjects(reader)
    context = {
        "lines": [each for each in lines if each.overdue or not only_overdue],
        "only_overdue": only_overdue,
        "late": sum(each.overdue for each in lines),
        "all": len(lines),
        "offers": offers(reader, None),
        "page_level": level,
        "live_url": LIVE,
    }
    return render(request, "assessment/srm_list.html", context)


@require_safe
@answering
def subject(request: HttpRequest, record: str) -> HttpResponse:
    """A site or a movement with both parties' ratings side by side."""
    return _subject(request, picture_of(reader_of(request), record))


@require_safe
@answering
def area(request: HttpRequest) -> HttpResponse:
    """The same of an area, by its name."""
    return _subject(request, picture_of_area(reader_of(request), str(request.GET.get("name", ""))[:200]))


def _subject(request: HttpRequest, picture: Picture) -> HttpResponse:
    reader = reader_of(request)
    first = next((each.record for each in picture.sheets), None)
    placed = picture.record or first
    context_of_place = context_of(reader, places_of(picture.kind, placed.parts) if placed else [])
    advice = followed(reader, [each.record.id for each in picture.sheets])
    handed_on = [each for about in advice.values() for each in about]
    levels = [picture.level, context_of_place.level, *(r.label for each in handed_on for r in each.records)]
    own, other = picture.host, picture.partner
    if here.home().side == "partner":
        own, other = other, own
    context = {
        "picture": picture,
        "kind_word": words.SUBJECTS[picture.kind],
        "sides": [picture.host, picture.partner],
        "counts": [(each, words.VERDICTS[each.ratio.verdict]) for each in context_of_place.counted],
        "seen": context_of_place.seen,
        "handed_on": handed_on,
        "differences": [shown_difference(each, may(reader, "settle", each)) for each in picture.differences],
        "compare": _comparing(reader, picture, own.current, other.current),
        "begin": [each for each in offers(reader, None) if each["name"] == picture.kind],
        "page_level": max(levels, key=LEVELS.index),
        "live_url": LIVE,
        "alone": "HX-Request" in request.headers,
    }
    name = "_srm_subject" if context["alone"] else "srm_subject"
    return render(request, f"assessment/{name}.html", context)


def _comparing(reader: Subject, picture: Picture, own: Sheet | None, other: Sheet | None) -> str:
    """Where the difference is noted; "" where it cannot be, or nothing differs."""
    if own is None or other is None or not (picture.both and picture.differing):
        return ""
    if not may(reader, "difference", other.record):
        return ""
    return f"{reverse('srm:act', args=[other.record.id, 'difference'])}?own={own.record.id}"


@require_safe
@answering
def page(request: HttpRequest, record: str) -> HttpResponse:
    """One party's assessment, with what became of its measures and what may be done with it."""
    reader = reader_of(request)
    found = release(reader, record)
    if found.kind == DIFFERENCE.name and found.about:
        return HttpResponseRedirect(address(Sheet(release(reader, found.about))))
    if found.kind != ASSESSMENT.name:
        raise NotFound(record)
    sheet = Sheet(found)
    advice = followed(reader, [record])[record]
    host = (found.originator == here.home().party) == (here.home().side == "host")
    rows = rows_of(sheet, None) if host else rows_of(None, sheet)
    levels = [found.label, *(r.label for each in advice for r in each.records)]
    context = {
        "sheet": sheet,
        "address": address(sheet),
        "threats": _threats(found, sheet),
        "situation": found.parts.get("situation"),
        "matrices": [matrix(rows, residual=False), matrix(rows, residual=True)] if rows else [],
        "handed_on": advice,
        "offers": offers(reader, found),
        "may_rate": may(reader, "threat", found),
        "may_recommend": may(reader, "recommend", found),
        "withheld": [
            {"name": words.PARTS[each.part], "reason": reason_withheld(each.reason), "would": each.would}
            for each in found.withheld
        ],
        "page_level": max(levels, key=LEVELS.index),
        "live_url": LIVE,
        "alone": "HX-Request" in request.headers,
    }
    name = "_srm_page" if context["alone"] else "srm_page"
    return render(request, f"assessment/{name}.html", context)


def _threats(found: Released, sheet: Sheet) -> Sequence[dict[str, Any]]:
    weak = {key_of(each): each for each in weaknesses_of(found)}
    return [
        {
            "number": number,
            "key": key_of(each),
            "category": words.word("category", each["category"]),
            "event": words.event_word(each),
            "title": each.get("title", "") if each["event"] != "other" else "",
            "rating": in_words({k: str(v) for k, v in each.items() if k in words.CODES}),
            "further": each.get("further", ""),
            "remark": each.get("remark", ""),
            "weak": weak.get(key_of(each), {}),
        }
        for number, each in enumerate(in_order(sheet.threats), 1)
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def begin(request: HttpRequest, name: str) -> HttpResponse:
    """Begin an assessment of a site, an area or a movement."""
    return do_act(request, name, None)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def act(request: HttpRequest, record: str, name: str) -> HttpResponse:
    """What is done to an assessment or to a noted difference."""
    return do_act(request, name, release(reader_of(request), record))


def do_act(request: HttpRequest, name: str, found: Released | None) -> HttpResponse:
    """The form of an act, and the act. A refusal says which clause would allow it."""
    reader = reader_of(request)
    chosen = ACTS.get(name)
    if chosen is None or (found.kind if found else "") != chosen.to:
        raise Http404
    asked = {each: str(request.GET[each])[:400] for each in ASKED if each in request.GET}
    posted = request.method == "POST"
    form = chosen.form(request.POST if posted else None, reader=reader, found=found, asked=asked)
    if not posted:
        _expect(reader, chosen, found)
    elif form.is_valid():
        done = _done(request, reader, form)
        if done is not None:
            messages.success(request, _("It is in the ledger."))
            return HttpResponseRedirect(_after(chosen, found, done))
    back = _back(found)
    if chosen.form.plain:
        for faults in form.errors.values():
            messages.error(request, " ".join(map(str, faults)))
        return HttpResponseRedirect(back)
    context = {
        "act": chosen,
        "form": form,
        "back": back,
        "title": Sheet(found).scope.get("title", "") if found is not None else "",
        "page_level": max(found.label if found is not None else "RESTRICTED", form.level, key=LEVELS.index),
    }
    return render(request, "assessment/srm_form.html", context, status=422 if posted else 200)


def _done(request: HttpRequest, reader: Subject, form: SrmForm) -> Committed | None:
    """What the rule stored; None where it was not taken and the form says why."""
    try:
        return form.do(reader, str(request.user))
    except Refused as fault:
        raise Refused(words.reason_of(fault), fault.would, fault.attempt) from fault
    except PLAIN_FAULTS as fault:
        form.add_error(None, words.reason(fault))
        return None


def _expect(reader: Subject, chosen: Act, found: Released | None) -> None:
    if not here.state().policy.entries(reader, chosen.act, chosen.writes):
        reason = f"{chosen.act} {chosen.writes}: no grant"
        raise refusal(reader, chosen.act, chosen.writes, reason, (), found.id if found else "")


def _after(chosen: Act, found: Released | None, done: Committed) -> str:
    """Where the work goes on: what is assessed, for a difference; else the assessment itself."""
    if found is None:
        return reverse("srm:page", args=[done.record])
    return address(Sheet(found)) if chosen.name == "difference" else _back(found)


def _back(found: Released | None) -> str:
    return reverse("srm:page", args=[found.id]) if found is not None else reverse("srm:list")
