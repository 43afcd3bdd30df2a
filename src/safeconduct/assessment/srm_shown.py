"""The list of what is assessed, and a noted difference, as pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment import srm_words as words
from safeconduct.assessment.srm_kinds import ASSESSMENT, subject_key
from safeconduct.assessment.srm_subject import SHOWN, Sheet, address, in_words, side_of, title_of
from safeconduct.records import here
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.release import Released
from safeconduct.shell.terms import plain

PARTS = ("scope", "programme", "threats", "decision", "approval")


@dataclass(frozen=True)
class Line:
    """One subject with the assessment in force of each party, and the own drafts."""

    kind: str
    title: str
    url: str
    current: Sequence[Sheet]
    working: Sequence[Sheet]

    @property
    def kind_word(self) -> str:
        return words.word("subject", self.kind)

    @property
    def overdue(self) -> bool:
        """An own or the other party's review is past, or an assessment expired and nothing took its place."""
        return any(each.review_overdue or each.expired for each in self.current)


def listed_subjects(reader: Subject) -> tuple[list[Line], str]:
    """(what is assessed, overdue first and then the latest; the highest label of it)."""
    query = Query(ASSESSMENT.name, parts=PARTS, withdrawn=False, sort="at", limit=MAX_LIMIT)
    found = find(reader, query).records
    groups: dict[str, list[Released]] = {}
    for each in found:
        groups.setdefault(_group(each), []).append(each)
    titles, level = _titles(reader, [each.about for each in found if each.about])
    lines = [_line(group, titles) for group in groups.values()]
    lines.sort(key=lambda each: not each.overdue)
    labels = [level, *(each.label for each in found)]
    return lines, max(labels, key=LEVELS.index)


def _group(found: Released) -> str:
    """What is assessed; an assessment of which that is not shown stands alone."""
    scope = found.parts.get("scope") or {}
    return subject_key(found.about, scope) if found.about or scope.get("area") else found.id


def _line(group: Sequence[Released], titles: Mapping[str, str]) -> Line:
    parties = dict.fromkeys([here.home().party, *(each.originator for each in group)])
    sides = [side_of("", party, group) for party in parties]
    current = [side.current for side in sides if side.current is not None]
    working = [
        sheet for side in sides for sheet in side.others if sheet.record.state in ("draft", "proposed")
    ]
    first = (current or working or [Sheet(group[0])])[0]
    title = titles.get(first.record.about) or str(first.scope.get("area") or first.scope.get("title", ""))
    return Line(str(first.scope.get("subject", "")), title, address(first), current, working)


def _titles(reader: Subject, abouts: Sequence[str]) -> tuple[dict[str, str], str]:
    """What the sites and movements are called, as far as the reader may see that."""
    if not abouts:
        return {}, "OPEN"
    found = [
        each
        for kind, parts in SHOWN.items()
        for each in find(reader, Query(kind, ids=list(set(abouts)), parts=parts[:1], limit=MAX_LIMIT)).records
    ]
    level = max((each.label for each in found), key=LEVELS.index, default="OPEN")
    return {each.id: title_of(each) for each in found}, level


@dataclass(frozen=True)
class Noted:
    """A difference as it was noted: its own rows, whatever the assessments have become since."""

    record: Released
    rows: Sequence[Mapping[str, Any]]
    may_settle: bool

    @property
    def told(self) -> Mapping[str, Any]:
        return self.record.parts.get("difference") or {}

    @property
    def way_forward(self) -> Mapping[str, Any]:
        return self.record.parts.get("way_forward") or {}

    @property
    def state(self) -> str:
        return plain(words.STATES, self.record.state)


def shown_difference(found: Released, may_settle: bool) -> Noted:
    """Only the threats of which the two say something else."""
    rows = [
        {
            "event": words.event_word(each),
            "says": words.word("says", each["says"]),
            "host": in_words(each.get("host")),
            "partner": in_words(each.get("partner")),
        }
        for each in (found.parts.get("difference") or {}).get("rows", [])
        if each["says"] != "same"
    ]
    return Noted(found, rows, may_settle)
