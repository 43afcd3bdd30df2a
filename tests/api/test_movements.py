"""The Partner's side of a journey over the API: notice, manifest, amendment, word from the road, escalation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.api import replays
from safeconduct.api.models import Write
from safeconduct.journeys import rules
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Unavailable

from .conftest import MakeProgram, Program
from .journey_programs import NAMES, moment, movement
from .test_bodies import anything, problem


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    """A node with the Partner Party's house rules: the movements are its own."""
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


@pytest.fixture
def manager(program: MakeProgram) -> Program:
    return program("security_manager")


@pytest.fixture
def notified(manager: Program) -> str:
    answer = manager.post("/movements", {"parts": movement(), "travellers": NAMES})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["record"])


def stored(kind: str) -> int:
    found = here.tables().one("SELECT count(*) FROM records_row WHERE kind = %s", [kind])
    return int(found[0]) if found else 0


def about(program: Program, kind: str, record: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = program.get(f"/records?kind={kind}&about={record}").json()["items"]
    return items


def test_a_notice_can_be_read_with_its_manifest(manager: Program) -> None:
    answer = manager.post("/movements", {"parts": movement(), "travellers": NAMES})
    made = answer.json()
    assert answer.status_code == 201 and answer["Location"] == f"/api/v1/movements/{made['record']}"
    found = manager.get(f"/movements/{made['record']}").json()
    assert found["kind"] == "movement" and found["state"] == "notified" and found["version"] == 1
    assert found["parts"]["notice"]["reference"] == "GP-7"
    assert found["parts"]["itinerary"]["destination"]["place"] == "Gwadar"
    entries = about(manager, "manifest_entry", made["record"])
    assert {entry["parts"]["who"]["name"] for entry in entries} == {"李伟", "Wang Fang"}


def test_movements_are_listed_by_what_the_notice_says(manager: Program, notified: str) -> None:
    later = manager.post("/movements", {"parts": movement(200, reference="GP-8")}).json()["record"]
    for query, wanted in (
        ("", {notified, later}),
        ("?reference=GP-7", {notified}),
        ("?reference=GP", set()),
        ("?text=GP-8", {later}),
        ("?place=Karachi&category=single", {notified, later}),
        ("?place=Gwadar", set()),
        ("?state=arrived", set()),
        ("?since=" + moment(100).replace("+", "%2B"), {later}),
        ("?ends_after=" + moment(100).replace("+", "%2B"), {later}),
        ("?until=" + moment(100).replace("+", "%2B"), {notified}),
    ):
        answer = manager.get(f"/movements{query}")
        assert answer.status_code == 200, answer.content
        assert {item["id"] for item in answer.json()["items"]} == wanted, query
    for query in ("bbox=1,2,3,4", "ends_after=soon", "ends_after=2026-01-01T00:00:00", "kind=leg", "limit=0"):
        problem(manager.get(f"/movements?{query}"), 400, "bad-request")


def test_each_role_sees_and_does_what_the_house_rules_give_it(program: MakeProgram, notified: str) -> None:
    analyst = program("analyst")
    found = analyst.get(f"/movements/{notified}").json()
    assert set(found["parts"]) == {"notice", "check_plan"}
    assert "itinerary" in {each["part"] for each in found["withheld"]}
    assert about(analyst, "manifest_entry", notified) == []
    before = stored("movement")
    problem(analyst.post("/movements", {"parts": movement()}), 403, "refused")
    problem(analyst.patch(f"/movements/{notified}", {"parts": {}}, If_Match='"1"'), 403, "refused")
    problem(analyst.post(f"/movements/{notified}/cancellation", If_Match='"1"'), 403, "refused")
    problem(analyst.post(f"/movements/{notified}/check-ins", {}), 403, "refused")
    problem(analyst.post(f"/movements/{notified}/comments", {"text": "Late"}), 403, "refused")
    administrator = program("administrator")
    problem(administrator.get(f"/movements/{notified}"), 404, "not-found")
    problem(administrator.post("/movements", {"parts": movement()}), 403, "refused")
    assert administrator.get("/movements").json()["items"] == []
    assert stored("movement") == before and stored("check_in") == stored("comment") == 0


def test_a_token_for_reading_changes_nothing(program: MakeProgram, notified: str) -> None:
    reading = program("security_manager", scope="read")
    assert reading.get(f"/movements/{notified}").status_code == 200
    for method, path, body in (
        ("POST", "/movements", {"parts": movement()}),
        ("PUT", f"/movements/{notified}/legs", {"legs": []}),
        ("PATCH", f"/movements/{notified}", {"parts": {}}),
        ("POST", f"/movements/{notified}/check-ins", {}),
    ):
        assert reading.send(method, path, body, If_Match='"1"').status_code == 403
    assert stored("movement") == 1 and stored("check_in") == 0


def test_who_travels_sees_their_own_journey_and_says_where_they_are(
    program: MakeProgram, manager: Program
) -> None:
    traveller, other = program("protected_person"), program("protected_person")
    link = {"who": {"name": "Li Wei"}, "link": {"account": traveller.account.person}}
    body = {"parts": movement(1, emergency=True), "travellers": [link]}
    record = manager.post("/movements", body).json()["record"]
    assert set(traveller.get(f"/movements/{record}").json()["parts"]) >= {"notice", "itinerary"}
    assert traveller.post(f"/movements/{record}/check-ins", {"category": "departed"}).status_code == 201
    problem(other.get(f"/movements/{record}"), 404, "not-found")
    problem(other.post(f"/movements/{record}/check-ins", {}), 404, "not-found")
    assert stored("check_in") == 1


def test_an_amendment_is_built_on_what_was_seen(manager: Program, notified: str) -> None:
    changed = {"parts": {"notice": movement(70)["notice"], "check_plan": None}}
    problem(manager.patch(f"/movements/{notified}", changed), 428, "precondition")
    done = manager.patch(f"/movements/{notified}", changed, If_Match='"1"')
    assert done.status_code == 200 and done.json()["version"] == 2
    late = problem(manager.patch(f"/movements/{notified}", changed, If_Match='"1"'), 412, "conflict")
    assert late["current"] == 2
    assert "check_plan" not in manager.get(f"/movements/{notified}").json()["parts"]
    tag = manager.get(f"/movements/{notified}")["ETag"]
    gone = {"parts": {"notice": None}}
    problem(manager.patch(f"/movements/{notified}", gone, If_Match=tag), 400, "bad-request")
    assert manager.post(f"/movements/{notified}/cancellation", If_Match=tag).status_code == 200
    assert manager.get(f"/movements/{notified}").json()["state"] == "cancelled"
    problem(manager.post(f"/movements/{notified}/cancellation", If_Match='"3"'), 400, "bad-request")
    problem(manager.patch(f"/movements/{notified}", changed, If_Match='"3"'), 400, "bad-request")


def test_names_come_and_go_one_by_one(program: MakeProgram, manager: Program, notified: str) -> None:
    coordinator = program("coordinator")
    made = manager.post(f"/movements/{notified}/travellers", {"parts": {"who": {"name": "Chen"}}})
    assert made.status_code == 201
    entry = made.json()["record"]
    problem(manager.post(f"/travellers/{notified}/withdrawal", {}), 404, "not-found")
    problem(program("analyst").post(f"/travellers/{entry}/withdrawal", {}), 404, "not-found")
    done = coordinator.post(f"/travellers/{entry}/withdrawal", {"reason": "stays behind"})
    assert done.status_code == 200 and done.json() == {"record": entry, "told": []}
    gone = {each["id"]: each["withdrawn"] for each in about(manager, "manifest_entry", notified)}
    assert gone.pop(entry, True) and set(gone.values()) == {False} and len(gone) == 2
    empty = {"parts": {"link": {"account": "x"}}}
    found = problem(manager.post(f"/movements/{notified}/travellers", empty), 422, "invalid")
    assert found["errors"][0]["pointer"] == "#/parts/who"
    problem(manager.post("/movements/none/travellers", {"parts": NAMES[0]}), 404, "not-found")


def test_more_names_than_persons_are_no_manifest(manager: Program) -> None:
    body = {"parts": movement(persons=1), "travellers": NAMES}
    problem(manager.post("/movements", body), 400, "bad-request")
    assert stored("movement") == stored("manifest_entry") == 0


def test_a_check_in_has_its_true_time_and_counts_once(manager: Program) -> None:
    record = manager.post("/movements", {"parts": movement(-2, emergency=True)}).json()["record"]
    path, at = f"/movements/{record}/check-ins", moment(-1).replace("+00:00", "Z")
    word = {
        "category": "check_in",
        "at": at,
        "point": "Ormara",
        "position": {"latitude": 25.2, "longitude": 64.6, "accuracy_m": 12},
    }
    first = manager.post(path, word, Idempotency_Key="phone-1")
    again = manager.post(path, word, Idempotency_Key="phone-1")
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    Write.objects.all().delete()
    later = manager.post(path, word, Idempotency_Key="phone-1")
    assert later.json() == first.json() and stored("check_in") == 1, (
        "the writer remembers longer than the gate"
    )
    (said,) = about(manager, "check_in", record)
    assert (
        said["parts"]["word"]["at"] == at and said["parts"]["word"]["entered"] > said["parts"]["word"]["at"]
    )
    assert said["parts"]["position"]["latitude"] == 25.2
    Write.objects.all().delete()
    other = manager.post(path, {**word, "category": "delayed"}, Idempotency_Key="phone-1")
    assert other.json()["record"] != first.json()["record"], (
        "other word under a forgotten key is not swallowed"
    )
    problem(manager.post(path, {"at": moment(2)}), 400, "bad-request")


@pytest.mark.parametrize(
    ("word", "pointer"),
    [
        ({"at": "yesterday"}, "#/at"),
        ({"at": "2026-11-01"}, "#/at"),
        ({"at": "2026-11-01T10:00:00"}, "#/at"),
        ({"at": "9" * 40}, "#/at"),
        ({"category": "lost"}, "#/category"),
        ({"delay_minutes": -1}, "#/delay_minutes"),
        ({"delay_minutes": 10**30}, "#/delay_minutes"),
        ({"position": {"latitude": 91, "longitude": 0}}, "#/position/latitude"),
        ({"position": {"latitude": 1}}, "#/position/longitude"),
        ({"point": "x" * 201}, "#/point"),
        ({"by": "somebody else"}, "#/by"),
    ],
)
def test_word_that_does_not_fit(manager: Program, notified: str, word: Any, pointer: str) -> None:
    found = problem(manager.post(f"/movements/{notified}/check-ins", word), 422, "invalid")
    assert pointer in [error["pointer"] for error in found["errors"]], found
    assert stored("check_in") == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/parts"),
        ({"parts": {**movement(), "clearance": {}}}, "#/parts/clearance"),
        ({"parts": movement(reference="x" * 201)}, "#/parts/notice/reference"),
        ({"parts": movement(persons=0)}, "#/parts/notice/persons"),
        ({"parts": movement(until="2020-01-01T00:00:00Z")}, "#/parts/notice"),
        ({"parts": movement(), "travellers": [{}] * 501}, "#/travellers"),
        ({"parts": movement(), "travellers": [{"who": {"name": ""}}]}, "#/travellers/0/who/name"),
        ({"parts": movement(), "releasable": []}, "#/releasable"),
    ],
)
def test_a_notice_that_does_not_fit(manager: Program, body: Any, pointer: str) -> None:
    found = problem(manager.post("/movements", body), 422, "invalid")
    assert pointer in [error["pointer"] for error in found["errors"]], found
    assert stored("movement") == 0


