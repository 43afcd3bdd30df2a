"""The same journey on both nodes: each has its own ladder, and a cut link is called what it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ready
from exchange import nodes as exchange
from exchange.nodes import Node, agree, create, own_connections, pair
from firing import fire_all
from safeconduct.exchange.last_contact import Link
from safeconduct.journeys.underway_watch import SETTLING
from safeconduct.node.signing_here import propose
from safeconduct.notify.ladder import DEFAULT
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import iso

CLAUSE = """+++
clause  = "1"
version = 1
title   = "Movements"
texts   = ["en"]

[[grant]]
id     = "1.1"
to     = "host"
roles  = ["watch_officer"]
may    = ["read", "disclose"]
kind   = "movement"
parts  = ["notice", "check_plan"]
whose  = "partner"
up_to  = "RESTRICTED"

[[grant]]
id     = "1.2"
to     = "both"
roles  = ["watch_officer"]
may    = ["read", "disclose"]
kind   = ["check_in", "escalation"]
parts  = ["*"]
whose  = "other"
up_to  = "RESTRICTED"

[[grant]]
id     = "1.3"
to     = "partner"
roles  = ["watch_officer"]
may    = ["read", "disclose"]
kind   = "clearance"
parts  = ["decision"]
whose  = "host"
up_to  = "RESTRICTED"
+++
## en

1.1 The Partner Party shall disclose the notice and the check plan of its movements, to be read.

1.2 Each Party shall disclose its check-ins and escalations to the other, to be read.

