"""From an incident to what prevents the next one: lesson, recommendation, measure, verified; and where it stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safeconduct.agreement.policy import Subject
from safeconduct.committee.sheets import Sheet, thread, threads
from safeconduct.committee.strategy_forms import LINE
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import release

STAGES = ("lesson", "recommendation", "measure", "verified")
NOT_FOLLOWED = frozenset({"dropped", "not_pursued"})


@dataclass(frozen=True)
class Chain:
    """`reached` are the stages that everything above has come to; `gaps` the records from which nothing follows
    yet, each with the stage that is missing."""

    top: Sheet
    reached: Sequence[str]
    gaps: Sequence[tuple[Sheet, str]]

    @property
    def complete(self) -> bool:
        return len(self.reached) == len(STAGES)

    @property
    def stages(self) -> list[tuple[str, bool]]:
        return [(stage, stage in self.reached) for stage in STAGES]

    @property
    def missing(self) -> str:
        """The first stage that is not reached; "" where the chain is followed to its end."""
        return next((stage for stage in STAGES if stage not in self.reached), "")


def chain(reader: Subject, incident: str) -> Chain:
    """The chain that begins at an incident. Raises NotFound for a record that is none."""
    found = release(reader, incident)
    if found.kind != "incident":
        raise NotFound(incident)
    return followed(thread(reader, found, LINE.below))


def chains(reader: Subject, most: int = 50) -> list[Chain]:
    """The chains of the incidents that taught something, the latest lesson first."""
    lessons = find(reader, Query("lesson", withdrawn=False, sort="at", limit=200)).records
    taught = list(dict.fromkeys(each.about for each in lessons if each.about))[:most]
    incidents = find(reader, Query("incident", ids=taught, parts=("summary", "when"), limit=most)).records
    known = {top.record.id: top for top in threads(reader, incidents, LINE.below)}
    return [followed(known[record]) for record in taught if record in known]


def followed(top: Sheet) -> Chain:
    """How far a thread that begins at an incident has been followed. What was dropped ends there, on record."""
    gaps: list[tuple[Sheet, str]] = []
    lessons = _below([top], "lesson")
    if not lessons:
        gaps.append((top, "lesson"))
    advice = _missing(lessons, "recommendation", gaps)
    measures = _missing([each for each in advice if each.record.state not in NOT_FOLLOWED], "measure", gaps)
    kept = [each for each in measures if each.record.state not in NOT_FOLLOWED]
    gaps += [(each, "verified") for each in kept if each.record.state != "verified"]
    missing = {stage for _, stage in gaps}
    reached = []
    for stage in STAGES:
        if stage in missing or (stage == "verified" and not kept):
            break
        reached.append(stage)
    return Chain(top, tuple(reached), tuple(gaps))


def _missing(above: Sequence[Sheet], kind: str, gaps: list[tuple[Sheet, str]]) -> list[Sheet]:
    """What follows from these; those from which nothing does are gaps."""
    gaps += [(each, kind) for each in above if not _below([each], kind)]
    return _below(above, kind)


def _below(above: Sequence[Sheet], kind: str) -> list[Sheet]:
    return [child for each in above for child in each.children if child.record.kind == kind]
