"""Pages on which a movement is notified and amended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import BoundField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from safeconduct.agreement.policy import Subject
from safeconduct.geo.routing import Route
from safeconduct.journeys import rules
from safeconduct.journeys.request_form import NO_ROUTE, RequestForm
from safeconduct.journeys.request_initial import as_typed, copied, fresh
from safeconduct.journeys.request_places import PlaceBook
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed
from safeconduct.records.release import Released
from safeconduct.shell.answers import answering, reader_of, refusal

FIRST = (
    "origin",
    "destination",
    "depart_day",
    "depart_hour",
    "persons",
    "vehicles",
    "purpose",
    "emergency",
)
"""What is asked first, and often is all there is to say."""
THEN = (
    ("vehicle_lines", "names"),
    ("arrive_day", "arrive_hour", "stops", "check_every", "points"),
    ("contact_name", "contact_phone", "organisation", "reference", "exercise"),
    ("repeat_until", "weekdays"),
)


@dataclass(frozen=True)
class Way:
    """A route as the page offers it."""

    value: str
    kilometres: int
    hours: int
    minutes: int
    areas: tuple[str, ...]
    towns: tuple[str, ...]
    checked: bool


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def request_movement(request: HttpRequest) -> HttpResponse:
    """Give notice of a movement: new, or `copy` of an earlier one."""
    writer, now = reader_of(request), time.time()
    _expect(writer)
    book, terms = PlaceBook(writer, here.home().path), rules.terms()
    asked: dict[str, Any] = {"book": book, "terms": terms, "now": now}
    if request.method != "POST":
        return _page(request, RequestForm(initial=_initial(request, writer, now), **asked))
    if "routes" in request.POST:
        return _page(request, RequestForm(initial=_typed(request), **asked))
    form = RequestForm(request.POST, **asked)
    if form.is_valid():
        try:
            if form.days == [0]:
                made = [
                    rules.notify_movement(writer, form.parts, form.traveller_parts, form.cleaned_data["key"])
                ]
            else:
                made = rules.notify_series(
                    writer, form.parts, form.days, form.traveller_parts, form.cleaned_data["key"]
                )
        except (PartRefused, Malformed) as fault:
            form.add_error(None, str(fault))
        else:
            text = ngettext("Notified. It is in the ledger.", "%(n)s movements notified.", len(made))
            messages.success(request, text % {"n": len(made)})
            return HttpResponseRedirect(reverse("journeys:detail", args=[made[0].record]))
    return _page(request, form, 422)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def amend(request: HttpRequest, movement: str) -> HttpResponse:
    """Amend an own movement, on the version that was seen."""
    writer, now = reader_of(request), time.time()
    found = rules.movement_of(writer, movement)
    if found.originator != writer.party:
        raise refusal(writer, "write", "movement", _("only its originator writes a record"), record=found.id)
    _expect(writer)
    book, terms = PlaceBook(writer, here.home().path), rules.terms()
    asked: dict[str, Any] = {"book": book, "terms": terms, "now": now, "amends": found.parts}
    if request.method != "POST":
        initial = {**as_typed(found.parts), "seen": found.version, "check_every": 0}
        return _page(request, RequestForm(initial=initial, **asked), found=found)
    if "routes" in request.POST:
        return _page(request, RequestForm(initial=_typed(request), **asked), found=found)
    form, status = RequestForm(request.POST, **asked), 422
    if form.is_valid():
        changed = form.changed_parts()
        if not changed:
            messages.info(request, _("Nothing was changed."))
            return HttpResponseRedirect(reverse("journeys:detail", args=[found.id]))
        try:
            rules.amend_movement(writer, found.id, form.cleaned_data["seen"] or 0, changed)
        except Conflict as fault:
            text = _("The movement is at version %(n)s now. Look at it again before you change it.")
            form.add_error(None, text % {"n": fault.current})
            status = 409
        except (PartRefused, Malformed) as fault:
            form.add_error(None, str(fault))
        else:
            messages.success(request, _("Amended. The other party sees what has changed."))
            return HttpResponseRedirect(reverse("journeys:detail", args=[found.id]))
    return _page(request, form, status, found)


def _expect(writer: Subject) -> None:
    if not may(writer, "write", "movement"):
        raise refusal(writer, "write", "movement", "write movement: no grant")


def may(reader: Subject, act: str, kind: str) -> bool:
    """Whether some clause in force could let this person do this; it is decided when it is done."""
    return bool(here.state().policy.entries(reader, act, kind))


def _initial(request: HttpRequest, writer: Subject, now: float) -> Mapping[str, Any]:
    terms = rules.terms()
    if not (earlier := request.GET.get("copy", "")):
        return fresh(terms, now)
    found = rules.movement_of(writer, earlier)
    query = Query("manifest_entry", about=found.id, withdrawn=False, sort="at", descending=False, limit=500)
    return copied(found, [each.parts for each in find(writer, query).records], terms, now)


def _typed(request: HttpRequest) -> dict[str, Any]:
    """Everything that was typed, given back as it was, without a word about what is still missing."""
    said: dict[str, Any] = {name: request.POST.get(name, "") for name in RequestForm.base_fields}
    said["weekdays"] = request.POST.getlist("weekdays")
    for name in ("emergency", "exercise"):
        said[name] = name in request.POST
    return said


def _page(
    request: HttpRequest, form: RequestForm, status: int = 200, found: Released | None = None
) -> HttpResponse:
    first = [form[name] for name in FIRST]
    for name in ("origin_district", "destination_district"):
        if form.errors.get(name) or form[name].value():
            first.insert(2, form[name])
    schematic = any(route.schematic for route in form.routes)
    context = {
        "form": form,
        "movement": found,
        "first": first,
        "then": [_group(form, names) for names in THEN if names[0] in form.fields],
        "places": form.book.names(),
        "ways": [_way(number, route, form.chosen) for number, route in enumerate(form.routes)],
        "no_route": NO_ROUTE,
        "without_route": form.chosen == NO_ROUTE,
        "schematic": schematic,
        "sources": sorted({route.source for route in form.routes if route.source}),
        "terms": form.terms,
        "clause": form.terms.lead_clause.partition("/")[2],
        "page_level": "CONFIDENTIAL",
    }
    return render(request, "journeys/request.html", context, status=status)


def _group(form: RequestForm, names: tuple[str, ...]) -> tuple[list[BoundField], bool]:
    """The fields of a group, and whether it is shown open: because something stands in it, or is wrong with it."""
    fields = [form[name] for name in names if name in form.fields]
    said = (each for each in fields if each.name != "check_every")
    return fields, "vehicle_lines" in names or any(each.errors or each.value() for each in said)


def _way(number: int, route: Route, chosen: str) -> Way:
    minutes = round(route.duration_s / 60)
    towns = tuple(place.name for place in route.passed.towns)
    return Way(
        str(number),
        round(route.distance_m / 1000),
        minutes // 60,
        minutes % 60,
        route.passed.areas,
        towns[:8],
        str(number) == chosen,
    )
