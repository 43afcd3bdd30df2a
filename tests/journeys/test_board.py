"""The journeys board as people with different roles meet it, on the Host's node."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journeys.roads import at, movement, officer, receive, said
from paired import agree, paired
from safeconduct.exchange.last_contact import Link
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import find
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject

EARLY = ("notice", "check_plan")


@pytest.fixture
def host(host_home: Home, tmp_path: Path) -> Iterator[Home]:
    with paired(host_home, tmp_path) as (home, key):
        agree({"5"}, key)
        yield home


def order(text: str) -> list[str]:
    """The references on a board, from top to bottom."""
    return re.findall(r'<bdi dir="ltr">(MN-\w+)</bdi></a>', text)


def line(text: str, reference: str) -> str:
    """The line of one journey."""
    (found,) = [row for row in re.findall(r"<tr id=.*?</tr>", text, re.S) if f">{reference}<" in row]
    return found


def stages(text: str) -> dict[str, str]:
    rows = re.findall(r'<tr id="j-[^>]*data-stage="(\w+)".*?</tr>', text, re.S)
    return dict(zip(order(text), rows, strict=True))


def readings() -> int:
    found = here.tables().one("SELECT count(*) FROM records_row WHERE kind = 'reading'", [])
    assert found is not None
    return int(found[0])


def heard(record: str, hours: float, category: str = "departed", **word: Any) -> str:
    word = {"at": at(hours), "entered": at(hours), "category": category, **word}
    return receive("check_in", {"word": word}, about=record)


def escort(commander: Any, record: str, unit: str, sequence: int = 1, hours: float = 0.0) -> str:
    course = {
        "sequence": sequence,
        "from_place": "A",
        "to_place": "B",
        "depart": at(hours),
        "arrive": at(hours + 2),
    }
    duty = {"unit": unit, "unit_name": f"Unit {unit}"}
    leg = {"course": course, "duty": duty, "escort": {"callsign": "CANARY-CALLSIGN"}}
    return commit(commander, Draft("leg", leg, about=record), act="command").record


def test_every_stage_has_its_word_and_what_needs_somebody_is_first(host: Home) -> None:
    client, watch = officer("watch_officer")
    _, chief = officer("coordinator")
    made = {
        name: receive("movement", movement(f"MN-{name}", departs, **notice), state=state, released=EARLY)
        for name, departs, state, notice in (
            ("notified", 3.0, "", {}),
            ("acknowledged", 2.5, "", {}),
            ("cleared", 2.0, "", {}),
            ("refused", 1.0, "", {}),
            ("going", -0.5, "under_way", {}),
            ("late", -3.5, "under_way", {}),
            ("said", -0.2, "overdue", {}),
            ("arrived", -0.4, "arrived", {}),
            ("cancelled", 0.4, "cancelled", {}),
        )
    }
    for name in ("acknowledged", "cleared", "refused"):
        receipt = {"receipt": {"at": at(0), "unit": "pk-police"}}
        commit(watch, Draft("acknowledgement", receipt, about=made[name]), act="acknowledge")
    for name, state in (("cleared", "cleared"), ("refused", "refused")):
        decision = {"decision": {"at": at(0), "reason": "road closed"}}
        commit(chief, Draft("clearance", decision, about=made[name], state=state), act="approve")
    heard(made["going"], -0.5)
    heard(made["late"], -3.5)
    text = said(client, "/journeys/?window=now")
    assert stages(text) == {
        "MN-late": "overdue",
        "MN-said": "overdue",
        "MN-going": "under_way",
        "MN-refused": "refused",
        "MN-cleared": "cleared",
        "MN-acknowledged": "acknowledged",
        "MN-notified": "notified",
        "MN-arrived": "arrived",
        "MN-cancelled": "cancelled",
    }
    for word in (
        "Notified",
        "Acknowledged",
        "Cleared",
        "Refused",
        "Under way",
        "Overdue",
        "Arrived",
        "Cancelled",
    ):
        assert f">{word}" in text
    assert "<strong>9 journeys</strong>" in text


def test_the_board_reads_no_itinerary_and_says_when_it_opens(host: Home) -> None:
    client, _ = officer("watch_officer")
    soon = receive("movement", movement("MN-soon", departs=20), released=EARLY)
    receive("movement", movement("MN-open", departs=2))
    text = said(client, "/journeys/?window=now")
    locked = line(said(client, f"/journeys/lines/?ids={soon}"), "MN-soon")
    assert "itinerary opens" in locked
    assert re.search(r'data-clock="until" data-at="\d+\.\d+"', locked)
    assert 'data-itinerary="shown"' in line(text, "MN-open")
    assert "Karachi" in line(text, "MN-open")
    assert not re.findall("CANARY-(?:AIRPORT|PORT|PLATE|CONTACT)", text + locked)
    assert readings() == 0
    opened = said(client, "/journeys/?window=now&places=on")
    assert "CANARY-AIRPORT" in opened and "CANARY-PLATE" not in opened
    assert readings() == 1


def test_what_is_withheld_is_drawn_as_withheld_and_leaks_into_nothing(host: Home) -> None:
    record = receive("movement", movement("MN-1", departs=1))
    for role, told in (("liaison", "withheld"), ("commander", "withheld"), ("coordinator", "shown")):
        client, _ = officer(role)
        text = said(client, "/journeys/?window=now&places=on")
        assert f'data-itinerary="{told}"' in line(text, "MN-1"), role
        assert ("CANARY-AIRPORT" in text) == (role == "coordinator")
    for role in ("administrator", "analyst"):
        client, _ = officer(role)
        for path in (
            "/journeys/?window=now",
            f"/journeys/lines/?ids={record}",
            "/journeys/?window=now&stage=notified",
        ):
            text = said(client, path)
            assert "MN-1" not in text and record not in text and "Karachi" not in text
            assert 'data-level="OPEN"' in text
        assert "0 journeys" in said(client, "/journeys/?window=now")


def test_neither_order_nor_count_tells_of_what_a_reader_may_not_see(host: Home) -> None:
    """A notice above the reader's clearance: two such movements in either order give the same page."""
    client, _ = officer("watch_officer", clearance=1)
    visible = receive("movement", movement("MN-visible", departs=1), released=EARLY)
    before = said(client, "/journeys/?window=now")
    hidden = movement("MN-hidden", departs=-1)
    receive("movement", {"itinerary": hidden["itinerary"]}, state="overdue")
    after = said(client, "/journeys/?window=now")
    assert order(before) == order(after) == ["MN-visible"]
    assert "1 journey<" in after
    assert "Overdue" not in after.split('id="board"')[1]
    assert visible in after


