"""What follows an SOS, on two nodes: the checklist, where help is, and items that go from room to room."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import ready
from journeys.two_nodes import Node, moment, parts, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.geo.sphere import Point
from safeconduct.journeys import rules
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.kinds import PartRefused
from safeconduct.records.laid_in import FileRefused
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Conflict, Malformed, NotFound, Refused
from safeconduct.records.release import release
from safeconduct.records.rows import RowView
from safeconduct.watch import response, sos
from safeconduct.watch.response_files import (
    built_in,
    load,
    parse_checklists,
    parse_hospitals,
)
from safeconduct.watch.response_kinds import NOTICES, RESPONSE, RESPONSE_ITEM, SITE_CLASSES
from safeconduct.watch.response_reach import hospital_detail, journeys_on

Nodes = tuple[Node, Node]
DEMONSTRATION = files("safeconduct.node.demonstration").joinpath("response/hospitals.toml").read_bytes()
WHO = {"who": "Consul Zhang", "relation": "", "at": moment(0), "means": "telephone"}


def called(node: Node, who: Subject) -> str:
    said = {
        "call": {"at": moment(0), "means": "phone", "headline": "Shots at the gate"},
        "place": {"latitude": 24.86, "longitude": 67.01, "source": "phone"},
    }
    with node.active():
        return sos.raise_sos(who, said).record


def one(node: Node, kind: str, originator: str) -> RowView:
    (found,) = node.of_kind(kind, originator)
    return found


def items(node: Node, originator: str) -> dict[str, RowView]:
    rows = node.of_kind(RESPONSE_ITEM.name, originator)
    return {row.values()["task"]["category"]: row for row in rows if row.values().get("task")}


@pytest.fixture
def begun(nodes: Nodes) -> tuple[Node, Node, Subject, Subject, str]:
    """Host, Partner, a watch officer of each, and the Host's response to the Partner's SOS, on both nodes."""
    host, partner = nodes
    traveller = person(partner, "traveller", "protected_person")
    embassy = person(partner, "watch", "watch_officer")
    floor = person(host, "watch", "watch_officer")
    called(partner, traveller)
    pull(host, partner)
    folder = host.home.path / "response"
    folder.mkdir()
    (folder / "hospitals.toml").write_bytes(DEMONSTRATION)
    with host.active():
        record = response.begin_response(floor, one(host, "sos", "cn").id, "journey", by="Khan").record
    pull(partner, host)
    return host, partner, floor, embassy, record


def test_the_class_of_the_site_prepares_the_list_and_the_other_rooms_items_are_offered_at_once(
    begun: Any,
) -> None:
    host, partner, floor, _, record = begun
    prepared = built_in()["journey"]
    own = items(host, "pk")
    assert [row.values()["task"]["category"] for row in host.of_kind(RESPONSE_ITEM.name, "pk")] == [
        each.category for each in prepared
    ]
    assert own["next_of_kin"].state == "offered" and own["hospital"].state == "open"
    there = items(partner, "pk")
    assert set(there) == set(own) and there["next_of_kin"].state == "offered"
    assert one(partner, RESPONSE.name, "pk").about == one(partner, "sos", "cn").id
    with host.active():
        assert response.begin_response(floor, one(host, "sos", "cn").id).record == record, "begun twice"
        with pytest.raises(Malformed):
            response.begin_response(floor, one(host, "sos", "cn").id, "moon_base")
        with pytest.raises(Malformed):
            response.begin_response(floor, record)
        with pytest.raises(NotFound):
            response.begin_response(floor, "no-such-record")


def test_the_nearest_suitable_hospital_says_how_it_was_measured_and_crosses_to_those_the_clause_names(
    begun: Any,
) -> None:
    _, partner, _, embassy, _ = begun
    liaison = person(partner, "liaison", "liaison")
    with partner.active():
        seen = release(embassy, items(partner, "pk")["hospital"].id)
        detail = seen.parts["detail"]
        assert detail["made_up"] and detail["source"] and detail["hospitals"][0]["name"].startswith("Clifton")
        assert all(each["reach"] == "straight_line" for each in detail["hospitals"])
        assert all("minutes" not in each for each in detail["hospitals"])
        assert "detail" not in release(liaison, seen.id).parts


def test_by_road_the_soonest_reached_comes_first_and_the_rest_says_straight_line(tmp_path: Path) -> None:
    from safeconduct.node.demonstration.schematic import lay_roads

    class _Home:
        path = tmp_path

    (tmp_path / "roads").mkdir()
    lay_roads(_Home())  # type: ignore[arg-type]
    table = parse_hospitals(DEMONSTRATION, "hospitals.toml")
    found = hospital_detail(Point(35.29, 73.20), "surgery", table, tmp_path)
    first = found["hospitals"][0]
    assert first["reach"] == "road" and first["minutes"] > 0 and found["schematic"] and found["made_up"]
    assert all(each["trauma"] in ("surgery", "centre") for each in found["hospitals"])
    minutes = [each["minutes"] for each in found["hospitals"] if "minutes" in each]
    assert minutes == sorted(minutes)
    at_sea = hospital_detail(Point(10.0, 60.0), "centre", table, tmp_path)
    assert {each["reach"] for each in at_sea["hospitals"]} == {"straight_line"} and not at_sea["schematic"]
    assert hospital_detail(None, "surgery", table, tmp_path) == {}
    assert "hospitals" not in hospital_detail(Point(1, 1), "surgery", None, tmp_path)


def test_an_item_is_taken_by_an_own_record_handed_over_on_arrival_and_handed_back_the_same_way(
    begun: Any,
) -> None:
    host, partner, floor, embassy, _ = begun
    offered = items(partner, "pk")["next_of_kin"]
    with partner.active():
        response.take_item(embassy, offered.id, by="Wang")
        with pytest.raises(Conflict):
            response.take_item(embassy, offered.id, by="Wang again")
    assert items(host, "pk")["next_of_kin"].state == "offered", "nothing changes until it has arrived"
    pull(host, partner)
    mine = items(host, "pk")["next_of_kin"]
    assert mine.state == "handed_over"
    taken = items(host, "cn")["next_of_kin"]
    assert taken.about == mine.id and taken.values()["progress"]["by"] == "Wang"
    with host.active():
        with pytest.raises(Malformed):
            response.move_item(floor, mine.id, mine.version, "done")
        with pytest.raises(Refused):
            response.move_item(floor, taken.id, taken.version, "done")
    theirs = items(partner, "cn")["next_of_kin"]
    with partner.active():
        response.move_item(embassy, theirs.id, theirs.version, "offered", "We have nobody in the city")
    pull(host, partner)
    with host.active():
        response.take_item(floor, items(host, "cn")["next_of_kin"].id, by="Khan")
    pull(partner, host)
    assert items(partner, "cn")["next_of_kin"].state == "handed_over"
    latest = [row for row in host.of_kind(RESPONSE_ITEM.name, "pk") if row.about == taken.id]
    assert [row.state for row in latest] == ["open"]


def test_an_offer_that_was_taken_back_while_the_link_was_down_shows_in_both_rooms(begun: Any) -> None:
    host, partner, floor, embassy, _ = begun
    mine = items(host, "pk")["next_of_kin"]
    with host.active():
        response.move_item(floor, mine.id, mine.version, "open", "We do it")
    with partner.active():
        response.take_item(embassy, items(partner, "pk")["next_of_kin"].id)
    pull(host, partner)
    pull(partner, host)
    assert items(host, "pk")["next_of_kin"].state == "open"
    assert items(host, "cn")["next_of_kin"].state == "open"


def test_who_told_whom_is_recorded_by_a_person_and_by_nothing_else(begun: Any) -> None:
    host, partner, floor, _, _ = begun
    item = items(host, "pk")["consular_notice"]
    with host.active():
        with pytest.raises(PartRefused):
            response.move_item(floor, item.id, item.version, "done")
        machine = system_subject("pk")
        for draft_parts in ({"told": {**WHO, "by": "node"}}, {}):
            with pytest.raises((Malformed, PartRefused)):
                draft = Draft(
                    RESPONSE_ITEM.name, draft_parts, record=item.id, expected=item.version, state="done"
                )
                commit(machine, draft)
        with pytest.raises(PartRefused):
            response.record_notice(floor, item.id, item.version, {**WHO, "who": ""})
        hospital = items(host, "pk")["hospital"]
        with pytest.raises(Malformed):
            response.record_notice(floor, hospital.id, hospital.version, WHO)
        response.record_notice(floor, item.id, item.version, WHO, by="Major Khan")
    pull(partner, host)
    there = items(partner, "pk")["consular_notice"]
    assert there.state == "done" and "told" not in there.values(), "who was told stays with who told them"
    assert not any(b"Consul Zhang" in file.read_bytes() for file in ready.files_of_tables(partner.home))


def test_a_response_closes_when_nothing_of_the_room_is_open(begun: Any) -> None:
    host, _, floor, _, record = begun
    with host.active():
        with pytest.raises(Malformed):
            response.close_response(floor, record, 1)
        for row in host.of_kind(RESPONSE_ITEM.name, "pk"):
            if row.values()["task"]["category"] in NOTICES:
                response.move_item(floor, row.id, row.version, "not_needed")
            else:
                response.move_item(floor, row.id, row.version, "done")
        response.close_response(floor, record, 1)
    assert one(host, RESPONSE.name, "pk").state == "closed"


def test_the_journeys_on_a_closed_road_are_shown_to_who_may_see_where_they_go(nodes: Nodes) -> None:
    _, partner = nodes
    manager, admin = person(partner, "manager", "security_manager"), person(partner, "admin", "administrator")
    with partner.active():
        rules.notify_movement(manager, parts())
        (found,) = journeys_on(manager, Point(24.95, 65.0), 60_000)
        assert found.reference == "GP-7" and found.straight
        assert journeys_on(manager, Point(34.0, 71.5)) == []
        assert journeys_on(admin, Point(24.95, 65.0), 60_000) == []


def test_those_whom_no_clause_names_know_of_nothing(begun: Any) -> None:
    host, partner, _, _, record = begun
    warden = person(partner, "warden", "warden")
    admin = person(host, "admin", "administrator")
    with partner.active():
        assert not find(warden, Query(RESPONSE.name)).records
        with pytest.raises(NotFound):
            release(warden, one(partner, RESPONSE.name, "pk").id)
    with host.active(), pytest.raises(NotFound):
        release(admin, record)


def test_what_is_taken_from_an_incident_stays_as_secret_as_it_was(nodes: Nodes) -> None:
    host, partner = nodes
    floor = person(host, "watch", "watch_officer")
    parts = {
        "summary": {"title": "Ambush", "category": "attack"},
        "when": {"start": moment(0)},
        "where": {"latitude": 24.9, "longitude": 67.1},
    }
    with host.active():
        draft = Draft("incident", parts, levels={"summary": 2, "where": 3}, releasable=())
        incident = commit(system_subject("pk"), draft).record
        record = response.begin_response(floor, incident).record
        seen = release(floor, record)
        assert seen.parts["summary"]["site_class"] == "elsewhere" and seen.levels["summary"] == "CONFIDENTIAL"
        detail = release(floor, items(host, "pk")["road_closed"].id)
        assert not detail.parts.get("detail"), "what is SECRET stays in the incident"
        assert not seen.releasable
    pull(partner, host)
    assert not partner.of_kind(RESPONSE.name, "pk")


def test_what_an_item_asks_for_is_not_changed_to_get_around_the_notice(begun: Any) -> None:
    host, _, floor, _, _ = begun
    item = items(host, "pk")["consular_notice"]
    task = {**item.values()["task"], "category": "other"}
    with host.active(), pytest.raises(Malformed):
        draft = Draft(RESPONSE_ITEM.name, {"task": task}, record=item.id, expected=item.version, state="done")
        commit(floor, draft)


# --- the files ---------------------------------------------------------------------------------------------


def test_every_class_of_site_has_a_list_in_three_languages() -> None:
    lists = built_in()
    assert set(lists) == set(SITE_CLASSES)
    assert all(each.en and each.ur and each.zh for prepared in lists.values() for each in prepared)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"work_site = 3", "work_site: Input should be a valid list"),
        (b"work_site = []", "work_site"),
        (b"[[moon]]\ncategory='hospital'", "moon: a class of site is"),
        (b"[[journey]]\ncategory='hospital'\nroom='host'\n[[journey]]\ncategory='x'", "number 2: category"),
        (b"[[journey]]\ncategory='hospital'\nroom='host'\ncolour='red'", "colour: Extra inputs"),
        (b"[[journey]]\ncategory='hospital'\nroom='host'\nminutes=-5", "number 1: minutes"),
        (b"[[journey]]\ncategory='next_of_kin'\nroom='host'\ntrauma='centre'", "only a hospital"),
        (b"[[journey]]\ncategory='other'\nroom='host'", "says in English"),
        (b"not toml at all", "this is no TOML file"),
        (b"\xff\xfe\x00", "this is no TOML file"),
        (b"a=" + b"[" * 5000, "this is no TOML file"),
        (b"a=" + b"1" * 5000, "this is no TOML file"),
        (b"[[journey]]\ncategory='hospital'\nroom='host'\n" * 60, "at most 50"),
    ],
)  # fmt: skip
def test_a_faulty_checklist_says_where_and_why(text: bytes, said: str) -> None:
    with pytest.raises(FileRefused, match=r"checklists\.toml") as fault:
        parse_checklists(text, "checklists.toml")
    assert said in str(fault.value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"source='x'\n[[hospital]]\nname='A'\nlatitude=95\nlongitude=1",
        b"source='x'\n[[hospital]]\nname=''\nlatitude=5\nlongitude=1",
        b"source='x'\n[[hospital]]\nname='A'\nlatitude=nan\nlongitude=1",
        b"source='x'\n[[hospital]]\nname='A'\nlatitude=5\nlongitude=1\ntrauma='magic'",
    ],
)
def test_a_faulty_table_of_hospitals_is_refused(text: bytes) -> None:
    with pytest.raises(FileRefused, match=r"hospitals\.toml"):
        parse_hospitals(text, "hospitals.toml")


def test_a_nodes_own_file_replaces_the_lists_it_names_and_a_faulty_one_none(tmp_path: Path) -> None:
    assert load(tmp_path).checklists == built_in() and load(tmp_path).hospitals is None
    folder = tmp_path / "response"
    folder.mkdir()
    own = folder / "checklists.toml"
    own.write_text("[[journey]]\ncategory='next_of_kin'\nroom='partner'\nen='Ring them'\n")
    found = load(tmp_path)
    assert [each.category for each in found.checklists["journey"]] == ["next_of_kin"]
    assert found.checklists["residence"] == built_in()["residence"] and not found.faults
    time.sleep(0.01)
    own.write_text("[[journey]]\ncategory='nonsense'\n")
    again = load(tmp_path)
    assert again.checklists == built_in() and "nonsense" not in again.checklists
    assert "checklists.toml: journey: number 1: category" in again.faults[0]
    (folder / "hospitals.toml").write_bytes(b"x" * (5 * 1024 * 1024))
    assert any("more than 4 MB" in fault for fault in load(tmp_path).faults)
