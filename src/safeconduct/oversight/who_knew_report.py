"""The signed report of who knew: the list with the evidence for each line, for people outside this node."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.passings import given
from safeconduct.ledger.report import FORMAT, on_page, page_digest
from safeconduct.oversight import rules, who_knew_words
from safeconduct.oversight.jobs import require_auditor
from safeconduct.oversight.who_knew import TOLD, Known, as_wire, sees_readings, who_knew
from safeconduct.oversight.who_knew_jobs import MOST_EVIDENCE
from safeconduct.oversight.wording import kind_name, part_name
from safeconduct.records import here
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.shell.terms import listed

MOST_LINES = 20_000
STYLE = format_html(
    "<style>{}</style>",
    "body{font-family:system-ui,sans-serif;margin:2rem;color:#111}"
    "table{border-collapse:collapse;inline-size:100%;font-size:.85rem}"
    "th,td{border:1px solid #999;padding:.3rem .5rem;text-align:start;vertical-align:top}"
    ".soft{color:#555}code{overflow-wrap:anywhere}",
)
"""The report is a file of its own: no style sheet of the node comes with it."""


def signed_report(
    reader: Subject, record: str, before: datetime | None = None, part: str = "", page: bool = False
) -> bytes:
    """The report as JSON, or in a page that people can read. Raises what `who_knew` raises, and Malformed for a
    list that is too long for one report."""
    policy = here.state().policy
    require_auditor(policy, reader)
    if not sees_readings(policy, reader, reader.party, "export"):
        raise Refused(
            "export reading: no grant", (), {"person": reader.person, "act": "export", "record": record}
        )
    known = who_knew(reader, record, before, part, act="export")
    if len(known.lines) > MOST_LINES:
        raise Malformed(f"a report has at most {MOST_LINES:,} lines: choose a part or an earlier moment")
    actor = to_wire(reader)
    head = here.door().call("who_knew_head", {"actor": actor})
    entries, notes = _evidence(actor, head, known)
    report: dict[str, Any] = {
        "format": FORMAT,
        "party": reader.party,
        "name": here.home().name,
        "made_at": _iso(datetime.now(UTC)),
        "by": reader.person,
        "before": _iso(known.before),
        "part": part,
        "records": [
            {"record": each.id, "kind": each.kind, "originator": each.originator, "about": each.about}
            for each in (known.record, *known.others)
        ],
        "gaps": [
            {
                "what": gap.what,
                "party": gap.party,
                "kind": gap.kind,
                "part": gap.part,
                "roles": list(gap.roles),
                "at": _iso(gap.at) if gap.at else "",
            }
            for gap in known.gaps
        ],
        "lines": [as_wire(line) for line in known.lines],
        "entries": entries,
        "checkpoints": notes,
        "keys": head["keys"],
        "page": "",
    }
    if not page:
        return _sealed(actor, report)
    shown = render_to_string("oversight/who_knew_report.html", _context(reader, known, report)).encode()
    report["page"] = page_digest(shown)
    return on_page(shown, _sealed(actor, report))


def _sealed(actor: dict[str, Any], report: dict[str, Any]) -> bytes:
    text = json.dumps(report, ensure_ascii=False)
    return str(here.door().call("who_knew_seal", {"actor": actor, "report": text})["sealed"]).encode()


def _evidence(
    actor: dict[str, Any], head: dict[str, Any], known: Known
) -> tuple[list[dict[str, Any]], list[str]]:
    """Each entry that a line rests on, once, with its proofs; and the checkpoints that these are under."""
    covers = {line.index: line.cover.index if line.cover else None for line in known.lines}
    if any(line.way == TOLD for line in known.lines):
        # What a partner tells is of what it was given: that act of giving says which record is meant.
        ids = [each.id for each in (known.record, *known.others)]
        covers |= {
            p.index: covers.get(p.index)
            for p in given(ids, float("inf"))
            if any(
                line.way == TOLD and line.record == p.record and line.party == p.partner
                for line in known.lines
            )
        }
    notes: list[str] = []
    entries: list[dict[str, Any]] = []
    asked = sorted(covers.items())
    for first in range(0, len(asked), MOST_EVIDENCE):
        payload = {"actor": actor, "size": head["size"], "entries": asked[first : first + MOST_EVIDENCE]}
        for entry in here.door().call("who_knew_evidence", payload)["entries"]:
            entry["under"] = _position(notes, entry["under"] or head["note"])
            if "feed" in entry:
                entry["feed"]["under"] = _position(notes, entry["feed"]["under"])
            entries.append(entry)
    return entries, notes


def _position(notes: list[str], note: str) -> int:
    if note not in notes:
        notes.append(note)
    return notes.index(note)


def _context(reader: Subject, known: Known, report: dict[str, Any]) -> dict[str, Any]:
    names = rules.people(reader)
    return {
        "style": STYLE,
        "party": here.home().name,
        "report": report,
        "known": known,
        "kind": kind_name(known.record.kind),
        "gaps": [
            who_knew_words.gap(gap)
            for gap in sorted(known.gaps, key=lambda gap: who_knew_words.GAPS.index(gap.what))
        ],
        "lines": [
            {
                "line": line,
                "person": names.get(line.person, line.person),
                "party": who_knew_words.party(line.party),
                "kind": kind_name(known.related(line.record).kind),
                "parts": _parts(line.parts),
                "way": who_knew_words.way(line),
                "standing": who_knew_words.standing(line),
            }
            for line in known.lines
        ],
    }


def _parts(names: Sequence[str]) -> str:
    return listed(part_name(name) for name in names)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