def test_who_holds_the_leg_and_until_when_the_giver_still_does(host: Home) -> None:
    client, _ = officer("watch_officer")
    _, chief = officer("coordinator")
    record = receive("movement", movement("MN-1", departs=-1), state="under_way", released=EARLY)
    text = said(client, "/journeys/?window=now")
    assert "nobody named" in line(text, "MN-1")
    heard(record, -1.0)
    first = escort(chief, record, "malir-police", 1, -1)
    escort(chief, record, "thatta-police", 2, 1)
    text = line(said(client, "/journeys/?window=now"), "MN-1")
    assert "Unit malir-police" in text and 'data-clock="since"' in text
    assert "CANARY-CALLSIGN" not in text
    given = at(-0.1)
    point = {"to_leg": 2, "from_unit": "malir-police", "to_unit": "thatta-police", "due": at(1)}
    node = system_subject("pk")
    made = commit(
        node, Draft("handover", {"point": point, "word": {"given_at": given}}, about=first, state="given")
    )
    text = line(said(client, "/journeys/?window=now"), "MN-1")
    assert 'board-holder">Unit malir-police' in text and "not taken yet" in text
    word = {"given_at": given, "taken_at": at(0)}
    commit(node, Draft("handover", {"word": word}, record=made.record, expected=1, state="taken"))
    text = line(said(client, "/journeys/?window=now"), "MN-1")
    assert 'board-holder">Unit thatta-police' in text and "not taken yet" not in text


