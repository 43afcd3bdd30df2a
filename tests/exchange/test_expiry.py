"""Timed erasure: what was given for a time is gone on both sides when that time is over, unless a hold keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firing import fire_all
from safeconduct.exchange.holdings import ASKED, HELD, REMOVED, RETAINED, holdings
from safeconduct.node.signing_here import act, propose
from safeconduct.records.rebuild import fingerprint, rebuild, verify
from safeconduct.records.refusals import NotFound

from .nodes import INCIDENT, Node, agree, key_file, pull, sign

Pair = tuple[Node, Node]
CANARY = "Vw4CanaryRoad"
NAME = "Vw4CanaryTraveller"
DAY = 86_400.0

CLAUSE = """+++
clause  = "5"
version = 1
title   = "Movements"
texts   = ["en"]

[[grant]]
id     = "5.1"
to     = "both"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "movement"
parts  = ["notice"]
whose  = "other"
up_to  = "RESTRICTED"

[[grant]]
id     = "5.2"
to     = "both"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "movement"
parts  = ["itinerary"]
whose  = "other"
up_to  = "CONFIDENTIAL"
erase_after_days = 30

[[grant]]
id     = "5.3"
to     = "both"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "manifest_entry"
parts  = ["who"]
whose  = "other"
up_to  = "CONFIDENTIAL"
erase_after_days = 10

[[grant]]
id     = "5.4"
to     = "both"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "comment"
parts  = ["remark"]
whose  = "other"
up_to  = "RESTRICTED"
retention_days = 5
+++
## en

5.1 Notices are disclosed.

5.2 Itineraries are disclosed, and erased thirty days after the movement has ended.

5.3 Names are disclosed, and erased ten days after the movement has ended.

5.4 Remarks are disclosed, and kept for five days.
"""

HOUSE = """+++
clause  = "H1"
version = 1
title   = "Own movements"
texts   = ["en"]

[[grant]]
id     = "H1.1"
to     = "own"
roles  = ["coordinator"]
may    = ["read", "write"]
kind   = "movement"
parts  = ["itinerary"]
whose  = "own"
up_to  = "SECRET"
erase_after_days = 60
+++
## en

H1.1 Coordinators may read and write itineraries, which are erased sixty days after the movement has ended.
"""
NOTICE = {
    "reference": "MN-1",
    "since": "2026-11-24T06:00:00Z",
    "until": "2026-11-24T18:00:00Z",
    "origin_district": "Karachi",
    "destination_district": "Gwadar",
    "persons": 1,
}
ITINERARY = {
    "origin": {"place": CANARY},
    "destination": {"place": "Port"},
    "depart": "2026-11-24T07:00:00Z",
    "arrive": "2026-11-24T17:00:00Z",
}


@pytest.fixture
def two(nodes: Pair, world: Path) -> Pair:
    host, partner = nodes
    file = world / "clause-5.md"
    file.write_text(CLAUSE)
    with host.active():
        propose("pk-cn", [file], host.door)
    agree(host, partner, world, "pk-cn", "5")
    house = world / "clause-h1.md"
    house.write_text(HOUSE)
    with partner.active():
        (clause,) = propose("house", [house], partner.door)
        act("house", clause.number, "agreed", key_file(world, "cn"), None, partner.door)
    return host, partner


def notified(partner: Node, host: Node) -> tuple[str, str]:
    """(movement, manifest entry) of the partner's, crossed."""
    movement = partner.commit("movement", {"notice": NOTICE, "itinerary": ITINERARY}).record
    entry = partner.commit("manifest_entry", {"who": {"name": NAME}}, about=movement).record
    pull(host, partner)
    return movement, entry


def arrived(partner: Node, movement: str, version: int = 1) -> None:
    partner.commit("movement", {}, record=movement, expected=version, state="arrived")


def wait(days: float, *nodes: Node) -> None:
    for node in nodes:
        node.offset += days * DAY
        fire_all(node.writer)


def values(node: Node, kind: str) -> dict[str, Any]:
    (row,) = node.of_kind(kind, "cn")
    return row.values()


def parts(node: Node, record: str) -> dict[str, str]:
    with node.active():
        return dict(holdings("pk", record)[-1][1].parts)


@pytest.mark.usefixtures("carried")
def test_what_was_given_is_erased_when_its_days_after_arrival_are_over(two: Pair) -> None:
    host, partner = two
    movement, entry = notified(partner, host)
    wait(40, host, partner)
    assert "itinerary" in values(host, "movement"), "the days count from the end, not from the notice"
    arrived(partner, movement)
    pull(host, partner)
    wait(9, host, partner)
    assert "who" in values(host, "manifest_entry")
    wait(2, host, partner)
    assert "who" not in values(host, "manifest_entry") and "itinerary" in values(host, "movement")
    assert "who" in values(partner, "manifest_entry"), "no house rule limits the own copy"
    assert parts(partner, entry) == {"who": ASKED}
    pull(host, partner)
    pull(partner, host)
    assert parts(partner, entry) == {"who": REMOVED}
    wait(20, host, partner)
    assert set(values(host, "movement")) == {"notice"} and "itinerary" in values(partner, "movement")
    pull(host, partner)
    pull(partner, host)
    assert parts(partner, movement) == {"notice": HELD, "itinerary": REMOVED}
    wait(30, host, partner)
    assert set(values(partner, "movement")) == {"notice"}, "the partner's own house rule"
    whole = host.everything()
    assert CANARY.encode() not in whole + partner.everything() and NAME.encode() not in whole
    for node in two:
        assert node.writer.log.verify() is None and verify(node.writer).broken is None
        with node.active():
            before = fingerprint()
            rebuild(node.writer)
            assert fingerprint() == before


