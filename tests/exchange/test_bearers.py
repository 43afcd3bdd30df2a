"""Duty bearers: assigned by a record about the record, inherited, taken back, and what that lets cross."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safeconduct.agreement.policy import Subject
from safeconduct.records import rebuild
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import item_of, names_in

from .nodes import Node, agree, pull

JOURNEYS = "3"
_CLAUSE = """+++
clause  = "3"
version = 1
title   = "Journeys"
texts   = ["en"]

[[grant]]
id     = "3.1"
to     = "host"
roles  = ["coordinator", "commander"]
may    = ["read", "disclose"]
kind   = "movement"
parts  = ["notice"]
whose  = "partner"
up_to  = "RESTRICTED"

[[grant]]
id     = "3.2"
to     = "host"
roles  = ["commander"]
may    = ["read", "disclose"]
kind   = "movement"
parts  = ["itinerary"]
whose  = "partner"
up_to  = "CONFIDENTIAL"
when   = ["assigned"]

[[grant]]
id     = "3.3"
to     = "host"
roles  = ["commander"]
may    = ["read", "disclose"]
kind   = "manifest_entry"
parts  = ["who"]
whose  = "partner"
up_to  = "CONFIDENTIAL"
when   = ["assigned"]

[[grant]]
id     = "3.4"
to     = "partner"
roles  = ["coordinator"]
may    = ["read", "disclose"]
kind   = "leg"
parts  = ["course", "duty"]
whose  = "host"
up_to  = "RESTRICTED"
+++
## en

3.1 The Partner Party shall disclose the notice of its movements to the Host Party, to be read.

3.2 The Partner Party shall disclose the itinerary of its movements to the Host Party's duty bearers, to be read.

3.3 The Partner Party shall disclose the names on its manifests to the Host Party's duty bearers, to be read.

