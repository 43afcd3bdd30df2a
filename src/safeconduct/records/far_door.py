"""The door to processes on other machines of the party: the lines of the socket, over mutual TLS.

Whoever has no certificate on the list gets no further than the handshake. Before it little is given: few handshakes at
a time, few of them to one address, a few seconds for each. After it a connection has what the socket gives, and its
lines must come whole within a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Self

from safeconduct.records import hello
from safeconduct.records.door_tls import ASKING, Bearer, Stranger, server_context, shown
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.machines import Address, machine_name
from safeconduct.records.ways import LINE_LIMIT, keep_alive

ReadLine = Callable[[], Awaitable[bytes]]
Converse = Callable[[ReadLine, asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]
HANDSHAKES, OF_ONE_ADDRESS = 64, 16
HANDSHAKE_SECONDS = 10.0
CONNECTIONS, OF_ONE_PROCESS = 1024, 256
LINE_SECONDS = 60.0
BACKLOG = 128
ANSWERING_SECONDS = 5.0
"""For which a writer that ends waits until its answers are taken."""
RECHECK_SECONDS = 30.0
"""How often it is looked whether the certificates of those who are in have ended."""


class FarDoor:
    """Lets in who is on the list. `converse` answers one connection until it ends."""

    def __init__(
        self, home: Home, at: Address, converse: Converse, known: Callable[[], Awaitable[frozenset[str]]]
    ) -> None:
        """Raises OSError or ValueError where this machine's writer has no certificate."""
        self.at = at
        self.party = home.party
        self.hello = hello.said(machine=machine_name(home))
        self.converse, self.known = converse, known
        self.context = server_context(home)
        self.inside: dict[asyncio.StreamWriter, Bearer] = {}
        self.shaking: Counter[str] = Counter()
        self.refused = 0
        self.opened = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Open it. Raises OSError where the address cannot be listened on."""
        family = socket.AF_INET6 if ":" in self.at[0] else socket.AF_INET
        self._listener = socket.create_server(self.at, family=family, backlog=BACKLOG)
        self._listener.setblocking(False)
        self._begin(self._take_in())
        self._begin(self._look())
        self.opened = True
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing more is read; what is done already is answered, as far as it is taken soon."""
        self._listener.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=ANSWERING_SECONDS)
        for out in list(self.inside):
            out.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def look_again(self) -> None:
        """The list has changed: whoever is on it no more is out at once."""
        self._looking.set()

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_in(self) -> None:
        loop = asyncio.get_running_loop()
        turns = asyncio.Semaphore(HANDSHAKES)
        while True:
            await turns.acquire()
            try:
                connection, at = await loop.sock_accept(self._listener)
            except OSError as fault:  # no more files may be open now, or it was gone before it was taken
                turns.release()
                log_event("door_refused", fault=fault)
                await asyncio.sleep(0.2)
                continue
            if self.shaking[at[0]] >= OF_ONE_ADDRESS or len(self.inside) >= CONNECTIONS:
                connection.close()
                turns.release()
            else:
                self.shaking[at[0]] += 1
                self._begin(self._one(connection, at[0], turns))
            await asyncio.sleep(0)  # to accept one that waits already gives way to nobody

    async def _one(self, connection: socket.socket, at: str, turns: asyncio.Semaphore) -> None:
        reader, out, who = None, None, None
        try:
            reader, out = await self._secured(connection)
            who = await self._let_in(reader, out)
        except (OSError, TimeoutError, ValueError) as fault:
            self.refused += 1
            if self.refused & (self.refused - 1) == 0:  # 1, 2, 4, 8 ...: a stranger cannot fill the log
                log_event("door_refused", fault=fault, count=self.refused)
        finally:
            turns.release()
            self.shaking[at] -= 1
            if not self.shaking[at]:
                del self.shaking[at]
            if who is None and out is not None:
                self.inside.pop(out, None)
                with contextlib.suppress(OSError, TimeoutError):
                    await asyncio.wait_for(out.drain(), 1.0)
                out.transport.abort()
        if who is None or reader is None or out is None:
            return
        try:
            await self.converse(self._lines(reader, out, who), reader, out, who.process)
        finally:
            self.inside.pop(out, None)

    async def _secured(self, connection: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LINE_LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            keep_alive(connection)
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self.context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=HANDSHAKE_SECONDS,
            )
        except BaseException:
            connection.close()
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _let_in(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> Bearer:
        """Who is there, once both have said hello. Raises Stranger, Unfitting, TimeoutError."""
        tls: ssl.SSLObject | None = out.get_extra_info("ssl_object")
        who = shown(tls)
        if who.party != self.party or who.process not in ASKING:
            raise Stranger("a certificate that is not for this door")
        if who.serial not in await self.known() or who.ends <= time.time():
            raise Stranger("a certificate that is not on the list")
        if sum(each.serial == who.serial for each in self.inside.values()) >= OF_ONE_PROCESS:
            raise Stranger("more connections than one process needs")
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            line = b""
            while not line.endswith(b"\n") and len(line) <= hello.LIMIT:
                if not (piece := await reader.read(hello.LIMIT + 1 - len(line))):
                    raise Stranger("gone before it said who it is")
                line += piece
        try:
            hello.heard(line, who.process)
        except hello.Unfitting as fault:
            out.write(hello.refused(fault))
            raise
        self.inside[out] = who
        if who.serial not in await self.known():  # taken off the list meanwhile
            raise Stranger("a certificate that is not on the list")
        out.write(self.hello)
        return who

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._looking.wait(), RECHECK_SECONDS)
            self._looking.clear()
            known, now = await self.known(), time.time()
            for out, who in list(self.inside.items()):
                if who.serial not in known or who.ends <= now:
                    self.inside.pop(out, None)
                    out.transport.abort()

    def _lines(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter, who: Bearer) -> ReadLine:
        """The next line of a connection, b"" at its end: whole, and within a minute of its first byte. Of who is out
        also what had come before counts no more."""

        async def read() -> bytes:
            first = await reader.read(1)
            if not first or out not in self.inside or who.ends <= time.time():
                return b""
            if first == b"\n":
                return first
            line = await asyncio.wait_for(reader.readline(), LINE_SECONDS)
            return first + line if line.endswith(b"\n") else b""

        return read
