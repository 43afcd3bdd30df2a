"""An SOS on both nodes: who hears of it and when, what each may see, how it ends, and how it does not."""

from __future__ import annotations

import time
from typing import Any

import pytest

import ready
from journeys.two_nodes import Node, leg, moment, parts, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.journeys import rules
from safeconduct.notify.kinds import ESCALATION
from safeconduct.notify.ladder import SOS_DEFAULT
from safeconduct.records.find import Query, find
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import release
from safeconduct.records.rows import RowView
from safeconduct.timers.firing import fire_due
from safeconduct.watch import sos
from safeconduct.watch.sos_kinds import SOS, SOS_ACKNOWLEDGEMENT, STAND_DOWN, TASKING

Nodes = tuple[Node, Node]


def called(account: str = "traveller", **call: Any) -> dict[str, Any]:
    return {
        "call": {"at": moment(0), "means": "phone", "headline": "Shots at the bridge", **call},
        "place": {"latitude": 24.9, "longitude": 67.16, "accuracy_m": 12, "source": "phone"},
        "caller": {"person": account, "name": "Engineer Li", "phone": "+92 000"},
        "words": {"text": "We are behind the second van"},
    }


def raised(node: Node, who: Subject, **more: Any) -> str:
    with node.active():
        return sos.raise_sos(who, called(who.person), **more).record


def ladder(node: Node, about: str) -> list[RowView]:
    rows = [row for party in ("pk", "cn") for row in node.of_kind(ESCALATION.name, party)]
    return [row for row in rows if row.about == about and row.originator == node.home.party]


def one(node: Node, kind: str, originator: str) -> RowView:
    (found,) = node.of_kind(kind, originator)
    return found


def test_both_rooms_hear_of_it_each_acknowledges_by_its_own_clock_and_each_ladder_stops_for_itself(
    nodes: Nodes,
) -> None:
    host, partner = nodes
    traveller = person(partner, "traveller", "protected_person")
    embassy = person(partner, "watch", "watch_officer")
    floor = person(host, "watch", "watch_officer")
    own = raised(partner, traveller)
    assert [row.values()["step"]["reason"] for row in ladder(partner, own)] == ["sos"]
    pull(host, partner)
    theirs = one(host, SOS.name, "cn").id
    assert [row.state for row in ladder(host, theirs)] == ["raised"]
    with host.active():
        seen = release(floor, theirs)
        assert seen.parts["call"]["headline"] == "Shots at the bridge"
        assert seen.parts["place"]["latitude"] == 24.9 and seen.parts["caller"]["name"] == "Engineer Li"
        sos.acknowledge_sos(floor, theirs, "Police on the way")
    assert [row.state for row in ladder(host, theirs)] == ["answered"]
    assert [row.state for row in ladder(partner, own)] == ["raised"], (
        "the Partner's room has not answered yet"
    )
    pull(partner, host)
    receipt = one(partner, SOS_ACKNOWLEDGEMENT.name, "pk").values()["receipt"]
    assert receipt["room"] == "host" and receipt["remark"] == "Police on the way"
    assert [row.state for row in ladder(partner, own)] == ["raised"]
    with partner.active():
        sos.acknowledge_sos(embassy, own)
        (answered,) = ladder(partner, own)
        assert answered.state == "answered" and answered.values()["answer"]["outcome"] == "acknowledged"
        rooms = release(traveller, own).parts["rooms"]
        assert set(rooms) == {"host", "partner"} and rooms["host"] == receipt["at"]


def test_the_partner_is_told_which_unit_comes_and_never_where_it_is(nodes: Nodes) -> None:
    host, partner = nodes
    traveller = person(partner, "traveller", "protected_person")
    floor, commander = (
        person(host, "watch", "watch_officer"),
        person(host, "commander", "commander", "gwadar-police"),
    )
    embassy = person(partner, "coordinator", "coordinator")
    raised(partner, traveller)
    pull(host, partner)
    theirs = one(host, SOS.name, "cn").id
    with host.active():
        where = {"latitude": 24.88, "longitude": 67.1, "minutes_away": 6}
        tasking = sos.task_unit(floor, theirs, "gwadar-police", "Gwadar police", "Bring them out", where)
        assert release(floor, tasking.record).parts["whereabouts"]["minutes_away"] == 6
        sos.move_tasking(commander, tasking.record, tasking.version, "under_way")
    pull(partner, host)
    row = one(partner, TASKING.name, "pk")
    assert row.state == "under_way" and row.values() == {"duty": row.values()["duty"]}
    with partner.active():
        assert release(embassy, row.id).parts["duty"]["unit_name"] == "Gwadar police"
        with pytest.raises(Refused):
            sos.task_unit(embassy, one(partner, SOS.name, "cn").id, "embassy-guards")
    assert not any(b"67.1," in file.read_bytes() for file in ready.files_of_tables(partner.home))


def test_a_press_that_is_sent_again_is_one_sos_and_another_person_is_not_refused_for_its_key(
    nodes: Nodes,
) -> None:
    _, partner = nodes
    traveller = person(partner, "traveller", "protected_person")
    other = person(partner, "warden", "warden")
    assert len({raised(partner, traveller, key="k-1") for _ in range(5)}) == 1
    assert len({raised(partner, traveller, key="k-2"), raised(partner, other, key="k-2")}) == 2
    with pytest.raises(Malformed):
        raised(partner, traveller, key="x" * 200)


