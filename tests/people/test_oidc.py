"""Single sign-on by the office's own issuer: a linked account comes in, and no lie of a token brings in another."""

from __future__ import annotations

import socket
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.test import Client, override_settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oidc_provider_mock

from safeconduct.node.sign_on import sign_on
from safeconduct.people import oidc, roles, second_person
from safeconduct.people.models import Account, DirectoryLink
from safeconduct.people.principal import principal_of
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home, HomeError

from .conftest import PASSWORD, MakeAccount, SignIn, new_browser
from .issuer import Liar, liar


@pytest.fixture(autouse=True)
def _nothing_discovered() -> Iterator[None]:
    oidc.forget()
    yield
    oidc.forget()


@pytest.fixture
def lies(node: Home) -> Iterator[Liar]:
    with liar() as found, override_settings(OIDC=oidc.Issuer(found.url, "safeconduct", "s3cret", "Office")):
        yield found


def link(account: Account, issuer: str, subject: str = "s-1") -> None:
    DirectoryLink.objects.create(account=account, issuer=issuer, subject=subject)


def signed_in(browser: Client) -> bool:
    return browser.get("/account/").status_code == 200


def test_somebody_linked_signs_in_with_an_issuer_that_others_wrote(person: MakeAccount, node: Home) -> None:
    user = oidc_provider_mock.User(sub="wei@office", claims={"roles": ["administrator"], "email": "wei@x"})
    server = oidc_provider_mock.run_server_in_thread(require_nonce=True, user_claims=(user,))
    with server as running:
        url = f"http://localhost:{running.server_port}"
        with override_settings(OIDC=oidc.Issuer(url, "safeconduct", "s3cret", "Office")):
            account = person("wei", "analyst")
            browser = new_browser()
            assert "/accounts/oidc/" in browser.get("/accounts/login/").content.decode()

            def there_and_back() -> Any:
                left = browser.get("/accounts/oidc/", {"next": "/account/sessions/"})
                asked = parse_qs(urlsplit(left["Location"]).query)
                assert asked["code_challenge_method"] == ["S256"] and asked["scope"] == ["openid"]
                assert asked["response_type"] == ["code"] and asked["nonce"] and asked["state"]
                answer = requests.post(
                    left["Location"], data={"sub": "wei@office"}, allow_redirects=False, timeout=90
                )
                assert answer.status_code == 302, answer.text
                return browser.get(answer.headers["Location"])

            assert there_and_back()["Location"] == "/accounts/login/", "nobody is made by a claim"
            assert Account.objects.count() == 1 and not signed_in(browser)
            link(account, url, "wei@office")
            assert there_and_back()["Location"] == "/account/sessions/"
            assert signed_in(browser) and principal_of(account).roles == {"analyst"}, "nor a role"
            assert account.usersession_set.count() == 1, "the session is listed and revocable as others are"
            account.locked = True
            account.save()
            assert not signed_in(browser)
            assert there_and_back()["Location"] != "/account/sessions/" and not signed_in(browser)


def come_back(browser: Client, lies: Liar, **change: str) -> Any:
    left = browser.get("/accounts/oidc/")
    return browser.get("/accounts/oidc/callback/", {**lies.code_for(left["Location"]), **change})


def test_a_code_comes_with_its_verifier_once(person: MakeAccount, lies: Liar) -> None:
    link(person("sana", "analyst"), lies.url)
    browser = new_browser()
    left = browser.get("/accounts/oidc/")
    back = lies.code_for(left["Location"])
    answer = browser.get("/accounts/oidc/callback/", back)
    assert answer.status_code == 302 and signed_in(browser)
    assert lies.forms[0]["code_verifier"] and lies.forms[0]["redirect_uri"] == [
        "http://localhost/accounts/oidc/callback/"
    ]
    other = new_browser()
    for stranger in (browser, other):
        stranger.post("/accounts/logout/")
        stranger.get("/accounts/oidc/callback/", back)
        assert not signed_in(stranger)
    assert len(lies.forms) == 1, "a state that was used leads nowhere"


