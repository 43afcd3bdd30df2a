"""What the other party sends about a journey moves nothing here that is not the other party's to move."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ready
from exchange.nodes import Node, own_connections
from journeys.journey_node import Journeys, journeys
from journeys.test_underway_fences import OFF_ROUTE, ON_ROUTE, departed, fix, told
from journeys.test_underway_link import START, agreed, escalations, notify, pull, the_movement, turn, word
from safeconduct.records.commit import Committed
from safeconduct.records.home import Home
from safeconduct.records.transaction import iso

EVERYTHING = """+++
clause  = "1"
version = 1
title   = "All that may be said of a journey"
texts   = ["en"]

[[grant]]
id     = "1.1"
to     = "both"
roles  = ["watch_officer"]
may    = ["read", "disclose"]
kind   = ["movement", "check_in", "escalation", "clearance", "leg", "handover"]
parts  = ["*"]
whose  = "other"
up_to  = "CONFIDENTIAL"
+++
## en

1.1 Each Party shall disclose to the other all that it says of a journey, to be read.
"""


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture(scope="module")
def paired(prepared: Path) -> Path:
    return ready.shared("hostile-journeys", lambda folder: agreed(prepared, folder, EVERYTHING))


@pytest.fixture
def nodes(paired: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    ready.copy(paired, tmp_path / "world")
    host, partner = Node(tmp_path / "world" / "pk"), Node(tmp_path / "world" / "cn")
    turn(-10, host, partner)
    yield host, partner
    partner.close()
    host.close()


def leg(node: Node, movement: str, unit: str, sequence: int, state: str = "assigned") -> Committed:
    course = {
        "sequence": sequence, "from_place": "Karachi", "to_place": "Hub", "depart": iso(START),
        "arrive": iso(START + 3_600),
    }  # fmt: skip
    parts = {"course": course, "duty": {"unit": unit}}
    return node.commit("leg", parts, about=movement, state=state)


def handed_over(node: Node, leg: str) -> None:
    point = {"to_leg": 2, "from_unit": "karachi-police", "to_unit": "hub-levies", "due": iso(START)}
    said = {"given_at": iso(START), "taken_at": iso(START)}
    node.commit("handover", {"point": point, "word": said}, about=leg, state="taken")


def test_a_leg_of_the_notifying_party_names_nobody_here(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    movement = notify(partner)
    pull(host, partner)
    here = the_movement(host).id
    own = leg(host, here, "karachi-police", 2)
    leg(partner, movement, "friends-of-cn", 1, "active")
    pull(host, partner)
    turn(2, host, partner, up=True)
    word(partner, movement, "departed", 2)
    pull(host, partner)
    assert host.row(own.record).state == "active", "a leg before it that is no leg holds up nothing"
    turn(41, host, up=True)
    (raised,) = [r for r in host.of_kind("escalation", "pk") if r.values()["step"]["reason"] != "not_cleared"]
    assert raised.assigned == "|karachi-police|"


def test_a_handover_is_of_the_party_whose_leg_it_is(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    movement = notify(partner)
    pull(host, partner)
    here = the_movement(host).id
    first, second = (leg(host, here, unit, n) for n, unit in ((1, "karachi-police"), (2, "hub-levies")))
    pull(partner, host)
    (theirs,) = [row for row in partner.of_kind("leg", "pk") if row.values()["course"]["sequence"] == 1]
    handed_over(partner, theirs.id)
    turn(2, host, partner, up=True)
    word(partner, movement, "departed", 2)
    pull(host, partner)
    assert host.row(first.record).state == "active" and host.row(second.record).state == "assigned"
    handed_over(host, first.record)
    assert host.row(first.record).state == "completed" and host.row(second.record).state == "active"


def test_nobody_clears_or_refuses_an_own_notice(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    movement = notify(partner)
    decision = {"decision": {"at": iso(START - 60), "reason": "quiet"}}
    partner.commit("clearance", decision, about=movement, state="refused")
    pull(host, partner)
    turn(41, host, up=True)
    assert {each["reason"] for each in escalations(host, "pk")} == {"not_cleared", "not_departed"}


@pytest.mark.parametrize("category", ["delayed", "arrived", "check_in"])
def test_word_from_the_future_quiets_no_ladder(nodes: tuple[Node, Node], category: str) -> None:
    host, partner = nodes
    notify(partner)
    pull(host, partner)
    turn(2, host, partner, up=True)
    word(host, the_movement(host).id, "departed", 2)
    # The other node's clock, and whoever turned it, is not this node's.
    host.offset += 40 * 86_400
    at = iso(time.time() + host.offset)
    host.commit(
        "check_in", {"word": {"at": at, "entered": at, "category": category}}, about=the_movement(host).id
    )
    pull(partner, host)
    assert the_movement(partner).state == "under_way"
    turn(41, partner, up=True)
    assert the_movement(partner).state == "overdue"
    assert [each["reason"] for each in escalations(partner, "cn")][-1] == "missed_check_in"


@pytest.fixture
def node(bare_home: Home) -> Iterator[Journeys]:
    with journeys(bare_home) as found:
        yield found


def test_one_who_is_back_in_the_corridor_says_nothing_of_one_who_is_not(node: Journeys) -> None:
    movement = departed(node)
    for minute in (20, 21):
        fix(node, movement, minute, OFF_ROUTE)
        _of(node, movement, "person-2", minute, OFF_ROUTE)
    for minute in (22, 23):
        _of(node, movement, "person-2", minute, ON_ROUTE)
    assert told(node, movement) == [("left_corridor", "", "raised")], "person-1 is still away"
    for minute in (24, 25):
        fix(node, movement, minute, ON_ROUTE)
    assert told(node, movement) == [("left_corridor", "", "answered")]


def _of(node: Journeys, movement: str, person: str, minute: float, where: tuple[float, float]) -> None:
    fixes = [[person, node.clock.now - 600 + minute * 60, *where, 20.0]]
    node.writer.call("positions_seen", {"movement": movement, "fixes": fixes})
