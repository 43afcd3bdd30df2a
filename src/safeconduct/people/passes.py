"""A pass: with it a phone sends its own person's call for help when nobody, or somebody else, is signed in on it.

It says whom the phone belonged to when its page was made, and opens nothing but that one door. It is void after
`DAYS`, with a new password, when the account is locked, and when any session of the account is ended on purpose.
"""

from __future__ import annotations

import time
from uuid import UUID

from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from safeconduct.people.models import Account

SALT = "safeconduct.people.passes"
DAYS = 30
LONGEST = 500


def pass_of(account: Account) -> str:
    return signing.dumps([account.pk.hex, _password_of(account), int(time.time())], salt=SALT)


def holder_of(text: object) -> Account | None:
    """The account whose pass this is; None for anything else."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    try:
        owner, password, made = signing.loads(text, salt=SALT, max_age=DAYS * 86_400)
        account = Account.objects.filter(pk=UUID(hex=owner)).first()
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None
    if account is None or not account.is_active or not constant_time_compare(password, _password_of(account)):
        return None
    ended = account.passes_from
    return None if ended is not None and made <= ended.timestamp() else account


def void_passes(account: Account) -> None:
    """From now on every pass that was made is worth nothing; an open page gets a new one when it is fetched."""
    account.passes_from = timezone.now()
    account.save(update_fields=["passes_from"])


def owner_of(account: Account) -> str:
    """A name for whoever a phone's page was made for, which tells nobody who that is."""
    return str(salted_hmac(SALT, account.pk.hex).hexdigest()[:16])


def _password_of(account: Account) -> str:
    return account.get_session_auth_hash()[:16]
