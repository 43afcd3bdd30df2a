"""Lists: the same grants as an SQL expression that gives, for each row, the bitmask of its visible parts.

The expression speaks about the columns of the table of records; its placeholders are %s. Nothing of a
subject or clause is ever written into the text itself. It says exactly what Policy.mask says.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from safeconduct.agreement.books import ASSIGNED, AUTHORISED, EMERGENCY, NOT_BEFORE, Condition, Line
from safeconduct.agreement.dictionary import Entry
from safeconduct.agreement.policy import ONWARD_ACTS, Policy, Subject, concerning, limits_of
from safeconduct.agreement.vocabulary import LEVELS

_TOP = len(LEVELS) - 1


class VisibleSql(NamedTuple):
    """`mask` is an integer expression, 0 for a row of which nothing is visible; `guard` a condition that rows
    must meet whatever their parts. Use both:

    SELECT id, ({mask}) AS mask FROM records_row WHERE kind = %s AND {guard} AND ({mask}) <> 0
    """

    mask: str
    mask_params: list[Any]
    guard: str
    guard_params: list[Any]


class _Clause(NamedTuple):
    text: str
    params: list[Any]


_NEVER = _Clause("1 = 0", [])


def visible(policy: Policy, subject: Subject, act: str, kind: str, now: float, bits: int = -1) -> VisibleSql:
    """The visible parts, of those in `bits`, of the rows of a kind for a subject in an act.

    `now` is epoch seconds.
    """
    guard = _guard(subject, act)
    groups: dict[tuple[tuple[int, ...], tuple[str, ...]], list[Entry]] = {}
    for entry in policy.entries(subject, act, kind):
        if not bits >> entry.bit & 1:
            continue
        same = (tuple(map(id, entry.conditions)), tuple(line.id for line in entry.lines))
        groups.setdefault(same, []).append(entry)
    terms: list[_Clause] = []
    for entries in groups.values():
        terms += _group(entries, subject, act, now)
    if not terms:
        return VisibleSql("0", [], guard.text, guard.params)
    mask = _joined(" + ", terms)
    return VisibleSql(mask.text, mask.params, guard.text, guard.params)


def highest_levels(policy: Policy, subject: Subject, act: str, kind: str) -> dict[tuple[int, str], int]:
    """The highest level at which a subject could see a part in an act, by the part's bit and whose record it is.

    An upper bound: no row shows the part above it, and none at all where the pair is missing.
    """
    found: dict[tuple[int, str], int] = {}
    for entry in policy.entries(subject, act, kind):
        for alike in _alike(entry, subject, act):
            ceiling = _ceiling(entry, alike[0], subject, act)
            if ceiling < 0 or _asked(alike, subject, 0.0) is _NEVER:
                continue
            for condition in alike:
                place = entry.bit, condition.originator
                found[place] = max(ceiling, found.get(place, -1))
    return found


def _guard(subject: Subject, act: str) -> _Clause:
    """R2, and R1 where the act sends onward; R3 depends on the part."""
    foreign = _listed("releasable", [subject.party])
    if act in ONWARD_ACTS:
        foreign = _Clause(f"{foreign.text} AND NOT orcon", foreign.params)
    return _Clause(f"(originator = %s OR ({foreign.text}))", [subject.party, *foreign.params])


def _group(entries: list[Entry], subject: Subject, act: str, now: float) -> list[_Clause]:
    """Terms of parts that are under the same conditions: what is common to them is asked once per row."""
    alternatives = [
        (alike[0], asked)
        for alike in _alike(entries[0], subject, act)
        if (asked := _asked(alike, subject, now)) is not _NEVER
    ]
    if not alternatives:
        return []
    if len(alternatives) == 1:
        condition, asked = alternatives[0]
        bits = [
            _case(_level(entry, condition, subject, act), _Clause(str(1 << entry.bit), []))
            for entry in entries
        ]
        return [_case(asked, _joined(" + ", bits))]
    terms = []
    for entry in entries:
        either = [
            _joined(" AND ", [asked, _level(entry, condition, subject, act)])
            for condition, asked in alternatives
        ]
        found = _joined(" OR ", [_Clause(f"({each.text})", each.params) for each in either])
        terms.append(_case(found, _Clause(str(1 << entry.bit), [])))
    return terms


def _alike(entry: Entry, subject: Subject, act: str) -> list[list[Condition]]:
    """The conditions, those together that differ in nothing but the agreement and whose records it is about."""
    found: dict[tuple[object, ...], list[Condition]] = {}
    for number, condition in enumerate(entry.conditions):
        parties = _limits(condition, subject)
        own = condition.originator == subject.party
        if parties is not None and not own and condition.originator not in parties:
            continue
        alone = 0 if condition.agreement and (parties is None or not own) else number + 1
        ceilings = tuple(_line_ceiling(line, condition, subject, act) for line in entry.lines)
        same = (alone, condition.up_to, condition.states, condition.facts, ceilings)
        found.setdefault(same, []).append(condition)
    return list(found.values())


def _limits(condition: Condition, subject: Subject) -> frozenset[str] | None:
    """The parties to whose agreements the roles are limited that a condition is met by; None where one is not."""
    found: set[str] = set()
    for role in subject.roles.intersection(condition.placed.grant.roles) if subject.limited else ():
        parties = limits_of(subject, role)
        if parties is None:
            return None
        found |= parties
    return frozenset(found) if subject.limited else None


def _asked(alike: list[Condition], subject: Subject, now: float) -> _Clause:
    """What conditions that are alike ask of the record as a whole."""
    condition = alike[0]
    if len(alike) > 1:
        asked = [_among(alike)]
    else:
        asked = [_Clause("originator = %s", [condition.originator])]
        if condition.agreement:
            asked.append(_Clause("agreement IN ('', %s)", [condition.agreement]))
    parties = _limits(condition, subject)
    if parties is not None and condition.originator == subject.party:
        some = _listed("releasable", concerning(sorted(parties)))
        asked.append(_Clause(f"(releasable = '' OR {some.text})", some.params))
    if condition.states is not None:
        asked.append(_in("state", sorted(condition.states)))
    if condition.facts & ASSIGNED:
        asked.append(_listed("(assigned || bearers)", [*sorted(subject.units), subject.person]))
    if condition.facts & NOT_BEFORE:
        asked.append(_Clause("(opens IS NULL OR opens <= %s)", [now]))
    if condition.facts & AUTHORISED:
        asked.append(_in("id", sorted(subject.authorised)))
    if condition.facts & EMERGENCY:
        asked.append(_in("id", sorted(subject.emergency)))
    return _NEVER if _NEVER in asked else _joined(" AND ", asked)


def _among(alike: list[Condition]) -> _Clause:
    """Whether a record is one of those that these agreements are about: asked once per row, however many there are."""
    pairs = [
        value
        for condition in alike
        for agreement in ("", condition.agreement)
        for value in (condition.originator, agreement)
    ]
    rows = ", ".join(["(%s, %s)"] * (len(pairs) // 2))
    return _Clause(f"(originator, agreement) IN (VALUES {rows})", pairs)


def _level(entry: Entry, condition: Condition, subject: Subject, act: str) -> _Clause:
    """R3, the grant's ceiling and the red lines: what is asked of the label of the part."""
    ceiling = _ceiling(entry, condition, subject, act)
    if ceiling < 0:
        return _NEVER
    return _Clause("1 = 1" if ceiling >= _TOP else f"((levels >> {2 * entry.bit}) & 3) <= {ceiling}", [])


