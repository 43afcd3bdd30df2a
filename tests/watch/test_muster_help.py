"""Who needs help at a muster: the ladder of his site, district or kind climbs in both rooms until somebody answers."""

from __future__ import annotations

from typing import Any

import pytest

from journeys.two_nodes import Node, moment, parts, person, pull
from safeconduct.notify.answering import answer_escalation
from safeconduct.records.rows import RowView
from safeconduct.watch import muster
from watch.test_muster import begin, entries, site, tick, worker, write

Nodes = tuple[Node, Node]
REASON = "needs_help"


def raised(node: Node, entry: str | None = None) -> list[RowView]:
    """This party's own escalations about entries on a roll, oldest first."""
    rows = node.of_kind("escalation", node.home.party)
    return [row for row in rows if row.values()["step"]["reason"] == REASON and entry in (None, row.about)]


def ladder(node: Node, unit: str, **scope: str) -> str:
    steps = {"steps": [{"after_seconds": 0, "units": [unit]}, {"after_seconds": 60, "roles": ["commander"]}]}
    return write(node, "ladder", {"scope": scope, "steps": steps}, state="in_force", releasable=())


@pytest.fixture
def camp(nodes: Nodes) -> dict[str, Any]:
    host, partner = nodes
    found: dict[str, Any] = {"host": host, "partner": partner}
    found["floor"] = person(partner, "watch", "watch_officer")
    found["hosts"] = person(host, "hosts", "watch_officer")
    found["site"] = site(partner, "Camp", "Turbat", 26.0, 63.05)
    worker(partner, "Li", found["site"], account="li")
    worker(partner, "Wang", found["site"])
    found["li"] = person(partner, "li", "protected_person")
    return found


def cry(camp: dict[str, Any], name: str = "Li", at: str | None = None) -> str:
    """Somebody at the camp needs help; the entry of the roll."""
    record = begin(camp["partner"], camp["floor"], "site", sites=[camp["site"]])
    entry = entries(camp["partner"], record)[name].id
    say(camp, entry, "needs_help", at)
    return entry


def say(camp: dict[str, Any], entry: str, state: str, at: str | None = None) -> None:
    with camp["partner"].active():
        muster.reply(camp["floor"], entry, state, "floor", at=at)


def units(row: RowView) -> list[str]:
    return list(row.values()["step"]["units"])


def test_both_rooms_climb_their_own_ladder_and_the_one_who_is_safe_raises_none(camp: dict[str, Any]) -> None:
    entry = cry(camp)
    say(camp, entry, "needs_help")
    (own,) = raised(camp["partner"])
    assert own.about == entry and own.state == "raised"
    assert own.values()["step"]["roles"][0] == "watch_officer", "help is asked for: the floor is told first"
    tick(camp["partner"], 61)
    assert raised(camp["partner"])[0].values()["step"]["rung"] == 2
    pull(camp["host"], camp["partner"])
    (theirs,) = raised(camp["host"])
    assert theirs.state == "raised" and theirs.originator == "pk"
    with camp["host"].active():
        answer_escalation(camp["hosts"], theirs.id, "Rescue 1122 sent")
    tick(camp["host"], 3_600)
    pull(camp["host"], camp["partner"])
    (theirs,) = raised(camp["host"])
    assert theirs.state == "answered" and theirs.values()["step"]["rung"] == 1
    assert raised(camp["partner"])[0].state == "raised", (
        "the other room's answer settles its own ladder alone"
    )


def test_where_the_clause_gives_no_entry_the_other_room_has_no_ladder(camp: dict[str, Any]) -> None:
    worker(camp["host"], "Guard")
    record = begin(camp["host"], camp["hosts"], "country")
    entry = entries(camp["host"], record)["Guard"].id
    with camp["host"].active():
        muster.reply(camp["hosts"], entry, "needs_help", "floor")
    assert len(raised(camp["host"])) == 1
    pull(camp["partner"], camp["host"])
    assert not raised(camp["partner"]), "the Host's rolls do not cross"


@pytest.mark.parametrize("closed", [False, True])
def test_a_later_word_settles_it_in_both_rooms_and_a_closed_muster_does_not(
    camp: dict[str, Any], closed: bool
) -> None:
    entry = cry(camp)
    pull(camp["host"], camp["partner"])
    partner = camp["partner"]
    if closed:
        record = partner.row(entry).about
        with partner.active():
            muster.close_muster(camp["floor"], record, partner.row(record).version)
        assert raised(partner)[0].state == "raised"
    say(camp, entry, "unreachable")
    assert raised(partner)[0].state == "raised", "out of reach is not safe"
    say(camp, entry, "accounted")
    pull(camp["host"], partner)
    for node in (partner, camp["host"]):
        (settled,) = raised(node)
        assert settled.state == "answered" and settled.values()["answer"]["outcome"] == "heard"


