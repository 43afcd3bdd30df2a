"""A movement from notice to handover, each party on its own node, each person with no more than their role."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ready
from journeys.two_nodes import Node, leg, moment, own_connections, parts, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.journeys import rules
from safeconduct.journeys.changes import changes_between
from safeconduct.journeys.standing import stage_of
from safeconduct.records.earlier import earlier
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.release import Released, release


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


class World:
    """Both nodes and the people on them."""

    def __init__(self, folder: Path) -> None:
        self.host, self.partner = Node(folder / "pk"), Node(folder / "cn")
        self.manager = person(self.partner, "manager", "security_manager")
        self.liaison = person(self.partner, "liaison", "liaison", clearance=2)
        self.embassy = person(self.partner, "embassy", "coordinator")
        self.officer = person(self.host, "officer", "coordinator")
        self.watch = person(self.host, "watch", "watch_officer")
        self.gwadar = person(self.host, "gwadar", "commander", "gwadar-police")
        self.karachi = person(self.host, "karachi", "commander", "karachi-police")

    def exchange(self) -> None:
        pull(self.host, self.partner)
        pull(self.partner, self.host)
        pull(self.host, self.partner)

    def notify(self, hours: float = 60, names: Any = (), **notice: Any) -> str:
        with self.partner.active():
            made = rules.notify_movement(self.manager, parts(hours, **notice), names)
        self.exchange()
        return made.record

    def there(self, kind: str = "movement") -> str:
        """The one record of that kind that the Host has from the Partner."""
        (row,) = self.host.of_kind(kind, "cn")
        return row.id

    def opens(self, record: str) -> float | None:
        row = self.partner.row(record)
        assert row is not None
        return row.opens

    def about(self, node: Node, who: Subject, kind: str, record: str) -> list[Released]:
        with node.active():
            return find(who, Query(kind, about=record, sort="at", descending=False)).records

    def stage(self, node: Node, who: Subject, record: str) -> str:
        said = {
            kind: self.about(node, who, kind, record) for kind in ("acknowledgement", "clearance", "check_in")
        }
        with node.active():
            found = release(who, record)
        decided = said["clearance"][-1] if said["clearance"] else None
        return stage_of(found, said["acknowledgement"], decided, said["check_in"], time.time())


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Iterator[World]:
    ready.copy(made, tmp_path / "world")
    found = World(tmp_path / "world")
    yield found
    found.partner.close()
    found.host.close()


NAMES = ({"who": {"name": "李伟", "name_latin": "Li Wei"}}, {"who": {"name": "Wang Fang"}})
PLAN = (
    leg("karachi-police", "Karachi", "Ormara", 60, 64, vehicles=2, callsign="Falcon"),
    leg("gwadar-police", "Ormara", "Gwadar", 64, 68),
)


# --- the notice


def test_a_notice_is_given_as_long_ahead_as_the_clause_asks(world: World) -> None:
    with world.partner.active():
        with pytest.raises(Malformed, match=r"48 hours ahead .pk-cn/5.6.*emergency"):
            rules.notify_movement(world.manager, parts(20))
        made = rules.notify_movement(world.manager, parts(2, emergency=True))
    assert world.opens(made.record) is None, "in an emergency there is nothing to wait for"
    world.exchange()
    with world.host.active():
        shown = release(world.watch, world.there())
    assert shown.parts["notice"]["emergency"] and shown.parts["itinerary"]["origin"]["place"] == "Karachi"


def test_an_itinerary_and_its_names_open_as_the_clause_says(world: World) -> None:
    record = world.notify(hours=60, names=NAMES)
    opens = world.opens(record)
    assert opens is not None and abs(opens - (time.time() + 48 * 3600)) < 60
    assert [row.opens for row in world.partner.of_kind("manifest_entry", "cn")] == [opens] * 2
    with world.host.active():
        assert set(release(world.officer, world.there()).parts) == {"notice"}
    assert not world.host.of_kind("manifest_entry", "cn")


def test_a_form_that_was_sent_twice_is_one_notice(world: World) -> None:
    with world.partner.active():
        first = rules.notify_movement(world.manager, parts(), NAMES, key="form-1")
        again = rules.notify_movement(world.manager, parts(), NAMES, key="form-1")
    assert again == first
    assert len(world.partner.of_kind("movement", "cn")) == 1
    assert len(world.partner.of_kind("manifest_entry", "cn")) == 2


def test_a_manifest_has_no_more_names_than_persons_and_all_of_it_or_none_is_stored(world: World) -> None:
    with world.partner.active():
        with pytest.raises(Malformed):
            rules.notify_movement(world.manager, parts(persons=1), NAMES)
        with pytest.raises(Malformed):
            rules.notify_movement(world.manager, parts(persons=9_000), [NAMES[0]] * 501)
        with pytest.raises(PartRefused):
            rules.notify_movement(world.manager, parts(), [NAMES[0], {"who": {"name": ""}}])
    assert not world.partner.of_kind("movement", "cn")


def test_who_may_not_give_notice_is_refused(world: World) -> None:
    with world.partner.active(), pytest.raises(Refused):
        rules.notify_movement(world.liaison, parts())
    with world.host.active(), pytest.raises(Refused):
        rules.notify_movement(world.officer, parts())


def test_a_series_is_one_movement_a_day_with_a_common_reference(world: World) -> None:
    with world.partner.active():
        made = rules.notify_series(world.manager, parts(), [0, 1, 7], NAMES, key="s")
        again = rules.notify_series(world.manager, parts(), [0, 1, 7], NAMES, key="s")
        found = [release(world.manager, each.record) for each in made]
        with pytest.raises(Malformed):
            rules.notify_series(world.manager, parts(), range(61))
        with pytest.raises(Malformed):
            rules.notify_series(world.manager, parts(), [-1])
    assert made == again
    notices = [each.parts["notice"] for each in found]
    assert all(n["reference"].startswith("GP-7/2") and n["category"] == "recurring" for n in notices)
    assert len({n["reference"] for n in notices}) == 3
    days = [n["since"][:10] for n in notices]
    assert days == sorted(days) and found[2].parts["check_plan"]["points"][0]["due"] > days[2]


def test_an_amendment_says_what_it_changed_and_keeps_to_the_lead_time(world: World) -> None:
    record = world.notify(names=NAMES)
    changed = parts(70, persons=4)
    with world.partner.active():
        rules.amend_movement(world.manager, record, 1, changed)
        with pytest.raises(Conflict):
            rules.amend_movement(world.manager, record, 1, changed)
        with pytest.raises(Malformed, match="48 hours"):
            rules.amend_movement(world.manager, record, 2, parts(10))
        before, after = earlier(world.manager, record)
        found = [str(each) for each in changes_between(before.parts, after.parts)]
    assert any(text.startswith("Persons: 4 instead of 3") for text in found)
    assert any(text.startswith("Departure: ") for text in found)
    assert not any("Purpose" in text for text in found)
    names = world.partner.of_kind("manifest_entry", "cn")
    assert [row.opens for row in names] == [world.opens(record)] * 2, "the names open with the itinerary"
    world.exchange()
    with world.host.active():
        old, new = earlier(world.officer, world.there())
    assert (old.parts["notice"]["persons"], new.parts["notice"]["persons"]) == (3, 4)
    assert "itinerary" not in old.parts and old.by == ""


def test_earlier_versions_are_for_those_who_may_read_the_record(world: World) -> None:
    record = world.notify()
    with world.partner.active():
        stranger = person(world.partner, "admin", "administrator")
        with pytest.raises(NotFound):
            earlier(stranger, record)
        assert set(earlier(world.liaison, record)[0].parts) == {"notice", "check_plan"}
        with pytest.raises(NotFound):
            earlier(world.manager, "no-such-record")


def test_one_name_is_withdrawn_alone(world: World) -> None:
    record = world.notify(hours=2, emergency=True, names=NAMES)
    assert len(world.host.of_kind("manifest_entry", "cn")) == 2
    with world.partner.active():
        entry = world.about(world.partner, world.manager, "manifest_entry", record)[0]
        assert rules.withdraw_name(world.manager, entry.id, "does not travel") == ["pk"]
        with pytest.raises(NotFound):
            rules.withdraw_name(world.manager, record, "not a name")
    world.exchange()
    assert sorted(row.withdrawn for row in world.host.of_kind("manifest_entry", "cn")) == [False, True]


# --- acknowledgement, clearance: three separate things


def test_acknowledged_cleared_and_refused_are_never_confused(world: World) -> None:
    record = world.notify()
    there = world.there()
    assert world.stage(world.host, world.officer, there) == "notified"
    with world.host.active():
        first = rules.acknowledge(world.watch, there, by="Watch officer")
        again = rules.acknowledge(world.watch, there, by="Watch officer")
        rules.acknowledge(world.gwadar, there)
    assert again.record == first.record, "said twice, acknowledged once"
    assert world.stage(world.host, world.officer, there) == "acknowledged"
    with world.host.active():
        with pytest.raises(Refused):
            rules.clear(world.watch, there)
        with pytest.raises(Malformed):
            rules.refuse(world.officer, there, "  ")
        with pytest.raises(Malformed):
            rules.revoke(world.officer, there, "there is nothing to revoke")
        rules.clear(world.officer, there, "Two vehicles of the police ahead")
    assert world.stage(world.host, world.officer, there) == "cleared"
    with world.host.active():
        with pytest.raises(Conflict):
            rules.revoke(world.officer, there, "road closed", seen=0)
        rules.revoke(world.officer, there, "road closed", seen=1)
    assert world.stage(world.host, world.officer, there) == "refused"
    world.exchange()
    assert world.stage(world.partner, world.liaison, record) == "refused"
    said = world.about(world.partner, world.liaison, "clearance", record)
    assert said[0].state == "revoked" and said[0].parts["decision"]["reason"] == "road closed"
    receipts = world.about(world.partner, world.liaison, "acknowledgement", record)
    assert {each.parts["receipt"].get("unit", "") for each in receipts} == {"", "gwadar-police"}


def test_an_acknowledgement_after_an_amendment_is_a_new_one(world: World) -> None:
    record = world.notify()
    with world.host.active():
        first = rules.acknowledge(world.watch, world.there())
    time.sleep(1.1)
    with world.partner.active():
        rules.amend_movement(world.manager, record, 1, parts(80))
    world.exchange()
    time.sleep(1.1)
    with world.host.active():
        assert rules.acknowledge(world.watch, world.there()).record != first.record


def test_nobody_acknowledges_for_another_unit(world: World) -> None:
    world.notify()
    with world.host.active(), pytest.raises(Malformed):
        rules.acknowledge(world.gwadar, world.there(), unit="karachi-police")


def test_the_partner_has_neither_command_nor_veto(world: World) -> None:
    record = world.notify()
    with world.partner.active():
        for who in (world.liaison, world.embassy, world.manager):
            for attempt in (
                lambda who=who: rules.clear(who, record),
                lambda who=who: rules.refuse(who, record, "we object"),
                lambda who=who: rules.acknowledge(who, record),
                lambda who=who: rules.assign_legs(who, record, [PLAN[0]]),
            ):
                with pytest.raises(Refused):
                    attempt()
        said = rules.comment(world.liaison, record, "The bridge at Ormara is closed", "objection")
    world.exchange()
    with world.host.active():
        (shown,) = find(world.officer, Query("comment", about=world.there(), sort="at")).records
        rules.clear(world.officer, world.there())
        rules.comment(world.officer, shown.id, "It was opened this morning")
    assert shown.parts["remark"]["stance"] == "objection"
    assert world.stage(world.host, world.officer, world.there()) == "cleared", "an objection decides nothing"
    world.exchange()
    assert [
        each.parts["remark"]["text"]
        for each in world.about(world.partner, world.liaison, "comment", said.record)
    ]


def test_a_refusal_names_the_clause_that_would_allow_it(world: World, tmp_path: Path) -> None:
    """A clause that would give the Partner's liaison command is proposed, and not agreed."""
    from safeconduct.node.signing_here import propose

    clause = tmp_path / "12-escort.md"
    clause.write_text(
        '+++\nclause = "12"\nversion = 1\ntitle = "Escorts of our own"\ntexts = ["en"]\n\n[[grant]]\n'
        'id = "12.1"\nto = "partner"\nroles = ["liaison"]\nmay = ["command"]\nkind = "leg"\n'
        'parts = ["course", "duty"]\nwhose = "partner"\nup_to = "RESTRICTED"\n+++\n## en\n\n'
        "12.1 The Partner Party's liaison officers may command course and Duty Bearer of its own legs.\n"
    )
    record = world.notify()
    with world.partner.active():
        propose("pk-cn", [clause], world.partner.door)
        with pytest.raises(Refused) as refused:
            rules.assign_legs(world.liaison, record, [PLAN[0]])
    assert ("pk-cn/12.1", "proposed") in refused.value.would


