"""The page of who knew, and its signed report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from safeconduct.oversight import rules, who_knew_words
from safeconduct.oversight.ledger_line import heads
from safeconduct.oversight.unusual import Unusual, unusual
from safeconduct.oversight.who_knew import Known, Line, sees_readings, who_knew
from safeconduct.oversight.who_knew_report import signed_report
from safeconduct.oversight.wording import kind_name, part_name
from safeconduct.records import here
from safeconduct.records.kinds import all_kinds
from safeconduct.records.refusals import Malformed
from safeconduct.shell.answers import answering, reader_of
from safeconduct.shell.terms import listed

LINES_SHOWN = 500
FACTS_SHOWN = 200
_SPACED_ZONE = re.compile(r"(?<=:\d\d) (?=\d\d:\d\d$)")
"""A plus sign that an address lost."""


@require_GET
@answering
def page(request: HttpRequest, record: str) -> HttpResponse:
    """Who had been shown which part of a record, and of what is about it, before a moment."""
    reader = reader_of(request)
    before, part = moment_of(request.GET.get("at", "")), part_of(request.GET.get("part", ""))
    known = who_knew(reader, record, before, part)
    names = rules.people(reader)
    sizes = {head.partner: head.feed_size for head in heads()}
    lines = [_row(line, known, names, sizes) for line in known.lines]
    context = {
        "known": known,
        "kind": kind_name(known.record.kind),
        "part": part,
        "parts": _parts(known),
        "at": request.GET.get("at", ""),
        "lines": lines[-LINES_SHOWN:][::-1],
        "earlier": max(0, len(lines) - LINES_SHOWN),
        "persons": len(known.persons()),
        "nodes": [who_knew_words.party(name) for name in sorted(known.nodes())],
        "looks": [_row(line, known, names, sizes) for line in known.looks][::-1],
        "gaps": [who_knew_words.gap(gap) for gap in ordered(known)],
        "refused": len(known.refused),
        "unusual": [_fact(fact, names) for fact in unusual(reader, known)][-FACTS_SHOWN:][::-1],
        "may_inquire": bool(here.state().policy.entries(reader, "write", "inquiry")),
        "may_export": sees_readings(here.state().policy, reader, reader.party, "export"),
        "auditing": True,
        "page_level": "CONFIDENTIAL",
        "live_url": "/live?topics=reading",
    }
    return render(request, "oversight/who_knew.html", context)


@require_GET
@answering
def report(request: HttpRequest, record: str) -> HttpResponse:
    """The same as a report signed with the ledger's key, which anyone can verify without this node."""
    before, part = moment_of(request.GET.get("at", "")), part_of(request.GET.get("part", ""))
    as_page = request.GET.get("as") != "json"
    raw = signed_report(reader_of(request), record, before, part, as_page)
    answer = HttpResponse(raw, content_type="text/html; charset=utf-8" if as_page else "application/json")
    name = f"who-knew-{record[:8]}.{'html' if as_page else 'json'}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def ordered(known: Known) -> list[Any]:
    return sorted(known.gaps, key=lambda gap: who_knew_words.GAPS.index(gap.what))


def _row(line: Line, known: Known, names: Mapping[str, str], sizes: dict[str, int]) -> dict[str, Any]:
    about = known.related(line.record)
    return {
        "line": line,
        "kind": kind_name(about.kind),
        "parts": listed(part_name(part) for part in line.parts),
        "person": names.get(line.person, line.person),
        "party": who_knew_words.party(line.party),
        "way": who_knew_words.way(line),
        "standing": who_knew_words.standing(line),
        "acknowledged": who_knew_words.acknowledged(line, sizes),
    }


def _fact(fact: Unusual, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "fact": fact,
        "said": who_knew_words.unusual(fact.what),
        "person": names.get(fact.person, fact.person),
        "party": who_knew_words.party(fact.party),
    }


def _parts(known: Known) -> list[tuple[str, str]]:
    names = dict.fromkeys(name for each in (known.record, *known.others) for name in each.present)
    return [(name, part_name(name)) for name in names]


def moment_of(text: str) -> datetime | None:
    """A moment of an address: ISO 8601; without a zone it is in the reader's. Raises Malformed."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(_SPACED_ZONE.sub("+", text[:40]))
        if found.tzinfo is None:
            found = timezone.make_aware(found)
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise Malformed("the moment is given in ISO 8601") from fault


def part_of(text: str) -> str:
    """A part that some kind has; "" for every part. Raises Malformed."""
    if text and all(text not in kind.parts for kind in all_kinds().values()):
        raise Malformed("no kind has such a part")
    return text
