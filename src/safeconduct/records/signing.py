"""The rules of the founding kinds: what makes a clause or a status act of one's own fit to be stored.

An act of the other party is not judged here: it is stored as it came, and the status function says what it
counts for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from safeconduct.agreement.clauses import ClauseError, parse_clause
from safeconduct.agreement.policy import Subject
from safeconduct.agreement.proof import violations
from safeconduct.records.kinds import vocabulary
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.records.standing import AgreementStanding, signed_act
from safeconduct.records.transaction import Tx
from safeconduct.records.under import party_under, within_which


def check_clause(tx: Tx, change: Any) -> None:
    """A clause file must be whole and be the file it says it is."""
    if change.previous is not None:
        raise Refused("a clause's text is not amended; propose a new version")
    text = change.parts["text"]
    place = _agreement(tx, text["agreement"])
    try:
        clause = parse_clause(text["file"].encode(), vocabulary(), f"{text['agreement']}/{text['number']}")
    except ClauseError as fault:
        raise Malformed(str(fault)) from fault
    if clause.digest != text["digest"] or clause.number != text["number"]:
        raise Malformed("the digest or the number is not that of the file")
    if any(c.digest == clause.digest for c in place.clauses):
        raise Malformed(f"clause {clause.number} version {clause.version} is on record already")


def check_status_act(tx: Tx, change: Any) -> None:
    """A status act must follow its party's chain, be signed by one of its signatories, and break no assurance."""
    if change.previous is not None:
        raise Refused("an act is not amended")
    part = change.parts["act"]
    place = _agreement(tx, part["agreement"])
    signed = signed_act(part)
    act = signed.act
    attempt = {"person": change.subject.person, "act": act.to, "record": act.clause}
    if act.by != tx.home.party or act.agreement != place.agreement:
        raise Refused("an act is made by this party, in this agreement", attempt=attempt)
    after = place.after(signed)
    for refused in after.standing.refused:
        if refused.signed.act == act:
            raise Refused(refused.reason, attempt=attempt)
    if act.to == "agreed":
        books = [s.book() for s in tx.state.agreements.values() if s.agreement != place.agreement]
        broken = violations([*books, place.book_with_agreed(act.text)], vocabulary())
        if broken:
            raise Refused("; ".join(map(str, broken)), attempt=attempt)


def check_role_assignment(tx: Tx, change: Any) -> None:
    """Nobody gives a role to themselves."""
    before = change.previous.values().get("assignment") if change.previous is not None else None
    held = [each["person"] for each in (change.parts.get("assignment"), before) if each]
    if not held:
        raise Malformed("an assignment says who holds which role")
    if change.subject.person in held:
        attempt = {"person": change.subject.person, "act": "write", "kind": "role_assignment"}
        raise Refused("a role is given by someone else", attempt=attempt)
    after = change.parts.get("assignment")
    if after is not None and not _within_own(tx, change.subject, after.get("agreements", ())):
        attempt = {"person": change.subject.person, "act": "write", "kind": "role_assignment"}
        raise Refused("who is limited to some agreements gives roles under those alone", attempt=attempt)


def _within_own(tx: Tx, giver: Subject, agreements: Sequence[str]) -> bool:
    """Whether a role reaches no further than the giver's own."""
    own = within_which(tx.policy, giver, "write", "role_assignment")
    return own is None or (bool(agreements) and {party_under(tx.home, each) for each in agreements} <= own)


def _agreement(tx: Tx, name: str) -> AgreementStanding:
    place = tx.state.agreements.get(name)
    if place is None:
        raise Malformed(f"this node has no agreement {name}")
    return place