def test_mine_are_those_my_unit_bears_and_those_that_wait_for_my_role(host: Home) -> None:
    _, chief = officer("coordinator")
    client, _ = officer("commander", units=("gwadar-police",))
    mine = receive("movement", movement("MN-mine"), released=EARLY)
    other = receive("movement", movement("MN-other"), released=EARLY)
    escort(chief, mine, "gwadar-police", hours=1)
    escort(chief, other, "karachi-police", hours=1)
    assert order(said(client, "/journeys/?window=now&mine=on")) == ["MN-mine"]


def test_the_board_is_narrowed_by_district_text_and_stage(host: Home) -> None:
    client, _ = officer("watch_officer")
    receive("movement", movement("MN-a"), released=EARLY)
    receive("movement", movement("MN-b", origin_district="Gwadar", districts=["Gwadar"]), released=EARLY)
    receive("movement", movement("MN-c", organisation="Thar Mining"), state="cancelled", released=EARLY)

    def found(query: str) -> set[str]:
        return set(order(said(client, f"/journeys/?window=now&{query}")))

    assert found("") == {"MN-a", "MN-b", "MN-c"}
    assert found("district=gwadar") == {"MN-b"}
    assert found("district=Malir") == {"MN-a", "MN-c"}
    assert found("text=thar") == {"MN-c"}
    assert found("stage=cancelled") == {"MN-c"}
    assert found("stage=strike") == {"MN-a", "MN-b", "MN-c"}
    assert found("show=1") == {"MN-a"} or len(found("show=1")) == 1
    assert found("show=-9&window=never") == {"MN-a", "MN-b", "MN-c"}


def test_lines_are_fetched_by_id_and_only_those_that_exist_for_the_reader(host: Home) -> None:
    client, _ = officer("watch_officer")
    record = receive("movement", movement("MN-1"), released=EARLY)
    check_in = heard(record, 0)
    text = said(client, f"/journeys/lines/?ids={record},{check_in},{'f' * 32},%00,'--")
    assert order(text) == ["MN-1"]
    assert "<html" not in text and 'class="banner"' in text
    assert order(said(client, "/journeys/lines/")) == []
    assert order(said(client, "/journeys/lines/?ids=" + ",".join(["f" * 32] * 5000))) == []


def test_an_escalation_is_answered_from_the_board(host: Home) -> None:
    client, watch = officer("watch_officer")
    record = receive("movement", movement("MN-1", departs=1), released=EARLY)
    step = {"reason": "left_corridor", "rung": 1, "roles": ["watch_officer"], "due": at(-1), "raised": at(-1)}
    made = commit(watch, Draft("escalation", {"step": step}, about=record, state="raised"))
    text = said(client, "/journeys/?window=now")
    assert 'data-group="escalated"' in line(text, "MN-1")
    assert "Left the route corridor" in line(text, "MN-1")
    assert f'action="/journeys/escalations/{made.record}/answer/"' in text
    assert order(said(client, "/journeys/?window=now&mine=on")) == ["MN-1"]
    wall = said(client, "/journeys/?display=wall")
    assert "Left the route corridor" in wall and "/answer/" not in wall
    reader, _ = officer("liaison")
    assert "/answer/" not in said(reader, "/journeys/?window=now")
    address = f"/journeys/escalations/{made.record}/answer/"
    assert client.get(address).status_code == 405
    for back, to in (
        ("/journeys/?window=now", "/journeys/?window=now"),
        ("https://evil.example/", "/journeys/"),
    ):
        answer = client.post(address, {"next": back})
        assert answer.status_code in (302, 409)
        if answer.status_code == 302:
            assert answer["Location"] == to
    assert 'data-group="escalated"' not in said(client, "/journeys/?window=now")


def down(home: Home, since: float, last: float) -> None:
    Link("cn", last_contact=last, last_error="cannot be reached", failing_since=since).save(home)


