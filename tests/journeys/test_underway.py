"""A journey under way, as its own party's node sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from journeys.journey_node import T0, Journeys, journeys
from safeconduct.journeys.underway import check_in
from safeconduct.notify.answering import answer_escalation
from safeconduct.notify.ladder import DEFAULT, Rung, rungs
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.kinds import PartRefused
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.transaction import iso


@pytest.fixture
def here_(bare_home: Home) -> Iterator[Journeys]:
    with journeys(bare_home) as found:
        yield found


def test_from_notice_to_arrival_nothing_is_raised(here_: Journeys) -> None:
    movement = here_.notify()
    here_.clear(movement)
    here_.at(12)
    here_.say(movement, "departed")
    assert here_.row(movement).state == "under_way"
    for minute, name in ((58, "Hub"), (121, "Bela"), (205, "Khuzdar")):
        here_.at(minute)
        here_.say(movement, "check_in", point=name)
    here_.at(290)
    here_.say(movement, "arrived")
    assert here_.row(movement).state == "arrived"
    here_.at(2_000)
    assert here_.escalations(movement) == []
    assert here_.writer.call("timers", {})["waiting"] == 0
    before = fingerprint()
    rebuild(here_.writer)
    assert fingerprint() == before


def test_a_missed_check_in_climbs_to_the_last_rung_and_waits_there(here_: Journeys) -> None:
    movement = here_.notify()
    here_.clear(movement)
    here_.at(10)
    here_.say(movement, "departed")
    here_.at(69)
    assert here_.escalations(movement) == [] and here_.row(movement).state == "under_way"
    here_.at(70)
    (one,) = here_.escalations(movement)
    assert here_.row(movement).state == "overdue"
    assert (one["reason"], one["point"], one["rung"]) == ("missed_check_in", "Hub", 1)
    assert one["roles"] == ["security_manager", "duty_bearer"] and one["due"] == iso(T0 + 3600)
    seen = []
    for minute in (79, 80, 90, 100, 500):
        here_.at(minute)
        (one,) = here_.escalations(movement)
        seen.append((one["rung"], one["roles"][0]))
    assert seen == [
        (1, "security_manager"),
        (2, "watch_officer"),
        (3, "coordinator"),
        (4, "signatory"),
        (4, "signatory"),
    ]
    assert one["state"] == "raised" and one["version"] == 4
    assert here_.row(movement).state == "overdue"


def test_word_settles_it_and_says_so(here_: Journeys) -> None:
    movement = here_.notify()
    here_.at(10)
    here_.say(movement, "departed")
    here_.at(82)
    here_.say(movement, "check_in", point="Hub")
    missed = [each for each in here_.escalations(movement) if each["reason"] == "missed_check_in"]
    assert [(each["state"], each["answer"]["outcome"]) for each in missed] == [("answered", "heard")]
    assert here_.row(movement).state == "under_way"
    here_.at(151)
    assert len([e for e in here_.escalations(movement) if e["reason"] == "missed_check_in"]) == 1
    here_.at(152)
    assert here_.row(movement).state == "overdue", "twenty-two minutes late at Hub, and so at Bela"
    here_.say(movement, "arrived")
    assert {each["state"] for each in here_.escalations(movement)} == {"answered"}
    assert here_.escalations(movement)[-1]["answer"]["outcome"] == "arrived"


def test_late_word_is_put_in_its_true_order(here_: Journeys) -> None:
    movement = here_.notify()
    here_.clear(movement)
    here_.at(10)
    here_.say(movement, "departed")
    here_.at(75)
    assert here_.row(movement).state == "overdue"
    here_.say(movement, "check_in", minute=20)
    assert here_.row(movement).state == "overdue", (
        "twenty minutes after departure it was well; now nobody knows"
    )
    here_.say(movement, "check_in", minute=59)
    assert here_.row(movement).state == "under_way"
    here_.say(movement, "arrived", minute=74)
    assert here_.row(movement).state == "arrived"
    here_.say(movement, "departed", minute=10)
    here_.say(movement, "check_in", minute=73)
    assert here_.row(movement).state == "arrived"


def test_arrival_that_comes_before_the_departure_is_an_arrival(here_: Journeys) -> None:
    movement = here_.notify()
    here_.at(40)
    here_.say(movement, "arrived", minute=39)
    here_.say(movement, "departed", minute=11)
    assert here_.row(movement).state == "arrived"


def test_a_key_counts_once(here_: Journeys) -> None:
    movement = here_.notify()
    here_.at(10)
    first = here_.say(movement, "departed", key="phone-7")
    again = here_.say(movement, "departed", key="phone-7")
    other = here_.say(movement, "check_in", key="phone-8")
    assert first == again != other
    assert len(here_.about(movement, "check_in")) == 2
    with pytest.raises(Malformed):
        here_.say(movement, "check_in", key="k" * 200)


def test_a_delay_puts_it_off_and_settles_what_was_missed(here_: Journeys) -> None:
    movement = here_.notify()
    here_.clear(movement)
    here_.at(10)
    here_.say(movement, "departed")
    here_.at(75)
    here_.say(movement, "delayed", delay_minutes=20)
    assert here_.row(movement).state == "under_way"
    here_.at(104)
    assert here_.row(movement).state == "under_way"
    here_.at(105)
    assert here_.row(movement).state == "overdue"
    assert [each["state"] for each in here_.escalations(movement)] == ["answered", "raised"]


def test_not_departed_and_never_departed(here_: Journeys) -> None:
    movement = here_.notify(check_plan={"points": []})
    here_.clear(movement)
    here_.at(36)
    (one,) = here_.escalations(movement)
    assert one["reason"] == "not_departed" and here_.row(movement).state == "notified"
    here_.at(40)
    here_.say(movement, "departed")
    assert here_.escalations(movement)[0]["answer"]["outcome"] == "departed"

    other = here_.notify(check_plan={"points": []}, itinerary=None, notice={"since": iso(T0 + 7200)})
    here_.clear(other)
    here_.at(611)
    (one,) = here_.escalations(other)
    assert one["reason"] == "never_departed"


def test_not_cleared_by_departure_is_pointed_out_once(here_: Journeys) -> None:
    movement = here_.notify()
    here_.at(10)
    (one,) = here_.escalations(movement)
    assert one["reason"] == "not_cleared" and one["rung"] == 1
    here_.at(30)
    assert [each["rung"] for each in here_.escalations(movement)] == [1]
    here_.clear(movement)
    (one,) = here_.escalations(movement)
    assert one["answer"]["outcome"] == "cleared"


def test_what_was_refused_or_cancelled_is_not_watched(here_: Journeys) -> None:
    refused, cancelled = here_.notify(), here_.notify()
    here_.clear(refused, "refused")
    row = here_.row(cancelled)
    commit(here_.system, Draft("movement", {}, record=row.id, expected=row.version, state="cancelled"))
    here_.at(700)
    assert here_.escalations(refused) == here_.escalations(cancelled) == []


def test_one_that_departs_although_it_was_refused_is_watched(here_: Journeys) -> None:
    movement = here_.notify()
    here_.clear(movement, "refused")
    here_.at(10)
    here_.say(movement, "departed")
    here_.at(71)
    assert [each["reason"] for each in here_.escalations(movement)] == ["missed_check_in"]


def test_a_cancelled_one_settles_what_was_open(here_: Journeys) -> None:
    movement = here_.notify()
    here_.at(71)
    row = here_.row(movement)
    commit(here_.system, Draft("movement", {}, record=row.id, expected=row.version, state="cancelled"))
    assert {each["answer"]["outcome"] for each in here_.escalations(movement)} == {"cancelled"}
    assert here_.writer.call("timers", {})["waiting"] == 0


def test_an_amended_plan_is_followed(here_: Journeys) -> None:
    movement = here_.notify()
    here_.clear(movement)
    here_.at(10)
    here_.say(movement, "departed")
    here_.at(71)
    row = here_.row(movement)
    points = [{"name": "Uthal", "due": iso(T0 + 90 * 60)}]
    plan = {"points": points, "window_minutes": 15, "allowance_minutes": 10}
    commit(here_.system, Draft("movement", {"check_plan": plan}, record=row.id, expected=row.version))
    (one,) = here_.escalations(movement)
    assert one["answer"]["outcome"] == "amended" and here_.row(movement).state == "under_way"
    here_.at(101)
    assert here_.escalations(movement)[-1]["point"] == "Uthal"


def test_a_node_that_was_off_escalates_once_by_what_it_missed_last(here_: Journeys) -> None:
    movement = here_.notify()
    here_.clear(movement)
    here_.at(10)
    here_.say(movement, "departed")
    here_.jump(250)
    (one,) = here_.escalations(movement)
    assert (one["point"], one["rung"], one["raised"]) == ("Khuzdar", 1, iso(T0 + 250 * 60))
    here_.at(261)
    assert here_.escalations(movement)[0]["rung"] == 2


def test_a_journey_told_of_afterwards_raises_nothing(here_: Journeys) -> None:
    here_.at(5_000)
    movement = here_.notify()
    here_.at(5_100)
    assert here_.escalations(movement) == []


def test_the_answer_of_a_person_stops_the_ladder_and_the_next_point_is_watched(partner_home: Home) -> None:
    with journeys(partner_home) as node:
        movement = node.notify()
        node.clear(movement)
        officer = node.person("wu", "watch_officer")
        warden = node.person("li", "warden")
        node.at(10)
        node.say(movement, "departed")
        node.at(81)
        (one,) = node.escalations(movement)
        assert one["rung"] == 2
        with pytest.raises((Refused, NotFound)):
            answer_escalation(warden, one["id"], "not mine to say")
        answer_escalation(officer, one["id"], "calling the driver")
        node.at(129)
        (one,) = node.escalations(movement)
        assert one["state"] == "answered" and one["answer"]["outcome"] == "taken" and one["rung"] == 2
        assert one["answer"]["by"] == "wu" and node.row(movement).state == "overdue"
        with pytest.raises(Conflict):
            answer_escalation(officer, one["id"])
        with pytest.raises(Malformed):
            answer_escalation(officer, movement)
        node.at(130)
        assert [each["point"] for each in node.escalations(movement)] == ["Hub", "Bela"]


def test_only_who_may_read_the_movement_and_write_of_it_checks_in(partner_home: Home) -> None:
    with journeys(partner_home) as node:
        movement = node.notify()
        manager = node.person("zhao", "security_manager")
        stranger = node.person("qian", "protected_person")
        analyst = node.person("sun", "analyst")
        node.clock.now = datetime.now(UTC).timestamp()
        check_in(manager, movement, "departed", key="1")
        check_in(manager, movement, "departed", key="1")
        assert len(node.about(movement, "check_in")) == 1
        for other in (stranger, analyst):
            with pytest.raises((NotFound, Refused)):
                check_in(other, movement, "arrived")
        with pytest.raises(NotFound):
            check_in(manager, "no such movement", "arrived")


def test_hostile_times_and_positions_are_refused(partner_home: Home) -> None:
    with journeys(partner_home) as node:
        movement = node.notify()
        manager = node.person("zhao", "security_manager")
        node.clock.now = datetime.now(UTC).timestamp()
        now = datetime.now(UTC)
        with pytest.raises(Malformed):
            check_in(manager, movement, "arrived", at=now + timedelta(minutes=30))
        with pytest.raises(Malformed):
            check_in(manager, movement, "arrived", at=datetime(2026, 1, 1))
        for position in ((91.0, 0.0, 1.0), (0.0, 200.0, 1.0), (0.0, 0.0, -5.0), (float("nan"), 0.0, 1.0)):
            with pytest.raises(PartRefused):
                check_in(manager, movement, "check_in", position=position)
        with pytest.raises(PartRefused):
            check_in(manager, movement, "abducted")
        with pytest.raises(PartRefused):
            check_in(manager, movement, "check_in", point="x" * 1_000)
        with pytest.raises(PartRefused):
            check_in(manager, movement, "delayed", delay_minutes=-4)
        assert node.about(movement, "check_in") == []


def test_legs_follow_departure_handover_and_arrival(here_: Journeys) -> None:
    movement = here_.notify()
    here_.clear(movement)
    legs = []
    for number, (a, b, unit) in enumerate(
        (("Karachi", "Hub", "karachi-police"), ("Hub", "Khuzdar", "levies")), 1
    ):
        course = {
            "sequence": number, "from_place": a, "to_place": b,
            "depart": iso(T0 + 600), "arrive": iso(T0 + 9_000),
        }  # fmt: skip
        draft = Draft("leg", {"course": course, "duty": {"unit": unit}}, about=movement)
        legs.append(commit(here_.system, draft).record)
    point = {"to_leg": 2, "from_unit": "karachi-police", "to_unit": "levies", "due": iso(T0 + 3_600)}
    handover = commit(here_.system, Draft("handover", {"point": point}, about=legs[0])).record

    def states() -> list[str]:
        return [here_.row(leg).state for leg in legs]

    assert states() == ["assigned", "assigned"]
    here_.at(10)
    here_.say(movement, "departed")
    assert states() == ["active", "assigned"]
    here_.at(71)
    escalation = here_.about(movement, "escalation")[-1]
    assert "karachi-police" in escalation.assigned
    word = {"given_at": iso(here_.clock.now), "given_by": "a"}
    commit(here_.system, Draft("handover", {"word": word}, record=handover, expected=1, state="given"))
    assert states() == ["active", "assigned"], "the giving unit holds until the other has taken"
    word |= {"taken_at": iso(here_.clock.now), "taken_by": "b"}
    commit(here_.system, Draft("handover", {"word": word}, record=handover, expected=2, state="taken"))
    assert states() == ["completed", "active"]
    here_.say(movement, "arrived")
    assert states() == ["completed", "completed"]


def test_the_ladder_is_a_setting_and_a_bad_one_leaves_the_default(bare_home: Home) -> None:
    def with_ladder(value: object) -> Sequence[Rung]:
        return rungs(replace(bare_home, settings={"ladder": value}))

    good = [{"after_minutes": 0, "roles": ["warden"]}, {"after_minutes": 5, "roles": ["coordinator"]}]
    assert [rung.after for rung in with_ladder(good)] == [0, 300]
    for bad in (
        [],
        "x",
        [{"after_minutes": 0, "roles": []}],
        [{"after_minutes": 0, "roles": ["emperor"]}],
        [{"after_minutes": -1, "roles": ["warden"]}],
        [good[1], good[0]],
        [{"after_minutes": float("nan"), "roles": ["warden"]}],
        [good[0]] * 2,
        [{"after_minutes": n, "roles": ["warden"]} for n in range(30)],
        {"after_minutes": 0},
    ):
        assert with_ladder(bad) is DEFAULT
