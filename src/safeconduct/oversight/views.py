"""Oversight of what crosses: what the other party would get, what it holds, how the links are."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from safeconduct.agreement.policy import Subject
from safeconduct.exchange import ahead
from safeconduct.exchange.holdings import counts
from safeconduct.oversight import holds, jobs, link, rules
from safeconduct.oversight.ailments import ailments
from safeconduct.oversight.forms import HoldingsFilter, RecallForm
from safeconduct.oversight.ledger_line import heads
from safeconduct.oversight.vitals import vitals
from safeconduct.oversight.wording import (
    HOLDING_MARKS,
    HOLDING_NAMES,
    fields_of,
    kind_name,
    part_name,
    reason,
    state_name,
)
from safeconduct.records import here
from safeconduct.records.home import Partner
from safeconduct.records.refusals import NotFound, Refused
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.shell.terms import listed

LIVE = "/live"


@require_GET
@answering
def preview(request: HttpRequest, record: str, partner: str) -> HttpResponse:
    """An own record as the other party would get it, part by part."""
    reader = reader_of(request)
    found = rules.as_other(reader, record, partner)
    given = rules.what_they_hold(reader, _acknowledged(), partner=partner, record=record)
    context = {
        "found": found,
        "state": state_name(found.state),
        "precision": "second" if "T" in found.at else "day",
        "leaving": [(part_name(p.part), p, fields_of(p.value) if p.readable else []) for p in found.parts],
        "withheld": [(part_name(part), reason(why), would) for part, why, would in found.withheld],
        "given": given.lines[:1],
        "partners": _concerned(reader, found.record.kind),
        "page_level": found.page_level,
        "live_url": LIVE,
    }
    return render(request, "oversight/preview.html", context)


@require_GET
@answering
def preview_anyone(request: HttpRequest, record: str) -> HttpResponse:
    """The preview for the first partner: a page with one partner need not ask whom."""
    found = rules.own_record(reader_of(request), record)
    for partner in _concerned(reader_of(request), found.kind):
        return redirect("oversight:preview", record=record, partner=partner.party)
    raise NotFound(record)


@require_GET
@answering
def holdings(request: HttpRequest) -> HttpResponse:
    """What each partner holds of this party's records, and what became of it."""
    reader = reader_of(request)
    form = HoldingsFilter(request.GET or None)
    chosen = form.cleaned_data if form.is_bound and form.is_valid() else {}
    after = request.GET.get("after", "")
    page = rules.what_they_hold(
        reader,
        _acknowledged(),
        partner=chosen.get("partner", ""),
        status=chosen.get("status", ""),
        after=after if rules.is_index(after) else "",
    )
    context = {
        "form": form,
        "lines": [_line(line) for line in page.lines],
        "next": page.next_cursor,
        "sums": _sums(reader),
        "auditing": jobs.may_audit(here.state().policy, reader),
        "page_level": "RESTRICTED",
        "live_url": LIVE,
    }
    return render(request, "oversight/holdings.html", context)


@require_GET
@answering
def held_record(request: HttpRequest, record: str) -> HttpResponse:
    """Everything partners hold of one record, their receipts, and taking it back."""
    reader = reader_of(request)
    found = rules.own_record(reader, record)
    page = rules.what_they_hold(reader, _acknowledged(), record=record)
    context = {
        "found": found,
        "kind": kind_name(found.kind),
        "auditing": jobs.may_audit(here.state().policy, reader),
        "lines": [_line(line) for line in page.lines],
        "locked": bool(ahead.sealable(reader, record)),
        "kept": holds.if_holdable(reader, record),
        "partners": _concerned(reader, found.kind),
        "page_level": "RESTRICTED",
        "live_url": LIVE,
    }
    return render(request, "oversight/held_record.html", context)


