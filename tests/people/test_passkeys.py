"""Passkeys: one opens the account by itself, and only from the hand and the place that it was made for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client, override_settings

from safeconduct.people.models import Account

from .authenticator import Authenticator
from .conftest import PASSWORD, MakeAccount, SignIn, new_browser

SIGN_IN = "/accounts/passkeys/sign-in/"


def options(browser: Client, address: str) -> dict[str, Any]:
    page = browser.get(address).content.decode()
    found = re.search(r'<script id="passkey-options" type="application/json">(.*?)</script>', page)
    assert found, page
    answer: dict[str, Any] = json.loads(found[1])
    return answer


def enrol(browser: Client, key: Authenticator | None = None) -> Authenticator:
    key = key or Authenticator()
    browser.post("/accounts/confirm/", {"password": PASSWORD})
    asked = options(browser, "/accounts/passkeys/add/")
    selection = asked["publicKey"]["authenticatorSelection"]
    assert selection["residentKey"] == selection["userVerification"] == "required"
    answer = browser.post("/accounts/passkeys/add/", {"name": "Phone", "credential": key.create(asked)})
    assert answer.status_code == 302, answer.content.decode()
    return key


def use(browser: Client, key: Authenticator, **how: Any) -> bool:
    browser.post(SIGN_IN, {"credential": key.get(options(browser, SIGN_IN), **how)})
    return bool(browser.get("/account/").status_code == 200)


def test_a_passkey_opens_the_account_by_itself(person: MakeAccount, sign_in: SignIn) -> None:
    key = enrol(sign_in(person("sana", "coordinator")))
    with override_settings(SECOND_FACTOR_REQUIRED=True):
        browser = new_browser()
        assert use(browser, key)
        assert browser.get("/account/").wsgi_request.user.username == "sana"  # type: ignore[attr-defined]


def test_it_opens_an_account_that_is_closed_to_passwords(person: MakeAccount, sign_in: SignIn) -> None:
    key = enrol(sign_in(person("sana")))
    for _ in range(6):
        new_browser("10.0.0.1").post("/accounts/login/", {"login": "sana", "password": "wrong-wrong"})
    answer = new_browser().post("/accounts/login/", {"login": "sana", "password": PASSWORD})
    assert answer.status_code == 200
    assert use(new_browser(), key)


def test_a_password_then_asks_for_it(person: MakeAccount, sign_in: SignIn) -> None:
    key = enrol(sign_in(person("sana")))
    browser = new_browser()
    browser.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
    assert browser.get("/account/").status_code == 302
    asked = options(browser, "/accounts/2fa/sign-in/")
    assert browser.post("/accounts/2fa/sign-in/", {"credential": key.get(asked)}).status_code == 302
    assert browser.get("/account/").status_code == 200


def test_an_answer_works_once(person: MakeAccount, sign_in: SignIn) -> None:
    key = enrol(sign_in(person("sana")))
    browser = new_browser()
    answer = key.get(options(browser, SIGN_IN))
    assert browser.post(SIGN_IN, {"credential": answer}).status_code == 302
    browser.post("/accounts/logout/")
    browser.post(SIGN_IN, {"credential": answer})
    assert browser.get("/account/").status_code == 302


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost.evil.example", "http://evil.localhost.x"]
)
def test_an_answer_from_another_site_is_refused(person: MakeAccount, sign_in: SignIn, origin: str) -> None:
    key = enrol(sign_in(person("sana")))
    key.origin = origin
    assert not use(new_browser(), key)


def test_a_key_that_did_not_check_its_holder_is_refused(person: MakeAccount, sign_in: SignIn) -> None:
    key = enrol(sign_in(person("sana")))
    assert not use(new_browser(), key, verified=False)


def test_a_key_opens_only_its_own_account(person: MakeAccount, sign_in: SignIn) -> None:
    sana, wei = person("sana"), person("wei")
    key, other = enrol(sign_in(sana)), enrol(sign_in(wei))
    assert not use(new_browser(), key, user=other.user)
    assert not use(new_browser(), key, user=b"not-a-uuid")
    assert not use(new_browser(), key, user=b"\xff\xfe")


def test_an_unknown_or_garbled_key_is_refused(person: MakeAccount, sign_in: SignIn) -> None:
    key = enrol(sign_in(person("sana")))
    stranger = Authenticator()
    stranger.user = key.user
    assert not use(new_browser(), stranger)
    good = json.loads(key.get(options(new_browser(), SIGN_IN)))
    rubbish = ["", "{}", "[]", "null", '{"response": {}}', "x" * 5000, '{"id": 1, "response": "x"}']
    for part in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
        for value in (None, 7, "", "!", "AAAA", {"a": []}):
            response = {**good["response"], part: value}
            rubbish.append(json.dumps({**good, "response": response}))
    for credential in rubbish:
        browser = new_browser(f"10.1.{len(credential) % 250}.{hash(credential) % 250}")
        options(browser, SIGN_IN)
        assert browser.post(SIGN_IN, {"credential": credential}).status_code == 302
        assert browser.get("/account/").status_code == 302


@pytest.mark.parametrize("rubbish", ["", "{}", "[]", '{"id": 1}', '{"rawId": "AA", "response": {}}'])
def test_rubbish_enrols_nothing(person: MakeAccount, sign_in: SignIn, rubbish: str) -> None:
    browser = sign_in(person("sana"))
    browser.post("/accounts/confirm/", {"password": PASSWORD})
    options(browser, "/accounts/passkeys/add/")
    assert browser.post("/accounts/passkeys/add/", {"credential": rubbish}).status_code == 200


def test_a_removed_key_and_a_locked_account_stay_out(person: MakeAccount, sign_in: SignIn) -> None:
    account = person("sana")
    browser = sign_in(account)
    key, gone = enrol(browser), enrol(browser)
    page = browser.get("/accounts/passkeys/").content.decode()
    removals = sorted(re.findall(r"/accounts/passkeys/\d+/remove/", page))
    assert browser.post(removals[-1]).status_code == 302
    assert use(new_browser(), key)
    assert not use(new_browser(), gone)
    Account.objects.filter(pk=account.pk).update(locked=True)
    assert not use(new_browser(), key)


def test_adding_a_key_asks_whether_it_is_still_the_same_person(person: MakeAccount, sign_in: SignIn) -> None:
    browser = sign_in(person("sana"))
    assert browser.get("/accounts/passkeys/add/")["Location"].startswith("/accounts/confirm/")
    answer = browser.post("/accounts/passkeys/add/", {"name": "x", "credential": "{}"})
    assert answer["Location"].startswith("/accounts/confirm/")


def test_two_nodes_under_one_host_name_never_share_a_user_handle(
    person: MakeAccount, sign_in: SignIn
) -> None:
    handles = {enrol(sign_in(person(name))).user for name in ("sana", "wei")}
    assert len(handles) == 2 and all(len(handle) == 32 for handle in handles)