# --- legs and handovers


def test_legs_join_up_in_place_and_time(world: World) -> None:
    world.notify()
    there = world.there()
    apart = leg("gwadar-police", "Pasni", "Gwadar", 64, 68)
    early = leg("gwadar-police", "Ormara", "Gwadar", 63, 68)
    late = leg("gwadar-police", "Ormara", "Gwadar", 66, 70)
    with world.host.active():
        for second in (apart, early, late):
            with pytest.raises(Malformed, match="leg 2 begins"):
                rules.assign_legs(world.officer, there, [PLAN[0], second])
        for plan in ([], [PLAN[0]] * 41):
            with pytest.raises(Malformed):
                rules.assign_legs(world.officer, there, plan)
        with pytest.raises(NotFound):
            rules.assign_legs(world.officer, "no-such-movement", PLAN)
        with pytest.raises(Refused):
            rules.assign_legs(world.watch, there, PLAN)
    assert not world.host.of_kind("leg", "pk"), "a plan is stored whole or not at all"


def test_a_plan_that_is_given_again_replaces_the_one_before(world: World) -> None:
    record = world.notify()
    there = world.there()
    with world.host.active():
        legs = rules.assign_legs(world.officer, there, PLAN)
        again = rules.assign_legs(world.officer, there, PLAN)
        assert again == legs and [row.version for row in world.host.of_kind("leg", "pk")] == [1, 1]
        other = leg("levies", "Ormara", "Gwadar", 64, 68)
        rules.assign_legs(world.officer, there, [PLAN[0], other])
        (handover,) = world.host.of_kind("handover", "pk")
        assert handover.values()["point"]["to_unit"] == "levies"
        rules.assign_legs(world.officer, there, [leg("karachi-police", "Karachi", "Gwadar", 60, 68)])
    assert [row.state for row in world.host.of_kind("leg", "pk")] == ["assigned", "cancelled"]
    world.exchange()
    seen = world.about(world.partner, world.liaison, "leg", record)
    assert {each.state for each in seen} == {"assigned", "cancelled"}
    assert all("escort" not in each.parts for each in seen), "strength and callsign stay with the Host"


