"""The agreement as a program: clauses compiled to a dictionary, and the decisions it gives.

Clauses only permit; the built-in red lines and each party's own only forbid:

- R1, originator control: an ORCON record is disclosed or exported by nobody but its originator;
- R2, releasability: a party that is not the originator must be named in `releasable`;
- R3, clearance: the person's clearance must dominate the label of the part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Literal, NamedTuple

from safeconduct.agreement.books import (
    ASSIGNED,
    AUTHORISED,
    EMERGENCY,
    NOT_BEFORE,
    Book,
    Condition,
    PlacedGrant,
    digest_of,
    place_grants,
    place_red_lines,
)
from safeconduct.agreement.dictionary import Entry, Table, View, by_party, table_of, view_of
from safeconduct.agreement.vocabulary import ROLES, Vocabulary

__all__ = ["Book", "Decision", "Explanation", "Item", "Policy", "Subject", "compile_policy"]

ONWARD_ACTS = frozenset({"disclose", "export"})
NO_GRANT = "no grant"
LimitName = Literal["opens_hours", "lead_time_hours", "retention_days", "erase_after_days"]
_GIVING = frozenset({"read", "disclose"})
_EVERY_ROLE = frozenset(ROLES)
_MAX_VIEWS = 4096


class Subject(NamedTuple):
    """Who asks. `units` are the units the person serves in; `authorised` the ids of records that a
    DisclosureAuthorisation opens for this person; `clearance` a level number; `emergency` the ids of records for
    which the person has broken the glass; `limited` (role, party) for each party whose agreement a role is limited to:
    a role that stands in none of them counts everywhere."""

    party: str
    roles: frozenset[str]
    clearance: int = 0
    units: frozenset[str] = frozenset()
    authorised: frozenset[str] = frozenset()
    person: str = ""
    emergency: frozenset[str] = frozenset()
    limited: frozenset[tuple[str, str]] = frozenset()


class Item(NamedTuple):
    """What policy sees of a record. `levels` has two bits per part; `opens` is epoch seconds or None;
    `agreement` is the one a received record came under, "" for an own record."""

    id: str
    kind: str
    originator: str
    state: str
    levels: int
    releasable: frozenset[str] = frozenset()
    orcon: bool = False
    assigned: frozenset[str] = frozenset()
    opens: float | None = None
    agreement: str = ""


class Decision(NamedTuple):
    """`grants` permit it, or else `refused_by` names R1, R2, R3, a red line or "no grant", and `would` the
    grants of clauses not agreed that would permit it, each with the status of its clause."""

    permit: bool
    grants: tuple[str, ...] = ()
    refused_by: str = ""
    would: tuple[tuple[str, str], ...] = ()


class Explanation(NamedTuple):
    """One part that a grant opens; `sentences` is the treaty's own sentence in each of its languages."""

    part: str
    grant: str
    status: str
    sentences: Mapping[str, str]


