"""Statements on the same event between two real nodes: what each counts, what crosses and what never does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exchange.nodes import opened, own_connections
from journeys import two_nodes
from safeconduct.incidents import same_kinds, same_rules
from safeconduct.records.as_of import Then, find_as_of, past
from safeconduct.records.commit import Draft, commit
from safeconduct.records.everywhere import Sought, search_everywhere
from safeconduct.records.find import Query, count
from safeconduct.records.principals import system_subject, to_wire
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.release import release
from safeconduct.records.shown import related
from safeconduct.shell import same_event

from .same_nodes import Node, Nodes, both_ways, counted, person, pull, report, say, seen, statements, there


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture
def rooms(prepared: Path, tmp_path: Path) -> Iterator[Nodes]:
    with opened(two_nodes.made(prepared, "4"), tmp_path) as both:
        yield both


def test_each_party_counts_its_own_record_once_it_is_said_that_two_are_one(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = person(host, "h", "coordinator"), person(partner, "p", "analyst")
    own, other = report(host, ours), report(partner, person(partner, "w", "watch_officer"))
    both_ways(host, partner)
    at_host, at_partner = there(host, "cn"), there(partner, "pk")
    assert counted(host, ours) == sorted([own, at_host])
    say(host, ours, "same", own, at_host, reason="The same place and hour")
    assert counted(host, ours) == [own], "the own record counts"
    assert len(seen(host, ours)) == 2, "and every record stays on the list"
    both_ways(host, partner)
    assert {(each.originator, each.about) for each in statements(partner, theirs)} == {
        ("pk", other),
        ("pk", at_partner),
    }
    assert counted(partner, theirs) == [other], "the other party's word counts where the own one said nothing"


def test_an_objection_splits_for_its_party_and_is_told_to_the_other(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = person(host, "h", "coordinator"), person(partner, "p", "coordinator")
    own, other = report(host, ours), report(partner, theirs)
    both_ways(host, partner)
    at_host, at_partner = there(host, "cn"), there(partner, "pk")
    say(host, ours, "same", own, at_host)
    pull(partner, host)
    say(partner, theirs, "different", other, at_partner, reason="Two hours apart")
    assert counted(partner, theirs) == sorted([other, at_partner])
    pull(host, partner)
    assert {each.state for each in statements(host, ours)} == {"same", "different"}
    assert counted(host, ours) == [own], "the own statement counts first"
    say(host, ours, "back", own, at_host)
    assert counted(host, ours) == sorted([own, at_host])
    say(partner, theirs, "same", other, at_partner)
    both_ways(host, partner)
    assert counted(host, ours) == [own], "what the partner says now, of its own record, counts"
    assert counted(partner, theirs) == [other]


def test_two_own_records_are_one_event_on_both_nodes(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = person(host, "h", "coordinator"), person(partner, "p", "coordinator")
    first, second = report(host, ours, "Reported"), report(host, ours, "Imported")
    say(host, ours, "same", first, second)
    pull(partner, host)
    assert counted(host, ours) == [first], "the earliest of several own ones"
    assert len(counted(partner, theirs)) == 1
    answered = there(partner, "pk", "Reported"), there(partner, "pk", "Imported")
    say(partner, theirs, "different", *answered)
    assert counted(partner, theirs) == sorted(answered), "and may be objected to, though neither is one's own"


def test_of_a_record_that_the_partner_does_not_know_it_is_told_nothing(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = person(host, "h", "coordinator"), person(partner, "p", "coordinator")
    held_back, known = report(host, ours, "CANARY-HELD", releasable=[]), report(host, ours, "Known")
    secret = report(host, ours, "CANARY-LABELLED", levels={"summary": 3, "when": 3, "where": 3})
    say(host, ours, "same", known, held_back, reason="CANARY-WHY")
    say(host, ours, "same", known, secret, reason="CANARY-WHY")
    pull(partner, host)
    assert partner.of_kind("same_event", "pk") == []
    assert b"CANARY" not in partner.everything()
    assert statements(partner, theirs) == []


def test_what_waited_crosses_when_the_partner_comes_to_know_the_other_record(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = person(host, "h", "coordinator"), person(partner, "p", "coordinator")
    first = report(host, ours, "First")
    second = report(host, ours, "Second", levels={"summary": 2, "when": 2, "where": 2})
    say(host, ours, "same", first, second)
    pull(partner, host)
    assert partner.of_kind("same_event", "pk") == []
    with host.active():
        draft = Draft(
            "incident", {}, record=second, expected=1, state="update",
            levels={"summary": 1, "when": 1, "where": 1},
        )  # fmt: skip
        commit(ours, draft, door=host.door)
    pull(partner, host)
    assert len(statements(partner, theirs)) == 2
    assert len(counted(partner, theirs)) == 1


def unlabelled(node: Node, *incidents: str) -> str:
    """A statement whose halves bear the lowest label; the half about the first."""
    made = []
    with node.active():
        for about in incidents:
            parts = {
                "statement": {"pair": "c" * 32, "at": "2024-10-07T00:00:00Z"},
                "reason": {"text": "CANARYWHY"},
            }
            draft = Draft("same_event", parts, about=about, levels={"statement": 0, "reason": 0})
            made.append(commit(system_subject(node.home.party), draft, door=node.door).record)
    return made[0]


def test_who_may_not_know_of_one_record_is_told_of_neither_half(rooms: Nodes) -> None:
    host, _ = rooms
    ours = person(host, "h", "coordinator")
    low = person(host, "low", "auditor", clearance=1)
    known = report(host, ours)
    secret = report(host, ours, "CANARY", levels={"summary": 3, "when": 3, "where": 3})
    say(host, ours, "same", known, secret)
    # As if it bore no label of its own: what is not to be known of must not be shown by what joins it either.
    unlabelled(host, known, secret)
    assert len(statements(host, ours)) == 4
    assert statements(host, low) == []
    for each in statements(host, ours):
        with host.active(), pytest.raises(NotFound):
            release(low, each.id, door=host.door)
    assert counted(host, low) == [known]
    assert counted(host, ours) == [known]
    with host.active(), pytest.raises(NotFound):
        same_rules.say_same(low, known, secret, door=host.door)


def test_no_list_of_records_no_preview_and_no_stream_names_half_a_statement(rooms: Nodes) -> None:
    host, partner = rooms
    ours, low = person(host, "h", "coordinator"), person(host, "low", "coordinator", clearance=1)
    known = report(host, ours)
    secret = report(host, ours, "CANARY", levels={"summary": 3, "when": 3, "where": 3})
    told: list[dict[str, Any]] = []
    host.writer.listeners.append(told.append)
    half = unlabelled(host, known, secret)
    assert {each["record"] for each in told if each.get("kind")} == {known, secret}
    assert "same_event" not in {each.get("kind") for each in told}
    for reader, there_is in ((ours, True), (low, False)):
        with host.active():
            assert ("same_event" in {each.kind for each in related(reader, known)}) is there_is
            assert count(reader, Query("same_event")) == 2 * there_is
            found = search_everywhere(reader, Sought("CANARYWHY"), door=host.door)
            assert bool(found) is there_is
            told_of = host.call("may_know", actor=to_wire(reader), records=[known, half])["known"]
            assert (half in told_of) is there_is and known in told_of
            page, _ = find_as_of(
                reader, past(datetime.now(UTC), host.door), Then("same_event"), door=host.door
            )
            assert len(page) == 2 * there_is
            with nullcontext() if there_is else pytest.raises(NotFound):
                assert host.call("held_on", actor=to_wire(reader), record=half)["record"] == half
    host.system("hold", record=half, because="An inquiry is open")
    assert "same_event" not in {each.get("kind") for each in told}, "that one was set is told of the incident"
    preview = host.system("preview", record=half, partner="cn")
    assert preview["leaves"] is False
    pull(partner, host)
    assert partner.of_kind("same_event", "pk") == []


def test_a_withdrawn_record_leaves_nothing_said_and_an_erased_one_no_count(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = person(host, "h", "coordinator"), person(partner, "p", "coordinator")
    own, third = report(host, ours), report(host, ours, "Third")
    other = report(partner, theirs)
    both_ways(host, partner)
    at_host, at_partner = there(host, "cn"), there(partner, "pk", "Bomb against a convoy")
    say(host, ours, "same", own, at_host)
    say(host, ours, "same", own, third)
    both_ways(host, partner)
    assert counted(partner, theirs) == [other]
    host.system("withdraw", record=own, reason="A mistake")
    assert counted(host, ours) == sorted([third, at_host])
    assert all(each.withdrawn for each in statements(host, ours)), "both halves fall with it"
    both_ways(host, partner)
    assert other in counted(partner, theirs) and at_partner not in counted(partner, theirs)
    with host.active(), pytest.raises(Malformed, match="withdrawn"):
        same_rules.say_same(ours, third, own, door=host.door)
    partner.system("withdraw", record=other, reason="Theirs too")
    pull(host, partner)
    assert counted(host, ours) == [third]
    host.system("erase", record=third, parts=[])
    assert counted(host, ours) == [third], "what is left of it is one record, whatever was said of it"


def test_a_partner_cannot_make_two_of_ours_one(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = person(host, "h", "coordinator"), person(partner, "p", "coordinator")
    first, second = report(host, ours, "One"), report(host, ours, "Two")
    pull(partner, host)
    known = there(partner, "pk", "One"), there(partner, "pk", "Two")
    with partner.active(), pytest.raises(Malformed, match="incident of its own"):
        same_rules.say_same(theirs, *known, door=partner.door)
    # A node that does not keep to the rule sends it all the same, and a third half with it.
    before = same_kinds.may_be_joined
    same_kinds.may_be_joined = lambda *_: True  # type: ignore[assignment]
    try:
        with partner.active():
            for about in known:
                parts = {"statement": {"pair": "b" * 32, "at": "2024-10-07T00:00:00Z"}}
                draft = Draft("same_event", parts, about=about)
                commit(system_subject("cn"), draft, door=partner.door)
    finally:
        same_kinds.may_be_joined = before
    pull(host, partner)
    assert len(statements(host, ours)) == 2
    assert counted(host, ours) == sorted([first, second])


def test_only_who_may_says_so_and_nobody_on_a_version_not_seen(rooms: Nodes) -> None:
    host, _ = rooms
    ours, officer = person(host, "h", "coordinator"), person(host, "c", "commander")
    first, second = report(host, ours), report(host, ours)
    with host.active():
        with pytest.raises(Refused):
            same_rules.say_same(officer, first, second, door=host.door)
        with pytest.raises(Malformed, match="two incidents"):
            same_rules.say_same(ours, first, first, door=host.door)
        with pytest.raises(NotFound):
            same_rules.say_same(ours, first, "0" * 32, door=host.door)
        with pytest.raises(Malformed, match="taken back"):
            same_rules.take_back(ours, first, second, door=host.door)
        made = same_rules.say_same(ours, first, second, reason="Twice imported", door=host.door)
        again = same_rules.say_same(ours, second, first, door=host.door)
        assert again.version == 1, "who says it twice has said it once"
        assert len(host.of_kind("same_event", "pk")) == 2
        same_rules.say_different(ours, first, second, seen=1, door=host.door)
        assert "reason" not in release(ours, made.record, door=host.door).parts
        with pytest.raises(Conflict):
            same_rules.take_back(ours, first, second, seen=1, door=host.door)
        with pytest.raises(Malformed, match="two halves"):
            pair = release(ours, made.record, door=host.door).parts["statement"]["pair"]
            parts = {"statement": {"pair": pair, "at": "2024-10-07T00:00:00Z"}}
            commit(ours, Draft("same_event", parts, about=first), door=host.door)


def test_of_a_flood_of_statements_the_latest_are_gone_through(
    rooms: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _ = rooms
    ours = person(host, "h", "coordinator")
    one, *others = (report(host, ours, f"No. {number}") for number in range(4))
    for other in others:
        say(host, ours, "same", one, other)
    assert counted(host, ours) == [one]
    monkeypatch.setattr(same_event, "MAX_LIMIT", 2)
    assert counted(host, ours) == [one], "page by page"
    monkeypatch.setattr(same_event, "MOST", 2)
    assert counted(host, ours) == sorted([one, *others[:2]]), "and no further than that"


def test_a_thousand_statements_on_one_incident_are_one_event(rooms: Nodes) -> None:
    host, _ = rooms
    ours = person(host, "h", "coordinator")
    one = report(host, ours)
    others = [report(host, ours, f"No. {number}") for number in range(1000)]
    for other in others:
        say(host, ours, "same", one, other)
    assert counted(host, ours) == [one]