1.3 The Host Party shall disclose its decisions, to be read.
"""


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture(scope="module")
def paired(prepared: Path) -> Path:
    return ready.shared("linked-journeys", lambda folder: agreed(prepared, folder, CLAUSE))


def agreed(prepared: Path, folder: Path, clause: str) -> None:
    """Two homes in a folder, paired, with this text agreed as their clause 1."""
    with own_connections():
        _agree(prepared, folder, clause)


def _agree(prepared: Path, folder: Path, clause: str) -> None:
    pair(create(folder, prepared, "pk", "host"), create(folder, prepared, "cn", "partner"), "pk-cn")
    host, partner = Node(folder / "pk"), Node(folder / "cn")
    (folder / "clause-1.md").write_text(clause)
    with host.active():
        propose("pk-cn", [folder / "clause-1.md"], host.door)
    agree(host, partner, folder, "pk-cn", "1")
    host.close()
    partner.close()


@pytest.fixture
def nodes(paired: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    ready.copy(paired, tmp_path / "world")
    host, partner = Node(tmp_path / "world" / "pk"), Node(tmp_path / "world" / "cn")
    turn(-10, host, partner)
    yield host, partner
    partner.close()
    host.close()


START = time.time() + 600
"""The earliest departure. The clocks stand ten minutes before it when a test begins, however late that is."""


def turn(minute: float, *nodes: Node, up: bool = False) -> None:
    """Let the clocks show so many minutes after the earliest departure; `up` when the link works all the time."""
    for node in nodes:
        node.offset = START + 60 * minute - time.time()
        if up:
            link(node, 0.0)
        fire_all(node.writer)


def pull(receiver: Node, sender: Node) -> None:
    """Bring the receiver up to date, and let it look at what came."""
    exchange.pull(receiver, sender)
    receiver.offset += SETTLING + 1
    fire_all(receiver.writer)


def notify(partner: Node) -> str:
    parts = {
        "notice": {
            "reference": "MN-7",
            "since": iso(START),
            "until": iso(START + 7_200),
            "origin_district": "Karachi",
            "destination_district": "Hub",
            "persons": 3,
        },
        "check_plan": {
            "points": [{"name": "Hub", "due": iso(START + 1_800)}],
            "window_minutes": 10,
            "allowance_minutes": 10,
        },
    }
    return partner.commit("movement", parts).record


def word(node: Node, movement: str, category: str, minute: float) -> None:
    at = iso(START + 60 * minute)
    node.commit("check_in", {"word": {"at": at, "entered": at, "category": category}}, about=movement)


def escalations(node: Node, party: str) -> list[dict[str, Any]]:
    rows = node.of_kind("escalation", party)
    return [{"state": row.state, **row.values()["step"], **row.values()} for row in rows]


def the_movement(node: Node) -> RowView:
    (found,) = node.of_kind("movement", "cn")
    return found


def link(node: Node, failing_since: float) -> None:
    (other,) = node.home.partners
    Link(other, last_contact=time.time() + node.offset, failing_since=failing_since).save(node.home)


def cleared(host: Node, partner: Node) -> str:
    movement = notify(partner)
    pull(host, partner)
    decision = {"decision": {"at": iso(START - 60)}}
    host.commit("clearance", decision, about=the_movement(host).id, state="cleared")
    pull(partner, host)
    return movement


def test_both_nodes_watch_and_both_are_settled_by_the_word(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    movement = cleared(host, partner)
    turn(2, host, partner, up=True)
    word(partner, movement, "departed", 2)
    pull(host, partner)
    assert the_movement(host).state == the_movement(partner).state == "under_way"
    turn(41, host, partner, up=True)
    assert the_movement(partner).state == "overdue"
    for node, party in ((host, "pk"), (partner, "cn")):
        (own,) = escalations(node, party)
        assert own["reason"] == "missed_check_in" and own["rung"] == 1
    pull(host, partner)
    pull(partner, host)
    assert the_movement(host).state == "overdue"
    assert len(escalations(host, "cn")) == len(escalations(partner, "pk")) == 1
    word(partner, movement, "arrived", 41)
    pull(host, partner)
    assert the_movement(host).state == "arrived"
    for node, party in ((host, "pk"), (partner, "cn")):
        (own,) = escalations(node, party)
        assert own["state"] == "answered" and own["answer"]["outcome"] == "arrived"
        assert node.call("timers")["waiting"] == 0


def test_with_the_link_down_the_host_says_so_and_climbs_all_the_same(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    movement = cleared(host, partner)
    turn(2, host, partner)
    word(partner, movement, "departed", 2)
    pull(host, partner)
    link(host, START + 300)
    turn(30, partner)
    word(partner, movement, "check_in", 30)
    turn(41, host, partner)
    assert escalations(partner, "cn") == [], "its own party has heard from it"
    (own,) = escalations(host, "pk")
    assert own["reason"] == "link_down" and own["link_down"] == iso(START + 300)
    for number, rung in enumerate(DEFAULT[1:], 2):
        turn(41.1 + rung.after / 60, host)
        (own,) = escalations(host, "pk")
        assert own["rung"] == number and own["reason"] == "link_down"
    link(host, 0.0)
    pull(host, partner)
    (own,) = escalations(host, "pk")
    assert own["state"] == "answered" and own["answer"]["outcome"] == "heard"
    assert the_movement(host).state == "under_way"


def test_when_the_link_is_back_and_there_is_no_word_it_is_missed(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    movement = cleared(host, partner)
    turn(2, host, partner)
    word(partner, movement, "departed", 2)
    pull(host, partner)
    link(host, START + 300)
    turn(41, host)
    assert escalations(host, "pk")[0]["reason"] == "link_down"
    turn(51.1, host, up=True)
    (own,) = escalations(host, "pk")
    assert own["rung"] == 2 and own["reason"] == "missed_check_in" and "link_down" not in own["step"]


def test_word_of_the_escort_counts_on_both_sides(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    cleared(host, partner)
    turn(3, host, partner)
    word(host, the_movement(host).id, "departed", 3)
    pull(partner, host)
    assert the_movement(partner).state == "under_way"
    pull(host, partner)
    assert the_movement(host).state == "under_way"
    assert len(partner.of_kind("check_in", "pk")) == 1


def test_after_a_long_outage_everything_comes_at_once_and_nothing_is_raised(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    movement = notify(partner)
    turn(2, partner)
    word(partner, movement, "departed", 2)
    turn(29, partner)
    word(partner, movement, "check_in", 29)
    turn(55, partner)
    word(partner, movement, "arrived", 55)
    turn(90, host)
    pull(host, partner)
    assert the_movement(host).state == "arrived"
    assert escalations(host, "pk") == []


def test_a_notice_given_late_is_not_missed_in_the_same_breath(nodes: tuple[Node, Node]) -> None:
    _, partner = nodes
    turn(45, partner)
    movement = notify(partner)
    word(partner, movement, "departed", 2)
    word(partner, movement, "check_in", 31)
    turn(50, partner)
    assert escalations(partner, "cn") == [] and the_movement(partner).state == "under_way"
