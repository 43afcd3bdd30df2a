"""The agreements: their clauses as both parties' acts have made them, and what they let whom do."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from safeconduct.agreement.vocabulary import ACTS, ROLES
from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, reader
from safeconduct.api.problems import bad_request
from safeconduct.committee.documents import (
    ActEntry,
    AgreementView,
    ClauseVersion,
    ClauseView,
    agreement,
    agreements,
)
from safeconduct.committee.explaining import answer
from safeconduct.records.kinds import all_kinds

router = Router(tags=["agreements"])


class AgreementSummary(Schema):
    """An agreement or the house rules. `counts` says how many clauses have which status; `forked` names
    parties whose acts contradict each other."""

    name: str
    house: bool
    parties: dict[str, str] = Field(description="Party ids by word: host, partner, or own for house rules.")
    label: str
    counts: dict[str, int]
    forked: list[str]


class AgreementList(Schema):
    items: list[AgreementSummary]


class Act(Schema):
    """A signed act. `at` is the signer's clock; `reason` says why it does not count, or not fully."""

    to: str
    by: str
    text: str
    signer: str
    method: str
    at: str
    reason: str


class ClauseText(Schema):
    """One version of a clause. `stances` is each party's latest word on it; `file` is what signatures pin."""

    version: int
    digest: str
    status: str
    label: str
    titles: dict[str, str]
    stances: dict[str, str]
    file: str


class AgreementClause(Schema):
    """`governing` is the digest of the text that both parties have accepted."""

    number: str
    status: str
    governing: str | None
    texts: list[ClauseText]
    history: list[Act]


class ClauseList(Schema):
    items: list[AgreementClause]


class Question(Schema):
    """Who may do what: a role of a party, an act, a kind; with `pending` also by clauses not agreed."""

    party: str = Field(max_length=64)
    role: Literal[ROLES]  # type: ignore[valid-type]
    act: Literal[ACTS]  # type: ignore[valid-type]
    kind: str = Field(max_length=64)
    pending: bool = False


class Reason(Schema):
    """A part that may be used, and the sentence of the agreement that says so, in the asker's language."""

    part: str
    agreement: str
    clause: str
    grant: str
    status: str
    language: str
    sentence: str


class Explanation(Schema):
    """`hidden` counts grants of clauses that the asker may not read."""

    items: list[Reason]
    hidden: int


@router.get("/agreements", response=AgreementList, summary="List agreements")
def list_agreements(request: Asked) -> HttpResponse:
    only(request)
    return wire.answer({"items": [_summary(view) for view in agreements(reader(request))]})


@router.get("/agreements/{name}/clauses", response=ClauseList, summary="Read an agreement")
def list_clauses(request: Asked, name: str) -> HttpResponse:
    only(request)
    found = agreement(reader(request), name)
    return wire.answer({"items": [_clause(clause) for clause in found.clauses]})


@router.get("/explain", response=Explanation, summary="Who may do what")
def explain(request: Asked, question: Query[Question]) -> HttpResponse:
    only(request, Question)
    if question.kind not in all_kinds():
        raise bad_request("kind: " + ", ".join(sorted(all_kinds())))
    found = answer(reader(request), question.model_dump())
    items = [
        {
            "part": line.name,
            "agreement": line.agreement,
            "clause": line.number,
            "grant": line.grant,
            "status": line.status,
            "language": line.sentence.language,
            "sentence": line.sentence.text,
        }
        for line in found.lines
    ]
    return wire.answer({"items": items, "hidden": found.hidden})


def _summary(view: AgreementView) -> dict[str, Any]:
    return {
        "name": view.name,
        "house": view.house,
        "parties": dict(view.parties),
        "label": view.label,
        "counts": view.counts,
        "forked": list(view.forked),
    }


def _clause(clause: ClauseView) -> dict[str, Any]:
    return {
        "number": clause.number,
        "status": clause.status,
        "governing": clause.governing.clause.digest if clause.governing else None,
        "texts": [_text(version) for version in clause.versions],
        "history": [_act(entry) for entry in clause.history],
    }


def _text(version: ClauseVersion) -> dict[str, Any]:
    return {
        "version": version.clause.version,
        "digest": version.clause.digest,
        "status": version.status,
        "label": version.label,
        "titles": dict(version.clause.titles),
        "stances": dict(version.stances),
        "file": version.clause.raw.decode(),
    }


def _act(entry: ActEntry) -> dict[str, Any]:
    return {
        "to": entry.act.to,
        "by": entry.act.by,
        "text": entry.act.text,
        "signer": entry.signer,
        "method": entry.method,
        "at": wire.moment(entry.at),
        "reason": entry.reason,
    }