def test_a_link_that_is_down_is_told_with_what_is_stale_and_what_stays_shut(host: Home) -> None:
    client, _ = officer("watch_officer")
    receive("movement", movement("MN-soon", departs=12.5), released=EARLY)
    receive("movement", movement("MN-later", departs=14), released=EARLY)
    receive("movement", movement("MN-here", departs=0.5))
    quiet = said(client, "/journeys/?window=tomorrow") + said(client, "/journeys/?window=now")
    assert "has been down" not in quiet
    down(host, time.time() - 600, time.time() - 660)
    text = said(client, "/journeys/?window=today") + said(client, "/journeys/?window=tomorrow")
    assert "The link to <bdi>Partner Party</bdi> has been down since" in text
    assert "as of" in text
    (notice,) = set(re.findall(r'class="notice warning board-shut">(.*?)</div>', text, re.S))
    assert "MN-soon" in notice and "it will stay shut here" in notice
    assert "MN-later" not in notice and "MN-here" not in notice
    down(host, 0.0, time.time())
    assert "has been down" not in said(client, "/journeys/?window=now")
    down(host, 0.0, time.time() - 500)
    assert "has been down" in said(client, "/journeys/?window=now")


def test_names_on_the_board_are_text_whatever_they_hold(host: Home) -> None:
    client, _ = officer("watch_officer")
    hostile = "<script>alert(1)</script>"
    record = receive(
        "movement", movement("MN-1", organisation=hostile, origin_district=hostile), released=EARLY
    )
    for path in ("/journeys/?window=now", "/journeys/?display=wall", f"/journeys/lines/?ids={record}"):
        text = said(client, path)
        assert hostile not in text and "&lt;script&gt;alert(1)" in text


def test_the_wall_has_big_lines_and_no_controls(host: Home) -> None:
    client, _ = officer("watch_officer")
    receive("movement", movement("MN-1"), released=EARLY)
    text = said(client, "/journeys/?display=wall")
    main = text.split("<main")[1].split("</main>")[0]
    assert order(main) == ["MN-1"] and "board-wall" in main
    assert not re.findall(r"<(?:form|button|input|select)\b", main)
    assert 'class="banner" data-level="RESTRICTED"' in text


def test_the_page_states_the_highest_label_that_it_shows(host: Home) -> None:
    client, _ = officer("watch_officer")
    receive("movement", movement("MN-1"))
    plain = said(client, "/journeys/?window=now")
    assert 'class="banner" data-level="RESTRICTED"' in plain
    shown = said(client, "/journeys/?window=now&places=on")
    assert 'class="banner" data-level="CONFIDENTIAL"' in shown
    alone = said(client, "/journeys/?window=now&places=on", **{"HX-Request": "true"})
    assert (
        "<html" not in alone and 'class="banner" data-level="CONFIDENTIAL"' in alone and 'id="board"' in alone
    )


@pytest.mark.parametrize("language", ["ur", "zh-hans"])
def test_the_board_is_served_in_every_language(host: Home, language: str) -> None:
    client, _ = officer("watch_officer")
    receive("movement", movement("MN-1", departs=-1), state="under_way", released=EARLY)
    for path in ("/journeys/", "/journeys/?display=wall"):
        text = said(client, path, **{"Accept-Language": language})
        assert f'lang="{language}"' in text and "MN-1" in text


def test_a_peak_day_takes_few_questions(host: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question for each kind, not for each journey."""
    client, _ = officer("watch_officer")
    _, chief = officer("coordinator")
    asked = 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal asked
        asked += 1
        return find(*given, **named)

    monkeypatch.setattr("safeconduct.journeys.board_journeys.find", counted)
    found = []
    for number in range(13):
        escort(chief, receive("movement", movement(f"MN-{number}"), released=EARLY), "u")
        if number in (0, 12):
            asked = 0
            assert len(order(said(client, "/journeys/?window=now"))) == number + 1
            found.append(asked)
    assert found[0] == found[1] <= 9
