"""Cursor on Target: one sender to 200 receivers, each event stored before it is shown, each receiver decided about.

The gateway runs as the node runs it, in a process of its own beside the writer; so does the floor, a relay of thirty
lines that checks, stores and decides nothing. With `--taky PATH` the server of that name is measured in the same run.
One receiver in ten may not follow the journey, and must get nothing. Times are from sending to receiving, one clock.
Once more over TLS, every receiver with a certificate of its own, at the lower rate that one Python client can decrypt.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from bench.measure import heading, memory, used
from bench.nodes import Node, one_node

NUMBER = re.compile(rb'hae="(\d+)')
BASE = 1_000_000
END = b"</event>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receivers", type=int, default=200)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--tls-rate", type=float, default=25.0, help="events/s over TLS; 0 leaves that out")
    parser.add_argument("--taky", type=Path, help="the program of that name, installed elsewhere")
    parser.add_argument(
        "--taky-rates", default="10,100", help="events/s at which taky is measured, with commas"
    )
    parser.add_argument("--serve", choices=("relay", "gateway"), help=argparse.SUPPRESS)
    parser.add_argument("--at", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve == "relay":
        asyncio.run(_relay(int(given.at)))
        return
    if given.serve == "gateway":
        _gateway(given.at)
        return
    heading(f"one sender at {given.rate:.0f} events/s to {given.receivers} receivers, {given.seconds:.0f} s")
    count, rate, seconds = given.receivers, given.rate, given.seconds
    with _started("relay", "18100") as process:
        print(
            asyncio.run(Run(18100, count, rate, seconds).measured(process)).line("relay of 30 lines", process)
        )
    for slower in (float(each) for each in given.taky_rates.split(",") if given.taky):
        with tempfile.TemporaryDirectory() as folder, _taky(given.taky, Path(folder)) as process:
            line = asyncio.run(Run(18087, count, slower, seconds).measured(process)).line("taky", process)
            print(f"{line}   at {slower:.0f} events/s")
    _own(count, rate, seconds, given.tls_rate)


def _own(count: int, rate: float, seconds: float, tls_rate: float) -> None:
    with one_node("partner") as opened:
        from safeconduct.records.started import settle
        from safeconduct.records.writer import Writer

        tokens, sender, contexts = _people(opened, count, bool(tls_rate))
        opened.writer.close()
        home = opened.home
        ports = {"cot_plain_port": 18101, "cot_port": 18102, "cot_address": "127.0.0.1"}
        home.settings.update(ports, second_factor="optional")  # type: ignore[attr-defined]
        home.save()
        command = [sys.executable, "-m", "safeconduct.node.processes", "writer", str(home.path)]
        writer = subprocess.Popen(command)
        try:
            while not home.socket.exists():
                time.sleep(0.05)
            with _started("gateway", str(home.path)) as process:
                settle()
                run = Run(18101, count, rate, seconds, tokens, sender, denied=count // 10)
                print(asyncio.run(run.measured(process)).line("gateway of the node", process))
                if contexts:
                    run = Run(18102, count, tls_rate, seconds, denied=count // 10, contexts=contexts)
                    line = asyncio.run(run.measured(process)).line("the same over TLS", process)
                    print(f"{line}   at {tls_rate:.0f} events/s")
        finally:
            writer.terminate()
            writer.wait()
            opened.writer = Writer(home)


def _people(node: Node, count: int, tls: bool) -> tuple[list[str], str, list[ssl.SSLContext]]:
    """Tokens of the receivers' devices, the first tenth of people who may not follow the journey, and the sender's;
    for TLS what opens a line for each of them, the sender's last."""
    from safeconduct.agreement.policy import Subject
    from safeconduct.field import devices
    from safeconduct.node.django_start import migrate
    from safeconduct.people.models import Account
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.principals import system_subject

    migrate()
    system = system_subject(node.home.party)
    bearers: dict[str, Subject] = {}

    def account(role: str) -> str:
        made = Account.objects.create_account(role.replace("_", "-"), clearance=3)
        said = {"person": made.person, "account_name": made.username, "role": role, "clearance": 3}
        commit(system, Draft("role_assignment", {"assignment": said}, releasable=()), door=node.door)
        bearers[str(made.person)] = Subject(node.home.party, frozenset({role}), 3, person=str(made.person))
        return str(made.person)

    def enrol(name: str, person: str = "", movement: str = "") -> tuple[str, str]:
        identity = {"name": name, "category": "tak", "protocol": "cot", "movement": movement}
        parts: dict[str, Any] = {"identity": identity}
        if person:
            parts["link"] = {"account": person}
        made, token = devices.enrol(system, parts, node.door)
        if person:
            devices.confirm(bearers[person], made.record, 1, node.door)
        return str(made.record), token

    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 36_000))
    parts = {
        "notice": {
            "reference": "MN-1", "since": now, "until": later,
            "origin_district": "Karachi", "destination_district": "Gwadar", "persons": 3,
        },
        "itinerary": {
            "origin": {"place": "Karachi", "latitude": 24.86, "longitude": 67.01},
            "destination": {"place": "Gwadar", "latitude": 25.12, "longitude": 62.33},
            "depart": now, "arrive": later,
        },
    }  # fmt: skip
    movement = commit(system, Draft("movement", parts, state="under_way"), door=node.door).record
    allowed, denied = account("coordinator"), account("warden")
    enrolled = [enrol(f"r{n}", denied if n < count // 10 else allowed) for n in range(count)]
    enrolled.append(enrol("sender", "", movement))
    tokens = [token for _, token in enrolled]
    contexts = _certificates(node, [device for device, _ in enrolled]) if tls else []
    return tokens[:-1], tokens[-1], contexts


def _certificates(node: Node, enrolled: list[str]) -> list[ssl.SSLContext]:
    """A certificate of its own for each device; they share one key, which takes longest to make."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from safeconduct.field import cot_authority, credentials

    authority, key = cot_authority.Authority(node.home), cot_authority._new_key()
    found = []
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(cot_authority, "_new_key", lambda: key):
        file = Path(folder) / "client.pem"
        for device in enrolled:
            issued = authority.issue(device)
            credentials.bind_certificate(device, issued.fingerprint)
            shown = issued.certificate.public_bytes(Encoding.PEM)
            file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + shown)
            context = ssl.create_default_context(
                cadata=authority.certificate.public_bytes(Encoding.PEM).decode()
            )
            context.check_hostname = False
            context.load_cert_chain(file)
            found.append(context)
    return found


class Receiver(asyncio.Protocol):
    def __init__(self, run: Run, number: int) -> None:
        self.run, self.number, self.rest, self.got = run, number, b"", 0
        self.joined = False

    def connection_made(self, transport: Any) -> None:
        run = self.run
        token = run.tokens[self.number] if run.tokens else ""
        kind = "t-x-c-t" if token or run.contexts else "a-f-G-U-C"
        transport.write(_event(f"RX-{self.number}", token, kind=kind))
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        data = self.rest + data
        end = data.rfind(END)
        if end < 0:
            self.rest = data
            return
        self.rest, data = data[end + len(END) :], data[: end + len(END)]
        self.joined = True
        for number in map(int, NUMBER.findall(data)):
            if number in self.run.sent:
                self.got += 1
                self.run.took.append(now - self.run.sent[number])


class Run:
    """One measurement: the receivers and the sender are this process."""

    def __init__(
        self, port: int, count: int, rate: float, seconds: float,
        tokens: list[str] | None = None, sender: str = "", denied: int = 0,
        contexts: list[ssl.SSLContext] | None = None,
    ) -> None:  # fmt: skip
        self.contexts = contexts or []
        self.port, self.count, self.rate, self.seconds = port, count, rate, seconds
        self.tokens, self.sender, self.denied = tokens or [], sender, denied
        self.sent: dict[int, float] = {}
        self.took: list[float] = []
        self.receivers: list[Receiver] = []
        self.wrongly = 0
        self.let_in = count
        self.busy = float("nan")

    async def measured(self, process: int) -> Run:
        loop = asyncio.get_running_loop()
        for number in range(self.count):
            made = Receiver(self, number)
            self.receivers.append(made)
            secured = self.contexts[number] if self.contexts else None
            await loop.create_connection(lambda m=made: m, "127.0.0.1", self.port, ssl=secured)  # type: ignore[misc]
            if number % 20 == 19:
                await asyncio.sleep(0.1)
        secured = self.contexts[-1] if self.contexts else None
        _reader, out = await asyncio.open_connection("127.0.0.1", self.port, ssl=secured)
        out.write(_event("TX", self.sender))
        await self._until(lambda: not (self.tokens or secured) or all(r.joined for r in self.receivers), 120)
        if secured or self.tokens:
            self.let_in = sum(r.joined for r in self.receivers)
        await asyncio.sleep(4)
        total, begun, worked = int(self.rate * self.seconds), time.perf_counter(), used(process)
        for number in range(BASE, BASE + total):
            wait = begun + (number - BASE) / self.rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            event = _event("TX", "", number)
            self.sent[number] = time.perf_counter()
            out.write(event)
        allowed = self.receivers[self.denied :]
        await self._until(lambda: sum(r.got for r in allowed) >= total * len(allowed), 8)
        self.busy = (used(process) - worked) / self.seconds
        self.wrongly = sum(r.got for r in self.receivers[: self.denied])
        for receiver in self.receivers:
            receiver.transport.abort()
        out.transport.abort()
        return self

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.perf_counter() + seconds
        while not condition() and time.perf_counter() < end:
            await asyncio.sleep(0.02)

    def line(self, name: str, process: int) -> str:
        took = sorted(self.took) or [float("nan")]
        expected = len(self.sent) * (self.count - self.denied)
        delivered = (len(self.took) - self.wrongly) / expected
        middle, late = (took[min(len(took) - 1, int(part * len(took)))] * 1e3 for part in (0.5, 0.99))
        kept_out = f"   {self.count - self.let_in} not let in" if self.let_in < self.count else ""
        denied = f"   to {self.denied} who may not: {self.wrongly}" if self.denied else ""
        return (
            f"{name:<22} p50 {middle:7.1f} ms   p99 {late:7.1f} ms   delivered {delivered:7.2%}   "
            f"{self.busy:4.0%} of a core   "
            f"{memory(process) / 1_000:5.0f} MB{denied}{kept_out}"
        )


def _event(uid: str, token: str, number: int = 0, kind: str = "a-f-G-U-C") -> bytes:
    now = time.time()
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
    stale = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 60))
    shown = f'<safeconduct token="{token}"/>' if token else ""
    return (
        f'<event version="2.0" uid="{uid}" type="{kind}" how="m-g" time="{at}" start="{at}" stale="{stale}">'
        f'<point lat="33.6844" lon="73.0479" hae="{number}" ce="9.9" le="9.9"/><detail>{shown}'
        '<takv os="29" version="4.8.1" device="bench" platform="ATAK-CIV"/>'
        f'<contact callsign="{uid}" endpoint="*:-1:stcp"/><uid Droid="{uid}"/>'
        '<__group role="Team Member" name="Cyan"/><status battery="87"/>'
        '<track course="12.3" speed="1.5"/></detail></event>'
    ).encode()


@contextmanager
def _started(what: str, where: str) -> Any:
    process = subprocess.Popen([sys.executable, "-m", "bench.cot", "--serve", what, "--at", where])
    try:
        _await_port(18100 if what == "relay" else 18101)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _taky(program: Path, folder: Path) -> Any:
    file = folder / "taky.conf"
    file.write_text(
        f"[taky]\nhostname = localhost\nbind_ip = 127.0.0.1\nroot_dir = {folder}\n[cot_server]\nport = 18087\n"
        f"[dp_server]\nupload_path = {folder}/dp\n[ssl]\nenabled = false\n"
    )
    process = subprocess.Popen([program, "-c", file], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _await_port(18087)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _await_port(port: int) -> None:
    import socket

    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on port {port}")


class _Relayed(asyncio.Protocol):
    """The floor: bytes up to the last event's end, to everybody else, as they are."""

    everybody: set[Any] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport, self.rest = transport, b""
        self.everybody.add(transport)

    def connection_lost(self, _fault: Exception | None) -> None:
        self.everybody.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        end = data.rfind(END)
        if end < 0:
            self.rest = data
            return
        self.rest, data = data[end + len(END) :], data[: end + len(END)]
        for transport in self.everybody:
            if transport is not self.transport:
                transport.write(data)


async def _relay(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Relayed, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def _gateway(path: str) -> None:
    from safeconduct.records.home import Home

    home = Home.load(path)
    from safeconduct.node.django_start import start_django

    start_django(home, "field")
    from safeconduct.field.process import run

    run(home)


if __name__ == "__main__":
    main()
