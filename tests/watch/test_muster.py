"""A muster: whom it asks after, what counts as an answer, what the other party sees, and that silence is not safety."""

from __future__ import annotations

from typing import Any

import pytest

from journeys.two_nodes import Node, moment, parts, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.rows import RowView
from safeconduct.timers.firing import fire_due
from safeconduct.watch import muster
from safeconduct.watch.muster_kinds import MUSTER, MUSTER_FIGURE, ROLL_ENTRY

Nodes = tuple[Node, Node]


def write(node: Node, kind: str, given: dict[str, Any], **more: Any) -> str:
    with node.active():
        return commit(system_subject(node.home.party), Draft(kind, given, **more)).record


def site(node: Node, name: str, district: str, latitude: float = 25.1, longitude: float = 62.3) -> str:
    place = {"latitude": latitude, "longitude": longitude, "district": district}
    return write(node, "site", {"identity": {"name": name, "category": "work_site"}, "place": place})


def worker(node: Node, name: str, where: str = "", account: str = "", employer: str = "") -> str:
    given: dict[str, Any] = {"name": {"name": name}, "employment": {"employer": employer}}
    if account:
        given["link"] = {"account": account}
    record = write(node, "person", given, state="active", assigned=[account] if account else None)
    if where:
        stay = {"site": where, "since": moment(-48)}
        write(node, "presence", {"stay": stay}, about=record, state="arrived")
    return record


def tick(node: Node, seconds: float = 0.0) -> None:
    def fire(tx: Any) -> None:
        tx.now += seconds
        while fire_due(tx):
            pass

    for _ in range(8):
        node.in_tx(fire)


def begin(node: Node, who: Subject, scope: str, **target: Any) -> str:
    call = {"title": "After the blast", "scope": scope, "due": moment(0.2)}
    with node.active():
        record = muster.begin_muster(who, call, target).record
    tick(node, 2)
    return record


def entries(node: Node, record: str) -> dict[str, RowView]:
    rows = [row for row in node.of_kind(ROLL_ENTRY.name, node.home.party) if row.about == record]
    return {row.values()["who"]["name"]: row for row in rows}


def figures(node: Node, originator: str) -> dict[str, int]:
    (row,) = node.of_kind(MUSTER_FIGURE.name, originator)
    return {name: value for name, value in row.values()["count"].items() if name != "as_of"}


@pytest.fixture
def staffed(nodes: Nodes) -> tuple[Node, Node, Subject, dict[str, str]]:
    host, partner = nodes
    floor = person(partner, "watch", "watch_officer")
    sites = {"port": site(partner, "Port", "Gwadar"), "camp": site(partner, "Camp", "Turbat", 26.0, 63.05)}
    worker(partner, "Li", sites["port"], account="li")
    worker(partner, "Wang", sites["port"])
    worker(partner, "Chen", sites["camp"], employer="org-1")
    worker(partner, "Zhao")
    return host, partner, floor, sites


def test_each_scope_asks_after_those_it_means_and_nobody_begins_as_safe(
    staffed: tuple[Node, Node, Subject, dict[str, str]],
) -> None:
    _, partner, floor, sites = staffed
    asked = {
        "port": begin(partner, floor, "site", sites=[sites["port"]]),
        "district": begin(partner, floor, "area", district="Turbat"),
        "circle": begin(partner, floor, "area", latitude=25.11, longitude=62.31, radius_m=5_000),
        "employer": begin(partner, floor, "organisation", organisation="org-1"),
        "country": begin(partner, floor, "country"),
    }
    found = {name: set(entries(partner, record)) for name, record in asked.items()}
    assert found == {
        "port": {"Li", "Wang"},
        "district": {"Chen"},
        "circle": {"Li", "Wang"},
        "employer": {"Chen"},
        "country": {"Li", "Wang", "Chen", "Zhao"},
    }
    assert {row.state for row in entries(partner, asked["country"]).values()} == {"unaccounted"}
    roll = partner.row(asked["country"]).values()["roll"]
    assert roll["expected"] == 4 and roll["complete"] and roll["oldest"]


@pytest.mark.parametrize("scope", ["site", "area", "organisation"])
def test_a_muster_of_nobody_in_particular_is_refused(
    staffed: tuple[Node, Node, Subject, dict[str, str]], scope: str
) -> None:
    _, partner, floor, _ = staffed
    with pytest.raises(Malformed):
        begin(partner, floor, scope)
    assert not partner.of_kind(MUSTER.name, "cn")


def test_who_is_on_the_road_is_asked_after_there_and_a_number_without_names_counts(
    staffed: tuple[Node, Node, Subject, dict[str, str]],
) -> None:
    host, partner, floor, sites = staffed
    (li,) = [row for row in partner.of_kind("person", "cn") if row.values()["name"]["name"] == "Li"]
    travels = write(partner, "movement", parts(-1, persons=5), state="under_way")
    entry = {"who": {"name": "Li"}, "link": {"person": li.id, "account": "li"}}
    write(partner, "manifest_entry", entry, about=travels, state="named")
    at_port = entries(partner, begin(partner, floor, "site", sites=[sites["port"]]))
    assert set(at_port) == {"Wang"}, "he left"
    road = entries(partner, begin(partner, floor, "journeys"))
    assert set(road) == {"Li", "GP-7"} and road["GP-7"].values()["who"]["heads"] == 4
    pull(host, partner)
    hosts = entries(host, begin(host, person(host, "watch", "watch_officer"), "journeys"))
    assert {name: row.values()["who"]["heads"] for name, row in hosts.items()} == {
        "Li": 1,
        "GP-7": 4,
    }


