"""Wrong, huge, truncated and hostile input: a problem says what is wrong, and nothing is stored."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.api.gate import FILE_LIMIT, JSON_LIMIT
from safeconduct.records import here

from .conftest import INCIDENT, MakeProgram, Program


def stored() -> int:
    found = here.tables().one("SELECT count(*) FROM records_row WHERE kind IN ('incident', 'claim')", [])
    return int(found[0]) if found else 0


def problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json" and answer["Cache-Control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status and body["type"] == f"urn:safeconduct:problem:{kind}"
    assert body["title"] and body["detail"] and body["instance"].startswith("/api/v1/")
    return body


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"parts": {',
        json.dumps({"parts": INCIDENT}).encode()[:-20],
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"NaN",
        b'{"parts": {"people": {"killed_best": Infinity}}}',
        b'{"parts": {"where": {"latitude": 1e999, "longitude": 0}}}',
        b'{"parts": {}, "parts": {}}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"1" * 5_000,
        b"{} {}",
        b"'parts'",
    ],
)
def test_what_is_not_json(officer: Program, body: bytes) -> None:
    problem(officer.post("/incidents", body), 400, "bad-request")
    assert stored() == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", "#"),
        (b"null", "#"),
        (b"[]", "#"),
        (b'"text"', "#"),
        ({}, "#/parts"),
        ({"parts": 7}, "#/parts"),
        ({"parts": INCIDENT, "state": "closed"}, "#/state"),
        ({"parts": {**INCIDENT, "secret": {}}}, "#/parts/secret"),
        ({"parts": {**INCIDENT, "a/b~c": {}}}, "#/parts/a~1b~0c"),
        ({"parts": {"summary": {**INCIDENT["summary"], "title": "x" * 201}}}, "#/parts/summary/title"),
        ({"parts": {"summary": {**INCIDENT["summary"], "title": "\ud800"}}}, "#/parts/summary/title"),
        ({"parts": {"summary": {**INCIDENT["summary"], "id": 1}}}, "#/parts/summary/id"),
        ({"parts": {"people": {"killed_best": 10**400}}}, "#/parts/people/killed_best"),
        ({"parts": {"people": {"killed_best": -1}}}, "#/parts/people/killed_best"),
        ({"parts": {"people": {"killed_low": 3, "killed_best": 2}}}, "#/parts/people"),
        ({"parts": {"where": {"latitude": 91, "longitude": 0}}}, "#/parts/where/latitude"),
        ({"parts": INCIDENT, "levels": {"summary": "TOP"}}, "#/levels/summary"),
        ({"parts": INCIDENT, "levels": {"summary": 3}}, "#/levels/summary"),
        ({"parts": INCIDENT, "releasable": "cn"}, "#/releasable"),
    ],
)
def test_what_does_not_fit(officer: Program, body: Any, pointer: str) -> None:
    found = problem(officer.post("/incidents", body), 422, "invalid")
    assert pointer in [error["pointer"] for error in found["errors"]], found
    assert stored() == 0


@pytest.mark.parametrize(
    "body",
    [
        {"parts": INCIDENT, "releasable": ["nobody"]},
        {"parts": INCIDENT, "levels": {"nothing": "OPEN"}},
    ],
)
def test_what_the_writer_finds_out_of_place(officer: Program, body: Any) -> None:
    problem(officer.post("/incidents", body), 400, "bad-request")
    assert stored() == 0


def test_a_stage_that_does_not_follow(officer: Program, incident: str) -> None:
    body = {"stage": "immediate"}
    problem(officer.patch(f"/incidents/{incident}", body, If_Match='"1"'), 422, "invalid")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "", "application/xml", "multipart/form-data; boundary=x"]
)
def test_another_media_type(officer: Program, media_type: str) -> None:
    body = json.dumps({"parts": INCIDENT}).encode()
    answer = officer.client.generic("POST", "/api/v1/incidents", body, content_type=media_type)
    problem(answer, 415, "media-type")
    assert stored() == 0


def test_a_body_that_is_too_large(officer: Program, incident: str) -> None:
    before = stored()
    problem(officer.post("/incidents", b" " * (JSON_LIMIT + 1)), 413, "too-large")
    path = f"/api/v1/records/{incident}/attachments?name=a.txt"
    answer = officer.client.post(path, b"a" * (FILE_LIMIT + 1), content_type="text/plain")
    problem(answer, 413, "too-large")
    just_read = officer.client.post(path, b"a" * FILE_LIMIT, content_type="text/plain")
    problem(just_read, 422, "attachment-refused")
    assert stored() == before


@pytest.mark.parametrize("announced", ["99999999999999999999", str(JSON_LIMIT + 1)])
def test_an_announced_length_that_is_not_so(officer: Program, announced: str) -> None:
    answer = officer.client.generic(
        "POST",
        "/api/v1/incidents",
        b'{"parts":{}}',
        content_type="application/json",
        CONTENT_LENGTH=announced,
    )
    problem(answer, 413, "too-large")
    assert stored() == 0


def _cursor(*pieces: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(pieces).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "cursor=!!!",
        "cursor=" + "A" * 500,
        "cursor=" + _cursor("time", 1.0, "a"),
        "cursor=" + _cursor("at", 1.0),
        "cursor=" + _cursor("at", "x", "a"),
        "cursor=" + _cursor("at", 1.0, 7),
        "cursor=" + _cursor("at", None, "a"),
        "cursor=" + base64.urlsafe_b64encode(b"[" * 250).decode().rstrip("="),
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=1&limit=2",
        "sort=id",
        "sort=at;drop",
        "descending=maybe",
        "since=yesterday",
        "since=2024-10-06T00:00:00",
        "until=99999-01-01T00:00:00Z",
        "bbox=1,2,3",
        "bbox=a,b,c,d",
        "bbox=0,10,0,-10",
        "bbox=0,0,0,nan",
        "bbox=0,0,inf,1",
        "bbox=-181,0,0,1",
        "text=" + "x" * 201,
        "stat=open",
        "kind=claim",
    ],
)
def test_a_query_that_makes_no_sense(officer: Program, incident: str, query: str) -> None:
    problem(officer.get(f"/incidents?{query}"), 400, "bad-request")


@pytest.mark.parametrize(
    "query",
    [
        "text=%00",
        "text=%22",
        "text=a%22%20OR%201",
        "text=*",
        "text=%ED%A0%80",
        "place=%27--",
        "state=%25",
        "category=%00",
    ],
)
def test_hostile_words_find_nothing(officer: Program, incident: str, query: str) -> None:
    answer = officer.get(f"/incidents?{query}")
    assert answer.status_code in (200, 400), answer.content
    if answer.status_code == 200:
        assert answer.json()["items"] == []


@pytest.mark.parametrize(
    "record", ["%00", "..%2F..", "x" * 5000, "%F0%9F%92%A3", "'--", "a%2Fb", "%ED%A0%80"]
)
def test_hostile_ids(officer: Program, record: str) -> None:
    for path in ("/incidents/{}", "/records/{}", "/attachments/{}/content"):
        assert officer.get(path.format(record)).status_code == 404


def test_methods_that_are_not_there(officer: Program, incident: str) -> None:
    for method, path in (
        ("DELETE", f"/incidents/{incident}"),
        ("PUT", "/incidents"),
        ("POST", "/me"),
    ):
        answer = officer.send(method, path, b"")
        assert answer.status_code == 405 and "GET" in answer["Allow"]
    problem(officer.send("DELETE", "/me", b""), 405, "method")


def test_a_fault_of_our_own_tells_nothing(
    officer: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from safeconduct.api import incidents

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("in the cellar")

    monkeypatch.setattr(incidents.finding, "find", broken)
    found = problem(officer.get("/incidents"), 500, "internal")
    assert "cellar" not in json.dumps(found)


def test_a_writer_that_is_gone(officer: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from safeconduct.records.door import Door
    from safeconduct.records.refusals import Unavailable

    def gone(*_: object) -> None:
        raise Unavailable("gone")

    monkeypatch.setattr(Door, "call", gone)
    answer = officer.post("/incidents", {"parts": INCIDENT})
    problem(answer, 503, "unavailable")
    assert int(answer["Retry-After"]) > 0


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["parts", "levels", "summary", "title", "when", "start", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=anything)
def test_no_body_breaks_the_api(officer: Program, body: Any) -> None:
    from safeconduct.api.rates import RATES

    RATES.forget()
    assert officer.post("/incidents", body).status_code in (201, 400, 403, 422)


def test_a_token_asks_only_so_often(program: MakeProgram) -> None:
    from safeconduct.api.rates import Rates

    rates = Rates()
    assert [rates.wait(1, 60, now=0.0) for _ in range(11)] == [0] * 10 + [1]
    assert rates.wait(2, 60, now=0.0) == 0
    assert rates.wait(1, 60, now=0.5) == 1
    assert rates.wait(1, 60, now=1.0) == 0
    assert [rates.wait(1, 60, now=100.0) for _ in range(11)] == [0] * 10 + [1]


def test_who_asks_too_often_is_told_when_to_come_back(
    program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safeconduct.api import gate

    monkeypatch.setattr(gate, "per_minute", lambda: 6)
    first, second = program("auditor"), program("auditor")
    assert first.get("/me").status_code == 200
    refused = first.get("/me")
    problem(refused, 429, "too-many")
    assert 1 <= int(refused["Retry-After"]) <= 10
    assert second.get("/me").status_code == 200
