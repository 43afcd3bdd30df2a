"""People for the tests: accounts with roles by record, and a browser that is signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from safeconduct.records.home import Home

if TYPE_CHECKING:
    from django.test import Client

    from safeconduct.people.models import Account

PASSWORD = "correct-horse-battery"

MakeAccount = Callable[..., Any]
SignIn = Callable[[Any], Any]


def new_browser(address: str = "127.0.0.1") -> Client:
    """A browser without cookies, at this network address."""
    from django.test import Client

    return Client(SERVER_NAME="localhost", REMOTE_ADDR=address)


@pytest.fixture
def person(node: Home) -> MakeAccount:
    """`person("sana", "coordinator")`: an account with these roles, cleared for everything unless told."""

    from safeconduct.people.models import Account
    from safeconduct.people.roles import assign_role
    from safeconduct.records.principals import system_subject

    def make(username: str, *roles: str, clearance: int = 3) -> Account:
        account = Account.objects.create_account(username, PASSWORD, clearance=clearance)
        for role in roles:
            assign_role(system_subject(node.party), account, role)
        return account

    return make


@pytest.fixture
def sign_in(node: Home) -> SignIn:
    """A browser in which this account has given its password."""

    def enter(account: Account) -> Client:
        browser = new_browser()
        answer = browser.post("/accounts/login/", {"login": account.username, "password": PASSWORD})
        assert answer.status_code == 302, answer.content.decode()
        return browser

    return enter


@pytest.fixture(autouse=True)
def fresh_counts(node: Home, quick_hashes: None) -> None:
    from django.core.cache import cache

    cache.clear()