def test_both_units_say_the_handover_and_each_only_its_own_word(world: World) -> None:
    world.notify()
    there = world.there()
    with world.host.active():
        rules.assign_legs(world.officer, there, PLAN)
        (row,) = world.host.of_kind("handover", "pk")
        for who in (world.gwadar, world.officer, world.watch):
            with pytest.raises(Refused):
                rules.give(who, row.id)
        with pytest.raises(Malformed):
            rules.take(world.gwadar, row.id)
        rules.give(world.karachi, row.id, by="Karachi control")
        with pytest.raises(Malformed):
            rules.give(world.karachi, row.id)
        with pytest.raises(Refused):
            rules.take(world.karachi, row.id)
        rules.take(world.gwadar, row.id, by="Gwadar control")
        with pytest.raises(Malformed):
            rules.take(world.gwadar, row.id)
        word = release(world.officer, row.id).parts["word"]
    assert (word["given_by"], word["taken_by"]) == ("Karachi control", "Gwadar control")


def test_one_person_in_both_units_does_not_hand_over_to_himself(world: World) -> None:
    world.notify()
    both = person(world.host, "both", "commander", "karachi-police", "gwadar-police")
    with world.host.active():
        rules.assign_legs(world.officer, world.there(), PLAN)
        (row,) = world.host.of_kind("handover", "pk")
        rules.give(both, row.id)
        with pytest.raises(Refused, match="another person"):
            rules.take(both, row.id)


