"""A browser that somebody with one role is signed in with."""

from __future__ import annotations

from django.test import Client

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject


def signed_in(role: str, username: str = "", clearance: int = 3) -> tuple[Client, Subject]:
    """(client, principal) of a new account that a role_assignment record gives this role."""
    account = Account.objects.create_account(username or role.replace("_", "-"), clearance=clearance)
    assignment = {
        "person": account.person,
        "account_name": account.username,
        "role": role,
        "clearance": clearance,
    }
    commit(system_subject("pk"), Draft("role_assignment", {"assignment": assignment}, releasable=()))
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    return client, Subject("pk", frozenset({role}), clearance, frozenset(), frozenset(), account.person)
