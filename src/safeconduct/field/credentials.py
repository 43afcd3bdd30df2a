"""A device's credential: `sd_` + 10 characters that name it + `_` + 43 characters that only the device has.

What is kept is the SHA-256 of the whole: 256 random bits need no slow hash. A credential is shown once.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
from hashlib import sha256

from django.utils import timezone

from safeconduct.field.models import DeviceCredential

_FORM = re.compile(r"sd_([a-z0-9]{10})_[A-Za-z0-9_-]{43}\Z", re.ASCII)
_ALPHABET = string.ascii_lowercase + string.digits


def issue(device: str) -> str:
    """Make the one credential of a device and return its text; an earlier one no longer opens anything."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    text = f"sd_{prefix}_{secrets.token_urlsafe(32)}"
    values = {"prefix": prefix, "digest": _digest(text), "fingerprint": None, "revoked_at": None}
    DeviceCredential.objects.update_or_create(device=device, defaults=values)
    return text


def bind_certificate(device: str, fingerprint: bytes) -> None:
    """Let a certificate (its SHA-256) stand for the device as well, for as long as its credential does."""
    DeviceCredential.objects.filter(device=device, revoked_at=None).update(fingerprint=fingerprint)


def device_of(text: str, user: str = "") -> str | None:
    """The id of the device whose credential this is; None for one that is unknown, wrong or revoked. A `user` that
    is given must be the credential's name (its 10 characters)."""
    form = _FORM.match(text)
    known = DeviceCredential.objects.filter(prefix=form[1]).first() if form else None
    # A comparison is made either way, so that the time taken does not tell which credentials exist.
    right = hmac.compare_digest(bytes(known.digest) if known else bytes(32), _digest(text))
    if known is None or not right or known.revoked_at is not None or (user and user != known.prefix):
        return None
    return str(known.device)


def device_of_certificate(fingerprint: bytes) -> str | None:
    """The id of the device whose certificate has this SHA-256; None for none that is enrolled now."""
    known = DeviceCredential.objects.filter(fingerprint=fingerprint, revoked_at=None).first()
    return str(known.device) if known else None


def holds(device: str) -> bool:
    """Whether the device has a credential that is not revoked."""
    return DeviceCredential.objects.filter(device=device, revoked_at=None).exists()


def revoke(device: str) -> None:
    """End a device's credential at once. Ending it again changes nothing."""
    DeviceCredential.objects.filter(device=device, revoked_at=None).update(revoked_at=timezone.now())


def name_of(text: str) -> str:
    """The 10 characters that name a credential: its user name."""
    form = _FORM.match(text)
    return form[1] if form else ""


def _digest(text: str) -> bytes:
    return sha256(text.encode(errors="replace")).digest()
