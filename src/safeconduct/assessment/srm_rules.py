"""Security Risk Management, one function for each rule of it. Each acts in the name of a person.

Each raises what `records.commit` raises. An assessment is an input to a decision that somebody authorised takes; it is
drafted, proposed and approved, and what follows from it is a measure of the joint strategy.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment.srm_compared import compared, in_order, key_of
from safeconduct.assessment.srm_kinds import ASSESSMENT, DIFFERENCE
from safeconduct.assessment.srm_parts import MOST_THREATS
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.refusals import Conflict, Malformed, NotFound
from safeconduct.records.release import Released, release
from safeconduct.records.transaction import iso
from safeconduct.risk.matrix import risk_of

Parts = Mapping[str, Any]
WEAK = ("vulnerabilities", "present")


def begin(actor: Subject, scope: Parts, about: str = "", door: Door | None = None) -> Committed:
    """Begin an assessment of a site or a movement (`about`), or of an area that the scope names."""
    parts = {"scope": scope, "owner": {"account": actor.person}}
    return commit(actor, Draft(ASSESSMENT.name, parts, about=about or None), door=door)


def write_part(
    actor: Subject,
    record: str,
    seen: int,
    part: str,
    value: Parts,
    level: int | None = None,
    door: Door | None = None,
) -> Committed:
    """Write the scope, the situation or the programme of a draft anew, at this label if one is given."""
    levels = {part: level} if level is not None else None
    draft = Draft(ASSESSMENT.name, {part: value}, record=record, expected=seen, levels=levels)
    return commit(actor, draft, door=door)


def label(
    actor: Subject, record: str, seen: int, levels: Mapping[str, int], door: Door | None = None
) -> Committed:
    """Raise or lower the labels of parts: what is labelled too high for a grant does not cross by it."""
    return commit(actor, Draft(ASSESSMENT.name, {}, record=record, expected=seen, levels=levels), door=door)


def rate(
    actor: Subject, record: str, seen: int, threat: Parts, instead_of: str = "", door: Door | None = None
) -> Committed:
    """Rate a threat, with what is weak there and what is in place. The risks follow from the table.

    `instead_of` is the key of the threat that this one takes the place of; one of the same key is replaced.
    """
    weak = {name: threat[name] for name in WEAK if threat.get(name)}
    rated = {name: value for name, value in threat.items() if name not in WEAK}
    rated["risk"] = risk_of(rated["likelihood"], rated["impact"])
    rated["residual"] = risk_of(rated["residual_likelihood"], rated["residual_impact"])
    return _with_threats(actor, record, seen, {instead_of, _key(rated)}, rated, weak, door)


def unrate(actor: Subject, record: str, seen: int, key: str, door: Door | None = None) -> Committed:
    """Take a threat out of a draft."""
    return _with_threats(actor, record, seen, {key}, None, {}, door)


def _with_threats(
    actor: Subject,
    record: str,
    seen: int,
    gone: set[str],
    rated: Parts | None,
    weak: Parts,
    door: Door | None,
) -> Committed:
    found = _assessment(actor, record, door)
    if found.version != seen:
        raise Conflict(found.version)
    kept = [each for each in threats_of(found) if key_of(each) not in gone]
    notes = [each for each in weaknesses_of(found) if key_of(each) not in gone]
    if rated is not None:
        kept.append(dict(rated))
        if weak:
            named = {name: rated[name] for name in ("category", "event", "title") if rated.get(name)}
            notes.append({**named, **weak})
    if len(kept) > MOST_THREATS:
        raise Malformed(f"at most {MOST_THREATS} threats")
    parts: dict[str, Any] = {"threats": {"threats": in_order(kept)}}
    if notes or weaknesses_of(found):
        parts["vulnerabilities"] = {"threats": in_order(notes)}
    return commit(actor, Draft(ASSESSMENT.name, parts, record=record, expected=seen), door=door)


def propose(
    actor: Subject, record: str, seen: int, decision: Parts, by: str = "", door: Door | None = None
) -> Committed:
    """Propose the assessment with a decision on the risk: its outcome, the reason, the review and the expiry."""
    parts = {
        "decision": {**decision, "author": by or actor.person, "at": iso(time.time())},
        "owner": {"account": actor.person},
    }
    draft = Draft(ASSESSMENT.name, parts, record=record, expected=seen, state="proposed")
    return commit(actor, draft, door=door)


def take_back(
    actor: Subject, record: str, seen: int, act: str = "write", door: Door | None = None
) -> Committed:
    """Back to a draft: by its writers ("write"), or by who was to approve it ("approve")."""
    draft = Draft(ASSESSMENT.name, {}, record=record, expected=seen, state="draft")
    return commit(actor, draft, act, door=door)


def approve(
    actor: Subject, record: str, seen: int, remark: str = "", by: str = "", door: Door | None = None
) -> Committed:
    """Decide: somebody who wrote none of it approves what was proposed, as it is."""
    parts = {"approval": {"approver": by or actor.person, "at": iso(time.time()), "remark": remark}}
    draft = Draft(ASSESSMENT.name, parts, record=record, expected=seen, state="approved")
    return commit(actor, draft, "approve", door=door)


def note_difference(
    actor: Subject, own: str, other: str, way_forward: str = "", by: str = "", door: Door | None = None
) -> Committed:
    """Put on record what both parties' assessments say of one subject, as the actor reads them now."""
    found = [_assessment(actor, each, door) for each in (own, other)]
    host, partner = found if here.home().side == "host" else found[::-1]
    if not (threats_of(host) and threats_of(partner)):
        raise Malformed("both ratings must be known to who compares them")
    said = {"at": iso(time.time()), "by": by or actor.person}
    parts: dict[str, Any] = {
        "difference": {
            "rows": compared(threats_of(host), threats_of(partner)),
            "host_at": str((host.parts.get("approval") or {}).get("at", "")),
            "partner_at": str((partner.parts.get("approval") or {}).get("at", "")),
            **said,
        }
    }
    if way_forward:
        parts["way_forward"] = {"text": way_forward, **said}
    level = max(level_of(each, "threats") for each in found)
    draft = Draft(
        DIFFERENCE.name,
        parts,
        about=other,
        derived_from=[own, other],
        levels={name: max(level, DIFFERENCE.default_levels()[name]) for name in DIFFERENCE.part_names},
    )
    return commit(actor, draft, door=door)


