"""The pages of negotiation: two texts beside each other, the whole history of a clause, and what both say about it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.committee import documents, negotiation, rules
from safeconduct.committee.documents import AgreementView, ClauseVersion, ClauseView
from safeconduct.committee.negotiation_kinds import CLAUSE_REMARK, REMARKS
from safeconduct.records import here
from safeconduct.records.refusals import Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.shell.answers import answering, reader_of

LIVE = "/live?topics=clause,status_act,clause_remark"
WORDS = {
    "comment": pgettext_lazy("remark on a clause", "Comment"),
    "suggestion": pgettext_lazy("remark on a clause", "Suggestion"),
    "objection": pgettext_lazy("remark on a clause", "Objection"),
    "reservation": pgettext_lazy("remark on a clause", "Reservation"),
}
STATES = {
    "open": pgettext_lazy("state of a remark", "open"),
    "settled": pgettext_lazy("state of a remark", "settled"),
}


class RemarkForm(forms.Form):
    category = forms.ChoiceField(
        label=pgettext_lazy("remark on a clause", "What it is"),
        choices=[(each, WORDS[each]) for each in REMARKS],
    )
    words = forms.CharField(
        label=pgettext_lazy("remark on a clause", "Text"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )


@require_safe
@answering
def compare(request: HttpRequest, name: str, number: str) -> HttpResponse:
    """Two texts of a clause word by word in each language, and what the later lets people do more or less."""
    place = documents.agreement(reader_of(request), name)
    clause = place.clause(number)
    earlier, later = _chosen(request, clause)
    try:
        texts = negotiation.compared(earlier, later)
    except ValueError as fault:
        raise Malformed(str(fault)) from fault
    context = {
        "place": place,
        "clause": clause,
        "earlier": earlier,
        "later": later,
        "texts": texts,
        "changes": negotiation.effect(place, earlier, later),
        "page_level": documents.highest(version.label for version in (earlier, later)),
    }
    return render(request, "committee/compare.html", context)


def _chosen(request: HttpRequest, clause: ClauseView) -> tuple[ClauseVersion, ClauseVersion]:
    """The texts that were asked for; else the governing one beside the latest. Raises NotFound."""
    given = [request.GET.get(name, "") for name in ("from", "to")]
    later = clause.version_of(given[1]) if given[1] else clause.versions[-1]
    before = [version for version in clause.versions if version.clause.version < later.clause.version]
    usual = clause.governing if clause.governing in before else (before[-1] if before else later)
    return clause.version_of(given[0]) if given[0] else (usual or later), later


@require_safe
@answering
def history(request: HttpRequest, name: str, number: str) -> HttpResponse:
    """Everything that ever happened to a clause on one page."""
    reader = reader_of(request)
    place = documents.agreement(reader, name)
    clause = place.clause(number)
    lines = negotiation.history(reader, clause)
    context = {
        "place": place,
        "clause": clause,
        "lines": [_line(each) for each in lines],
        "page_level": documents.highest(
            [version.label for version in clause.versions]
            + [each.remark.label for each in lines if each.remark]
        ),
        "live_url": LIVE,
    }
    return render(request, "committee/clause_history.html", context)


@require_POST
@answering
def remark(request: HttpRequest, name: str, number: str, digest: str) -> HttpResponse:
    """Say something about this text: it goes to the other party of the agreement, and has no effect."""
    reader = reader_of(request)
    place = documents.agreement(reader, name)
    text = place.clause(number).version_of(digest)
    form = RemarkForm(request.POST)
    if not form.is_valid():
        raise Malformed(_("A remark says what it is, and something."))
    given = form.cleaned_data
    by = str(request.user)
    negotiation.remark_on(reader, text, given["category"], given["words"], rules.others(place), by)
    messages.success(request, _("On record. It has no effect on what is signed."))
    return _back(name, number)


@require_POST
@answering
def settle(request: HttpRequest, name: str, number: str, record: str) -> HttpResponse:
    """The point is settled."""
    reader = reader_of(request)
    documents.agreement(reader, name).clause(number)
    found = release(reader, record)
    if found.kind != CLAUSE_REMARK.name or str(found.version) != request.POST.get("seen"):
        raise NotFound(record)
    negotiation.settle_remark(reader, found)
    return _back(name, number)


def remarks_of(reader: Subject, place: AgreementView, clause: ClauseView) -> dict[str, Any]:
    """What the clause's page shows of what both have said, and the form to say more."""
    found = negotiation.remarks(reader, clause)
    may = bool(here.state().policy.entries(reader, "write", CLAUSE_REMARK.name))
    return {
        "remarks": [_said(each, version, may) for version, each in found],
        "remark_form": RemarkForm() if may else None,
        "remark_on": clause.versions[-1].clause.digest,
    }


def _line(each: negotiation.Happened) -> dict[str, Any]:
    on = each.text or each.on
    return {
        "at": each.at,
        "text": each.text,
        "entry": each.act,
        "version": on.clause.version if on else 0,
        "digest": on.clause.digest if on else "",
        "remark": _said(each.remark, each.on, False) if each.remark and each.on else None,
    }


def _said(found: Released, version: ClauseVersion, may: bool) -> dict[str, Any]:
    part = found.parts.get("remark") or {}
    own = found.originator == here.home().party
    return {
        "id": found.id,
        "part": part,
        "word": WORDS.get(str(part.get("category")), ""),
        "originator": found.originator,
        "state": found.state,
        "state_word": STATES.get(found.state, ""),
        "seen": found.version,
        "version": version.clause.version,
        "may_settle": may and own and found.state == "open",
    }


def _back(name: str, number: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("committee:clause", args=[name, number]) + "#remarks")
