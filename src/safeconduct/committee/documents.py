"""The agreements as one reader may see them: clauses, the acts on them, and who may sign.

The standing of an agreement is the node's own reckoning; its texts and acts are records. A page shows those
of them that `find` gives its reader, and nothing of the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from safeconduct.agreement.acts import StatusAct
from safeconduct.agreement.clauses import Clause
from safeconduct.agreement.policy import Subject
from safeconduct.agreement.signatures import Signatory
from safeconduct.agreement.status import Event, TextStanding
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released
from safeconduct.records.standing import HOUSE, AgreementStanding

PAGE = 500


@dataclass(frozen=True)
class ActEntry:
    """One act as the history shows it. `reason` says why it does not count, or not fully."""

    act: StatusAct
    signer: str
    method: str
    at: datetime
    reason: str = ""

    @property
    def about(self) -> str:
        """The signatory whom an appointment or dismissal names; "" for an act on a clause."""
        return (self.act.subject or {}).get("name", "")


@dataclass(frozen=True)
class ClauseVersion:
    """One text of a clause, its status and the latest word of each party on it."""

    clause: Clause
    status: str
    stances: Mapping[str, str]
    unseen: tuple[str, ...]
    record: Released

    @property
    def label(self) -> str:
        return self.record.label


@dataclass(frozen=True)
class ClauseView:
    """A clause: `governing` is the text that both parties have accepted, `proposals` the later ones."""

    number: str
    status: str
    governing: ClauseVersion | None
    proposals: tuple[ClauseVersion, ...]
    versions: tuple[ClauseVersion, ...]
    history: tuple[ActEntry, ...]

    @property
    def shown(self) -> ClauseVersion:
        """The text that the list shows: the governing one, else the latest."""
        return self.governing or self.versions[-1]

    def version_of(self, digest: str) -> ClauseVersion:
        """The version with this digest. Raises NotFound."""
        for version in self.versions:
            if version.clause.digest == digest:
                return version
        raise NotFound(digest)


@dataclass(frozen=True)
class AgreementView:
    """An agreement, or the house rules, as far as the reader may see it."""

    name: str
    parties: Mapping[str, str]
    clauses: tuple[ClauseView, ...]
    signatories: Mapping[str, tuple[Signatory, ...]]
    appointments: tuple[ActEntry, ...]
    refused: tuple[ActEntry, ...]
    forked: tuple[str, ...]
    label: str
    place: AgreementStanding

    @property
    def house(self) -> bool:
        return self.name == HOUSE

    @property
    def counts(self) -> dict[str, int]:
        """How many clauses have each status."""
        found: dict[str, int] = {}
        for clause in self.clauses:
            found[clause.status] = found.get(clause.status, 0) + 1
        return found

    def clause(self, number: str) -> ClauseView:
        """Raises NotFound for a clause that is not there or not the reader's to see."""
        for clause in self.clauses:
            if clause.number == number:
                return clause
        raise NotFound(number)


def agreements(reader: Subject) -> list[AgreementView]:
    """Every agreement of this node of which the reader may see something, the house rules last."""
    texts, acts = _texts(reader), _acts(reader)
    found = [_view(place, texts, acts) for place in here.state().agreements.values()]
    return sorted((view for view in found if view.clauses), key=lambda view: (view.house, view.name))


def agreement(reader: Subject, name: str) -> AgreementView:
    """One agreement. Raises NotFound where the node has none of that name, or the reader may see none of it.

    A signatory or coordinator sees it while it is still empty, or nobody could write its first clause.
    """
    place = here.state().agreements.get(name)
    if place is None:
        raise NotFound(name)
    view = _view(place, _texts(reader), _acts(reader))
    if not view.clauses and not may_propose(reader):
        raise NotFound(name)
    return view


def may_propose(reader: Subject) -> bool:
    """Whether any rule in force lets the reader write the text of a clause."""
    return bool(here.state().policy.entries(reader, "write", "clause"))


def may_sign(reader: Subject) -> bool:
    """Whether any rule in force lets the reader write status acts; the key decides who signs."""
    return bool(here.state().policy.entries(reader, "write", "status_act"))


