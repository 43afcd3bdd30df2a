"""Whose word a device needs before it shows anything: that of the person whose it is, and of nobody else.

A TAK client shows what the person whose it is may see. Enrolled by somebody else it waits for that person's word, and
shows nothing; what it sends counts from the start. The word is a version of the device, by act `acknowledge`. It holds
for the credential and the person that it was given for: whatever anybody else does to the device takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from safeconduct.records.moments import instant
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.records.rows import RowView

ENROLLED: Final = "enrolled"
"""Needs nobody's word."""
WAITING: Final = "waiting"
PROVISIONAL: Final = "provisional"
"""Was enrolled before its person was asked, and shows things for a term (`device_term`)."""
CONFIRMED: Final = "confirmed"
REVOKED: Final = "revoked"
STATES: Final = (ENROLLED, WAITING, PROVISIONAL, CONFIRMED, REVOKED)
SHOWN: Final = frozenset({"cot"})
"""Protocols over which a device is shown anything. The others only report, and are told nothing of anybody."""
WORD: Final = "acknowledge"

Part = Mapping[str, Any]


def whose(identity: Part, link: Part | None) -> str:
    """The person whose word a device needs; "" for one that shows nothing, or is nobody's who has an account."""
    return str((link or {}).get("account") or "") if identity.get("protocol") in SHOWN else ""


def state_by(actor: str, identity: Part, link: Part | None) -> str:
    """The state in which somebody leaves a device that they enrol, or give another credential to."""
    person = whose(identity, link)
    return ENROLLED if not person else CONFIRMED if actor == person else WAITING


def reads_as(row: RowView, now: float) -> str:
    """The person under whose permissions a device is shown things now; "" for nobody."""
    values = row.values()
    link = values.get("link") or {}
    person = whose(values.get("identity") or {}, link)
    if row.state == CONFIRMED:
        return person
    until = link.get("until") if row.state == PROVISIONAL else None
    return person if until and instant(until).timestamp() > now else ""


def needs_their_word(_tx: Any, given: Any) -> None:
    """The kind's own rule: what somebody may make of a device that shows what another person may see."""
    if given.act == WORD:
        _is_their_word(given)
        return
    if given.act != "write":
        raise Malformed("a device is enrolled, or acknowledged by whose it is")
    person, state, actor = _whose(given), given.header["state"], given.subject.person
    before = given.previous.values() if given.previous is not None else {}
    if actor != SYSTEM and "link" in given.parts and _until(given.parts) != _until(before):
        raise Malformed("only the node sets until when a device shows things without a word")
    if state == REVOKED:
        return
    if not person:
        if state != ENROLLED:
            raise Malformed("this device shows nobody's things and waits for nobody's word")
        return
    if given.header["assigned"] != [person]:
        raise Malformed("a device that shows what a person may see is assigned to that person alone")
    allowed = {WAITING, CONFIRMED} if actor == person else {WAITING}
    if state not in allowed | ({PROVISIONAL} if actor == SYSTEM else set()):
        raise _refused(given, "a device that shows what a person may see waits for that person's word")


def _is_their_word(given: Any) -> None:
    """Yes, not now or no by the person whose the device is, to the device as it stands."""
    previous, header = given.previous, given.header
    if previous is None or given.subject.person != _whose(given, any_protocol=True):
        raise _refused(given, "only the person whose the device is says whether it is theirs")
    draft = given.draft
    header_alone = (draft.about, draft.levels, draft.releasable, draft.kept_for, draft.orcon, draft.assigned)
    if given.parts or draft.derived_from or draft.opens or any(each is not None for each in header_alone):
        raise Malformed("a word changes nothing else of the device")
    if previous.state == REVOKED or header["state"] not in (CONFIRMED, WAITING, REVOKED):
        raise Malformed("a word is yes, not now or no, to a device that is enrolled")
    if header["state"] != REVOKED and not _whose(given):
        raise Malformed("this device shows nothing, and needs nobody's word")


def _whose(given: Any, any_protocol: bool = False) -> str:
    before = given.previous.values() if given.previous is not None else {}
    identity, link = (given.parts.get(n) if n in given.parts else before.get(n) for n in ("identity", "link"))
    return str((link or {}).get("account") or "") if any_protocol else whose(identity or {}, link)


def _until(parts: Part) -> Any:
    return (parts.get("link") or {}).get("until")


def _refused(given: Any, why: str) -> Refused:
    attempt = {"person": given.subject.person, "act": given.act, "kind": "device"}
    return Refused(why, attempt={**attempt, "record": given.draft.record or ""})
