"""What became of warnings, by source and by grade: how often each came true, and how little so few can tell.

It grades organisations and channels by their code, and the two parties' own grading; never a person. An exact interval
(Clopper and Pearson 1934) stands beside every share. What is counted is each party's own finding on warnings that it
holds; an exercise is no warning, and what is not found yet, or cannot be, is in no share.

A share is no measure of a source by itself: a warning that was heeded may not come true because it was heeded, and of
rare things most good warnings do not come true. So what was acted on is counted apart, and no grade is changed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment.warning_kinds import OUTCOME, WARNING
from safeconduct.records.fields import CREDIBILITY, RELIABILITY
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.release import Released
from safeconduct.risk.rates import Share, share_interval

FEWEST = 10
"""Findings below which no grade is reviewed."""
WIDEST = 0.5
"""Width of the interval above which it could be nearly anything, however many there are."""


@dataclass
class Tally:
    """Warnings by what became of them. `heeded` are those of `did_not` on which somebody had acted."""

    came_true: int = 0
    did_not: int = 0
    unknown: int = 0
    open: int = 0
    heeded: int = 0

    def count(self, result: str, acted_on: str) -> None:
        """Add one warning: with its finding, or "" for none yet."""
        match result:
            case "came_true":
                self.came_true += 1
            case "did_not":
                self.did_not += 1
                self.heeded += acted_on == "yes"
            case "unknown":
                self.unknown += 1
            case _:
                self.open += 1

    @property
    def all(self) -> int:
        return self.judged + self.unknown + self.open

    @property
    def judged(self) -> int:
        """Those of which it is known whether they came true."""
        return self.came_true + self.did_not

    @property
    def share(self) -> float | None:
        return self.came_true / self.judged if self.judged else None

    @property
    def interval(self) -> Share:
        return share_interval(self.came_true, self.judged)

    @property
    def enough(self) -> bool:
        """Whether there is enough to review a grade by; that a grade is wrong does not follow from it."""
        found = self.interval
        return self.judged >= FEWEST and found.high - found.low <= WIDEST


@dataclass
class Line:
    """One source. `code` is that of an own source, or "" for the party whose warnings came over the link."""

    code: str
    party: str
    types: set[str] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)


Grid = Mapping[tuple[str, int], Tally]


@dataclass(frozen=True)
class Grading:
    """How one party has graded, by the first grade of each warning: later ones may have known what came of it."""

    party: str
    grid: Grid

    @property
    def reliability(self) -> list[tuple[str, Tally]]:
        return [(letter, _sum(self.grid, reliability=letter)) for letter in RELIABILITY]

    @property
    def credibility(self) -> list[tuple[int, Tally]]:
        return [(number, _sum(self.grid, credibility=number)) for number in CREDIBILITY]


@dataclass(frozen=True)
class Record:
    """`withheld`: warnings of this party of which the reader may not see the source; `differing`: those of which the
    parties' findings differ. `level` is the highest label of anything counted."""

    sources: Sequence[Line]
    gradings: Sequence[Grading]
    warnings: int
    exercises: int
    withheld: int
    differing: int
    level: str


def sources_record(reader: Subject) -> Record:
    """The record of every source, from all warnings and findings that the reader may see."""
    found = _all(reader, Query(WARNING.name, withdrawn=False, parts=("warning", "grade", "source")))
    findings = _all(reader, Query(OUTCOME.name, withdrawn=False, parts=("outcome",)))
    by: dict[str, dict[str, Mapping[str, str]]] = {}
    for each in findings:
        by.setdefault(each.about, {})[each.originator] = each.parts.get("outcome") or {}
    return tallied(reader.party, found, by, [each for each in findings if each.about])


def tallied(
    party: str,
    found: Iterable[Released],
    by: Mapping[str, Mapping[str, Mapping[str, str]]],
    findings: Iterable[Released] = (),
) -> Record:
    """Count warnings by source and by first grade. `by` has, for each warning, the finding of each party."""
    lines: dict[tuple[str, str], Line] = {}
    grids: dict[str, dict[tuple[str, int], Tally]] = {}
    counted = exercises = withheld = differing = 0
    levels = [level for each in findings for level in each.levels.values()]
    for each in found:
        warned, source = each.parts.get("warning"), each.parts.get("source") or {}
        if not warned:
            continue
        if warned.get("exercise"):
            exercises += 1
            continue
        counted += 1
        levels += each.levels.values()
        said = by.get(each.id, {})
        own = said.get(party, {})
        result, acted_on = own.get("result", ""), own.get("acted_on", "")
        differing += len({finding.get("result") for finding in said.values()}) > 1
        if each.originator != party or source:
            key = (each.originator, source.get("code", ""))
            line = lines.setdefault(key, Line(key[1], key[0]))
            line.types |= {source["type"]} if source else set()
            line.tally.count(result, acted_on)
        else:
            withheld += 1
        grades = (each.parts.get("grade") or {}).get("grades") or ()
        if grades:
            first = grades[0]["reliability"], grades[0]["credibility"]
            grids.setdefault(each.originator, {}).setdefault(first, Tally()).count(result, acted_on)
    return Record(
        sources=sorted(lines.values(), key=lambda line: (line.party != party, line.party, line.code)),
        gradings=[Grading(who, grids[who]) for who in sorted(grids, key=lambda who: (who != party, who))],
        warnings=counted,
        exercises=exercises,
        withheld=withheld,
        differing=differing,
        level=LEVELS[max((LEVELS.index(level) for level in levels), default=0)],
    )


def _sum(grid: Grid, reliability: str = "", credibility: int = 0) -> Tally:
    whole = Tally()
    for (letter, number), tally in grid.items():
        if reliability in ("", letter) and credibility in (0, number):
            for name in vars(whole):
                setattr(whole, name, getattr(whole, name) + getattr(tally, name))
    return whole


def _all(reader: Subject, query: Query) -> list[Released]:
    found: list[Released] = []
    cursor = ""
    while True:
        page = find(reader, replace(query, cursor=cursor, limit=MAX_LIMIT))
        found += [*page.records, *page.unplaced]
        cursor = page.next_cursor
        if not cursor:
            return found