def test_each_side_erases_by_itself_while_the_link_is_down(two: Pair) -> None:
    host, partner = two
    movement, _ = notified(partner, host)
    arrived(partner, movement)
    pull(host, partner)
    wait(31, host)
    assert "itinerary" not in values(host, "movement") and "who" not in values(host, "manifest_entry")
    whole = host.everything()
    assert CANARY.encode() not in whole and NAME.encode() not in whole
    wait(31, partner)
    partner.sweep()
    before = partner.feed("pk").size
    pull(host, partner)
    pull(partner, host)
    assert parts(partner, movement)["itinerary"] == REMOVED
    partner.sweep()
    assert partner.feed("pk").size == before, "it is not given again"
    assert CANARY not in str(partner.feed("pk").bundle(0, 1000)) and len(values(host, "movement")) == 1


def test_a_limit_outlives_its_clause(two: Pair, world: Path) -> None:
    host, partner = two
    movement, _ = notified(partner, host)
    arrived(partner, movement)
    pull(host, partner)
    sign(host, world, "pk-cn", "5", "suspended")
    pull(partner, host)
    partner.sweep()
    wait(31, host)
    host_row = host.of_kind("movement", "cn")
    assert all("itinerary" not in row.values() for row in host_row)
    assert CANARY.encode() not in host.everything()


@pytest.mark.usefixtures("carried")
def test_a_hold_keeps_it_and_says_why(two: Pair) -> None:
    host, partner = two
    movement, _ = notified(partner, host)
    arrived(partner, movement)
    pull(host, partner)
    (row,) = host.of_kind("movement", "cn")
    host.system("hold", record=row.id, because="an inquiry")
    wait(31, host, partner)
    assert "itinerary" in values(host, "movement") and "who" not in values(host, "manifest_entry")
    pull(host, partner)
    pull(partner, host)
    assert parts(partner, movement)["itinerary"] == RETAINED
    wait(3, host)
    assert "itinerary" in values(host, "movement")
    host.system("lift_hold", record=row.id)
    wait(0, host)
    assert "itinerary" not in values(host, "movement")
    pull(partner, host)
    assert parts(partner, movement)["itinerary"] == REMOVED


def test_an_own_record_can_be_held_too(two: Pair) -> None:
    host, partner = two
    movement, _ = notified(partner, host)
    partner.system("hold", record=movement, because="the court")
    arrived(partner, movement)
    wait(70, partner)
    assert "itinerary" in values(partner, "movement")
    partner.system("lift_hold", record=movement)
    wait(0, partner)
    assert "itinerary" not in values(partner, "movement")
    with pytest.raises(NotFound):
        partner.system("hold", record="f" * 32, because="x")


def test_what_has_no_end_is_kept_for_as_long_as_the_clause_says(two: Pair) -> None:
    host, partner = two
    movement, _ = notified(partner, host)
    partner.commit("comment", {"remark": {"text": CANARY, "stance": "comment"}}, about=movement)
    pull(host, partner)
    wait(4, host, partner)
    assert values(host, "comment")["remark"]["text"] == CANARY
    wait(2, host, partner)
    assert values(host, "comment") == {} and values(partner, "comment") != {}


def test_a_timer_that_waited_through_a_restart_still_erases(two: Pair, world: Path) -> None:
    host, partner = two
    movement, _ = notified(partner, host)
    arrived(partner, movement)
    pull(host, partner)
    host.close()
    again = Node(world / "pk")
    try:
        wait(31, again)
        assert "itinerary" not in values(again, "movement")
    finally:
        again.close()


def test_erasing_lists_what_was_made_from_it(nodes: Pair) -> None:
    host, _ = nodes
    source = host.commit("incident", INCIDENT)
    minutes = host.commit("incident", INCIDENT, derived_from=[source.record])
    digest = host.commit("incident", INCIDENT, derived_from=[minutes.record])
    host.commit("incident", INCIDENT)
    answer = host.system("erase", record=source.record)
    assert set(answer["derived"]) == {minutes.record, digest.record}
    assert host.system("erase", record=digest.record)["derived"] == []


def test_the_reading_of_an_itinerary_is_published_at_once(two: Pair) -> None:
    host, partner = two
    notified(partner, host)
    (row,) = host.of_kind("movement", "cn")
    before = host.feed("cn").head_size()
    shown = {"record": row.id, "version": 1, "parts": ["itinerary"]}
    for _ in range(3):
        host.system(
            "note", act="read", policy=0, items=[{"kind": "movement", "of": "cn", "records": [shown]}]
        )
    after = host.feed("cn").head_size()
    assert after > before and after % 16 == 0 and after <= host.writer.log.size
    notice = {**shown, "parts": ["notice"]}
    host.offset += 60
    host.system("note", act="read", policy=0, items=[{"kind": "movement", "of": "cn", "records": [notice]}])
    assert host.feed("cn").head_size() == after
