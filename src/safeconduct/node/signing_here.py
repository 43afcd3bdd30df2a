"""Signing acts from the command line: the key stays in its file, the node gets the act and the signature."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safeconduct.agreement.acts import SignedAct, StatusAct, next_act
from safeconduct.agreement.clauses import Clause, parse_clause
from safeconduct.agreement.signatures import Signatory, file_signatory, public_of_key_file, sign_with_file
from safeconduct.records import here
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import HomeError
from safeconduct.records.kinds import vocabulary
from safeconduct.records.principals import system_subject
from safeconduct.records.standing import HOUSE, AgreementStanding


def agreement_of(name: str) -> AgreementStanding:
    """An agreement of this node by name. Raises HomeError that lists those there are."""
    state = here.state()
    found = state.agreements.get(name)
    if found is None:
        raise HomeError(f"no agreement {name}; there are {', '.join(sorted(state.agreements))}")
    return found


def propose(agreement: str, files: Iterable[Path], door: Door) -> list[Clause]:
    """Put clause files on record as proposals; those on record already are passed over. Raises ClauseError."""
    place = agreement_of(agreement)
    known = {clause.digest for clause in place.clauses}
    proposed = []
    words = vocabulary()
    clauses = [parse_clause(file.read_bytes(), words, file.name) for file in files]
    for clause in clauses:
        if clause.digest in known:
            continue
        text = {
            "agreement": agreement,
            "number": clause.number,
            "digest": clause.digest,
            "file": clause.raw.decode(),
        }
        draft = Draft(kind="clause", parts={"text": text}, releasable=_partners(place))
        commit(system_subject(here.home().party), draft, door=door)
        proposed.append(clause)
    return proposed


def act(
    agreement: str, number: str, to: str, key_file: Path, passphrase: str | None, door: Door, version: int = 0
) -> tuple[StatusAct, Committed]:
    """Make one status act about a clause with a signatory's key file, and put it on record.

    `version` chooses a text of the clause; 0 the one with the highest version. Raises HomeError, Refused,
    KeyFileRefused.
    """
    place = agreement_of(agreement)
    clause = clause_of(place, number, version)
    return _signed(place, to, key_file, passphrase, door, clause=clause.number, text=clause.digest)


def act_on_signatory(
    agreement: str, to: str, subject: Signatory, key_file: Path, passphrase: str | None, door: Door
) -> tuple[StatusAct, Committed]:
    """Appoint or dismiss a signatory of this party, and put it on record. Raises HomeError, Refused,
    KeyFileRefused."""
    return _signed(agreement_of(agreement), to, key_file, passphrase, door, subject=subject.to_dict())


def _signed(
    place: AgreementStanding, to: str, key_file: Path, passphrase: str | None, door: Door, **about: Any
) -> tuple[StatusAct, Committed]:
    party = here.home().party
    public = public_of_key_file(key_file, passphrase)
    others = {p: place.standing.head(p) for p in place.parties.values() if p != party}
    made = next_act(
        place.standing.head(party),
        {p: head for p, head in others.items() if head is not None},
        agreement=place.agreement,
        by=party,
        to=to,
        key=file_signatory(party, "-", public).key_id,
        at=int(time.time()),
        **about,
    )
    signature = sign_with_file(key_file, passphrase, made)
    return made, record_act(place, SignedAct(made, signature), door)


def record_act(place: AgreementStanding, signed: SignedAct, door: Door) -> Committed:
    """Put a signed act on record. Raises Refused when it does not count or would break an assurance."""
    part: Mapping[str, object] = {
        "agreement": place.agreement,
        "act": signed.act.canonical().decode(),
        "signature": dict(signed.signature),
    }
    draft = Draft(kind="status_act", parts={"act": part}, releasable=_partners(place))
    return commit(system_subject(here.home().party), draft, door=door)


def clause_of(place: AgreementStanding, number: str, version: int = 0) -> Clause:
    """A clause by number and version. Raises HomeError."""
    found = [c for c in place.clauses if c.number == number and version in (0, c.version)]
    if not found:
        raise HomeError(
            f"{place.agreement} has no clause {number}" + (f" version {version}" if version else "")
        )
    return max(found, key=lambda c: c.version)


def _partners(place: AgreementStanding) -> list[str]:
    if place.agreement == HOUSE:
        return []
    return [party for party in place.parties.values() if party != here.home().party]
