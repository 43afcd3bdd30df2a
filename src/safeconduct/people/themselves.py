"""Whether somebody has shown lately that it is they themselves: what nobody does for another asks this first."""

from __future__ import annotations

import time

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from safeconduct.people.models import Account
from safeconduct.people.principal import has_second_factor


def where_to_show(request: HttpRequest, account: Account, then: str) -> str:
    """The address at which somebody shows that it is still they, and is led on from; "" where they did so lately.

    With their own second factor, if they have one: the password alone is not enough. Who signs in elsewhere, and has
    neither here, has nothing more to show.
    """
    factor = has_second_factor(account)
    if not factor and not account.has_usable_password():
        return ""
    if _lately(request, account, "mfa" if factor else "password"):
        return ""
    codes = Authenticator.objects.filter(user_id=account.pk, type=Authenticator.Type.TOTP).exists()
    by = "account_reauthenticate" if not factor else "mfa_reauthenticate"
    if factor and not codes:
        by = "mfa_reauthenticate_webauthn"
    return f"{reverse(by)}?{urlencode({'next': then})}"


def _lately(request: HttpRequest, account: Account, method: str) -> bool:
    since = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    shown = get_authentication_records(request, account)
    return any(each.get("method") == method and since < each.get("at", 0.0) for each in shown)
