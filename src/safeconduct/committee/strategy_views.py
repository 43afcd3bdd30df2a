"""The pages of the joint strategy: objectives with their measures, and what followed from each incident."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.committee.sheets import Sheet, highest, threads
from safeconduct.committee.strategy_chain import Chain, chain, chains
from safeconduct.committee.strategy_forms import LINE
from safeconduct.committee.strategy_kinds import EVIDENCE
from safeconduct.committee.work_views import do_act, show_list, show_page
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.filed import filed
from safeconduct.shell.navigation import page_of

UNTAUGHT = 10
ASSESSED = {"assessment": "scope", "standard_check": "result"}
"""Kinds of another room from which a recommendation may follow, each with a part that says what it is of."""


@require_safe
@answering
def strategy(request: HttpRequest) -> HttpResponse:
    """The objectives in force with their measures, what is overdue, and the incidents that taught something."""
    reader = reader_of(request)
    followed = chains(reader)
    taught = {each.top.record.id for each in followed}
    measures = _measures(reader)
    assessed = _assessed(reader)
    return show_list(
        request,
        LINE,
        "strategy_list",
        chains=followed,
        assessed=assessed,
        untaught=_untaught(reader, taught),
        measures=_figures(measures),
        overdue=[each for each in measures if each.overdue],
        also=[*measures, *assessed, *(each.top for each in followed)],
        adorn=partial(_serving, measures),
        live_url=f"{LINE.live},incident",
    )


def _measures(reader: Subject) -> list[Sheet]:
    found = find(reader, Query("measure", withdrawn=False, sort="at", limit=500)).records
    return threads(reader, found, {"measure": ("effect",)})


def _assessed(reader: Subject) -> list[Sheet]:
    """The recommendations that follow from an assessment or a check, with the measures that came of them."""
    made = find(reader, Query("recommendation", withdrawn=False, sort="at", limit=500)).records
    abouts = [each.about for each in made if each.about]
    known = {
        found.id
        for kind, part in ASSESSED.items()
        for found in find(reader, Query(kind, ids=abouts, parts=(part,), limit=500)).records
    }
    return threads(reader, [each for each in made if each.about in known], LINE.below)


def _figures(measures: list[Sheet]) -> dict[str, int]:
    return {
        "all": len(measures),
        "verified": sum(each.record.state == "verified" for each in measures),
        "overdue": sum(each.overdue for each in measures),
    }


def _serving(measures: list[Sheet], objectives: list[Sheet]) -> None:
    """Show under an objective the measures that name it, wherever they stand."""
    for objective in objectives:
        shown = {each.record.id for each in objective.everything}
        objective.children += [
            each
            for each in measures
            if (each.record.parts.get("plan") or {}).get("objective") == objective.title
            and each.record.id not in shown
        ]


def _untaught(reader: Subject, taught: set[str]) -> list[dict[str, Any]]:
    """The latest incidents from which no lesson was recorded."""
    query = Query("incident", parts=("summary", "when"), withdrawn=False, limit=UNTAUGHT + len(taught))
    return [
        {"id": each.id, "title": (each.parts.get("summary") or {}).get("title", "")}
        for each in find(reader, query).records
        if each.id not in taught
    ][:UNTAUGHT]


@require_safe
@answering
def strategy_chain(request: HttpRequest, incident: str) -> HttpResponse:
    """To prevent similar incidents: from one incident to the measures that were verified."""
    reader = reader_of(request)
    found: Chain = chain(reader, incident)
    LINE.offering(reader, found.top)
    context = {
        "line": LINE,
        "chain": found,
        "top": found.top,
        "page_level": highest([found.top]),
        "live_url": f"{LINE.live},incident",
        "kinds": " ".join(["incident", *LINE.kinds]),
        "alone": "HX-Request" in request.headers,
    }
    name = "_strategy_chain" if context["alone"] else "strategy_chain"
    return render(request, f"committee/{name}.html", context)


@require_safe
@answering
def strategy_page(request: HttpRequest, record: str) -> HttpResponse:
    """An objective, a measure or any other record of the strategy, with all about it."""
    reader = reader_of(request)
    found = release(reader, record)
    return show_page(request, LINE, record, source=_source(reader, found))


def _source(reader: Subject, found: Released) -> str:
    """The page of the assessment or check that a recommendation follows from; "" for any other record."""
    if found.kind != "recommendation" or not found.about:
        return ""
    try:
        above = release(reader, found.about)
    except NotFound:
        return ""
    return page_of(above.kind, above.id) if above.kind in ASSESSED else ""


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def strategy_new(request: HttpRequest, act: str) -> HttpResponse:
    """Adopt an objective."""
    return do_act(request, LINE, act)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def strategy_act(request: HttpRequest, record: str, act: str) -> HttpResponse:
    """Lesson, recommendation, measure, progress, verification, effect."""
    return do_act(request, LINE, act, record)


@require_safe
@answering
def evidence(request: HttpRequest, record: str) -> HttpResponse:
    """The file that a verification rests on, as it was filed."""
    return filed(reader_of(request), record, EVIDENCE.name)
