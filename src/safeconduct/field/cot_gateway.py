"""The Cursor on Target gateway: TAK clients over TLS with certificates of this node, or plain where that is safe.

One asyncio process. A position comes in, is checked, stored, and then written out once for all who may see it: who
that is was decided before, and is decided again whenever policy, roles or the movement change, and every fifteen
seconds. The uid and the name on everything that goes out are this node's, so a client can neither stand in for another
nor be overwritten by one that bears the same callsign. While the writer is away nothing new is shown, because what is
shown could not be noted; what clients send is stored all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import close_old_connections, connections

from safeconduct.field.cot_authority import Authority, fingerprint
from safeconduct.field.cot_devices import Device, Devices
from safeconduct.field.cot_events import (
    PING,
    PROTOCOL_ASKED,
    Event,
    NotAnEvent,
    read_event,
    write_no_protobuf,
    write_pong,
)
from safeconduct.field.cot_intake import Intake, Report, report_of
from safeconduct.field.cot_outflow import Outflow
from safeconduct.field.cot_receiver import MOST_EARLY, Client
from safeconduct.field.cot_urgent import Emergencies
from safeconduct.positions.limits import Allowance
from safeconduct.positions.store import Store
from safeconduct.records.door import AsyncDoor, Door
from safeconduct.records.events import log_event
from safeconduct.records.home import Home, HomeError
from safeconduct.records.refusals import Unavailable

T = TypeVar("T")

MOST_CLIENTS = 2_000
MOST_BEHIND = 20_000
"""Reports that may wait to be written before senders are held back."""
LOOK = 5.0
"""Seconds between two looks for connections that nobody uses rightly."""
CREDENTIAL = 1.0
"""Seconds after a device's record within which its new credential is stored."""
REFRESH = 30.0
"""Seconds after which every connected device is looked up again."""


@dataclass(frozen=True)
class Places:
    """Where to listen; a port of 0 is any free one, None is none. `plain_host` is checked by `listen`."""

    host: str = "0.0.0.0"  # noqa: S104  (the TLS port: only certificates of this node open it)
    tls_port: int | None = None
    plain_host: str = "127.0.0.1"
    plain_port: int | None = None

    @classmethod
    def of(cls, home: Home) -> Places:
        """What node.toml says: `cot_address`, `cot_port`, `cot_plain_address`, `cot_plain_port`; no port, no door."""
        settings = home.settings
        tls, plain = int(settings.get("cot_port", 0)), int(settings.get("cot_plain_port", 0))
        return cls(
            str(settings.get("cot_address", "0.0.0.0")),  # noqa: S104
            tls or None,
            str(settings.get("cot_plain_address", "127.0.0.1")),
            plain or None,
        )


@dataclass
class _Counts:
    """What the gateway has seen since it began."""

    events: int = 0
    not_events: int = 0
    strangers: int = 0
    too_many: int = 0


