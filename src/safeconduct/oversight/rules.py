"""The rules of oversight: taking back what was released, and looking at what the other party would get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.holdings import Held, holdings
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import NotFound
from safeconduct.records.release import Released, release

PAGE = 50
RECORD_PAGE = 200


def withdraw(actor: Subject, record: str, parts: Sequence[str], reason: str) -> list[str]:
    """Tell every partner that holds them not to use these parts any more (none named: the whole record).

    Answers the partners told. Raises NotFound, or Refused with the clause that would allow it.
    """
    payload = {"actor": to_wire(actor), "record": record, "parts": list(parts), "reason": reason}
    return list(here.door().call("withdraw", payload)["partners"])


def ask_erasure(actor: Subject, record: str, parts: Sequence[str], reason: str) -> list[str]:
    """Destroy these parts here and in the feeds, and ask every partner that holds them to do the same.

    Answers the partners asked. Raises NotFound, or Refused with the clause that would allow it.
    """
    payload = {"actor": to_wire(actor), "record": record, "parts": list(parts), "reason": reason}
    return list(here.door().call("erase", payload)["partners"])


@dataclass(frozen=True)
class HeldLine:
    """One version that a partner was given, with what the reader may do about it."""

    held: Held
    may: tuple[str, ...]
    arrived: bool


@dataclass(frozen=True)
class HeldPage:
    lines: tuple[HeldLine, ...]
    next_cursor: str


def what_they_hold(
    reader: Subject,
    acknowledged: Mapping[str, int],
    partner: str = "",
    record: str = "",
    status: str = "",
    after: str = "",
) -> HeldPage:
    """The standing list, newest first, of records that the reader may know of.

    `acknowledged` is the feed size that each partner has confirmed: what lies below it has arrived.
    """
    size = RECORD_PAGE if record else PAGE
    found = holdings(partner=partner, record=record, after=after, limit=size + 1, status=status)
    more = found[size - 1][0] if len(found) > size else ""
    found = found[:size]
    known: dict[str, list[str]] = {}
    if found:
        payload = {"actor": to_wire(reader), "records": sorted({held.record for _, held in found})}
        known = here.door().call("may_know", payload)["known"]
    lines = tuple(
        HeldLine(held, tuple(known[held.record]), held.feed_index < acknowledged.get(held.partner, 0))
        for _, held in found
        if held.record in known
    )
    return HeldPage(lines, more)


@dataclass(frozen=True)
class Leaving:
    """A part that would leave; `value` is None where the reader may not read it here themselves."""

    part: str
    level: str
    value: Any
    readable: bool


@dataclass(frozen=True)
class AsOther:
    """A record as the partner would get it. Without `leaves` the partner is not even told that it exists."""

    record: Released
    partner: str
    leaves: bool
    label: str
    state: str
    at: str
    parts: tuple[Leaving, ...]
    clauses: tuple[str, ...]
    withheld: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]

    @property
    def page_level(self) -> str:
        """What the page shows is what its reader reads of the record."""
        return self.record.label


def as_other(reader: Subject, record: str, partner: str) -> AsOther:
    """Preview an own record as the other party. Raises NotFound for another's record or an unknown partner."""
    if partner not in here.home().partners:
        raise NotFound(partner)
    own = release(reader, record)
    if own.originator != reader.party:
        raise NotFound(record)
    answer = here.door().call("preview", {"actor": to_wire(reader), "record": record, "partner": partner})
    withheld = tuple((part, reason, tuple((g, s) for g, s in would)) for part, reason, would in answer["withheld"])
    return AsOther(
        record=own,
        partner=partner,
        leaves=answer["leaves"],
        label=answer.get("label", ""),
        state=answer.get("state", ""),
        at=answer.get("at", ""),
        parts=tuple(
            Leaving(name, answer["levels"][name], own.parts.get(name), name in own.parts)
            for name in answer.get("parts", ())
        ),
        clauses=tuple(answer.get("clauses", ())),
        withheld=withheld,
    )


def people(reader: Subject) -> dict[str, str]:
    """Account names by person, as far as the reader may see who holds which role."""
    found: dict[str, str] = {}
    query = Query("role_assignment", originator=reader.party, sort="at", limit=1000)
    for record in find(reader, query).records:
        if part := record.parts.get("assignment"):
            found.setdefault(part["person"], part.get("account_name") or part["person"])
    return found