class Policy:
    """Decides. Immutable after compilation and safe to share between threads.

    `digest` names the clauses and statuses compiled: streams are decided again when it changes. `grants` are
    those in force by id ("pk-cn/4.1"), with their limits; `pending` those of clauses that are not agreed;
    `by_authorisation` the kinds that some grant opens to persons authorised for the record; `by_emergency` those that
    some grant opens to whoever breaks the glass; `two_person` the
    (act, kind) of which some grant lets one person alone do only so much.
    """

    def __init__(self, books: tuple[Book, ...], vocabulary: Vocabulary) -> None:
        self.books = books
        self.vocabulary = vocabulary
        self.digest = digest_of(books)
        self.red_lines = place_red_lines(books, vocabulary)
        placed = place_grants(books)
        agreed = [grant for grant in placed if grant.status == "agreed"]
        self.grants: Mapping[str, PlacedGrant] = MappingProxyType({grant.id: grant for grant in agreed})
        self.by_authorisation = frozenset(
            kind for placed in agreed if "authorised_by" in placed.grant.when for kind in placed.grant.kinds
        )
        self.by_emergency = frozenset(
            kind for placed in agreed if "emergency" in placed.grant.when for kind in placed.grant.kinds
        )
        self.two_person = frozenset(
            (act, kind)
            for placed in agreed
            if placed.grant.two_person_above is not None
            for act in placed.grant.may
            for kind in placed.grant.kinds
        )
        self.pending = tuple(grant for grant in placed if grant.status != "agreed")
        self._views: dict[tuple[str, frozenset[str]], View] = {}
        self._would_views: dict[tuple[str, frozenset[str]], View] = {}
        self._permits = {name: Decision(True, (name,)) for name in self.grants}

    @cached_property
    def table(self) -> Table:
        """All that is permitted, at once: for proofs and for whoever lists it. Deciding needs a party's share alone."""
        return table_of(self.grants.values(), self.vocabulary)

    @cached_property
    def _would(self) -> Table:
        """What the clauses that are not agreed would permit."""
        return table_of(self.pending, self.vocabulary)

    @cached_property
    def _held(self) -> Mapping[str, tuple[Condition, ...]]:
        return by_party(self.grants.values())

    @cached_property
    def _held_if_agreed(self) -> Mapping[str, tuple[Condition, ...]]:
        """The same of the clauses that are not agreed: asked for a refusal only."""
        return by_party(self.pending)

    def decide(self, subject: Subject, act: str, item: Item, part: str, now: float) -> Decision:
        """Permit or refuse one act on one part, with the grants that decide it. `now` is epoch seconds."""
        subject = counting(subject, item)
        view = self._views.get((subject.party, subject.roles)) or self._view(subject)
        entry = view.parts.get((act, item.kind, part))
        if entry is not None:
            found = _permitting(entry, subject, act, item, now)
            if found:
                if len(found) == 1:
                    return self._permits[found[0].placed.id]
                return Decision(True, tuple(dict.fromkeys(condition.placed.id for condition in found)))
        return self._refusal(subject, act, item, part, now)

    def mask(self, subject: Subject, act: str, item: Item, now: float) -> int:
        """The parts of a record open to this act, as a bitmask by the position of the part in its kind."""
        mask = 0
        subject = counting(subject, item)
        for entry in self.entries(subject, act, item.kind):
            if _permitting(entry, subject, act, item, now):
                mask |= 1 << entry.bit
        return mask

    def logged(self, subject: Subject, act: str, item: Item, now: float) -> int:
        """The open parts that must be noted first: those for which every permitting grant is logged."""
        mask = 0
        subject = counting(subject, item)
        for entry in self.entries(subject, act, item.kind):
            found = _permitting(entry, subject, act, item, now)
            if found and all(act in condition.placed.grant.logged for condition in found):
                mask |= 1 << entry.bit
        return mask

    def alone(self, subject: Subject, act: str, item: Item, now: float, parts: int = -1) -> int | None:
        """On how many records of a kind within an hour one person alone may do this with these parts; None: no limit.

        A part is limited if every grant that permits it is; of several parts the strictest counts.
        """
        if (act, item.kind) not in self.two_person:
            return None
        least: int | None = None
        subject = counting(subject, item)
        for entry in self.entries(subject, act, item.kind):
            if not parts >> entry.bit & 1:
                continue
            found = _permitting(entry, subject, act, item, now)
            limits = [
                limit for condition in found if (limit := condition.placed.grant.two_person_above) is not None
            ]
            if found and len(limits) == len(found):
                least = max(limits) if least is None else min(least, max(limits))
        return least

    def opens_in_emergency(self, subject: Subject, kind: str) -> bool:
        """Whether some grant lets one of these roles break the glass for a record of this kind."""
        return kind in self.by_emergency and any(
            condition.facts & EMERGENCY
            for entry in self.entries(subject, "read", kind)
            for condition in entry.conditions
        )

    def outside(self, subject: Subject, item: Item, channel: str, now: float) -> int:
        """The parts that a person who may read them may be told over a channel outside, as a bitmask.

        Only a grant that names the channel opens it, and only where a reading needs no note: nobody could say what
        is read at the other end.
        """
        mask = 0
        subject = counting(subject, item)
        for entry in self.entries(subject, "read", item.kind):
            grants = [condition.placed.grant for condition in _permitting(entry, subject, "read", item, now)]
            if any(channel in grant.channels and "read" not in grant.logged for grant in grants):
                mask |= 1 << entry.bit
        return mask

    def disclosable(
        self,
        item: Item,
        to_party: str,
        now: float,
        by: str = "",
        authorised: frozenset[str] = frozenset(),
    ) -> tuple[int, dict[str, tuple[str, ...]]]:
        """What of a record may be given to a party's node, and by which grants.

        `by` is the disclosing party and must be the originator ("" takes it to be); `authorised` are the ids
        of records for which some DisclosureAuthorisation to that party exists. A grant for duty bearers
        needs the record to have one. R3 concerns persons and is applied where they read.
        """
        mask, grants = 0, dict[str, tuple[str, ...]]()
        originator = item.originator
        if to_party == originator or by not in ("", originator) or to_party not in item.releasable:
            return mask, grants
        node = Subject(to_party, _EVERY_ROLE, 3, item.assigned, authorised)
        for entry in self.entries(node, "disclose", item.kind):
            # ORCON binds everyone but the originator, and here the originator itself discloses.
            if found := _permitting(entry, node, "disclose", item._replace(orcon=False), now):
                mask |= 1 << entry.bit
                part = self.vocabulary.kinds[item.kind].parts[entry.bit]
                grants[part] = tuple(dict.fromkeys(condition.placed.id for condition in found))
        return mask, grants

    def explain(
        self, party: str, role: str, act: str, kind: str, pending: bool = False
    ) -> tuple[Explanation, ...]:
        """Which parts a role may use in an act, by which grant, in the words of the treaty.

        With `pending`, grants of clauses that are not agreed follow those in force. Raises KeyError for an
        unknown kind.
        """
        return tuple(
            Explanation(part, condition.placed.id, condition.placed.status, condition.placed.sentences)
            for table in ((self.table, self._would) if pending else (self.table,))
            for part in self.vocabulary.kinds[kind].parts
            for condition in table.get((party, role, act, kind, part), ())
        )

    def limit(self, name: LimitName, kind: str, part: str, to_party: str, originator: str = "") -> int | None:
        """The largest such limit of the grants in force that give a party this part to read or take in.

        `originator` narrows it to one party's records. None when no grant in force names the limit.
        """
        found = [
            value
            for placed in self.grants.values()
            if kind in placed.grant.kinds
            and part in placed.grant.parts_of(kind, self.vocabulary)
            and _GIVING.intersection(placed.grant.may)
            and any(to == to_party and originator in ("", whose) for to, whose in placed.directions)
            and (value := getattr(placed.grant, name)) is not None
        ]
        return max(found, default=None)

    def entries(self, subject: Subject, act: str, kind: str) -> tuple[Entry, ...]:
        """The parts of a kind that some grant in force could open to these roles in this act."""
        view = self._views.get((subject.party, subject.roles)) or self._view(subject)
        return view.kinds.get((act, kind), ())

    def _view(self, subject: Subject, would: bool = False) -> View:
        views, held = (self._would_views, self._held_if_agreed) if would else (self._views, self._held)
        key = (subject.party, subject.roles)
        view = views.get(key)
        if view is None:
            if len(views) >= _MAX_VIEWS:
                views.clear()
            view = views[key] = view_of(
                held.get(subject.party, ()), subject.roles, self.red_lines, self.vocabulary
            )
        return view

    def _refusal(self, subject: Subject, act: str, item: Item, part: str, now: float) -> Decision:
        shape = self.vocabulary.kinds.get(item.kind)
        if shape is None or part not in shape.parts:
            return Decision(False, refused_by=NO_GRANT)
        level = item.levels >> 2 * shape.parts.index(part) & 3
        for name in self._forbidding(subject, act, item, part, level):
            return Decision(False, refused_by=name)
        entry = self._view(subject, would=True).parts.get((act, item.kind, part))
        found = _permitting(entry, subject, act, item, now) if entry else []
        would = dict.fromkeys((condition.placed.id, condition.placed.status) for condition in found)
        return Decision(False, refused_by=NO_GRANT, would=tuple(would))

    def _forbidding(self, subject: Subject, act: str, item: Item, part: str, level: int) -> Iterator[str]:
        party, originator = subject.party, item.originator
        if item.orcon and party != originator and act in ONWARD_ACTS:
            yield "R1"
        if party != originator and party not in item.releasable:
            yield "R2"
        if subject.clearance < level:
            yield "R3"
        for line in self.red_lines:
            if part in line.parts.get(item.kind, ()) and line.forbids(party, act, originator, level):
                yield line.id


