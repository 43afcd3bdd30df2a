"""This process's line to the NATS servers that node.toml names: one connection, made again for as long as it lives.

`nats = ["tls://host:4222"]` in node.toml; each process has a key of its own, `keys/nats/<process>.seed`, and all that
write or read announcements share `keys/bus`. `nats_authority` is a file in the home with the certificate that the
servers' is checked against. Nothing waits for this line: without it the processes hear each other through the writer.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from safeconduct.records.bus_messages import NotOurs, Writing
from safeconduct.records.events import log_event
from safeconduct.records.home import Home, HomeError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.subscription import Subscription

ON_THE_LINE = ("writer", "web", "field", "notifier", "feed")
"""The processes that have something to tell or to hear there; the courier has not."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
CONNECT_SECONDS = 5
AGAIN = (1.0, 2.5)
"""Seconds between two attempts to connect: each process draws its own, so that they do not come together."""
PING_SECONDS = 5
SAID_AGAIN = 10.0
"""Seconds until the log is told of the same thing again."""
SLOW = 8 * 1024 * 1024
"""Bytes that may wait to be sent. What is more is let go; who should have heard it notices the gap."""
Take = Callable[[str, bytes], None]


def addresses(home: Home) -> list[str]:
    """The NATS servers of a node; none where its processes hear each other through the writer alone.

    Raises HomeError for addresses that would carry announcements in the open.
    """
    given = home.settings.get("nats", [])
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise HomeError('node.toml: nats is a list of addresses, such as ["tls://host:4222"]')
    for each in given:
        found = urlsplit(each)
        if found.scheme not in ("tls", "nats") or not found.hostname or found.username or found.password:
            raise HomeError("node.toml: an address in nats is tls://host:port, without a password")
        if found.scheme == "nats" and found.hostname not in LOOPBACK:
            raise HomeError("node.toml: NATS without TLS is for this machine only: write tls://")
    return given


def bus_key(home: Home) -> bytes:
    """What the processes of the node write announcements under. Raises HomeError."""
    try:
        key = bytes.fromhex(_secret(home.keys / "bus"))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise HomeError("keys/bus is not the node's key for NATS: see `safeconduct nats-config`")
    return key


def check(home: Home, process: str) -> None:
    """Whether a process has what it needs for its line to NATS, if the node has one. Raises HomeError."""
    if not addresses(home) or process not in ON_THE_LINE:
        return
    try:  # here, and not while its event loop runs: that takes a moment
        import nats  # noqa: F401
        import nkeys  # noqa: F401
    except ModuleNotFoundError:
        raise HomeError("nats in node.toml needs the extra: pip install 'safeconduct[nats]'") from None
    _seed(home, process)
    _context(home)
    if process != "feed":
        bus_key(home)


def this_process() -> str:
    return os.environ.get("SAFECONDUCT_PROCESS", "cli")


