"""What a traveller sees: the journeys that they are on, as long as they are on them, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ready
from journeys.two_nodes import Node, own_connections, parts, person
from safeconduct.agreement.policy import Subject
from safeconduct.journeys import rules
from safeconduct.journeys.underway import check_in
from safeconduct.positions.sending import may_send
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import NotFound, Refused
from safeconduct.records.release import release


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture
def node(made: Path, tmp_path: Path) -> Iterator[Node]:
    ready.copy(made, tmp_path / "world")
    found = Node(tmp_path / "world" / "cn")
    with found.active():
        yield found
    found.close()


def named(account: str) -> dict[str, Any]:
    return {"who": {"name": account.title()}, "link": {"account": account}}


def sees(who: Subject, movement: str) -> bool:
    try:
        return "itinerary" in release(who, movement).parts
    except (NotFound, Refused):
        return False


def test_who_was_taken_off_the_manifest_sees_nothing_more(node: Node) -> None:
    manager = person(node, "manager", "security_manager")
    li, wang = (person(node, name, "protected_person") for name in ("li", "wang"))
    movement = rules.notify_movement(manager, parts(), [named("li"), named("wang")]).record
    assert sees(li, movement) and sees(wang, movement) and may_send(li, movement)
    entries = find(manager, Query("manifest_entry", about=movement)).records
    (entry,) = [each for each in entries if each.parts["who"]["name"] == "Li"]
    assert rules.withdraw_name(manager, entry.id, "does not travel") == []
    assert not sees(li, movement) and not may_send(li, movement)
    assert find(li, Query("movement")).records == []
    with pytest.raises((NotFound, Refused)):
        check_in(li, movement, "arrived")
    assert sees(wang, movement)


def test_a_name_withdrawn_by_another_page_counts_just_so(node: Node) -> None:
    coordinator = person(node, "coordinator", "coordinator")
    manager, li = person(node, "manager", "security_manager"), person(node, "li", "protected_person")
    movement = rules.notify_movement(manager, parts(), [named("li")]).record
    assert sees(li, movement)
    (entry,) = find(manager, Query("manifest_entry", about=movement)).records
    payload = {"actor": to_wire(coordinator), "record": entry.id, "parts": [], "reason": "does not travel"}
    here.door().call("withdraw", payload)
    assert not sees(li, movement) and not may_send(li, movement)


def test_who_is_named_later_sees_the_journey_and_no_co_traveller(node: Node) -> None:
    manager = person(node, "manager", "security_manager")
    li, wang = (person(node, name, "protected_person") for name in ("li", "wang"))
    movement = rules.notify_movement(manager, parts(), [named("li")]).record
    assert not sees(wang, movement)
    rules.name_traveller(manager, movement, named("wang"))
    assert sees(wang, movement) and sees(li, movement)
    for who, own in ((li, "Li"), (wang, "Wang")):
        (entry,) = find(who, Query("manifest_entry", about=movement)).records
        assert entry.parts["who"]["name"] == own
    elsewhere = rules.notify_movement(manager, parts(hours=80), [named("li")], key="other").record
    assert not sees(wang, elsewhere)
    with pytest.raises((NotFound, Refused)):
        check_in(wang, elsewhere, "departed")
    check_in(li, movement, "departed")
    assert find(wang, Query("check_in", about=movement)).records == [], "another's words are not one's own"
