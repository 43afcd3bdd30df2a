"""The pages of a movement: notified on the Partner's node, reviewed on the Host's, by people with their roles."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from exchange.nodes import pull
from journeys.roads import officer, said
from journeys.two_nodes import Node, parts
from safeconduct.journeys import rules
from safeconduct.records.find import Query, find
from safeconduct.records.release import release


def typed(hours: float = 72, **changes: Any) -> dict[str, Any]:
    """The form as somebody in a hurry fills it in."""
    depart = timezone.localtime() + timedelta(hours=hours)
    return {
        "key": "k-1",
        "origin": "Karachi camp",
        "origin_district": "Karachi",
        "destination": "Gwadar port",
        "destination_district": "Gwadar",
        "depart_day": f"{depart:%Y-%m-%d}",
        "depart_hour": f"{depart:%H:%M}",
        "persons": "3",
        "check_every": "2",
        **changes,
    }


def one(node: Node, reader: Any, kind: str = "movement") -> Any:
    (found,) = find(reader, Query(kind, sort="at")).records
    return found


# --- the request form


def test_a_short_form_is_a_whole_notice(nodes: tuple[Node, Node]) -> None:
    _, partner = nodes
    with partner.active():
        client, manager = officer("security_manager", "cn")
        text = said(client, "/journeys/new/")
        assert 'name="depart_day" value="2' in text and "48 hours" in text
        answer = client.post("/journeys/new/", typed())
        assert answer.status_code == 302
        found = one(partner, manager)
        assert answer["Location"] == f"/journeys/{found.id}/"
        again = client.post("/journeys/new/", typed())
        assert again["Location"] == answer["Location"], "sent twice is one notice"
        found = one(partner, manager)
    notice, itinerary = found.parts["notice"], found.parts["itinerary"]
    assert (notice["persons"], notice["category"], notice["districts"]) == (3, "group", ["Karachi", "Gwadar"])
    assert itinerary["origin"]["place"] == "Karachi camp"
    depart, arrive = (datetime.fromisoformat(itinerary[name]) for name in ("depart", "arrive"))
    assert arrive - depart == timedelta(hours=6)
    assert [point["name"] for point in found.parts["check_plan"]["points"]] == ["Check-in 1", "Check-in 2"]
    assert datetime.fromisoformat(notice["since"]) < depart < arrive < datetime.fromisoformat(notice["until"])


def test_an_error_keeps_everything_that_was_typed(nodes: tuple[Node, Node]) -> None:
    _, partner = nodes
    with partner.active():
        client, manager = officer("security_manager", "cn")
        wrong = typed(hours=5, names="李伟; CN\nWang Fang", purpose="Shift change", destination="")
        answer = client.post("/journeys/new/", wrong)
        text = answer.content.decode()
        assert answer.status_code == 422
        for kept in ("Karachi camp", "李伟; CN", "Shift change", wrong["depart_day"], wrong["depart_hour"]):
            assert kept in text
        late = client.post("/journeys/new/", typed(hours=5))
        assert late.status_code == 422 and "Clause 5.6 asks for 48 hours" in late.content.decode()
        assert client.post("/journeys/new/", typed(hours=5, emergency="on")).status_code == 302
        assert one(partner, manager).parts["notice"]["emergency"]


@pytest.mark.parametrize(
    "changes",
    [
        {"depart_day": "2024-13-45"},
        {"depart_hour": "25:61"},
        {"depart_day": "0001-01-01"},
        {"persons": "0"},
        {"persons": "-3"},
        {"persons": "99999999999999999999"},
        {"persons": ""},
        {"names": "A\nB\nC\nD"},
        {"names": "x\n" * 501},
        {"names": "; no name"},
        {"names": "x" * 300},
        {"vehicle_lines": "a;b;c;d;e"},
        {"stops": "Ormara; soon"},
        {"stops": "\n".join(["Ormara"] * 60)},
        {"points": "Ormara; 99:99"},
        {"arrive_hour": "12:00", "arrive_day": "2001-01-01"},
        {"arrive_day": "2030-01-01"},
        {"route": "7"},
        {"check_every": "-1"},
        {"repeat_until": "2001-01-01"},
        {"weekdays": ["9"]},
        {"origin_district": ""},
        {"purpose": "\x00"},
        {"key": "k" * 500},
    ],
)
def test_what_cannot_be_is_said_beside_the_form(nodes: tuple[Node, Node], changes: dict[str, Any]) -> None:
    _, partner = nodes
    with partner.active():
        client, manager = officer("security_manager", "cn")
        answer = client.post("/journeys/new/", typed(**changes))
        assert answer.status_code == 422, answer.content.decode()
        assert not find(manager, Query("movement", sort="at")).records


def test_names_are_records_and_repeats_a_series(nodes: tuple[Node, Node]) -> None:
    _, partner = nodes
    with partner.active():
        client, manager = officer("security_manager", "cn")
        until = timezone.localtime() + timedelta(hours=72, days=2)
        said_names = "李伟；CN；Port company\nWang Fang"
        data = typed(
            names=said_names, vehicle_lines="BC-1207; Van; armoured", repeat_until=f"{until:%Y-%m-%d}"
        )
        assert client.post("/journeys/new/", data).status_code == 302
        movements = find(manager, Query("movement", sort="at")).records
        entries = find(manager, Query("manifest_entry", sort="at")).records
        text = said(client, f"/journeys/{movements[0].id}/")
    assert len(movements) == 3 and len(entries) == 6
    assert {each.parts["notice"]["category"] for each in movements} == {"recurring"}
    assert movements[0].parts["vehicles"]["vehicles"][0]["armoured"]
    assert "李伟" in text and "BC-1207" in text and "Opens to the other party" in text


def test_an_earlier_movement_is_notified_again_in_one_click(nodes: tuple[Node, Node]) -> None:
    _, partner = nodes
    with partner.active():
        client, _ = officer("security_manager", "cn")
        data = typed(names="李伟; CN", stops="Ormara; 30", purpose="Shift change")
        where = client.post("/journeys/new/", data)["Location"]
        text = said(client, f"/journeys/new/?copy={where.split('/')[2]}")
        for kept in ("Karachi camp", "Gwadar port", "李伟; CN", "Ormara; 30", "Shift change"):
            assert kept in text
        assert client.get("/journeys/new/?copy=no-such").status_code == 404


def test_the_suggestion_of_routes_keeps_what_was_typed_and_asks_nothing(nodes: tuple[Node, Node]) -> None:
    _, partner = nodes
    with partner.active():
        client, _ = officer("security_manager", "cn")
        answer = client.post("/journeys/new/", typed(depart_day="", names="李伟", routes="1"))
        text = answer.content.decode()
    assert answer.status_code == 200 and "李伟" in text and "errorlist" not in text


def test_an_amendment_shows_what_it_changed(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    with partner.active():
        client, _ = officer("security_manager", "cn")
        where = client.post("/journeys/new/", typed())["Location"]
        text = said(client, f"{where}amend/")
        assert 'value="Karachi camp"' in text and 'name="names"' not in text
        data = typed(persons="5", seen="1")
        assert client.post(f"{where}amend/", data).status_code == 302
        assert client.post(f"{where}amend/", data)["Location"] == where, "sent twice it changes nothing"
        stale = client.post(f"{where}amend/", {**data, "persons": "6"})
        assert stale.status_code == 409, "built on a version that is no more"
        text = said(client, where)
        assert "What was changed" in text and re.search(r"Persons</strong>: <del.*?3.*?<ins.*?5", text)
        unchanged = typed(persons="5", seen="2")
        assert client.post(f"{where}amend/", unchanged)["Location"] == where
    pull(host, partner)
    with host.active():
        client, reader = officer("coordinator")
        record = one(host, reader).id
        assert re.search(r"Persons</strong>: <del.*?3.*?<ins.*?5", said(client, f"/journeys/{record}/"))
        assert client.get(f"/journeys/{record}/amend/").status_code == 403


# --- the review page


def notified(nodes: tuple[Node, Node], hours: float = 60, **notice: Any) -> tuple[str, str]:
    """A movement on both nodes: (its id on the Partner's, its id on the Host's)."""
    host, partner = nodes
    with partner.active():
        _, manager = officer("security_manager", "cn")
        record = rules.notify_movement(manager, parts(hours, **notice)).record
    pull(host, partner)
    (row,) = host.of_kind("movement", "cn")
    return record, row.id


def act(client: Client, record: str, name: str, **data: Any) -> int:
    answer = client.post(f"/journeys/{record}/{name}/", data)
    return int(answer.status_code)


def test_three_separate_acts_on_one_page(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    record, there = notified(nodes)
    with host.active():
        client, _ = officer("coordinator")
        text = said(client, f"/journeys/{there}/review/")
        assert all(f'id="act-{name}"' in text for name in ("acknowledge", "clear", "refuse", "legs"))
        assert "Under time lock" in text and 'data-stage="notified"' in text
        assert act(client, there, "acknowledge", **{"ack-remark": "Read at 21:00"}) == 302
        text = said(client, f"/journeys/{there}/")
        assert 'data-stage="acknowledged"' in text and "Not decided yet" in text
        assert act(client, there, "refuse", **{"refuse-seen": "0", "refuse-reason": ""}) == 422
        assert act(client, there, "clear", **{"clear-seen": "0", "clear-conditions": "Two cars"}) == 302
        assert act(client, there, "clear", **{"clear-seen": "0"}) == 409, "decided on meanwhile"
        text = said(client, f"/journeys/{there}/review/")
        assert 'data-stage="cleared"' in text and "It guarantees nothing" in text
        assert act(client, there, "refuse", **{"refuse-seen": "1", "refuse-reason": "Road closed"}) == 302
        assert "Clearance revoked" in said(client, f"/journeys/{there}/")
    pull(partner, host)
    with partner.active():
        client, _ = officer("liaison", "cn", 2)
        text = said(client, f"/journeys/{record}/")
        assert "Road closed" in text and "Read at 21:00" in text and 'data-stage="refused"' in text
        for name in ("acknowledge", "clear", "refuse", "legs"):
            assert f'id="act-{name}"' not in said(client, f"/journeys/{record}/review/")
        assert act(client, record, "clear", **{"clear-seen": "1"}) == 403


def leg_rows(*legs: dict[str, str]) -> dict[str, str]:
    data = {"legs-TOTAL_FORMS": str(len(legs)), "legs-INITIAL_FORMS": "0"}
    for number, leg in enumerate(legs):
        data |= {f"legs-{number}-{name}": value for name, value in leg.items()}
    return data


def hour(hours: float) -> str:
    return f"{timezone.localtime() + timedelta(hours=hours):%Y-%m-%dT%H:%M}"


def test_legs_follow_each_other_without_being_typed_twice(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    record, there = notified(nodes)
    first = {
        "unit": "karachi-police", "from_place": "Karachi", "to_place": "Ormara",
        "depart": hour(60), "arrive": hour(64), "strength": "9",
    }  # fmt: skip
    second = {"unit": "gwadar-police", "to_place": "Gwadar", "arrive": hour(68)}
    with host.active():
        client, _ = officer("coordinator")
        apart = client.post(f"/journeys/{there}/legs/", leg_rows(first, {**second, "from_place": "Pasni"}))
        assert apart.status_code == 422 and "leg 2 begins where leg 1 ends" in apart.content.decode()
        assert "Pasni" in apart.content.decode(), "what was typed is kept"
        assert act(client, there, "legs", **leg_rows(first, second, {})) == 302
        text = said(client, f"/journeys/{there}/review/")
        assert "karachi-police" in text and "begins with" in text
        karachi, _ = officer("commander", units=("karachi-police",))
        gwadar, _ = officer("commander", units=("gwadar-police",))
        (handover,) = host.of_kind("handover", "pk")
        assert "We give it" in said(karachi, f"/journeys/{there}/")
        assert "We give it" not in said(gwadar, f"/journeys/{there}/")
        assert act(gwadar, there, f"handovers/{handover.id}/give") == 403
        assert act(karachi, there, f"handovers/{handover.id}/give") == 302
        assert act(gwadar, there, f"handovers/{handover.id}/take") == 302
        assert act(gwadar, there, f"handovers/{handover.id}/take") == 400
        assert act(karachi, there, "handovers/no-such/give") == 404
    pull(partner, host)
    with partner.active():
        client, _ = officer("watch_officer", "cn")
        text = said(client, f"/journeys/{record}/")
        assert "gwadar-police" in text and "taken" in text and "9 persons" not in text


@pytest.mark.parametrize("total", ["-1", "99999999", "many", ""])
def test_a_legs_form_that_was_tampered_with(nodes: tuple[Node, Node], total: str) -> None:
    host, _ = nodes
    _, there = notified(nodes)
    with host.active():
        client, _ = officer("coordinator")
        data = {"legs-TOTAL_FORMS": total, "legs-INITIAL_FORMS": "0", "legs-0-unit": "a|b"}
        assert client.post(f"/journeys/{there}/legs/", data).status_code == 422
        assert not host.of_kind("leg", "pk")


def test_an_objection_is_answered_and_decides_nothing(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    record, there = notified(nodes)
    with partner.active():
        client, _ = officer("liaison", "cn", 2)
        text = {"comment-text": "The bridge <b>is</b> closed", "comment-stance": "objection"}
        assert act(client, record, "comment", **text) == 302
        assert act(client, record, "comment", **{**text, "about": "no-such-record"}) == 404
    pull(host, partner)
    with host.active():
        client, _ = officer("coordinator")
        page = said(client, f"/journeys/{there}/review/")
        assert "The bridge &lt;b&gt;is" in page and 'data-stage="notified"' in page
        (objection,) = host.of_kind("comment", "cn")
        answer = {"comment-text": "Opened today", "comment-stance": "comment", "about": objection.id}
        assert act(client, there, "comment", **answer) == 302
        assert "Opened today" in said(client, f"/journeys/{there}/")


def test_a_name_is_added_and_withdrawn_alone(nodes: tuple[Node, Node]) -> None:
    _, partner = nodes
    record, _ = notified(nodes)
    with partner.active():
        client, manager = officer("security_manager", "cn")
        assert act(client, record, "names", **{"name-name": "李伟"}) == 302
        assert act(client, record, "names", **{"name-name": ""}) == 302
        (entry,) = find(manager, Query("manifest_entry", about=record, sort="at")).records
        assert act(client, record, f"names/{entry.id}/withdraw", reason="") == 302
        assert not release(manager, entry.id).withdrawn
        assert act(client, "another", f"names/{entry.id}/withdraw", reason="x") == 404
        assert act(client, record, f"names/{entry.id}/withdraw", reason="does not travel") == 302
        assert release(manager, entry.id).withdrawn
        assert "withdrawn: do not use" in said(client, f"/journeys/{record}/")


def test_a_cancelled_movement_says_so_and_is_worked_on_no_more(nodes: tuple[Node, Node]) -> None:
    host, partner = nodes
    record, there = notified(nodes)
    with partner.active():
        client, _ = officer("security_manager", "cn")
        assert act(client, record, "cancel", seen="first") == 400
        assert act(client, record, "cancel", seen="1") == 302
        assert act(client, record, "cancel", seen="2") == 400
    pull(host, partner)
    with host.active():
        client, _ = officer("coordinator")
        text = said(client, f"/journeys/{there}/review/")
        assert 'data-stage="cancelled"' in text and 'id="act-clear"' not in text
        assert act(client, there, "clear", **{"clear-seen": "0"}) == 422


def test_pages_of_what_one_may_not_know_are_not_found(nodes: tuple[Node, Node]) -> None:
    host, _ = nodes
    record, there = notified(nodes)
    with host.active():
        analyst, _ = officer("administrator")
        client, _ = officer("coordinator")
        for path in ("", "review/"):
            assert analyst.get(f"/journeys/{there}/{path}").status_code == 404
            assert client.get(f"/journeys/{record}/{path}").status_code == 404
        assert act(analyst, there, "clear", **{"clear-seen": "0"}) == 404
        assert client.get("/journeys/new/").status_code == 403
        assert client.get(f"/journeys/{there}/clear/").status_code == 405


@pytest.mark.parametrize("language", ["ur", "zh-hans"])
def test_pages_stand_in_every_language(nodes: tuple[Node, Node], language: str) -> None:
    host, partner = nodes
    record, there = notified(nodes)
    with host.active():
        client, _ = officer("coordinator")
        text = said(client, f"/journeys/{there}/review/", **{"Accept-Language": language})
        assert f'lang="{language}' in text
    with partner.active():
        client, _ = officer("security_manager", "cn")
        assert said(client, "/journeys/new/", **{"Accept-Language": language})
        assert said(client, f"/journeys/{record}/", **{"Accept-Language": language, "HX-Request": "true"})
