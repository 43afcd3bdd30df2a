"""Requests for a second person: the list, one request and its decision, and asking to read or export in bulk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.oversight import jobs, rules
from safeconduct.oversight.wording import kind_name, state_name
from safeconduct.people import second_person
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.projection import epoch
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release
from safeconduct.records.two_person import MOST_RECORDS
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.terms import ACT_NAMES, ROLE_NAMES, listed, plain

LISTED = 100
LIVE = "/live?topics=role_request,bulk_request"


@dataclass(frozen=True)
class RequestLine:
    """A request as the pages show it. `waits`: nobody has decided it, and it has not expired."""

    found: Released
    wish: dict[str, Any]
    asked_by: str
    favours: str
    what: str
    state: str
    expires: datetime | None
    decided_by: str
    said: str
    waits: bool
    lasts_until: datetime | None


class DecisionForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("What you have checked"),
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    seen = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class BulkForm(forms.Form):
    """What one person asks for: an act, a kind of which the rules in force limit it, how many, and why."""

    act = forms.ChoiceField(label=gettext_lazy("What"))
    kind = forms.ChoiceField(label=gettext_lazy("Kind of record"))
    records = forms.IntegerField(
        label=gettext_lazy("Records within an hour"), min_value=1, max_value=MOST_RECORDS
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason, for the second person"),
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limited = [(act, kind) for act, kind in here.state().policy.two_person if act in ("read", "export")]
        acts = [(act, plain(ACT_NAMES, act)) for act in sorted({act for act, _kind in limited})]
        kinds = sorted(
            ((kind, kind_name(kind)) for kind in {kind for _act, kind in limited}), key=lambda k: k[1]
        )
        self.fields["act"].choices = acts  # type: ignore[attr-defined]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]


def requests_seen(reader: Subject) -> list[RequestLine]:
    """The latest requests for a second person that the reader may see, those that wait first."""
    names = rules.people(reader)
    policy = here.state().policy
    found = [
        record
        for kind in second_person.KINDS
        if policy.entries(reader, "read", kind)
        for record in find(reader, Query(kind, sort="at", limit=LISTED)).records
    ]
    lines = [_line(record, names) for record in sorted(found, key=lambda each: each.at, reverse=True)]
    return sorted(lines, key=lambda line: not line.waits)


def _line(found: Released, names: dict[str, str]) -> RequestLine:
    wish, decision = found.parts.get("wish") or {}, found.parts.get("decision") or {}
    use = found.parts.get("use") or {}
    expires = _moment(wish.get("expires"))
    over = expires is not None and expires <= datetime.now(UTC)
    state = state_name(found.state)
    if over and found.state in ("asked", "approved"):
        state = _("expired")
    return RequestLine(
        found=found,
        wish=wish,
        asked_by=names.get(wish.get("asked_by", ""), wish.get("asked_by", "")),
        favours=names.get(wish.get("person", ""), wish.get("account_name") or wish.get("person", "")),
        what=_what(found.kind, wish),
        state=state,
        expires=expires,
        decided_by=names.get(decision.get("by", ""), decision.get("by", "")),
        said=decision.get("text", ""),
        waits=found.state == "asked" and not over,
        lasts_until=_moment(use.get("until")),
    )


def _what(kind: str, wish: dict[str, Any]) -> str:
    if kind == "role_request":
        role = plain(ROLE_NAMES, wish.get("role", ""))
        parts = [role, *wish.get("units", ()), *wish.get("agreements", ()), LEVELS[wish.get("clearance", 0)]]
        return listed(parts)
    text = _("%(act)s, %(kind)s: %(n)s records within an hour")
    names = {"act": plain(ACT_NAMES, wish.get("act", "")), "kind": kind_name(wish.get("kind", ""))}
    return text % {**names, "n": wish.get("records", 0)}


def _moment(text: object) -> datetime | None:
    seconds = epoch(str(text)) if text else None
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


@require_GET
@answering
def requests(request: HttpRequest) -> HttpResponse:
    """Requests for a second person that the reader may know of, those that wait first."""
    reader, policy = reader_of(request), here.state().policy
    if not any(
        policy.entries(reader, act, kind) for act in ("read", "write") for kind in second_person.KINDS
    ):
        raise NotFound
    context = {
        "lines": requests_seen(reader),
        "may_ask": bool(policy.entries(reader, "write", "bulk_request")),
        "auditing": jobs.may_audit(policy, reader),
        "page_level": "RESTRICTED",
        "live_url": LIVE,
    }
    return render(request, "oversight/second_person.html", context)


@require_http_methods(["GET", "POST"])
@answering
def one_request(request: HttpRequest, record: str) -> HttpResponse:
    """One request: what is asked, by whom and why; to be approved, refused or taken back."""
    reader, policy = reader_of(request), here.state().policy
    found = release(reader, record)
    if found.kind not in second_person.KINDS:
        raise NotFound(record)
    line = _line(found, rules.people(reader))
    concerned = reader.person in (line.wish.get("asked_by"), line.wish.get("person"))
    form = DecisionForm(request.POST or None, initial={"seen": found.version})
    if request.method == "POST" and request.POST.get("step") == "take_back":
        second_person.take_back(reader, record, found.version)
        messages.success(request, _("The request was taken back."))
        return redirect("oversight:second_person")
    if request.method == "POST" and form.is_valid():
        approve = request.POST.get("step") == "approve"
        second_person.decide(reader, record, form.cleaned_data["seen"], approve, form.cleaned_data["text"])
        messages.success(request, _("Approved.") if approve else _("Refused."))
        return redirect("oversight:second_person_request", record=record)
    lasts = found.state in ("asked", "approved") or (
        found.state == "used" and line.lasts_until is not None and line.lasts_until > datetime.now(UTC)
    )
    context = {
        "line": line,
        "form": form,
        "concerned": concerned,
        "may_decide": line.waits and not concerned and bool(policy.entries(reader, "approve", found.kind)),
        "may_take_back": lasts and bool(policy.entries(reader, "write", found.kind)),
        "page_level": found.label,
        "live_url": LIVE,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "oversight/second_person_request.html", context, status=status)


@require_http_methods(["GET", "POST"])
@answering
def ask_in_bulk(request: HttpRequest) -> HttpResponse:
    """Ask a second person to let one read or export more records of a kind than one person alone may."""
    reader, policy = reader_of(request), here.state().policy
    if not policy.entries(reader, "write", "bulk_request"):
        raise NotFound
    given = {name: request.GET[name] for name in ("act", "kind", "records") if name in request.GET}
    form = BulkForm(request.POST or None, initial=given)
    if request.method == "POST" and form.is_valid():
        made = second_person.ask_in_bulk(reader, **form.cleaned_data)
        messages.success(request, _("Asked: a second person has to approve it."))
        return redirect("oversight:second_person_request", record=made.record)
    status = 422 if request.method == "POST" else 200
    return render(
        request, "oversight/ask_in_bulk.html", {"form": form, "page_level": "RESTRICTED"}, status=status
    )
