"""Pages of the registry that show: lists, a person, an organisation, a project, a unit, duplicates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release
from safeconduct.registry import rules, words
from safeconduct.registry.forms import SearchForm
from safeconduct.registry.likeness import Likeness, duplicates
from safeconduct.registry.presentation import (
    PLURALS,
    Moment,
    Names,
    PartView,
    display_name,
    highest,
    other_names,
    part_views,
)
from safeconduct.registry.searching import search
from safeconduct.registry.sites_view import may_import, site_page
from safeconduct.shell.answers import answering, reader_of

KINDS = {plural: kind for kind, plural in PLURALS.items()}
PAGE = 50
LIST_PARTS = {"person": ("name", "employment")}
HEADINGS = {
    "organisation": gettext_lazy("Organisations"),
    "project": gettext_lazy("Projects"),
    "unit": gettext_lazy("Protection units"),
    "person": gettext_lazy("Protected Persons"),
    "site": gettext_lazy("Sites"),
}
CATEGORIES = {"organisation": words.ORGANISATION_CATEGORIES, "unit": words.FORCES}
REASONS = {
    "passport": gettext_lazy("The same passport number"),
    "name": gettext_lazy("Names that are alike"),
    "employer": gettext_lazy("Similar names at one employer"),
}


@require_safe
@answering
def listing(request: HttpRequest, plural: str) -> HttpResponse:
    """Persons, organisations, projects or units: by name in any script, a page at a time."""
    kind = kind_of(plural)
    reader = reader_of(request)
    form = SearchForm(request.GET, CATEGORIES.get(kind))
    chosen = form.cleaned_data if form.is_valid() else {}
    query = Query(
        kind,
        text=chosen.get("text", ""),
        category=chosen.get("category", ""),
        withdrawn=False,
        parts=LIST_PARTS.get(kind, ("identity",)),
        sort="at",
        limit=PAGE,
        cursor=request.GET.get("cursor", ""),
    )
    found = search(reader, query)
    records = [*found.records, *found.alike]
    names = Names(reader).fetch(records)
    following = request.GET.copy()
    following["cursor"] = found.next_cursor
    context = {
        "tab": plural,
        "kind": kind,
        "plural": plural,
        "heading": HEADINGS[kind],
        "form": form,
        "lines": [_line(record, names) for record in found.records],
        "alike": [_line(record, names) for record in found.alike],
        "next": f"?{following.urlencode()}" if found.next_cursor else "",
        "filtered": any(chosen.values()),
        "page_level": highest([*names.labels, *(record.label for record in records)]),
        "live_url": f"/live?topics={kind}",
        "may_enter": bool(rules.parts_open_to(reader, "write", kind)),
        "enter": plural,
        "may_export": bool(rules.parts_open_to(reader, "export", kind)) and plural in ("persons",),
        "may_import": may_import(reader),
    }
    template = "registry/_lines_alone.html" if "HX-Request" in request.headers else "registry/list.html"
    return render(request, template, context)


def _line(record: Released, names: Names) -> dict[str, Any]:
    identity = record.parts.get("identity") or {}
    work = record.parts.get("employment") or {}
    category = identity.get("category", "")
    return {
        "id": record.id,
        "name": display_name(record) or _("Name withheld"),
        "others": other_names(record),
        "category": words.word(words.CODES["category"], category) if category else "",
        "district": identity.get("district", ""),
        "employer": names.name(work.get("employer", "")) or work.get("employer_name", ""),
        "position": work.get("position", ""),
        "site": names.name(work.get("site", "")),
        "state": words.word(words.STATES, record.state),
        "ended": record.state != "active",
        "originator": record.originator,
        "label": record.label,
    }


def kind_of(plural: str) -> str:
    if plural not in KINDS:
        raise Http404
    return KINDS[plural]


def record_of(reader: Subject, plural: str, record: str) -> Released:
    """A record by its id; raises NotFound for a record of another kind as for none."""
    kind = kind_of(plural)
    found = release(reader, record)
    if found.kind != kind:
        raise NotFound(record)
    return found


@require_safe
@answering
def record_page(request: HttpRequest, plural: str, record: str) -> HttpResponse:
    """One record with what is held in it, part by part, each with its label."""
    found = record_of(reader_of(request), plural, record)
    pages: dict[str, Callable[[HttpRequest, Released], HttpResponse]] = {
        "site": site_page,
        "person": person_page,
    }
    return pages.get(found.kind, _plain_page)(request, found)


def _context(request: HttpRequest, found: Released, names: Names) -> dict[str, Any]:
    reader = reader_of(request)
    own = found.originator == reader.party
    writable = rules.parts_open_to(reader, "write", found.kind)
    return {
        "record": found,
        "kind": found.kind,
        "kind_name": words.KINDS[found.kind],
        "plural": PLURALS[found.kind],
        "heading": HEADINGS[found.kind],
        "name": display_name(found) or _("Name withheld"),
        "others": other_names(found),
        "state": words.word(words.STATES, found.state),
        "parts": part_views(found, names),
        "page_level": highest([found.label, *names.labels]),
        "live_url": f"/live?topics={found.kind}",
        "may_amend": own and not found.withdrawn and bool(writable),
    }


def _plain_page(request: HttpRequest, found: Released) -> HttpResponse:
    context = _context(request, found, Names(reader_of(request)).fetch([found]))
    template = "registry/_record_alone.html" if "HX-Request" in request.headers else "registry/record.html"
    return render(request, template, context)


def person_page(request: HttpRequest, found: Released) -> HttpResponse:
    """What is held on a person, part by part; where they are and were; what they asked to be put right."""
    reader = reader_of(request)
    own = found.originator == reader.party
    stays = find(reader, Query("presence", about=found.id, withdrawn=False)).records
    requests = find(reader, Query("grievance", about=found.id, withdrawn=False, sort="at")).records
    names = Names(reader).fetch([found, *stays])
    themselves = own and is_about(reader, found)
    likely = []
    if own and not themselves and not found.withdrawn and found.state == "active" and "name" in found.parts:
        likely = duplicates(reader, found.id, found.parts)
    current = next((stay for stay in stays if stay.state == "arrived"), None)
    context = _context(request, found, names) | {
        "themselves": themselves,
        "stays": [_stay(stay, names) for stay in stays],
        "present": _stay(current, names) if current else None,
        "requests": [
            (each, each.parts["matter"]["title"], words.word(words.STATES, each.state))
            for each in requests
            if "matter" in each.parts
        ],
        "duplicates": [_duplicate(one, record) for one, record in likely],
        "live_url": "/live?topics=person,presence,grievance",
        "may_move": own and not found.withdrawn and bool(rules.parts_open_to(reader, "write", "presence")),
        "may_ask": own and bool(rules.parts_open_to(reader, "write", "grievance")),
    }
    shown = [found, *stays, *requests, *(record for _one, record in likely)]
    context["page_level"] = highest([*names.labels, *(each.label for each in shown)])
    template = "registry/_person_alone.html" if "HX-Request" in request.headers else "registry/person.html"
    return render(request, template, context)


def is_about(reader: Subject, found: Released) -> bool:
    """Whether this is what is held on the reader."""
    account = (found.parts.get("link") or {}).get("account", "")
    return bool(account) and account == reader.person


def _stay(stay: Released, names: Names) -> dict[str, Any]:
    told = stay.parts.get("stay", {})
    return {
        "id": stay.id,
        "site": names.reference("site", told.get("site", "")),
        "since": Moment.of(told.get("since")),
        "until": Moment.of(told.get("until")),
        "label": stay.label,
    }


def _duplicate(one: Likeness, record: Released) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": display_name(record),
        "others": other_names(record),
        "reason": REASONS[one.reason],
        "label": record.label,
    }


@require_safe
@answering
def mine(request: HttpRequest) -> HttpResponse:
    """What is held on the reader: their own record, where there is one."""
    reader = reader_of(request)
    query = Query("person", originator=reader.party, withdrawn=False, parts=("link",), limit=MAX_LIMIT)
    for found in find(reader, query).records:
        if is_about(reader, found):
            return person_page(request, release(reader, found.id))
    raise Http404


def beside(
    first: list[PartView], second: list[PartView]
) -> list[tuple[str, PartView | None, PartView | None]]:
    """The parts of two records in rows, to be compared."""
    left, right = ({view.name: view for view in views} for views in (first, second))
    return [(name, left.get(name), right.get(name)) for name in dict.fromkeys([*left, *right])]
