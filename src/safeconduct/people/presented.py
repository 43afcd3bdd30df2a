"""Who the headers of a request stand for, on routes that are asked thousands of times a second.

The session or the token is looked up once and remembered until anything is written in the accounts (`remembered`).
Which roles the person has is never remembered: the records say so each time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from django.utils import timezone

from safeconduct.agreement.policy import Subject
from safeconduct.people import tokens
from safeconduct.people.models import Account
from safeconduct.people.principal import lacks_second_factor, principal_of
from safeconduct.people.remembered import Remembered
from safeconduct.people.sessions import session_of_cookies


@dataclass(frozen=True)
class Presented:
    """An account as its session or its writing token shows it, until a moment (seconds since 1970). `roles` are those
    that a token is limited to."""

    account: Account
    until: float
    roles: frozenset[str] | None = None

    @property
    def person(self) -> str:
        return str(self.account.person)

    @property
    def name(self) -> str:
        return str(self.account)

    def subject(self, now: float) -> Subject | None:
        """Who that is to the policy now; None for one who may not go on. Asks the databases."""
        subject = principal_of(self.account, now)
        if self.roles is not None:
            subject = subject._replace(roles=subject.roles & self.roles)
            return subject if subject.roles else None
        return None if lacks_second_factor(self.account, subject) else subject


class Presenting:
    """`recall` never waits; `look_up` asks the database, in the thread that does."""

    def __init__(self) -> None:
        self._remembered: Remembered[Presented] = Remembered()

    def recall(self, cookies: str, authorization: str | None) -> Presented | None:
        found, _ = self._remembered.recall(_key(cookies, authorization))
        return found if found is not None and time.time() < found.until else None

    def look_up(self, cookies: str, authorization: str | None) -> Presented | None:
        """None for a session or a token that is unknown, has ended, or may not write."""
        key = _key(cookies, authorization)
        _, mark = self._remembered.recall(key)
        found = _of_token(authorization) if authorization is not None else _of_session(cookies)
        if found is not None:
            self._remembered.keep(key, found, mark)
        return found

    def close(self) -> None:
        self._remembered.close()


def _key(cookies: str, authorization: str | None) -> bytes:
    """No credential is kept in memory for longer than its request."""
    shown = f"cookie\n{cookies}" if authorization is None else f"authorization\n{authorization}"
    return sha256(shown.encode(errors="replace")).digest()


def _of_session(cookies: str) -> Presented | None:
    found = session_of_cookies(cookies)
    if found is None or found[0].must_change_password:
        return None
    return Presented(*found)


def _of_token(authorization: str) -> Presented | None:
    text = tokens.from_header(authorization)
    bearer = tokens.present(text) if text else None
    if bearer is None or not bearer.may_write:
        return None
    # The day of its last use is written once a day.
    tomorrow = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    until = min(bearer.token.expires_at, tomorrow).timestamp()
    return Presented(bearer.token.account, until, frozenset(bearer.token.roles))
