"""Host and Partner with the clauses on incidents, journeys and alerts agreed, for the tests of warnings."""

from __future__ import annotations

from typing import Any

from committee.work_nodes import client_of, incident
from firing import fire_all
from journeys.two_nodes import Node, moment, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.assessment import warning_rules as rules
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView

Nodes = tuple[Node, Node]
CODE = "CANARY-SOURCE-77"
REFERENCE = "canary-ref-4711"
WARNED: dict[str, Any] = {
    "title": "Attack on the road expected",
    "text": "Two vehicles were seen",
    "category": "attack",
    "urgency": "immediate",
}
PLACES: dict[str, Any] = {
    "districts": ["Gwadar"],
    "roads": "N-10 east of Pasni",
    "points": [{"name": "Pasni", "latitude": 25.26, "longitude": 63.47}],
}
SOURCE = {"code": CODE, "type": "organisation", "means": "telephone", "reference": REFERENCE}


def staff(node: Node, name: str, role: str, *units: str) -> Subject:
    """Somebody with this role whom a message can reach."""
    made = person(node, name, role, *units)
    address = {"channel": "email", "address": f"{name}@example.org", "order": 1}
    draft = Draft("contact_point", {"address": address}, assigned=[name], releasable=())
    with node.active():
        commit(system_subject(node.home.party), draft, door=node.door)
    return made


def give(node: Node, who: Subject, hours: float = 6, **changed: Any) -> str:
    """A warning that holds from now for so many hours; its record. `named` may be left out: then the watch is."""
    begins = changed.pop("begins", 0.0)
    warned = {**WARNED, "since": moment(begins), "until": moment(begins + hours)}
    given = {
        "places": PLACES,
        "source": SOURCE,
        "named": {"roles": ["watch_officer"]},
        "reliability": "B",
        "credibility": 2,
    }
    names = {name: changed.pop(name) for name in list(changed) if name in (*given, "own_only", "key", "by")}
    with node.active():
        return rules.give_warning(who, {**warned, **changed}, door=node.door, **{**given, **names}).record


def tick(node: Node, minutes: float = 0) -> None:
    node.offset += minutes * 60
    for _ in range(4):
        fire_all(node.writer)


def row(node: Node, record: str) -> RowView:
    found: list[Any] = []
    node.writer.tick(lambda tx: found.append(tx.row(record)))
    return found[0]


def told(node: Node, about: str) -> list[str]:
    """Whom this node has tried to reach about a record, in order."""
    rows = [each for each in node.of_kind("delivery", node.home.party) if each.about == about]
    return [each.values()["to"]["person"] for each in sorted(rows, key=lambda each: each.at)]


def ladders(node: Node, about: str) -> list[RowView]:
    return [each for each in node.of_kind("escalation", node.home.party) if each.about == about]


__all__ = ["Node", "Nodes", "client_of", "incident", "moment", "person", "pull"]