KEPT = "~"
"""Before the name of a party: the record does not go there, and is for who may see what is under that agreement."""


def counting(subject: Subject, item: Item) -> Subject:
    """The subject with those of its roles that count for a record: one that is limited to some agreements counts for
    what came under them, for own records that may go to their parties or are kept for who works for them, and for those
    that go to nobody and are nobody's matter."""
    if not subject.limited:
        return subject
    own = item.originator == subject.party
    concerned = item.releasable if own else frozenset({item.originator})
    roles = frozenset(
        role
        for role in subject.roles
        if (parties := limits_of(subject, role)) is None
        or not concerned.isdisjoint(concerning(parties))
        or (own and not concerned)
    )
    return subject._replace(roles=roles, limited=frozenset())


def concerning(parties: Iterable[str]) -> list[str]:
    """What own records bear of which one is among the parties it may go to or is kept for."""
    return [name for party in parties if party for name in (party, KEPT + party)]


def under_each(subject: Subject, item: Item) -> tuple[Item, ...]:
    """The record as each agreement that it concerns has it, for who has a role that is limited: what is done to it has
    to be allowed under every one of them."""
    kept = any(name.startswith(KEPT) for name in item.releasable)
    if not subject.limited or item.originator != subject.party or len(item.releasable) < 2 or kept:
        return (item,)
    return tuple(item._replace(releasable=frozenset({party})) for party in sorted(item.releasable))