@pytest.mark.parametrize(
    "at", ["2190-01-01T00:00:00Z", "yesterday", "", "2026-10-06T23:00:00", None, 7, "9" * 500]
)
def test_a_wrong_clock_never_stops_an_sos(nodes: Nodes, at: Any) -> None:
    _, partner = nodes
    traveller = person(partner, "traveller", "protected_person")
    with partner.active():
        given = {**called(), "call": {"at": at, "means": "phone"}}
        record = sos.raise_sos(traveller, given).record
        call = release(traveller, record).parts["call"]
    assert call["at"] == call["received"]


def test_an_sos_of_a_journey_goes_to_its_duty_bearers_and_tells_which_journey(nodes: Nodes) -> None:
    host, partner = nodes
    manager = person(partner, "manager", "security_manager")
    traveller = person(partner, "traveller", "protected_person")
    coordinator = person(host, "coordinator", "coordinator")
    with partner.active():
        names = [{"who": {"name": "Li"}, "link": {"account": "traveller", "person": ""}}]
        own = rules.notify_movement(manager, parts(), names=names).record
    pull(host, partner)
    movement = one(host, "movement", "cn").id
    with host.active():
        rules.acknowledge(coordinator, movement, "gwadar-police")
        rules.assign_legs(coordinator, movement, [leg("gwadar-police", "Karachi", "Gwadar", 60, 68)])
    record = raised(partner, traveller, about=own)
    assert partner.row(record).about == own
    pull(host, partner)
    theirs = one(host, SOS.name, "cn")
    assert theirs.about == movement and "gwadar-police" in theirs.bearers
    unknown = raised(partner, traveller, about="no-such-record")
    assert partner.row(unknown).about == ""


def test_a_safe_word_ends_it_on_both_sides_and_the_duress_word_only_seems_to(nodes: Nodes) -> None:
    host, partner = nodes
    callers = [person(partner, name, "protected_person") for name in ("traveller", "colleague")]
    embassy = person(partner, "watch", "watch_officer")
    floor = person(host, "watch", "watch_officer")
    forced, free = (raised(partner, each) for each in callers)
    pull(host, partner)
    with host.active():
        for row in host.of_kind(SOS.name, "cn"):
            sos.acknowledge_sos(floor, row.id)
    with partner.active():
        words = []
        for who, record, duress in zip(callers, (forced, free), (True, False), strict=True):
            sos.acknowledge_sos(embassy, record)
            sos.stand_down(who, record, "safe_word", under_duress=duress, by="Li", key="word-1")
            words += find(who, Query(STAND_DOWN.name, about=[forced, free])).records
        assert len(words) == 2 and all(set(each.parts) == {"word"} for each in words)
        assert partner.row(forced).version == partner.row(free).version
        assert words[0].parts["word"] | {"at": ""} == words[1].parts["word"] | {"at": ""}
    assert (partner.row(forced).state, partner.row(free).state) == ("raised", "stood_down")
    assert [row.values()["step"]["reason"] for row in ladder(partner, forced) if row.state == "raised"] == [
        "duress"
    ]
    pull(host, partner)
    by_state = {row.state: row.id for row in host.of_kind(SOS.name, "cn")}
    again = [
        row.values()["step"]["reason"] for row in ladder(host, by_state["raised"]) if row.state == "raised"
    ]
    assert again == ["duress"] and not [
        r for r in ladder(host, by_state["stood_down"]) if r.state == "raised"
    ]
    with host.active():
        (word,) = find(floor, Query(STAND_DOWN.name, about=by_state["raised"])).records
        assert word.parts["genuineness"] == {"under_duress": True}


def test_nobody_ends_the_other_partys_sos_nor_a_strangers(nodes: Nodes) -> None:
    host, partner = nodes
    traveller = person(partner, "traveller", "protected_person")
    stranger = person(partner, "stranger", "protected_person")
    floor, embassy = person(host, "watch", "watch_officer"), person(partner, "watch", "watch_officer")
    own = raised(partner, traveller)
    pull(host, partner)
    with host.active(), pytest.raises(Refused):
        sos.stand_down(floor, one(host, SOS.name, "cn").id, "floor")
    with partner.active():
        with pytest.raises(NotFound):
            sos.stand_down(stranger, own, "safe_word")
        with pytest.raises(NotFound):
            release(stranger, own)
        with pytest.raises(Refused):
            sos.stand_down(traveller, own, "false_alarm")
        with pytest.raises(Refused):
            sos.stand_down(embassy, own, "safe_word")
        sos.stand_down(embassy, own, "false_alarm")
        with pytest.raises(Malformed):
            sos.stand_down(embassy, own, "false_alarm")
    assert partner.row(own).state == "false_alarm"


def test_with_the_link_cut_each_side_goes_on_and_an_answer_after_the_window_counts(nodes: Nodes) -> None:
    host, partner = nodes
    traveller = person(partner, "traveller", "protected_person")
    embassy = person(partner, "watch", "watch_officer")
    own = raised(partner, traveller)
    end = time.time() + SOS_DEFAULT[-1].after + 60
    seen = set()
    for later in [rung.after + 1 for rung in SOS_DEFAULT[1:]]:
        partner.in_tx(lambda tx, d=later: _at(tx, end - 660 + d))
        seen.add(ladder(partner, own)[0].values()["step"]["rung"])
    assert seen == {2, 3, 4}
    with partner.active():
        sos.acknowledge_sos(embassy, own, "We heard late")
    assert [row.state for row in ladder(partner, own)] == ["answered"]
    pull(host, partner)
    assert one(host, SOS.name, "cn").state == "raised"
    assert one(host, SOS_ACKNOWLEDGEMENT.name, "cn").values()["receipt"]["remark"] == "We heard late"


def _at(tx: Any, now: float) -> None:
    tx.now = now
    while fire_due(tx):
        pass
