"""Meetings on two nodes: the Observer's seat item by item, what is withheld leaves no trace, words of both parties."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ready
from committee.meeting_nodes import OBSERVER, Meeting, as_now, notice, terms
from firing import fire_all
from journeys.two_nodes import Node, moment, person
from safeconduct.committee import meeting_rules as rules
from safeconduct.committee.meeting_kinds import CATEGORIES, METHODS
from safeconduct.committee.meeting_seating import how
from safeconduct.records import rebuild
from safeconduct.records.commit import Draft, commit
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.release import content, release
from safeconduct.timers.due import armed

Nodes = tuple[Node, Node]


@pytest.fixture
def meeting(nodes: Nodes) -> Meeting:
    return Meeting(*nodes)


def test_an_observer_reads_the_items_that_his_seat_covers_and_no_others(meeting: Meeting) -> None:
    meeting.item("Attacks of the quarter")
    assert meeting.titles() == [], "nobody has a seat yet"
    meeting.seat()
    meeting.item("Convoys after dark", "journeys")
    meeting.item("Strength of the guards", "response")
    meeting.item("Sources", "incidents", level=2)
    meeting.item("A quarrel between districts", ground="an internal matter")
    assert meeting.titles() == ["Attacks of the quarter", "Convoys after dark"]
    assert meeting.positions() == {"Attacks of the quarter": 1, "Convoys after dark": 2}


def test_one_observers_seat_opens_nothing_to_another_nor_to_his_own_superiors(meeting: Meeting) -> None:
    meeting.seat()
    meeting.seat("observer-2", categories=["journeys"])
    meeting.item("Attacks of the quarter")
    meeting.item("Convoys after dark", "journeys")
    assert meeting.positions() == {"Attacks of the quarter": 1, "Convoys after dark": 2}
    assert meeting.positions("observer-2") == {"Convoys after dark": 1}
    coordinator = person(meeting.partner, "superior", "coordinator")
    (first,) = [row for row in meeting.arrived() if row.values()["item"]["title"].startswith("Attacks")]
    with meeting.partner.active():
        for reader in (as_now(meeting.partner, "observer-2"), coordinator):
            with pytest.raises(NotFound):
                release(reader, first.id)


def test_of_a_withheld_item_no_byte_leaves_and_no_number_is_missing(meeting: Meeting) -> None:
    meeting.seat()
    first = meeting.item("Attacks of the quarter")
    size = meeting.host.feed("cn").size
    hidden = meeting.item("Zzyzx-canary", ground="an internal matter", summary="Zzyzx-summary")
    with meeting.host.active():
        minutes = rules.write_minutes(meeting.coordinator, hidden, {"en": "Zzyzx-minutes", "taken_by": "S"})
        rules.propose_minutes(meeting.coordinator, meeting.own(minutes.record))
        decision = {"text": "Zzyzx-decision", "answerable": "host", "owner": "Ministry"}
        taken = rules.take_decision(meeting.coordinator, hidden, decision)
        rules.set_action(
            meeting.coordinator, taken.record, {"text": "Zzyzx-action", "owner": "M", "due": moment(48)}
        )
        rules.lay_paper(meeting.coordinator, hidden, "Zzyzx.txt", b"Zzyzx-paper")
    meeting.across()
    assert meeting.host.feed("cn").size == size, "not even an entry"
    meeting.item("Convoys after dark", "journeys")
    assert meeting.positions() == {"Attacks of the quarter": 1, "Convoys after dark": 2}
    bytes_there = ready.bytes_of(meeting.partner.home)
    reference = meeting.own(hidden).parts["item"]["reference"].encode()
    assert b"Zzyzx" not in bytes_there and reference not in bytes_there and hidden.encode() not in bytes_there
    assert meeting.own(first).parts["item"]["reference"].encode() in bytes_there, (
        "the search finds what is there"
    )


def test_an_item_that_is_withheld_later_is_taken_back_at_once(meeting: Meeting) -> None:
    meeting.seat()
    first = meeting.item("Attacks of the quarter")
    meeting.item("Convoys after dark", "journeys")
    with meeting.host.active():
        own = meeting.own(first)
        handling = {**own.parts["handling"], "withheld": True, "ground": "an internal matter"}
        rules.amend_item(meeting.coordinator, meeting.own(meeting.record), own, own.parts["item"], handling)
    meeting.across()
    assert meeting.positions() == {"Convoys after dark": 1}


def test_a_seat_that_ends_by_word_or_by_its_time_closes_what_it_opened(meeting: Meeting) -> None:
    seat = meeting.seat(until=moment(5))
    meeting.item("Attacks of the quarter")
    assert meeting.positions()
    meeting.host.offset = meeting.partner.offset = 6 * 3600
    assert meeting.positions() == {}, "by its own clock before anything is heard"

    fire_all(meeting.host.writer)
    meeting.across()
    assert all(row.state == "ended" for row in meeting.host.of_kind("disclosure_authorisation", "pk"))
    with meeting.host.active():
        rules.change_seat(meeting.coordinator, meeting.own(seat.id), terms(until=moment(400)))
    meeting.across()
    assert meeting.positions()
    with meeting.host.active():
        rules.change_seat(meeting.coordinator, meeting.own(seat.id), None, "ended")
    meeting.across()
    assert meeting.positions() == {} and meeting.arrived() == []


def test_a_seat_falls_with_the_meeting_and_with_the_observer_who_stays_away(meeting: Meeting) -> None:
    meeting.seat()
    meeting.item("Attacks of the quarter")
    with meeting.partner.active():
        (row,) = meeting.partner.of_kind("attendance", "cn")
        rules.answer_invitation(meeting.liaison, release(meeting.liaison, row.id), "declined")
    meeting.across()
    assert meeting.positions() == {}
    with meeting.partner.active():
        rules.answer_invitation(meeting.liaison, release(meeting.liaison, row.id), "accepted")
    meeting.across()
    assert meeting.positions() == {"Attacks of the quarter": 1}
    with meeting.host.active():
        rules.move_meeting_on(meeting.coordinator, meeting.own(meeting.record), "cancelled")
    meeting.across()
    assert meeting.positions() == {} and meeting.arrived() == []


def test_what_is_told_in_the_room_is_recorded_and_does_not_cross(meeting: Meeting) -> None:
    meeting.seat(methods=["oral"])
    meeting.item("Attacks of the quarter")
    (row,) = meeting.host.of_kind("disclosure_authorisation", "pk")
    assert row.values()["reader"]["method"] == "oral" and row.releasable == ""
    assert meeting.arrived() == [] and meeting.arrived("disclosure_authorisation") == []


def test_papers_and_minutes_follow_the_seat_and_their_own_labels(meeting: Meeting) -> None:
    meeting.seat()
    item = meeting.item("Attacks of the quarter")
    with meeting.host.active():
        rules.lay_paper(meeting.coordinator, item, "table.txt", b"Three attacks.")
        rules.lay_paper(meeting.coordinator, item, "sources.txt", b"Who said so.", level=2)
        minutes = rules.write_minutes(meeting.coordinator, item, {"en": "It was said.", "taken_by": "S"})
    meeting.across()
    assert meeting.arrived("minutes") == [], "a draft is nobody's but its author's"
    with meeting.host.active():
        rules.propose_minutes(meeting.coordinator, meeting.own(minutes.record))
    meeting.across()
    (paper,), (there,) = meeting.arrived("attachment"), meeting.arrived("minutes")
    with meeting.partner.active():
        reader = as_now(meeting.partner, OBSERVER)
        assert content(reader, paper.id, "content")["data"]
        assert release(reader, there.id).parts["text"]["en"] == "It was said."
        with pytest.raises(NotFound):
            release(as_now(meeting.partner, "observer-2"), paper.id)


def test_a_paper_is_given_to_keep_or_not_at_all(meeting: Meeting) -> None:
    meeting.seat(methods=["visual"])
    item = meeting.item("Attacks of the quarter")
    with meeting.host.active():
        rules.lay_paper(meeting.coordinator, item, "table.txt", b"Three attacks.")
    meeting.across()
    assert meeting.titles() == ["Attacks of the quarter"] and meeting.arrived("attachment") == []


def test_minutes_are_agreed_by_the_word_of_both_on_the_same_text(meeting: Meeting) -> None:
    meeting.seat()
    item = meeting.item("Attacks of the quarter")
    with meeting.host.active():
        made = rules.write_minutes(meeting.coordinator, item, {"en": "Two were killed.", "taken_by": "S"})
        rules.propose_minutes(meeting.coordinator, meeting.own(made.record))
        with pytest.raises(Malformed, match="word of both"):
            draft = meeting.own(made.record)
            commit(
                meeting.coordinator,
                Draft("minutes", {}, record=draft.id, expected=draft.version, state="agreed"),
            )
    meeting.across()
    speaker = person(meeting.partner, OBSERVER, "liaison", clearance=2)
    (there,) = meeting.arrived("minutes")
    with meeting.partner.active():
        reader = as_now(meeting.partner, OBSERVER)
        stale = release(reader, there.id)
    with meeting.host.active():
        rules.write_minutes(
            meeting.coordinator, item, {"en": "Three were killed.", "taken_by": "S"}, meeting.own(made.record)
        )
        rules.propose_minutes(meeting.coordinator, meeting.own(made.record))
    with meeting.partner.active():
        rules.answer_minutes(reader, stale, "agreed")
    meeting.across()
    assert meeting.own(made.record).state == "proposed", "the word was on the earlier text"
    with meeting.partner.active():
        rules.answer_minutes(reader, release(reader, there.id), "agreed")
    meeting.across()
    assert meeting.own(made.record).state == "agreed"
    with meeting.host.active(), pytest.raises(Malformed, match="does not become draft"):
        text = {"en": "Nobody.", "taken_by": "S"}
        rules.write_minutes(meeting.coordinator, item, text, meeting.own(made.record))
    assert speaker.person == OBSERVER


def test_a_decision_has_a_number_by_lot_and_a_reservation_beside_it(meeting: Meeting) -> None:
    meeting.seat()
    item = meeting.item("Attacks of the quarter")
    with meeting.host.active():
        numbers = set()
        for text in ("Close the gate at night", "Two cars for each journey"):
            decision = {"text": text, "answerable": "host", "owner": "Ministry", "due": "2027-01-31"}
            taken = rules.take_decision(meeting.coordinator, item, decision, key=text)
            again = rules.take_decision(meeting.coordinator, item, decision, key=text)
            assert taken == again
            numbers.add(meeting.own(taken.record).parts["decision"]["number"])
    meeting.across()
    there = meeting.arrived("decision")
    assert len(there) == 2 and {row.values()["decision"]["number"] for row in there} == numbers
    assert all(number.startswith("PK-D-") and len(number) == 11 for number in numbers)
    with meeting.partner.active():
        rules.reserve(meeting.liaison, there[0].id, "Not without our consent.")
    meeting.across()
    (reservation,) = meeting.host.of_kind("reservation", "cn")
    with meeting.partner.active():
        (mine,) = meeting.partner.of_kind("reservation", "cn")
        seen = release(meeting.liaison, mine.id)
        for parts, state in (({}, "lifted"), ({"lifting": {"by": "x", "at": moment(0)}}, "open")):
            draft = Draft("reservation", parts, record=mine.id, expected=1, state=state)
            with pytest.raises(PartRefused, match="who lifted it"):
                commit(meeting.liaison, draft)
        rules.lift_reservation(meeting.liaison, seen, "Li Wei")
        with pytest.raises(Conflict):
            rules.lift_reservation(meeting.liaison, seen, "Li Wei")
    meeting.across()
    (lifted,) = meeting.host.of_kind("reservation", "cn")
    assert lifted.state == "lifted" and lifted.values()["lifting"]["by"] == "Li Wei"
    assert lifted.values()["words"]["text"] == "Not without our consent.", "what it said stays"
    with meeting.host.active(), pytest.raises(Refused):
        rules.lift_reservation(meeting.coordinator, meeting.own(lifted.id))
    own = meeting.own(reservation.about)
    assert own.parts["decision"]["number"] == there[0].values()["decision"]["number"]
    assert own.state == "taken", "it stands beside the decision and changes nothing in it"
    with meeting.host.active():
        other = {**own.parts["decision"], "text": "Open the gate at night"}
        with pytest.raises(Malformed, match="stays as it was"):
            again = Draft("decision", {"decision": other}, record=own.id, expected=own.version)
            commit(meeting.coordinator, again)
        rules.end_decision(meeting.coordinator, own, "superseded")
        with pytest.raises(Malformed, match="does not become"):
            rules.end_decision(meeting.coordinator, meeting.own(own.id), "carried_out")


def test_an_action_reminds_whoever_wrote_it_when_it_is_due(meeting: Meeting) -> None:

    meeting.seat()
    item = meeting.item("Attacks of the quarter")
    with meeting.host.active():
        task = {"text": "Light the gate", "owner": "Port", "due": moment(2)}
        set_ = rules.set_action(meeting.coordinator, item, task)
    meeting.host.offset = 3 * 3600
    fire_all(meeting.host.writer)
    told = meeting.host.writer.db.execute("SELECT person FROM notify_send WHERE about = ?", (set_.record,))
    assert [person for (person,) in told.fetchall()] == ["coordinator"]
    with meeting.host.active():
        rules.report_action(meeting.coordinator, meeting.own(set_.record), "Lit", "done")
    assert meeting.host.in_tx(lambda tx: list(armed(tx, "action:"))) == []


def test_the_order_of_an_agenda_is_the_secretarys_and_each_observer_counts_his_own(meeting: Meeting) -> None:
    meeting.seat()
    first, _second, third = (meeting.item(title) for title in ("One", "Two", "Three"))
    with meeting.host.active():
        rules.move_item(meeting.coordinator, meeting.own(third), first)
    meeting.across()
    assert meeting.positions() == {"Three": 1, "One": 2, "Two": 3}
    with meeting.host.active():
        rules.end_item(meeting.coordinator, meeting.own(first), "dropped")
        with pytest.raises(NotFound):
            rules.move_item(meeting.coordinator, meeting.own(third), "no-such-item")
        seen = meeting.own(third)
        rules.move_item(meeting.coordinator, seen, "")
        with pytest.raises(Conflict):
            rules.move_item(meeting.coordinator, seen, "")
    meeting.across()
    assert meeting.positions() == {"Two": 1, "Three": 2}


def test_tables_made_again_from_the_ledger_know_the_same_seats(meeting: Meeting) -> None:
    meeting.seat()
    meeting.item("Attacks of the quarter")
    before = meeting.positions()
    assert before
    with meeting.partner.active():
        fingerprint = rebuild.fingerprint()
        rebuild.rebuild(meeting.partner.writer)
        assert rebuild.fingerprint() == fingerprint
    assert meeting.positions() == before


def test_nobody_seats_his_own_observer_nor_one_who_was_not_named(meeting: Meeting) -> None:
    with meeting.host.active():
        own = rules.name_attendee(
            meeting.coordinator,
            meeting.record,
            {"name": "Colonel", "capacity": "observer", "person": "colonel"},
        )
        with pytest.raises(Malformed, match="other party"):
            rules.seat_observer(meeting.coordinator, meeting.own(own.record), terms())
    with meeting.partner.active():
        rules.name_attendee(meeting.liaison, meeting.there, {"name": "Li", "capacity": "member"})
        with pytest.raises(Malformed, match="account"):
            rules.name_attendee(meeting.liaison, meeting.there, {"name": "Li", "capacity": "observer"})
    meeting.across()
    (row,) = meeting.host.of_kind("attendance", "cn")
    with meeting.host.active():
        with pytest.raises(PartRefused):
            rules.seat_observer(meeting.coordinator, meeting.own(row.id), terms())
        liaison = person(meeting.host, "host-liaison", "liaison")
        with pytest.raises(Refused):
            rules.seat_observer(liaison, meeting.own(row.id), terms())


def test_a_meeting_that_names_nobody_else_stays_at_home(meeting: Meeting) -> None:
    size = meeting.host.feed("cn").size
    with meeting.host.active():
        called = rules.call_meeting(meeting.coordinator, notice(title="Among ourselves"), None)
        own = release(meeting.coordinator, called.record)
        rules.put_item(meeting.coordinator, own, {"title": "Us"}, {"category": "incidents"})
    meeting.across()
    assert meeting.host.feed("cn").size == size


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"ends": moment(1)}, "ends after"),
        ({"group": "army"}, "group"),
        ({"title": ""}, "title"),
        ({"starts": "tomorrow"}, "starts"),
        ({"title": "x" * 300}, "title"),
    ],
)
def test_a_notice_that_makes_no_sense_is_refused_and_nothing_is_stored(
    meeting: Meeting, changed: dict[str, Any], fault: str
) -> None:
    before = len(meeting.host.of_kind("meeting", "pk"))
    with meeting.host.active(), pytest.raises(PartRefused, match=fault):
        rules.call_meeting(meeting.coordinator, notice(**changed), None)
    assert len(meeting.host.of_kind("meeting", "pk")) == before


TERMS = st.fixed_dictionaries(
    {
        "ceiling": st.integers(0, 3),
        "categories": st.sets(st.sampled_from(CATEGORIES), min_size=1),
        "methods": st.sets(st.sampled_from(METHODS), min_size=1),
    }
)
HANDLING = st.fixed_dictionaries({"category": st.sampled_from(CATEGORIES), "withheld": st.booleans()})


@given(TERMS, HANDLING, st.integers(0, 3), st.sampled_from(["agenda_item", "minutes", "attachment"]))
def test_wider_terms_never_open_less_and_nothing_opens_above_them(
    seat: dict[str, Any], handling: dict[str, Any], level: int, kind: str
) -> None:
    found = how(seat, handling, kind, level)
    if found is not None:
        assert not handling["withheld"] and level <= seat["ceiling"]
        assert handling["category"] in seat["categories"] and found in seat["methods"]
        assert kind != "attachment" or found == "document"
        wider = {
            "ceiling": 3,
            "categories": seat["categories"] | set(CATEGORIES),
            "methods": seat["methods"] | set(METHODS),
        }
        assert how(wider, handling, kind, level) == "document"
