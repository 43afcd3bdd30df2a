"""From the account that signed in to the principal that policy decides about."""

from __future__ import annotations

from collections.abc import Sequence
from time import time as clock

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import QuerySet

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.principals import subject_of, subjects_of
from safeconduct.records.refusals import Refused

SECOND_FACTOR_ROLES = frozenset({"signatory", "administrator", "coordinator"})
"""Roles that a password alone does not open."""


def principal_of(account: Account, now: float | None = None) -> Subject:
    """Who the account is to the policy at this moment (`now` in epoch seconds).

    Roles, units and clearance are what role_assignment records give; the account's own clearance caps them.
    """
    subject = subject_of(here.headers(), here.home(), account.person, clock() if now is None else now)
    return subject._replace(clearance=min(subject.clearance, account.clearance))


def still(before: Subject) -> Subject:
    """Who goes on with something long, such as a file page by page: with no more roles than at its beginning.

    Raises Refused for somebody whose account was locked, and for one left with none of these roles.
    """
    account = Account.objects.filter(person=before.person).first()
    recorded = subject_of(here.headers(), here.home(), before.person, clock())
    now = recorded if account is None else principal_of(account)
    roles = now.roles & before.roles
    if not roles or (account is not None and not account.is_active):
        raise Refused("the account was locked, or its roles were ended")
    return now._replace(roles=roles)


def principals_of(accounts: Sequence[Account]) -> dict[str, Subject]:
    """The same for many accounts, by person; those that lack a second factor are left out."""
    found = subjects_of(here.headers(), here.home(), [account.person for account in accounts], clock())
    principals = {
        account: (subject := found[account.person])._replace(
            clearance=min(subject.clearance, account.clearance)
        )
        for account in set(accounts)
    }
    strong = [account for account, subject in principals.items() if _demands_second_factor(subject)]
    has = (
        set(_second_factors().filter(user__in=strong).values_list("user_id", flat=True)) if strong else set()
    )
    lacking = {account for account in strong if account.pk not in has}
    return {account.person: subject for account, subject in principals.items() if account not in lacking}


def has_second_factor(account: Account) -> bool:
    """Whether sign-in asks this account for more than a password."""
    found: bool = _second_factors().filter(user_id=account.pk).exists()
    return found


def lacks_second_factor(account: Account, principal: Subject) -> bool:
    """Whether the account holds a role that demands a second factor and has set none up."""
    return _demands_second_factor(principal) and not has_second_factor(account)


def _demands_second_factor(principal: Subject) -> bool:
    return settings.SECOND_FACTOR_REQUIRED and not principal.roles.isdisjoint(SECOND_FACTOR_ROLES)


def _second_factors() -> QuerySet[Authenticator]:
    found: QuerySet[Authenticator] = Authenticator.objects.filter(
        type__in=(Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    )
    return found
