"""Warnings: what the writer takes and refuses, who is told, what climbs, what crosses and what never does."""

from __future__ import annotations

from typing import Any

import pytest

import ready
from assessment.warning_nodes import (
    CODE,
    REFERENCE,
    WARNED,
    Nodes,
    client_of,
    give,
    incident,
    ladders,
    moment,
    pull,
    row,
    staff,
    tick,
    told,
)
from safeconduct.assessment import warning_rules as rules
from safeconduct.assessment import warning_writer
from safeconduct.assessment.warning_kinds import OUTCOME, RECEIPT, WARNING
from safeconduct.notify import acts
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.principals import to_wire
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.release import release


def test_a_warning_is_told_once_to_those_named_and_their_word_stops_the_ladder(rooms: Nodes) -> None:
    host, _ = rooms
    watch, chief = staff(host, "watch", "watch_officer"), staff(host, "chief", "coordinator")
    unit = staff(host, "major", "commander", "gwadar-police")
    for name in ("other", "traveller"):
        staff(host, name, "protected_person" if name == "traveller" else "analyst")
    record = give(host, chief, named={"roles": ["watch_officer"], "units": ["gwadar-police"]}, key="k")
    assert (
        give(host, chief, named={"roles": ["watch_officer"], "units": ["gwadar-police"]}, key="k") == record
    )
    tick(host)
    assert sorted(told(host, record)) == ["major", "watch"], "each who is named, once"
    tick(host, 9)
    assert not ladders(host, record)
    with host.active():
        rules.acknowledge_warning(watch, record, "Gates closed", door=host.door, key="a")
        again = rules.acknowledge_warning(watch, record, "Gates closed", door=host.door, key="a")
        assert len(host.of_kind(RECEIPT.name, "pk")) == 1 and again.version == 1
    tick(host, 2)
    (ladder,) = ladders(host, record)
    assert ladder.state == "raised" and ladder.values()["step"]["reason"] == "warning_unacknowledged"
    tick(host, 11)
    assert ladders(host, record)[0].values()["step"]["rung"] == 2
    assert told(host, record).count("chief") == 1, "the second rung"
    with host.active():
        rules.acknowledge_warning(chief, record, door=host.door)
        assert ladders(host, record)[0].state == "raised", "somebody else's word is not that of who is named"
        rules.acknowledge_warning(unit, record, door=host.door)
    (ladder,) = ladders(host, record)
    assert ladder.state == "answered" and ladder.values()["answer"]["outcome"] == "acknowledged"
    before = len(told(host, record))
    tick(host, 120)
    assert len(told(host, record)) == before


