"""Preview, holdings and ledger over the API, on a node with one partner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from paired import agree, paired, receive
from safeconduct.oversight import ledger_line
from safeconduct.records.home import Home

from .conftest import INCIDENT, MakeProgram, Program

WHOLE = {**INCIDENT, "source": {"name": "Embassy"}}


@pytest.fixture
def node(host_home: Home, tmp_path: Path) -> Iterator[Home]:
    """`pk` with the partner `cn`; the clause on incidents and claims is agreed."""
    with paired(host_home, tmp_path) as (home, key):
        agree({"4"}, key)
        ledger_line._kept = (0.0, "", [])
        yield home


def fits(program: Program, template: str, answer: Any) -> None:
    document = program.get("/openapi.json").json()
    described = document["paths"][f"/api/v1{template}"]["get"]["responses"]["200"]["content"]
    schema = {**described["application/json"]["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(answer)


def test_the_preview_has_what_would_leave_and_says_why_the_rest_stays(
    officer: Program, incident: str
) -> None:
    found = officer.get(f"/preview/{incident}/cn").json()
    assert found["leaves"] and found["partner"] == "cn"
    assert found["parts"]["summary"]["title"] == INCIDENT["summary"]["title"]
    assert "response" not in found["parts"] and found["unreadable"] == []
    assert {w["part"] for w in found["withheld"]} >= {"response", "source"}
    assert all(clause.startswith("pk-cn/4.") for clause in found["clauses"])
    fits(officer, "/preview/{record}/{partner}", found)


def test_the_preview_shows_nobody_more_than_they_may_read(program: MakeProgram, incident: str) -> None:
    auditor = program("auditor")
    found = auditor.get(f"/preview/{incident}/cn").json()
    own = auditor.get(f"/records/{incident}").json()["parts"]
    assert found["unreadable"] and set(found["unreadable"]).isdisjoint(own)
    for name, value in found["parts"].items():
        assert value == own.get(name)


def test_what_is_not_released_would_not_leave(officer: Program) -> None:
    kept = officer.post("/incidents", {"parts": INCIDENT, "releasable": []}).json()["record"]
    found = officer.get(f"/preview/{kept}/cn").json()
    assert not found["leaves"] and found["parts"] == {} and found["label"] is None
    fits(officer, "/preview/{record}/{partner}", found)


def test_no_preview_of_what_may_not_be_known_of(
    program: MakeProgram, officer: Program, incident: str
) -> None:
    received = receive("incident", WHOLE)
    assert officer.get(f"/preview/{received}/cn").status_code == 404
    assert officer.get(f"/preview/{incident}/xx").status_code == 404
    stranger, nowhere = program("administrator"), "0" * 32
    there, absent = stranger.get(f"/preview/{incident}/cn"), stranger.get(f"/preview/{nowhere}/cn")
    assert there.status_code == absent.status_code == 404
    assert there.content.replace(incident.encode(), nowhere.encode()) == absent.content


def test_what_the_partner_holds(officer: Program, program: MakeProgram) -> None:
    made = [officer.post("/incidents", {"parts": INCIDENT}).json()["record"] for _ in range(3)]
    page = officer.get("/holdings/cn").json()
    fits(officer, "/holdings/{partner}", page)
    listed = [line for line in page["items"] if line["kind"] == "incident"]
    assert [line["record"] for line in listed] == made[::-1]
    assert set(listed[0]["parts"].values()) == {"held"} and not listed[0]["arrived"]
    one = officer.get(f"/holdings/cn?record={made[0]}&status=held").json()["items"]
    assert [line["record"] for line in one] == [made[0]]
    hidden = program("administrator").get("/holdings/cn").json()["items"]
    assert not [line for line in hidden if line["kind"] == "incident"]
    assert officer.get("/holdings/xx").status_code == 404
    for query in ("status=gone", "cursor=x", "cursor=-1", "cursor=" + "9" * 30, "limit=5"):
        assert officer.get(f"/holdings/cn?{query}").status_code == 400, query


def test_the_ledgers_head(officer: Program, program: MakeProgram) -> None:
    before = officer.get("/ledger").json()
    fits(officer, "/ledger", before)
    assert before["party"] == "pk" and len(before["root"]) == 64
    (link,) = before["partners"]
    assert link["partner"] == "cn" and link["cosigned"] == 0 and link["state"] == "never"
    stored = officer.post("/incidents", {"parts": INCIDENT}).json()
    after = officer.get("/ledger").json()
    assert after["size"] > stored["ledger_index"] >= before["size"] and after["root"] != before["root"]
    assert program("warden").get("/ledger").status_code == 404


def test_a_received_incident_can_be_claimed_about_and_not_changed(officer: Program) -> None:
    received = receive("incident", WHOLE)
    found = officer.get(f"/incidents/{received}").json()
    assert found["originator"] == "cn" and found["agreement"] == "pk-cn"
    claim = {"figure": {"what": "killed", "best": 3}, "source": {"outlet": "Police", "party": "host"}}
    assert officer.post(f"/incidents/{received}/claims", {"parts": claim}).status_code == 201
    answer = officer.patch(f"/incidents/{received}", {"parts": {"method": None}}, If_Match='"1"')
    assert answer.status_code == 403 and "originator" in answer.json()["detail"]


def test_the_agreement_and_its_clause(officer: Program) -> None:
    names = {view["name"]: view for view in officer.get("/agreements").json()["items"]}
    assert names["pk-cn"]["parties"] == {"host": "pk", "partner": "cn"} and not names["pk-cn"]["house"]
    (clause,) = officer.get("/agreements/pk-cn/clauses").json()["items"]
    assert clause["status"] == "agreed" and clause["texts"][0]["stances"] == {"pk": "agreed", "cn": "agreed"}
