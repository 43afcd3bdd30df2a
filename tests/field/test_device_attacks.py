"""Devices, gateways and alarms that lie, repeat themselves or have a broken clock, against the writer itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from journeys.journey_node import Journeys, journeys
from safeconduct.field.intake import Intake, TooMuch
from safeconduct.field.sms import read
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.transaction import iso

NUMBER = "+923001234567"


@pytest.fixture
def node(partner_home: Home) -> Iterator[Journeys]:
    with journeys(partner_home) as running:
        yield running


def device(node: Journeys, category: str = "tracker", protocol: str = "osmand", **more: Any) -> str:
    identity = {"name": "Device", "category": category, "protocol": protocol, **more}
    return commit(
        node.system, Draft("device", {"identity": identity}, state="enrolled", releasable=())
    ).record


def call(node: Journeys, record: str, **said: Any) -> str:
    return str(node.writer.call("field_sos", {"device": record, **said})["record"])


def end(node: Journeys, record: str) -> None:
    word = {"at": iso(node.clock.now), "by": "Watch", "category": "floor"}
    told = {"actor": {"person": "system"}, "sos": record, "parts": {"word": word}}
    node.writer.call("watch_stand_down", told)


def test_a_call_for_help_is_never_the_answer_of_an_exercise_nor_the_other_way_round(node: Journeys) -> None:
    tracker = device(node)
    practised = call(node, tracker, exercise=True)
    real = call(node, tracker)
    assert real != practised
    assert [call(node, tracker, exercise=True), call(node, tracker)] == [practised, real]
    assert node.row(real).values()["call"]["exercise"] is False


@pytest.mark.parametrize(
    "at", ["1970-01-01T00:00:00Z", "2006-12-24T03:00:00Z", "2099-01-01T00:00:00Z", "never"]
)
def test_a_clock_that_is_years_off_stops_no_call_and_hides_no_later_one(node: Journeys, at: str) -> None:
    tracker = device(node)
    first = call(node, tracker, at=at)
    said = node.row(first).values()["call"]
    assert said["at"] == said["received"]
    assert call(node, tracker, at=at) == first
    end(node, first)
    assert call(node, tracker, at=at) == first, "a repetition of what is over raises nothing"
    node.clock.now += 1_200
    assert call(node, tracker, at=at) != first


def test_behind_a_sites_alarm_stand_many_people_and_a_report_sent_again_is_one(node: Journeys) -> None:
    alarm = device(node, "site_alarm", "webhook")
    gate = call(node, alarm, text="panic: gate 1", key="k1")
    assert call(node, alarm, text="panic: gate 1", key="k1") == gate
    camp = call(node, alarm, text="panic: camp B", key="k2")
    assert camp != gate
    end(node, gate)
    assert call(node, alarm, text="panic: gate 1", key="k1") == gate, "replayed, it raises nothing"
    many = {call(node, alarm, text=f"panic: room {n}") for n in range(40)}
    assert len(many) <= 10, "a panel that runs wild calls everybody ten times and no more"


def test_a_device_that_calls_without_end_is_told_to_wait_and_no_other_device(node: Journeys) -> None:
    class Doors:
        heard: list[str] = []

        async def call(self, _job: str, payload: dict[str, Any]) -> dict[str, Any]:
            self.heard.append(payload["device"])
            return {"record": payload["device"]}

    async def flood() -> int:
        intake = Intake()
        intake.door = Doors  # type: ignore[method-assign, assignment]
        refused = 0
        for _ in range(200):
            try:
                await intake.call_for_help("wild")
            except TooMuch as fault:
                assert fault.wait >= 1
                refused += 1
        await intake.call_for_help("calm")
        return refused

    assert asyncio.run(flood()) >= 170
    assert Doors.heard.count("calm") == 1


class Asked:
    """Persons with numbers, on the rolls of musters, and a gateway that hands on what they send."""

    def __init__(self, node: Journeys) -> None:
        self.node, self.gateway = node, device(node, "sms_gateway", "webhook")

    def person(self, name: str, number: str = NUMBER) -> str:
        self.node.person(name, "protected_person")
        part = {"channel": "sms", "address": number}
        commit(self.node.system, Draft("contact_point", {"address": part}, assigned=[name], releasable=()))
        return name

    def muster(self, *persons: str, exercise: bool = False) -> dict[str, str]:
        now = self.node.clock.now
        said = {
            "title": "All",
            "scope": "country",
            "since": iso(now),
            "due": iso(now + 600),
            "exercise": exercise,
        }
        muster = commit(self.node.system, Draft("muster", {"call": said}, state="open")).record
        return {
            name: commit(
                self.node.system,
                Draft(
                    "roll_entry",
                    {"who": {"name": name}, "link": {"account": name}},
                    about=muster,
                    assigned=[name],
                    state="unaccounted",
                ),
            ).record
            for name in persons
        }

    def sms(self, text: str, number: str = NUMBER, **more: str) -> int:
        said = read({"from": number, "text": text, **more})
        return int(self.node.writer.call("field_sms", {"device": self.gateway, **said})["answered"])

    def state(self, entry: str) -> str:
        return self.node.row(entry).state


@pytest.fixture
def asked(node: Journeys) -> Asked:
    return Asked(node)


def test_a_number_that_two_people_gave_holds_neither_of_them_safe_and_gets_help_to_both(asked: Asked) -> None:
    roll = asked.muster(asked.person("jane"), asked.person("driver"))
    assert asked.sms("1") == 0 and {asked.state(each) for each in roll.values()} == {"unaccounted"}
    assert asked.sms("مدد") == 2 and {asked.state(each) for each in roll.values()} == {"needs_help"}


def test_a_word_from_before_the_muster_holds_nobody_safe(asked: Asked) -> None:
    jane = asked.person("jane")
    before = iso(asked.node.clock.now - 30)
    roll = asked.muster(jane)
    assert asked.sms("SAFE", at=before) == 0 and asked.state(roll[jane]) == "unaccounted"
    assert asked.sms("HELP", at=before) == 1 and asked.state(roll[jane]) == "needs_help"


def test_a_message_that_the_gateway_hands_on_again_counts_once(asked: Asked) -> None:
    jane = asked.person("jane")
    first = asked.muster(jane)
    assert asked.sms("1", id="m-7") == 1 and asked.state(first[jane]) == "accounted"
    asked.node.clock.now += 60
    second = asked.muster(jane)
    assert asked.sms("1", id="m-7") == 0 and asked.state(second[jane]) == "unaccounted"
    assert asked.sms("1", id="m-8") > 0 and asked.state(second[jane]) == "accounted"


def test_one_word_while_the_real_thing_and_an_exercise_ask_is_for_the_real_thing(asked: Asked) -> None:
    jane = asked.person("jane")
    practised, real = asked.muster(jane, exercise=True), asked.muster(jane)
    asked.node.clock.now += 5
    assert asked.sms("۱") == 1
    assert (asked.state(real[jane]), asked.state(practised[jane])) == ("accounted", "unaccounted")


def test_a_stranger_and_a_number_that_only_ends_alike_answer_for_nobody(asked: Asked) -> None:
    jane = asked.person("jane")
    roll = asked.muster(jane)
    for number in ("+913001234567", "3001234567", "+92 300 123456", "+923001234567"[:-1] + "8"):
        if len(number) >= 9:
            assert asked.sms("1", number) == 0
    assert asked.sms("1", "+۹۲ ۳۰۰ ۱۲۳۴۵۶۷") == 1 and asked.state(roll[jane]) == "accounted"
