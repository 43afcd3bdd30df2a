"""Many sessions looked at together are judged as each would be alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import override_settings
from django.utils import timezone

from safeconduct.people.models import Account
from safeconduct.people.sessions import subject_of_cookies, subjects_of_cookies
from safeconduct.records.home import Home

from .conftest import MakeAccount, SignIn


def cookie(key: str) -> str:
    return f"theme=night; {settings.SESSION_COOKIE_NAME}={key}"


@pytest.mark.parametrize("second_factor", [False, True])
def test_together_as_alone(node: Home, person: MakeAccount, sign_in: SignIn, second_factor: bool) -> None:
    def key(account: Account) -> str:
        return str(sign_in(account).cookies[settings.SESSION_COOKIE_NAME].value)

    officer = person("officer", "watch_officer", "analyst", clearance=2)
    accounts = {
        name: person(name, "watch_officer")
        for name in ("locked", "expired", "out", "changed", "must", "gone", "low")
    }
    keys = {name: key(account) for name, account in accounts.items()}
    keys |= {"first": key(officer), "second": key(officer), "chief": key(person("chief", "coordinator"))}
    keys["nobody"] = key(person("nobody"))
    Account.objects.filter(username="locked").update(locked=True)
    Account.objects.filter(username="must").update(must_change_password=True)
    Account.objects.filter(username="low").update(clearance=0)
    Account.objects.filter(username="gone").delete()
    accounts["changed"].set_password("another-horse-battery")
    accounts["changed"].save()
    past = timezone.now() - timedelta(seconds=1)
    Session.objects.filter(session_key=keys["expired"]).update(expire_date=past)
    Session.objects.filter(session_key=keys["out"]).delete()
    headers = {name: cookie(found) for name, found in keys.items()}
    headers |= {"none": "", "noise": "a=b; ;;=; x", "made up": cookie("0" * 32), "odd": cookie("'; --")}

    with override_settings(SECOND_FACTOR_REQUIRED=second_factor):
        together = dict(zip(headers, subjects_of_cookies(list(headers.values())), strict=True))
        alone = {name: subject_of_cookies(header) for name, header in headers.items()}
    assert together == alone
    let_in = {name for name, subject in together.items() if subject is not None}
    assert let_in == {"first", "second", "low", "nobody"} | (set() if second_factor else {"chief"})
    assert together["first"] == together["second"]
    assert together["first"] and together["first"].roles == {"watch_officer", "analyst"}
    assert together["first"].clearance == 2 and together["low"] and together["low"].clearance == 0
    # A session under the password of before is not only refused, it is ended.
    assert not Session.objects.filter(session_key=keys["changed"]).exists()


def test_a_session_with_foreign_contents_lets_nobody_in(
    node: Home, person: MakeAccount, sign_in: SignIn
) -> None:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    account = person("officer", "watch_officer")
    whole = {
        SESSION_KEY: str(account.pk),
        BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
        HASH_SESSION_KEY: account.get_session_auth_hash(),
    }
    odd = [
        {},
        {**whole, SESSION_KEY: "no id"},
        {**whole, SESSION_KEY: None},
        {**whole, BACKEND_SESSION_KEY: "django.contrib.auth.backends.AllowAllUsersModelBackend"},
        {**whole, HASH_SESSION_KEY: ""},
        {**whole, HASH_SESSION_KEY: None},
        {name: value for name, value in whole.items() if name != HASH_SESSION_KEY},
    ]
    keys = []
    for contents in (whole, *odd):
        store = SessionStore()
        store.update(contents)
        store.create()
        keys.append(str(store.session_key))
    forged = Session.objects.get(session_key=keys[0])
    keys.append("f" * 32)
    Session.objects.create(
        session_key=keys[-1], session_data=forged.session_data[:-3] + "abc", expire_date=forged.expire_date
    )
    found = subjects_of_cookies([cookie(key) for key in keys])
    assert found[0] is not None and found[0].person == account.person
    assert found[1:] == [None] * (len(keys) - 1)
