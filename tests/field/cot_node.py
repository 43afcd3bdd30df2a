"""A node whose gateway for TAK clients runs in the test's event loop, with the writer as a process of its own."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from journeys.journey_node import movement_parts
from safeconduct.agreement.policy import Subject
from safeconduct.field import credentials, devices
from safeconduct.field.cot_authority import Authority, Issued
from safeconduct.field.cot_events import Framer, stamp
from safeconduct.field.cot_gateway import Gateway, Places
from safeconduct.people.models import Account
from safeconduct.people.principal import principal_of
from safeconduct.positions import reading
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.release import fetch_row
from writer_process import start_writer, stop_writer

SYSTEM = system_subject("pk")
ROLES: dict[str, tuple[str, dict[str, Any]]] = {}
"""The record that gives a person the role, and what it says."""


@contextmanager
def running(home: Home) -> Iterator[Home]:
    """The writer of a home whose house rules are the Partner's: its own journeys, its own people."""
    writer = start_writer(home)
    try:
        with here.at(home, Door(home)):
            yield home
    finally:
        for store in reading._stores.values():
            store.close()
        reading._stores.clear()
        stop_writer(writer)


def officer(role: str, name: str = "") -> str:
    """The person id of a new account that a record gives this role."""
    account = Account.objects.create_account(name or role.replace("_", "-"), clearance=3)
    assignment = {
        "person": account.person, "account_name": account.username, "role": role, "clearance": 3,
    }  # fmt: skip
    made = commit(SYSTEM, Draft("role_assignment", {"assignment": assignment}, releasable=()))
    ROLES[account.person] = (made.record, {"assignment": assignment})
    return str(account.person)


def who(person: str) -> Subject:
    """The person as the policy sees them now."""
    return principal_of(Account.objects.get(person=person))


def dismiss(person: str) -> None:
    record, parts = ROLES[person]
    commit(SYSTEM, Draft("role_assignment", parts, record=record, expected=1, state="ended", releasable=()))


def journey(*assigned: str, reference: str = "MN-1") -> str:
    parts = movement_parts(notice={"reference": reference})
    return commit(SYSTEM, Draft("movement", parts, assigned=assigned, state="under_way")).record


class Known:
    """Devices that are enrolled, by a name of the test's own."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.tokens: dict[str, str] = {}

    def enrol(
        self, device: str, person: str = "", movement: str = "", name: str = "", confirmed: bool = True
    ) -> str:
        """Enrol a TAK client; the person whose it is says so, unless it is to wait."""
        parts: dict[str, Any] = {
            "identity": {"name": name or device, "category": "tak", "protocol": "cot", "movement": movement}
        }
        if person:
            parts["link"] = {"account": person, "holder": "Driver"}
        made, self.tokens[device] = devices.enrol(SYSTEM, parts)
        self.ids[device] = made.record
        if person and confirmed:
            self.confirm(device, person)
        return made.record

    def confirm(self, device: str, person: str) -> None:
        devices.confirm(who(person), self.ids[device], self.version(device))

    def version(self, device: str) -> int:
        row = fetch_row(self.ids[device])
        assert row is not None
        return int(row.version)

    def certify(self, device: str, authority: Authority) -> Issued:
        issued = authority.issue(self.ids[device])
        credentials.bind_certificate(self.ids[device], issued.fingerprint)
        return issued

    def marker(self, device: str) -> str:
        return f"SC.D.{self.ids[device]}"

    def touch(self, device: str) -> None:
        found = Draft("device", {}, record=self.ids[device], expected=self.version(device), state="waiting")
        commit(SYSTEM, found)

    def revoke(self, device: str) -> None:
        devices.revoke(SYSTEM, self.ids[device], self.version(device))


@asynccontextmanager
async def gateway(home: Home, tls: bool = False) -> AsyncIterator[Gateway]:
    places = Places("127.0.0.1", 0 if tls else None, "127.0.0.1", 0)
    found = Gateway(home, devices.Enrolled(), places, Authority(home).server_context() if tls else None)
    await found.start()
    end = time.monotonic() + 90
    while not found.outflow.live and time.monotonic() < end:
        await asyncio.sleep(0.01)
    try:
        yield found
    finally:
        await found.close()


def sa(
    uid: str = "ANDROID-1",
    type_: str = "a-f-G-U-C",
    at: float | None = None,
    latitude: float = 25.0,
    token: str = "",
    callsign: str = "ALPHA",
    detail: str = "",
    height: float = 10.0,
) -> bytes:
    """An event as ATAK writes it."""
    now = time.time() if at is None else at
    shown = f'<safeconduct token="{token}"/>' if token else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<event version="2.0" uid="{uid}" type="{type_}" how="m-g" '
        f'time="{stamp(now)}" start="{stamp(now)}" stale="{stamp(now + 60)}"><point lat="{latitude}" lon="66.9" '
        f'hae="{height}" ce="9.9" le="9999999.0"/><detail>{shown}<contact callsign="{callsign}" '
        f'endpoint="*:-1:stcp"/><track course="12.3" speed="1.5"/>{detail}</detail></event>'
    ).encode()


class Tak:
    """A client that keeps all it was sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer, self.events = writer, list[bytes]()
        self.ended = False
        self._task = asyncio.create_task(self._read(reader))

    @classmethod
    async def open(cls, port: int, token: str = "", context: ssl.SSLContext | None = None) -> Tak:
        """Connect and, on a plain line, say who it is with a ping."""
        made = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context))
        if token:
            made.send(sa("ping", "t-x-c-t", token=token))
        return made

    def send(self, *events: bytes) -> None:
        self.writer.write(b"".join(events))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        framer = Framer(1 << 20)
        with suppress(OSError):
            while data := await reader.read(65_536):
                self.events += framer.feed(data)
        self.ended = True

    def having(self, *texts: str) -> list[bytes]:
        return [e for e in self.events if all(text.encode() in e for text in texts)]

    async def until(self, *texts: str, count: int = 1, seconds: float = 90.0) -> list[bytes]:
        """Wait for events that have these texts."""
        await until(lambda: len(self.having(*texts)) >= count or self.ended, seconds)
        assert len(self.having(*texts)) >= count, self.events
        return self.having(*texts)

    async def joined(self) -> Tak:
        """Wait for the answer to the ping: this client is known."""
        await self.until('type="t-x-c-t-r"')
        return self

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()
        await self._task


async def until(condition: Any, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.01)
    assert condition()


def client_files(issued: Issued, authority: Authority, folder: Path, name: str) -> tuple[Path, Path, Path]:
    """(certificate, key, authority) as PEM files."""
    certificate, key, ca = (folder / f"{name}.{end}" for end in ("crt", "key", "ca"))
    certificate.write_bytes(issued.certificate.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        issued.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    ca.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key, ca


def client_context(files: tuple[Path, Path, Path]) -> ssl.SSLContext:
    certificate, key, ca = files
    context = ssl.create_default_context(cafile=str(ca))
    context.check_hostname = False
    context.load_cert_chain(certificate, key)
    return context
