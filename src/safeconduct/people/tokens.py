"""Personal API tokens: a subset of the owner's roles, for reading or for writing, until a day.

A token is `sc_` + 10 characters that name it + `_` + 43 characters that only its owner has ever seen. What is
kept is the SHA-256 of the whole: 256 random bits need no slow hash.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.utils import timezone

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account, Token
from safeconduct.people.principal import lacks_second_factor, principal_of

LONGEST = timedelta(days=366)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_FORM = re.compile(r"sc_([a-z0-9]{10})_[A-Za-z0-9_-]{43}\Z", re.ASCII)


class TokenRefused(ValueError):
    """Why a token cannot be made as asked."""


@dataclass(frozen=True)
class Bearer:
    """A request's token: who it stands for, and whether it may change anything."""

    token: Token
    principal: Subject

    @property
    def may_write(self) -> bool:
        return bool(self.token.scope == "write")


def issue(
    account: Account, name: str, roles: Collection[str], scope: str, expires_at: datetime
) -> tuple[Token, str]:
    """Make a token; returns it with the text that is shown this once. Raises TokenRefused."""
    principal = principal_of(account)
    if not roles or not principal.roles.issuperset(roles):
        raise TokenRefused("a token has some of the roles that its owner has")
    if scope not in ("read", "write"):
        raise TokenRefused("a token is for reading or for writing")
    now = timezone.now()
    if not now < expires_at <= now + LONGEST:
        raise TokenRefused("a token expires within a year")
    if lacks_second_factor(account, principal):
        raise TokenRefused("set up a second factor first")
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    text = f"sc_{prefix}_{secrets.token_urlsafe(32)}"
    token = Token.objects.create(
        account=account,
        name=name,
        prefix=prefix,
        digest=sha256(text.encode()).digest(),
        roles=sorted(roles),
        scope=scope,
        expires_at=expires_at,
    )
    return token, text


def present(text: str) -> Bearer | None:
    """What a token opens now; None for one that is unknown, wrong, expired, revoked or left with no role."""
    form = _FORM.match(text)
    token = Token.objects.select_related("account").filter(prefix=form[1]).first() if form else None
    # A comparison is made either way, so that the time taken does not tell which tokens exist.
    known = bytes(token.digest) if token else bytes(32)
    right = hmac.compare_digest(known, sha256(text.encode(errors="replace")).digest())
    now = timezone.now()
    if token is None or not right or not token.valid_at(now):
        return None
    subject = principal_of(token.account, now.timestamp())
    roles = subject.roles.intersection(token.roles)
    if not roles:
        return None
    if token.last_used_on != now.date():
        Token.objects.filter(pk=token.pk).update(last_used_on=now.date())
    return Bearer(token, subject._replace(roles=roles))


def revoke(token: Token) -> None:
    """End a token at once. Revoking one again changes nothing."""
    Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def from_header(authorization: str) -> str | None:
    """The token in an Authorization header: `Bearer TOKEN`, or Basic with the token as the password.

    Basic is for map programs that know no other way. None for any other scheme or a malformed value.
    """
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    match scheme.lower():
        case "bearer":
            return value
        case "basic":
            try:
                decoded = base64.b64decode(value, validate=True).decode()
            except (binascii.Error, ValueError):
                return None
            return decoded.partition(":")[2]
    return None
