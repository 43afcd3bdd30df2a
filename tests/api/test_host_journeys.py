"""The Host's side of a journey over the API: three acts that are not one another, legs, handovers, who knew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from paired import agree, paired, receive
from safeconduct.journeys.kinds import MOVEMENT
from safeconduct.oversight import ledger_line
from safeconduct.records import here
from safeconduct.records.home import Home

from .conftest import MakeProgram, Program
from .journey_programs import leg, moment, movement
from .test_bodies import problem

Commander = Callable[[str], Program]


@pytest.fixture
def node(host_home: Home, tmp_path: Path) -> Iterator[Home]:
    """`pk` with the partner `cn`; the clause on movements is agreed."""
    with paired(host_home, tmp_path) as (home, key):
        agree({"5"}, key)
        ledger_line._kept = (0.0, "", [])
        yield home


@pytest.fixture
def received(node: Home) -> str:
    """A movement of the Partner, departing in an hour so that its itinerary is open."""
    return receive("movement", MOVEMENT.validate(movement(1)))


@pytest.fixture
def commander(node: Home, program: MakeProgram) -> Commander:
    """`commander("gwadar-police")`: somebody who serves in that unit."""
    from django.utils import timezone

    from safeconduct.people import tokens
    from safeconduct.people.models import Account
    from safeconduct.people.roles import assign_role
    from safeconduct.records.principals import system_subject

    def make(unit: str) -> Program:
        account = Account.objects.create_account(f"of-{unit}-{Account.objects.count()}", clearance=3)
        assign_role(system_subject(node.party), account, "commander", (unit,))
        expires = timezone.now() + timedelta(days=2)
        token, secret = tokens.issue(account, "test", ("commander",), "write", expires)
        return Program(account, token, secret)

    return make


def stored(kind: str) -> int:
    found = here.tables().one("SELECT count(*) FROM records_row WHERE kind = %s", [kind])
    return int(found[0]) if found else 0


def about(program: Program, kind: str, record: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = program.get(f"/records?kind={kind}&about={record}").json()["items"]
    return items


def plan(first: str = "Ormara") -> dict[str, Any]:
    return {
        "legs": [
            leg("karachi-police", "Karachi", first, 1, 5, vehicles=2, callsign="Falcon"),
            leg("gwadar-police", "Ormara", "Gwadar", 5, 9),
        ]
    }


def test_what_the_partner_notified_is_read_and_not_changed(program: MakeProgram, received: str) -> None:
    coordinator = program("coordinator")
    found = coordinator.get(f"/movements/{received}").json()
    assert found["originator"] == "cn" and found["agreement"] == "pk-cn"
    assert {"notice", "itinerary"} <= set(found["parts"])
    problem(coordinator.patch(f"/movements/{received}", {"parts": {}}, If_Match='"1"'), 403, "refused")
    problem(coordinator.post(f"/movements/{received}/cancellation", If_Match='"1"'), 403, "refused")
    travellers = coordinator.post(f"/movements/{received}/travellers", {"parts": {"who": {"name": "X"}}})
    assert travellers.status_code in (400, 403) and stored("manifest_entry") == 0


def test_acknowledging_clears_nothing_and_clearing_is_the_coordinators(
    program: MakeProgram, received: str
) -> None:
    watch, coordinator = program("watch_officer"), program("coordinator")
    path = f"/movements/{received}/acknowledgements"
    problem(program("analyst").post(path, {}), 404, "not-found")
    problem(program("liaison").post(path, {}), 403, "refused")
    first = watch.post(path, {"remark": "We have it"})
    assert first.status_code == 201
    assert watch.post(path, {}).json()["record"] == first.json()["record"], "said twice, it is one"
    assert stored("clearance") == 0
    path = f"/movements/{received}/clearance"
    problem(watch.post(path, {"decision": "cleared"}), 403, "refused")
    done = coordinator.post(path, {"decision": "cleared", "conditions": "Two vehicles at least"})
    assert done.status_code == 201
    (decision,) = about(watch, "clearance", received)
    assert decision["state"] == "cleared" and decision["parts"]["decision"]["by"] == str(coordinator.account)
    assert stored("acknowledgement") == 1 and stored("leg") == 0


def test_two_officers_do_not_decide_at_once(program: MakeProgram, received: str) -> None:
    one, other = program("coordinator"), program("coordinator")
    path = f"/movements/{received}/clearance"
    problem(one.post(path, {"decision": "revoked", "reason": "x"}), 400, "bad-request")
    for body in ({"decision": "refused"}, {"decision": "refused", "reason": "  "}):
        problem(one.post(path, body), 400, "bad-request")
    assert one.post(path, {"decision": "cleared"}).status_code == 201
    late = problem(other.post(path, {"decision": "refused", "reason": "Road closed"}), 412, "conflict")
    revoked = {"decision": "revoked", "reason": "Road closed", "seen": late["current"]}
    first = other.post(path, revoked, Idempotency_Key="r")
    again = other.post(path, revoked, Idempotency_Key="r")
    assert first.status_code == 201 and first.content == again.content and first.json()["version"] == 2
    (decision,) = about(one, "clearance", received)
    assert decision["state"] == "revoked" and decision["parts"]["decision"]["reason"] == "Road closed"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"decision": "perhaps"}, 422),
        ({"decision": "cleared", "seen": -1}, 422),
        ({"decision": "cleared", "seen": 10**30}, 422),
        ({"decision": "cleared", "by": "the Minister"}, 422),
        ({"decision": "cleared", "reason": "because"}, 400),
        ({"decision": "refused", "reason": "x", "conditions": "y"}, 400),
        ({"decision": "refused", "reason": "x" * 5_001}, 422),
    ],
)
def test_decisions_that_are_none(program: MakeProgram, received: str, body: Any, status: int) -> None:
    assert program("coordinator").post(f"/movements/{received}/clearance", body).status_code == status
    assert stored("clearance") == 0


def test_legs_are_assigned_in_order_and_handed_over_by_both_units(
    program: MakeProgram, commander: Commander, received: str
) -> None:
    coordinator, gwadar, karachi = (
        program("coordinator"),
        commander("gwadar-police"),
        commander("karachi-police"),
    )
    path = f"/movements/{received}/legs"
    problem(program("watch_officer").put(path, plan()), 403, "refused")
    first = coordinator.put(path, plan())
    assert first.status_code == 200, first.content
    assert coordinator.put(path, plan()).json() == first.json() and stored("leg") == 2
    legs = first.json()["legs"]
    assert [coordinator.get(f"/records/{each}").json()["parts"]["course"]["sequence"] for each in legs] == [
        1,
        2,
    ]
    assert "escort" in karachi.get(f"/records/{legs[0]}").json()["parts"]
    assert "escort" not in gwadar.get(f"/records/{legs[0]}").json()["parts"]
    (handover,) = about(coordinator, "handover", legs[0])
    given, taken = f"/handovers/{handover['id']}/given", f"/handovers/{handover['id']}/taken"
    problem(gwadar.post(taken), 400, "bad-request")
    problem(gwadar.post(given), 403, "refused")
    problem(karachi.post(f"/handovers/{legs[0]}/given"), 404, "not-found")
    assert karachi.post(given).status_code == 200
    problem(karachi.post(given), 400, "bad-request")
    problem(karachi.post(taken), 403, "refused")
    done = gwadar.post(taken, Idempotency_Key="t")
    assert done.status_code == 200 and gwadar.post(taken, Idempotency_Key="t").content == done.content
    word = coordinator.get(f"/records/{handover['id']}").json()["parts"]["word"]
    assert word["given_by"] == str(karachi.account) and word["taken_by"] == str(gwadar.account)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"legs": []}, 422),
        ({"legs": [leg("a", "Karachi", "Gwadar", 1, 9)] * 41}, 422),
        ({"legs": [{**leg("a", "Karachi", "Gwadar", 1, 9), "strength": 4}]}, 422),
        ({"legs": [leg("", "Karachi", "Gwadar", 1, 9)]}, 422),
        ({"legs": [leg("a|b", "Karachi", "Gwadar", 1, 9)]}, 422),
        ({"legs": [leg("a", "Karachi", "Gwadar", 9, 1)]}, 422),
        (plan("Turbat"), 400),
    ],
)
def test_plans_that_are_none(program: MakeProgram, received: str, body: Any, status: int) -> None:
    answer = program("coordinator").put(f"/movements/{received}/legs", body)
    assert answer.status_code == status, answer.content
    assert stored("leg") == stored("handover") == 0


def test_who_knew_says_of_each_line_how_it_is_known(program: MakeProgram, received: str) -> None:
    coordinator, auditor = program("coordinator"), program("auditor")
    begun = moment(-1).replace("+", "%2B")
    coordinator.get(f"/movements/{received}")
    answer = auditor.get(f"/movements/{received}/known")
    assert answer.status_code == 200, answer.content
    found = answer.json()
    document = auditor.get("/openapi.json").json()
    described = document["paths"]["/api/v1/movements/{movement}/known"]["get"]["responses"]["200"]
    schema = described["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(found)
    (read,) = [line for line in found["lines"] if line["way"] == "read"]
    assert read["person"] == coordinator.account.person and "itinerary" in read["parts"]
    assert read["kind"] == "movement" and "Host Party" in read["standing"] and "cosigned" in read["standing"]
    assert found["gaps"] and all(gap["says"] for gap in found["gaps"])
    chinese = auditor.get(f"/movements/{received}/known", Accept_Language="zh-hans").json()
    assert chinese["lines"][0]["standing"] != found["lines"][0]["standing"]
    assert auditor.get(f"/movements/{received}/known?part=vehicles").json()["lines"] == []
    assert auditor.get(f"/movements/{received}/known?before={begun}").json()["lines"] == []
    assert len(auditor.get(f"/movements/{received}/known").json()["looks"]) == 4
    for query in ("part=nothing", "before=yesterday", "limit=0", "at=now", "before=2026-01-01T00:00:00"):
        problem(auditor.get(f"/movements/{received}/known?{query}"), 400, "bad-request")


def test_who_knew_is_for_auditors_and_of_movements(program: MakeProgram, received: str) -> None:
    auditor = program("auditor")
    problem(auditor.get("/movements/none/known"), 404, "not-found")
    other = program("coordinator").post(f"/movements/{received}/acknowledgements", {}).json()["record"]
    problem(auditor.get(f"/movements/{other}/known"), 404, "not-found")
    for role in ("watch_officer", "liaison", "administrator"):
        answer = program(role).get(f"/movements/{received}/known")
        assert answer.status_code in (403, 404) and "lines" not in answer.json()
