"""Codes of an authenticator app: each opens once, for as long as the clocks' difference lets it be valid."""

from __future__ import annotations

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django.core.cache import cache

VALID = 120
"""Seconds: three periods of 30, the one before and the one after included, and one to spare."""


class _Once:
    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        if self.authenticator.type == Authenticator.Type.TOTP:  # type: ignore[attr-defined]
            digits = "".join(filter(str.isdigit, code))
            if not cache.add(f"totp:{self.user.pk}:{digits}", True, VALID):  # type: ignore[attr-defined]
                raise get_adapter().validation_error("incorrect_code")
        return code


class SignInCodeForm(_Once, AuthenticateForm):  # type: ignore[misc]
    """The code at sign-in."""


class ConfirmCodeForm(_Once, ReauthenticateForm):  # type: ignore[misc]
    """The code that shows that it is still the same person."""
