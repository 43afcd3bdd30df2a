"""Positions flow to the other party's node while a clause lets them, and not a moment longer."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest

from exchange.nodes import Node, pull, sign
from journeys.two_nodes import leg, person
from positions.flow_nodes import (
    PHONE,
    bytes_of_positions,
    carry,
    entries,
    hand_over,
    journey,
    kept,
    lines,
    long_agreed,
    report,
    say,
)
from safeconduct.ledger.report import verify
from safeconduct.oversight.who_knew import GIVEN, TAKEN, who_knew
from safeconduct.oversight.who_knew_report import signed_report
from safeconduct.oversight.who_knew_words import acknowledged
from safeconduct.positions import flow_watch, keeping, reading
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import Malformed

FLOWED = "positions flowed live from then on"


def test_the_newest_position_flows_and_is_shown_to_those_whom_the_clause_names(
    nodes: tuple[Node, Node],
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    long_agreed(host, partner)
    report(partner, here_, 25.1, time.time() - 20)
    last = report(partner, here_, 25.2)
    assert len(lines(partner, host)) == 1, "the newest alone"
    answer = carry(partner, host)
    assert answer["kept"] == 1 and answer["wanted"] and not answer["early"]
    (fix,) = kept(host, there, "cn")
    assert (fix.latitude, fix.party, fix.person) == (25.2, "cn", "cn/") and abs(fix.at - last.at) < 0.01
    assert carry(partner, host)["old"] == 1, "the same fix twice is one"
    officer, auditor = person(host, "khan", "watch_officer"), person(host, "iqbal", "auditor")
    with host.active():
        assert reading.may_follow(officer, there) == {"", "cn"}
        assert not reading.may_follow(auditor, there) and reading.latest(auditor, [there]) == {}
        assert reading.latest(officer, [there])[there].latitude == 25.2
        assert [p.latitude for p in reading.track(officer, there)] == [25.2]
    notes = [row.values()["what"] for row in host.of_kind("reading", "pk")]
    (note,) = {n["records"][0]["sent_as"]: n for n in notes if n["kind"] == "track"}.values()
    assert note["of"] == "cn" and note["records"][0]["record"] == there
    assert note["records"][0]["parts"] == ["position"]
    reading._stores.clear()


def test_a_flow_is_noted_when_it_opens_and_when_it_closes_and_not_in_between(
    nodes: tuple[Node, Node],
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    for number in range(5):
        report(partner, here_, 25.0 + number / 100)
        carry(partner, host)
        time.sleep(0.21)
    (opened,) = entries(partner)
    assert opened["what"] == "opened" and opened["side"] == "sent" and opened["record"] == here_
    assert opened["clauses"] == ["pk-cn/5.31"]
    (taken,) = entries(host)
    assert taken["side"] == "received" and taken["record"] == there and taken["sent_as"] == opened["sent_as"]
    say(partner, here_, "arrived")
    pull(host, partner)
    for node in nodes:
        closed = entries(node)[-1]
        assert closed["what"] == "closed" and closed["why"] == "ended"
    assert lines(partner, host) == []


@pytest.mark.parametrize("by", ["host", "partner"])
@pytest.mark.usefixtures("carried")
def test_suspension_by_either_party_stops_it_with_the_same_transaction(
    nodes: tuple[Node, Node], world: Path, by: str
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    before = report(partner, here_, 25.1)
    carry(partner, host)
    acting, other = (host, partner) if by == "host" else (partner, host)
    waiting = lines(partner, host)
    sign(acting, world, "pk-cn", "5", "suspended")
    after = report(partner, here_, 25.555555)
    if by == "partner":
        assert lines(partner, host) == [], "its own suspension empties the spool"
    else:
        assert not host.call("positions_wanted", partner="cn")["wanted"]
        answer = carry(partner, host)
        assert answer["kept"] == 0 and answer["refused"] == 1, "the other side need not have heard of it yet"
    pull(other, acting)
    assert lines(partner, host) == [] and waiting
    assert [p.latitude for p in kept(host, there, "cn")] == [before.latitude]
    assert struct.pack(">d", after.latitude) not in bytes_of_positions(host)
    officer = person(host, "khan", "watch_officer")
    with host.active():
        assert not reading.may_follow(officer, there)
        assert reading.latest(officer, [there]) == {}
    reading._stores.clear()
    for node in nodes:
        assert entries(node)[-1]["what"] == "closed" and entries(node)[-1]["why"] == "policy"


def test_when_it_is_agreed_again_nothing_flows_that_was_taken_meanwhile(
    nodes: tuple[Node, Node], world: Path
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    sign(partner, world, "pk-cn", "5", "suspended")
    pull(host, partner)
    meanwhile = report(partner, here_, 25.3)
    assert lines(partner, host) == [] and entries(partner) == []
    sign(host, world, "pk-cn", "5", "agreed")
    pull(partner, host)
    sign(partner, world, "pk-cn", "5", "agreed")
    pull(host, partner)
    host.sweep()
    partner.sweep()
    pull(host, partner)
    report(partner, here_, 25.35, meanwhile.at + 0.001)
    assert lines(partner, host) == [], "a phone that tells late of where it was"
    (row,) = partner.writer.db.execute("SELECT opaque FROM exchange_sent WHERE record = ?", (here_,))
    late = json.dumps([1, "cn", row[0], meanwhile.at, 25.3, 66.9, None, None, None])
    assert hand_over(partner, host, [late])["old"] == 1, "nor does the other node take it"
    report(partner, here_, 25.4)
    carry(partner, host)
    assert [p.latitude for p in kept(host, there, "cn")] == [25.4]


def test_where_an_escort_is_never_crosses(nodes: tuple[Node, Node], world: Path) -> None:
    """The Host's own devices report on the Partner's journey: these are the Host's positions, which no clause gives."""
    host, partner = nodes
    there, here_ = journey(host, partner)
    host.commit("leg", leg("escort-14", "Karachi", "Gwadar", 0.1, 5), about=there, state="assigned")
    pull(partner, host)
    report(host, there, 25.777777, who="device-of-escort-14")
    assert lines(host, partner) == [] and entries(host) == []
    assert not partner.call("positions_wanted", partner="pk")["wanted"]
    assert (
        not list(world.glob("pk/feeds/cn/positions.live"))
        or b"25.77" not in (world / "pk/feeds/cn/positions.live").read_bytes()
    )
    assert here_ and kept(partner, here_, "pk") == []


