"""A partner with several hosts: what belongs to one country is told to that country, and a desk is for one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.constellation import Constellation, agreement_with
from bench.nodes import Node, person
from bench.samples import MOMENT, parts_of
from safeconduct.agreement.policy import Subject
from safeconduct.exchange.links import links_seen
from safeconduct.exchange.state import State
from safeconduct.journeys.rules import notify_movement
from safeconduct.oversight.link import links
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import subject_of, system_subject
from safeconduct.records.refusals import Malformed, Refused
from safeconduct.records.rows import RowView
from safeconduct.records.under import working_under
from safeconduct.registry import rules as registry
from safeconduct.watch.sos import acknowledge_sos, raise_sos
from safeconduct.watch.sos_whole import whole

Around = Callable[[str], Constellation]
FIRST, SECOND = "other-001", "other-002"


@pytest.fixture
def world(around: Around) -> Constellation:
    return around("partner")


def held(world: Constellation, kind: str) -> dict[str, int]:
    """How many records of a kind each host has of the partner's."""
    asked = "SELECT count(*) FROM records_row WHERE kind = %s AND originator = 'hub'"
    found = {party: node.writer.tables.one(asked, [kind]) for party, node in world.others.items()}
    return {party: row[0] for party, row in found.items() if row and row[0]}


def notify(node: Node, actor: Subject, other: str, account: str = "") -> str:
    parts = parts_of(all_kinds()["movement"], "Journey")
    named = {"who": parts_of(all_kinds()["manifest_entry"], "Traveller")["who"], "link": {"account": account}}
    with working_under(agreement_with(other)):
        return notify_movement(actor, parts, [named] if account else [], door=node.door).record


def test_a_journey_is_told_to_the_country_it_goes_through_and_to_no_other(world: Constellation) -> None:
    centre = world.centre
    officer = person(centre, "security_manager", "officer")
    with centre.active():
        with pytest.raises(Malformed, match="under which"):
            notify_movement(officer, parts_of(all_kinds()["movement"], "Journey"), door=centre.door)
        one, two = notify(centre, officer, FIRST, "traveller"), notify(centre, officer, SECOND, "traveller")
    world.settle()
    assert held(world, "movement") == held(world, "manifest_entry") == {FIRST: 1, SECOND: 1}
    sent = [State(centre.writer.db).sent_to(record) for record in (one, two)]
    assert [[each.partner for each in found] for found in sent] == [[FIRST], [SECOND]]


def test_a_call_for_help_goes_to_the_host_of_the_country_and_nowhere_where_nobody_knows_it(
    world: Constellation,
) -> None:
    centre = world.centre
    officer, traveller = (person(centre, role, role) for role in ("security_manager", "protected_person"))
    call = {**parts_of(all_kinds()["sos"], "Help"), "caller": {"person": traveller.person}}
    call = {name: call[name] for name in ("call", "caller")}
    call["call"] |= {"means": "floor"}
    with centre.active():
        lost = raise_sos(traveller, call, key="1", door=centre.door).record
        notify(centre, officer, SECOND, traveller.person)
        known = raise_sos(traveller, call, key="2", door=centre.door).record
    world.settle()
    assert held(world, "sos") == {SECOND: 1}
    row, other = centre.row_of(lost), centre.row_of(known)
    assert (row.releasable, other.releasable) == ("", f"|{SECOND}|"), "the own room has both"


def test_that_one_host_has_a_call_for_help_is_not_told_to_another(world: Constellation) -> None:
    centre = world.centre
    officer, traveller = (person(centre, role, role) for role in ("security_manager", "protected_person"))
    call = {**parts_of(all_kinds()["sos"], "Help"), "caller": {"person": traveller.person}}
    call = {"call": {**call["call"], "means": "floor"}, "caller": call["caller"]}
    with centre.active():
        for other in (FIRST, SECOND):
            notify(centre, officer, other, traveller.person)
        raise_sos(traveller, call, key="1", door=centre.door)
    world.settle()
    assert held(world, "sos") == {FIRST: 1, SECOND: 1}
    first, second = world.others[FIRST], world.others[SECOND]
    before = sos_at(second)
    with first.active():
        acknowledge_sos(person(first, "watch_officer", "watch"), sos_at(first).id, door=first.door)
    world.settle()
    assert held(world, "sos_acknowledgement") == {} and sos_at(second) == before
    with centre.active():
        watch = person(centre, "watch_officer", "watch")
        assert whole(watch, sos_at(centre).id).waits_for == ("host", "partner"), "one of two has it"
    with second.active():
        acknowledge_sos(person(second, "watch_officer", "watch"), sos_at(second).id, door=second.door)
    world.settle()
    with centre.active():
        seen = whole(watch, sos_at(centre).id)
        assert seen.waits_for == ("partner",) and seen.receipts["host"].originator == SECOND


