"""The `field` process: the listeners for devices that speak something else than HTTP.

It starts only when node.toml opens a port for one: `cot_port` and `cot_plain_port` (TAK clients, with certificates or
on a private network; `field.cot_gateway`), or `mqtt_port` (OwnTracks), with `field_address` (default: this machine
only) and the node's own `tls_certificate` and `tls_key`. Without TLS it listens on this machine only.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import Protocol

from safeconduct.field.cot_gateway import gateway_of
from safeconduct.field.devices import Enrolled
from safeconduct.field.intake import Intake
from safeconduct.field.mqtt import Mqtt
from safeconduct.positions.waiting import Keeping
from safeconduct.records.bus_link import let_go
from safeconduct.records.home import Home, HomeError
from safeconduct.records.started import settle
from safeconduct.records.stopping import stop_signal
from safeconduct.records.supervised import supervised

LOCAL = ("127.0.0.1", "::1", "localhost")
TLS_BUFFER = 16 * 1024
"""Bytes of a TLS record. asyncio would hold, and fill with zeros, sixteen times as much for every connection."""


class Listener(Protocol):
    async def start(self) -> None: ...

    async def close(self) -> None: ...


Opening = Callable[[Home, ssl.SSLContext | None], Listener | None]
"""Makes a listener if node.toml opens its port."""


class MqttListener:
    """The MQTT listener with an intake of its own."""

    def __init__(self, home: Home, context: ssl.SSLContext | None) -> None:
        host = str(home.settings.get("field_address", LOCAL[0]))
        if context is None and host not in LOCAL:
            raise HomeError("MQTT without TLS is for this machine only; set tls_certificate and tls_key")
        self._intake = Intake()
        self._mqtt = Mqtt(self._intake, host, int(home.settings["mqtt_port"]), context)

    async def start(self) -> None:
        await self._mqtt.start()

    async def close(self) -> None:
        await self._mqtt.close()
        await self._intake.close()


def mqtt(home: Home, context: ssl.SSLContext | None) -> Listener | None:
    return MqttListener(home, context) if home.settings.get("mqtt_port") else None


def cot(home: Home, _context: ssl.SSLContext | None) -> Listener | None:
    """TAK clients have certificates of this node's own device authority, on both sides."""
    return gateway_of(home, Enrolled())


LISTENERS: list[Opening] = [mqtt, cot]


async def listen(home: Home) -> None:
    """Run the listeners until SIGINT or SIGTERM."""
    stop = stop_signal()
    context = _tls(home)
    SSLProtocol.max_size = TLS_BUFFER
    keeping = Keeping(home)
    listeners = [made for opening in LISTENERS if (made := opening(home, context)) is not None]
    try:
        for listener in listeners:
            await listener.start()
        keeping.start()
        settle()
        async with supervised():
            await stop.wait()
    finally:
        for listener in listeners:
            await listener.close()
        await keeping.close()
        await let_go(home)


def run(home: Home) -> None:
    asyncio.run(listen(home))


def _tls(home: Home) -> ssl.SSLContext | None:
    certificate, key = home.settings.get("tls_certificate"), home.settings.get("tls_key")
    if not certificate or not key:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(home.path / certificate, home.path / key)
    return context
