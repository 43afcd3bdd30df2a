"""The pages of forecasts: the one of now with its backtest, issuing one, and what came of those that were issued."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment import forecast_rules as rules
from safeconduct.assessment import forecast_words as words
from safeconduct.assessment.forecast_cells import drawn, figures, rows
from safeconduct.assessment.forecast_forms import AskForm, IssueForm
from safeconduct.assessment.forecast_kinds import FORECAST
from safeconduct.assessment.forecast_made import Asked, Made, make
from safeconduct.assessment.forecast_reckoned import DONE, Reckoned, reckoned
from safeconduct.assessment.forecast_telling import PERCENT, told, with_ends
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import release
from safeconduct.risk.days import iso_of
from safeconduct.risk.grid import AreaError
from safeconduct.risk.interval import count_range, interval
from safeconduct.shell.answers import answering, reader_of, refusal

LIVE = "/live?topics=forecast"
ISSUED = 20


@require_safe
@answering
def forecast(request: HttpRequest) -> HttpResponse:
    """Expected incidents by place for the next days, how the methods did before, and what is not known."""
    reader = reader_of(request)
    form = AskForm.of(request.GET)
    context: dict[str, Any] = {
        "form": form,
        "page_level": "OPEN",
        "issued": _issued(reader),
        "live_url": LIVE,
    }
    if form.is_valid():
        made = _made(reader, form.asked)
        context |= _shown(made, reckoned(made, reader.person), form)
        context["may_issue"] = _may_issue(reader)
    context["page_level"] = max(
        (context["page_level"], *(each.label for each in context["issued"])), key=LEVELS.index
    )
    return render(request, "assessment/forecast.html", context, status=200 if form.is_valid() else 422)


def _made(reader: Subject, asked: Asked) -> Made:
    try:
        return make(reader, asked)
    except AreaError as fault:
        raise Malformed(str(fault)) from fault


def _shown(made: Made, behind: Reckoned, form: AskForm) -> dict[str, Any]:
    total = float(made.numbers.sum())
    method = form.cleaned_data["method"]
    address = urlencode(
        {"days": made.asked.days, "lag": made.asked.lag, "origin": iso_of(made.origin), "method": method}
    )
    return {
        "made": made,
        "behind": behind,
        "waiting": behind.state in ("waits", "busy"),
        "first": iso_of(made.origin),
        "last": iso_of(made.origin + made.asked.days - 1),
        "newest": None if made.newest is None else iso_of(made.newest),
        "cutoff": iso_of(made.origin - made.asked.lag),
        "past": made.origin < made.today,
        "share": round(100 * len(made.known) / made.seen.known) if made.seen.known else 0,
        "area_km2": float(made.grid.area_km2.sum()),
        "cells": len(made.grid),
        "rows": rows(made, behind.option, get_language() or "en") if made.in_year else [],
        "totals": _totals(made, behind),
        "range": count_range(total, made.asked.days),
        "method": method,
        "map_data": f"{reverse('forecast:cells')}?{address}",
        "address": address,
        "told": told(behind.backtest) if behind.backtest else None,
        "page_level": made.seen.level,
    }


def _totals(made: Made, behind: Reckoned) -> list[dict[str, Any]]:
    found = []
    for code, numbers in (("standard", made.numbers), ("scales", behind.option)):
        if numbers is not None:
            whole = np.array([float(numbers.sum())])
            low, high = interval(whole, made.asked.days)
            ends = figures(float(low[0]), float(high[0]), 2)
            found.append(
                {"method": words.METHODS[code], "expected": float(whole[0]), "low": ends[0], "high": ends[1]}
            )
    return found


@require_safe
@answering
def cells(request: HttpRequest) -> HttpResponse:
    """The foremost tenth of the area as GeoJSON polygons, in three classes."""
    form = AskForm.of(request.GET)
    if not form.is_valid():
        raise Malformed(_("The address does not say which forecast."))
    reader = reader_of(request)
    made = _made(reader, form.asked)
    numbers = made.numbers
    if form.cleaned_data["method"] == "scales":
        behind = reckoned(made, reader.person)
        numbers = np.zeros(len(made.grid)) if behind.option is None else behind.option
    if not made.in_year:
        numbers = np.zeros(len(made.grid))
    named = {
        0: _("In the foremost 1 % of the area"),
        1: _("In the foremost 5 % of the area"),
        2: _("In the foremost 10 % of the area"),
    }
    shown = drawn(made, numbers, named)
    for each in shown["features"]:
        told_of = each["properties"]
        told_of["summary"] = _("expected %(number)s in %(days)s days; %(year)s incidents in 365 days") % {
            "number": f"\u2066{told_of['expected']:.3f}\u2069",
            "days": made.asked.days,
            "year": told_of["year"],
        }
    return JsonResponse(shown, content_type="application/geo+json")


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def issue(request: HttpRequest) -> HttpResponse:
    """Put a forecast on record: what it is for, who decides."""
    reader = reader_of(request)
    if not _may_issue(reader):
        raise refusal(reader, "write", FORECAST.name, _("No grant lets your roles issue forecasts."))
    form = IssueForm(request.POST) if request.method == "POST" else IssueForm(initial=request.GET.dict())
    asked = AskForm.of(request.POST if request.method == "POST" else request.GET)
    if not asked.is_valid():
        raise Malformed(_("The address does not say which forecast."))
    made = _made(reader, asked.asked)
    behind = reckoned(made, reader.person)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            done = rules.issue(
                reader, made, behind, given["method"], given["purpose"], given["decider"], str(request.user)
            )
        except (Malformed, PartRefused) as fault:
            form.add_error(None, str(words.REFUSALS.get(str(fault), fault)))
        else:
            messages.success(request, _("It is in the ledger."))
            return HttpResponseRedirect(reverse("forecast:issued", args=[done.record]))
    context = {
        "form": form,
        "made": made,
        "first": iso_of(made.origin),
        "last": iso_of(made.origin + made.asked.days - 1),
        "ready": behind.state == DONE,
        "page_level": made.seen.level,
    }
    return render(
        request,
        "assessment/forecast_issue.html",
        context,
        status=422 if form.is_bound and form.errors else 200,
    )


@require_safe
@answering
def issued(request: HttpRequest, record: str) -> HttpResponse:
    """A forecast as it was issued, and what came in its time."""
    reader = reader_of(request)
    found = release(reader, record)
    if found.kind != FORECAST.name:
        raise NotFound(record)
    came = rules.outcome(reader, found)
    expected = found.parts.get("expected") or {}
    basis = found.parts.get("basis") or {}
    listed = expected.get("cells", [])
    context = {
        "found": found,
        "basis": basis,
        "expected": expected,
        "tried": _tried(found.parts.get("tried")),
        "use": found.parts.get("use"),
        "made_of": words.MADE.get(basis.get("made", "")),
        "method": words.METHODS.get(expected.get("method", "")),
        "cells": [
            {
                **each,
                "ends": figures(each["low"], each["high"]),
                "came": came.cells[number] if came else None,
            }
            for number, each in enumerate(listed)
        ],
        "came": came,
        "range": count_range(expected["total"], basis["days"]) if came else None,
        "page_level": max((found.label, came.level if came else found.label), key=LEVELS.index),
        "live_url": LIVE,
    }
    return render(request, "assessment/forecast_issued.html", context)


def _tried(part: Any) -> dict[str, Any] | None:
    if not part:
        return None
    scores = [
        {
            **each,
            "name": words.METHODS.get(each["method"], each["method"]),
            "saved": with_ends(
                {"value": each.get("skill"), "low": each.get("skill_low"), "high": each.get("skill_high")},
                PERCENT,
                "+.1f",
            ),
        }
        for each in part["scores"]
    ]
    return {**part, "scores": scores, "sentence": words.VERDICTS[part["verdict"]]}


def _issued(reader: Subject) -> list[Any]:
    query = Query(FORECAST.name, parts=("basis", "expected", "use"), withdrawn=False, sort="at", limit=ISSUED)
    return find(reader, query).records


def _may_issue(reader: Subject) -> bool:
    return bool(here.state().policy.entries(reader, "write", FORECAST.name))