def test_figures_follow_within_a_second_and_cross_and_names_only_of_who_is_missing(
    staffed: tuple[Node, Node, Subject, dict[str, str]],
) -> None:
    host, partner, floor, sites = staffed
    li = person(partner, "li", "protected_person")
    warden = person(partner, "warden", "warden")
    hosts_floor = person(host, "watch", "watch_officer")
    record = begin(partner, floor, "site", sites=[sites["port"]])
    roll = entries(partner, record)
    with partner.active():
        muster.reply(li, roll["Li"].id, "accounted", "phone")
        muster.reply(warden, roll["Wang"].id, "needs_help", "warden", remark="leg broken")
    tick(partner, 2)
    assert figures(partner, "cn") == {
        "expected": 2, "accounted": 1, "unaccounted": 0, "unreachable": 0, "needs_help": 1,
    }  # fmt: skip
    pull(host, partner)
    assert figures(host, "cn") == figures(partner, "cn")
    with host.active():
        seen = find(hosts_floor, Query(ROLL_ENTRY.name, sort="at")).records
    assert {each.state: each.parts.get("who", {}).get("name") for each in seen} == {
        "needs_help": "Wang",
        "accounted": None,
    }


@pytest.mark.usefixtures("carried")
def test_a_word_is_taken_of_oneself_or_by_who_may_and_the_later_word_counts(
    staffed: tuple[Node, Node, Subject, dict[str, str]],
) -> None:
    _host, partner, floor, sites = staffed
    li = person(partner, "li", "protected_person")
    stranger = person(partner, "stranger", "protected_person")
    record = begin(partner, floor, "site", sites=[sites["port"]])
    roll = entries(partner, record)
    now, before = moment(0), moment(-0.05)
    with partner.active():
        for entry, who in ((roll["Wang"].id, li), (roll["Li"].id, stranger), ("no-such-entry", li)):
            with pytest.raises((NotFound, Refused)):
                muster.reply(who, entry, "accounted", "phone")
        for state in ("unaccounted", "dead", ""):
            with pytest.raises(Malformed):
                muster.reply(li, roll["Li"].id, state, "phone")
        first = muster.reply(li, roll["Li"].id, "needs_help", "phone", at=now)
        assert muster.reply(li, roll["Li"].id, "accounted", "sms", at=before) == first, "it is older"
        assert muster.reply(li, roll["Li"].id, "needs_help", "phone", at=now) == first, "it is the same again"
        assert partner.row(roll["Li"].id).state == "needs_help"
        muster.close_muster(floor, record, partner.row(record).version)
        muster.reply(li, roll["Li"].id, "accounted", "phone", at=moment(0.01))
        with pytest.raises(Malformed):
            muster.reply_many(floor, ["x"] * 1_001, "accounted", "warden")
    assert partner.row(roll["Li"].id).state == "accounted", "a word after the close still counts"
    tick(partner, 2)
    assert figures(partner, "cn")["accounted"] == 1


def test_a_clock_that_was_fast_elsewhere_never_hides_that_somebody_needs_help(
    staffed: tuple[Node, Node, Subject, dict[str, str]],
) -> None:
    _, partner, floor, sites = staffed
    li = person(partner, "li", "protected_person")
    entry = entries(partner, begin(partner, floor, "site", sites=[sites["port"]]))["Li"].id
    with partner.active():
        muster.reply(li, entry, "accounted", "phone", at=moment(0.05))
        muster.reply(floor, entry, "needs_help", "floor")
    assert partner.row(entry).state == "needs_help"


def test_who_is_on_two_manifests_is_asked_after_once(
    staffed: tuple[Node, Node, Subject, dict[str, str]],
) -> None:
    _, partner, floor, _ = staffed
    (li,) = [row for row in partner.of_kind("person", "cn") if row.values()["name"]["name"] == "Li"]
    for reference in ("GP-8", "GP-9"):
        travels = write(partner, "movement", parts(-1, persons=1, reference=reference), state="under_way")
        entry = {"who": {"name": "Li"}, "link": {"person": li.id, "account": "li"}}
        write(partner, "manifest_entry", entry, about=travels, state="named")
    record = begin(partner, floor, "journeys")
    assert len([row for row in partner.of_kind(ROLL_ENTRY.name, "cn") if row.about == record]) == 1


def test_a_large_roll_is_complete_after_a_kill_in_the_middle(
    staffed: tuple[Node, Node, Subject, dict[str, str]],
) -> None:
    _, partner, floor, sites = staffed
    for number in range(130):
        worker(partner, f"Worker {number}", sites["camp"])
    call = {"title": "All of the camp", "scope": "site", "due": moment(0.2)}
    with partner.active():
        record = muster.begin_muster(floor, call, {"sites": [sites["camp"]]}, key="twice").record
        assert muster.begin_muster(floor, call, {"sites": [sites["camp"]]}, key="twice").record == record
    partner.in_tx(lambda tx: fire_due(tx))
    assert 0 < len(entries(partner, record)) < 131
    home = partner.home.path
    partner.close()
    again = Node(home)
    tick(again, 2)
    assert len(entries(again, record)) == 131 and again.row(record).values()["roll"]["complete"]
    assert figures(again, "cn")["unaccounted"] == 131
    again.close()