def highest(levels: Iterable[str]) -> str:
    """The label of a page that shows all of these."""
    return max(levels, key=LEVELS.index, default="OPEN")


def _records(reader: Subject, kind: str) -> Iterator[Released]:
    query = Query(kind, sort="at", limit=PAGE, withdrawn=False)
    while True:
        page = find(reader, query)
        yield from page.records
        if not page.next_cursor:
            return
        query = Query(kind, sort="at", limit=PAGE, withdrawn=False, cursor=page.next_cursor)


def _texts(reader: Subject) -> dict[str, Released]:
    """Clause records that the reader may read, by the digest of the file."""
    found = {}
    for record in _records(reader, "clause"):
        if text := record.parts.get("text"):
            found["sha256:" + sha256(text["file"].encode()).hexdigest()] = record
    return found


def _acts(reader: Subject) -> set[str]:
    """Digests of the acts that the reader may read."""
    found = set()
    for record in _records(reader, "status_act"):
        if part := record.parts.get("act"):
            try:
                found.add(StatusAct.from_dict(json.loads(part["act"])).digest())
            except ValueError:
                continue
    return found


def _view(place: AgreementStanding, texts: Mapping[str, Released], acts: set[str]) -> AgreementView:
    standing = place.standing
    names = _signer_names(place)
    clauses = []
    for number in standing.numbers:
        versions = tuple(
            _version(text, texts[text.text])
            for text in standing.texts(number)
            if text.clause is not None and text.text in texts
        )
        if not versions:
            continue
        by_text = {version.clause.digest: version for version in versions}
        governing = standing.governing(number)
        clauses.append(
            ClauseView(
                number=number,
                status=standing.status(number),
                governing=by_text.get(governing.text) if governing else None,
                proposals=tuple(by_text[t.text] for t in standing.proposals(number) if t.text in by_text),
                versions=versions,
                history=tuple(
                    _entry(event, names)
                    for event in standing.history(number)
                    if event.signed.act.digest() in acts
                ),
            )
        )
    refused = {each.signed.act.digest(): Event(each.signed, each.reason) for each in standing.refused}
    appointments = [
        _entry(Event(signed, refused[d].reason if d in refused else ""), names)
        for signed in place.acts
        if signed.act.subject is not None and (d := signed.act.digest()) in acts
    ]
    levels = [version.label for clause in clauses for version in clause.versions]
    return AgreementView(
        name=place.agreement,
        parties=place.parties,
        clauses=tuple(clauses),
        signatories={party: standing.signatories(party) for party in place.parties.values()},
        appointments=tuple(sorted(appointments, key=lambda entry: (entry.at, entry.act.seq))),
        refused=tuple(_entry(event, names) for digest, event in refused.items() if digest in acts),
        forked=standing.forked,
        label=highest(levels),
        place=place,
    )


def _version(text: TextStanding, record: Released) -> ClauseVersion:
    if text.clause is None:
        raise NotFound(text.text)
    return ClauseVersion(text.clause, text.status, text.stances, text.unseen, record)


def _signer_names(place: AgreementStanding) -> dict[tuple[str, str], tuple[str, str]]:
    """(name, method) of every key that was ever a signatory's, by (party, key id)."""
    found = {}
    for party in place.parties.values():
        for signatory in place.standing.signatories(party):
            found[party, signatory.key_id] = (signatory.name, signatory.method)
    for signed in place.acts:
        subject = signed.act.subject
        if subject is not None and subject.get("key_id"):
            key = (signed.act.by, subject["key_id"])
            found.setdefault(key, (subject.get("name", ""), subject.get("method", "")))
    return found


def _entry(event: Event, names: Mapping[tuple[str, str], tuple[str, str]]) -> ActEntry:
    act = event.signed.act
    signer, method = names.get((act.by, act.key), ("", event.signed.signature.get("method", "")))
    return ActEntry(act, signer, method, datetime.fromtimestamp(act.at, UTC), event.reason)
