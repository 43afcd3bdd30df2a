"""An SOS under attack: ended by whoever holds the phone, the duress word betrayed, others drowned by a flood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from journeys.roads import at, officer
from safeconduct.agreement.policy import Subject
from safeconduct.field import cot_audience
from safeconduct.people import tokens
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.release import Released
from safeconduct.watch import safe_words

RAISE = "/watch/sos/raise/"
SAFE, DURESS = "Margalla", "Ravi-2"


@pytest.fixture
def node(partner_home: Home, quick_hashes: None) -> Iterator[Door]:
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield door


def press(client: Client, key: str, **more: Any) -> str:
    answer = client.post(RAISE, json.dumps({"key": key, **more}), content_type="application/json")
    assert answer.status_code == 201
    return str(answer.json()["record"])


def caller() -> tuple[Client, Subject]:
    client, who = officer("protected_person")
    safe_words.keep(who.person, SAFE, DURESS)
    return client, who


def say(client: Client, record: str, word: str) -> None:
    assert client.post(f"/watch/sos/{record}/word/", {"word": word}).status_code == 302


def calls() -> list[Released]:
    return find(officer("coordinator")[1], Query("sos", sort="at")).records


def of_kind(kind: str) -> list[dict[str, Any]]:
    """The parts of the records of a kind, as they lie in the tables."""
    rows = here.tables().all("SELECT parts FROM records_row WHERE kind = %s ORDER BY born", [kind])
    return [json.loads(parts) for (parts,) in rows]


def test_whoever_holds_the_phone_does_not_end_it_past_the_safe_word(node: Door) -> None:
    client, _ = caller()
    record = press(client, "a-key-of-a-press")
    for category in ("false_alarm", "floor", "safe_word", "device"):
        form = {"end-category": category, "end-remark": "All is well"}
        assert client.post(f"/watch/sos/{record}/stand-down/", form).status_code in (403, 422)
    assert [each.state for each in calls()] == ["raised"] and not of_kind("stand_down")


def test_an_officer_does_not_end_his_own_call_from_the_floor_and_his_colleague_does(node: Door) -> None:
    client, who = officer("watch_officer")
    assignment = {"person": who.person, "account_name": "x", "role": "protected_person", "clearance": 2}
    commit(system_subject("pk"), Draft("role_assignment", {"assignment": assignment}, releasable=()))
    record = press(client, "a-key-of-a-press")
    form = {"end-category": "floor", "end-remark": "It is nothing"}
    assert "end-remark" not in client.get(f"/watch/sos/{record}/").content.decode()
    assert client.post(f"/watch/sos/{record}/stand-down/", form).status_code == 403
    colleague = officer("watch_officer")[0]
    assert "end-remark" in colleague.get(f"/watch/sos/{record}/").content.decode()
    assert colleague.post(f"/watch/sos/{record}/stand-down/", form).status_code == 302
    assert [each.state for each in calls()] == ["stood_down"]


def test_programs_and_maps_of_the_forced_caller_show_what_they_show_after_the_safe_word(node: Door) -> None:
    shown = {}
    for word in (SAFE, DURESS):
        client, who = caller()
        account = Account.objects.get(person=who.person)
        expires = timezone.now() + timedelta(days=1)
        secret = tokens.issue(account, "phone", ["protected_person"], "read", expires)[1]
        token = {"Authorization": f"Bearer {secret}"}
        record = press(client, "a-key-of-a-press", latitude=24.9, longitude=67.1)
        before = cot_audience.standing(who, "", node)
        assert len(before.markers) == 1
        say(client, record, word)
        # The room that has not heard yet, or only now, changes nothing of it.
        commit(
            system_subject("pk"),
            Draft("sos_acknowledgement", {"receipt": {"at": at(0), "room": "partner"}}, about=record),
            act="acknowledge",
        )
        seen = client.get(f"/api/v1/records/{record}", headers=token).json()
        listed = {
            state: [
                (each["state"], each["version"])
                for each in client.get(f"/api/v1/records?kind=sos{state}", headers=token).json()["items"]
            ]
            for state in ("", "&state=raised", "&state=stood_down")
        }
        words = client.get(f"/api/v1/records?kind=stand_down&about={record}", headers=token).json()["items"]
        ending = cot_audience.change(who, "sos", record, True, node)
        shown[word] = (
            seen["state"],
            seen["version"],
            seen["parts"].get("rooms"),
            listed,
            [sorted(each["parts"]) for each in words],
            [b"b-a-o-can" in each for each in ending],
            len(cot_audience.standing(who, "", node).markers),
        )
    assert shown[SAFE] == shown[DURESS]
    assert sorted(each.state for each in calls()) == ["raised", "stood_down"]


def test_no_message_of_the_ladder_goes_to_the_phone_of_who_called(node: Door) -> None:
    client, who = officer("watch_officer")
    other = officer("watch_officer")[1]
    assignment = {"person": who.person, "account_name": "x", "role": "protected_person", "clearance": 2}
    commit(system_subject("pk"), Draft("role_assignment", {"assignment": assignment}, releasable=()))
    safe_words.keep(who.person, SAFE, DURESS)
    for person in (who.person, other.person):
        part = {"channel": "sms", "address": "+923001234567"}
        commit(
            system_subject("pk"),
            Draft("contact_point", {"address": part}, assigned=[person], releasable=()),
        )
    record = press(client, "a-key-of-a-press")
    say(client, record, DURESS)
    steps = [each["step"]["reason"] for each in of_kind("escalation")]
    assert sorted(steps) == ["duress", "sos"]
    told = [each["to"]["person"] for each in of_kind("delivery")]
    assert told.count(other.person) == 2 and who.person not in told


def test_a_beacon_switched_off_after_the_duress_word_ends_nothing(node: Door) -> None:
    client, who = caller()
    device = commit(
        system_subject("pk"),
        Draft(
            "device",
            {
                "identity": {"name": "Tablet", "category": "tak", "protocol": "cot"},
                "link": {"account": who.person},
            },
            state="waiting",
            assigned=[who.person],
            releasable=(),
        ),
    ).record
    record = node.call("field_sos", {"device": device})["record"]
    say(client, record, DURESS)
    node.call("cot_stand_down", {"device": device})
    assert [each.state for each in calls()] == ["raised"]
    other = node.call("field_sos", {"device": device})["record"]
    assert other == record


def test_one_phone_that_presses_without_end_is_one_call_and_another_persons_is_another(node: Door) -> None:
    client, _ = caller()
    first = press(client, "press-number-0", text="Shots")
    for number in range(1, 20):
        assert press(client, f"press-number-{number}", latitude=24.0 + number / 100, longitude=67) == first
    assert press(client, "press-number-x", text="Two wounded") == first
    assert press(client, "waited-for-network", at=at(-1), latitude=1.0, longitude=1.0) == first
    second = press(caller()[0], "press-number-0", text="Fire")
    assert len(calls()) == 2 and second != first
    (found,) = [each for each in calls() if each.id == first]
    assert found.parts["place"]["latitude"] == 24.19 and found.parts["words"]["text"] == "Shots\nTwo wounded"
    assert len(of_kind("escalation")) == 2, "each is called about once"
    say(client, first, DURESS)
    assert press(client, "press-again-1") != first, "what seems to be over is pressed anew"
