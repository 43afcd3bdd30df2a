"""The rules of putting clauses and signatures on record.

A text has no effect until it is signed. A signature is made by a named person with a key that this node never
holds; what the node commits is the act and the signature together, and the status follows from both.
"""

from __future__ import annotations

import json
from time import time as clock

from django.utils.translation import gettext as _

from safeconduct.agreement.acts import SIGNATORY_ACTS, ActRefused, StatusAct, next_act
from safeconduct.agreement.clauses import Clause, parse_clause
from safeconduct.agreement.policy import Subject
from safeconduct.agreement.signatures import Signatory, SignatureRefused, file_signatory, verify
from safeconduct.committee.documents import AgreementView, ClauseVersion
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.kinds import vocabulary
from safeconduct.records.refusals import Malformed, NotFound

MAX_CANDIDATE = 16_384


def read_clause_file(place: AgreementView, raw: bytes, name: str) -> Clause:
    """A clause file, checked as far as it can be before it is on record.

    Raises ClauseError with file, line and reason; Malformed where the file belongs in another book.
    """
    clause = parse_clause(raw, vocabulary(), name)
    if clause.house != place.house:
        text = (
            _("Clause %(number)s belongs among the house rules.")
            if clause.house
            else _("Clause %(number)s belongs in an agreement, not among the house rules.")
        )
        raise Malformed(text % {"number": clause.number})
    known = [c for c in place.place.clauses if c.number == clause.number]
    if any(c.digest == clause.digest for c in known):
        raise Malformed(_("This text is on record already."))
    latest = max((c.version for c in known), default=0)
    if clause.version <= latest:
        text = _("Version %(latest)s of this clause is on record: a new text needs a higher number.")
        raise Malformed(text % {"latest": latest})
    return clause


def propose_clause(actor: Subject, place: AgreementView, clause: Clause) -> Committed:
    """Put a text on record, so that it can be read, discussed and signed. It binds nobody yet."""
    text = {
        "agreement": place.name,
        "number": clause.number,
        "digest": clause.digest,
        "file": clause.raw.decode("utf-8"),
    }
    return commit(actor, Draft("clause", {"text": text}, releasable=others(place)))


def others(place: AgreementView) -> tuple[str, ...]:
    """The other parties of an agreement: the only ones its records may go to."""
    own = here.home().party
    return tuple(sorted(party for party in place.parties.values() if party != own))


def open_acts(place: AgreementView, version: ClauseVersion) -> tuple[str, ...]:
    """What this party can do now about a text, in the order in which it is usually done.

    Widening comes first; taking away is always possible once something has been said or accepted.
    """
    own = here.home().party
    stance = version.stances.get(own, "")
    if version.status in ("ended", "declined") and stance in ("ended", "declined"):
        return ("under_discussion", "agreed")
    found: list[str] = []
    if not stance:
        found.append("proposed")
    if stance in ("", "proposed") and not place.house:
        found.append("under_discussion")
    if stance != "agreed" or version.unseen:
        found.append("agreed")
    if _accepted(place, version):
        found += [act for act in ("suspended", "ended") if act != stance]
    elif stance != "declined":
        found.append("declined")
    return tuple(found)


def _accepted(place: AgreementView, version: ClauseVersion) -> bool:
    texts = place.place.standing.texts(version.clause.number)
    return any(text.accepted for text in texts if text.text == version.clause.digest)


def signatory(place: AgreementView, key: str) -> Signatory:
    """This party's signatory with this key. Raises NotFound for a key that is nobody's now."""
    for found in own_signatories(place):
        if found.key_id == key:
            return found
    raise NotFound(key)


def own_signatories(place: AgreementView) -> tuple[Signatory, ...]:
    return place.signatories.get(here.home().party, ())


def prepare_act(
    place: AgreementView,
    to: str,
    key: str,
    version: ClauseVersion | None = None,
    subject: Signatory | None = None,
    now: float | None = None,
) -> StatusAct:
    """The act that would be signed: it continues this party's chain and names the latest act of the others.

    Raises NotFound when `key` is no signatory's, Malformed when the act is not one that can be done now.
    """
    own = here.home().party
    signatory(place, key)
    if version is not None and to not in open_acts(place, version):
        raise Malformed(_("This cannot be done with this text as it stands."))
    if version is None and (to not in SIGNATORY_ACTS or subject is None):
        raise Malformed(_("An act is about a clause or about a signatory."))
    standing = place.place.standing
    seen = {party: head for party in others(place) if (head := standing.head(party)) is not None}
    return next_act(
        standing.head(own),
        seen,
        agreement=place.name,
        by=own,
        to=to,
        key=key,
        at=int(clock() if now is None else now),
        clause=version.clause.number if version else "",
        text=version.clause.digest if version else "",
        subject=subject.to_dict() if subject else None,
    )


def read_act(place: AgreementView, text: str) -> StatusAct:
    """An act as it came back from its signer. Raises Malformed unless it is this party's next act here."""
    try:
        act = StatusAct.from_dict(json.loads(text))
    except (ActRefused, ValueError, RecursionError) as fault:
        raise Malformed(str(fault)) from fault
    own = here.home().party
    if act.agreement != place.name or act.by != own or act.canonical() != text.encode():
        raise Malformed(_("This is not an act of this party in this agreement."))
    head = place.place.standing.head(own)
    if act.previous != ("" if head is None else head.digest()):
        raise Malformed(_("Another act was signed in the meantime. Look at how things stand now."))
    return act


def make_act(actor: Subject, place: AgreementView, act: StatusAct, signature: dict[str, str]) -> Committed:
    """Put a signed act on record; from then on the status is what it makes of it.

    Raises SignatureRefused when the signature is not that signatory's on exactly this act, Refused when the
    actor may not write acts, when the act does not count, or when it breaks an assurance.
    """
    verify(act, signature, signatory(place, act.key))
    part = {"agreement": place.name, "act": act.canonical().decode("utf-8"), "signature": signature}
    return commit(actor, Draft("status_act", {"act": part}, releasable=others(place)))


def candidate(text: str) -> Signatory:
    """A person put forward as signatory, from the JSON that enrolling a key gave. Raises Malformed."""
    if len(text) > MAX_CANDIDATE:
        raise Malformed(_("This is too long for a signatory."))
    try:
        value = json.loads(text)
        found = Signatory.from_dict(value if isinstance(value, dict) else {})
    except (SignatureRefused, ValueError, RecursionError) as fault:
        raise Malformed(str(fault)) from fault
    if found.party != here.home().party:
        raise Malformed(_("A party appoints its own signatories only."))
    return found


def key_file_candidate(name: str, public: str) -> Signatory:
    """A person who signs with a key file, from the file's public half (base64url). Raises Malformed."""
    try:
        return Signatory.from_dict(file_signatory(here.home().party, name.strip(), public.strip()).to_dict())
    except SignatureRefused as fault:
        raise Malformed(str(fault)) from fault


def read_signature(text: str) -> dict[str, str]:
    """A signature as the command line prints it. Raises Malformed."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise Malformed(_("The signature is no JSON.")) from fault
    if not isinstance(value, dict) or not all(isinstance(v, str) and v.isascii() for v in value.values()):
        raise Malformed(_("The signature is not what the command line prints."))
    return {str(k): v for k, v in value.items()}
