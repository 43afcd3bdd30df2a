"""A commander who is no duty bearer of a journey does not become one by his own word."""

from __future__ import annotations

import pytest

from journeys.two_nodes import Node, leg, parts, person, pull
from safeconduct.journeys import rules
from safeconduct.records.commit import Draft, commit
from safeconduct.records.refusals import Malformed, Refused

PLAN = (
    leg("karachi-police", "Karachi", "Ormara", 60, 64),
    leg("gwadar-police", "Ormara", "Gwadar", 64, 68),
)


def test_a_curious_commander_assigns_neither_himself_nor_others(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    manager = person(partner, "manager", "security_manager")
    with partner.active():
        rules.notify_movement(manager, parts())
    pull(host, partner)
    officer = person(host, "officer", "coordinator")
    karachi = person(host, "karachi", "commander", "karachi-police")
    curious = person(host, "curious", "commander", "quetta-police")
    (row,) = host.of_kind("movement", "cn")
    with host.active():
        own = [leg("quetta-police", "Karachi", "Gwadar", 60, 68)]
        for plan in (own, PLAN):
            with pytest.raises(Refused, match="answers for it already"):
                rules.assign_legs(curious, row.id, plan)
        legs = rules.assign_legs(officer, row.id, PLAN)
        with pytest.raises(Refused):
            rules.assign_legs(curious, row.id, own)
    assert [host.row(each).state for each in legs] == ["assigned", "assigned"]
    assert host.row(row.id).bearers == "|gwadar-police|karachi-police|"
    later = (PLAN[0], leg("levies", "Ormara", "Gwadar", 64, 68))
    with host.active():
        assert rules.assign_legs(karachi, row.id, later) == legs, (
            "who answers for it already may change the plan"
        )
    assert host.row(row.id).bearers == "|karachi-police|levies|"


def test_a_handover_is_given_by_the_unit_whose_leg_ends(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    manager = person(partner, "manager", "security_manager")
    with partner.active():
        rules.notify_movement(manager, parts())
    pull(host, partner)
    officer = person(host, "officer", "coordinator")
    (row,) = host.of_kind("movement", "cn")
    with host.active():
        rules.assign_legs(officer, row.id, PLAN)
        (handover,) = host.of_kind("handover", "pk")
        point = {**handover.values()["point"], "from_unit": "quetta-police"}
        draft = Draft("handover", {"point": point}, record=handover.id, expected=handover.version)
        with pytest.raises(Malformed, match="the unit of the leg"):
            commit(officer, draft, act="command")