def test_a_notice_sent_again_is_one_notice(manager: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it was stored and the answer was lost: the same key may be tried until the answer is known."""
    body = {"parts": movement(), "travellers": NAMES}
    notify = rules.notify_movement

    def lost(*args: Any, **named: Any) -> Any:
        notify(*args, **named)
        raise Unavailable("gone")

    monkeypatch.setattr(rules, "notify_movement", lost)
    problem(manager.post("/movements", body, Idempotency_Key="k"), 503, "unavailable")
    monkeypatch.undo()
    first = manager.post("/movements", body, Idempotency_Key="k")
    again = manager.post("/movements", body, Idempotency_Key="k")
    assert first.status_code == 201 and first.content == again.content
    assert stored("movement") == 1 and stored("manifest_entry") == 2
    problem(manager.post("/movements", {"parts": movement(99)}, Idempotency_Key="k"), 422, "key-reused")
    Write.objects.update(status=0)
    problem(manager.post("/movements", body, Idempotency_Key="k"), 409, "in-progress")
    Write.objects.update(at=Write.objects.get().at - replays.RUNNING_SECONDS - 1)
    assert manager.post("/movements", body, Idempotency_Key="k").json() == first.json()
    assert stored("movement") == 1
    long = "k" * 255
    assert manager.post("/movements", body, Idempotency_Key=long).status_code == 201


def test_comments_stay_with_the_movement_they_are_about(
    program: MakeProgram, manager: Program, notified: str
) -> None:
    liaison = program("liaison")
    path = f"/movements/{notified}/comments"
    first = liaison.post(path, {"text": "Too few vehicles", "stance": "objection"})
    assert first.status_code == 201
    reply = liaison.post(path, {"text": "Two more", "about": first.json()["record"]})
    assert reply.status_code == 201
    (said,) = about(liaison, "comment", first.json()["record"])
    assert said["parts"]["remark"]["text"] == "Two more"
    other = manager.post("/movements", {"parts": movement()}).json()["record"]
    strayed = {"text": "x", "about": reply.json()["record"]}
    problem(liaison.post(f"/movements/{other}/comments", strayed), 404, "not-found")
    problem(liaison.post(path, {"text": "x", "about": other}), 404, "not-found")
    for body in (
        {"text": " "},
        {"text": "x" * 5001},
        {"text": "x", "stance": "veto"},
        {"text": "x", "by": "y"},
    ):
        problem(liaison.post(path, body), 422, "invalid")
    assert stored("comment") == 2


def test_an_escalation_is_answered_once(program: MakeProgram, node: Home, notified: str) -> None:
    step = {
        "reason": "left_route",
        "rung": 1,
        "roles": ["watch_officer"],
        "due": moment(-1),
        "raised": moment(0),
    }
    draft = Draft("escalation", {"step": step}, about=notified, state="raised")
    raised = commit(system_subject(node.party), draft).record
    watch, liaison = program("watch_officer"), program("liaison")
    problem(liaison.post(f"/escalations/{raised}/answer", {}), 403, "refused")
    problem(watch.post(f"/escalations/{notified}/answer", {}), 400, "bad-request")
    problem(watch.post("/escalations/none/answer", {}), 404, "not-found")
    assert watch.post(f"/escalations/{raised}/answer", {"text": "Calling them"}).status_code == 200
    found = watch.get(f"/records/{raised}").json()
    assert found["state"] == "answered" and found["parts"]["answer"]["text"] == "Calling them"
    assert found["parts"]["answer"]["by"] == str(watch.account)
    problem(watch.post(f"/escalations/{raised}/answer", {"text": "Me too"}), 412, "conflict")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=anything | st.fixed_dictionaries({"parts": anything, "travellers": st.lists(anything, max_size=2)})
)
def test_no_body_breaks_a_notice(manager: Program, body: Any) -> None:
    from safeconduct.api.rates import RATES

    RATES.forget()
    assert manager.post("/movements", body).status_code in (400, 403, 422)


def test_too_large_or_broken_bodies_store_nothing(manager: Program, notified: str) -> None:
    from safeconduct.api.gate import JSON_LIMIT

    for path in ("/movements", f"/movements/{notified}/check-ins", f"/movements/{notified}/comments"):
        problem(manager.post(path, b" " * (JSON_LIMIT + 1)), 413, "too-large")
        problem(manager.post(path, b'{"parts": {'), 400, "bad-request")
        problem(manager.post(path, json.dumps([1]).encode()), 422, "invalid")
    for record in ("%00", "..%2F..", "x" * 3000, "'--", "%ED%A0%80"):
        problem(manager.get(f"/movements/{record}"), 404, "not-found")
        problem(manager.post(f"/movements/{record}/check-ins", {}), 404, "not-found")
        problem(manager.post(f"/handovers/{record}/given"), 404, "not-found")
    assert stored("movement") == 1
