"""Records of the committee's work as its pages show them: what was released, and by name what was not."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.committee import work_words as words
from safeconduct.committee.reminders import due_of, ends
from safeconduct.records.find import Query, find
from safeconduct.records.history import begun
from safeconduct.records.moments import MomentRefused, instant, is_day
from safeconduct.records.release import Released
from safeconduct.shell.terms import FIELD_NAMES, KIND_NAMES, PART_NAMES, STATE_NAMES, plain, reason_withheld

MOMENTS = frozenset({"since", "until", "due", "review", "at"})
LONG = frozenset(
    {
        "text", "text_ur", "text_zh", "criterion", "verify_how", "remark", "purpose", "end_use", "check_how",
    }
)  # fmt: skip
SILENT = frozenset(
    {
        "title",
        "account",
        "reporter",
        "digest",
        "files",
        "confidence",
        "record",
        "sha256",
        "media_type",
        "size",
    }
)
"""Fields that a page says otherwise, or that say nothing to a person."""
GOOD = frozenset({"verified", "reached", "accepted", "met", "agreed", "approved", "in_use", "fulfilled"})
CAUTION = frozenset({"reported", "under_way", "handed_over", "put_forward", "proposed", "neither"})
BAD = frozenset({"refused", "declined", "dropped", "withdrawn", "not_pursued"})
MOST = 500
DEEPEST = 6


@dataclass(frozen=True)
class Fact:
    """One line of a part; `at` is a moment instead of text, of this precision."""

    label: str
    text: str = ""
    at: str = ""
    precision: str = "minute"
    long: bool = False
    name: str = ""


@dataclass(frozen=True)
class PartSheet:
    name: str
    title: str
    level: str
    facts: Sequence[Fact]


@dataclass
class Sheet:
    """A record with what is about it. `due` is epoch seconds; `acts` are what the page offers the reader."""

    record: Released
    title: str
    parts: Sequence[PartSheet]
    children: list[Sheet] = field(default_factory=list)
    acts: Sequence[Mapping[str, Any]] = ()
    due: float | None = None
    overdue: bool = False
    effect: Mapping[str, Any] | None = None

    @property
    def kind(self) -> str:
        return plain(KIND_NAMES, self.record.kind)

    @property
    def state(self) -> str:
        return plain({**STATE_NAMES, **words.STATES}, self.record.state)

    @property
    def mark(self) -> str:
        """The class of the state's badge."""
        state = self.record.state
        return "good" if state in GOOD else "caution" if state in CAUTION else "bad" if state in BAD else ""

    @property
    def due_on(self) -> datetime | None:
        """The day by whose end it is due."""
        return datetime.fromtimestamp(self.due - 1, UTC) if self.due is not None else None

    @property
    def withheld(self) -> list[dict[str, Any]]:
        return [
            {
                "name": plain({**PART_NAMES, **words.PARTS}, each.part),
                "reason": reason_withheld(each.reason),
                "would": each.would,
            }
            for each in self.record.withheld
        ]

    @property
    def everything(self) -> list[Sheet]:
        """This sheet and all below it."""
        return [self, *(each for child in self.children for each in child.everything)]


def sheet(found: Released) -> Sheet:
    """A record's sheet, alone."""
    titles = [part["title"] for part in found.parts.values() if part.get("title")]
    parts = [
        PartSheet(
            name,
            plain({**PART_NAMES, **words.PARTS}, name),
            found.levels.get(name, ""),
            _facts(found.kind, part),
        )
        for name, part in found.parts.items()
        if part
    ]
    made = Sheet(found, titles[0] if titles else "", [part for part in parts if part.facts])
    if found.kind != "assistance_offer":
        _mark_due(made, due_of(found.kind, found.state, dict(found.parts)))
    if "seen" in found.parts:
        made.effect = found.parts["seen"]
        made.parts = [part for part in made.parts if part.name != "seen"]
    return made


def _mark_due(made: Sheet, due: float | None) -> None:
    made.due = due
    made.overdue = due is not None and due <= time.time()


def _facts(kind: str, part: Mapping[str, Any]) -> list[Fact]:
    facts = []
    for name, value in part.items():
        if name in SILENT or value in (None, "", [], {}) or isinstance(value, Mapping):
            continue
        label = plain({**FIELD_NAMES, **words.FIELDS}, name)
        if name in MOMENTS:
            facts.append(_moment(name, label, str(value)))
        else:
            text = words.code(kind, name, str(value))
            facts.append(Fact(label, text, long=name in LONG, name=name))
    return facts


def _moment(name: str, label: str, value: str) -> Fact:
    try:
        at = instant(value).isoformat()
    except MomentRefused:
        return Fact(label, value, name=name)
    return Fact(label, at=at, precision="day" if is_day(value) else "minute", name=name)


def thread(reader: Subject, root: Released, below: Mapping[str, Sequence[str]]) -> Sheet:
    """A record and everything about it. `below` says, by kind, which kinds are about it."""
    return threads(reader, [root], below)[0]


def threads(reader: Subject, roots: Sequence[Released], below: Mapping[str, Sequence[str]]) -> list[Sheet]:
    """Records, each with everything about it; each kind is fetched once for each depth."""
    tops = [sheet(root) for root in roots]
    level = {top.record.id: top for top in tops}
    for _ in range(DEEPEST):
        wanted: dict[str, list[str]] = defaultdict(list)
        for record, each in level.items():
            for kind in below.get(each.record.kind, ()):
                wanted[kind].append(record)
        above, level = level, {}
        for kind, records in wanted.items():
            known = find(reader, _about(kind, records)).records
            began = begun(known)
            for found in sorted(known, key=lambda each: began.get(each.id, each.at)):
                if found.about in above:
                    made = level[found.id] = sheet(found)
                    above[found.about].children.append(made)
        if not level:
            break
    for top in tops:
        for each in top.everything:
            _finish(each)
    return tops


def _about(kind: str, records: Sequence[str]) -> Query:
    return Query(kind, about=records, withdrawn=False, sort="at", descending=False, limit=MOST)


def _finish(each: Sheet) -> None:
    """An end use is due so long after its latest check."""
    if each.record.kind != "assistance_offer":
        return
    checks = [
        ends(str((child.record.parts.get("check") or {}).get("at", ""))) or 0.0
        for child in each.children
        if child.record.kind == "end_use_check"
    ]
    due = due_of(each.record.kind, each.record.state, dict(each.record.parts), max(checks, default=0.0))
    _mark_due(each, due)


def highest(sheets: Sequence[Sheet]) -> str:
    """The label of a page that shows these."""
    labels = [each.record.label for top in sheets for each in top.everything]
    return max(labels, key=LEVELS.index, default="OPEN")
