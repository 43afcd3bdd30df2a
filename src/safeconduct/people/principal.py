"""From the account that signed in to the principal that policy decides about."""

from __future__ import annotations

from time import time as clock

from allauth.mfa.models import Authenticator
from django.conf import settings

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.principals import subject_of

SECOND_FACTOR_ROLES = frozenset({"signatory", "administrator", "coordinator"})
"""Roles that a password alone does not open."""


def principal_of(account: Account, now: float | None = None) -> Subject:
    """Who the account is to the policy at this moment (`now` in epoch seconds).

    Roles, units and clearance are what role_assignment records give; the account's own clearance caps them.
    """
    subject = subject_of(here.tables(), here.home(), account.person, clock() if now is None else now)
    return subject._replace(clearance=min(subject.clearance, account.clearance))


def has_second_factor(account: Account) -> bool:
    """Whether sign-in asks this account for more than a password."""
    found: bool = Authenticator.objects.filter(
        user_id=account.pk, type__in=(Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    ).exists()
    return found


def lacks_second_factor(account: Account, principal: Subject) -> bool:
    """Whether the account holds a role that demands a second factor and has set none up."""
    return (
        settings.SECOND_FACTOR_REQUIRED
        and not principal.roles.isdisjoint(SECOND_FACTOR_ROLES)
        and not has_second_factor(account)
    )
