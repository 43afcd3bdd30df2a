"""Who gets nothing, and what that nothing looks like."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from safeconduct.people import tokens
from safeconduct.people.models import Token

from .conftest import INCIDENT, MakeProgram, Program

NOWHERE = "0" * 32
CLAIM = {"figure": {"what": "killed", "best": 2}, "source": {"outlet": "Daily", "party": "press"}}


def reads(incident: str) -> list[tuple[str, str, object]]:
    return [
        ("GET", f"/incidents/{incident}", b""),
        ("GET", f"/records/{incident}", b""),
        ("GET", f"/incidents/{incident}/claims", b""),
        ("GET", f"/records/{incident}/attachments", b""),
        ("GET", f"/attachments/{incident}/content", b""),
        ("PATCH", f"/incidents/{incident}", {"parts": {"method": None}}),
        ("POST", f"/incidents/{incident}/claims", {"parts": CLAIM}),
        ("POST", f"/claims/{incident}/retraction", b""),
        ("GET", f"/incidents/{incident}/same-event", b""),
        ("POST", f"/incidents/{incident}/same-event", {"other": NOWHERE, "word": "same"}),
        ("POST", f"/records/{incident}/attachments?name=a.txt", b"text"),
    ]


@pytest.mark.parametrize("number", range(len(reads(""))))
def test_what_may_not_be_known_of_is_not_there(program: MakeProgram, incident: str, number: int) -> None:
    """Byte for byte, but for the path that was asked for; headers too."""
    stranger = program("administrator")

    def asked(record: str) -> tuple[int, bytes, dict[str, str]]:
        method, path, body = reads(record)[number]
        answer = stranger.send(method, path, body, If_Match='"1"')
        return answer.status_code, answer.content.replace(record.encode(), b"ID"), dict(answer.headers)

    assert asked(incident) == asked(NOWHERE)


def test_the_ledger_grows_alike_for_what_is_hidden_and_what_is_not_there(
    program: MakeProgram, incident: str
) -> None:
    """Its size is open to some who may not know of the record."""
    stranger = program("administrator")

    def growth(record: str) -> int:
        before = stranger.get("/ledger").json()["size"]
        assert stranger.get(f"/records/{record}").status_code == 404
        return int(stranger.get("/ledger").json()["size"]) - before

    assert growth(incident) == growth(NOWHERE) == growth("x" * 3000) == 1


def test_not_found_says_nothing(program: MakeProgram, incident: str) -> None:
    answer = program("administrator").get(f"/incidents/{incident}")
    assert answer.status_code == 404 and answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:safeconduct:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such thing here, or none that you may know of.",
        "instance": f"/api/v1/incidents/{incident}",
    }


def test_a_refusal_names_its_reason(program: MakeProgram, incident: str) -> None:
    """A liaison officer knows of the incident and may not write it."""
    answer = program("liaison").patch(
        f"/incidents/{incident}", {"parts": {"summary": INCIDENT["summary"]}}, If_Match='"1"'
    )
    problem = answer.json()
    assert answer.status_code == problem["status"] == 403
    assert problem["type"] == "urn:safeconduct:problem:refused" and "no grant" in problem["detail"]
    assert problem["clauses"] == []


def test_a_refusal_names_the_clause_that_would_allow_it(program: MakeProgram, incident: str) -> None:
    """The rule about our incidents is suspended: reading is now what it would allow."""
    from conftest import SIGNATORY_KEY
    from safeconduct.node.signing_here import act
    from safeconduct.records import here

    officer = program("watch_officer")
    act("house", "H1", "suspended", SIGNATORY_KEY, None, here.door())
    answer = officer.post("/incidents", {"parts": INCIDENT})
    assert answer.status_code == 403
    assert {"grant": "house/H1.1", "status": "suspended"} in answer.json()["clauses"]
    assert officer.get(f"/incidents/{incident}").status_code == 404


def test_without_a_token_nothing_opens(incident: str) -> None:
    nobody = Client(SERVER_NAME="localhost")
    for path in ("/incidents", f"/incidents/{incident}", f"/incidents/{NOWHERE}", "/me", "/nowhere", "/"):
        answer = nobody.get(f"/api/v1{path}")
        assert answer.status_code in ((401, 404) if path in ("/nowhere", "/") else (401,))
        assert answer["Content-Type"] == "application/problem+json"
        if answer.status_code == 401:
            assert "Bearer" in answer["WWW-Authenticate"] and "Basic" in answer["WWW-Authenticate"]
    assert nobody.post("/api/v1/incidents", b"{", content_type="application/json").status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer sc_aaaaaaaaaa_" + "A" * 43,
        "Basic !!!",
        "Basic YTpi",
        "Digest x",
    ],
)
def test_a_wrong_token_opens_nothing(officer: Program, header: str) -> None:
    answer = officer.get("/me", Authorization=header)
    assert answer.status_code == 401 and answer["Content-Type"] == "application/problem+json"


def test_a_token_ends(officer: Program) -> None:
    assert officer.get("/me").status_code == 200
    Token.objects.filter(pk=officer.token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert officer.get("/me").status_code == 401
    Token.objects.filter(pk=officer.token.pk).update(expires_at=timezone.now() + timedelta(days=1))
    assert officer.get("/me").status_code == 200
    tokens.revoke(officer.token)
    assert officer.get("/me").status_code == 401


def test_a_locked_account_takes_its_tokens_along(officer: Program) -> None:
    officer.account.locked = True
    officer.account.save()
    assert officer.get("/me").status_code == 401


def test_a_reading_token_changes_nothing(program: MakeProgram) -> None:
    reader = program("watch_officer", scope="read")
    answer = reader.post("/incidents", {"parts": INCIDENT})
    assert answer.status_code == 403 and answer["Content-Type"] == "application/problem+json"
    assert reader.get("/incidents").json()["items"] == []


def test_a_token_has_no_more_than_its_roles(program: MakeProgram, incident: str) -> None:
    """The owner is a watch officer, the token an auditor's."""
    narrow = program("watch_officer", "auditor", only=("auditor",))
    assert set(narrow.get(f"/incidents/{incident}").json()["parts"]) == {"summary", "when"}
    assert narrow.post("/incidents", {"parts": INCIDENT}).status_code == 403


def test_a_browser_session_opens_nothing(officer: Program) -> None:
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(officer.account, "allauth.account.auth_backends.AuthenticationBackend")
    assert browser.get("/api/v1/me").status_code == 401
    posted = browser.post(
        "/api/v1/incidents", json.dumps({"parts": INCIDENT}), content_type="application/json"
    )
    assert posted.status_code == 401


def test_no_other_sites_page_may_ask(officer: Program) -> None:
    for method in ("get", "options"):
        answer = getattr(officer.client, method)(
            "/api/v1/incidents", headers={"Origin": "https://evil.example"}
        )
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
