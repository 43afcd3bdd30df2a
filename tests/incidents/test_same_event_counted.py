"""Wherever incidents are counted or modelled, an event that two parties recorded counts once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from committee.work_nodes import client_of
from exchange.nodes import opened, own_connections
from journeys import two_nodes
from safeconduct.assessment.forecast_made import Asked, make
from safeconduct.assessment.seen import incidents_seen
from safeconduct.assessment.srm_context import Place, context_of
from safeconduct.committee.strategy_rules import count_incidents
from safeconduct.geo.sphere import Point
from safeconduct.incidents import rules
from safeconduct.journeys.context import incidents_near
from safeconduct.records.as_of import past
from safeconduct.records.find import Query, find
from safeconduct.records.release import release
from safeconduct.reports.situation import Period, situation
from safeconduct.shell import same_event

from .same_nodes import Node, Nodes, both_ways, person, pull, say, there

TODAY = datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def _own_connections(prepared: Path) -> Iterator[None]:
    with own_connections():
        yield


@pytest.fixture
def rooms(prepared: Path, tmp_path: Path) -> Iterator[Nodes]:
    with opened(two_nodes.made(prepared, "3", "4", "5"), tmp_path) as both:
        yield both


def report(node: Node, who: Any, title: str, back: int = 20, **summary: Any) -> str:
    """An incident so many days ago, near the road from Karachi to Gwadar."""
    parts = {
        "summary": {"title": title, "category": "attack", **summary},
        "when": {"start": (TODAY - timedelta(days=back)).isoformat()},
        "where": {"latitude": 24.9, "longitude": 67.05, "place": "Karachi", "district": "Karachi"},
    }
    with node.active():
        return rules.report_incident(who, parts, door=node.door).record


@pytest.fixture
def two(rooms: Nodes) -> tuple[Node, Any, str, str]:
    """The host's node, a coordinator there, an own incident and the partner's of the same event."""
    host, partner = rooms
    ours, theirs = (
        person(host, "same-host-h", "coordinator"),
        person(partner, "same-partner-p", "coordinator"),
    )
    own = report(host, ours, "Ours")
    report(partner, theirs, "Theirs")
    report(host, ours, "Another", 40)
    both_ways(host, partner)
    return host, ours, own, there(host, "cn")


def test_what_is_seen_for_figures_and_models_has_each_event_once(two: tuple[Node, Any, str, str]) -> None:
    host, ours, own, other = two
    with host.active():
        before = incidents_seen(ours)
        assert (len(before.events), before.joined, before.known) == (3, 0, 3)
        forecast, place = make(ours, Asked(days=7)), Place(Point(24.9, 67.05))
        assert forecast.in_year == 3
        assert context_of(ours, [place]).counted[0].now.count == 3
        a_year = time.time() - 365 * 86_400
        assert count_incidents(ours, "attack", "Karachi", a_year, time.time()) == 3
    say(host, ours, "same", own, other)
    with host.active():
        after = incidents_seen(ours)
        assert (len(after.events), after.joined, after.known, after.undated) == (2, 1, 3, 0)
        assert own in after.records and other not in after.records
        assert after.by_party == {"pk": 2}
        assert make(ours, Asked(days=7)).in_year == 2
        assert make(ours, Asked(days=7)).digest != forecast.digest, (
            "what was reckoned before is not used again"
        )
        assert context_of(ours, [place]).counted[0].now.count == 2
        assert count_incidents(ours, "attack", "Karachi", a_year, time.time()) == 2
        assert len(find(ours, Query("incident")).records) == 3, "lists show every record"
    say(host, ours, "different", own, other)
    with host.active():
        assert len(incidents_seen(ours).events) == 3


def test_an_own_exercise_or_an_undated_record_stands_for_no_event(rooms: Nodes) -> None:
    host, partner = rooms
    ours, theirs = (
        person(host, "same-host-h", "coordinator"),
        person(partner, "same-partner-p", "coordinator"),
    )
    drill = report(host, ours, "Drill", exercise=True)
    report(partner, theirs, "Theirs")
    both_ways(host, partner)
    other = there(host, "cn")
    say(host, ours, "same", drill, other)
    with host.active():
        found = incidents_seen(ours)
        assert found.records == (other,) and (found.exercises, found.joined) == (1, 0)


def test_the_pages_say_how_many_were_taken_as_the_same(two: tuple[Node, Any, str, str]) -> None:
    host, ours, own, other = two
    say(host, ours, "same", own, other)
    with host.active():
        client = client_of(host, ours)
        told = "1 record is of the same event as another and is not counted again."
        for address in ("/assessment/", "/assessment/forecast/"):
            page = client.get(address).content.decode()
            assert told in page, address
        page = client.get("/assessment/").content.decode()
        assert "left out: the same event as another record that is counted" in page
        for language, words in (("ur", "دوبارہ شمار نہیں ہوا"), ("zh-hans", "不再重复计数")):
            client.cookies["django_language"] = language
            assert words in client.get("/assessment/", headers={"accept-language": language}).content.decode()


def test_a_file_rests_on_what_may_leave_and_counts_it_once(two: tuple[Node, Any, str, str]) -> None:
    host, _, own, other = two
    analyst = person(host, "same-host-a", "analyst")
    say(host, analyst, "same", own, other)
    with host.active():
        assert len(incidents_seen(analyst, act="export").events) == 2, "the partner's record does not leave"
        table = client_of(host, analyst).get("/assessment/analysis/tables.csv").content.decode()
        assert "left out: the same event as another record that is counted,0" in table


def test_the_situation_report_counts_an_event_once_and_names_every_record(
    two: tuple[Node, Any, str, str],
) -> None:
    host, ours, own, other = two
    with host.active():
        time.sleep(0.01)
        before = past(datetime.now(UTC))
        time.sleep(0.01)
    say(host, ours, "same", own, other)
    with host.active():
        time.sleep(0.01)
        after = past(datetime.now(UTC))
        period = Period(date.fromisoformat((TODAY - timedelta(days=18)).isoformat()), 7)
        for moment, count, joined in ((before, "2", 0), (after, "1", 1)):
            paper, taken = situation(ours, period, moment)
            facts = {str(name): text for name, text in paper.sections[0].blocks[0].pairs}
            assert facts["Incidents"].text == count
            assert ("Records of the same event, not counted again" in facts) == bool(joined)
            table = str(paper.sections[1].blocks[0].rows)
            assert "Ours" in table and "Theirs" in table
            assert ("the same event as No." in table) == bool(joined)
            assert len([each for each in taken.taken if each.found.kind == "incident"]) == 2


def test_an_event_near_a_journey_is_named_once_and_says_how_many_records_there_are(
    two: tuple[Node, Any, str, str], rooms: Nodes
) -> None:
    host, ours, own, other = two
    rooms[1].commit("movement", two_nodes.parts(), state="notified")
    pull(host, rooms[1])
    with host.active():
        movement = release(ours, host.of_kind("movement", "cn")[0].id, door=host.door)
        assert len(incidents_near(ours, movement, time.time())) == 3
    say(host, ours, "same", own, other)
    with host.active():
        near = incidents_near(ours, movement, time.time())
        assert [(each.id == own, each.also) for each in near if each.id in (own, other)] == [(True, 1)]
        assert len(near) == 2


def test_what_was_withdrawn_is_neither_near_nor_counted_in_anothers_place(
    two: tuple[Node, Any, str, str],
) -> None:
    host, ours, own, other = two
    say(host, ours, "same", own, other)
    host.system("withdraw", record=own, reason="A mistake")
    with host.active():
        found = incidents_seen(ours)
        assert other in found.records and own not in found.records and found.joined == 0


def test_links_are_asked_for_once_however_many_records(
    two: tuple[Node, Any, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, ours, own, other = two
    say(host, ours, "same", own, other)
    asked: list[str] = []
    before = same_event.find

    def counting(reader: Any, query: Query, *more: Any, **named: Any) -> Any:
        asked.append(query.kind)
        return before(reader, query, *more, **named)

    monkeypatch.setattr(same_event, "find", counting)
    with host.active():
        for few in (1_000, 1):
            monkeypatch.setattr(same_event, "FEW", few)
            asked.clear()
            assert len(incidents_seen(ours).events) == 2
            assert asked == ["same_event"]
