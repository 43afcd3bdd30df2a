"""The words of the field as people read them: levels, statuses, roles, acts, sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

LEVEL_NAMES: Mapping[str, Promise] = {
    "OPEN": _("OPEN"),
    "RESTRICTED": _("RESTRICTED"),
    "CONFIDENTIAL": _("CONFIDENTIAL"),
    "SECRET": _("SECRET"),
}

STATUS_NAMES: Mapping[str, Promise] = {
    "proposed": pgettext_lazy("clause status", "proposed"),
    "under_discussion": pgettext_lazy("clause status", "under discussion"),
    "agreed": pgettext_lazy("clause status", "agreed"),
    "declined": pgettext_lazy("clause status", "declined"),
    "suspended": pgettext_lazy("clause status", "suspended"),
    "ended": pgettext_lazy("clause status", "ended"),
}

ROLE_NAMES: Mapping[str, Promise] = {
    "coordinator": pgettext_lazy("role", "coordinator"),
    "commander": pgettext_lazy("role", "commander"),
    "watch_officer": pgettext_lazy("role", "watch officer"),
    "liaison": pgettext_lazy("role", "liaison officer"),
    "security_officer": pgettext_lazy("role", "security officer"),
    "security_manager": pgettext_lazy("role", "security manager"),
    "analyst": pgettext_lazy("role", "analyst"),
    "auditor": pgettext_lazy("role", "auditor"),
    "signatory": pgettext_lazy("role", "signatory"),
    "administrator": pgettext_lazy("role", "administrator"),
    "observer": pgettext_lazy("role", "observer"),
    "warden": pgettext_lazy("role", "warden"),
    "protected_person": pgettext_lazy("role", "protected person"),
}

ACT_NAMES: Mapping[str, Promise] = {
    "read": pgettext_lazy("act", "read"),
    "export": pgettext_lazy("act", "export"),
    "write": pgettext_lazy("act", "write"),
    "disclose": pgettext_lazy("act", "disclose"),
    "withdraw": pgettext_lazy("act", "withdraw"),
    "erase": pgettext_lazy("act", "erase"),
    "acknowledge": pgettext_lazy("act", "acknowledge"),
    "approve": pgettext_lazy("act", "approve"),
    "command": pgettext_lazy("act", "command"),
}

KIND_NAMES: Mapping[str, Promise] = {
    "incident": pgettext_lazy("kind of record", "incident"),
    "claim": pgettext_lazy("kind of record", "claim"),
    "same_event": pgettext_lazy("kind of record", "statement on the same event"),
    "clause": pgettext_lazy("kind of record", "clause"),
    "status_act": pgettext_lazy("kind of record", "status act"),
    "clause_remark": pgettext_lazy("kind of record", "remark on a clause"),
    "role_assignment": pgettext_lazy("kind of record", "role assignment"),
    "role_request": pgettext_lazy("kind of record", "request for a role"),
    "bulk_request": pgettext_lazy("kind of record", "request to read or export in bulk"),
    "emergency_reading": pgettext_lazy("kind of record", "emergency reading"),
    "emergency_review": pgettext_lazy("kind of record", "review of an emergency reading"),
    "reading": pgettext_lazy("kind of record", "reading"),
    "attachment": pgettext_lazy("kind of record", "attachment"),
    "deployment": pgettext_lazy("kind of record", "deployment"),
    "movement": pgettext_lazy("kind of record", "movement"),
    "track": pgettext_lazy("kind of record", "live track"),
    "manifest_entry": pgettext_lazy("kind of record", "name on a manifest"),
    "acknowledgement": pgettext_lazy("kind of record", "acknowledgement"),
    "clearance": pgettext_lazy("kind of record", "clearance"),
    "leg": pgettext_lazy("kind of record", "leg"),
    "handover": pgettext_lazy("kind of record", "handover"),
    "check_in": pgettext_lazy("kind of record", "check-in"),
    "comment": pgettext_lazy("kind of record", "comment"),
    "escalation": pgettext_lazy("kind of record", "escalation"),
    "ladder": pgettext_lazy("kind of record", "ladder"),
    "on_call": pgettext_lazy("kind of record", "on-call shift"),
    "contact_point": pgettext_lazy("kind of record", "contact point"),
    "delivery": pgettext_lazy("kind of record", "delivery"),
    "sos": pgettext_lazy("kind of record", "SOS"),
    "sos_acknowledgement": pgettext_lazy("kind of record", "acknowledgement of an SOS"),
    "tasking": pgettext_lazy("kind of record", "tasking"),
    "stand_down": pgettext_lazy("kind of record", "stand-down"),
    "muster": pgettext_lazy("kind of record", "muster"),
    "roll_entry": pgettext_lazy("kind of record", "name on a roll"),
    "muster_figure": pgettext_lazy("kind of record", "figures of a muster"),
    "shift_entry": pgettext_lazy("kind of record", "entry of the shift log"),
    "shift_handover": pgettext_lazy("kind of record", "handover of a shift"),
    "device": pgettext_lazy("kind of record", "device"),
    "alert": pgettext_lazy("kind of record", "alert"),
    "alert_acknowledgement": pgettext_lazy("kind of record", "answer to an alert"),
    "response": pgettext_lazy("kind of record", "response"),
    "response_item": pgettext_lazy("kind of record", "item of a response"),
    "liaison_message": pgettext_lazy("kind of record", "liaison message"),
    "message_receipt": pgettext_lazy("kind of record", "receipt of a message"),
    "translation": pgettext_lazy("kind of record", "translation"),
    "information_request": pgettext_lazy("kind of record", "request for information"),
    "information_answer": pgettext_lazy("kind of record", "answer to a request"),
    "organisation": pgettext_lazy("kind of record", "organisation"),
    "project": pgettext_lazy("kind of record", "project"),
    "site": pgettext_lazy("kind of record", "site"),
    "protection": pgettext_lazy("kind of record", "protection of a site"),
    "unit": pgettext_lazy("kind of record", "unit"),
    "person": pgettext_lazy("kind of record", "Protected Person"),
    "presence": pgettext_lazy("kind of record", "stay at a site"),
    "headcount": pgettext_lazy("kind of record", "headcount"),
    "grievance": pgettext_lazy("kind of record", "grievance"),
    "answer": pgettext_lazy("kind of record", "answer to a grievance"),
    "appeal": pgettext_lazy("kind of record", "appeal against an answer"),
    "answer_notice": pgettext_lazy("kind of record", "notice of an answer"),
    "inquiry": pgettext_lazy("kind of record", "inquiry"),
    "meeting": pgettext_lazy("kind of record", "meeting"),
    "attendance": pgettext_lazy("kind of record", "attendance"),
    "observer_seat": pgettext_lazy("kind of record", "observer's seat"),
    "agenda_item": pgettext_lazy("kind of record", "agenda item"),
    "disclosure_authorisation": pgettext_lazy("kind of record", "disclosure authorisation"),
    "minutes": pgettext_lazy("kind of record", "minutes"),
    "minutes_word": pgettext_lazy("kind of record", "word on minutes"),
    "decision": pgettext_lazy("kind of record", "decision"),
    "reservation": pgettext_lazy("kind of record", "reservation"),
    "action": pgettext_lazy("kind of record", "action"),
    "forecast": pgettext_lazy("kind of record", "forecast"),
    "objective": pgettext_lazy("kind of record", "objective"),
    "lesson": pgettext_lazy("kind of record", "lesson"),
    "recommendation": pgettext_lazy("kind of record", "recommendation"),
    "measure": pgettext_lazy("kind of record", "measure"),
    "verification": pgettext_lazy("kind of record", "verification"),
    "evidence": pgettext_lazy("kind of record", "evidence"),
    "effect": pgettext_lazy("kind of record", "effect seen"),
    "route_option": pgettext_lazy("kind of record", "route options"),
    "assistance_request": pgettext_lazy("kind of record", "request for assistance"),
    "assistance_offer": pgettext_lazy("kind of record", "offer of assistance"),
    "assistance_answer": pgettext_lazy("kind of record", "answer to an offer"),
    "assistance_delivery": pgettext_lazy("kind of record", "delivery of assistance"),
    "assistance_receipt": pgettext_lazy("kind of record", "receipt for a delivery"),
    "end_use_check": pgettext_lazy("kind of record", "check of the end use"),
    "deployment_consent": pgettext_lazy("kind of record", "consent to a deployment"),
    "deployment_discussion": pgettext_lazy("kind of record", "discussion of a deployment"),
    "press_statement": pgettext_lazy("kind of record", "line for the press"),
    "statement_answer": pgettext_lazy("kind of record", "answer to a line"),
    "source_report": pgettext_lazy("kind of record", "source's report"),
    "report": pgettext_lazy("kind of record", "report"),
    "warning": pgettext_lazy("kind of record", "warning"),
    "warning_receipt": pgettext_lazy("kind of record", "receipt for a warning"),
    "warning_outcome": pgettext_lazy("kind of record", "outcome of a warning"),
    "assessment": pgettext_lazy("kind of record", "assessment of risk"),
    "assessment_difference": pgettext_lazy("kind of record", "noted difference"),
    "standard_check": pgettext_lazy("kind of record", "check of minimum standards"),
    "standard_evidence": pgettext_lazy("kind of record", "evidence of a standard"),
}

PART_NAMES: dict[str, Any] = {
    "text": pgettext_lazy("part of a record", "text"),
    "act": pgettext_lazy("part of a record", "signed act"),
    "assignment": pgettext_lazy("part of a record", "assignment"),
    "what": pgettext_lazy("part of a record", "what was shown"),
    "who": pgettext_lazy("part of a record", "who read it"),
    "proposal": pgettext_lazy("part of a record", "proposal"),
    "description": pgettext_lazy("part of a record", "description"),
    "terms": pgettext_lazy("part of a record", "terms"),
}
STATE_NAMES: dict[str, Any] = {
    "open": pgettext_lazy("state of a record", "open"),
    "retracted": pgettext_lazy("state of a record", "retracted"),
    "proposed": pgettext_lazy("state of a record", "proposed"),
    "approved": pgettext_lazy("state of a record", "approved"),
    "ended": pgettext_lazy("state of a record", "ended"),
}
FIELD_NAMES: dict[str, Any] = {}
CODE_NAMES: dict[str, Mapping[str, Any]] = {}
"""By field, the words for the codes that stand in it."""

RELIABILITY_NAMES: Mapping[str, Promise] = {
    "A": _("A: completely reliable"),
    "B": _("B: usually reliable"),
    "C": _("C: fairly reliable"),
    "D": _("D: not usually reliable"),
    "E": _("E: unreliable"),
    "F": _("F: cannot be judged"),
}
CREDIBILITY_NAMES: Mapping[str, Promise] = {
    "1": _("1: confirmed"),
    "2": _("2: probably true"),
    "3": _("3: possibly true"),
    "4": _("4: doubtful"),
    "5": _("5: improbable"),
    "6": _("6: cannot be judged"),
}
"""The admiralty scale, by which parties grade sources and what they say."""


def plain(names: Mapping[str, Promise], word: str) -> str:
    """The word's name in the reader's language; a word that has none is shown with its underscores opened."""
    name = names.get(word)
    return str(name) if name is not None else word.replace("_", " ")


def name_words(
    parts: Mapping[str, Any], states: Mapping[str, Any], fields: Mapping[str, Any], codes: Mapping[str, Any]
) -> None:
    """Let pages about any record say a room's words: its parts, states, fields, and the codes in a field."""
    for known, given in (
        (PART_NAMES, parts),
        (STATE_NAMES, states),
        (FIELD_NAMES, fields),
    ):
        for word, name in given.items():
            known.setdefault(word, name)
    for field, words in codes.items():
        CODE_NAMES[field] = {**words, **CODE_NAMES.get(field, {})}


SEPARATORS = {"ur": "، ", "zh-hans": "、"}


def separator() -> str:
    """What stands between the items of a list in the reader's language."""
    return SEPARATORS.get(get_language() or "", ", ")


def listed(words: Iterable[object]) -> str:
    """Words one after the other; in templates there is the filter of the same name."""
    return separator().join(map(str, words))


_REASONS: Mapping[str, Promise] = {
    "not released": _("The other party has not released it."),
    "no grant": _("No grant in force shows it to your roles."),
    "R1": _("The originator keeps control of it."),
    "R2": _("It is not released to this party."),
    "R3": _("Its label is above your clearance."),
}


def reason_withheld(reason: str) -> str:
    """Why a part is not shown, in words; any other reason is the name of a red line."""
    if not reason:
        return ""
    if reason in _REASONS:
        return str(_REASONS[reason])
    return str(_("Red line %(line)s forbids it.")) % {"line": reason}
