"""Security Risk Management: what one party makes of the risk to a site, an area or a movement, and who decided.

Each party writes its own assessment; nobody's is the joint one. It is drafted, proposed with a decision by its author,
and approved by somebody else. What was approved stays as it was: the next assessment begins anew, and takes its place
when it is approved. Where the two parties differ, that is noted in a record of its own, with both ratings as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safeconduct.assessment.srm_compared import compared
from safeconduct.assessment.srm_parts import (
    Approval,
    Decision,
    Difference,
    Owner,
    Programme,
    Scope,
    Situation,
    Threats,
    Vulnerabilities,
    WayForward,
)
from safeconduct.records.checks import about, all_of, requires, stays
from safeconduct.records.history import authors
from safeconduct.records.kinds import Kind, PartRefused, register
from safeconduct.records.moments import ends
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.risk.matrix import worst

NAME = "assessment"
STATES = ("draft", "proposed", "approved", "expired", "superseded")
FINAL = ("expired", "superseded")
CONTENT = frozenset({"scope", "situation", "programme", "threats", "vulnerabilities", "decision", "owner"})
APPROVED_PARTS = ("threats", "decision", "approval")
"""What whoever approves must be allowed to approve."""
SETTLING = ("avoid", "transfer")
"""What may be decided of a risk that stays unacceptable."""


def subject_key(about: str, scope: Mapping[str, Any]) -> str:
    """By which the assessments of one site, movement or area are found: a record, or an area's name."""
    return about or "area:" + " ".join(str(scope.get("area", "")).casefold().split())


def fits(outcome: str, threats: list[Mapping[str, Any]]) -> None:
    """Whether such a decision may be taken of such risks. Raises Malformed.

    What is controlled comes to its residual risk, and that is then accepted: neither is for an unacceptable one.
    """
    if worst(each["residual"] for each in threats) == "unacceptable" and outcome not in SETTLING:
        raise Malformed("a risk that stays unacceptable is avoided or transferred")
    if outcome == "accept" and worst(each["risk"] for each in threats) == "unacceptable":
        raise Malformed("an unacceptable risk is not accepted")
    if outcome == "control" and not any(each.get("further") for each in threats):
        raise Malformed("to control a risk takes a further measure")


def _check_subject(tx: Any, given: Any) -> None:
    """A site's assessment is about that site, a movement's about that movement, an area's stands alone."""
    if given.previous is not None and given.previous.about != given.header["about"]:
        raise Malformed("an assessment stays with what it is about")
    scope = given.parts.get("scope")
    if not scope:
        return
    row = tx.row(given.header["about"]) if given.header["about"] else None
    if scope["subject"] != (row.kind if row is not None else "area"):
        raise Malformed("an assessment is about a site, a movement, or an area that it names")


def _check_step(tx: Any, given: Any) -> None:
    """From draft to proposed to approved, each by whom it takes; and what stays as it was."""
    state, before = given.header["state"], given.previous.state if given.previous else None
    touched = given.parts.keys() & CONTENT
    if touched and given.act != "write":
        # Who writes is an author, by whatever act he may do it: `authors` counts writing alone.
        raise Malformed("an approval approves")
    if before is None:
        if state != "draft" or "approval" in given.parts:
            raise Malformed("an assessment begins as a draft")
        return
    by_node = given.subject.person == SYSTEM
    if before in FINAL or (before == "approved" and (touched or "approval" in given.parts)):
        raise Malformed("what was approved stays as it was: begin another assessment")
    if before == "approved":
        if state != "approved" and not (by_node and state in FINAL):
            raise Malformed("what was approved stays as it was: begin another assessment")
        return
    if "approval" in given.parts and state != "approved":
        raise Malformed("an approval approves")
    match before, state:
        case "draft", "draft":
            return
        case "draft", "proposed":
            _check_proposal(given)
        case "proposed", "proposed" | "draft" if not touched:
            return
        case "proposed", "approved" if not touched:
            _check_approval(tx, given)
        case "proposed", "proposed" | "draft" | "approved":
            raise Malformed("what was proposed is taken back before it is changed")
        case _:
            raise Malformed("an assessment is proposed before it is approved")


def _check_proposal(given: Any) -> None:
    """Whole, decided by its author, and with a decision that such risks allow."""
    values = {**given.previous.values(), **given.parts}
    threats = (values.get("threats") or {}).get("threats") or []
    for part, there in (("threats", threats), ("programme", values.get("programme"))):
        if not there:
            raise PartRefused(
                NAME, [(part, "", "an assessment is proposed with its programme and its threats")]
            )
    if not given.parts.get("decision"):
        raise PartRefused(NAME, [("decision", "", "an assessment is proposed with a decision")])
    if (given.parts.get("owner") or {}).get("account") != given.subject.person:
        raise Malformed("who proposes is on record as the author")
    fits(given.parts["decision"]["outcome"], threats)