def limits_of(subject: Subject, role: str) -> frozenset[str] | None:
    """The parties whose agreements a role of the subject is limited to; None for a role that counts everywhere."""
    parties = frozenset(party for each, party in subject.limited if each == role)
    return parties or None


def compile_policy(books: Iterable[Book], vocabulary: Vocabulary) -> Policy:
    """Compile books of clauses. Raises ValueError if two books share a name or two agreed texts a number."""
    books = tuple(books)
    for name, count in Counter(book.agreement for book in books).items():
        if count > 1:
            raise ValueError(f"two books are named {name}")
    for book in books:
        agreed = Counter(clause.number for clause, status in book.clauses if status == "agreed")
        for number, count in agreed.items():
            if count > 1:
                raise ValueError(f"{book.agreement}: two texts of clause {number} are given as agreed")
    return Policy(books, vocabulary)


def _permitting(entry: Entry, subject: Subject, act: str, item: Item, now: float) -> list[Condition]:
    """The conditions that permit an act on a part; none if a red line forbids it."""
    party, _, clearance, _, _, _, _, _ = subject
    _, _, originator, state, levels, releasable, orcon, _, _, agreement = item
    bit, lines, _, by_originator = entry
    level = levels >> 2 * bit & 3
    if clearance < level:
        return []
    if party != originator and (party not in releasable or (orcon and act in ONWARD_ACTS)):
        return []
    for line in lines:
        if line.forbids(party, act, originator, level):
            return []
    return [
        condition
        for condition in by_originator.get(originator, ())
        if level <= condition[3]
        and (condition[4] is None or state in condition[4])
        and (not condition[1] or not agreement or condition[1] == agreement)
        and (not condition[5] or _facts_hold(condition[5], subject, item, now))
    ]


def _facts_hold(facts: int, subject: Subject, item: Item, now: float) -> bool:
    if facts & ASSIGNED and not is_assigned(subject, item):
        return False
    if facts & NOT_BEFORE and item.opens is not None and item.opens > now:
        return False
    if facts & AUTHORISED and item.id not in subject.authorised:
        return False
    return not facts & EMERGENCY or item.id in subject.emergency


def is_assigned(subject: Subject, item: Item) -> bool:
    """Whether the subject, or a unit it serves in, is the duty bearer of the record."""
    return not item.assigned.isdisjoint(subject.units) or (
        subject.person != "" and subject.person in item.assigned
    )
