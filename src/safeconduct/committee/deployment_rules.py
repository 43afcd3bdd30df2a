"""A deployment from proposal to end, one function for each rule of it. No operational function follows from any."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.committee.deployment_kinds import (
    CONSENT,
    DISCUSSION,
    NAME,
    opening,
    standing_in_the_way,
)
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.transaction import iso

Parts = Mapping[str, Any]


@dataclass(frozen=True)
class Way:
    """Whether a party may propose at all: the clauses that let it, or those that stand in the way, by grant and
    status."""

    party: str
    by: tuple[str, ...]
    blocked: tuple[tuple[str, str], ...]

    @property
    def open(self) -> bool:
        return bool(self.by)


def way(party: str) -> Way:
    """How the clauses stand to a party's proposals now."""
    policy = here.state().policy
    return Way(
        party,
        tuple(placed.id for placed in opening(policy, party)),
        tuple(standing_in_the_way(policy, party)),
    )


def propose_deployment(actor: Subject, proposal: Parts, terms: str, door: Door | None = None) -> Committed:
    """Put a deployment forward. Raises Refused, with the clause, where none in force permits it."""
    return commit(actor, Draft(NAME, {"proposal": proposal, "terms": {"text": terms}}), door=door)


def amend_terms(
    actor: Subject, deployment: str, seen: int, terms: str, door: Door | None = None
) -> Committed:
    """Write the terms anew while it is proposed. A consent to the former terms counts no more."""
    draft = Draft(NAME, {"terms": {"text": terms}}, record=deployment, expected=seen)
    return commit(actor, draft, door=door)


def note_discussion(
    actor: Subject,
    deployment: str,
    text: str,
    reference: str = "",
    meeting: str = "",
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """What was said of it; `meeting` is the record of the meeting here, `reference` the number people quote."""
    parts: dict[str, Any] = {"said": {"text": text, "reference": reference, **_now(actor, by)}}
    if meeting:
        parts["meeting"] = {"record": meeting}
    return commit(actor, Draft(DISCUSSION.name, parts, about=deployment), door=door)


def consent(
    actor: Subject, deployment: str, digest: str, by: str = "", door: Door | None = None
) -> Committed:
    """The other party's signature, on the proposal and terms of this digest, as they were read."""
    parts = {"consent": {"digest": digest, **_now(actor, by)}}
    return commit(actor, Draft(CONSENT.name, parts, about=deployment), door=door)


def withdraw_consent(actor: Subject, record: str, seen: int, door: Door | None = None) -> Committed:
    """Narrowing takes one signature: the deployment ends when this arrives."""
    return commit(actor, Draft(CONSENT.name, {}, record=record, expected=seen, state="withdrawn"), door=door)


def approve(actor: Subject, deployment: str, seen: int, door: Door | None = None) -> Committed:
    """The own signature, once the other party has consented to the same terms."""
    draft = Draft(NAME, {}, record=deployment, expected=seen, state="approved")
    return commit(actor, draft, "approve", door=door)


def end_deployment(actor: Subject, deployment: str, seen: int, door: Door | None = None) -> Committed:
    """It is over, or is not pursued."""
    return commit(actor, Draft(NAME, {}, record=deployment, expected=seen, state="ended"), door=door)


def _now(actor: Subject, by: str) -> dict[str, str]:
    return {"at": iso(time.time()), "by": by or actor.person}
