"""Books: the clauses of an agreement or a house with their status, and their grants between real parties."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from safeconduct.agreement.clauses import ALL, Clause, Grant
from safeconduct.agreement.vocabulary import FACTS, STATUSES, Vocabulary

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
RED_LINE_STATUSES = ("agreed", "suspended")
"""A red line holds while its house rule is suspended, too: suspending takes grants away, it opens nothing."""

ASSIGNED, NOT_BEFORE, AUTHORISED, EMERGENCY = (1 << bit for bit in range(4))
FACT_BITS = dict(zip(FACTS, (ASSIGNED, NOT_BEFORE, AUTHORISED, EMERGENCY), strict=True))


@dataclass(frozen=True)
class Book:
    """The clauses of one agreement, or of one party's house, each with its status.

    `parties` is {"host": id, "partner": id}, or {"own": id} for a house. Raises ValueError for names that are
    no short lower-case words, for an unknown status and for a clause that belongs in the other sort of book.
    """

    agreement: str
    parties: Mapping[str, str]
    clauses: tuple[tuple[Clause, str], ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "clauses", tuple(self.clauses))
        if set(self.parties) not in ({"host", "partner"}, {"own"}):
            raise ValueError(f"book {self.agreement}: parties are host and partner, or own")
        for name in (self.agreement, *self.parties.values()):
            if not _NAME.fullmatch(name):
                raise ValueError(f"book {self.agreement}: {name!r} is no short lower-case name")
        if len(set(self.parties.values())) != len(self.parties):
            raise ValueError(f"book {self.agreement}: the two parties are the same")
        for clause, status in self.clauses:
            if status not in STATUSES:
                raise ValueError(f"book {self.agreement}: clause {clause.number}: unknown status {status!r}")
            if clause.house != self.house:
                raise ValueError(f"book {self.agreement}: clause {clause.number} is of another sort of book")

    @property
    def house(self) -> bool:
        return "own" in self.parties

    def directions(self, grant: Grant) -> tuple[tuple[str, str], ...]:
        """(receiving party, originator) pairs of a grant.

        None for a house grant on others' records: what those may be used for, only an agreement says.
        """
        if self.house:
            own = self.parties["own"]
            return ((own, own),) if grant.whose == "own" else ()
        receivers = ("host", "partner") if grant.to == "both" else (grant.to,)
        other = {"host": "partner", "partner": "host"}
        return tuple(
            (self.parties[to], self.parties[other[to] if grant.whose == "other" else grant.whose])
            for to in receivers
        )


@dataclass(frozen=True, eq=False)
class PlacedGrant:
    """A grant of a book. `id` is the agreement and the grant's number: "pk-cn/4.1", "house/H1.1"."""

    id: str
    agreement: str
    house: bool
    status: str
    clause: Clause
    grant: Grant
    directions: tuple[tuple[str, str], ...]

    @property
    def sentences(self) -> Mapping[str, str]:
        """The numbered sentence in each language of the clause."""
        return self.clause.sentences[self.grant.id]


class Condition(NamedTuple):
    """When a grant applies, one direction of it. `agreement` is "" for a house rule; `facts` are bits."""

    placed: PlacedGrant
    agreement: str
    originator: str
    up_to: int
    states: frozenset[str] | None
    facts: int


class Line(NamedTuple):
    """A configured red line: parts of `party`'s own records above a level are never disclosed."""

    id: str
    party: str
    above: int
    parts: Mapping[str, tuple[str, ...]]

    def forbids(self, party: str, act: str, originator: str, level: int) -> bool:
        """Disclosure by anybody, and every act of a party whom the part could only have reached by it."""
        return self.party == originator and level > self.above and (act == "disclose" or party != originator)


def place_grants(books: Iterable[Book]) -> tuple[PlacedGrant, ...]:
    """Every grant of the books, placed between its parties."""
    return tuple(
        PlacedGrant(
            f"{book.agreement}/{grant.id}",
            book.agreement,
            book.house,
            status,
            clause,
            grant,
            book.directions(grant),
        )
        for book in books
        for clause, status in book.clauses
        for grant in clause.grants
    )


def place_red_lines(books: Iterable[Book], vocabulary: Vocabulary) -> tuple[Line, ...]:
    return tuple(
        Line(
            f"{book.agreement}/{line.id}",
            book.parties["own"],
            line.above,
            {
                kind: shape.parts if line.parts == ALL else line.parts
                for kind, shape in vocabulary.kinds.items()
                if line.kinds == ALL or kind in line.kinds
            },
        )
        for book in books
        for clause, status in book.clauses
        if status in RED_LINE_STATUSES
        for line in clause.red_lines
    )


def conditions_of(placed: PlacedGrant) -> tuple[tuple[str, Condition], ...]:
    """(receiving party, condition) of each direction of a grant."""
    grant = placed.grant
    states = None if grant.states is None else frozenset(grant.states)
    facts = sum(FACT_BITS[fact] for fact in grant.when)
    agreement = "" if placed.house else placed.agreement
    return tuple(
        (to, Condition(placed, agreement, whose, grant.up_to, states, facts))
        for to, whose in placed.directions
    )


def digest_of(books: Iterable[Book]) -> str:
    """Names exactly these clauses with these statuses between these parties."""
    lines = [
        f"{book.agreement} {word}={party} {clause.digest} {status}\n"
        for book in books
        for word, party in sorted(book.parties.items())
        for clause, status in book.clauses
    ]
    return "sha256:" + hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