def test_commanders_see_only_the_journeys_that_their_unit_answers_for(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    report(partner, here_, 25.1)
    carry(partner, host)
    commander, other = (
        person(host, "aziz", "commander", "escort-14"),
        person(host, "raza", "commander", "escort-9"),
    )
    with host.active():
        assert not reading.may_follow(commander, there)
    host.commit("leg", leg("escort-14", "Karachi", "Gwadar", 0.1, 5), about=there, state="assigned")
    with host.active():
        assert "cn" in reading.may_follow(commander, there) and not reading.may_follow(other, there)


def test_what_is_withdrawn_erased_or_lies_above_the_label_flows_no_more(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    coordinator = to_wire(person(partner, "coordinator", "coordinator"))
    whole, part, gone = (journey(host, partner, reference=f"M-{n}")[1] for n in range(3))
    for movement in (whole, part, gone):
        report(partner, movement, 25.1)
    assert len(lines(partner, host)) == 3
    partner.call("withdraw", actor=coordinator, record=whole, parts=[], reason="off")
    assert len(lines(partner, host)) == 2
    partner.call("withdraw", actor=coordinator, record=part, parts=["itinerary"], reason="off")
    partner.writer.tick(flow_watch.look_from_time_to_time)
    assert len(lines(partner, host)) == 1
    partner.call("erase", actor=coordinator, record=gone, parts=["itinerary"], reason="off")
    partner.writer.tick(flow_watch.look_from_time_to_time)
    assert lines(partner, host) == []
    assert sorted(e["why"] for e in entries(partner) if e["what"] == "closed") == ["withdrawn or erased"] * 3


def test_nothing_that_names_a_device_or_a_person_or_an_own_id_crosses(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    _, here_ = journey(host, partner)
    report(partner, here_, 25.123456789, who=PHONE)
    crossing = (partner.home.feed("pk") / "positions.live").read_bytes()
    assert PHONE.encode() not in crossing and here_.encode() not in crossing
    assert b"25.123457" in crossing and b"25.12345678" not in crossing
    (line,) = lines(partner, host)
    assert len(line) == 9 and line[1] == "cn"
    assert (partner.home.feed("pk") / "positions.live").stat().st_mode & 0o777 == 0o600


def test_what_came_is_gone_when_its_term_is_over_even_if_the_clause_is(
    nodes: tuple[Node, Node], world: Path
) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    report(partner, here_, 25.123456)
    carry(partner, host)
    canary = struct.pack(">d", 25.123456)
    assert canary in bytes_of_positions(host)
    sign(partner, world, "pk-cn", "5", "suspended")
    pull(host, partner)
    host.writer.tick(keeping.forget_old)
    assert kept(host, there, "cn"), "the term of the clause outlives it"
    host.offset = 2 * 86_400 - 60
    host.writer.tick(keeping.forget_old)
    assert kept(host, there, "cn")
    host.offset = 2 * 86_400 + 60
    host.writer.tick(keeping.forget_old)
    assert canary not in bytes_of_positions(host)


def test_nothing_is_recorded_as_a_track(nodes: tuple[Node, Node]) -> None:
    _, partner = nodes
    with pytest.raises(Malformed, match="not recorded"):
        partner.commit("track", {"position": {"at": 1.0, "latitude": 25.0, "longitude": 66.0}})


def test_a_restarted_writer_goes_on_with_what_still_may_flow(nodes: tuple[Node, Node], world: Path) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    report(partner, here_, 25.1)
    carry(partner, host)
    partner.close()
    assert not (partner.home.feed("pk") / "positions.live").exists(), "nobody could stop it now"
    again = Node(world / "cn")
    try:
        assert [line[4] for line in lines(again, host)] == [25.1]
        assert carry(again, host)["old"] == 1
        time.sleep(0.2)
        report(again, here_, 25.2)
        assert carry(again, host)["kept"] == 1
        assert [e["what"] for e in entries(again)] == ["opened"], "it is the same flow"
    finally:
        again.close()
    partner.writer = Node(world / "cn").writer
    assert [p.latitude for p in kept(host, there, "cn")] == [25.1, 25.2]


def test_who_knew_has_the_flow_and_its_report_holds(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    there, here_ = journey(host, partner)
    report(partner, here_, 25.1)
    carry(partner, host)
    officer = person(host, "khan", "watch_officer")
    with host.active():
        assert reading.latest(officer, [there])
    reading._stores.clear()
    pull(partner, host)
    for node, movement, way in ((partner, here_, GIVEN), (host, there, TAKEN)):
        auditor = person(node, "auditor", "auditor")
        with node.active():
            (line,) = [
                e for e in who_knew(auditor, movement).lines if e.parts == ("position",) and e.way == way
            ]
            assert line.record == movement and line.clauses == ("pk-cn/5.31",)
            assert line.party == "pk" and acknowledged(line, {}) == ("" if way == TAKEN else FLOWED)
            found = verify(signed_report(auditor, movement))
            assert [e for e in found.lines if e["parts"] == ["position"] and e["way"] == way]


def test_the_tables_are_made_again_with_the_flows(nodes: tuple[Node, Node], world: Path) -> None:
    host, partner = nodes
    _, here_ = journey(host, partner)
    report(partner, here_, 25.1)
    sql = "SELECT ledger_index, partner, record, kind, mask, clauses FROM exchange_disclosure WHERE kind = 'track'"
    before = partner.writer.tables.all(sql, [])
    assert len(before) == 1
    for table in ("records_applied", "exchange_disclosure", "exchange_taken"):
        partner.writer.tables.execute(f"DELETE FROM {table}")
    partner.writer.catch_up()
    assert partner.writer.tables.all(sql, []) == before