class Link:
    """`connected` may be asked at any moment; `since` is when that changed last, in seconds since 1970."""

    def __init__(self, home: Home, process: str) -> None:
        self.home, self.process = home, process
        self.connected = False
        self.since = time.time()
        self.client: Client | None = None
        self._wanted: list[tuple[Sequence[str], Take]] = []
        self._held: dict[Take, list[Subscription]] = {}
        self._on_connect: list[Callable[[], Awaitable[None]]] = []
        self._works: set[asyncio.Task[None]] = set()
        self._writing: Writing | None = None
        self._starting: asyncio.Task[None] | None = None
        self._closing = False
        self._said: dict[tuple[str, ...], float] = {}

    @property
    def writing(self) -> Writing:
        if self._writing is None:
            self._writing = Writing(bus_key(self.home))
        return self._writing

    def start(self) -> None:
        """Begin to connect; returns at once."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._connect())

    async def listen(self, subjects: Sequence[str], take: Take) -> None:
        """Call `take(subject, message)` for what comes under these subjects, from when the line is there."""
        self._wanted.append((subjects, take))
        if self.client is not None:
            await self._subscribe(self.client, subjects, take)

    async def unlisten(self, take: Take) -> None:
        self._wanted = [(subjects, other) for subjects, other in self._wanted if other is not take]
        for each in self._held.pop(take, []):
            try:
                await each.unsubscribe()
            except Exception:  # noqa: S112  (the line is gone, and with it the subscription)
                continue

    def on_connect(self, function: Callable[[], Awaitable[None]]) -> None:
        """Call this whenever the line is there, again after each time it was lost."""
        self._on_connect.append(function)
        if self.connected:
            self._begin(function)

    async def publish(self, subject: str, message: bytes) -> bool:
        """Hand a message to NATS; False where that could not be done now. Promises nothing."""
        if not self.connected or self.client is None:
            return False
        try:
            await self.client.publish(subject, message)
        except Exception as fault:
            self._faulty(fault)
            return False
        return True

    async def close(self) -> None:
        self._closing = True
        for task in (self._starting, *self._works):
            if task is not None:
                task.cancel()
        if self.client is not None:
            try:
                await asyncio.wait_for(self.client.close(), CONNECT_SECONDS)
            except Exception as fault:
                self._faulty(fault)
        self.client, self.connected = None, False

    async def _connect(self) -> None:
        options: dict[str, Any] = {}
        if any(each.startswith("tls://") for each in addresses(self.home)):
            options["tls"] = _context(self.home)
        seed = _seed(self.home, self.process)
        while True:
            try:
                client = _client()
                await client.connect(
                    addresses(self.home),
                    name=self.process,
                    nkeys_seed_str=seed,
                    inbox_prefix=f"_INBOX_{self.process}",
                    no_echo=True,
                    connect_timeout=CONNECT_SECONDS,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=random.uniform(*AGAIN),  # type: ignore[arg-type]  # noqa: S311
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=2,
                    pending_size=SLOW,
                    error_cb=self._on_error,
                    disconnected_cb=self._lost,
                    reconnected_cb=self._there,
                    **options,
                )
                self.client = client
                break
            except Exception as fault:
                self._faulty(fault)
                await asyncio.sleep(random.uniform(*AGAIN))  # noqa: S311
        for subjects, take in list(self._wanted):
            await self._subscribe(self.client, subjects, take)
        await self._there()

    async def _subscribe(self, client: Client, subjects: Sequence[str], take: Take) -> None:
        async def taken(message: Any) -> None:
            take(message.subject, message.data)

        held = self._held.setdefault(take, [])
        for subject in subjects:
            held.append(await client.subscribe(subject, cb=taken))

    async def _there(self) -> None:
        self._is(True)
        for function in self._on_connect:
            self._begin(function)

    async def _lost(self) -> None:
        self._is(False)

    def _is(self, connected: bool) -> None:
        if connected != self.connected:
            self.connected, self.since = connected, time.time()
            if self._closing:
                return
            if connected:
                log_event("bus_connected", process=self.process)
            else:
                log_event("bus_lost", process=self.process)

    def _begin(self, function: Callable[[], Awaitable[None]]) -> None:
        async def work() -> None:
            try:
                await function()
            except Exception as fault:
                self._faulty(fault)

        task = asyncio.create_task(work())
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    async def _on_error(self, fault: Exception) -> None:
        self._faulty(fault)

    def _faulty(self, fault: BaseException) -> None:
        if not self._closing and self._is_news("bus_faulty", type(fault).__name__):
            log_event("bus_faulty", process=self.process, fault=fault)

    def refused(self, fault: NotOurs) -> None:
        """Tell the log of a message that is not believed."""
        if self._is_news("bus_refused", str(fault)):
            log_event("bus_refused", process=self.process, code=str(fault))

    def _is_news(self, *what: str) -> bool:
        """Whether that was not told a while ago: whoever floods the line does not flood the log."""
        now = time.monotonic()
        if now - self._said.get(what, float("-inf")) <= SAID_AGAIN:
            return False
        self._said[what] = now
        return True


def _client() -> Client:
    """One that says nothing to a server which does not begin with TLS: the library would go on in the open with whoever
    stands between and says that none is needed."""
    from nats.aio.client import Client
    from nats.errors import Error

    class Secured(Client):
        async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
            at = self._current_server
            here = at is not None and at.uri.scheme == "nats" and at.uri.hostname in LOOPBACK
            if initial_connection and not here and not info.get("tls_required"):
                raise Error("the server does not begin with TLS")
            await super()._process_info(info, initial_connection)

    return Secured()


_links: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Path, Link]] = WeakKeyDictionary()
_standing: dict[Path, Link] = {}


def link_of(home: Home) -> Link:
    """The line of this process, begun when it is first asked for; for the event loop that runs."""
    mine = _links.setdefault(asyncio.get_running_loop(), {})
    link = mine.get(home.path)
    if link is None:
        link = mine[home.path] = _standing[home.path] = Link(home, this_process())
        link.start()
    return link


async def let_go(home: Home) -> None:
    """End the line of this process, if it has one."""
    link = _links.get(asyncio.get_running_loop(), {}).pop(home.path, None)
    if link is not None:
        await link.close()


def standing(home: Home) -> tuple[bool, float] | None:
    """Whether this process's line is there, and since when (seconds since 1970); None where it has none."""
    link = _standing.get(home.path)
    return None if link is None else (link.connected, link.since)


def _seed(home: Home, process: str) -> str:
    return _secret(home.keys / "nats" / f"{process}.seed")


def _secret(path: Path) -> str:
    """Raises HomeError for a file that is not there or that others could read."""
    try:
        if path.stat().st_mode & 0o007:
            raise HomeError(f"{path} may be read by everybody: chmod o-rwx")
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise HomeError(f"{path} cannot be read: see `safeconduct nats-config`") from None


def _context(home: Home) -> ssl.SSLContext:
    named = home.settings.get("nats_authority")
    try:
        context = ssl.create_default_context(cafile=home.path / named if named else None)
    except (OSError, ssl.SSLError) as fault:
        raise HomeError("node.toml: nats_authority names no certificate") from fault
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
