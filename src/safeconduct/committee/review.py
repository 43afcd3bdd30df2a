"""What a signatory sees before signing: what the act would add and remove, what it breaks, whom it leaves."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from safeconduct.agreement.acts import SignedAct, StatusAct
from safeconduct.agreement.books import Book, PlacedGrant, digest_of
from safeconduct.agreement.policy import Policy, Subject, compile_policy
from safeconduct.agreement.proof import Violation, difference, violations
from safeconduct.agreement.signatures import Signatory, verify
from safeconduct.agreement.status import standing
from safeconduct.committee.changes import Changes, changes
from safeconduct.committee.documents import AgreementView, ClauseView
from safeconduct.committee.wording import RuleRow, Sentence, assurance_rows, sentence_of
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import vocabulary
from safeconduct.shell.terms import ROLE_NAMES, plain

MANY = 500


@dataclass(frozen=True)
class Proof:
    """An assurance and what enumerating the grants made of it; `broken` says how it would be broken."""

    rule: RuleRow
    broken: tuple[Violation, ...]


@dataclass(frozen=True)
class Left:
    """People who would lose a grant that lives depend on. `people` is None where the reader may not know who.

    The other party's people are known by their roles only.
    """

    grant: str
    sentence: Sentence
    party: str
    role_names: tuple[str, ...]
    people: tuple[str, ...] | None


@dataclass(frozen=True)
class Review:
    """`at_once` is what the act changes when it is signed; `when_all_sign` what a widening comes to.

    `elsewhere` are assurances of other books (the house rules) that it would break.
    """

    at_once: Changes
    when_all_sign: Changes | None
    proofs: tuple[Proof, ...]
    elsewhere: tuple[Violation, ...]
    left_without: tuple[Left, ...]

    @property
    def broken(self) -> bool:
        return bool(self.elsewhere) or any(proof.broken for proof in self.proofs)


def review(reader: Subject, place: AgreementView, act: StatusAct) -> Review:
    """Work out what an act would do, by making it on paper."""
    state = here.state()
    after = policy_with(place, _book_after(place, act))
    widest = place.place.book_with_agreed(act.text) if act.to == "agreed" else None
    eventual = policy_with(place, widest) if widest is not None else None
    broken = _violations(place, widest) if widest is not None else ()
    return Review(
        at_once=changes(difference(state.policy, after)),
        when_all_sign=changes(difference(state.policy, eventual)) if eventual is not None else None,
        proofs=tuple(_prove(place, widest, broken)) if widest is not None else (),
        elsewhere=tuple(v for v in broken if v.agreement != place.name),
        left_without=tuple(_left_without(reader, state.policy, after)),
    )


def proofs(place: AgreementView, clause: ClauseView) -> list[Proof]:
    """The assurances of one clause, proved about the agreement as it stands."""
    book = place.place.book()
    return [
        p
        for p in _prove(place, book, _violations(place, book))
        if p.rule.id.partition(".")[0] == clause.number
    ]


def _book_after(place: AgreementView, act: StatusAct) -> Book:
    """The book once this act is on record. Its own signature does not exist yet; every other is checked."""
    own = act.digest()

    def check(found: StatusAct, signature: object, signatory: Signatory) -> None:
        if found.digest() != own:
            verify(found, signature, signatory)  # type: ignore[arg-type]

    acts = (*place.place.acts, SignedAct(act, {"method": "none"}))
    parties = tuple(place.parties.values())
    result = standing(acts, parties, place.place.clauses, place.place.initial, place.name, check)
    return Book(place.name, dict(place.parties), result.book_clauses())


def _books(place: AgreementView, book: Book) -> list[Book]:
    others = [s.book() for s in here.state().agreements.values() if s.agreement != place.name]
    return [*others, book]


def policy_with(place: AgreementView, book: Book) -> Policy:
    """The policy that this node would have if an agreement's clauses were these."""
    return compile_policy(_books(place, book), vocabulary())


_proved: OrderedDict[str, tuple[Violation, ...]] = OrderedDict()
REMEMBERED = 16


def _violations(place: AgreementView, book: Book) -> tuple[Violation, ...]:
    """What breaks which assurance; remembered, since the same clauses prove the same."""
    books = _books(place, book)
    key = digest_of(books)
    if key not in _proved:
        _proved[key] = tuple(violations(books, vocabulary()))
        while len(_proved) > REMEMBERED:
            _proved.popitem(last=False)
    return _proved[key]


def _prove(place: AgreementView, book: Book, broken: tuple[Violation, ...]) -> list[Proof]:
    """Every assurance in the book whose text the reader may read. They hold whatever the statuses become."""
    shown = {version.clause.digest for clause in place.clauses for version in clause.versions}
    return [
        Proof(rule, tuple(v for v in broken if (v.agreement, v.assurance) == (place.name, rule.id)))
        for clause, _ in book.clauses
        if clause.digest in shown
        for rule in assurance_rows(clause)
    ]


def _left_without(reader: Subject, before: Policy, after: Policy) -> list[Left]:
    lost = [
        placed
        for name, placed in before.grants.items()
        if placed.grant.life_safety and not _still_given(placed, after.grants.get(name))
    ]
    holders = _holders(reader) if lost else None
    found = []
    for placed in lost:
        sentence = sentence_of(placed.clause, placed.grant.id)
        for party in dict.fromkeys(to for to, _ in placed.directions):
            people = None
            if party == reader.party and holders is not None:
                names = {name for role in placed.grant.roles for name in holders.get(role, ())}
                people = tuple(sorted(names))
            roles = tuple(plain(ROLE_NAMES, role) for role in placed.grant.roles)
            found.append(Left(placed.id, sentence, party, roles, people))
    return found


def _still_given(before: PlacedGrant, after: PlacedGrant | None) -> bool:
    """Whether a grant goes on as it was; one whose terms change is shown as lost in its old form."""
    return after is not None and after.grant == before.grant and after.directions == before.directions


def _holders(reader: Subject) -> dict[str, list[str]] | None:
    """Names of this party's people by role, as far as the reader may see who holds which; else None."""
    query = Query("role_assignment", state="open", originator=reader.party, sort="at", limit=MANY)
    found: dict[str, list[str]] = {}
    seen = False
    while True:
        page = find(reader, query)
        for record in page.records:
            if part := record.parts.get("assignment"):
                seen = True
                found.setdefault(part["role"], []).append(part.get("account_name") or part["person"])
        if not page.next_cursor:
            return found if seen else None
        query = replace(query, cursor=page.next_cursor)
