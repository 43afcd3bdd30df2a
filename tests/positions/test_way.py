"""The way that a journey has come: on its page and over the API, for those who may follow it, and noted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
from django.test import Client
from django.utils import timezone

from journeys.journey_node import Journeys, journeys, movement_parts
from safeconduct.agreement.policy import Subject
from safeconduct.journeys.way import ON_THE_MAP, thinned
from safeconduct.people import tokens
from safeconduct.people.models import Account
from safeconduct.positions import keeping, reading
from safeconduct.positions.store import Position
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home


@pytest.fixture
def node(partner_home: Home) -> Iterator[Journeys]:
    with journeys(partner_home) as found:
        found.clock.now = time.time()
        yield found
    for store in reading._stores.values():
        store.close()
    reading._stores.clear()


def journey(node: Journeys) -> str:
    return commit(node.system, Draft("movement", movement_parts())).record


def at(movement: str, when: float, latitude: float = 25.0, party: str = "") -> Position:
    return Position(movement, "mei", when, latitude, 66.9, 10.0, party=party)


def browser(who: Subject) -> Client:
    account = Account.objects.create_account(who.person, clearance=3)
    account.person = who.person
    account.save(update_fields=["person"])
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    return client


def program(who: Subject) -> Client:
    account = Account.objects.filter(person=who.person).first() or Account.objects.create_account(
        who.person, clearance=3
    )
    account.person = who.person
    account.save(update_fields=["person"])
    _, secret = tokens.issue(account, "test", who.roles, "read", timezone.now() + timedelta(days=2))
    return Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {secret}"})


def readings(node: Journeys) -> list[str]:
    rows = node.writer.tables.all("SELECT parts FROM records_row WHERE kind = 'reading' ORDER BY born", [])
    return [parts for (parts,) in rows]


def test_the_way_is_shown_to_who_may_follow_it_and_noted_each_time(node: Journeys) -> None:
    movement, other, now = journey(node), journey(node), time.time()
    old = now - 86_400 * keeping.DEFAULT_DAYS - 60
    reading.store().put(
        [at(movement, old, 33.3333), at(movement, now - 600, 25.1), at(movement, now - 5, 25.2)]
    )
    reading.store().put([at(other, now - 5, 44.4444)])
    officer, warden = browser(node.person("wu", "watch_officer")), browser(node.person("li", "warden"))
    detail = officer.get(f"/journeys/{movement}/").content.decode()
    assert f"/journeys/{movement}/way/" in detail
    before = len(readings(node))
    page = officer.get(f"/journeys/{movement}/way/").content.decode()
    assert len(readings(node)) == before + 1 and movement in readings(node)[-1] and "wu" in readings(node)[-1]
    points = json.loads(re.findall(r'<script id="way-points"[^>]*>(.*?)</script>', page)[0])
    assert [each["geometry"]["coordinates"] for each in points["features"]] == [[66.9, 25.1], [66.9, 25.2]]
    assert page.index("25.2") < len(page) and "33.3333" not in page and "44.4444" not in page
    assert "2 positions, the latest first" in page and "CONFIDENTIAL" in page
    assert "mei" not in page, "whose phone it was is nobody's matter here"
    officer.get(f"/journeys/{movement}/way/")
    assert len(readings(node)) >= before + 1

    for address in (f"/journeys/{movement}/way/", f"/journeys/{'0' * 32}/way/"):
        assert warden.get(address).status_code == 404
    assert officer.post(f"/journeys/{movement}/way/").status_code == 405
    empty = officer.get(f"/journeys/{journey(node)}/way/").content.decode()
    assert "No position of this journey is kept." in empty
    for language, said in (("ur", 'dir="rtl"'), ("zh-hans", 'lang="zh-hans"')):
        shown = officer.get(
            f"/journeys/{movement}/way/", headers={"accept-language": language}
        ).content.decode()
        assert said in shown.lower() and "The way so far" not in shown


def test_the_api_gives_the_way_and_the_newest_and_nothing_else(node: Journeys) -> None:
    movement, other, now = journey(node), journey(node), time.time()
    reading.store().put(
        [at(movement, now - 600, 25.1), at(movement, now - 5, 25.2), at(other, now - 9, 26.0)]
    )
    officer, warden = program(node.person("wu", "watch_officer")), program(node.person("li", "warden"))
    before = len(readings(node))
    way = officer.get(f"/api/v1/movements/{movement}/track").json()["items"]
    assert [each["latitude"] for each in way] == [25.1, 25.2] and len(readings(node)) == before + 1
    assert way[0].keys() == {
        "movement", "at", "latitude", "longitude", "accuracy_m", "speed", "heading", "party",
    }  # fmt: skip
    assert way[0]["party"] == node.home.party
    asked = f"{movement},{'0' * 32},{other}"
    newest = officer.get(f"/api/v1/positions?movements={asked}").json()["items"]
    assert {each["movement"]: each["latitude"] for each in newest} == {movement: 25.2, other: 26.0}
    assert warden.get(f"/api/v1/positions?movements={asked}").json()["items"] == []
    assert warden.get(f"/api/v1/movements/{movement}/track").status_code == 404
    assert officer.get("/api/v1/movements/no-such/track").status_code == 404
    for query in ("", "movements=", "movements=x", f"movements={movement}&who=1", "movements=%00"):
        assert officer.get(f"/api/v1/positions?{query}").status_code == 400, query
    assert officer.post(f"/api/v1/movements/{movement}/track").status_code in (403, 405)


def test_a_long_way_is_thinned_evenly_with_both_its_ends() -> None:
    found = [at("m", float(number)) for number in range(20_000)]
    some = thinned(found)
    assert len(some) == ON_THE_MAP and (some[0], some[-1]) == (found[0], found[-1])
    gaps = [b.at - a.at for a, b in pairwise(some)]
    assert max(gaps) - min(gaps) <= 1
    assert thinned(found[:3]) == found[:3] and thinned([]) == []