LIES: list[dict[str, Any]] = [
    {"claims": {"iss": "https://evil.example"}},
    {"claims": {"aud": "another"}},
    {"claims": {"aud": ["another", "third"]}},
    {"claims": {"aud": ["safeconduct", "another"]}},
    {"claims": {"aud": ["safeconduct", "another"], "azp": "another"}},
    {"claims": {"azp": "another"}},
    {"claims": {"exp": 1_700_000_000}},
    {"claims": {"iat": 4_000_000_000}},
    {"claims": {"nonce": "another"}},
    {"claims": {"sub": ""}},
    {"claims": {"sub": "x" * 300}},
    {"claims": {"sub": ["s-1"]}},
    {"claims": {"sub": "S-1"}},
    {"claims": {"sub": "s-1 "}},
    {"claims": {"exp": "soon"}},
    {"dropped": {"nonce"}},
    {"dropped": {"aud"}},
    {"dropped": {"iss"}},
    {"dropped": {"exp"}},
    {"dropped": {"iat"}},
    {"dropped": {"sub"}},
    {"sign_with": "other"},
    {"sign_with": "none"},
    {"sign_with": "public key as a secret"},
    {"raw": ""},
    {"raw": "a.b.c"},
    {"raw": 7},
    {"raw": "x" * 300_000},
    {"metadata": {"issuer": "https://evil.example"}},
    {"metadata": {"token_endpoint": "http://127.0.0.1:9/token"}},
    {"metadata": {"jwks_uri": "http://localhost.evil.example/keys"}},
    {"metadata": {"authorization_endpoint": "https://evil.example/authorize"}},
    {"metadata": {"jwks_uri": None}},
    {"metadata": {"jwks_uri": "http://[::"}},
]


def test_no_lie_brings_anybody_in(person: MakeAccount, lies: Liar) -> None:
    link(person("sana", "analyst"), lies.url)
    for number, lie in enumerate(LIES):
        lies.be_honest()
        oidc.forget()
        for name, value in lie.items():
            setattr(lies, name, value)
        browser = new_browser(f"192.0.2.{number}")
        left = browser.get("/accounts/oidc/")
        if "state" in left["Location"]:
            browser.get("/accounts/oidc/callback/", lies.code_for(left["Location"]))
        else:
            assert left["Location"] == "/accounts/login/", lie
        assert not signed_in(browser), lie


def test_the_same_without_a_lie_comes_in(person: MakeAccount, lies: Liar) -> None:
    """Else the lies above would prove nothing."""
    link(person("sana", "analyst"), lies.url)
    lies.claims = {"aud": ["safeconduct", "another"], "azp": "safeconduct"}
    browser = new_browser()
    come_back(browser, lies)
    assert signed_in(browser)


def test_who_did_not_leave_does_not_come_back(person: MakeAccount, lies: Liar) -> None:
    link(person("sana", "analyst"), lies.url)
    victim, attacker = new_browser(), new_browser()
    left = attacker.get("/accounts/oidc/")
    answer = victim.get("/accounts/oidc/callback/", lies.code_for(left["Location"]))
    assert answer["Location"] == "/accounts/login/" and not signed_in(victim), (
        "no sign-in is forced on anybody"
    )
    for change in ({"state": "x"}, {"state": "é" * 9_000}, {"error": "access_denied"}, {"code": ""}):
        come_back(victim, lies, **change)
        assert not signed_in(victim)
    come_back(victim, lies, iss="https://evil.example")
    assert not signed_in(victim) and not lies.forms


def test_coming_back_too_late(person: MakeAccount, lies: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    link(person("sana", "analyst"), lies.url)
    browser = new_browser()
    left = browser.get("/accounts/oidc/")
    back = lies.code_for(left["Location"])
    now = time.time()
    monkeypatch.setattr(oidc.time, "time", lambda: now + oidc.LONGEST_WAIT + 1)
    browser.get("/accounts/oidc/callback/", back)
    monkeypatch.undo()
    assert not signed_in(browser)


def test_nobody_is_led_elsewhere(person: MakeAccount, lies: Liar) -> None:
    link(person("sana", "analyst"), lies.url)
    for away in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:evil",
    ):
        browser = new_browser()
        left = browser.get("/accounts/oidc/", {"next": away})
        answer = browser.get("/accounts/oidc/callback/", lies.code_for(left["Location"]))
        assert signed_in(browser) and answer["Location"] == "/", away


NONSENSE = {
    "led away": (302, b"https://evil.example/"),
    "a list": (200, b"[]"),
    "cut": (200, b"{"),
    "deep": (200, b"[" * 100_000),
    "huge": (200, b" " * 300_000 + b"{}"),
    "broken": (500, b"{}"),
    "bytes": (200, b"\xff\xfe"),
}


def test_an_issuer_that_answers_nonsense(person: MakeAccount, lies: Liar) -> None:
    for what, answer in NONSENSE.items():
        lies.answer = answer
        oidc.forget()
        browser = new_browser()
        assert browser.get("/accounts/oidc/")["Location"] == "/accounts/login/", what
        assert "Single sign-on did not work" in browser.get("/accounts/login/").content.decode(), what


