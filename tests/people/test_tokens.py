"""Tokens for programs: some roles, until a day, never more than their owner."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from hashlib import sha256

import pytest
from django.test import Client, override_settings
from django.utils import timezone

import ready
from safeconduct.people import roles, tokens
from safeconduct.people.models import Account, Token
from safeconduct.people.tokens import TokenRefused
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject

from .conftest import PASSWORD, MakeAccount, SignIn, new_browser


def issue(account: Account, *names: str, scope: str = "read", days: float = 30) -> str:
    return tokens.issue(account, "map", names, scope, timezone.now() + timedelta(days=days))[1]


def test_a_token_stands_for_some_of_the_roles(person: MakeAccount) -> None:
    account = person("sana", "analyst", "liaison", clearance=2)
    bearer = tokens.present(issue(account, "analyst"))
    assert bearer is not None and bearer.principal.roles == {"analyst"}
    assert bearer.principal.person == account.person and bearer.principal.clearance == 2
    assert not bearer.may_write
    wide = tokens.present(issue(account, "analyst", scope="write"))
    assert wide is not None and wide.may_write


def test_the_text_is_not_in_the_database(person: MakeAccount, node: Home) -> None:
    text = issue(person("sana", "analyst"), "analyst")
    secret = text[-43:].encode()
    kept = Token.objects.get()
    assert bytes(kept.digest) == sha256(text.encode()).digest()
    held = ready.bytes_of(node)
    assert secret not in held and bytes(kept.digest) in held


@pytest.mark.parametrize(
    ("wanted", "scope", "days"),
    [
        ([], "read", 30),
        (["coordinator"], "read", 30),
        (["analyst", "coordinator"], "read", 30),
        (["analyst"], "admin", 30),
        (["analyst"], "read", 400),
        (["analyst"], "read", -1),
    ],
)
def test_what_cannot_be_had(person: MakeAccount, wanted: list[str], scope: str, days: float) -> None:
    with pytest.raises(TokenRefused):
        issue(person("sana", "analyst"), *wanted, scope=scope, days=days)
    assert not Token.objects.exists()


def test_no_token_goes_round_the_second_factor(person: MakeAccount) -> None:
    with override_settings(SECOND_FACTOR_REQUIRED=True), pytest.raises(TokenRefused):
        issue(person("sana", "coordinator"), "coordinator")


def test_a_token_dies_on_its_day(person: MakeAccount) -> None:
    text = issue(person("sana", "analyst"), "analyst")
    Token.objects.update(expires_at=timezone.now())
    assert tokens.present(text) is None


def test_a_token_dies_with_a_revocation_a_lock_or_its_roles(person: MakeAccount) -> None:
    account = person("sana", "analyst")
    text, other = issue(account, "analyst"), issue(account, "analyst")
    tokens.revoke(Token.objects.get(prefix=text.split("_")[1]))
    assert tokens.present(text) is None and tokens.present(other) is not None
    Account.objects.update(locked=True)
    assert tokens.present(other) is None
    Account.objects.update(locked=False)
    administrator = system_subject("pk")._replace(roles=frozenset({"administrator"}))
    roles.end_role(administrator, roles.assignments(administrator, account.person)[0].record)
    assert tokens.present(other) is None


def test_a_wrong_token_opens_nothing(person: MakeAccount) -> None:
    text = issue(person("sana", "analyst"), "analyst")
    last = "A" if text[-1] != "A" else "B"
    wrong = [
        text[:-1] + last,
        text[:-1],
        text + "A",
        text.upper(),
        text + "\n",
        text.replace("sc_", "sd_"),
        "",
        "sc__",
        "\ud800",
        "sc_" + "a" * 10 + "_" + "A" * 43,
    ]
    assert [w for w in wrong if tokens.present(w)] == []


def test_the_header_in_its_two_forms() -> None:
    basic = base64.b64encode(b"anyone:sc_x").decode()
    assert tokens.from_header("Bearer sc_x") == tokens.from_header(f"Basic {basic}") == "sc_x"
    assert tokens.from_header("bearer  sc_x ") == "sc_x"
    for odd in ("", "Digest x", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Basic"):
        assert not tokens.from_header(odd)


def test_last_use_is_noted_to_the_day(person: MakeAccount) -> None:
    text = issue(person("sana", "analyst"), "analyst")
    tokens.present(text)
    assert Token.objects.get().last_used_on == timezone.now().date()


def test_the_api_refuses_before_any_room_is_asked(person: MakeAccount) -> None:
    account = person("sana", "analyst")
    wrong = new_browser().get("/api/v1/incidents", headers={"Authorization": "Bearer sc_no"})
    assert wrong.status_code == 401 and wrong["Content-Type"] == "application/problem+json"
    assert "Bearer" in wrong["WWW-Authenticate"]
    reading = issue(account, "analyst")
    answer = new_browser().post("/api/v1/incidents", headers={"Authorization": f"Bearer {reading}"})
    assert answer.status_code == 403 and "reading only" in answer.json()["detail"]


def test_a_session_never_writes_through_the_api(person: MakeAccount, sign_in: SignIn) -> None:
    """Another site could make a signed-in browser send a form there."""
    browser = sign_in(person("sana", "analyst"))
    for method in ("post", "put", "patch", "delete"):
        answer = getattr(browser, method)("/api/v1/incidents")
        assert answer.wsgi_request.principal is None and answer.wsgi_request.bearer is None


def make(browser: Client, **fields: object) -> str:
    browser.get("/account/tokens/")
    browser.post("/accounts/confirm/", {"password": PASSWORD})
    day = (timezone.now() + timedelta(days=20)).date().isoformat()
    form = {"name": "map", "scope": "read", "roles": ["analyst"], "expires_on": day, **fields}
    return str(browser.post("/account/tokens/", form).content.decode())


def test_the_page_makes_one_and_shows_it_once(person: MakeAccount, sign_in: SignIn) -> None:
    browser = sign_in(person("sana", "analyst"))
    found = re.search(r"sc_[a-z0-9]{10}_[\w-]{43}", make(browser))
    assert found and tokens.present(found[0]) is not None
    listed = browser.get("/account/tokens/").content.decode()
    assert found[0] not in listed and f"sc_{found[0].split('_')[1]}" in listed
    browser.post(f"/account/tokens/{Token.objects.get().pk}/revoke/")
    assert tokens.present(found[0]) is None


def test_the_page_makes_no_token_of_other_roles_or_for_ever(person: MakeAccount, sign_in: SignIn) -> None:
    browser = sign_in(person("sana", "analyst"))
    make(browser, roles=["coordinator"])
    make(browser, expires_on="2999-01-01")
    make(browser, expires_on="2001-01-01")
    make(browser, roles=[])
    assert not Token.objects.exists()


def test_making_one_asks_whether_it_is_still_the_same_person(person: MakeAccount, sign_in: SignIn) -> None:
    browser = sign_in(person("sana", "analyst"))
    assert browser.get("/account/tokens/")["Location"].startswith("/accounts/confirm/")
    assert browser.post("/account/tokens/", {"name": "x"}).status_code == 302
    assert not Token.objects.exists()


def test_nobody_revokes_a_token_of_another(person: MakeAccount, sign_in: SignIn) -> None:
    text = issue(person("sana", "analyst"), "analyst")
    browser = sign_in(person("wei", "analyst"))
    assert browser.post(f"/account/tokens/{Token.objects.get().pk}/revoke/").status_code == 404
    assert tokens.present(text) is not None
