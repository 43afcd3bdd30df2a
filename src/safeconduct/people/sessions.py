"""Who a Cookie header stands for, for the routes that are answered before Django sees the request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.people.principal import lacks_second_factor, principal_of, principals_of


def subject_of_cookies(cookies: str) -> Subject | None:
    """The principal of the session in a Cookie header; None without one that may read anything now."""
    found = session_of_cookies(cookies)
    if found is None or found[0].must_change_password:
        return None
    subject = principal_of(found[0])
    return None if lacks_second_factor(found[0], subject) else subject


def session_of_cookies(cookies: str) -> tuple[Account, float] | None:
    """The account whose session a Cookie header shows, and when that expires (seconds since 1970); None without one
    that is signed in now."""
    key = _session_key(cookies)
    if not key:
        return None
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    kept = session.get_model_class().objects.filter(session_key=key, expire_date__gt=timezone.now()).first()
    if kept is None:
        return None
    # What it would load at first need, in one query with the end of it.
    session._session_cache = session.decode(kept.session_data)
    request = HttpRequest()
    request.session = session
    account = get_user(request)
    return (account, kept.expire_date.timestamp()) if isinstance(account, Account) else None


def subjects_of_cookies(headers: Sequence[str]) -> list[Subject | None]:
    """The same for many Cookie headers at once: a few queries for all of them, the same answers."""
    keys = [_session_key(each) for each in headers]
    found = _sessions(filter(None, keys))
    accounts = _accounts(found.values())
    holders: dict[str, Account] = {}
    doubtful = set()
    for key, session in found.items():
        account = accounts.get(str(session.get(SESSION_KEY)))
        if account is None:
            continue
        if not _vouched(session, account):
            doubtful.add(key)
        elif not account.must_change_password:
            holders[key] = account
    principals = principals_of(list(holders.values()))
    # A session that is not at once in order is Django's to judge: the key may have been rotated, or it must go.
    slow = {key: subject_of_cookies(each) for key, each in zip(keys, headers, strict=True) if key in doubtful}
    return [
        slow[key] if key in slow else principals.get(holders[key].person) if key in holders else None
        for key in keys
    ]


def _sessions(keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the sessions that have not expired hold."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    rows = Session.objects.filter(session_key__in=set(keys), expire_date__gt=timezone.now())
    return {key: store.decode(data) for key, data in rows.values_list("session_key", "session_data")}


def _accounts(sessions: Iterable[Mapping[str, Any]]) -> dict[str, Account]:
    """The accounts of sessions, by the id that the sessions name."""
    named = []
    for session in sessions:
        try:
            named.append(Account._meta.pk.to_python(session.get(SESSION_KEY)))
        except ValidationError:
            continue
    return {str(account.pk): account for account in Account.objects.filter(pk__in=set(named))}


def _vouched(session: Mapping[str, Any], account: Account) -> bool:
    """Whether a session is this account's, under the password it has now, and the account may go on."""
    return (
        session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and account.is_active
        and constant_time_compare(str(session.get(HASH_SESSION_KEY)), account.get_session_auth_hash())
    )


def _session_key(cookies: str) -> str:
    return parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, "")