def sos_at(node: Node) -> RowView:
    asked = "SELECT id FROM records_row WHERE kind = 'sos'"
    ((record,),) = node.writer.tables.all(asked, [])
    return node.row_of(record)


def test_a_muster_over_two_countries_is_nobody_elses_and_one_of_a_country_is_that_hosts(
    world: Constellation,
) -> None:
    centre = world.centre
    officer = person(centre, "watch_officer", "officer")
    kinds = all_kinds()
    with centre.active():
        for other in (FIRST, SECOND):
            with working_under(agreement_with(other)):
                site = registry.enter(officer, "site", parts_of(kinds["site"], other), door=centre.door)
            who = registry.enter(officer, "person", parts_of(kinds["person"], other), door=centre.door)
            registry.arrive(officer, who.record, site.record, MOMENT, door=centre.door)
        everywhere = muster(centre, officer)
        with working_under(agreement_with(FIRST)):
            there = muster(centre, officer)
    world.settle()
    assert (centre.row_of(everywhere).releasable, centre.row_of(there).releasable) == ("|~|", f"|{FIRST}|")
    assert centre.row_of(everywhere).values()["roll"]["expected"] == 2
    assert centre.row_of(there).values()["roll"]["expected"] == 1
    assert held(world, "muster") == {FIRST: 1}
    assert set(held(world, "site")) == {FIRST, SECOND}


def muster(node: Node, officer: Subject) -> str:
    from safeconduct.records.principals import to_wire

    call = {**parts_of(all_kinds()["muster"], "Muster")["call"], "scope": "country"}
    answer = node.door.call("watch_muster", {"actor": to_wire(officer), "parts": {"call": call}})
    return str(answer["record"])


def test_a_role_for_one_agreement_gives_nothing_under_another(world: Constellation) -> None:
    centre = world.centre
    for party, node in world.others.items():
        with node.active():
            parts = parts_of(all_kinds()["incident"], party)
            commit(system_subject(party), Draft("incident", parts, releasable=["hub"]), door=node.door)
    world.settle()
    limited = holder(centre, "desk", [agreement_with(FIRST)])
    with centre.active():
        free = person(centre, "coordinator", "free")
        assert originators(free, "incident") == set(world.others)
        assert originators(limited, "incident") == {FIRST}
        said = parts_of(all_kinds()["incident"], "Own")
        made = commit(limited, Draft("incident", said), door=centre.door)
        assert centre.row_of(made.record).releasable == f"|{FIRST}|", "it goes where the role counts"
        with pytest.raises(Refused):
            commit(limited, Draft("incident", said, releasable=[SECOND]), door=centre.door)
        with working_under(agreement_with(SECOND)), pytest.raises(Refused):
            commit(limited, Draft("incident", said), door=centre.door)
        for reach in ([SECOND], [FIRST, SECOND]):
            commit(free, Draft("incident", said, releasable=reach), door=centre.door)
        listed = find(limited, Query("incident", originator="hub", sort="at"), door=centre.door).records
        assert all(FIRST in each.releasable for each in listed) and len(listed) == 2


def holder(node: Node, name: str, agreements: list[str]) -> Subject:
    given: dict[str, Any] = {"person": name, "account_name": name, "role": "coordinator", "clearance": 3}
    draft = Draft("role_assignment", {"assignment": {**given, "agreements": agreements}}, releasable=())
    with node.active():
        commit(system_subject(node.home.party), draft, door=node.door)
        return subject_of(node.writer.tables, node.home, name, node.writer.clock())


def originators(reader: Subject, kind: str) -> set[str]:
    return {each.originator for each in find(reader, Query(kind, sort="at", limit=100)).records}


def test_nobody_who_is_limited_gives_a_role_that_reaches_further(world: Constellation) -> None:
    centre = world.centre
    limited = holder(centre, "desk", [agreement_with(FIRST)])
    given: dict[str, Any] = {"person": "x", "account_name": "x", "role": "analyst", "clearance": 1}
    with centre.active():
        for agreements in ([], [agreement_with(SECOND)], [agreement_with(FIRST), agreement_with(SECOND)]):
            part = {"assignment": {**given, "agreements": agreements}}
            with pytest.raises(Refused, match="under those alone"):
                commit(limited, Draft("role_assignment", part, releasable=()), door=centre.door)
        part = {"assignment": {**given, "agreements": [agreement_with(FIRST)]}}
        commit(limited, Draft("role_assignment", part, releasable=()), door=centre.door)


def test_how_the_links_are_is_asked_at_once_for_all(
    world: Constellation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = Door.call_many

    def counted(self: Door, job: str, payloads: Any) -> Any:
        asked.append(job)
        return real(self, job, payloads)

    monkeypatch.setattr(Door, "call_many", counted)
    with world.centre.active():
        assert len(links_seen()) == len(links()) == len(world.others)
    assert sorted(asked) == ["exchange_cosigned", "exchange_cursor", "exchange_cursor"]
