"""All that both parties make of the risk to one site, movement or area, laid side by side."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.assessment import srm_words as words
from safeconduct.assessment.srm_compared import compared
from safeconduct.assessment.srm_kinds import ASSESSMENT, DIFFERENCE, subject_key
from safeconduct.assessment.srm_rules import threats_of
from safeconduct.records import here
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.moments import MomentRefused, ends
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release
from safeconduct.risk.matrix import IMPACTS, LIKELIHOODS, beyond, risk_of, worst
from safeconduct.shell.terms import plain

SHOWN = {"site": ("identity", "place"), "movement": ("notice",)}


@dataclass(frozen=True)
class Sheet:
    """One assessment as a page shows it."""

    record: Released

    @property
    def scope(self) -> Mapping[str, Any]:
        return self.record.parts.get("scope") or {}

    @property
    def decision(self) -> Mapping[str, Any]:
        return self.record.parts.get("decision") or {}

    @property
    def approval(self) -> Mapping[str, Any]:
        return self.record.parts.get("approval") or {}

    @property
    def programme(self) -> Mapping[str, Any]:
        return self.record.parts.get("programme") or {}

    @property
    def state(self) -> str:
        return plain(words.STATES, self.record.state)

    @property
    def outcome(self) -> str:
        return words.word("outcome", self.decision["outcome"]) if self.decision else ""

    @property
    def criticality(self) -> str:
        return words.word("criticality", self.programme["criticality"]) if self.programme else ""

    @cached_property
    def threats(self) -> list[dict[str, Any]]:
        return threats_of(self.record)

    @property
    def present(self) -> str:
        """The highest present risk; "" where no rating is shown."""
        return worst(each["risk"] for each in self.threats)

    @property
    def residual(self) -> str:
        return worst(each["residual"] for each in self.threats)

    @property
    def present_word(self) -> str:
        return words.word("risk", self.present) if self.present else ""

    @property
    def residual_word(self) -> str:
        return words.word("risk", self.residual) if self.residual else ""

    @property
    def beyond(self) -> bool:
        """Whether the residual risk is above that at which an activity of this criticality is carried out."""
        return bool(self.programme and self.residual) and beyond(self.programme["criticality"], self.residual)

    @property
    def review_overdue(self) -> bool:
        """It is in force and its review is past, or nobody has taken the place of it since it expired."""
        return self.record.state == "approved" and _past(self.decision.get("review"))

    @property
    def expired(self) -> bool:
        return self.record.state == "expired" or (
            self.record.state == "approved" and _past(self.decision.get("expires"))
        )

    @property
    def url(self) -> str:
        return reverse("srm:page", args=[self.record.id])


@dataclass(frozen=True)
class Side:
    """What one party makes of it: the assessment in force, or else the last one that expired; and all the others."""

    side: str
    party: str
    current: Sheet | None
    others: Sequence[Sheet]


@dataclass(frozen=True)
class Row:
    """One threat as either party has rated it."""

    number: int
    category: str
    event: str
    says: str
    says_word: str
    host: Mapping[str, str] | None
    partner: Mapping[str, str] | None


@dataclass(frozen=True)
class Mark:
    number: int
    side: str


@dataclass(frozen=True)
class Cell:
    risk: str
    word: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Matrix:
    """`rows` are (likelihood, cells), the most likely first; the cells go from negligible to critical."""

    residual: bool
    rows: Sequence[tuple[str, Sequence[Cell]]]

    @property
    def impacts(self) -> list[str]:
        return [words.word("impact", each) for each in IMPACTS]


@dataclass(frozen=True)
class Picture:
    """A site, movement or area with both parties' assessments. `place` is what was released of the record itself."""

    kind: str
    title: str
    record: Released | None
    host: Side
    partner: Side
    rows: Sequence[Row]
    differences: Sequence[Released]

    @property
    def sheets(self) -> list[Sheet]:
        return [each for each in self._all if each is not None]

    @property
    def _all(self) -> list[Sheet | None]:
        return [self.host.current, self.partner.current, *self.host.others, *self.partner.others]

    @property
    def level(self) -> str:
        shown = [each.record.label for each in self.sheets] + [each.label for each in self.differences]
        return max([*shown, self.record.label if self.record else "OPEN"], key=LEVELS.index)

    @property
    def matrices(self) -> list[Matrix]:
        return [matrix(self.rows, residual=False), matrix(self.rows, residual=True)] if self.rows else []

    @property
    def differing(self) -> bool:
        return any(row.says != "same" for row in self.rows)

    @property
    def both(self) -> bool:
        """Whether there are two assessments in force that can be compared."""
        current = [self.host.current, self.partner.current]
        return all(each is not None and each.record.state == "approved" and each.threats for each in current)


