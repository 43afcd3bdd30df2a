"""The pages of warnings: what is in force, one with its receipts and outcomes, its acts, the sources' record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment import warning_rules as rules
from safeconduct.assessment import warning_words as words
from safeconduct.assessment.warning_forms import (
    AcknowledgeForm,
    ActForm,
    EndForm,
    GradeForm,
    OutcomeForm,
    WarningForm,
    persons_named,
)
from safeconduct.assessment.warning_kinds import OUTCOME, RECEIPT, WARNING
from safeconduct.assessment.warning_record import FEWEST, sources_record
from safeconduct.assessment.warning_seen import Seen, latest, points, seen
from safeconduct.records import here
from safeconduct.records.fields import CREDIBILITY, RELIABILITY
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.release import Released
from safeconduct.shell.answers import answering, reader_of, refusal
from safeconduct.shell.terms import ROLE_NAMES, plain, reason_withheld

LIVE = "/live?topics=warning,warning_receipt,warning_outcome"
MOST_SITES = 1_000
MOST_OVER = 100


@dataclass(frozen=True)
class Act:
    """What is done to a warning: `writes` is the kind, `own` whether to own warnings alone."""

    form: type[ActForm]
    label: Any
    permission: str
    writes: str
    own: bool = False


ACTS: Mapping[str, Act] = {
    "acknowledge": Act(AcknowledgeForm, gettext_lazy("Acknowledge the warning"), "acknowledge", RECEIPT.name),
    "outcome": Act(OutcomeForm, gettext_lazy("Record what came of it"), "write", OUTCOME.name),
    "grade": Act(GradeForm, gettext_lazy("Grade it anew"), "write", WARNING.name, own=True),
    "end": Act(EndForm, gettext_lazy("End it early"), "write", WARNING.name, own=True),
}


@require_safe
@answering
def warnings(request: HttpRequest) -> HttpResponse:
    """In force first, the pressing on top; then those that are over and of which nobody has said what came."""
    reader = reader_of(request)
    found = latest(reader, time.time())
    over = [each for each in found if not each.in_force]
    context = {
        "open": [_row(reader, each) for each in sorted(found, key=lambda each: each.rank) if each.in_force],
        "unjudged": [_row(reader, each) for each in over if each.outcome_of(reader.party) is None],
        "judged": [_row(reader, each) for each in over if each.outcome_of(reader.party) is not None][
            :MOST_OVER
        ],
        "may_give": _may(reader, "write", WARNING.name),
        "page_level": _level(found),
        "live_url": LIVE,
        "alone": "HX-Request" in request.headers,
    }
    return render(request, f"assessment/{'_warnings' if context['alone'] else 'warning_list'}.html", context)


@require_safe
@answering
def page(request: HttpRequest, record: str) -> HttpResponse:
    """One warning: what it says, who has taken note on both sides, what each party found to have come of it."""
    reader = reader_of(request)
    (found,) = seen(reader, [rules.warning_of(reader, record)], time.time())
    source = found.found.parts.get("source") or {}
    positions, level = _positions(reader, found)
    context = {
        "each": found,
        "row": _row(reader, found),
        "grades": found.grades,
        "source": source,
        "type": words.word(words.SOURCE_TYPES, source.get("type")) if source else "",
        "means": words.word(words.MEANS, source.get("means")) if source else "",
        "receipts": [_receipt(one) for one in found.receipts],
        "outcomes": [_outcome(one) for one in found.outcomes],
        "points": points(found, positions),
        "acts": _offered(reader, found),
        "withheld": [
            {"name": words.PARTS[one.part], "reason": reason_withheld(one.reason), "would": one.would}
            for one in found.found.withheld
            if one.part in WARNING.parts
        ],
        "page_level": max(found.level, level, key=LEVELS.index),
        "live_url": LIVE,
        "alone": "HX-Request" in request.headers,
    }
    name = "_warning" if context["alone"] else "warning"
    return render(request, f"assessment/{name}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def new(request: HttpRequest) -> HttpResponse:
    """Put a warning on record that was received or made."""
    reader = reader_of(request)
    if not _may(reader, "write", WARNING.name):
        raise refusal(reader, "write", WARNING.name, "write warning: no grant")
    sites, level = _sites(reader)
    if request.method != "POST":
        fresh = {"key": str(uuid4()), "since": localtime().strftime("%Y-%m-%dT%H:%M")}
        return _new(request, WarningForm(sites=sites, initial={**fresh, "roles": ["watch_officer"]}), level)
    form = WarningForm(request.POST, sites=sites)
    if form.is_valid():
        try:
            done = form.do(reader, str(request.user))
        except (PartRefused, Malformed) as fault:
            form.add_error(None, words.said(fault))
        else:
            messages.success(request, _("On record. Those named are being told."))
            return HttpResponseRedirect(reverse("warnings:page", args=[done.record]))
    return _new(request, form, level, 422)


def _new(request: HttpRequest, form: WarningForm, level: str, status: int = 200) -> HttpResponse:
    groups = [
        (_("What it is a warning of"), "title text category urgency since until exercise"),
        (_("Places concerned"), "districts sites roads area spot latitude longitude boundary"),
        (_("Where it came from: stays with this party"), "code type means reference"),
        (_("Its grade: is told to the other party"), "reliability credibility why"),
        (_("Who is to acknowledge it"), "roles units persons own_only"),
    ]
    context = {
        "form": form,
        "groups": [(title, [form[name] for name in names.split()]) for title, names in groups],
        "page_level": max("CONFIDENTIAL", level, key=LEVELS.index),
    }
    return render(request, "assessment/warning_new.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@answering
def act(request: HttpRequest, record: str, act: str) -> HttpResponse:
    """Acknowledge, record the outcome, grade anew, end early."""
    reader = reader_of(request)
    done = ACTS.get(act)
    if done is None:
        raise NotFound(record)
    found = rules.warning_of(reader, record)
    if not _may(reader, done.permission, done.writes) or (done.own and found.originator != reader.party):
        raise refusal(
            reader, done.permission, done.writes, f"{done.permission} {done.writes}: no grant", record=record
        )
    form = done.form(
        request.POST if request.method == "POST" else None,
        found=found,
        initial=_begun(reader, act, found) if request.method != "POST" else None,
    )
    status = 200
    if request.method == "POST":
        status = _doing(request, reader, form)
        if status == 302:
            return HttpResponseRedirect(reverse("warnings:page", args=[record]))
    (whole,) = seen(reader, [found], time.time())
    context = {
        "form": form,
        "label": done.label,
        "each": whole,
        "row": _row(reader, whole),
        "page_level": whole.level,
    }
    return render(request, "assessment/warning_act.html", context, status=status)


def _doing(request: HttpRequest, reader: Subject, form: ActForm) -> int:
    """Do what was entered; the status to answer with, 302 when it is on record."""
    if not form.is_valid():
        return 422
    try:
        form.do(reader, str(request.user))
    except Conflict as fault:
        text = _("The record is at version %(n)s now. Look at it again before you change it.")
        form.add_error(None, text % {"n": fault.current})
        return 409
    except (PartRefused, Malformed) as fault:
        form.add_error(None, words.said(fault))
        return 422
    messages.success(request, _("It is in the ledger."))
    return 302


def _begun(reader: Subject, act: str, found: Released) -> dict[str, Any]:
    """What the form of an act begins with."""
    if act == "acknowledge":
        return {"key": str(uuid4()), "version": found.version}
    if act != "outcome":
        return {"seen": found.version}
    before = rules.own_outcome(reader, found.id)
    if before is None:
        return {"seen": 0, "result": "unknown"}
    said = before.parts.get("outcome") or {}
    return {"seen": before.version, **said, **(before.parts.get("grounds") or {})}


@require_safe
@answering
def sources(request: HttpRequest) -> HttpResponse:
    """How often what each source said came true, by code and by grade, and how little so few can tell."""
    record = sources_record(reader_of(request))
    context = {
        "record": record,
        "lines": [
            {
                "line": line,
                "types": [words.word(words.SOURCE_TYPES, each) for each in sorted(line.types)],
                "tally": line.tally,
            }
            for line in record.sources
        ],
        "gradings": [
            {
                "party": grading.party,
                "cells": [
                    (letter, [grading.grid.get((letter, number)) for number in CREDIBILITY])
                    for letter in RELIABILITY
                ],
                "rows": [
                    *((words.RELIABILITY[letter], tally) for letter, tally in grading.reliability),
                    *((words.CREDIBILITY[str(number)], tally) for number, tally in grading.credibility),
                ],
            }
            for grading in record.gradings
        ],
        "credibility": CREDIBILITY,
        "fewest": FEWEST,
        "page_level": record.level,
        "live_url": LIVE,
    }
    return render(request, "assessment/warning_sources.html", context)


def _may(reader: Subject, permission: str, kind: str) -> bool:
    """Whether some clause in force could let this person do this; it is decided when it is done."""
    return bool(here.state().policy.entries(reader, permission, kind))


def _offered(reader: Subject, found: Seen) -> list[tuple[str, Any]]:
    named = {
        "acknowledge": found.in_force,
        "outcome": bool(found.warned) and not found.found.withdrawn,
        "grade": found.own and found.in_force and "grade" in found.found.parts,
        "end": found.own and found.in_force,
    }
    return [
        (name, each.label)
        for name, each in ACTS.items()
        if named[name] and _may(reader, each.permission, each.writes)
    ]


def _row(reader: Subject, found: Seen) -> dict[str, Any]:
    """A warning with who has taken note on each side, and who is waited for."""
    waiting = found.waiting(reader.party) if found.in_force else {}
    names = [plain(ROLE_NAMES, role) for role in waiting.get("roles", ())]
    names += waiting.get("units", ())
    persons = list(waiting.get("persons", ()))
    called = persons_named(persons) if persons else {}
    names += [called.get(person) or _("a person who is named") for person in persons]
    parties = [reader.party, *sorted(here.home().partners)]
    return {
        "each": found,
        "waiting": names,
        "overdue": found.overdue(reader.party),
        "acknowledged": [
            (party, sum(each.originator == party for each in found.receipts)) for party in parties
        ],
        "outcomes": [_outcome(each) for each in found.outcomes],
    }


def _receipt(found: Released) -> dict[str, Any]:
    said = found.parts.get("receipt") or {}
    roles = [plain(ROLE_NAMES, role) for role in said.get("roles", ())]
    return {"party": found.originator, "said": said, "roles": roles}


def _outcome(found: Released) -> dict[str, Any]:
    said = found.parts.get("outcome") or {}
    return {
        "party": found.originator,
        "said": said,
        "result": words.word(words.RESULTS, said.get("result")),
        "acted_on": words.word(words.ACTED_ON, said.get("acted_on")),
        "grounds": found.parts.get("grounds") or {},
        "version": found.version,
    }


def _sites(reader: Subject) -> tuple[list[tuple[str, str]], str]:
    """The sites that a warning can name, and the highest label of their names."""
    query = Query("site", state="active", withdrawn=False, parts=("identity",), sort="at", limit=MOST_SITES)
    sites = find(reader, query).records
    found = [(each.id, (each.parts.get("identity") or {}).get("name", "")) for each in sites]
    level = max((each.label for each in sites), key=LEVELS.index, default=LEVELS[0])
    return sorted(
        ((record, name) for record, name in found if name), key=lambda each: each[1].casefold()
    ), level


def _positions(reader: Subject, found: Seen) -> tuple[dict[str, tuple[float, float]], str]:
    """Where the sites are that an own warning names, as far as the reader may see it, and the label of that."""
    named = (found.found.parts.get("places") or {}).get("sites", ()) if found.own else ()
    if not named:
        return {}, LEVELS[0]
    query = Query("site", ids=list(named), parts=("place",), sort="at", limit=len(named))
    sites = find(reader, query).records
    places = {each.id: each.parts.get("place") or {} for each in sites}
    at = {
        record: (place["latitude"], place["longitude"])
        for record, place in places.items()
        if place.get("latitude") is not None and place.get("longitude") is not None
    }
    return at, max((each.label for each in sites if each.id in at), key=LEVELS.index, default=LEVELS[0])


def _level(found: list[Seen]) -> str:
    return max((each.level for each in found), key=LEVELS.index, default="RESTRICTED")
