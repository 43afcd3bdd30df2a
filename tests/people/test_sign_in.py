"""The way in: passwords, lock-out, second factors, and nothing open without it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from safeconduct.people import roles
from safeconduct.people.models import Account
from safeconduct.records.principals import system_subject

from .conftest import PASSWORD, MakeAccount, SignIn, new_browser

pytestmark = pytest.mark.both

OPEN = {"healthz", "livez", "readyz", "set_language", "press_by_pass", "metrics"}


def attempt(browser: Client, username: str, password: str = PASSWORD, **more: str) -> int:
    answer = browser.post("/accounts/login/", {"login": username, "password": password, **more})
    return answer.status_code


def code_now(secret: str) -> str:
    counters = sorted(yield_hotp_counters_from_time())
    return format_hotp_value(hotp_value(secret, counters[len(counters) // 2]))


def set_up_totp(browser: Client) -> str:
    assert browser.get("/accounts/2fa/totp/")["Location"].startswith("/accounts/confirm/")
    assert browser.post("/accounts/confirm/", {"password": PASSWORD}).status_code == 302
    page = browser.get("/accounts/2fa/totp/").content.decode()
    assert "<svg" in page and "data:image" not in page
    secret = re.search(r"<code><bdi[^>]*>([A-Z2-7]{16,})</bdi></code>", page)
    assert secret, page
    answer = browser.post("/accounts/2fa/totp/", {"code": code_now(secret[1])})
    assert answer.status_code == 302, answer.content.decode()
    return secret[1]


def test_a_password_opens_the_account(person: MakeAccount, sign_in: SignIn) -> None:
    browser = sign_in(person("sana", "analyst"))
    page = browser.get("/account/")
    assert page.status_code == 200 and "sana" in page.content.decode()
    assert page.wsgi_request.principal.roles == {"analyst"}  # type: ignore[attr-defined]


def test_the_user_name_is_not_told_from_the_password(person: MakeAccount) -> None:
    person("sana")
    wrong = new_browser().post("/accounts/login/", {"login": "sana", "password": "x" * 14}).content.decode()
    unknown = (
        new_browser().post("/accounts/login/", {"login": "nobody", "password": "x" * 14}).content.decode()
    )
    errors = re.compile(r'class="errorlist.*?</ul>', re.S)
    assert errors.findall(wrong) == errors.findall(unknown) != []


def test_capital_letters_do_not_matter(person: MakeAccount) -> None:
    person("sana")
    assert attempt(new_browser(), "Sana") == 302


def test_five_wrong_passwords_close_the_account_to_the_right_one(person: MakeAccount) -> None:
    person("sana")
    person("wei")
    for _ in range(5):
        assert attempt(new_browser("10.0.0.1"), "sana", "wrong-wrong-wrong") == 200
    assert attempt(new_browser("10.0.0.2"), "sana") == 200
    assert attempt(new_browser("10.0.0.2"), "SANA") == 200
    assert attempt(new_browser("10.0.0.2"), "wei") == 302


def test_one_address_cannot_try_everybody(person: MakeAccount) -> None:
    person("sana")
    for number in range(30):
        attempt(new_browser("10.0.0.9"), f"nobody{number}", "wrong-wrong-wrong")
    assert attempt(new_browser("10.0.0.9"), "sana") == 200
    assert attempt(new_browser("10.0.0.10"), "sana") == 302


def test_the_count_survives_a_restart(person: MakeAccount) -> None:
    from django.core.cache import caches

    person("sana")
    for _ in range(5):
        attempt(new_browser(), "sana", "wrong-wrong-wrong")
    caches.close_all()
    assert attempt(new_browser(), "sana") == 200


def test_a_totp_code_is_asked_for_and_works_once(person: MakeAccount, sign_in: SignIn) -> None:
    secret = set_up_totp(sign_in(person("sana", "analyst")))
    browser = new_browser()
    answer = browser.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
    assert urlsplit(answer["Location"]).path == "/accounts/2fa/sign-in/"
    assert browser.get("/account/").status_code == 302
    assert browser.post("/accounts/2fa/sign-in/", {"code": "000000"}).status_code == 200
    code = code_now(secret)
    assert browser.post("/accounts/2fa/sign-in/", {"code": code}).status_code == 302
    assert browser.get("/account/").status_code == 200
    again = new_browser()
    again.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
    assert again.post("/accounts/2fa/sign-in/", {"code": code}).status_code == 200


def test_a_used_code_stays_used_for_as_long_as_clocks_may_differ(
    person: MakeAccount, sign_in: SignIn
) -> None:
    secret = set_up_totp(sign_in(person("sana", "analyst")))
    code = code_now(secret)
    browser = new_browser()
    browser.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
    assert browser.post("/accounts/2fa/sign-in/", {"code": code}).status_code == 302
    # The library forgets a code after half a minute, but takes it for one and a half.
    later = datetime.now(UTC) + timedelta(seconds=45)
    with patch("django.core.cache.backends.db.tz_now", lambda: later):
        again = new_browser()
        again.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
        assert again.post("/accounts/2fa/sign-in/", {"code": code}).status_code == 200


def test_a_recovery_code_opens_once(person: MakeAccount, sign_in: SignIn) -> None:
    browser = sign_in(person("sana", "analyst"))
    set_up_totp(browser)
    page = browser.get("/accounts/2fa/recovery-codes/").content.decode()
    codes = re.findall(r"<code><bdi[^>]*>([0-9a-z-]+)</bdi></code>", page)
    assert len(codes) == 10
    for expected in (302, 200):
        late = new_browser()
        late.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
        assert late.post("/accounts/2fa/sign-in/", {"code": codes[0]}).status_code == expected


def test_second_factor_secrets_are_sealed_in_the_database(person: MakeAccount, sign_in: SignIn) -> None:
    secret = set_up_totp(sign_in(person("sana")))
    stored = Authenticator.objects.get(type=Authenticator.Type.TOTP).data["secret"]
    assert secret not in stored and stored.startswith("gAAAA")


def test_guessing_codes_is_stopped(person: MakeAccount, sign_in: SignIn) -> None:
    secret = set_up_totp(sign_in(person("sana")))
    browser = new_browser()
    browser.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
    for _ in range(5):
        browser.post("/accounts/2fa/sign-in/", {"code": "000000"})
    counters = list(yield_hotp_counters_from_time())
    for counter in counters:
        code = format_hotp_value(hotp_value(secret, counter))
        assert browser.post("/accounts/2fa/sign-in/", {"code": code}).status_code == 200


@pytest.mark.parametrize("role", ["coordinator", "signatory", "administrator"])
def test_a_password_alone_does_not_open_the_roles_that_matter(
    person: MakeAccount, sign_in: SignIn, role: str
) -> None:
    with override_settings(SECOND_FACTOR_REQUIRED=True):
        browser = sign_in(person("sana", role))
        answer = browser.get("/account/")
        assert answer.status_code == 302 and answer["Location"] == "/accounts/2fa/"
        assert browser.get("/accounts/2fa/").status_code == 200
        set_up_totp(browser)
        assert browser.get("/account/").status_code == 200


def test_a_locked_account_is_out_at_once(person: MakeAccount, sign_in: SignIn) -> None:
    account = person("sana", "analyst")
    browser = sign_in(account)
    Account.objects.filter(pk=account.pk).update(locked=True)
    assert browser.get("/account/").status_code == 302
    assert urlsplit(
        new_browser().post("/accounts/login/", {"login": "sana", "password": PASSWORD})["Location"]
    ).path == ("/accounts/inactive/")


def test_a_first_password_must_be_replaced(person: MakeAccount, sign_in: SignIn) -> None:
    account = person("sana", "analyst")
    Account.objects.filter(pk=account.pk).update(must_change_password=True)
    browser = sign_in(account)
    assert browser.get("/account/")["Location"] == "/accounts/password/"
    new = "another-long-password"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert browser.post("/accounts/password/", form)["Location"] == "/account/"
    assert browser.get("/account/").status_code == 200


def test_a_changed_password_ends_every_other_session(person: MakeAccount, sign_in: SignIn) -> None:
    account = person("sana", "analyst")
    here, elsewhere = sign_in(account), sign_in(account)
    new = "another-long-password"
    here.post("/accounts/password/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302


@pytest.mark.parametrize("weak", ["short-one", "password1234", "sana-ahmed-2024"])
def test_a_weak_password_is_refused(person: MakeAccount, sign_in: SignIn, weak: str) -> None:
    account = person("sana", "analyst")
    Account.objects.filter(pk=account.pk).update(display_name="sana-ahmed-2024")
    form = {"oldpassword": PASSWORD, "password1": weak, "password2": weak}
    assert sign_in(account).post("/accounts/password/", form).status_code == 200


def test_one_can_end_a_session_on_another_device_but_not_that_of_another(
    person: MakeAccount, sign_in: SignIn
) -> None:
    sana, wei = person("sana", "analyst"), person("wei", "analyst")
    here, elsewhere, other = sign_in(sana), sign_in(sana), sign_in(wei)
    page = here.get("/account/sessions/").content.decode()
    ends = re.findall(r"/account/sessions/\d+/end/", page)
    assert len(ends) == 1
    assert other.post(ends[0]).status_code == 404
    here.post(ends[0])
    assert elsewhere.get("/account/").status_code == 302
    assert other.get("/account/").status_code == here.get("/account/").status_code == 200


def test_what_is_known_of_a_device_goes_with_its_session(person: MakeAccount, sign_in: SignIn) -> None:
    account = person("sana", "analyst")
    sign_in(account)
    Session.objects.update(expire_date=datetime.now(UTC) - timedelta(minutes=1))
    sign_in(account)
    assert UserSession.objects.count() == Session.objects.count() == 1


def test_the_next_page_is_one_of_our_own(person: MakeAccount) -> None:
    person("sana")
    answer = new_browser().post(
        "/accounts/login/", {"login": "sana", "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert answer["Location"] == "/"


@pytest.mark.parametrize("path", ["signup/", "email/", "password/reset/", "confirm-email/", "login/code/"])
def test_nothing_is_offered_that_needs_e_mail_or_makes_accounts(person: MakeAccount, path: str) -> None:
    assert new_browser().get(f"/accounts/{path}").status_code == 404


def test_no_page_opens_without_signing_in(person: MakeAccount) -> None:
    """Every address of the node, rooms included, leads to the sign-in page or demands a token."""
    checked = 0
    for address, name in addresses(get_resolver().url_patterns):
        if name in OPEN or address.startswith("/accounts/"):
            continue
        answer = new_browser().get(address)
        if address.startswith("/api/"):
            assert answer.status_code in (200, 401, 404, 405), address
            if answer.status_code == 200:
                assert address in ("/api/v1/openapi.json", "/api/v1/", "/api/v1/docs", "/api/v1/docs/"), (
                    address
                )
        else:
            assert answer.status_code == 302, address
            assert answer["Location"].startswith("/accounts/login/"), address
        checked += 1
    assert checked > 10


def test_account_pages_under_accounts_ask_for_sign_in_too(person: MakeAccount) -> None:
    free = {"account_login", "account_logout", "account_inactive", "mfa_login_webauthn", "mfa_authenticate"}
    free |= {"oidc_start", "oidc_callback"}
    for address, name in addresses(get_resolver().url_patterns):
        if address.startswith("/accounts/") and name not in free:
            answer = new_browser().get(address)
            assert answer.status_code == 302 and "/accounts/login/" in answer["Location"], address


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for pattern in patterns:
        piece = re.sub(
            r"<(\w+:)?\w+>", lambda m: EXAMPLES.get((m[1] or "str:")[:-1], "x"), str(pattern.pattern)
        )
        address = prefix + piece
        if isinstance(pattern, URLResolver):
            found += addresses(pattern.url_patterns, address)
        else:
            found.append((address, pattern.name or ""))
    return found


EXAMPLES = {"int": "1", "uuid": "00000000-0000-4000-8000-000000000000", "slug": "x", "str": "x", "path": "x"}


def test_a_fragment_is_never_filled_with_the_page_behind_the_sign_in(person: MakeAccount) -> None:
    answer = new_browser().get("/account/", headers={"HX-Request": "true"})
    assert answer.status_code == 302 and answer["Location"] == "/accounts/login/?next=/"


def test_health_says_nothing_but_well_or_not(person: MakeAccount) -> None:
    answer = new_browser().get("/healthz")
    assert answer.json() == {"status": "ok"} and "no-store" in answer["Cache-Control"]


def test_the_language_of_the_account_follows_it(person: MakeAccount) -> None:
    account = person("sana", "analyst")
    Account.objects.filter(pk=account.pk).update(language="ur")
    browser = new_browser()
    browser.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
    assert 'dir="rtl"' in browser.get("/account/").content.decode()


def test_roles_end_while_signed_in(person: MakeAccount, sign_in: SignIn) -> None:
    account = person("sana", "administrator")
    browser = sign_in(account)
    assert browser.get("/people/").status_code == 200
    held = roles.assignments(
        system_subject("pk")._replace(roles=frozenset({"administrator"})), account.person
    )
    roles.end_role(system_subject("pk")._replace(roles=frozenset({"administrator"})), held[0].record)
    assert browser.get("/people/").status_code == 404


def test_signing_out_clears_what_the_browser_kept(person: MakeAccount, sign_in: SignIn) -> None:
    browser = sign_in(person("sana", "protected_person"))
    assert "Clear-Site-Data" not in browser.get("/accounts/logout/").headers
    answer = browser.post("/accounts/logout/")
    assert answer.status_code == 302 and answer["Clear-Site-Data"] == '"storage"'
    assert browser.get("/account/").status_code == 302