def picture_of(reader: Subject, record: str) -> Picture:
    """Of a site or a movement. Raises NotFound for what the reader may not know of, and for anything else."""
    found = release(reader, record)
    if found.kind not in SHOWN:
        raise NotFound(record)
    query = Query(ASSESSMENT.name, about=record, withdrawn=False, sort="at", limit=MAX_LIMIT)
    return _picture(reader, found.kind, title_of(found), found, find(reader, query).records)


def picture_of_area(reader: Subject, name: str) -> Picture:
    """Of an area by its name. Raises NotFound where the reader knows of no assessment of it."""
    query = Query(ASSESSMENT.name, category="area", withdrawn=False, sort="at", limit=MAX_LIMIT)
    key = subject_key("", {"area": name})
    found = [
        each
        for each in find(reader, query).records
        if subject_key(each.about, each.parts.get("scope") or {}) == key
    ]
    if not found:
        raise NotFound(name)
    return _picture(reader, "area", str(found[0].parts["scope"]["area"]), None, found)


def _picture(
    reader: Subject, kind: str, title: str, record: Released | None, found: Sequence[Released]
) -> Picture:
    home = here.home()
    (other,) = list(home.partners)[:1] or [""]
    own_is_host = home.side == "host"
    host = side_of("host", home.party if own_is_host else other, found)
    partner = side_of("partner", other if own_is_host else home.party, found)
    rows = rows_of(host.current, partner.current)
    query = Query(
        DIFFERENCE.name, about=[each.id for each in found], withdrawn=False, sort="at", limit=MAX_LIMIT
    )
    differences = find(reader, query).records if found else []
    return Picture(kind, title, record, host, partner, rows, differences)


def side_of(side: str, party: str, found: Iterable[Released]) -> Side:
    sheets = [Sheet(each) for each in found if each.originator == party]
    standing = [each for each in sheets if each.record.state == "approved"]
    expired = [each for each in sheets if each.record.state == "expired"]
    current = next(iter([*standing, *expired]), None)
    return Side(side, party, current, [each for each in sheets if each is not current])


def rows_of(host: Sheet | None, partner: Sheet | None) -> list[Row]:
    told = compared(host.threats if host else [], partner.threats if partner else [])
    return [
        Row(
            number=number,
            category=words.word("category", each["category"]),
            event=words.event_word(each),
            says=each["says"],
            says_word=words.word("says", each["says"]),
            host=in_words(each.get("host")),
            partner=in_words(each.get("partner")),
        )
        for number, each in enumerate(told, 1)
    ]


def in_words(rating: Mapping[str, str] | None) -> dict[str, str] | None:
    """A rating's codes, and under `name_word` the word for each."""
    if rating is None:
        return None
    return {**rating, **{f"{name}_word": words.word(name, value) for name, value in rating.items()}}


def matrix(rows: Sequence[Row], residual: bool) -> Matrix:
    """The table with each threat's number where each party puts it."""
    prefix = "residual_" if residual else ""
    placed: dict[tuple[str, str], list[Mark]] = {}
    for row in rows:
        for side, rating in (("host", row.host), ("partner", row.partner)):
            if rating is not None:
                where = rating[f"{prefix}likelihood"], rating[f"{prefix}impact"]
                placed.setdefault(where, []).append(Mark(row.number, side))
    return Matrix(
        residual,
        [
            (
                words.word("likelihood", likelihood),
                [_cell(likelihood, impact, placed.get((likelihood, impact), ())) for impact in IMPACTS],
            )
            for likelihood in reversed(LIKELIHOODS)
        ],
    )


def _cell(likelihood: str, impact: str, marks: Sequence[Mark]) -> Cell:
    risk = risk_of(likelihood, impact)
    return Cell(risk, words.word("risk", risk), marks)


def title_of(found: Released) -> str:
    """What a site or a movement is called, as far as that is shown."""
    for part, names in (("identity", ("name",)), ("notice", ("reference", "purpose"))):
        told = found.parts.get(part) or {}
        for name in names:
            if told.get(name):
                return str(told[name])
    notice = found.parts.get("notice") or {}
    ends_ = [str(notice.get(f"{end}_district", "")) for end in ("origin", "destination")]
    return " – ".join(filter(None, ends_)) or found.id[:8]


def address(sheet: Sheet) -> str:
    """The page of what an assessment is of."""
    if sheet.record.about:
        return reverse("srm:subject", args=[sheet.record.about])
    area = str(sheet.scope.get("area", ""))
    return f"{reverse('srm:area')}?{urlencode({'name': area})}" if area else sheet.url


def _past(text: object) -> bool:
    try:
        return bool(text) and ends(str(text)) <= time.time()
    except MomentRefused:
        return False
