"""Pages of grievances: raise one, see them, answer, close; and ask that what is held on oneself be corrected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.records.find import Query, find
from safeconduct.records.history import begun
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.registry import rules, words
from safeconduct.registry.acting import reason
from safeconduct.registry.entering import conflict, status
from safeconduct.registry.forms import AnswerForm, AppealForm, CorrectionForm, GrievanceForm
from safeconduct.registry.grievance_figures import days_allowed, figures
from safeconduct.registry.presentation import Moment, Names, choices, display_name, highest, part_views
from safeconduct.registry.views import record_of
from safeconduct.shell.answers import answering, reader_of, refusal

LIVE = "/live?topics=grievance,answer,appeal,answer_notice"
PAGE = 50
SHOWN_STATES = ("open", "answered", "appealed", "closed")
CORRECTABLE = {
    "name": ("name", "name_ur", "name_zh", "name_latin"),
    "employment": ("employer_name", "position"),
    "document": ("passport", "permit"),
    "contact": ("phone", "email", "next_of_kin"),
}
"""What a person may ask to have corrected, by part, as far as it is shown to them."""


@require_safe
@answering
def listing(request: HttpRequest) -> HttpResponse:
    """Grievances that the reader may see, newest first: what about, since when, until when, how it stands."""
    reader = reader_of(request)
    state = request.GET.get("state", "")
    chosen = state if state in SHOWN_STATES else ""
    page = find(
        reader,
        Query(
            "grievance",
            state=chosen,
            withdrawn=False,
            sort="at",
            parts=("matter",),
            limit=PAGE,
            cursor=request.GET.get("cursor", ""),
        ),
    )
    following = request.GET.copy()
    following["cursor"] = page.next_cursor
    context = {
        "tab": "grievances",
        "lines": [_line(record) for record in page.records],
        "chosen": chosen,
        "states": [(name, words.word(words.STATES, name)) for name in SHOWN_STATES],
        "next": f"?{following.urlencode()}" if page.next_cursor else "",
        "page_level": highest(record.label for record in page.records),
        "live_url": LIVE,
        "may_raise": bool(rules.parts_open_to(reader, "write", "grievance")),
    }
    template = (
        "registry/_grievances_alone.html" if "HX-Request" in request.headers else "registry/grievances.html"
    )
    return render(request, template, context)


def _line(record: Released) -> dict[str, Any]:
    matter = record.parts.get("matter", {})
    return {
        "id": record.id,
        "title": matter.get("title") or _("Withheld"),
        "measure": words.word(words.MEASURES, matter["measure"]) if matter else "",
        "since": Moment.of(matter.get("since")),
        "expires": Moment.of(matter.get("expires")),
        "state": words.word(words.STATES, record.state),
        "open": record.state in ("open", "appealed"),
        "at": record.at,
        "precision": record.at_precision,
        "originator": record.originator,
        "label": record.label,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def raise_one(request: HttpRequest) -> HttpResponse:
    """Raise a grievance about a measure that restricts somebody."""
    writer = reader_of(request)
    _expect(writer, "grievance")
    data = request.POST if request.method == "POST" else None
    form = GrievanceForm(data, choices(writer, "site"))
    if request.GET.get("site") and data is None:
        form.initial["site"] = request.GET["site"]
    if data is not None and form.is_valid():
        try:
            done = rules.raise_grievance(writer, form.matter(), _signs_as(writer))
        except (PartRefused, Malformed) as fault:
            form.add_error(None, reason(fault))
        else:
            return _raised(request, writer, done.record)
    context = {"form": form, "page_level": "CONFIDENTIAL"}
    return render(request, "registry/raise.html", context, status=status([form]))


def _raised(request: HttpRequest, writer: Subject, record: str) -> HttpResponse:
    messages.success(request, _("Your grievance is in the ledger. You will see the answer here."))
    try:
        release(writer, record)
    except NotFound:
        return HttpResponseRedirect(reverse("registry:grievances"))
    return HttpResponseRedirect(reverse("registry:grievance", args=[record]))


def _signs_as(writer: Subject) -> str:
    account = Account.objects.filter(person=writer.person).first()
    return (account.display_name or account.username) if account else ""


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def correction(request: HttpRequest, person: str) -> HttpResponse:
    """Ask that what is held on a person be put right: a request that those who keep the register see and answer."""
    writer = reader_of(request)
    found = record_of(writer, "persons", person)
    _expect(writer, "grievance")
    held = [
        (f"{part}.{field}", words.FIELDS[field], str(found.parts[part].get(field, "")))
        for part, fields in CORRECTABLE.items()
        if part in found.parts
        for field in fields
    ]
    data = request.POST if request.method == "POST" else None
    form = CorrectionForm(data, held)
    if data is not None and form.is_valid():
        lines = [_wrong(found, *change) for change in form.changes()]
        ground = "\n".join([*lines, form.cleaned_data["why"]]).strip()
        matter = {"title": _("Please correct what you hold on me"), "measure": "record", "ground": ground}
        try:
            rules.raise_grievance(writer, matter, _signs_as(writer), about=found.id)
        except (PartRefused, Malformed) as fault:
            form.add_error(None, reason(fault))
        else:
            messages.success(request, _("Your request is in the ledger. You will see the answer here."))
            return HttpResponseRedirect(reverse("registry:record", args=["persons", found.id]))
    context = {"record": found, "name": display_name(found), "form": form, "page_level": found.label}
    return render(request, "registry/correction.html", context, status=status([form]))


def _wrong(person: Released, name: str, label: str, now: str, new: str) -> str:
    """What is to be put right, in a request that more people read than what is held: of a part that is labelled
    above it, only which field."""
    if person.levels.get(name.partition(".")[0]) not in ("OPEN", "RESTRICTED"):
        return f"{label}: …"
    return f"{label}: {now or '–'} → {new or '–'}"


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def grievance(request: HttpRequest, record: str) -> HttpResponse:
    """One grievance with its answers and appeals; whoever may answer or appeal does so here."""
    reader = reader_of(request)
    found = _grievance_of(reader, record)
    appeals = _about(reader, "appeal", found.id)
    waiting = [each for each in appeals if each.state == "open"]
    data = request.POST if request.method == "POST" else None
    if data is not None:
        _expect(reader, "answer")
    form = AnswerForm(data)
    if data is not None and form.is_valid():
        told, to = form.cleaned_data, waiting[0].id if waiting else found.id
        try:
            rules.answer_grievance(reader, to, told["text"], told["outcome"], _signs_as(reader))
        except (PartRefused, Malformed) as fault:
            form.add_error(None, reason(fault))
        else:
            messages.success(request, _("The answer is in the ledger."))
            return HttpResponseRedirect(reverse("registry:grievance", args=[found.id]))
    return _grievance_page(request, reader, found, appeals, form, AppealForm(), status([form]))


def _grievance_page(
    request: HttpRequest,
    reader: Subject,
    found: Released,
    appeals: Sequence[Released],
    form: AnswerForm,
    appeal_form: AppealForm,
    code: int,
) -> HttpResponse:
    names = Names(reader).fetch([found])
    given = [_answers(reader, each.id) for each in (found, *appeals)]
    going_on = not found.withdrawn and found.state != "closed"
    own = found.originator == reader.party
    waiting = any(each.state == "open" for each in appeals)
    may = {
        kind: bool(rules.parts_open_to(reader, "write", kind)) for kind in ("answer", "appeal", "grievance")
    }
    begin = begun([found, *appeals])
    context = {
        "record": found,
        "title": found.parts.get("matter", {}).get("title") or _("Withheld"),
        "state": words.word(words.STATES, found.state),
        "raised_at": begin.get(found.id),
        "parts": part_views(found, names),
        "answers": given[0],
        "appeals": [
            {
                "record": each,
                "at": begin.get(each.id),
                "ground": each.parts.get("appeal", {}).get("ground", ""),
                "state": words.word(words.STATES, each.state),
                "answers": answers,
            }
            for each, answers in zip(appeals, given[1:], strict=True)
        ],
        "form": form,
        "appeal_form": appeal_form,
        "may_answer": going_on and may["answer"],
        "to_appeal": waiting,
        "may_appeal": own and found.state == "answered" and going_on and may["appeal"],
        "may_close": own and going_on and may["grievance"],
        "page_level": highest(
            [
                found.label,
                *names.labels,
                *(each.label for each in appeals),
                *(line["record"].label for lines in given for line in lines),
            ]
        ),
        "live_url": LIVE,
    }
    template = (
        "registry/_grievance_alone.html" if "HX-Request" in request.headers else "registry/grievance.html"
    )
    return render(request, template, context, status=code)


def _about(reader: Subject, kind: str, record: str) -> list[Released]:
    return find(reader, Query(kind, about=record, withdrawn=False, sort="at", descending=False)).records


def _answers(reader: Subject, record: str) -> list[dict[str, Any]]:
    return [
        {
            "record": each,
            "reply": each.parts.get("reply"),
            "outcome": words.word(words.OUTCOMES, each.parts["reply"]["outcome"])
            if "reply" in each.parts
            else "",
        }
        for each in _about(reader, "answer", record)
    ]


@require_POST
@answering
def appeal(request: HttpRequest, record: str) -> HttpResponse:
    """The answer does not settle it: somebody else is to look at it."""
    writer = reader_of(request)
    found = _grievance_of(writer, record)
    _expect(writer, "appeal")
    form = AppealForm(request.POST)
    if form.is_valid():
        try:
            rules.appeal_grievance(writer, found.id, form.cleaned_data["ground"])
        except (PartRefused, Malformed) as fault:
            form.add_error(None, reason(fault))
        else:
            messages.success(request, _("Your appeal is in the ledger. Somebody else will answer it."))
            return HttpResponseRedirect(reverse("registry:grievance", args=[found.id]))
    appeals = _about(writer, "appeal", found.id)
    return _grievance_page(request, writer, found, appeals, AnswerForm(), form, 422)


@require_safe
@answering
def figures_page(request: HttpRequest) -> HttpResponse:
    """How many grievances of which kind, answered in time, appealed: from what the reader may see."""
    reader = reader_of(request)
    rows, counted = figures(reader, datetime.now(UTC))
    context = {
        "tab": "grievances",
        "rows": [(words.word(words.MEASURES, row.measure) if row.measure else "", row) for row in rows],
        "total": sum(row.raised for row in rows),
        "limit": days_allowed(),
        "page_level": highest(each.label for each in counted),
        "live_url": LIVE,
    }
    return render(request, "registry/grievance_figures.html", context)


@require_POST
@answering
def close(request: HttpRequest, record: str) -> HttpResponse:
    """Nothing more is expected of this grievance."""
    writer = reader_of(request)
    found = _grievance_of(writer, record)
    try:
        rules.close_grievance(writer, found.id, int(request.POST.get("seen", "0") or 0))
    except ValueError:
        messages.error(request, _("The grievance has changed meanwhile. Look at it again."))
    except Conflict as fault:
        messages.error(request, conflict(fault))
    else:
        messages.success(request, _("The grievance is closed."))
    return HttpResponseRedirect(reverse("registry:grievance", args=[found.id]))


def _grievance_of(reader: Subject, record: str) -> Released:
    found = release(reader, record)
    if found.kind != "grievance":
        raise NotFound(record)
    return found


def _expect(writer: Subject, kind: str) -> None:
    if not rules.parts_open_to(writer, "write", kind):
        raise refusal(writer, "write", kind, f"write {kind}: no grant")
