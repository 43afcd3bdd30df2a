"""A deployment exists so that it can be discussed, agreed by both, reviewed and ended; or be refused by clause.

Without a clause in force under which a party's deployments are put before the other, that party cannot even propose
one. With it: the proposal, what was said of it in meetings, the other party's consent to exactly these terms, and only
then the own approval. Nothing is commanded, tasked or tracked through such a record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from safeconduct.agreement.books import PlacedGrant
from safeconduct.agreement.policy import Policy
from safeconduct.ledger.canonical import canonical
from safeconduct.records.checks import about, all_of, requires
from safeconduct.records.fields import Name, Named, RecordId, Text
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, Refused

NAME = "deployment"
AGREED_PARTS = ("proposal", "terms")
MEETINGS = ("meeting", "agenda_item", "minutes", "decision")
"""What a discussion may have been held in."""


class Proposal(PartModel):
    """What is proposed: which agency, where, for what protective purpose, from when to when (ISO 8601)."""

    level: ClassVar[str] = "CONFIDENTIAL"
    title: str = Field(min_length=1, max_length=200)
    purpose: str = Field(default="", max_length=10_000)
    since: str = Field(default="", max_length=40)
    until: str = Field(default="", max_length=40)
    place: Name = ""
    review: str = Field(default="", max_length=40)


class Terms(PartModel):
    """On what terms, in the words of whoever negotiates them."""

    level: ClassVar[str] = "CONFIDENTIAL"
    text: str = Field(max_length=20_000)


class Said(PartModel):
    """What was said of a deployment, and the number by which the meeting's decision is quoted."""

    level: ClassVar[str] = "CONFIDENTIAL"
    text: Text
    reference: Name = ""
    at: Instant
    by: Named


class Meeting(PartModel):
    """The meeting's record on the own node."""

    record: RecordId


class Consent(PartModel):
    """Consent to exactly the proposal and terms of this digest (SHA-256 of their canonical JSON)."""

    level: ClassVar[str] = "CONFIDENTIAL"
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: Instant
    by: Named


def terms_digest(parts: Mapping[str, Any]) -> str:
    """What a consent pins; the same on both nodes, since both hold the same parts."""
    return hashlib.sha256(canonical({name: parts.get(name) for name in AGREED_PARTS})).hexdigest()


def opening(policy: Policy, party: str) -> list[PlacedGrant]:
    """The grants in force by which a party's deployments are put before the other."""
    return [placed for placed in policy.grants.values() if _opens(placed, party)]


def standing_in_the_way(policy: Policy, party: str) -> list[tuple[str, str]]:
    """The grants, with the status of their clause, that would have to be in force before a party could propose."""
    return [(placed.id, placed.status) for placed in policy.pending if _opens(placed, party)]


def _opens(placed: PlacedGrant, party: str) -> bool:
    return (
        NAME in placed.grant.kinds
        and "disclose" in placed.grant.may
        and any(whose == party and to != party for to, whose in placed.directions)
    )


def _check_deployment(tx: Any, given: Any) -> None:
    state, before = given.header["state"], given.previous.state if given.previous else None
    if before in (None, "proposed") and state != "ended" and not opening(tx.policy, tx.home.party):
        attempt = {"person": given.subject.person, "act": given.act, "kind": NAME}
        would = tuple(standing_in_the_way(tx.policy, tx.home.party))
        raise Refused("no clause in force permits this party to propose a deployment", would, attempt)
    if before is None and state != "proposed":
        raise Malformed("a deployment begins as a proposal")
    if before == "ended":
        raise Malformed("this deployment has ended: propose another")
    if before == "approved" and (state == "proposed" or given.parts.keys() & set(AGREED_PARTS)):
        raise Malformed("what both have signed stays as it was: end it and propose another")
    if state == "approved" and before == "proposed":
        _check_approval(tx, given)


def _check_approval(tx: Any, given: Any) -> None:
    """The second signature: the other party has consented to exactly these terms."""
    if given.act != "approve" or given.subject.person == SYSTEM:
        raise Malformed("a deployment is approved by a person who may approve it")
    values = {**given.previous.values(), **given.parts}
    wanted = terms_digest(values)
    for each in tx.rows_about(given.previous.id, "deployment_consent"):
        said = each.values().get("consent") or {}
        if each.originator != tx.home.party and each.state == "given" and said.get("digest") == wanted:
            return
    raise Malformed("the other party has not consented to these terms")


def _check_consent(tx: Any, given: Any) -> None:
    """The first signature: of somebody whom a clause in force lets approve the other party's deployment."""
    row = tx.row(given.header["about"])
    if row.originator == tx.home.party:
        raise Malformed("consent is the other party's word")
    if given.previous is not None:
        if given.parts.keys() & {"consent"} or given.header["state"] != "withdrawn":
            raise Malformed("a consent is given once, and can be withdrawn")
        return
    if given.subject.person == SYSTEM:
        raise Malformed("a person consents")
    item = tx.item(row)
    for part in AGREED_PARTS:
        decision = tx.policy.decide(given.subject, "approve", item, part, tx.now)
        if not decision.permit:
            attempt = {"person": given.subject.person, "act": "approve", "kind": NAME, "record": row.id}
            raise Refused(f"approve deployment.{part}: {decision.refused_by}", decision.would, attempt)
    if (given.parts.get("consent") or {}).get("digest") != terms_digest(row.values()):
        raise Malformed("the terms have changed: read them again")


def _check_meeting(tx: Any, given: Any) -> None:
    meeting = given.parts.get("meeting")
    if not meeting:
        return
    row = tx.row(meeting["record"])
    if row is None or row.kind not in MEETINGS or not tx.knows(given.subject, row):
        raise Malformed("no such meeting is known to you")


DEPLOYMENT = register(
    Kind(
        NAME,
        {"proposal": Proposal, "terms": Terms},
        states=("proposed", "approved", "ended"),
        dimensions={"time": ("proposal", "since")},
        searched=("proposal.title", "proposal.purpose"),
        final=("ended",),
        check=all_of(requires("proposal", "a deployment says what is proposed"), _check_deployment),
        addressed=True,
    )
)
CONSENT = register(
    Kind(
        "deployment_consent",
        {"consent": Consent},
        states=("given", "withdrawn"),
        final=("withdrawn",),
        dimensions={"time": ("consent", "at")},
        check=all_of(about(NAME), requires("consent", "a consent says to what"), _check_consent),
        falls_with=True,
    )
)
DISCUSSION = register(
    Kind(
        "deployment_discussion",
        {"said": Said, "meeting": Meeting},
        states=("held",),
        dimensions={"time": ("said", "at")},
        searched=("said.text", "said.reference"),
        check=all_of(about(NAME), requires("said", "a discussion says what was said"), _check_meeting),
        falls_with=True,
    )
)
