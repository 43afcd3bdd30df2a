"""Who a Cookie header stands for, for the routes that are answered before Django sees the request."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.people.principal import lacks_second_factor, principal_of


def subject_of_cookies(cookies: str) -> Subject | None:
    """The principal of the session in a Cookie header; None without one that may read anything now."""
    key = _session_key(cookies)
    if not key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    account = get_user(request)
    if not isinstance(account, Account) or account.must_change_password:
        return None
    subject = principal_of(account)
    return None if lacks_second_factor(account, subject) else subject


def _session_key(cookies: str) -> str:
    try:
        found = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ""
    return found.value if found else ""
