"""What people hold in their hands: a passkey that Chromium simulates, an authenticator app (RFC 6238)."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from typing import Any

from playwright.sync_api import CDPSession, Page


class Passkeys:
    """A platform authenticator that always says yes. It lives as long as its page; `keys` takes them along."""

    def __init__(self, page: Page, keys: list[dict[str, Any]] | None = None) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.id = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})[
            "authenticatorId"
        ]
        for key in keys or []:
            self._session.send("WebAuthn.addCredential", {"authenticatorId": self.id, "credential": key})

    @property
    def keys(self) -> list[dict[str, Any]]:
        answer = self._session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(answer["credentials"])


def code(secret: str, at: float | None = None) -> str:
    """The six digits that an authenticator app shows for this secret at a moment (now, if none is given)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = int(time.time() if at is None else at) // 30
    digest = hmac.digest(key, struct.pack(">Q", counter), "sha1")
    start = digest[-1] & 0xF
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
