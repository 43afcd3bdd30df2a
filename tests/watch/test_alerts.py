"""Alerts: whom they reach, what is answered, and who is not paged again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from firing import fire_all
from journeys.two_nodes import Node, moment, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.rows import RowView
from safeconduct.watch.alert_acts import (
    answer_alert,
    cancel_alert,
    count_audience,
    issue_alert,
    silence,
    update_alert,
)
from safeconduct.watch.alert_writer import HANDFUL

Nodes = tuple[Node, Node]
QUETTA = [[66.9, 30.1], [67.1, 30.1], [67.1, 30.3], [66.9, 30.3], [66.9, 30.1]]


def message(**more: Any) -> dict[str, Any]:
    return {
        "headline": "Attack near the airport", "headline_zh": "机场附近遭袭", "instruction": "Stay inside",
        "event": "Attack", "category": "Security", "urgency": "Immediate", "severity": "Extreme",
        "certainty": "Observed", "sent": moment(0), "expires": moment(6), **more,
    }  # fmt: skip


def alert(area: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"message": message(**more), "area": area}


def tick(node: Node, hours: float = 0) -> None:
    node.offset += hours * 3600
    for _ in range(4):
        fire_all(node.writer)


def paged(node: Node, about: str) -> list[str]:
    """Whom the node has tried to reach about the alert, in order; those with no contact point too."""
    rows = node.of_kind("delivery", node.home.party)
    found = [row for row in rows if row.about == about]
    return [row.values()["to"]["person"] for row in sorted(found, key=lambda row: row.at)]


class World:
    """The Partner's node: a site in Quetta with two people, one of them on the other side of the country's."""

    def __init__(self, host: Node, node: Node) -> None:
        self.host, self.node = host, node
        self.officer = person(node, "officer", "watch_officer")
        self.li, self.wang = person(node, "li", "protected_person"), person(node, "wang", "protected_person")
        self.zhao = person(node, "zhao", "protected_person")
        self.firm = self.make("organisation", {"identity": {"name": "Road Company"}}, "active")
        self.quetta = self.site("Camp 4", 30.2, 67.0, "Quetta")
        self.gwadar = self.site("Port", 25.1, 62.3, "Gwadar")
        self.persons = [
            self.someone("Li", self.quetta, "li"),
            self.someone("Wang", self.quetta, "wang"),
            self.someone("Zhao", self.gwadar, "zhao"),
            self.someone("Sun", self.quetta, ""),
        ]

    def make(self, kind: str, parts: dict[str, Any], state: str, **more: Any) -> str:
        with self.node.active():
            system = system_subject(self.node.home.party)
            return commit(system, Draft(kind, parts, state=state, **more), door=self.node.door).record

    def site(self, name: str, latitude: float, longitude: float, district: str) -> str:
        place = {"latitude": latitude, "longitude": longitude, "district": district}
        return self.make("site", {"identity": {"name": name}, "place": place}, "active")

    def someone(self, name: str, site: str, account: str) -> str:
        parts = {"name": {"name": name}, "employment": {"employer": self.firm}, "link": {"account": account}}
        made = self.make("person", parts, "active", releasable=(), assigned=[account] if account else None)
        stay = {"stay": {"site": site, "since": moment(-24)}}
        self.make("presence", stay, "arrived", about=made, releasable=())
        return made

    def issue(self, area: dict[str, Any], **more: Any) -> str:
        with self.node.active():
            made = issue_alert(self.officer, alert(area, **more), door=self.node.door).record
        tick(self.node)
        return made

    def answer(self, who: Subject, record: str, answer: str = "received", **more: Any) -> None:
        with self.node.active():
            answer_alert(who, record, answer, door=self.node.door, **more)
        tick(self.node)

    def update(self, record: str, new_danger: bool = False, seen: int | None = None, **more: Any) -> None:
        with self.node.active():
            version = self.row(record).version if seen is None else seen
            parts = {"message": message(**more)}
            update_alert(self.officer, record, version, parts, new_danger, door=self.node.door)
        tick(self.node)

    def row(self, record: str) -> RowView:
        found: list[Any] = []
        self.node.writer.tick(lambda tx: found.append(tx.row(record)))
        return found[0]

    def count(self, area: dict[str, Any]) -> dict[str, int]:
        with self.node.active():
            return count_audience(self.officer, area, door=self.node.door)


@pytest.fixture
def world(nodes: Nodes) -> Iterator[World]:
    yield World(*nodes)


@pytest.mark.parametrize(
    ("area", "persons", "accounts"),
    [
        ({"polygon": QUETTA}, 3, 2),
        ({"circle": {"latitude": 30.2, "longitude": 67.0, "radius_m": 500}}, 3, 2),
        ({"districts": ["gwadar"]}, 1, 1),
        ({"polygon": QUETTA, "districts": ["Gwadar"]}, 4, 3),
        ({"movements": True}, 0, 0),
        ({"circle": {"latitude": 10, "longitude": 10, "radius_m": 5}}, 0, 0),
    ],
)
def test_the_audience_is_counted_before_anything_is_sent(
    world: World, area: dict[str, Any], persons: int, accounts: int
) -> None:
    found = world.count(area)
    assert (found["persons"], found["accounts"]) == (persons, accounts)
    assert not world.node.of_kind("alert", "cn")


def test_sites_and_organisations_are_an_audience_and_nobody_counts_twice(world: World) -> None:
    assert world.count({"sites": [world.gwadar]})["persons"] == 1
    assert world.count({"organisations": [world.firm]})["persons"] == 4
    assert world.count({"organisations": [world.firm], "sites": [world.gwadar]})["persons"] == 4


def test_those_in_the_area_are_paged_once_and_a_sent_again_alert_is_one(world: World) -> None:
    record = world.issue({"polygon": QUETTA})
    assert sorted(paged(world.node, record)) == ["li", "wang"]
    assert world.row(record).values()["audience"]["persons"] == 3
    tick(world.node, 0.1)
    assert sorted(paged(world.node, record)) == ["li", "wang"]
    with world.node.active():
        once = [
            issue_alert(
                world.officer, alert({"districts": ["Gwadar"]}), key="k-12345678", door=world.node.door
            )
            for _ in range(2)
        ]
    assert once[0] == once[1]


def test_an_update_pages_only_who_has_not_answered_unless_the_danger_is_new(world: World) -> None:
    record = world.issue({"polygon": QUETTA})
    world.answer(world.li, record, "safe")
    world.update(record, headline="Still going on")
    assert sorted(paged(world.node, record)) == ["li", "wang", "wang"]
    world.update(record, new_danger=True, headline="A second attack")
    assert sorted(paged(world.node, record)) == ["li", "li", "wang", "wang", "wang"]
    world.answer(world.li, record, "received")
    world.update(record, headline="Calm")
    assert sorted(paged(world.node, record)).count("li") == 2
    assert world.row(record).values()["message"]["round"] == 2


def test_who_moves_into_the_widened_area_is_paged_too(world: World) -> None:
    record = world.issue({"polygon": QUETTA})
    world.answer(world.li, record)
    world.answer(world.wang, record)
    with world.node.active():
        parts = alert({"polygon": QUETTA, "districts": ["Gwadar"]})
        update_alert(world.officer, record, 1, parts, door=world.node.door)
    tick(world.node)
    assert sorted(paged(world.node, record)) == ["li", "wang", "zhao"]


@pytest.mark.usefixtures("carried")
def test_an_answer_counts_once_with_its_last_word_and_whoever_needs_help_goes_up_the_ladder(
    world: World,
) -> None:
    record = world.issue({"polygon": QUETTA})
    world.answer(world.li, record, "needs_help", key="outbox-1")
    world.answer(world.li, record, "needs_help", key="outbox-1")
    given = [row for row in world.node.of_kind("alert_acknowledgement", "cn") if row.state == "given"]
    assert len(given) == 1
    (raised,) = world.node.of_kind("escalation", "cn")
    assert raised.values()["step"]["reason"] == "needs_help" and raised.state == "raised"
    world.answer(world.li, record, "safe")
    rows = world.node.of_kind("alert_acknowledgement", "cn")
    assert sorted((row.state, row.values()["receipt"]["answer"]) for row in rows) == [
        ("given", "safe"),
        ("superseded", "needs_help"),
    ]
    (settled,) = world.node.of_kind("escalation", "cn")
    assert settled.state == "answered"


@pytest.mark.usefixtures("carried")
def test_who_answers_without_being_meant_does_not_make_the_silent_fewer(world: World) -> None:
    record = world.issue({"polygon": QUETTA})
    world.answer(world.zhao, record, "safe")

    def silent() -> dict[str, int]:
        with world.node.active():
            return silence(world.officer, record, door=world.node.door)

    assert silent() == {"persons": 3, "silent": 3}
    world.answer(world.li, record, "safe")
    assert silent() == {"persons": 3, "silent": 2}
    world.update(record, new_danger=True)
    assert silent() == {"persons": 3, "silent": 3}
    tick(world.node, 24 * 40)
    tick(world.node, 24 * 40)
    assert silent()["persons"] == 0, "whom it was for is forgotten a month after it is over"


def test_an_answer_that_waited_on_the_phone_does_not_overrule_a_later_one(world: World) -> None:
    record = world.issue({"polygon": QUETTA})
    world.answer(world.li, record, "safe", at=moment(0))
    world.answer(world.li, record, "received", at=moment(-1))
    rows = world.node.of_kind("alert_acknowledgement", "cn")
    assert [row.values()["receipt"]["answer"] for row in rows if row.state == "given"] == ["safe"]


def test_nobody_answers_for_another_but_a_warden(world: World) -> None:
    record = world.issue({"polygon": QUETTA})
    with pytest.raises(Refused):
        world.answer(world.li, record, "safe", account="wang")
    warden = person(world.node, "warden", "warden")
    world.answer(warden, record, "safe", account="wang", means="warden")
    (row,) = world.node.of_kind("alert_acknowledgement", "cn")
    assert row.values()["who"]["account"] == "wang"


def test_it_expires_by_itself_and_an_update_gives_it_time(world: World) -> None:
    record = world.issue({"polygon": QUETTA})
    tick(world.node, 5)
    world.update(record, expires=moment(20))
    tick(world.node, 2)
    assert world.row(record).state == "issued"
    tick(world.node, 20)
    assert world.row(record).state == "expired"
    with pytest.raises(Malformed):
        world.update(record)


def test_a_cancelled_alert_is_over_and_pages_nobody(world: World) -> None:
    record = world.issue({"polygon": QUETTA})
    with world.node.active():
        with pytest.raises(Conflict):
            cancel_alert(world.officer, record, 9, door=world.node.door)
        cancel_alert(world.officer, record, 1, door=world.node.door)
    tick(world.node)
    assert world.row(record).state == "cancelled" and len(paged(world.node, record)) == 2
    source = world.row(record).values()["source"]
    assert len(source["references"]) == 1 and source["identifier"] not in source["references"]


def test_an_exercise_stays_one_and_is_marked_in_what_goes_out(world: World) -> None:
    record = world.issue({"polygon": QUETTA}, status="exercise")
    deliveries = [row for row in world.node.of_kind("delivery", "cn") if row.about == record]
    assert deliveries and all(row.values()["to"]["exercise"] for row in deliveries)
    world.update(record, status="actual")
    assert world.row(record).values()["message"]["status"] == "exercise"


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        (alert({}), Malformed),
        (alert({"polygon": [[0, 0], [1, 1], [0, 0]]}), ValueError),
        (alert({"polygon": [[0, 0], [500, 0], [0, 1], [0, 0]]}), ValueError),
        (alert({"polygon": [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]}), Malformed),
        (alert({"districts": ["x"]}, headline="", headline_zh=""), ValueError),
        (alert({"districts": ["x"]}, text_ur="a text without its headline"), ValueError),
        (alert({"districts": ["x"]}, expires="2020-01-01T00:00:00Z"), Malformed),
        (alert({"districts": ["x"]}, expires="2199-01-01T00:00:00Z"), Malformed),
        (alert({"districts": ["x"]}, severity="awful"), ValueError),
        ({**alert({"districts": ["x"]}), "source": {"agency": "NDMA"}}, Malformed),
    ],
)
def test_what_is_no_alert_is_not_sent(world: World, parts: dict[str, Any], fault: type[Exception]) -> None:
    with world.node.active(), pytest.raises(fault):
        issue_alert(world.officer, parts, door=world.node.door)
    assert not world.node.of_kind("alert", "cn")


def test_who_may_not_alert_does_not_even_count(world: World) -> None:
    with world.node.active():
        with pytest.raises(Refused):
            issue_alert(world.li, alert({"districts": ["Quetta"]}), door=world.node.door)
        with pytest.raises(Refused):
            count_audience(world.li, {"districts": ["Quetta"]}, door=world.node.door)


def test_the_host_alerts_and_the_partners_node_pages_its_own_people_by_the_names_of_places(
    world: World,
) -> None:
    floor = person(world.host, "floor", "watch_officer")
    pull(world.host, world.node)
    site = next(row.id for row in world.host.of_kind("site", "cn") if "Camp 4" in row.parts)
    with world.host.active():
        area = {"sites": [site], "site_names": ["Camp 4"]}
        issued = issue_alert(floor, alert(area), door=world.host.door).record
        assert count_audience(floor, area, door=world.host.door)["persons"] == 0, "names never cross"
    tick(world.host)
    pull(world.node, world.host)
    tick(world.node)
    (received,) = world.node.of_kind("alert", "pk")
    assert "audience" not in received.values() or not received.values()["audience"]
    assert sorted(paged(world.node, received.id)) == ["li", "wang"]
    world.answer(world.li, received.id, "safe")
    with world.host.active():
        update_alert(floor, issued, 1, {"message": message(headline="More")}, door=world.host.door)
    tick(world.host)
    pull(world.node, world.host)
    tick(world.node)
    assert sorted(paged(world.node, received.id)) == ["li", "wang", "wang"]
    pull(world.host, world.node)
    assert not world.host.of_kind("alert_acknowledgement", "cn"), "who is safe stays at home"
    with world.node.active(), pytest.raises((Refused, NotFound)):
        cancel_alert(world.officer, received.id, 2, door=world.node.door)
    with world.node.active():
        seen = find(world.li, Query("alert"), door=world.node.door).records
        assert [each.parts["message"]["headline"] for each in seen] == ["More"]


def test_many_are_paged_in_handfuls_and_each_once(world: World) -> None:
    for number in range(120):
        person(world.node, f"p{number}", "protected_person")
        world.someone(f"P{number}", world.gwadar, f"p{number}")
    with world.node.active():
        parts = alert({"districts": ["Gwadar"]})
        record = issue_alert(world.officer, parts, door=world.node.door).record
    fire_all(world.node.writer)
    assert len(paged(world.node, record)) == HANDFUL
    tick(world.node)
    assert len(set(paged(world.node, record))) == len(paged(world.node, record)) == 121
