"""The analysis of incidents: a page, its points on the map, and its tables as files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.assessment.analysis import Analysis, analyse, gini_shown, share
from safeconduct.assessment.analysis_charts import curve_chart, time_chart
from safeconduct.assessment.analysis_chosen import Chosen, choose
from safeconduct.assessment.analysis_form import YEARS, AnalysisForm, today
from safeconduct.assessment.analysis_rows import Table, written
from safeconduct.assessment.analysis_tables import trend_said
from safeconduct.assessment.analysis_words import group_name
from safeconduct.assessment.seen import Seen, incidents_seen
from safeconduct.records import here
from safeconduct.records.refusals import Malformed
from safeconduct.risk.events import SURE_OF_PLACE
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.shell.terms import LEVEL_NAMES

MOST_POINTS = 10_000


@require_safe
@answering
def analysis(request: HttpRequest) -> HttpResponse:
    """What the incidents that the reader may see say, and what they cannot say."""
    reader = reader_of(request)
    seen = _seen(request, reader)
    form = AnalysisForm(request.GET, seen, today())
    context: dict[str, Any] = {
        "form": form,
        "seen": seen,
        "page_level": seen.level,
        "may_export": _may_export(reader),
        "given": bool(request.GET),
    }
    if form.is_valid():
        context |= _shown(form, analyse(form, choose(form, seen)))
    return render(request, "assessment/analysis.html", context)


def _seen(request: HttpRequest, reader: Subject, act: str = "read") -> Seen:
    # Whether the kind of attack is read has to be known before anything is.
    return incidents_seen(reader, act=act, methods=request.GET.get("methods") == "on")


def _may_export(reader: Subject) -> bool:
    return bool(here.state().policy.entries(reader, "export", "incident"))


def _shown(form: AnalysisForm, found: Analysis) -> dict[str, Any]:
    chosen, tables = found.chosen, found.tables
    address = urlencode(form.address())
    since, until = chosen.period
    day = chosen.seen.events.day
    return {
        "analysis": found,
        "tables": tables,
        "count": len(chosen.events),
        "share": share(chosen),
        "address": address,
        "points": f"{reverse('analysis:points')}?{address}",
        "time_chart": time_chart(found.spans, found.trend, chosen.period, tables["time"].title),
        "curve_chart": curve_chart(found.concentration, tables["curve"].title),
        "trend_said": trend_said(found.trend),
        "dispersion": f"{found.trend.dispersion:.1f}" if found.trend.dispersion is not None else "",
        "gini": gini_shown(found.concentration),
        "coinciding": f"{found.near.coinciding * 100:.0f} %",
        "what": [tables[name] for name in ("category", "target", "attack", "party") if name in tables],
        "where": [tables[name] for name in ("province", "district", "place")],
        "since": (since * 86_400),
        "last": (until - 1) * 86_400,
        "latest": int(day[-1]) * 86_400 if len(day) else None,
        "ended_early": form.ended_early(),
        "years": YEARS,
        "short": until - since < 2 * 365,
    }


@require_safe
@answering
def points(request: HttpRequest) -> HttpResponse:
    """The incidents of the figures that have a position, the latest first, for the map."""
    reader = reader_of(request)
    seen = _seen(request, reader)
    form = _valid(AnalysisForm(request.GET, seen, today()))
    features = _features(choose(form, seen))[:MOST_POINTS]
    body = {"type": "FeatureCollection", "features": features}
    return JsonResponse(body, content_type="application/geo+json")


def _features(chosen: Chosen) -> list[dict[str, Any]]:
    seen, events = chosen.seen, chosen.seen.events
    features = []
    for number in chosen.numbers[::-1].tolist():
        lat, lon = float(events.lat[number]), float(events.lon[number])
        if lat != lat:
            continue
        label = seen.labels[number]
        place, district = str(events.names["place"][number]), str(events.names["district"][number])
        properties = {
            "title": seen.titles[number] or _("Title withheld"),
            "when": datetime.fromtimestamp(int(events.day[number]) * 86_400, UTC).date().isoformat(),
            "place": place or district,
            "summary": group_name("category", str(events.names["category"][number])),
            "level": label,
            "level_text": str(LEVEL_NAMES[label]),
            "exact": bool(events.place[number] <= SURE_OF_PLACE),
            "url": reverse("incidents:detail", args=[seen.records[number]]),
        }
        geometry = {"type": "Point", "coordinates": [lon, lat]}
        features.append(
            {"type": "Feature", "id": seen.records[number], "geometry": geometry, "properties": properties}
        )
    return features


@require_safe
@answering
def export(request: HttpRequest) -> HttpResponse:
    """All tables, or the one that `table` names, from the incidents that the reader may export."""
    reader = reader_of(request)
    if not _may_export(reader):
        raise refusal(reader, "export", "incident", "export incident: no grant")
    read = _seen(request, reader)
    form = _valid(AnalysisForm(request.GET, read, today()))
    taken = choose(form, _seen(request, reader, "export"))
    made = analyse(form, taken).tables
    name = request.GET.get("table", "")
    if name and name not in made:
        raise Malformed(_("There is no such table."))
    wanted = [made[name]] if name and name != "basis" else [made[each] for each in made if each != "basis"]
    response = HttpResponse(
        "".join(written([made["basis"], _staying(), *(wanted if name != "basis" else [])])),
        content_type="text/csv; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="incidents-{name or "analysis"}.csv"'
    return response


def _staying() -> Table:
    """What may be read and not be exported is in no figure of the file: nor is how much that is, or whether any."""
    note = _(
        "Incidents that you may read and not export are in no figure of this file, and it does not tell how many "
        "there are."
    )
    return Table("not_exported", "", [], [], note)


def _valid(form: AnalysisForm) -> AnalysisForm:
    if not form.is_valid():
        raise Malformed("; ".join(f"{name}: {fault[0]}" for name, fault in form.errors.items()))
    return form
