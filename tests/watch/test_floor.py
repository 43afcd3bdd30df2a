"""The watch floor: what is open comes first, the log and the hand-over that writes itself from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from journeys.roads import at, officer
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.watch import muster, sos

FLOOR = "/watch/"


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


def call(headline: str, minutes: float, exercise: bool = False) -> str:
    parts = {"call": {"at": at(-minutes / 60), "means": "floor", "headline": headline, "exercise": exercise}}
    return sos.raise_sos(officer("watch_officer")[1], parts).record


def test_calm_when_nothing_is_open_and_unmistakable_when_something_is(node: Home) -> None:
    client, watch = officer("watch_officer")
    page = client.get(FLOOR).content.decode()
    assert "Nothing is open." in page and 'data-sounds=""' in page
    answered = call("ANSWERED", 9)
    sos.acknowledge_sos(watch, answered)
    call("YOUNGER", 1)
    call("OLDER", 5)
    muster.begin_muster(watch, {"title": "ROADS", "scope": "journeys", "due": at(1)})
    page = client.get(FLOOR).content.decode()
    places = [page.index(word) for word in ("OLDER", "YOUNGER", "ANSWERED")]
    assert places == sorted(places), "who waits longest for somebody comes first"
    assert 'data-sounds="sos"' in page and page.count('data-urgency="alarm"') == 2
    assert ">ROADS<" in page


def test_an_exercise_is_marked_and_rings_for_nobody(node: Home) -> None:
    client, _ = officer("watch_officer")
    call("PRACTICE", 2, exercise=True)
    page = client.get(FLOOR).content.decode()
    assert "EXERCISE" in page and "PRACTICE" in page and 'data-sounds=""' in page


def test_duress_rings_again_after_the_room_has_acknowledged(node: Home) -> None:
    client, watch = officer("watch_officer")
    caller = officer("protected_person")[1]
    parts = {
        "call": {"at": at(-0.05), "means": "phone", "headline": "FORCED"},
        "caller": {"person": caller.person},
    }
    record = sos.raise_sos(caller, parts).record
    sos.acknowledge_sos(watch, record)
    assert 'data-sounds=""' in client.get(FLOOR).content.decode()
    sos.stand_down(caller, record, "safe_word", under_duress=True)
    page = client.get(FLOOR).content.decode()
    assert "UNDER DURESS" in page and 'data-sounds="sos"' in page


def test_the_hand_over_says_what_is_open_and_another_officer_takes_it(node: Home) -> None:
    client, _ = officer("watch_officer")
    call("STILL OPEN", 7)
    assert client.post("/watch/floor/log/", {"text": "تمام سائٹوں سے رابطہ"}).status_code == 302
    assert client.post("/watch/floor/hand-over/", {"handover-text": "Call Gwadar at six"}).status_code == 302
    reader = officer("coordinator")[1]
    (note,) = find(reader, Query("shift_handover", sort="at")).records
    assert any("STILL OPEN" in line for line in note.parts["note"]["open"])
    page = client.get(FLOOR).content.decode()
    assert "تمام سائٹوں سے رابطہ" in page and "Take the watch over" not in page, "not one's own"
    address, seen = f"/watch/floor/hand-over/{note.id}/take/", {"seen": str(note.version)}
    assert client.post(address, seen).status_code == 400
    following = officer("watch_officer")[0]
    assert "Take the watch over" in following.get(FLOOR).content.decode()
    assert following.post(address, {"seen": "x"}).status_code == 400
    assert following.post(address, seen).status_code == 302
    assert following.post(address, seen).status_code in (400, 409)
    (note,) = find(reader, Query("shift_handover", sort="at")).records
    assert (
        note.state == "accepted" and note.parts["acceptance"]["person"] != note.parts["note"]["from_person"]
    )


def test_the_log_refuses_nothing_written_and_whoever_may_not_write(node: Home) -> None:
    client, analyst = officer("watch_officer")[0], officer("analyst")[0]
    assert client.post("/watch/floor/log/", {"text": ""}).status_code == 422
    assert client.post("/watch/floor/log/", {"text": "x" * 6_000}).status_code == 422
    assert analyst.post("/watch/floor/log/", {"text": "mine"}).status_code == 403
    assert "mine" not in client.get(FLOOR).content.decode()
    assert find(officer("coordinator")[1], Query("shift_entry", sort="at")).records == []
