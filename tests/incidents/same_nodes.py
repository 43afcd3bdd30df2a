"""Host and Partner with the clause on incidents agreed, each with records of the same events."""

from __future__ import annotations

from typing import Any

from journeys.two_nodes import Node, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.incidents import rules, same_rules
from safeconduct.records.find import Query, find
from safeconduct.records.release import Released
from safeconduct.shell.same_event import counted_once

Nodes = tuple[Node, Node]


def report(node: Node, who: Subject, title: str = "Bomb against a convoy", **more: Any) -> str:
    """An incident of this node's party; `day` of October 2024, `latitude` and `levels` may be given."""
    parts = {
        "summary": {"title": title, "category": "attack"},
        "when": {"start": f"2024-10-{more.get('day', 6):02}T23:00+05:00"},
        "where": {
            "latitude": more.get("latitude", 24.9),
            "longitude": 67.17,
            "place": "Karachi airport",
            "district": "Karachi",
        },
    }
    with node.active():
        return rules.report_incident(
            who, parts, more.get("levels"), more.get("releasable"), door=node.door
        ).record


def say(node: Node, who: Subject, word: str, one: str, other: str, **more: Any) -> str:
    act = {"same": same_rules.say_same, "different": same_rules.say_different, "back": same_rules.take_back}
    with node.active():
        return act[word](who, one, other, door=node.door, **more).record


def both_ways(host: Node, partner: Node) -> None:
    pull(partner, host)
    pull(host, partner)


def there(node: Node, originator: str, title: str = "") -> str:
    """The id here of another party's incident, the last with this title."""
    found = [
        row
        for row in node.of_kind("incident", originator)
        if not title or (row.values().get("summary") or {}).get("title") == title
    ]
    return found[-1].id


def seen(node: Node, who: Subject) -> list[Released]:
    with node.active():
        page = find(who, Query("incident", withdrawn=False, limit=1000), door=node.door)
        return [*page.records, *page.unplaced]


def counted(node: Node, who: Subject) -> list[str]:
    """The incidents that count for this reader, by id."""
    found = seen(node, who)
    with node.active():
        dropped = counted_once(who, found)
    return sorted(each.id for each in found if each.id not in dropped)


def statements(node: Node, who: Subject) -> list[Released]:
    with node.active():
        return find(who, Query("same_event", sort="at", limit=5000), door=node.door).records


__all__ = [
    "Node",
    "Nodes",
    "both_ways",
    "counted",
    "person",
    "pull",
    "report",
    "say",
    "seen",
    "statements",
    "there",
]
