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
from safeconduct.records.under import within_which

PAGE = 50
RECORD_PAGE = 200


def withdraw(actor: Subject, record: str, parts: Sequence[str], reason: str) -> list[str]:
    """Tell every partner that holds them not to use these parts any more (none named: the whole record).

    With a whole record go those that make no sense without it (`falls_with`). Answers the partners told.
    Raises NotFound, or Refused with the clause that would allow it.
    """
    payload = {"actor": to_wire(actor), "record": record, "parts": list(parts), "reason": reason}
    return list(here.door().call("withdraw", payload)["partners"])


def falls_with(actor: Subject, record: str) -> tuple[list[tuple[str, str]], int]:
    """What would be withdrawn with a record: (id, kind) of those the actor may know of, and how many more."""
    answer = here.door().call("falls_with", {"actor": to_wire(actor), "record": record})
    return [(found, kind) for found, kind in answer["known"]], int(answer["more"])


def ask_erasure(actor: Subject, record: str, parts: Sequence[str], reason: str) -> list[str]:
    """Destroy these parts here and in the feeds, and ask every partner that holds them to do the same.

    Answers the partners asked. Raises NotFound, or Refused with the clause that would allow it.
    """
    payload = {"actor": to_wire(actor), "record": record, "parts": list(parts), "reason": reason}
    return list(here.door().call("erase", payload)["partners"])


@dataclass(frozen=True)
class OwnRecord:
    """An own record as a page about what became of it names it: no content, and what may be taken back.

    `withdraw` and `erase` are the parts that the reader may withdraw or erase.
    """

    id: str
    kind: str
    withdrawn: bool
    withdraw: tuple[str, ...]
    erase: tuple[str, ...]


@dataclass(frozen=True)
class HeldLine:
    """One version that a partner was given. `arrived`: the partner has acknowledged it."""

    held: Held
    record: OwnRecord
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
    known = _known(reader, sorted({held.record for _, held in found}))
    lines = tuple(
        HeldLine(held, known[held.record], held.feed_index < acknowledged.get(held.partner, 0))
        for _, held in found
        if held.record in known and concerns(reader, held.partner, held.kind)
    )
    return HeldPage(lines, more)


def concerns(reader: Subject, partner: str, kind: str) -> bool:
    """Whether what this partner has of a kind is the reader's matter: not for roles that count under other agreements
    alone, though the record may be shared with both."""
    within = within_which(here.state().policy, reader, "read", kind)
    return within is None or partner in within


def own_record(reader: Subject, record: str) -> OwnRecord:
    """Raises NotFound for a record that is another's or that the reader may not know of."""
    found = _known(reader, [record]).get(record)
    if found is None:
        raise NotFound(record)
    return found


def _known(reader: Subject, records: Sequence[str]) -> dict[str, OwnRecord]:
    if not records:
        return {}
    answer = here.door().call("may_know", {"actor": to_wire(reader), "records": list(records)})
    return {
        record: OwnRecord(
            record, found["kind"], found["withdrawn"], tuple(found["withdraw"]), tuple(found["erase"])
        )
        for record, found in answer["known"].items()
    }


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
    if own.originator != reader.party or not concerns(reader, partner, own.kind):
        raise NotFound(record)
    answer = here.door().call("preview", {"actor": to_wire(reader), "record": record, "partner": partner})
    withheld = tuple(
        (part, reason, tuple((g, s) for g, s in would)) for part, reason, would in answer["withheld"]
    )
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


def is_index(text: str) -> bool:
    """Whether a text of an address is an index of a ledger: no ledger has more than 18 digits of them."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def people(reader: Subject) -> dict[str, str]:
    """Account names by person, as far as the reader may see who holds which role."""
    found: dict[str, str] = {}
    query = Query("role_assignment", originator=reader.party, sort="at", limit=1000)
    for record in find(reader, query).records:
        if part := record.parts.get("assignment"):
            found.setdefault(part["person"], part.get("account_name") or part["person"])
    return found


def would(reader: Subject, act: str, kind: str) -> list[tuple[str, str]]:
    """The grants of clauses not in force that would let one of the reader's roles do this at all."""
    policy = here.state().policy
    found = {
        row.grant: row.status
        for role in sorted(reader.roles)
        for row in policy.explain(reader.party, role, act, kind, pending=True)
        if row.status != "agreed"
    }
    return list(found.items())
