"""The published form of the policy, in Cedar, and the second opinion it gives.

One `permit` per grant in force with the grant's id, one `forbid` per red line. The other party can check the
text with tools of its own; a node asks it as well before the acts that matter most. Cedar skips a `forbid`
that meets an error, so any error in its diagnostics is taken for a refusal.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import cedarpy

from safeconduct.agreement.books import (
    ASSIGNED,
    AUTHORISED,
    EMERGENCY,
    NOT_BEFORE,
    Line,
    PlacedGrant,
    conditions_of,
)
from safeconduct.agreement.policy import Item, Policy, Subject, counting, is_assigned
from safeconduct.agreement.vocabulary import ACTS, ROLES, Vocabulary

_BUILT_IN = """\
@id("R1")
forbid (
  principal,
  action in [Safeconduct::Action::"disclose", Safeconduct::Action::"export"],
  resource
)
when { resource.orcon && resource.originator != principal.party };

@id("R2")
forbid (principal, action, resource)
when { resource.originator != principal.party && !resource.releasable.contains(principal.party) };

@id("R3")
forbid (principal, action, resource)
when { principal.clearance < context.level };
"""

_MICROSECONDS = 1_000_000
_MAX_CLASSES = 65_536


class CedarRefused(ValueError):
    """The text or schema is not valid Cedar; the message lists what its validator found."""


def schema(vocabulary: Vocabulary) -> str:
    """The Cedar schema. Times are microseconds since the epoch, levels 0 to 3."""
    kinds = ", ".join(_quoted(kind) for kind in vocabulary.kinds)
    actions = "\n".join(
        f'  action "{act}" appliesTo {{ principal: [Person], resource: [Record], '
        "context: { part: String, level: Long, now: Long } };"
        for act in ACTS
    )
    return f"""namespace Safeconduct {{
  entity Party;
  entity Role in [Party];
  entity Kind enum [{kinds}];
  entity Person in [Role] {{
    party: String,
    clearance: Long,
    names: Set<String>,
    authorised: Set<String>,
    emergency: Set<String>,
  }};
  entity Record in [Kind] {{
    id: String,
    originator: String,
    agreement: String,
    state: String,
    releasable: Set<String>,
    orcon: Bool,
    assigned: Set<String>,
    opens?: Long,
  }};
{actions}
}}
"""


def policies(policy: Policy) -> str:
    """The Cedar text of the grants in force and the red lines."""
    permits = [_permit(placed, policy.vocabulary) for placed in policy.grants.values() if placed.directions]
    forbids = [_forbid(line, kind, parts) for line in policy.red_lines for kind, parts in line.parts.items()]
    return "\n".join([*permits, *forbids, _BUILT_IN])


def check(text: str, schema_text: str) -> None:
    """Validate policies against a schema. Raises CedarRefused."""
    try:
        result = cedarpy.validate_policies(text, schema_text)
    except ValueError as fault:
        raise CedarRefused(str(fault)) from None
    if not result.validation_passed:
        raise CedarRefused("; ".join(map(str, result.errors)))


class CedarOpinion:
    """Asks Cedar about a policy. Answers are kept per class of decision: all that a decision depends on.

    Construction validates the text and raises CedarRefused.
    """

    def __init__(self, policy: Policy, vocabulary: Vocabulary) -> None:
        text, schema_text = policies(policy), schema(vocabulary)
        check(text, schema_text)
        self._vocabulary = vocabulary
        self._policies = cedarpy.PolicySet.from_str(text)
        self._schema = cedarpy.Schema.from_str(schema_text)
        self._classes: OrderedDict[tuple[Any, ...], bool] = OrderedDict()

    def permits(self, subject: Subject, act: str, item: Item, part: str, now: float) -> bool:
        """Whether Cedar permits the act on the part; False on any error. `now` is epoch seconds."""
        shape = self._vocabulary.kinds.get(item.kind)
        if shape is None or part not in shape.parts or act not in ACTS:
            return False
        subject = counting(subject, item)
        level = item.levels >> 2 * shape.parts.index(part) & 3
        key = (
            *(subject.party, subject.roles, subject.clearance, act, part, level),
            *(item.kind, item.originator, item.agreement, item.state, item.orcon),
            subject.party in item.releasable,
            is_assigned(subject, item),
            item.opens is None or item.opens <= now,
            item.id in subject.authorised,
            item.id in subject.emergency,
        )
        answer = self._classes.get(key)
        if answer is None:
            answer = self._ask(subject, act, item, part, level, now)
            self._classes[key] = answer
            if len(self._classes) > _MAX_CLASSES:
                self._classes.popitem(last=False)
        return answer

    def _ask(self, subject: Subject, act: str, item: Item, part: str, level: int, now: float) -> bool:
        # Only what bears on this record goes in: a person may be authorised for thousands of others.
        narrowed = subject._replace(
            authorised=subject.authorised & {item.id}, emergency=subject.emergency & {item.id}
        )
        people = entities([("person", narrowed)], [("record", item)])
        asked = request("person", act, "record", part, level, now)
        try:
            known = cedarpy.Entities.from_json_str(people, self._schema)
            return allowed(cedarpy.is_authorized(asked, self._policies, known, self._schema))
        except ValueError:
            return False


def allowed(result: cedarpy.AuthzResult) -> bool:
    """A permit without any diagnostic error."""
    return bool(result.allowed) and not result.diagnostics.errors


def request(person: str, act: str, record: str, part: str, level: int, now: float) -> dict[str, Any]:
    """One question, about a person and a record that `entities` described under these names."""
    return {
        "principal": {"type": "Safeconduct::Person", "id": person},
        "action": {"type": "Safeconduct::Action", "id": act},
        "resource": {"type": "Safeconduct::Record", "id": record},
        "context": {"part": part, "level": level, "now": math.floor(now * _MICROSECONDS)},
    }


def entities(people: Iterable[tuple[str, Subject]], records: Iterable[tuple[str, Item]]) -> str:
    """Persons and records, each under a name for requests, with the roles and parties above them, as JSON."""
    found: list[dict[str, Any]] = []
    parties: set[str] = set()
    for name, subject in people:
        parties.add(subject.party)
        roles = [_uid("Role", f"{subject.party}/{role}") for role in sorted(subject.roles)]
        attributes = {
            "party": subject.party,
            "clearance": subject.clearance,
            "names": sorted({*subject.units, *filter(None, [subject.person])}),
            "authorised": sorted(subject.authorised),
            "emergency": sorted(subject.emergency),
        }
        found.append({"uid": _uid("Person", name), "attrs": attributes, "parents": roles})
    for party in sorted(parties):
        above = [_uid("Party", party)]
        found.append({"uid": above[0], "attrs": {}, "parents": []})
        found += [{"uid": _uid("Role", f"{party}/{role}"), "attrs": {}, "parents": above} for role in ROLES]
    found += [
        {"uid": _uid("Record", name), "attrs": _record(item), "parents": [_uid("Kind", item.kind)]}
        for name, item in records
    ]
    return json.dumps(found)


def _record(item: Item) -> Mapping[str, Any]:
    attributes: dict[str, Any] = {
        "id": item.id,
        "originator": item.originator,
        "agreement": item.agreement,
        "state": item.state,
        "releasable": sorted(item.releasable),
        "orcon": item.orcon,
        "assigned": sorted(item.assigned),
    }
    if item.opens is not None:
        attributes["opens"] = math.ceil(item.opens * _MICROSECONDS)
    return attributes


def _permit(placed: PlacedGrant, vocabulary: Vocabulary) -> str:
    grant = placed.grant
    actions = ", ".join(f"Safeconduct::Action::{_quoted(act)}" for act in grant.may)
    directions = [
        _all(
            "principal in ["
            + ", ".join(f"Safeconduct::Role::{_quoted(f'{party}/{role}')}" for role in grant.roles)
            + "]",
            f"resource.originator == {_quoted(condition.originator)}",
        )
        for party, condition in conditions_of(placed)
    ]
    what = [
        _all(
            f"resource in Safeconduct::Kind::{_quoted(kind)}",
            f"{_texts(grant.parts_of(kind, vocabulary))}.contains(context.part)",
        )
        for kind in grant.kinds
    ]
    condition = conditions_of(placed)[0][1]
    asked = [_any(directions), _any(what), f"context.level <= {grant.up_to}"]
    if condition.agreement:
        asked.append(f'(resource.agreement == "" || resource.agreement == {_quoted(condition.agreement)})')
    if grant.states is not None:
        asked.append(f"{_texts(grant.states)}.contains(resource.state)")
    if condition.facts & ASSIGNED:
        asked.append("resource.assigned.containsAny(principal.names)")
    if condition.facts & NOT_BEFORE:
        asked.append("!(resource has opens && resource.opens > context.now)")
    if condition.facts & AUTHORISED:
        asked.append("principal.authorised.contains(resource.id)")
    if condition.facts & EMERGENCY:
        asked.append("principal.emergency.contains(resource.id)")
    clause = f"{placed.agreement}/{placed.clause.number} version {placed.clause.version}"
    return (
        f"@id({_quoted(placed.id)})\n@clause({_quoted(clause)})\n{_limit_annotations(placed)}"
        f"permit (\n  principal,\n  action in [{actions}],\n  resource\n)\n"
        "when {\n  " + " &&\n  ".join(asked) + "\n};\n"
    )


def _limit_annotations(placed: PlacedGrant) -> str:
    """What a node reckons with when it sets a time lock or asks for a second person; no condition of the policy."""
    limits = (("opens_hours", placed.grant.opens_hours), ("two_person_above", placed.grant.two_person_above))
    return "".join(f'@{name}("{limit}")\n' for name, limit in limits if limit is not None)


def _forbid(line: Line, kind: str, parts: tuple[str, ...]) -> str:
    party = _quoted(line.party)
    return (
        f"@id({_quoted(line.id)})\n"
        f"forbid (principal, action, resource in Safeconduct::Kind::{_quoted(kind)})\n"
        "when {\n"
        f"  resource.originator == {party} &&\n"
        f"  context.level > {line.above} &&\n"
        f"  {_texts(parts)}.contains(context.part) &&\n"
        f'  (action == Safeconduct::Action::"disclose" || principal.party != {party})\n'
        "};\n"
    )


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": f"Safeconduct::{kind}", "id": name}


def _all(*conditions: str) -> str:
    return "(" + " && ".join(conditions) + ")"


def _any(conditions: list[str]) -> str:
    return conditions[0] if len(conditions) == 1 else "(" + " || ".join(conditions) + ")"


def _texts(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(_quoted, values)) + "]"


def _quoted(text: str) -> str:
    """A Cedar string. Names in clauses and books are plain words; anything else is escaped."""
    plain = text.isascii() and text.isprintable() and not set(text) & set('"\\')
    return f'"{text}"' if plain else '"' + "".join(f"\\u{{{ord(char):x}}}" for char in text) + '"'