def _ceiling(entry: Entry, condition: Condition, subject: Subject, act: str) -> int:
    """The highest level of the part that a condition opens; below 0 for none."""
    lines = (_line_ceiling(line, condition, subject, act) for line in entry.lines)
    return min(subject.clearance, condition.up_to, *lines)


def _line_ceiling(line: Line, condition: Condition, subject: Subject, act: str) -> int:
    """The highest level a red line leaves open; a condition is always about one originator's records."""
    forbids = line.forbids(subject.party, act, condition.originator, line.above + 1)
    return line.above if forbids else _TOP


def _listed(column: str, names: list[str]) -> _Clause:
    """Whether a column like `|a|b|` holds one of the names.

    By REPLACE, because LIKE would fold case and take `_` and `%` in a name for wildcards.
    """
    sought = [f"|{name}|" for name in names if name and "|" not in name]
    if not sought:
        return _NEVER
    either = [_Clause(f"REPLACE({column}, %s, '') <> {column}", [each]) for each in sought]
    found = _joined(" OR ", either)
    return _Clause(f"({found.text})", found.params)


def _in(column: str, values: list[str]) -> _Clause:
    if not values:
        return _NEVER
    return _Clause(f"{column} IN ({', '.join(['%s'] * len(values))})", list(values))


def _case(when: _Clause, then: _Clause) -> _Clause:
    if when is _NEVER:
        return _Clause("0", [])
    if when.text == "1 = 1":
        return then
    return _Clause(f"CASE WHEN {when.text} THEN {then.text} ELSE 0 END", [*when.params, *then.params])


def _joined(word: str, clauses: list[_Clause]) -> _Clause:
    return _Clause(word.join(each.text for each in clauses), [p for each in clauses for p in each.params])
