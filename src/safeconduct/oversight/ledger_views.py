"""Oversight of the ledger: its size and who has cosigned it, verification, entries, readings, refusals."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.oversight import jobs, rules
from safeconduct.oversight.forms import EntriesFilter, ReadingsFilter
from safeconduct.oversight.ledger_line import heads
from safeconduct.oversight.wording import ENTRY_NAMES, ago, kind_name, moment, part_name
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.principals import to_wire
from safeconduct.records.release import Released
from safeconduct.records.shown import named_in
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.terms import listed

LOOK_SECONDS = 1.5
"""How long one request goes on verifying, slice after slice, before it shows how far it has come."""

READINGS = 50


@dataclass(frozen=True)
class CosignedLine:
    """How far one partner has cosigned this ledger."""

    partner: str
    size: int
    at: datetime | None
    age: str
    behind: int


@require_GET
@answering
def ledger(request: HttpRequest) -> HttpResponse:
    """Size and root of the ledger, how far each partner has cosigned it, and its latest entries for auditors."""
    reader = reader_of(request)
    head = here.door().call("ledger_head", {"actor": to_wire(reader)})
    auditing = jobs.may_audit(here.state().policy, reader)
    form = EntriesFilter(request.GET or None)
    chosen = form.cleaned_data if form.is_bound and form.is_valid() else {}
    answer = _entries(reader, chosen) if auditing else None
    context = {
        "head": head,
        "cosigned": [_cosigned(each, head["size"]) for each in heads()],
        "form": form,
        "auditing": auditing,
        "entries": answer["entries"] if answer else [],
        "earlier": answer["looked_to"] if answer else 0,
        "type": chosen.get("type", ""),
        "page_level": "RESTRICTED",
        "live_url": "/live",
    }
    return render(request, "oversight/ledger.html", context)


def _cosigned(head: Any, size: int) -> CosignedLine:
    age = head.age()
    return CosignedLine(
        partner=head.partner,
        size=head.ledger_size,
        at=moment(head.ledger_time),
        age=ago(age) if age is not None else "",
        behind=max(0, size - head.ledger_size),
    )


def _entries(reader: Subject, chosen: Mapping[str, Any]) -> dict[str, Any]:
    payload = {
        "actor": to_wire(reader),
        "type": chosen.get("type") or "",
        "before": chosen.get("before") or 0,
    }
    answer = here.door().call("ledger_entries", payload)
    named = [(index, ENTRY_NAMES.get(kind, kind), at) for index, kind, at in answer["entries"]]
    return {**answer, "entries": named}


@require_POST
@answering
def start_verification(request: HttpRequest) -> HttpResponse:
    """Begin to verify the whole ledger as it is now."""
    answer = here.door().call("verify", {"actor": to_wire(reader_of(request))})
    return redirect("oversight:verification", run=answer["run"])


@require_GET
@answering
def verification(request: HttpRequest, run: str) -> HttpResponse:
    """Go on with a verification for a moment and show how far it has come; the page asks again by itself."""
    payload = {"actor": to_wire(reader_of(request)), "run": run}
    until = time.monotonic() + LOOK_SECONDS
    answer = here.door().call("verify", payload)
    while not answer["finished"] and time.monotonic() < until:
        answer = here.door().call("verify", payload)
    speed = int(answer["done"] / answer["seconds"]) if answer["seconds"] else 0
    context = {"answer": answer, "speed": speed, "page_level": "RESTRICTED"}
    return render(request, "oversight/verification.html", context)


@dataclass(frozen=True)
class ReadingLine:
    """One reading: which parts of which records were shown to whom, when, as which party logged it."""

    at: datetime
    logged_by: str
    of: str
    person: str
    roles: tuple[str, ...]
    act: str
    kind: str
    records: tuple[tuple[str, int, str], ...]
    more: int
    who_withheld: bool
    what_withheld: bool


@require_GET
@answering
def readings(request: HttpRequest) -> HttpResponse:
    """Who was shown what when: as this party logged it, and as far as the partner's log was released."""
    reader = reader_of(request)
    jobs.require_auditor(here.state().policy, reader)
    form = ReadingsFilter(request.GET or None)
    chosen = form.cleaned_data if form.is_bound and form.is_valid() else {}
    query = Query(
        "reading",
        originator=chosen.get("originator", ""),
        about=chosen.get("about") or None,
        sort="at",
        limit=READINGS,
        cursor=request.GET.get("cursor", ""),
    )
    page = find(reader, query)
    names = rules.people(reader)
    named = named_in([record.id for record in page.records if "what" in record.parts])
    level = max((LEVELS.index(record.label) for record in page.records), default=0)
    context = {
        "form": form,
        "lines": [_reading(record, names, named.get(record.id, [])) for record in page.records],
        "next": page.next_cursor,
        "auditing": True,
        "page_level": LEVELS[level],
        "live_url": "/live?topics=reading",
    }
    return render(request, "oversight/readings.html", context)


SHOWN_RECORDS = 5


def _reading(
    record: Released, names: Mapping[str, str], named: Sequence[tuple[str, int, tuple[str, ...]]]
) -> ReadingLine:
    what, who = record.parts.get("what") or {}, record.parts.get("who") or {}
    shown = tuple(
        (found, version, listed(part_name(part) for part in parts))
        for found, version, parts in named[:SHOWN_RECORDS]
    )
    person = who.get("person", "")
    return ReadingLine(
        at=record.at,
        logged_by=record.originator,
        of=what.get("of", ""),
        person=names.get(person, person),
        roles=tuple(who.get("roles", ())),
        act=what.get("act", ""),
        kind=kind_name(what.get("kind", "")),
        records=shown,
        more=max(0, len(named) - SHOWN_RECORDS),
        who_withheld="who" not in record.parts,
        what_withheld="what" not in record.parts,
    )


@require_GET
@answering
def refusals(request: HttpRequest) -> HttpResponse:
    """Refused attempts on this side: they never cross."""
    reader = reader_of(request)
    before = request.GET.get("before", "")
    payload = {"actor": to_wire(reader), "before": int(before) if rules.is_index(before) else 0}
    answer = here.door().call("refusals", payload)
    names = rules.people(reader)
    lines = [
        {
            **row,
            "at": _parsed(row["at"]),
            "person": names.get(row["person"], row["person"]),
            "kind": kind_name(row["kind"]),
        }
        for row in answer["refusals"]
    ]
    earlier = answer["looked_to"]
    context = {"lines": lines, "earlier": earlier, "auditing": True, "page_level": "CONFIDENTIAL"}
    return render(request, "oversight/refusals.html", context)


def _parsed(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