class Gateway:
    """All connections of TAK clients to a node. `context` is the TLS server's, None when only plain is spoken."""

    def __init__(
        self, home: Home, devices: Devices, places: Places, context: ssl.SSLContext | None = None
    ) -> None:
        self.home, self.devices, self.places, self.context = home, devices, places, context
        self.counts = _Counts()
        self._questions = ThreadPoolExecutor(1, thread_name_prefix="cot-questions")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="cot-writing")
        self._door, self._async_door = Door(home), AsyncDoor(home)
        self.outflow = Outflow(home, self.ask, self._door, self._async_door)
        self._store = Store(home)
        self._intake = Intake(self._store, self._async_door, self._write, self.outflow.relay, home)
        self._emergencies = Emergencies(self._async_door)
        self._allowance = Allowance()
        self._clients: set[Client] = set()
        self._by_device: dict[str, Client] = {}
        self._changes = 0
        """How many changes of devices were heard of."""
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.outflow.on_device = self._device_enrolled
        self.outflow.on_journeys = self._journeys_changed

    async def start(self) -> None:
        """Listen. Raises HomeError for a plain address that others could reach, OSError for a port that is taken."""
        loop = asyncio.get_running_loop()
        if self.places.plain_port is not None:
            _only_private(self.places.plain_host)
            server = await loop.create_server(
                lambda: Client(self), self.places.plain_host, self.places.plain_port, backlog=1024
            )
            self._servers.append(server)
        if self.places.tls_port is not None and self.context is not None:
            server = await loop.create_server(
                lambda: Client(self), self.places.host, self.places.tls_port, ssl=self.context,
                ssl_handshake_timeout=15.0, ssl_shutdown_timeout=2.0, backlog=1024,
            )  # fmt: skip
            self._servers.append(server)
        for work in (self._intake.write, self._intake.tell, self.outflow.follow_bus, self.outflow.decide_again,
                     self.outflow.look_for_others, self._look_after):  # fmt: skip
            self._begin(work())

    @property
    def ports(self) -> list[int]:
        """The ports that are listened on: plain first, then TLS."""
        return [int(server.sockets[0].getsockname()[1]) for server in self._servers]

    async def close(self) -> None:
        """End every connection; the reading of each is noted as closed."""
        for server in self._servers:
            server.close()
        for client in list(self._clients):
            client.end()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self.outflow.all_closed()
        self._emergencies.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._async_door.close()
        self._questions.submit(connections.close_all)
        self._questions.submit(self._door.close)
        for thread in (self._questions, self._writing):
            thread.shutdown()
        self._store.close()

    async def ask(self, question: Callable[[], T]) -> T:
        """Ask a database in the thread that does, so that the event loop never waits."""
        return await asyncio.get_running_loop().run_in_executor(self._questions, _asked, question)

    async def _write(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writing, question)

    # --- connections

    def arrived(self, client: Client, certificate: bytes) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            self.counts.too_many += 1
            client.end()
            return
        self._clients.add(client)
        if certificate:
            shown = fingerprint(certificate)
            client.asked = True
            self._begin(self._admit(client, lambda: self.devices.by_certificate(shown)))
        elif client.is_tls:
            client.end()

    def left(self, client: Client) -> None:
        self._clients.discard(client)
        if client.device is not None and self._by_device.get(client.device.id) is client:
            del self._by_device[client.device.id]
        self.outflow.leave(client)

    def heard(self, client: Client, events: list[bytes]) -> None:
        if client.open and client.device is not None:
            self._take(client, client.device, events)
            return
        client.early += events
        if len(client.early) > MOST_EARLY:
            client.hold()
        if not client.is_tls and not client.asked:
            client.asked = True
            token = _token(events[0])
            if not token:
                self.counts.strangers += 1
                client.end()
                return
            self._begin(self._admit(client, lambda: self.devices.by_token(token)))

    async def _admit(self, client: Client, who: Callable[[], Device | None]) -> None:
        """Find out whose connection this is; take what it has already sent, and show it what is open."""
        try:
            device = await self._known(who)
        except Exception as fault:
            log_event("device_unknown", fault=fault, unforeseen=True)
            device = None
        if device is None:
            self.counts.strangers += 1
            client.end()
            return
        if client not in self._clients:
            return
        before = self._by_device.get(device.id)
        if before is not None:
            before.end()
        client.device, self._by_device[device.id], client.who = device, client, who
        client.open = True
        client.go_on()
        early, client.early = client.early, []
        self._take(client, device, early)
        await self.outflow.join(client)

    async def _known(self, who: Callable[[], Device | None]) -> Device | None:
        """Whose connection this is; asked again where some device changed meanwhile, since a connection that nobody
        knows yet is told of no change."""
        device: Device | None = None
        for _ in range(3):
            changes = self._changes
            device = await self.ask(who)
            if changes == self._changes:
                break
        return device

    async def _device_enrolled(self, record: str) -> None:
        """A device was revoked, given another credential (that is stored a moment after its record), or its person
        said that it is theirs."""
        self._changes += 1
        await self._device_changed(record)
        if record in self._by_device:
            self._begin(self._soon(record))

    async def _soon(self, record: str) -> None:
        await asyncio.sleep(CREDENTIAL)
        with contextlib.suppress(Unavailable):
            await self._device_changed(record)

    async def _device_changed(self, record: str) -> None:
        """Out at once if what it showed opens nothing any more, or if what it was shown is not for whom it is now; else
        with what its record says now: a person's word opens what they may see. Raises Unavailable."""
        client = self._by_device.get(record)
        if client is None or client.device is None:
            return
        who = client.who
        if who is None:
            return
        found = await self.ask(who)
        if found is None:
            client.end()
        elif found != client.device:
            before, client.device = client.device, found
            if found.person != before.person or before.reads_as not in ("", found.reads_as):
                client.end()
            elif found.reads_as != before.reads_as:
                await self.outflow.join(client)

    async def _journeys_changed(self) -> None:
        """A journey that begins or ends is that of every device which is carried on it."""
        for record in list(self._by_device):
            await self._device_changed(record)

    async def _look_after(self) -> None:
        refresh = time.monotonic() + REFRESH
        while True:
            await asyncio.sleep(LOOK)
            now = time.monotonic()
            for client in list(self._clients):
                if client.overdue(now):
                    client.end()
            if now >= refresh:
                refresh = now + REFRESH
                with contextlib.suppress(Unavailable):
                    await self._journeys_changed()

    # --- what they send

    def _take(self, client: Client, device: Device, events: Sequence[bytes]) -> None:
        now = time.time()
        for data in events:
            self.counts.events += 1
            try:
                event = read_event(data)
            except NotAnEvent:
                self.counts.not_events += 1
                client.wrong()
                continue
            if event.is_emergency or event.remarks:
                self._emergencies.take(device, event)
            if event.is_position or (event.is_emergency and not event.cancels):
                self._position(client, device, event, now)
            elif event.type == PING:
                client.tell(write_pong(now))
            elif event.type == PROTOCOL_ASKED:
                client.tell(write_no_protobuf(now))

    def _position(self, client: Client, device: Device, event: Event, now: float) -> None:
        wait = self._allowance.positions(device.id, 1)
        if wait or self._intake.behind > MOST_BEHIND:
            client.wait(float(min(wait or 1, 60)))
        report: Report | None = report_of(device, event, now)
        if report is not None:
            self.outflow.expect(report)
            self._intake.add(report)

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def gateway_of(home: Home, devices: Devices) -> Gateway | None:
    """The gateway as node.toml says, still to be started; None where it names no port."""
    places = Places.of(home)
    if places.tls_port is None and places.plain_port is None:
        return None
    return Gateway(
        home, devices, places, Authority(home).server_context() if places.tls_port is not None else None
    )


def _asked(question: Callable[[], T]) -> T:
    close_old_connections()
    return question()


def _token(data: bytes) -> str:
    try:
        return read_event(data).token
    except NotAnEvent:
        return ""


def _only_private(host: str) -> None:
    """Raises HomeError for an address that is not of this machine or of a private network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError as fault:
        raise HomeError("cot_plain_address is an IP address") from fault
    if not (address.is_loopback or address.is_private) or address.is_unspecified:
        raise HomeError("Cursor on Target without TLS is spoken on this machine or a private network only")
