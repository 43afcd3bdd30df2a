"""A clause laid out for a page, and the answer to "who may do what"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.committee.documents import (
    ActEntry,
    AgreementView,
    ClauseVersion,
    ClauseView,
    agreements,
    highest,
)
from safeconduct.committee.wording import (
    GrantRow,
    RuleRow,
    Sentence,
    assurance_rows,
    grant_rows,
    red_line_rows,
    sentence_of,
    texts_of,
    title_of,
)
from safeconduct.records import here
from safeconduct.records.kinds import vocabulary
from safeconduct.shell.terms import PART_NAMES, plain


@dataclass(frozen=True)
class Stance:
    """The latest word of one party on a text; `act` is the act that said it, where the reader may see it."""

    party: str
    status: str
    act: ActEntry | None


@dataclass(frozen=True)
class Sheet:
    """One text of a clause with everything a page shows of it."""

    clause: ClauseView
    version: ClauseVersion
    title: Sentence
    texts: tuple[Sentence, ...]
    grants: tuple[GrantRow, ...]
    assurances: tuple[RuleRow, ...]
    red_lines: tuple[RuleRow, ...]
    stances: tuple[Stance, ...]
    history: tuple[ActEntry, ...]
    proposal: bool


def sheet(place: AgreementView, clause: ClauseView, version: ClauseVersion | None = None) -> Sheet:
    """Lay out a text of a clause; the one that governs when none is named."""
    shown = version or clause.shown
    text = shown.clause
    return Sheet(
        clause=clause,
        version=shown,
        title=title_of(text),
        texts=tuple(texts_of(text)),
        grants=tuple(grant_rows(text, vocabulary())),
        assurances=tuple(assurance_rows(text)),
        red_lines=tuple(red_line_rows(text)),
        stances=tuple(_stance(party, shown, clause) for party in place.parties.values()),
        history=tuple(entry for entry in clause.history if entry.act.text == text.digest),
        proposal=shown in clause.proposals and clause.governing is not None,
    )


def earlier(clause: ClauseView) -> list[ClauseVersion]:
    """Texts that no longer govern, the latest first."""
    current = {clause.shown.clause.digest, *(version.clause.digest for version in clause.proposals)}
    return [version for version in reversed(clause.versions) if version.clause.digest not in current]


def _stance(party: str, version: ClauseVersion, clause: ClauseView) -> Stance:
    said = [
        entry
        for entry in clause.history
        if entry.act.by == party and entry.act.text == version.clause.digest and not entry.reason
    ]
    return Stance(party, version.stances.get(party, ""), said[-1] if said else None)


@dataclass(frozen=True)
class Line:
    """One part that a role may use, and the sentence that says so. `part` is in the reader's words, `name` as the
    kind declares it."""

    part: str
    name: str
    grant: str
    status: str
    sentence: Sentence
    number: str
    agreement: str


@dataclass(frozen=True)
class Answer:
    """Who may do what. `hidden` counts grants of clauses that the reader may not read."""

    lines: tuple[Line, ...]
    hidden: int
    label: str


def answer(reader: Subject, asked: Mapping[str, Any]) -> Answer:
    """Which parts a role of a party may use in an act, by the clauses that the reader may read."""
    policy = here.state().policy
    found = policy.explain(
        asked["party"], asked["role"], asked["act"], asked["kind"], pending=bool(asked["pending"])
    )
    shown = {
        (view.name, version.clause.number): version
        for view in agreements(reader)
        for clause in view.clauses
        for version in clause.versions
    }
    lines: list[Line] = []
    hidden = 0
    for row in found:
        name, _, item = row.grant.partition("/")
        number = item.partition(".")[0]
        version = shown.get((name, number))
        if version is None:
            hidden += 1
            continue
        placed = policy.grants.get(row.grant)
        clause = placed.clause if placed is not None and row.status == "agreed" else version.clause
        lines.append(
            Line(
                part=plain(PART_NAMES, row.part),
                name=row.part,
                grant=row.grant,
                status=row.status,
                sentence=sentence_of(clause, item),
                number=number,
                agreement=name,
            )
        )
    return Answer(tuple(lines), hidden, highest(version.label for version in shown.values()))


def would(act: str, kind: str, reader: Subject) -> list[tuple[str, str]]:
    """The grants of clauses not in force that would let one of the reader's roles do this at all."""
    policy = here.state().policy
    found = {
        row.grant: row.status
        for role in reader.roles
        for row in policy.explain(reader.party, role, act, kind, pending=True)
        if row.status != "agreed"
    }
    return list(found.items())