def test_who_asks_again_after_an_answer_is_heard_again_and_a_repeated_word_is_not(
    camp: dict[str, Any],
) -> None:
    entry = cry(camp, at=moment(-0.1))
    partner = camp["partner"]
    (first,) = raised(partner)
    with partner.active():
        answer_escalation(camp["floor"], first.id)
    say(camp, entry, "needs_help", at=moment(-0.05))
    assert len(raised(partner)) == 1, "said before it was taken on"
    tick(partner, 2)
    with partner.active():
        muster.reply(camp["floor"], entry, "accounted", "floor")
        muster.reply(camp["floor"], entry, "needs_help", "floor", at=moment(0.01))
    assert [row.state for row in raised(partner)] == ["answered", "raised"]


def test_the_ladder_is_the_site_s_else_the_district_s_else_the_kind_s(camp: dict[str, Any]) -> None:
    partner, host = camp["partner"], camp["host"]
    other = site(partner, "Port", "Turbat", 26.1, 63.1)
    worker(partner, "Zhao", other)
    for node in (partner, host):
        ladder(node, "any-muster", kind="muster")
        ladder(node, "turbat", kind="muster", district="Turbat")
        ladder(node, "sos-only", kind="sos", district="Turbat")
    ladder(partner, "camp", kind="muster", site=camp["site"])
    cry(camp)
    record = begin(partner, camp["floor"], "site", sites=[other])
    say(camp, entries(partner, record)["Zhao"].id, "needs_help")
    travels = write(partner, "movement", parts(-1, persons=1, reference="GP-8"), state="under_way")
    road = begin(partner, camp["floor"], "journeys")
    say(camp, entries(partner, road)["GP-8"].id, "needs_help")
    assert [units(row) for row in raised(partner)] == [["camp"], ["turbat"], ["any-muster"]]
    assert partner.row(travels).kind == "movement"
    pull(host, partner)
    found = [units(row) for row in raised(host)]
    assert found == [["turbat"], ["turbat"], ["any-muster"]], "by the name of the site, as it is known there"


def test_the_units_that_answer_for_a_journey_are_told(camp: dict[str, Any]) -> None:
    host, partner = camp["host"], camp["partner"]
    travels = write(partner, "movement", parts(-1, persons=1, reference="GP-9"), state="under_way")
    pull(host, partner)
    (there,) = list(host.of_kind("movement", "cn"))
    course = {
        "sequence": 1,
        "from_place": "Karachi",
        "to_place": "Gwadar",
        "depart": moment(-1),
        "arrive": moment(8),
    }
    duty = {"unit": "gwadar-police", "unit_name": "Police"}
    write(host, "leg", {"course": course, "duty": duty}, about=there.id, state="active")
    record = begin(partner, camp["floor"], "journeys")
    (line,) = entries(partner, record).values()
    assert line.values()["link"]["place"] == travels
    say(camp, line.id, "needs_help")
    pull(host, partner)
    (theirs,) = raised(host)
    assert "gwadar-police" in theirs.assigned


def test_what_is_practised_is_marked_and_a_withdrawn_entry_calls_nobody(camp: dict[str, Any]) -> None:
    partner = camp["partner"]
    call = {"title": "Drill", "scope": "site", "due": moment(0.2), "exercise": True}
    with partner.active():
        record = muster.begin_muster(camp["floor"], call, {"sites": [camp["site"]]}).record
    tick(partner, 2)
    entry = entries(partner, record)["Wang"].id
    say(camp, entry, "needs_help")
    (practised,) = raised(partner)
    assert practised.values()["step"]["exercise"]
    with partner.active():
        system = {
            "person": "system",
            "party": "cn",
            "roles": [],
            "clearance": 3,
            "units": [],
            "agreements": [],
        }
        partner.door.call("withdraw", {"actor": system, "record": entry, "parts": [], "reason": "left"})
    assert raised(partner)[0].withdrawn, "the ladder falls with what it was about"
    tick(partner, 3_600)
    assert raised(partner)[0].values()["step"]["rung"] == 1
