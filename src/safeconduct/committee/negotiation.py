"""Negotiating a clause: what both say of its texts, how two texts differ, everything that ever happened to it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from safeconduct.agreement.compare import Piece, compare
from safeconduct.agreement.policy import Subject
from safeconduct.agreement.proof import difference
from safeconduct.committee.changes import Changes, changes
from safeconduct.committee.documents import ActEntry, AgreementView, ClauseVersion, ClauseView
from safeconduct.committee.negotiation_kinds import CLAUSE_REMARK
from safeconduct.committee.review import policy_with
from safeconduct.records.commit import Committed, Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.release import Released
from safeconduct.records.transaction import iso

MOST = 1_000


@dataclass(frozen=True)
class Compared:
    """One language of two texts, piece by piece. A language that only one of them has is all added, or all removed."""

    language: str
    pieces: tuple[Piece, ...]

    @property
    def same(self) -> bool:
        return all(piece.change == "same" for piece in self.pieces)


@dataclass(frozen=True)
class Happened:
    """One line of a clause's history: a text put on record, an act that was signed, or a remark."""

    at: datetime
    text: ClauseVersion | None = None
    act: ActEntry | None = None
    remark: Released | None = None
    on: ClauseVersion | None = None


def remark_on(
    actor: Subject,
    text: ClauseVersion,
    category: str,
    words: str,
    to: Sequence[str],
    by: str = "",
    door: Door | None = None,
) -> Committed:
    """Say something about one text of a clause, to the other party of the agreement or (to nobody) for one's own."""
    part = {"category": category, "text": words, "by": by or actor.person, "at": iso(time.time())}
    draft = Draft(CLAUSE_REMARK.name, {"remark": part}, about=text.record.id, releasable=tuple(to))
    return commit(actor, draft, door=door)


def settle_remark(actor: Subject, seen: Released, door: Door | None = None) -> Committed:
    """The point is settled, or the reservation lifted."""
    draft = Draft(CLAUSE_REMARK.name, {}, record=seen.id, expected=seen.version, state="settled")
    return commit(actor, draft, door=door)


def remarks(reader: Subject, clause: ClauseView) -> list[tuple[ClauseVersion, Released]]:
    """What both parties have said about the texts of a clause, the earliest first, as far as the reader may see it."""
    texts = {version.record.id: version for version in clause.versions}
    query = Query(
        CLAUSE_REMARK.name,
        about=sorted(texts),
        withdrawn=False,
        sort="at",
        descending=False,
        limit=MOST,
        shown=frozenset(texts),
    )
    found = [(texts[each.about], each) for each in find(reader, query).records if each.about in texts]
    return sorted(found, key=lambda each: _said(each[1]))


def compared(earlier: ClauseVersion, later: ClauseVersion) -> list[Compared]:
    """Both texts, language by language."""
    before, after = earlier.clause.texts, later.clause.texts
    languages = dict.fromkeys([*later.clause.languages, *earlier.clause.languages])
    return [Compared(each, compare(before.get(each, ""), after.get(each, ""))) for each in languages]


def effect(place: AgreementView, earlier: ClauseVersion, later: ClauseVersion) -> Changes:
    """What people may do more, and what less, with the later text in force instead of the earlier."""
    before = policy_with(place, place.place.book_with_agreed(earlier.clause.digest))
    after = policy_with(place, place.place.book_with_agreed(later.clause.digest))
    return changes(difference(before, after))


def history(reader: Subject, clause: ClauseView) -> list[Happened]:
    """Everything that ever happened to a clause, the earliest first: by the clock of whoever did it."""
    by_digest = {version.clause.digest: version for version in clause.versions}
    lines = [Happened(version.record.at, text=version) for version in clause.versions]
    lines += [Happened(entry.at, act=entry, on=by_digest.get(entry.act.text)) for entry in clause.history]
    lines += [Happened(_said(each), remark=each, on=version) for version, each in remarks(reader, clause)]
    return sorted(lines, key=lambda line: line.at)


def _said(remark: Released) -> datetime:
    part = remark.parts.get("remark") or {}
    return instant(part["at"]) if part.get("at") else remark.at
