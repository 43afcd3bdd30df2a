"""Proofs before a signature: that no assurance can be broken, and what a change adds and removes.

Clauses only permit, so "every clause agreed but those named in `unless`" is the worst that can come: what is
refused there is refused under every status the clauses can have. The configured red lines are left out of the
proof, since the party that drew one may lift it alone. Roles only add up, so what holds for every single role
holds for every assignment of roles to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

from safeconduct.agreement.books import ASSIGNED, AUTHORISED, EMERGENCY, NOT_BEFORE, Book, Condition
from safeconduct.agreement.clauses import Assurance, Clause
from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.agreement.vocabulary import LEVELS, Vocabulary

_FACT_STATES = tuple(range((ASSIGNED | NOT_BEFORE | AUTHORISED | EMERGENCY) + 1))
_NOW = 0.0


@dataclass(frozen=True)
class Violation:
    """A state in which an assurance would not hold, and the grants that would break it."""

    agreement: str
    assurance: str
    grants: tuple[str, ...]
    party: str
    role: str
    act: str
    kind: str
    part: str
    originator: str
    state: str
    level: str

    def __str__(self) -> str:
        return (
            f"assurance {self.agreement}/{self.assurance}: {', '.join(self.grants)} would let {self.party}'s "
            f"{self.role} {self.act} {self.kind}.{self.part} of {self.originator} "
            f"in state {self.state} up to {self.level}"
        )


def violations(
    books: Iterable[Book],
    vocabulary: Vocabulary,
    assurances: Iterable[tuple[str, Assurance]] | None = None,
) -> list[Violation]:
    """Check assurances, each given with the name of its book, over every state of the worst case.

    Without `assurances`, all that stand in the books' clauses are checked, whatever their status; the books
    should include the house rules of a party whose own conduct is assured. The result is one violation for
    each role, act and part, with the most permissive state; empty means proved.
    """
    books = tuple(books)
    if assurances is None:
        assurances = [
            (book.agreement, assurance)
            for book in books
            for clause, _ in book.clauses
            for assurance in clause.assurances
        ]
    by_name = {book.agreement: book for book in books}
    found: dict[Violation, None] = {}
    policies: dict[frozenset[tuple[str, str]], Policy] = {}
    for name, assurance in assurances:
        without = frozenset((name, number) for number in assurance.unless)
        policy = policies.get(without)
        if policy is None:
            policy = policies[without] = _worst_case(books, without, vocabulary)
        party = by_name[name].parties[assurance.party]
        whose = by_name[name].parties[assurance.whose] if assurance.whose else ""
        found.update(dict.fromkeys(_broken(policy, name, assurance, party, whose)))
    return list(found)


def _worst_case(
    books: tuple[Book, ...], without: frozenset[tuple[str, str]], vocabulary: Vocabulary
) -> Policy:
    """Everything agreed at once, every version of every text, but for the (agreement, number) that are excepted."""
    agreed = []
    for book in books:
        clauses = tuple(
            (_without_red_lines(clause), "agreed")
            for clause, _ in book.clauses
            if (book.agreement, clause.number) not in without
        )
        agreed.append(replace(book, clauses=clauses))
    return Policy(tuple(agreed), vocabulary)


def _without_red_lines(clause: Clause) -> Clause:
    return replace(clause, red_lines=()) if clause.red_lines else clause


def _broken(policy: Policy, name: str, assurance: Assurance, party: str, whose: str) -> Iterator[Violation]:
    for (holder, role, act, kind, part), conditions in policy.table.items():
        if (
            holder != party
            or act not in assurance.may
            or (assurance.kinds and kind not in assurance.kinds)
            or (assurance.roles and role not in assurance.roles)
            or (assurance.parts not in ((), ("*",)) and part not in assurance.parts)
        ):
            continue
        originators = {condition.originator for condition in conditions}
        agreements = {condition.agreement for condition in conditions}
        bit = policy.vocabulary.kinds[kind].parts.index(part)
        subject = Subject(
            party,
            frozenset({role}),
            len(LEVELS) - 1,
            frozenset({"u"}),
            frozenset({"i"}),
            "p",
            frozenset({"i"}),
        )
        for originator in sorted(originators if not whose else originators & {whose}):
            worst = _worst_state(
                policy, subject, act, kind, part, bit, originator, agreements, assurance.above
            )
            if worst is not None:
                grants, state, level = worst
                yield Violation(
                    name, assurance.id, grants, party, role, act, kind, part, originator, state, LEVELS[level]
                )


def _worst_state(
    policy: Policy,
    subject: Subject,
    act: str,
    kind: str,
    part: str,
    bit: int,
    originator: str,
    agreements: set[str],
    above: int,
) -> tuple[tuple[str, ...], str, int] | None:
    """The highest level and first state in which the act is permitted, everything else at its most open:
    released to the party, not ORCON, cleared, assigned, opened and authorised, the glass broken."""
    shape = policy.vocabulary.kinds[kind]
    for level in range(len(LEVELS) - 1, above, -1):
        for state, agreement in product(shape.states, sorted({"", *agreements})):
            item = Item(
                "i",
                kind,
                originator,
                state,
                level << 2 * bit,
                frozenset({subject.party}),
                assigned=frozenset({"u"}),
                agreement=agreement,
            )
            decision = policy.decide(subject, act, item, part, _NOW)
            if decision.permit:
                return decision.grants, state, level
    return None


class Change(NamedTuple):
    """One key of the dictionary that opens or closes. `states` and `levels` are those in which it does, `hours`
    how long before a record's own time at most, where its time lock has to do with it (0: it has not), `size`
    how many combinations of state, level, facts and steps of hours that are."""

    party: str
    role: str
    act: str
    kind: str
    part: str
    originator: str
    states: tuple[str, ...]
    levels: tuple[str, ...]
    hours: int
    size: int


@dataclass(frozen=True)
class Difference:
    """What a change of clauses or statuses adds and removes, for people to read before they sign.

    `sentences` groups the changes into plain English lines. `counts` has "added" and "removed" (states) and
    "added_keys" and "removed_keys" (role, act and part combinations).
    """

    added: tuple[Change, ...]
    removed: tuple[Change, ...]
    sentences: tuple[str, ...]
    counts: dict[str, int]

    def lines(self) -> tuple[str, ...]:
        """The sentences, and the counts in words under them."""
        counts = self.counts
        total = (
            f"{counts['added']} states added in {counts['added_keys']} combinations of role, act and part; "
            f"{counts['removed']} removed in {counts['removed_keys']}"
        )
        return (*self.sentences, total)


_State = tuple[str, str, str, int, int, int]
"""(originator, agreement, state, level, facts, hours before the record's time)"""


def difference(before: Policy, after: Policy) -> Difference:
    """Compare two policies state by state: originator, agreement, state, level and facts of every key.

    Both must have the same vocabulary (ValueError).
    """
    if before.vocabulary != after.vocabulary:
        raise ValueError("policies of two vocabularies cannot be compared")
    added: list[Change] = []
    removed: list[Change] = []
    known: dict[object, frozenset[_State]] = {}
    for key in sorted({*before.table, *after.table}):
        steps = _hour_steps(before.table.get(key, ()), after.table.get(key, ()))
        old, new = _permitted(before, key, steps, known), _permitted(after, key, steps, known)
        if old != new:
            added += _changes(before, key, new - old)
            removed += _changes(before, key, old - new)
    counts = {
        "added": sum(change.size for change in added),
        "removed": sum(change.size for change in removed),
        "added_keys": len({change[:5] for change in added}),
        "removed_keys": len({change[:5] for change in removed}),
    }
    sentences = (*_sentences("gains", added), *_sentences("loses", removed))
    return Difference(tuple(added), tuple(removed), sentences, counts)


def _hour_steps(*each: tuple[Condition, ...]) -> tuple[int, ...]:
    """The hours before a record's time at which some grant begins to open it, and 0 for its time itself."""
    found = {c.placed.grant.opens_hours for conditions in each for c in conditions}
    return tuple(sorted({0, *(hours for hours in found if hours is not None)}))


def _hours_open(condition: Condition, steps: tuple[int, ...]) -> tuple[int, ...]:
    """The steps at which a grant opens: all without a time lock, up to its own hours with one."""
    if not condition.facts & NOT_BEFORE:
        return steps
    hours = condition.placed.grant.opens_hours or 0
    return tuple(step for step in steps if step <= hours)


def _permitted(
    policy: Policy,
    key: tuple[str, str, str, str, str],
    steps: tuple[int, ...],
    known: dict[object, frozenset[_State]],
) -> frozenset[_State]:
    """Every state in which a fully cleared holder of the role is permitted, red lines included."""
    party, _, act, kind, part = key
    conditions = policy.table.get(key, ())
    if not conditions:
        return frozenset()
    lines = tuple(line for line in policy.red_lines if part in line.parts.get(kind, ()))
    same = (
        tuple(
            (c.agreement, c.originator, c.up_to, c.states, c.facts, _hours_open(c, steps)) for c in conditions
        ),
        tuple((line.party, line.above) for line in lines),
        (party, act, kind),
    )
    if same not in known:
        states: set[_State] = set()
        for condition in conditions:
            levels = [
                level
                for level in range(condition.up_to + 1)
                if not any(line.forbids(party, act, condition.originator, level) for line in lines)
            ]
            open_states = [
                state
                for state in policy.vocabulary.kinds[kind].states
                if condition.states is None or state in condition.states
            ]
            facts = [each for each in _FACT_STATES if each & condition.facts == condition.facts]
            hours = _hours_open(condition, steps)
            who = [condition.originator], [condition.agreement]
            states.update(product(*who, open_states, levels, facts, hours))
        known[same] = frozenset(states)
    return known[same]


def _changes(
    policy: Policy, key: tuple[str, str, str, str, str], states: frozenset[_State]
) -> Iterator[Change]:
    for originator in sorted({state[0] for state in states}):
        here = [state for state in states if state[0] == originator]
        names = {state[2] for state in here}
        levels = {state[3] for state in here}
        yield Change(
            *key,
            originator,
            tuple(name for name in policy.vocabulary.kinds[key[3]].states if name in names),
            tuple(LEVELS[level] for level in sorted(levels)),
            _locked_hours(here),
            len(here),
        )


def _locked_hours(states: list[_State]) -> int:
    """The earliest step that changes, unless it changes for good: then the time lock has nothing to do with it."""
    return 0 if any(not state[4] & NOT_BEFORE for state in states) else max(state[5] for state in states)


def _sentences(verb: str, changes: list[Change]) -> Iterator[str]:
    """One line for all roles, acts and parts that change in the same way."""
    parts_of: dict[tuple[object, ...], tuple[Change, list[str]]] = {}
    for change in changes:
        same = change._replace(part="", size=0)
        parts_of.setdefault(same, (change, []))[1].append(change.part)
    acts_of: dict[tuple[object, ...], tuple[Change, list[str], list[str]]] = {}
    for change, parts in parts_of.values():
        same_parts = (*change._replace(part="", act="", size=0), *parts)
        acts_of.setdefault(same_parts, (change, parts, []))[2].append(change.act)
    roles_of: dict[tuple[object, ...], tuple[Change, list[str], list[str], list[str]]] = {}
    for change, parts, acts in acts_of.values():
        same_acts = (*change._replace(part="", act="", role="", size=0), *parts, "", *acts)
        roles_of.setdefault(same_acts, (change, parts, acts, []))[3].append(change.role)
    for change, parts, acts, roles in roles_of.values():
        yield (
            f"{change.party} {verb}: {', '.join(roles)} may {', '.join(acts)} {', '.join(parts)} "
            f"of {change.originator}'s {change.kind} records while {' or '.join(change.states)}, "
            f"labelled {' or '.join(change.levels)}"
            + (f", from {change.hours} hours before the record's time" if change.hours else "")
        )