@require_http_methods(["GET", "POST"])
@answering
def recall(request: HttpRequest, record: str, act: str) -> HttpResponse:
    """Withdraw parts of a record, or ask for their erasure: what it means, then the act."""
    reader = reader_of(request)
    if act not in jobs.RECALLS:
        raise NotFound(record)
    found = rules.own_record(reader, record)
    parts = found.withdraw if act == "withdraw" else found.erase
    if not parts:
        would = rules.would(reader, act, found.kind)
        raise refusal(reader, act, found.kind, _("taking this record back"), would, record)
    if act == "erase" and (kept := holds.if_holdable(reader, record)) and kept.hold:
        raise Refused(_("This record is on hold: lift the hold first."))
    held = rules.what_they_hold(reader, _acknowledged(), record=record)
    form = RecallForm(parts, request.POST or None)
    if request.method == "POST" and form.is_valid():
        do = rules.withdraw if act == "withdraw" else rules.ask_erasure
        told = do(reader, record, form.cleaned_data["parts"], form.cleaned_data["reason"])
        names = listed(here.home().partners[party].name for party in told) or _("nobody")
        text = _("Withdrawn; told: %(names)s.") if act == "withdraw" else _("Erased here; asked: %(names)s.")
        messages.success(request, text % {"names": names})
        return redirect("oversight:held_record", record=record)
    along, more = rules.falls_with(reader, record) if act == "withdraw" else ([], 0)
    context = {
        "found": found,
        "kind": kind_name(found.kind),
        "along": [(each, kind_name(kind)) for each, kind in along],
        "along_more": more,
        "act": act,
        "form": form,
        "lines": [_line(line) for line in held.lines],
        "page_level": "RESTRICTED",
    }
    return render(request, "oversight/recall.html", context, status=422 if form.is_bound else 200)


@require_GET
@answering
def link_health(request: HttpRequest) -> HttpResponse:
    """How the link to each partner is, in words and sizes."""
    reader, policy = reader_of(request), here.state().policy
    if not jobs.may_oversee(policy, reader):
        raise NotFound
    context = {
        "links": link.links(only=jobs.overseen(policy, reader)),
        "auditing": jobs.may_audit(policy, reader),
        "page_level": "RESTRICTED",
        "live_url": LIVE,
    }
    return render(request, "oversight/link.html", context)


@require_GET
@answering
def status(request: HttpRequest) -> HttpResponse:
    """How the node is, in words: what is wrong, what to do about it, and the figures behind."""
    reader, policy = reader_of(request), here.state().policy
    if not jobs.may_oversee(policy, reader):
        raise NotFound
    found = vitals()
    context = {
        "found": found,
        "ailments": ailments(found),
        "recomputed": found.recompute.get("finished"),
        "auditing": jobs.may_audit(policy, reader),
        "page_level": "RESTRICTED",
        "live_url": LIVE,
    }
    return render(request, "oversight/status.html", context)


def _acknowledged() -> dict[str, int]:
    return {head.partner: head.feed_size for head in heads()}


def _line(line: rules.HeldLine) -> dict[str, Any]:
    """A held version as the templates show it: each part with how it stands in words."""
    parts = [
        (part_name(part), HOLDING_NAMES[status], HOLDING_MARKS[status])
        for part, status in line.held.parts.items()
    ]
    return {
        "held": line.held,
        "kind": kind_name(line.held.kind),
        "record": line.record,
        "parts": parts,
        "arrived": line.arrived,
    }


def _concerned(reader: Subject, kind: str) -> list[Partner]:
    """The partners that what is had of a kind may be asked of by this reader."""
    return [each for each in here.home().partners.values() if rules.concerns(reader, each.party, kind)]


def _sums(reader: Subject) -> list[tuple[str, list[tuple[object, int]]]]:
    """For each partner that the reader oversees, how many versions stand how."""
    policy = here.state().policy
    if not jobs.may_oversee(policy, reader):
        return []
    overseen = jobs.overseen(policy, reader)
    return [
        (partner, [(HOLDING_NAMES[status], n) for status, n in counts(partner).items()])
        for partner in here.home().partners
        if overseen is None or partner in overseen
    ]