def test_a_duty_bearer_reads_the_itinerary_once_it_is_open(world: World) -> None:
    world.notify(hours=2, emergency=True, names=NAMES)
    there = world.there()
    plan = [
        leg("karachi-police", "Karachi", "Gwadar", 2, 10),
    ]
    with world.host.active():
        assert "itinerary" not in release(world.karachi, there).parts
        rules.assign_legs(world.officer, there, plan)
    world.exchange()
    with world.host.active():
        assert "itinerary" in release(world.karachi, there).parts
        assert "itinerary" not in release(world.gwadar, there).parts
        names = find(world.karachi, Query("manifest_entry", about=there, sort="at")).records
    assert {each.parts["who"]["name"] for each in names} == {"李伟", "Wang Fang"}


def test_a_movement_that_ended_is_not_worked_on(world: World) -> None:
    record = world.notify()
    with world.partner.active():
        rules.cancel_movement(world.manager, record, 1)
        with pytest.raises(Malformed):
            rules.cancel_movement(world.manager, record, 2)
        with pytest.raises(Malformed):
            rules.amend_movement(world.manager, record, 2, parts(90))
        with pytest.raises(Malformed):
            rules.name_traveller(world.manager, record, NAMES[0])
    world.exchange()
    with world.host.active():
        with pytest.raises(Malformed):
            rules.clear(world.officer, world.there())
        with pytest.raises(Malformed):
            rules.assign_legs(world.officer, world.there(), PLAN)


def test_unknown_and_foreign_records_are_not_found(world: World) -> None:
    record = world.notify()
    with world.host.active():
        for attempt in (
            lambda: rules.clear(world.officer, record),
            lambda: rules.acknowledge(world.officer, "x" * 5_000),
            lambda: rules.comment(world.officer, record, "not our id"),
            lambda: rules.give(world.karachi, world.there()),
        ):
            with pytest.raises(NotFound):
                attempt()
        with pytest.raises(Refused):
            rules.amend_movement(world.officer, world.there(), 1, {"notice": parts()["notice"]})
    assert moment(0)
