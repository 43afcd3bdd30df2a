"""The rules of the founding kinds: what makes a clause or a status act of one's own fit to be stored.

An act of the other party is not judged here: it is stored as it came, and the status function says what it
counts for.
"""

from __future__ import annotations

from typing import Any

from safeconduct.agreement.acts import SignedAct, StatusAct
from safeconduct.agreement.clauses import ClauseError, parse_clause
from safeconduct.agreement.proof import violations
from safeconduct.agreement.signatures import SignatureRefused
from safeconduct.agreement.status import standing
from safeconduct.records.kinds import vocabulary
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.records.standing import AgreementStanding, with_clause_agreed
from safeconduct.records.transaction import Tx


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
    try:
        act = StatusAct.parse(part["act"].encode())
    except ValueError as fault:
        raise Malformed(str(fault)) from fault
    attempt = {"person": change.subject.person, "act": act.to, "record": act.clause}
    if act.by != tx.home.party or act.agreement != place.agreement:
        raise Refused("an act is made by this party, in this agreement", attempt=attempt)
    signed = SignedAct(act, part["signature"])
    try:
        result = standing(
            (*place.acts, signed), tuple(place.parties.values()), place.clauses, place.signatories
        )
    except SignatureRefused as fault:
        raise Refused(str(fault), attempt=attempt) from fault
    for refused in result.refused:
        if refused.act.act == act:
            raise Refused(refused.reason, attempt=attempt)
    if act.to == "agreed":
        broken = violations(with_clause_agreed(tx.state, place, act.text), vocabulary())
        if broken:
            raise Refused("; ".join(map(str, broken)), attempt=attempt)


def check_role_assignment(tx: Tx, change: Any) -> None:
    """Nobody gives a role to themselves."""
    if change.parts["assignment"]["person"] == change.subject.person:
        attempt = {"person": change.subject.person, "act": "write", "kind": "role_assignment"}
        raise Refused("a role is given by someone else", attempt=attempt)


def _agreement(tx: Tx, name: str) -> AgreementStanding:
    place = tx.state.agreements.get(name)
    if place is None:
        raise Malformed(f"this node has no agreement {name}")
    return place