3.4 The Host Party shall disclose course and Duty Bearer of its legs to the Partner Party, to be read.
"""

MOVEMENT: dict[str, Any] = {
    "notice": {
        "reference": "GP-7",
        "since": "2024-10-06T18:00:00+05:00",
        "until": "2024-10-06T23:30:00+05:00",
        "origin_district": "Karachi",
        "destination_district": "Gwadar",
        "persons": 2,
    },
    "itinerary": {
        "origin": {"place": "Karachi"},
        "destination": {"place": "Gwadar"},
        "depart": "2024-10-06T18:00:00+05:00",
        "arrive": "2024-10-06T23:30:00+05:00",
    },
}
NAME: dict[str, Any] = {"who": {"name": "Li Wei"}}
COMMANDER = Subject("pk", frozenset({"commander"}), 3, frozenset({"gwadar-police"}), frozenset(), "p1")


def leg(unit: str = "gwadar-police") -> dict[str, Any]:
    return {
        "course": {
            "sequence": 1,
            "from_place": "Karachi",
            "to_place": "Gwadar",
            "depart": "2024-10-06T18:00:00+05:00",
            "arrive": "2024-10-06T23:30:00+05:00",
        },
        "duty": {"unit": unit},
    }


@pytest.fixture
def agreed(nodes: tuple[Node, Node], world: Path) -> tuple[Node, Node]:
    host, partner = nodes
    file = world / "clause-3.md"
    file.write_text(_CLAUSE)
    from safeconduct.node.signing_here import propose

    with host.active():
        propose("pk-cn", [file], host.door)
    agree(host, partner, world, "pk-cn", JOURNEYS)
    return host, partner


def bearers(node: Node, record: str) -> frozenset[str]:
    row = node.row(record)
    assert row is not None
    return names_in(row.bearers)


def amend(node: Node, kind: str, record: str, parts: dict[str, Any], state: str | None = None) -> None:
    row = node.row(record)
    assert row is not None
    with node.active():
        draft = Draft(kind, parts, record=record, expected=row.version, state=state)
        commit(system_subject(node.home.party), draft, door=node.door)


def may_read(node: Node, who: Subject, record: str, part: str) -> bool:
    row = node.row(record)
    assert row is not None
    found = node.writer.state.policy.decide(who, "read", item_of(row), part, 0.0).permit
    return found and part in row.values()


def theirs(host: Node, kind: str) -> str:
    (row,) = host.of_kind(kind, "cn")
    return row.id


def test_an_itinerary_leaves_only_after_the_leg_has_arrived(agreed: tuple[Node, Node]) -> None:
    host, partner = agreed
    movement = partner.commit("movement", MOVEMENT)
    partner.commit("manifest_entry", NAME, about=movement.record)
    pull(host, partner)
    here = theirs(host, "movement")
    assert list(host.row(here).values()) == ["notice"]  # type: ignore[union-attr]
    assert not host.of_kind("manifest_entry", "cn")
    host.commit("leg", leg(), about=here)
    pull(host, partner)
    assert list(host.row(here).values()) == ["notice"], "the partner has not heard of the leg yet"  # type: ignore[union-attr]
    pull(partner, host)
    pull(host, partner)
    assert may_read(host, COMMANDER, here, "itinerary")
    assert may_read(host, COMMANDER, theirs(host, "manifest_entry"), "who")
    stranger = COMMANDER._replace(units=frozenset({"karachi-police"}))
    assert not may_read(host, stranger, here, "itinerary")


def test_a_name_added_after_the_leg_leaves_at_once(agreed: tuple[Node, Node]) -> None:
    host, partner = agreed
    movement = partner.commit("movement", MOVEMENT)
    pull(host, partner)
    host.commit("leg", leg(), about=theirs(host, "movement"))
    pull(partner, host)
    partner.commit("manifest_entry", NAME, about=movement.record)
    pull(host, partner)
    entry = theirs(host, "manifest_entry")
    assert bearers(host, entry) == {"gwadar-police"}
    assert may_read(host, COMMANDER, entry, "who")


def test_an_own_traveller_is_no_duty_bearer_of_the_other_party(agreed: tuple[Node, Node]) -> None:
    host, partner = agreed
    assignment = {"person": "li-wei", "account_name": "li", "role": "protected_person", "clearance": 2}
    partner.commit("role_assignment", {"assignment": assignment}, releasable=())
    partner.commit("movement", MOVEMENT, assigned=["li-wei"])
    pull(host, partner)
    assert list(host.row(theirs(host, "movement")).values()) == ["notice"]  # type: ignore[union-attr]


def test_what_the_other_party_assigns_opens_nothing_to_own_people(agreed: tuple[Node, Node]) -> None:
    host, partner = agreed
    movement = partner.commit("movement", MOVEMENT)
    pull(host, partner)
    host.commit("leg", leg("own-unit"), about=theirs(host, "movement"))
    pull(partner, host)
    assert bearers(partner, movement.record) == frozenset()


def test_bearers_are_taken_back(agreed: tuple[Node, Node]) -> None:
    host, partner = agreed
    movement = partner.commit("movement", MOVEMENT)
    partner.commit("manifest_entry", NAME, about=movement.record)
    pull(host, partner)
    here = theirs(host, "movement")
    first = host.commit("leg", leg(), about=here)
    second = host.commit("leg", leg("karachi-police"), about=here)
    assert bearers(host, here) == {"gwadar-police", "karachi-police"}
    amend(host, "leg", second.record, {"duty": {"unit": "levies"}})
    assert bearers(host, here) == {"gwadar-police", "levies"}
    amend(host, "leg", second.record, {}, state="cancelled")
    assert bearers(host, here) == {"gwadar-police"}
    pull(partner, host)
    pull(host, partner)
    entry = theirs(host, "manifest_entry")
    assert bearers(host, entry) == {"gwadar-police"}
    host.system("withdraw", record=first.record, reason="another unit")
    assert bearers(host, here) == bearers(host, entry) == frozenset()
    pull(partner, host)
    pull(host, partner)
    assert list(host.row(here).values()) == ["notice"], "nobody there answers for it any more"  # type: ignore[union-attr]
    assert host.row(entry).withdrawn  # type: ignore[union-attr]


def test_an_erased_duty_assigns_nobody(agreed: tuple[Node, Node]) -> None:
    host, partner = agreed
    partner.commit("movement", MOVEMENT)
    pull(host, partner)
    here = theirs(host, "movement")
    made = host.commit("leg", leg(), about=here)
    host.system("erase", record=made.record, parts=["duty"], reason="over")
    assert bearers(host, here) == frozenset()


def test_a_rebuild_gives_the_same_bearers(agreed: tuple[Node, Node]) -> None:
    host, partner = agreed
    movement = partner.commit("movement", MOVEMENT)
    partner.commit("manifest_entry", NAME, about=movement.record)
    pull(host, partner)
    here = theirs(host, "movement")
    host.commit("leg", leg(), about=here)
    gone = host.commit("leg", leg("karachi-police"), about=here)
    pull(partner, host)
    pull(host, partner)
    host.system("withdraw", record=gone.record, reason="another unit")
    for node in (host, partner):
        with node.active():
            before = rebuild.fingerprint()
            rebuild.rebuild(node.writer)
            assert rebuild.fingerprint() == before
    assert bearers(host, here) == {"gwadar-police"}


def test_a_refused_job_leaves_no_bearers_to_look_at(agreed: tuple[Node, Node]) -> None:
    host, partner = agreed
    partner.commit("movement", MOVEMENT)
    pull(host, partner)
    here = theirs(host, "movement")

    def fails(tx: Any) -> dict[str, Any]:
        from safeconduct.records.commit import store
        from safeconduct.records.kinds import all_kinds

        store(tx, system_subject("pk"), "write", all_kinds()["leg"], Draft("leg", leg(), about=here))
        raise ValueError("after all not")

    assert "error" in host.writer._transact([fails])[0]
    assert not host.writer.tables.moved and bearers(host, here) == frozenset()