def test_a_pressing_warning_that_is_kept_from_the_other_party_does_not_hasten_what_it_sees(
    rooms: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _ = rooms
    watch = staff(host, "watch", "watch_officer")
    published: list[str] = []
    monkeypatch.setattr(warning_writer, "publish_now", lambda tx, told: published.extend(sorted(told)))
    give(host, watch, urgency="immediate", own_only=True)
    assert published == []
    give(host, watch, urgency="immediate")
    assert published == ["cn"]


def test_the_ladder_that_the_page_sets_for_warnings_is_the_one_that_is_climbed(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    for name, role in (("watch", "watch_officer"), ("port", "liaison"), ("major", "commander")):
        staff(host, name, role)
    form = {"step-TOTAL_FORMS": "6", "step-INITIAL_FORMS": "0", "district": "", "site": ""}
    for number, (minutes, role) in enumerate((("0", "liaison"), ("5", "commander"))):
        form |= {f"step-{number}-after_minutes": minutes, f"step-{number}-roles": role}
    with host.active():
        client = client_of(host, chief)
        assert client.post("/watch/ladders/new/", {**form, "kind": "sos"}).status_code == 302
        before = give(host, chief)
        assert client.post("/watch/ladders/new/", {**form, "kind": "incident"}).status_code == 422
        assert client.post("/watch/ladders/new/", {**form, "kind": "warning"}).status_code == 302
    assert not ladders(host, before)
    tick(host, 11)
    (climbed,) = ladders(host, before)
    assert climbed.values()["step"]["roles"] == ["liaison"] and told(host, before)[-1] == "port"
    tick(host, 6)
    (climbed,) = ladders(host, before)
    assert climbed.values()["step"]["rung"] == 2 and told(host, before)[-1] == "major"
    with host.active():
        (own,) = [each for each in acts.ladders(chief) if each.parts["scope"].get("kind") == "warning"]
        assert client.post(f"/watch/ladders/{own.id}/end/").status_code == 302
    after = give(host, chief)
    tick(host, 11)
    assert ladders(host, after)[0].values()["step"]["roles"] == ["watch_officer", "duty_bearer"]


def test_the_ladder_does_not_repeat_a_title_that_is_labelled_above_it(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    staff(host, "watch", "watch_officer")
    plain, secret = give(host, chief, hours=2_000), give(host, chief, hours=2_000, title=CODE)
    with host.active():
        commit(chief, Draft("warning", {}, record=secret, expected=1, levels={"warning": 2}), door=host.door)
    tick(host, 12)
    points = [each.values()["step"]["point"] for record in (plain, secret) for each in ladders(host, record)]
    assert points == [WARNED["title"], ""]


def test_how_far_a_ladder_climbs_follows_from_the_urgency(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    staff(host, "watch", "watch_officer")
    for urgency, minutes, rungs in (("immediate", 10, 3), ("soon", 60, 1), ("routine", 1_440, 0)):
        record = give(host, chief, hours=2_000, urgency=urgency, at=moment(host.offset / 3600))
        tick(host, minutes - 1)
        assert not ladders(host, record)
        for more in (2, 60, 60):
            tick(host, more)
        found = [each.values()["step"]["rung"] for each in ladders(host, record)]
        assert found == ([rungs] if rungs else []), urgency


def test_a_warning_runs_out_by_itself_and_ends_early_with_a_reason(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    staff(host, "watch", "watch_officer")
    first, second = give(host, chief, hours=1), give(host, chief, hours=1, title="Second")
    tick(host, 15)
    assert ladders(host, second)[0].state == "raised"
    with host.active():
        with pytest.raises(PartRefused):
            rules.end_warning(chief, second, 1, {}, door=host.door)  # type: ignore[arg-type]
        with pytest.raises(Conflict):
            rules.end_warning(chief, second, 7, "No", door=host.door)
        rules.end_warning(chief, second, 1, "The road was searched", door=host.door)
    assert row(host, second).state == "ended" and ladders(host, second)[0].state == "answered"
    tick(host, 46)
    assert row(host, first).state == "expired" and row(host, second).version == 2
    assert ladders(host, first)[0].state == "answered"
    with host.active(), pytest.raises(Malformed, match="over"):
        rules.end_warning(chief, first, 2, "Again", door=host.door)


def test_a_warning_of_the_past_tells_nobody(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    staff(host, "watch", "watch_officer")
    record = give(host, chief, begins=-48, hours=24, at=moment(-49))
    tick(host)
    assert row(host, record).state == "expired" and not told(host, record) and not ladders(host, record)


def test_grades_are_added_and_none_is_taken_away(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    record = give(host, chief)
    with host.active():
        rules.revise_grade(chief, record, 1, "C", 4, "A second source denies it", door=host.door)
        found = release(chief, record, door=host.door).parts["grade"]["grades"]
        assert [(each["reliability"], each["credibility"]) for each in found] == [("B", 2), ("C", 4)]
        for forged in (found[1:], [*found[::-1], found[0]], [], found, [*found, *found]):
            draft = Draft(WARNING.name, {"grade": {"grades": forged}}, record=record, expected=2)
            with pytest.raises((Malformed, PartRefused)):
                commit(chief, draft, door=host.door)


def hostile() -> list[tuple[str, dict[str, Any]]]:
    ring = [[63.0, 25.0], [63.1, 25.0], [63.1, 25.1], [63.0, 25.0]]
    source = {"code": CODE, "type": "media", "means": "radio"}
    return [
        ("no place", {"places": {}}),
        ("open ring", {"places": {"polygon": [*ring[:3], [1.0, 1.0]]}}),
        ("ring beyond the world", {"places": {"polygon": [[999.0, 25.0], *ring[1:3], [999.0, 25.0]]}}),
        ("a corner that is none", {"places": {"polygon": [[float("nan"), 1.0], *ring[1:3], ring[0]]}}),
        ("huge ring", {"places": {"polygon": [[63.0, 25.0]] * 501}}),
        ("half a position", {"places": {"points": [{"name": "x", "latitude": 1}]}}),
        ("a person", {"places": {"districts": ["Gwadar"], "persons": ["Li"]}}),
        ("a name for a code", {"source": {**source, "code": "Muhammad Ali"}}),
        ("a number for a code", {"source": {**source, "code": "+92 300 1234567"}}),
        ("a telling reference", {"source": {**source, "reference": "my neighbour, Mr ‹Khan›"}}),
        ("a remark on the source", {"source": {**source, "remark": "He lives at"}}),
        ("nobody named", {"named": {}}),
        ("no such role", {"named": {"roles": ["king"]}}),
        ("a role that may not acknowledge", {"named": {"roles": ["protected_person"]}}),
        ("a unit with a bar", {"named": {"units": ["a|b"]}}),
        ("no such grade", {"reliability": "G"}),
        ("no such credibility", {"credibility": 0}),
        ("no such threat", {"category": "meteor"}),
        ("no such urgency", {"urgency": "now"}),
        ("ends before it begins", {"hours": -1}),
        ("holds too long", {"hours": 9_000}),
        ("holds no time", {"hours": 0}),
        ("not of what is to come", {"begins": -5, "hours": 2}),
        ("from the future", {"at": moment(3)}),
        ("a title without end", {"title": "x" * 201}),
        ("no title", {"title": " "}),
        ("a day for a moment", {"until": "2027-01-01"}),
    ]


def test_what_is_wrong_is_refused_and_leaves_nothing(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    for what, changed in hostile():
        with pytest.raises((PartRefused, Malformed)):
            give(host, chief, **changed)
        assert not host.of_kind(WARNING.name, "pk"), what


def test_a_warning_is_not_rewritten(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    record = give(host, chief)
    with host.active():
        parts = release(chief, record, door=host.door).parts
        drafts = [Draft(WARNING.name, {name: parts[name]}, record=record, expected=1) for name in
                  ("warning", "places", "source", "named")]  # fmt: skip
        ending = {"at": moment(0), "by": "x", "text": "y"}
        drafts += [
            Draft(WARNING.name, {"grade": None}, record=record, expected=1),
            Draft(WARNING.name, {}, record=record, expected=1, state="ended"),
            Draft(WARNING.name, {}, record=record, expected=1, state="expired"),
            Draft(WARNING.name, {"ending": ending}, record=record, expected=1),
            Draft(WARNING.name, {"ending": ending}, record=record, expected=1, state="expired"),
            Draft(WARNING.name, dict(parts), state="ended"),
            Draft(WARNING.name, {**parts, "ending": ending}),
            Draft(WARNING.name, {n: p for n, p in parts.items() if n != "source"}),
        ]
        for draft in drafts:
            with pytest.raises((Malformed, PartRefused)):
                commit(chief, draft, door=host.door)
    assert row(host, record).version == 1 and len(host.of_kind(WARNING.name, "pk")) == 1


def test_a_receipt_is_given_in_ones_own_name_and_stays(rooms: Nodes) -> None:
    host, _ = rooms
    chief, watch = staff(host, "chief", "coordinator"), staff(host, "watch", "watch_officer")
    traveller, admin = staff(host, "traveller", "protected_person"), staff(host, "admin", "administrator")
    record = give(host, chief)
    good = {"at": moment(0), "by": "Chief", "text": "", "roles": ["coordinator"], "version": 1}
    who = {"account": "chief", "units": []}
    with host.active():
        for receipt, of in (
            ({**good, "roles": ["watch_officer"]}, who),
            (good, {"account": "watch"}),
            (good, {**who, "units": ["gwadar-police"]}),
            ({**good, "version": 2}, who),
            ({**good, "at": moment(2)}, who),
            (good, None),
        ):
            draft = Draft(RECEIPT.name, {"receipt": receipt, "who": of}, about=record)
            with pytest.raises((Malformed, PartRefused)):
                commit(chief, draft, "acknowledge", door=host.door)
        with pytest.raises((Malformed, Refused)):
            commit(chief, Draft(RECEIPT.name, {"receipt": good, "who": who}, about=record), door=host.door)
        with pytest.raises(Malformed, match="about a warning"):
            other = incident(host)
            commit(chief, Draft(RECEIPT.name, {"receipt": good, "who": who}, about=other), "acknowledge",
                   door=host.door)  # fmt: skip
        for stranger in (traveller, admin):
            with pytest.raises(NotFound):
                rules.acknowledge_warning(stranger, record, door=host.door)
        done = rules.acknowledge_warning(watch, record, "x" * 5_000, version=99, door=host.door)
        assert row(host, done.record).values()["receipt"]["version"] == 1
        again = Draft(RECEIPT.name, {"receipt": good}, record=done.record, expected=1)
        with pytest.raises((Malformed, Refused)):
            commit(watch, again, "acknowledge", door=host.door)
        with pytest.raises(PartRefused):
            rules.acknowledge_warning(watch, record, "x" * 5_001, door=host.door)


def test_there_is_one_outcome_of_each_party_which_is_revised(rooms: Nodes) -> None:
    host, partner = rooms
    chief, attache = staff(host, "chief", "coordinator"), staff(partner, "attache", "coordinator")
    record = give(host, chief, hours=2)
    attack = incident(host)
    with host.active():
        for result in ("did_not", "unknown"):
            with pytest.raises(Malformed, match="when its time is over"):
                rules.record_outcome(chief, record, result, door=host.door)
        for wrong in ("0" * 32, record):
            with pytest.raises(PartRefused):
                rules.record_outcome(chief, record, "came_true", incident=wrong, door=host.door)
        rules.record_outcome(chief, record, "came_true", "yes", attack, "Shots", door=host.door)
        with pytest.raises(Conflict):
            rules.record_outcome(chief, record, "came_true", seen=0, door=host.door)
        twice = Draft(
            OUTCOME.name, {"outcome": {"result": "came_true", "at": moment(0), "by": "x"}}, about=record
        )
        with pytest.raises(Malformed, match="revise"):
            commit(chief, twice, door=host.door)
    pull(partner, host)
    tick(host, 121)
    with host.active():
        rules.record_outcome(chief, record, "unknown", seen=1, door=host.door)
    with partner.active():
        (theirs,) = find(attache, Query(WARNING.name)).records
        with pytest.raises(Malformed, match="when its time is over"):
            rules.record_outcome(attache, theirs.id, "did_not", door=partner.door)
    partner.offset = host.offset
    with partner.active():
        assert release(attache, theirs.id).state == "in_force", "its own node has told nothing more"
        rules.record_outcome(attache, theirs.id, "did_not", door=partner.door)
    pull(host, partner)
    with host.active():
        found = find(chief, Query(OUTCOME.name, about=record)).records
        told_ = {each.originator: each.parts["outcome"]["result"] for each in found}
        assert told_ == {"pk": "unknown", "cn": "did_not"}, "both stand"
        assert all("grounds" not in each.parts for each in found if each.originator == "cn")


def test_it_crosses_without_its_source_and_both_rooms_receipts_stand(rooms: Nodes) -> None:
    host, partner = rooms
    chief, watch = staff(host, "chief", "coordinator"), staff(host, "watch", "watch_officer")
    theirs, manager = staff(partner, "watch", "watch_officer"), staff(partner, "m", "security_manager")
    traveller = staff(partner, "traveller", "protected_person")
    record = give(host, chief, named={"roles": ["watch_officer"], "persons": ["canary-person"]})
    kept = give(host, chief, title="CANARY-KEPT", own_only=True)
    tick(host, 11)
    assert ladders(host, record)[0].assigned == "|canary-person|" and ladders(host, kept)
    pull(partner, host)
    assert len(partner.of_kind("escalation", "pk")) == 1, "that of the warning that crossed"
    with partner.active():
        (found,) = find(theirs, Query(WARNING.name)).records
        assert set(found.parts) == {"warning", "places", "grade"} and found.id not in (record, kept)
        assert found.parts["grade"]["grades"][0]["reliability"] == "B"
        assert not find(traveller, Query(WARNING.name)).records
    tick(partner)
    assert told(partner, found.id) == ["watch"]
    tick(partner, 11)
    (ladder,) = ladders(partner, found.id)
    assert ladder.state == "raised"
    with partner.active():
        rules.acknowledge_warning(manager, found.id, "Buses stay", "Manager", door=partner.door)
        assert ladders(partner, found.id)[0].state == "raised"
        rules.acknowledge_warning(theirs, found.id, "Gates", "Watch", door=partner.door)
    assert ladders(partner, found.id)[0].state == "answered"
    pull(host, partner)
    with host.active():
        said = find(watch, Query(RECEIPT.name, about=record)).records
        assert {each.parts["receipt"]["by"] for each in said} == {"Manager", "Watch"}
        assert all("who" not in each.parts for each in said)
        rules.end_warning(chief, record, 1, "Searched", door=host.door)
    pull(partner, host)
    with partner.active():
        found = release(theirs, found.id)
        assert found.state == "ended" and found.parts["ending"]["text"] == "Searched"
    for canary in (CODE, REFERENCE, "canary-person", "CANARY-KEPT"):
        assert canary.encode() not in ready.bytes_of(partner.home), canary
        assert canary.encode() not in _fed(host)


def _fed(host: Any) -> bytes:
    return b"".join(each.read_bytes() for each in (host.home.path / "feeds").rglob("*") if each.is_file())


def test_a_warning_that_was_withdrawn_is_not_used_any_more(rooms: Nodes) -> None:
    host, partner = rooms
    chief, theirs = staff(host, "chief", "coordinator"), staff(partner, "watch", "watch_officer")
    staff(host, "guard", "watch_officer")
    record = give(host, chief)
    pull(partner, host)
    (arrived,) = partner.of_kind(WARNING.name, "pk")
    tick(partner, 11)
    assert ladders(partner, arrived.id)[0].state == "raised"
    with host.active():
        payload = {"actor": to_wire(chief), "record": record}
        host.door.call("withdraw", {**payload, "reason": "wrong"})
        with pytest.raises(Malformed, match="withdrawn"):
            rules.acknowledge_warning(chief, record, door=host.door)
    before = len(told(host, record))
    tick(host, 11)
    assert not ladders(host, record) and len(told(host, record)) == before
    pull(partner, host)
    with partner.active():
        assert not find(theirs, Query(WARNING.name, withdrawn=False)).records
        with pytest.raises((Malformed, NotFound)):
            rules.acknowledge_warning(theirs, arrived.id, door=partner.door)
    (climbed,) = ladders(partner, arrived.id)
    assert climbed.state == "answered" and climbed.values()["answer"]["outcome"] == "cancelled"
    tick(partner, 60)
    assert ladders(partner, arrived.id)[0].version == climbed.version


def test_what_is_erased_leaves_no_timer_that_fails(rooms: Nodes) -> None:
    host, _ = rooms
    chief = staff(host, "chief", "coordinator")
    staff(host, "guard", "watch_officer")
    record = give(host, chief, hours=1)
    with host.active():
        payload = {"actor": to_wire(chief), "record": record}
        host.door.call(
            "erase", {**payload, "parts": ["warning", "places", "source", "named"], "reason": "names"}
        )
    for minutes in (11, 60):
        tick(host, minutes)
    assert not ladders(host, record)
    with host.active():
        ending = {"ending": {"at": moment(0), "by": "x", "text": "y"}}
        commit(chief, Draft(WARNING.name, ending, record=record, expected=1, state="ended"), door=host.door)
    assert row(host, record).state == "ended"
