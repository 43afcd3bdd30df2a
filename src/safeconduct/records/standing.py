"""The agreements as they stand: clause and status-act records, turned into the policy that everything asks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from safeconduct.agreement.acts import ActRefused, SignedAct
from safeconduct.agreement.clauses import Clause, ClauseError, parse_clause
from safeconduct.agreement.policy import Book, Policy, compile_policy
from safeconduct.agreement.signatures import Signatory
from safeconduct.agreement.status import Standing, standing
from safeconduct.agreement.vocabulary import Vocabulary
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.kinds import all_kinds, vocabulary

HOUSE = "house"


class Asks(Protocol):
    def all(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]: ...

    def one(self, sql: str, parameters: list[Any]) -> tuple[Any, ...] | None: ...


@dataclass(frozen=True)
class AgreementStanding:
    """One agreement: its parties by word (host, partner, own), its clauses, and what the acts make of them."""

    agreement: str
    parties: Mapping[str, str]
    clauses: tuple[Clause, ...]
    acts: tuple[SignedAct, ...]
    initial: Mapping[str, tuple[Signatory, ...]]
    standing: Standing

    def book(self) -> Book:
        return Book(self.agreement, dict(self.parties), self.standing.book_clauses())

    def book_with_agreed(self, text: str) -> Book:
        """The book as it would be with this text agreed by all."""
        others = [(c, status) for c, status in self.standing.book_clauses() if c.digest != text]
        agreed = [(c, "agreed") for c in self.clauses if c.digest == text]
        numbers = {c.number for c, _ in agreed}
        kept = [(c, status) for c, status in others if not (c.number in numbers and status == "agreed")]
        return Book(self.agreement, dict(self.parties), (*kept, *agreed))

    def after(self, signed: SignedAct) -> AgreementStanding:
        """How it would stand if this act were made as well."""
        return _stand(self.agreement, self.parties, self.clauses, (*self.acts, signed), self.initial)


@dataclass(frozen=True)
class AgreementState:
    """Every agreement of this node, its house rules, and the policy they compile to.

    `index` is the ledger index of the last entry that changed it.
    """

    index: int
    agreements: Mapping[str, AgreementStanding]
    policy: Policy


def policy_index(tables: Asks) -> int:
    """Ledger index at which a clause or status act last changed; -1 for none yet."""
    found = tables.one("SELECT size FROM records_applied WHERE id = 2", [])
    return int(found[0]) if found else -1


def load_state(tables: Asks, home: Home) -> AgreementState:
    """Read the clauses and acts from the tables and compile them. Faulty ones count for nothing."""
    # The index first: what arrives while the rows are read makes this state look older than it is, never newer.
    index = policy_index(tables)
    words = vocabulary()
    clauses: dict[str, dict[str, Clause]] = {}
    acts: dict[str, list[SignedAct]] = {}
    rows = tables.all(
        "SELECT kind, originator, agreement, parts FROM records_row WHERE kind IN ('clause', 'status_act') "
        "AND withdrawn = %s ORDER BY born",
        [False],
    )
    for kind, originator, came_under, raw in rows:
        parts = json.loads(raw)
        part = parts.get("text") if kind == "clause" else parts.get("act")
        if part is None or (came_under and part["agreement"] != came_under):
            continue
        agreement = part["agreement"]
        try:
            if kind == "clause":
                parsed = _parse(part["file"], f"{agreement}/{part['number']}", tuple(all_kinds()))
                if isinstance(parsed, ClauseError):
                    raise parsed
                clauses.setdefault(agreement, {})[parsed.digest] = parsed
            else:
                signed = signed_act(part)
                if signed.act.by == originator and signed.act.agreement == agreement:
                    acts.setdefault(agreement, []).append(signed)
        except (ClauseError, ValueError) as fault:
            log_event("clause_void", fault=fault, kind=kind, partner=originator)
    standings = {
        agreement: _stand(
            agreement,
            parties,
            tuple(clauses.get(agreement, {}).values()),
            tuple(acts.get(agreement, ())),
            initial,
        )
        for agreement, parties, initial in _agreements(home)
    }
    return AgreementState(
        index, standings, _compiled(_Asked.of([s.book() for s in standings.values()], words))
    )


@dataclass(frozen=True)
class _Asked:
    """Books to be compiled, known by the digests of their clauses and what these may name."""

    same: tuple[Any, ...]
    books: tuple[Book, ...] = field(compare=False)
    words: Vocabulary = field(compare=False)

    @classmethod
    def of(cls, books: Sequence[Book], words: Vocabulary) -> _Asked:
        each = (
            (b.agreement, *b.parties.items(), *((clause.digest, status) for clause, status in b.clauses))
            for b in books
        )
        return cls((*each, *words.kinds.items()), tuple(books), words)


@lru_cache(maxsize=4)
def _compiled(asked: _Asked) -> Policy:
    """The policy of these books, made once; what Cedar says of it is kept with it."""
    return compile_policy(asked.books, asked.words)


@lru_cache(maxsize=4096)
def _parse(file: str, name: str, kinds: tuple[str, ...]) -> Clause | ClauseError:
    """A clause file parsed once for each set of kinds the house has, faulty ones too."""
    try:
        return parse_clause(file.encode(), vocabulary(), name)
    except ClauseError as fault:
        return fault.with_traceback(None)


def signed_act(part: Mapping[str, Any]) -> SignedAct:
    """The signed act in the `act` part of a status_act record. Raises ValueError (ActRefused)."""
    try:
        act = json.loads(part["act"])
    except RecursionError:
        # How deep is too deep depends on who calls; no act is nested deeply, so all callers refuse alike.
        raise ActRefused("an act is not nested deeply") from None
    return SignedAct.from_dict({"act": act, "signature": part["signature"]})


def _stand(
    agreement: str,
    parties: Mapping[str, str],
    clauses: tuple[Clause, ...],
    acts: tuple[SignedAct, ...],
    initial: Mapping[str, tuple[Signatory, ...]],
) -> AgreementStanding:
    result = standing(acts, tuple(parties.values()), clauses, initial)
    return AgreementStanding(agreement, parties, clauses, acts, initial, result)


def signatories_of(cards: list[Any], party: str) -> tuple[Signatory, ...]:
    return tuple(Signatory.from_dict(c) for c in cards if c.get("party") == party)


def _agreements(home: Home) -> list[tuple[str, dict[str, str], dict[str, tuple[Signatory, ...]]]]:
    own = signatories_of(list(home.settings.get("signatories", ())), home.party)
    found = [(HOUSE, {"own": home.party}, {home.party: own})]
    for partner in home.partners.values():
        theirs = signatories_of(list(partner.card.get("signatories", ())), partner.party)
        found.append(
            (partner.agreement, home.book_parties(partner), {home.party: own, partner.party: theirs})
        )
    return found