def test_strangers_do_not_wait_for_an_issuer_that_does_not_answer(person: MakeAccount, lies: Liar) -> None:
    lies.answer = (500, b"{}")
    for _ in range(3):
        assert new_browser().get("/accounts/oidc/")["Location"] == "/accounts/login/"
    assert len(lies.asked) == 1


def test_an_issuer_that_is_not_there(person: MakeAccount, node: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = oidc.Issuer(f"http://localhost:{taken.getsockname()[1]}", "safeconduct", "s", "Office")
    with override_settings(OIDC=gone):
        assert new_browser().get("/accounts/oidc/")["Location"] == "/accounts/login/"


def test_another_issuers_subject_of_the_same_name_is_a_stranger(person: MakeAccount, lies: Liar) -> None:
    link(person("sana", "analyst"), "https://former.example")
    browser = new_browser()
    come_back(browser, lies)
    assert not signed_in(browser)


@override_settings(SECOND_FACTOR_REQUIRED=True)
def test_the_second_factor_is_asked_for_whatever_the_issuer_says(person: MakeAccount, lies: Liar) -> None:
    link(person("chief", "coordinator"), lies.url)
    lies.claims = {"acr": "urn:mace:incommon:iap:gold", "amr": ["mfa", "hwk"]}
    browser = new_browser()
    come_back(browser, lies)
    assert browser.get("/incidents/")["Location"] == "/accounts/2fa/"


def test_without_an_issuer_there_is_no_such_page(node: Home) -> None:
    with override_settings(OIDC=None):
        for address in ("/accounts/oidc/", "/accounts/oidc/callback/?code=c&state=s"):
            assert new_browser().get(address).status_code == 404
        assert "/accounts/oidc/" not in new_browser().get("/accounts/login/").content.decode()


def test_an_administrator_links_and_thereby_gets_no_roles(
    person: MakeAccount, sign_in: SignIn, lies: Liar
) -> None:
    """Whoever links an account to their own subject could use it, as one who resets it could."""
    root, account, other = (
        person("root", "administrator"),
        person("sana", "analyst"),
        person("kim", "analyst"),
    )
    browser, theirs = sign_in(root), sign_in(account)
    address = f"/people/{account.pk}/link/"
    for wrong in ("", "x" * 256, "a\nb"):
        browser.post(address, {"subject": wrong})
    assert not DirectoryLink.objects.exists()
    browser.post(address, {"subject": "s-1"})
    assert DirectoryLink.objects.get(account=account).subject == "s-1"
    assert not signed_in(theirs), "what was open before is ended"
    assert principal_of(account).roles == frozenset()
    (request,) = find(principal_of(root), Query("role_request")).records
    chief = principal_of(person("chief", "coordinator"))
    second_person.decide(chief, request.id, 1, True)
    account.refresh_from_db()
    assert not account.check_password(PASSWORD) and not account.must_change_password
    come_back(theirs, lies)
    assert signed_in(theirs) and principal_of(account).roles == {"analyst"}
    browser.post(f"/people/{other.pk}/link/", {"subject": "s-1"})
    assert DirectoryLink.objects.get().account == account, "one subject, one account"
    assert principal_of(other).roles == {"analyst"}
    browser.post(f"/people/{root.pk}/link/", {"subject": "s-2"})
    assert DirectoryLink.objects.count() == 1, "nobody links themselves"
    browser.post(f"/people/{account.pk}/reset/")
    assert not DirectoryLink.objects.exists() and not signed_in(theirs)
    assert sign_in(person("audit", "auditor")).post(address, {"subject": "s-3"}).status_code == 404
    assert roles.may_assign(principal_of(root))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"issuer": "http://id.example"}, "https"),
        ({"issuer": "https://id.example/?x"}, "query"),
        ({"issuer": "https://a@id.example"}, "query"),
        ({"issuer": ""}, "text"),
        ({"client_id": 7}, "text"),
        ({"secret_file": "absent"}, "cannot be read"),
        ({"ca": "absent"}, "no file"),
        ({"more": "x"}, "name and ca"),
    ],
)
def test_a_faulty_setting_is_said_in_words(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    given = {"issuer": "https://id.example", "client_id": "safeconduct", "secret_file": "secret"}
    (tmp_path / "place").mkdir()
    secret = tmp_path / "place" / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    home = Home(tmp_path / "place", "pk", "host", "Host", {}, {"oidc": given})
    found = sign_on(home)
    assert found is not None and found.secret == "s3cret" and "s3cret" not in repr(found)
    with pytest.raises(HomeError, match=why):
        sign_on(replace(home, settings={"oidc": {**given, **change}}))
    secret.chmod(0o640)
    with pytest.raises(HomeError, match="chmod 600"):
        sign_on(home)
    assert sign_on(replace(home, settings={})) is None
