"""One host, several partners: that two of their records are one event is the host's affair, and no partner's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.constellation import CENTRE, Constellation
from bench.nodes import Node, person
from safeconduct.agreement.policy import Subject
from safeconduct.incidents import same_rules
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.principals import subject_of, system_subject
from safeconduct.records.refusals import NotFound
from safeconduct.records.under import working_under
from safeconduct.shell.same_event import counted_once

Around = Callable[[str], Constellation]


def report(node: Node, title: str, to: list[str] | None = None) -> str:
    parts: dict[str, Any] = {
        "summary": {"title": title, "category": "attack"},
        "when": {"start": "2024-10-06T23:00+05:00"},
        "where": {"latitude": 24.9, "longitude": 67.17, "place": "Karachi airport", "district": "Karachi"},
    }
    with node.active():
        draft = Draft("incident", parts, releasable=to)
        return commit(system_subject(node.home.party), draft, door=node.door).record


def known(node: Node, who: Subject, title: str) -> str:
    with node.active():
        found = find(who, Query("incident", limit=500), door=node.door).records
    return next(each.id for each in found if each.parts["summary"]["title"] == title)


def counted(node: Node, who: Subject) -> int:
    with node.active():
        found = find(who, Query("incident", limit=500), door=node.door).records
        return len(found) - len(counted_once(who, found))


def statements(node: Node, who: Subject) -> int:
    with node.active():
        return len(find(who, Query("same_event", sort="at", limit=500), door=node.door).records)


def test_a_chain_across_two_partners_is_one_event_here_and_crosses_link_by_link(around: Around) -> None:
    world = around("host")
    one, two, _ = sorted(world.others)
    first, second = world.others[one], world.others[two]
    report(first, "CANARY-ONE")
    report(second, "CANARY-TWO")
    own = report(world.centre, "OWN", [one, two])
    world.settle()
    desk = holder(world.centre, "coordinator", "desk")
    theirs, others = known(world.centre, desk, "CANARY-ONE"), known(world.centre, desk, "CANARY-TWO")
    with world.centre.active():
        same_rules.say_same(desk, own, theirs, door=world.centre.door)
        same_rules.say_same(desk, own, others, door=world.centre.door)
        same_rules.say_same(desk, theirs, others, "CANARY-BOTH", door=world.centre.door)
    world.settle()
    assert counted(world.centre, desk) == 1
    for node, at_home, foreign in ((first, "CANARY-ONE", "CANARY-TWO"), (second, "CANARY-TWO", "CANARY-ONE")):
        reader = holder(node, "coordinator", "reader")
        assert statements(node, reader) == 2, "the link that concerns it, and no other"
        assert counted(node, reader) == 1
        assert known(node, reader, at_home)
        rows = node.writer.tables.all("SELECT parts FROM records_row", [])
        assert not any(foreign in text or "CANARY-BOTH" in text for (text,) in rows)
    with world.centre.active():
        same_rules.take_back(desk, own, others, door=world.centre.door)
        assert counted(world.centre, desk) == 1, "the two partners' records still hold it together"
        same_rules.say_different(desk, theirs, others, door=world.centre.door)
    assert counted(world.centre, desk) == 2


def test_a_desk_for_one_agreement_is_told_nothing_of_two_partners_records(around: Around) -> None:
    world = around("host")
    one, two, _ = sorted(world.others)
    report(world.others[one], "ONE")
    report(world.others[two], "TWO")
    world.settle()
    both = holder(world.centre, "coordinator", "both")
    theirs, others = known(world.centre, both, "ONE"), known(world.centre, both, "TWO")
    limited = limited_to(world.centre, one)
    with world.centre.active():
        with pytest.raises(NotFound):
            same_rules.say_same(limited, theirs, others, door=world.centre.door)
        same_rules.say_same(both, theirs, others, door=world.centre.door)
    assert (statements(world.centre, both), counted(world.centre, both)) == (2, 1)
    assert (statements(world.centre, limited), counted(world.centre, limited)) == (0, 1)
    partner = world.centre.home.partners[one]
    with working_under(partner.agreement, looking=True):
        assert counted(world.centre, both) == 1
    world.settle()
    assert world.centre.home.party == CENTRE
    for party in (one, two):
        assert statements(world.others[party], holder(world.others[party], "coordinator", "c")) == 0


def limited_to(node: Node, party: str) -> Subject:
    """A coordinator for the agreement with one partner."""
    assignment = {
        "person": "limited", "account_name": "limited", "role": "coordinator", "clearance": 3,
        "agreements": [node.home.partners[party].agreement],
    }  # fmt: skip
    with node.active():
        draft = Draft("role_assignment", {"assignment": assignment}, releasable=())
        commit(system_subject(node.home.party), draft, door=node.door)
        return subject_of(here.headers(), node.home, "limited", 2e9)


def holder(node: Node, role: str, name: str) -> Subject:
    with node.active():
        return person(node, role, name)
