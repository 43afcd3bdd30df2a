"""The registry over the API: sites, persons, arrivals and departures, headcounts with their age and basis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home

from .conftest import MakeProgram, Program
from .journey_programs import moment
from .test_bodies import problem


@pytest.fixture
def node(partner_home: Home) -> Iterator[Home]:
    """A node with the Partner Party's house rules: the registry is that party's."""
    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield partner_home


@pytest.fixture
def manager(program: MakeProgram) -> Program:
    return program("coordinator")


def stored(kind: str) -> int:
    found = here.tables().one("SELECT count(*) FROM records_row WHERE kind = %s", [kind])
    return int(found[0]) if found else 0


def site(program: Program, name: str = "Port", district: str = "Gwadar") -> str:
    parts = {"identity": {"name": name}, "place": {"district": district}}
    answer = program.post("/sites", {"parts": parts})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["record"])


def person(program: Program, name: str = "Li Na") -> str:
    answer = program.post("/persons", {"parts": {"name": {"name": name}, "link": {"account": "li-na"}}})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["record"])


def counts(program: Program, query: str = "") -> dict[str, Any]:
    answer = program.get(f"/headcounts{query}")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_sites_and_persons_are_entered_and_amended(manager: Program) -> None:
    port, who = site(manager), person(manager)
    found = manager.get(f"/records/{port}").json()
    assert found["kind"] == "site" and found["parts"]["place"]["district"] == "Gwadar"
    change = {"parts": {"identity": {"name": "Deep sea port"}}, "levels": {"identity": "CONFIDENTIAL"}}
    problem(manager.patch(f"/sites/{port}", change), 428, "precondition")
    assert manager.patch(f"/sites/{port}", change, If_Match='"1"').json()["version"] == 2
    problem(manager.patch(f"/sites/{port}", change, If_Match='"1"'), 412, "conflict")
    assert manager.get(f"/records/{port}").json()["levels"]["identity"] == "CONFIDENTIAL"
    assert manager.get(f"/records/{who}").json()["releasable"] == [], "persons themselves do not cross"
    changed = manager.patch(f"/persons/{who}", {"parts": {"contact": {"phone": "1"}}}, If_Match='"1"')
    assert changed.status_code == 200
    crossed = manager.patch(f"/persons/{port}", {"parts": {"contact": {"phone": "1"}}}, If_Match='"2"')
    assert crossed.status_code in (400, 404) and manager.get(f"/records/{port}").json()["version"] == 2


def test_a_stay_ends_where_the_next_begins(manager: Program) -> None:
    port, camp, who = site(manager), site(manager, "Camp", "Kech"), person(manager)
    arrival = {"person": who, "site": port, "since": moment(-8)}
    first = manager.post("/presences", arrival)
    assert first.status_code == 201
    again = manager.post("/presences", {**arrival, "since": moment(-7)})
    assert again.json()["record"] == first.json()["record"] and stored("presence") == 1
    manager.post("/presences", {"person": who, "site": camp, "since": moment(-4)})
    by_site = {each["site"]: each for each in counts(manager)["sites"]}
    assert not by_site[port]["count"] and by_site[camp]["count"] == 1
    assert by_site[camp]["basis"] == "named" and by_site[camp]["named"] == 1
    problem(manager.post("/presences", {**arrival, "since": moment(-6)}), 422, "invalid")
    problem(manager.post("/presences", {**arrival, "since": moment(5)}), 422, "invalid")
    assert manager.post(f"/persons/{who}/departure", {"until": moment(-1)}).status_code == 200
    problem(manager.post(f"/persons/{who}/departure", {"until": moment(0)}), 400, "bad-request")
    problem(manager.post("/persons/none/departure", {"until": moment(0)}), 404, "not-found")
    problem(manager.post("/presences", {**arrival, "site": "none"}), 404, "not-found")


def test_headcounts_say_how_old_they_are_and_on_what_they_rest(manager: Program) -> None:
    port, camp, mine = site(manager), site(manager, "Camp", "Kech"), site(manager, "Mine", "Kech")
    who, at = person(manager), moment(-3)
    figure = {"count": 40, "as_of": at}
    body = {"site": port, "figure": figure}
    first = manager.post("/headcounts", body, Idempotency_Key="c")
    again = manager.post("/headcounts", body, Idempotency_Key="c")
    assert first.status_code == 201 and first.content == again.content and stored("headcount") == 1
    manager.post("/presences", {"person": who, "site": camp, "since": moment(-2)})
    found = counts(manager)
    document = manager.get("/openapi.json").json()
    described = document["paths"]["/api/v1/headcounts"]["get"]["responses"]["200"]["content"]
    schema = described["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(found)
    by_site = {each["site"]: each for each in found["sites"]}
    assert by_site[port]["count"] == 40 and by_site[port]["basis"] == "returned"
    assert by_site[port]["as_of"][:19] == at[:19]
    assert by_site[mine]["count"] is None and by_site[mine]["as_of"] is None
    districts = {each["district"]: each for each in found["districts"]}
    assert districts["Kech"]["count"] == 1 and districts["Kech"]["unknown"] == 1
    assert found["total"]["count"] == 41 and found["total"]["sites"] == 3
    assert [each["site"] for each in counts(manager, "?district=Gwadar")["sites"]] == [port]
    older = {"site": port, "figure": {"count": 9, "as_of": moment(-5)}}
    problem(manager.post("/headcounts", older), 400, "bad-request")


def test_roles_that_may_not(program: MakeProgram, manager: Program) -> None:
    port, who = site(manager), person(manager)
    manager.post("/headcounts", {"site": port, "figure": {"count": 7, "as_of": moment(-1)}})
    for role in ("liaison", "auditor", "administrator", "warden"):
        other = program(role)
        for path, body in (
            ("/sites", {"parts": {"identity": {"name": "X"}, "place": {"district": "Y"}}}),
            ("/persons", {"parts": {"name": {"name": "X"}}}),
            ("/presences", {"person": who, "site": port, "since": moment(-1)}),
            ("/headcounts", {"site": port, "figure": {"count": 1, "as_of": moment(0)}}),
            (f"/persons/{who}/departure", {"until": moment(0)}),
        ):
            answer = other.post(path, body)
            assert answer.status_code in (400, 403, 404), (role, path, answer.content)
    assert (stored("site"), stored("person"), stored("presence"), stored("headcount")) == (1, 1, 0, 1)
    (seen,) = counts(program("auditor"))["sites"]
    assert seen["count"] == 7 and seen["basis"] == "stated" and seen["named"] is None
    assert counts(program("administrator"))["sites"] == []


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/sites", {}, "#/parts"),
        ("/sites", {"parts": {"identity": {"name": "X"}}}, "#/parts/place"),
        ("/sites", {"parts": {"identity": {"name": "X" * 201}}}, "#/parts/identity/name"),
        ("/sites", {"parts": {"place": {"district": "X", "latitude": 1}}}, "#/parts/place"),
        ("/sites", {"parts": {"place": {"district": "X", "boundary": [[0, 0]]}}}, "#/parts/place/boundary"),
        ("/sites", {"parts": {}, "state": "ended"}, "#/state"),
        ("/persons", {"parts": {"name": {"name": ""}}}, "#/parts/name/name"),
        ("/persons", {"parts": {"passport": {}}}, "#/parts/passport"),
        ("/persons", {"parts": {}, "releasable": ["cn"]}, "#/releasable"),
        ("/presences", {"person": "x", "site": "y", "since": "today"}, "#/since"),
        ("/presences", {"person": "x" * 65, "site": "y", "since": "2026-01-01T00:00:00Z"}, "#/person"),
        (
            "/headcounts",
            {"site": "x", "figure": {"count": -1, "as_of": "2026-01-01T00:00:00Z"}},
            "#/figure/count",
        ),
        ("/headcounts", {"site": "x", "figure": {"count": 10**40, "as_of": "x"}}, "#/figure/as_of"),
    ],
)
def test_bodies_that_do_not_fit(manager: Program, path: str, body: Any, pointer: str) -> None:
    found = problem(manager.post(path, body), 422, "invalid")
    assert pointer in [error["pointer"] for error in found["errors"]], found
    assert stored("site") == stored("person") == stored("headcount") == 0


def test_hostile_words_find_nothing(manager: Program) -> None:
    site(manager)
    for query in ("district=%27--", "district=%00", "district=%25"):
        answer = manager.get(f"/headcounts?{query}")
        assert answer.status_code in (200, 400) and not answer.json().get("sites")
    for query in ("district=" + "x" * 201, "place=Gwadar", "district=a&district=b"):
        problem(manager.get(f"/headcounts?{query}"), 400, "bad-request")
