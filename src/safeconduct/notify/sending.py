"""Sending one message through Apprise, with an instance of its own: a shared one makes the next message wait."""

from __future__ import annotations

import logging
import time
from typing import Any

import apprise
from apprise import NotifyFormat, PersistentStoreMode

from safeconduct.notify.channels import Channel
from safeconduct.notify.provider import listening
from safeconduct.records.events import log_event

TIMEOUT = 10.0
"""Seconds for connecting and again for each answer."""
# What the library writes down could name an address, or quote a URL with its password.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
logging.getLogger("apprise").propagate = False


def send(channel: Channel, message: dict[str, Any]) -> tuple[str, str]:
    """Hand one message to its provider; returns the outcome and, if it did not go, why as a code. Never raises.

    Delivered: the provider took it. Uncertain: it was sent, and no answer came.
    """
    try:
        url = channel.address_url(message["address"], message["number"], bool(message["exercise"]))
        plugin = apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)
        if plugin is None or not hasattr(plugin, "notify"):
            return "failed", "broken"
        plugin.socket_connect_timeout = TIMEOUT
        plugin.socket_read_timeout = TIMEOUT
        sender = apprise.Apprise(asset=_asset())
        sender.add(plugin)
        with listening() as heard:
            taken = sender.notify(
                title=message["title"],
                body=message["body"],
                body_format=NotifyFormat.TEXT,
                interpret_escapes=False,
            )
    except Exception as fault:
        log_event("channel_broke", fault=fault, channel=channel.name)
        return "failed", "broken"
    # A partial success is false as well; with one address to a message it does not occur.
    return heard.verdict(bool(taken))


def _asset() -> apprise.AppriseAsset:
    return apprise.AppriseAsset(
        app_id="Safeconduct",
        app_desc="Safeconduct",
        app_url="",
        async_mode=False,
        http_redirects=False,
        secure_logging=True,
        # Zero: in this thread. Else it goes through one small pool, in which a provider that hangs holds up all others.
        service_timeout=0,
        pem_autogen=False,
        pgp_autogen=False,
        storage_mode=PersistentStoreMode.MEMORY,
    )


class Rate:
    """How many messages a channel takes now: `per_minute` in the long run, a fifth of that at once (at least 10).

    A call for help does not wait for others: it may go as many again into debt, and they pay it back.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self.most = max(10.0, per_minute / 5)
        self._left = self.most
        self._at = time.monotonic()

    def allow(self, urgent: bool = False) -> int:
        """How many may go now, without taking any."""
        now = time.monotonic()
        self._left = min(self.most, self._left + (now - self._at) * self.per_minute / 60)
        self._at = now
        return max(0, int(self._left + self.most if urgent else self._left))

    def spend(self) -> None:
        self._left -= 1
