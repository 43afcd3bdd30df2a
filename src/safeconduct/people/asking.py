"""What a request is once the middleware has seen who asks; views annotate their `request` with it."""

from __future__ import annotations

from django.http import HttpRequest

from safeconduct.agreement.policy import Subject
from safeconduct.people.models import Account
from safeconduct.people.tokens import Bearer


class SignedIn(HttpRequest):
    """A request to a page behind the sign-in: there is an account and the principal that it is now."""

    user: Account
    principal: Subject


class ApiRequest(HttpRequest):
    """A request under /api/: no `principal` for somebody unknown, a `bearer` when a token opened it."""

    principal: Subject | None
    bearer: Bearer | None