def _check_approval(tx: Any, given: Any) -> None:
    """By a person who may approve all of it and wrote none of it, while it still holds."""
    row, person = given.previous, given.subject.person
    if given.act != "approve" or person == SYSTEM:
        raise Malformed("an assessment is approved by a person who may approve it")
    if not given.parts.get("approval"):
        raise PartRefused(NAME, [("approval", "", "an approval says who approves")])
    if given.header["levels"] != [row.level(bit) for bit in range(len(ASSESSMENT.part_names))]:
        raise Malformed("what was proposed is taken back before it is changed")
    attempt = {"person": person, "act": "approve", "kind": NAME, "record": row.id}
    for part in APPROVED_PARTS:
        decision = tx.policy.decide(given.subject, "approve", tx.item(row), part, tx.now)
        if not decision.permit:
            raise Refused(f"approve {NAME}.{part}: {decision.refused_by}", decision.would, attempt)
    values = row.values()
    if person == (values.get("owner") or {}).get("account") or person in authors(tx, row.id):
        raise Refused("an assessment is approved by somebody other than who wrote it", attempt=attempt)
    decided = values["decision"]
    if ends(decided["expires"]) <= tx.now:
        raise Malformed("this assessment has expired: begin another")
    fits(decided["outcome"], values["threats"]["threats"])


def _check_difference(tx: Any, given: Any) -> None:
    """Between one assessment of each party, both approved and of the same subject; and as both say."""
    if given.previous is not None:
        if given.header["levels"][0] < given.previous.level(0):
            raise Malformed("a difference is at least as secret as the ratings that it states")
        return
    rows = [tx.row(each) for each in given.header["derived_from"]]
    own = next((row for row in rows if row is not None and row.originator == tx.home.party), None)
    other = tx.row(given.header["about"])
    if (
        len(rows) != 2
        or own is None
        or own.kind != NAME
        or other.originator == tx.home.party
        or other not in rows
    ):
        raise Malformed("a difference is noted between an own assessment and one of the other party")
    stated = given.parts["difference"]
    if stated != {**stated, **difference_of(tx, given.subject, own, other)}:
        raise Malformed("a difference states both ratings as they are: compare again")
    bit = ASSESSMENT.bit("threats")
    if given.header["levels"][0] < max(own.level(bit), other.level(bit)):
        raise Malformed("a difference is at least as secret as the ratings that it states")


def difference_of(tx: Any, subject: Any, own: Any, other: Any) -> dict[str, Any]:
    """What both say, as a difference states it. Raises Malformed where there is nothing to compare."""
    for row in (own, other):
        if row.state != "approved" or row.withdrawn:
            raise Malformed("what is compared is approved and in force")
        if subject.person != SYSTEM and not _reads_ratings(tx, subject, row):
            raise Malformed("both ratings must be known to who compares them")
    values = own.values(), other.values()
    if subject_key(own.about, values[0]["scope"]) != subject_key(other.about, values[1].get("scope") or {}):
        raise Malformed("what is compared is of the same site, area or movement")
    told = [(each.get("threats") or {}).get("threats") for each in values]
    at = [(each.get("approval") or {}).get("at", "") for each in values]
    if not all(told) or not all(at):
        raise Malformed("both ratings must be known to who compares them")
    host_first = tx.home.side == "host"
    host, partner = (0, 1) if host_first else (1, 0)
    return {
        "rows": compared(told[host] or [], told[partner] or []),
        "host_at": at[host],
        "partner_at": at[partner],
    }


def _reads_ratings(tx: Any, subject: Any, row: Any) -> bool:
    bit: int = ASSESSMENT.bit("threats")
    return bool(tx.policy.mask(subject, "read", tx.item(row), tx.now) >> bit & 1)


ASSESSMENT = register(
    Kind(
        name=NAME,
        parts={
            "scope": Scope,
            "situation": Situation,
            "programme": Programme,
            "threats": Threats,
            "vulnerabilities": Vulnerabilities,
            "decision": Decision,
            "approval": Approval,
            "owner": Owner,
        },
        states=STATES,
        final=FINAL,
        check=all_of(requires("scope", "an assessment says of what"), _check_subject, _check_step),
        dimensions={
            "time": ("scope", "since"),
            "until": ("decision", "expires"),
            "category": ("scope", "subject"),
            "place": ("scope", "area"),
        },
        searched=("scope.title", "scope.area", "situation.text", "programme.activity", "decision.reason"),
    )
)
DIFFERENCE = register(
    Kind(
        name="assessment_difference",
        parts={"difference": Difference, "way_forward": WayForward},
        states=("noted", "settled"),
        check=all_of(
            about(NAME),
            requires("difference", "a difference says what both say"),
            stays("difference"),
            _check_difference,
        ),
        dimensions={"time": ("difference", "at")},
        searched=("way_forward.text",),
        falls_with=True,
    )
)
