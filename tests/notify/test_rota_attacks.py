"""Ladders in odd hours and at odd hands: gaps, changes of the clock, ended roles, answers twice and late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from firing import fire_all
from notify.notify_node import Telling, telling
from safeconduct.agreement.policy import Subject
from safeconduct.notify.answering import answer_escalation
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.refusals import Conflict, NotFound, Refused
from safeconduct.records.transaction import iso


@pytest.fixture
def node(host_home: Home) -> Iterator[Telling]:
    with telling(host_home) as found:
        yield found


def told(node: Telling, sos: str) -> list[str]:
    return sorted({person for person, channel, *_ in node.deliveries(sos) if channel != "none"})


def officer(node: Telling, name: str) -> Subject:
    who = node.person(name, "watch_officer")
    node.contact(name, "sms", f"+9230012345{len(name):02}")
    return who


def test_in_a_gap_of_the_calendar_all_who_hold_the_role_are_told(node: Telling) -> None:
    for name in ("day", "late", "third"):
        officer(node, name)
    now = node.clock.now
    node.shift("day", now - 7_200, now - 1, role="watch_officer")
    node.shift("late", now + 60, now + 7_200, role="watch_officer")
    assert told(node, node.sos()) == ["day", "late", "third"], "nobody is on call: nobody is left out"
    node.clock.now += 61
    assert told(node, node.sos()) == ["late"]


def test_a_night_shift_over_the_change_of_the_clock_has_no_hole(node: Telling) -> None:
    zone = ZoneInfo("Europe/Berlin")
    for name in ("night", "morning"):
        officer(node, name)
    evening = datetime(2027, 10, 30, 22, 0, tzinfo=zone).timestamp()
    change = datetime(2027, 10, 31, 6, 0, tzinfo=zone).timestamp()
    assert change - evening == 9 * 3_600, "the night has nine hours"
    node.shift("night", evening, change, role="watch_officer")
    node.shift("morning", change, change + 8 * 3_600, role="watch_officer")
    for moment, who in ((evening, "night"), (change - 1, "night"), (change, "morning")):
        node.clock.now = moment
        assert told(node, node.sos()) == [who]


def test_whose_role_has_ended_is_told_nothing_more_and_answers_nothing(node: Telling) -> None:
    gone = officer(node, "gone")
    officer(node, "there")
    sos = node.sos()
    (escalation,) = node.escalations(sos)
    for row in node.read(lambda tx: tx.rows_open("role_assignment", "gone")):
        commit(node.system, Draft("role_assignment", {}, record=row.id, expected=row.version, state="ended"))
    with pytest.raises((Refused, NotFound)):
        answer_escalation(gone, escalation["id"])
    assert node.escalations(sos)[0]["state"] == "raised"
    assert told(node, node.sos()) == ["there"]


def test_an_answer_counts_once_and_late_and_stops_what_still_waits(node: Telling) -> None:
    first, second = officer(node, "first"), officer(node, "second-one")
    sos = node.sos()
    node.clock.now += 90
    fire_all(node.writer)
    (escalation,) = node.escalations(sos)
    assert escalation["rung"] == 2
    answer_escalation(first, escalation["id"], "On it")
    with pytest.raises(Conflict):
        answer_escalation(second, escalation["id"], "Me too")
    assert node.escalations(sos)[0]["answer"]["text"] == "On it"
    assert {state for _, _, state, *_ in node.deliveries(sos)} == {"not_needed"}
    node.clock.now += 9_000
    fire_all(node.writer)
    assert node.escalations(sos)[0]["rung"] == 2


def test_the_other_hand_of_a_practised_ladder_never_loses_its_mark(node: Telling) -> None:
    officer(node, "first")
    sos = node.sos(exercise=True)
    node.clock.now += 700
    fire_all(node.writer)
    messages = node.take("sms")
    assert messages and all(each["exercise"] for each in messages)
    assert all(
        each["title"].startswith("EXERCISE") and each["body"].startswith("EXERCISE") for each in messages
    )
    assert iso(node.clock.now) and told(node, sos) == ["first"]
