"""Pages on which something happens: arrivals and departures, counts, two records that may be one person."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from safeconduct.agreement.policy import Subject
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.registry import rules, words
from safeconduct.registry.entering import conflict, status
from safeconduct.registry.fields import now
from safeconduct.registry.forms import ArriveForm, DepartForm, HeadcountForm, JoinForm, StayForm
from safeconduct.registry.headcounts import counts_by_name
from safeconduct.registry.presentation import Names, choices, display_name, highest, page_of, part_views
from safeconduct.registry.sites_view import headcounts_of
from safeconduct.registry.views import beside, record_of
from safeconduct.shell.answers import answering, reader_of, refusal


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def move(request: HttpRequest, person: str) -> HttpResponse:
    """A person arrives at a site, or departs: one form each, and only one is sent."""
    writer = reader_of(request)
    found = record_of(writer, "persons", person)
    _expect(writer, "presence")
    data = request.POST if request.method == "POST" else None
    departing = data is not None and "depart" in data
    sites = choices(writer, "site", writer.party)
    arrive = ArriveForm(None if departing else data, sites, initial={"since": now()})
    depart = DepartForm(data if departing else None, initial={"until": now()})
    form = depart if departing else arrive
    if data is not None and form.is_valid():
        told = form.cleaned_data
        try:
            if not departing:
                rules.arrive(writer, found.id, told["site"], told["since"])
            elif told["for_good"]:
                rules.leave(writer, found.id, told["until"], found.version)
            else:
                rules.depart(writer, found.id, told["until"])
        except (PartRefused, Malformed) as fault:
            form.add_error(None, reason(fault))
        else:
            messages.success(request, _("It is in the ledger, and the headcounts follow."))
            return HttpResponseRedirect(page_of("person", found.id))
    context = {
        "record": found,
        "name": display_name(found),
        "arrive": arrive,
        "depart": depart,
        "page_level": found.label,
    }
    return render(request, "registry/move.html", context, status=status([arrive, depart]))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def correct_stay(request: HttpRequest, person: str, stay: str) -> HttpResponse:
    """Correct a stay that was entered wrongly."""
    writer = reader_of(request)
    who = record_of(writer, "persons", person)
    found = release(writer, stay)
    if found.kind != "presence" or found.about != who.id or "stay" not in found.parts:
        raise NotFound(stay)
    _expect(writer, "presence")
    told = found.parts["stay"]
    data = request.POST if request.method == "POST" else None
    initial = {**told, "seen": found.version}
    form = StayForm(data, choices(writer, "site", writer.party), initial=initial)
    code = 0
    if data is not None and form.is_valid():
        new = form.cleaned_data
        try:
            rules.correct_stay(
                writer,
                found.id,
                new["seen"],
                new["site"],
                new["since"],
                new["until"] or None,
                told.get("external", ""),
            )
        except Conflict as fault:
            form.add_error(None, conflict(fault))
            code = 409
        except (PartRefused, Malformed) as fault:
            form.add_error(None, reason(fault))
        else:
            messages.success(request, _("The stay is corrected; the earlier version stays in the ledger."))
            return HttpResponseRedirect(page_of("person", who.id))
    context = {
        "record": who,
        "name": display_name(who),
        "form": form,
        "page_level": highest([who.label, found.label]),
    }
    return render(request, "registry/stay.html", context, status=code or status([form]))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def count(request: HttpRequest, site: str) -> HttpResponse:
    """Return a figure counted on site, or state the number by name to a party that is not told names."""
    writer = reader_of(request)
    found = record_of(writer, "sites", site)
    _expect(writer, "headcount")
    known = headcounts_of(writer, [found]).get(found.id)
    may_state = counts_by_name(writer) and known is not None and found.originator == writer.party
    data = request.POST if request.method == "POST" else None
    stating = data is not None and "state" in data and may_state
    form = HeadcountForm(None if stating else data, initial={"as_of": now()})
    if stating or (data is not None and form.is_valid()):
        try:
            if stating and known is not None:
                rules.return_headcount(writer, found.id, known.count, now(), basis="named")
            else:
                told = form.cleaned_data
                rules.return_headcount(writer, found.id, told["count"], told["as_of"], told["remarks"])
        except (PartRefused, Malformed) as fault:
            form.add_error(None, reason(fault)) if form.is_bound else messages.error(request, reason(fault))
        else:
            messages.success(request, _("The figure is in the ledger."))
            return HttpResponseRedirect(page_of("site", found.id))
    context = {
        "record": found,
        "name": display_name(found),
        "form": form,
        "headcount": known,
        "may_state": may_state,
        "page_level": highest([found.label, "RESTRICTED"]),
    }
    return render(request, "registry/count.html", context, status=status([form]))


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def compare(request: HttpRequest, person: str, other: str) -> HttpResponse:
    """Two records side by side. Somebody says, with a reason, that they are one person, or that they are two."""
    writer = reader_of(request)
    first, second = _two(writer, person, other)
    data = request.POST if request.method == "POST" else None
    form = JoinForm(data, initial={"seen": second.version})
    code = 0
    if data is not None and form.is_valid():
        told = form.cleaned_data
        try:
            rules.same_person(writer, first.id, second.id, told["reason"], now(), told["seen"])
        except Conflict as fault:
            form.add_error(None, conflict(fault))
            code = 409
        except (PartRefused, Malformed) as fault:
            form.add_error(None, reason(fault))
        else:
            messages.success(request, _("The second record has ended and names the first one."))
            return HttpResponseRedirect(page_of("person", first.id))
    names = Names(writer).fetch([first, second])
    context: dict[str, Any] = {
        "first": first,
        "second": second,
        "first_name": display_name(first),
        "second_name": display_name(second),
        "rows": beside(part_views(first, names), part_views(second, names)),
        "form": form,
        "may_join": first.state == second.state == "active"
        and bool(rules.parts_open_to(writer, "write", "person")),
        "page_level": highest([first.label, second.label, *names.labels]),
    }
    return render(request, "registry/compare.html", context, status=code or status([form]))


@require_POST
@answering
def keep_apart(request: HttpRequest, person: str, other: str) -> HttpResponse:
    """They are two people: neither is suggested for the other again."""
    writer = reader_of(request)
    first, second = _two(writer, person, other)
    rules.other_person(writer, first.id, second.id)
    messages.success(request, _("They are kept apart and not suggested again."))
    return HttpResponseRedirect(page_of("person", first.id))


def _two(writer: Subject, person: str, other: str) -> tuple[Released, Released]:
    if person == other:
        raise NotFound(other)
    return record_of(writer, "persons", person), record_of(writer, "persons", other)


def _expect(writer: Subject, kind: str) -> None:
    if not rules.parts_open_to(writer, "write", kind):
        raise refusal(writer, "write", kind, f"write {kind}: no grant")


def reason(fault: PartRefused | Malformed) -> str:
    """Why something was not taken, in words and without the names of our parts."""
    said = [why for _part, _field, why in fault.errors] if isinstance(fault, PartRefused) else [str(fault)]
    bare = [each.removeprefix("Value error, ") for each in said]
    return " ".join(str(words.REASONS.get(each, each)) for each in bare)