def settle_difference(
    actor: Subject, record: str, seen: int, text: str, by: str = "", door: Door | None = None
) -> Committed:
    """Say what was agreed to do about a difference; the ratings stay as each party gave them."""
    parts = {"way_forward": {"text": text, "at": iso(time.time()), "by": by or actor.person}}
    draft = Draft(DIFFERENCE.name, parts, record=record, expected=seen, state="settled")
    return commit(actor, draft, door=door)


def recommend(
    actor: Subject,
    record: str,
    key: str,
    title: str,
    text: str,
    to: str,
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Hand a further measure on to the joint strategy, at least as secret as the ratings that it comes from."""
    found = _assessment(actor, record, door)
    if found.state != "approved":
        raise Malformed("measures follow from an approved assessment")
    if key not in {key_of(each) for each in threats_of(found)}:
        raise Malformed("no such threat is rated there")
    return recommended(actor, found, "threats", title, text, to, by, door)


def recommended(
    actor: Subject,
    found: Released,
    part: str,
    title: str,
    text: str,
    to: str,
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """A recommendation about a record, with the label of the part that it comes from or a higher one."""
    advice = {"title": title, "text": text, "to": to, "at": iso(time.time()), "by": by or actor.person}
    levels = {"advice": max(level_of(found, part), LEVELS.index("RESTRICTED"))}
    return commit(
        actor, Draft("recommendation", {"advice": advice}, about=found.id, levels=levels), door=door
    )


def threats_of(found: Released) -> list[dict[str, Any]]:
    """The ratings of a released assessment; none where they are withheld or not given yet."""
    return list((found.parts.get("threats") or {}).get("threats") or [])


def weaknesses_of(found: Released) -> list[dict[str, Any]]:
    return list((found.parts.get("vulnerabilities") or {}).get("threats") or [])


def level_of(found: Released, part: str) -> int:
    return LEVELS.index(found.levels.get(part, "OPEN"))


def _key(threat: Parts) -> str:
    try:
        return key_of(threat)
    except (KeyError, ValueError) as fault:
        raise Malformed("no such event in this category of threat") from fault


def _assessment(actor: Subject, record: str, door: Door | None) -> Released:
    found = release(actor, record, door=door)
    if found.kind != ASSESSMENT.name:
        raise NotFound(record)
    return found
