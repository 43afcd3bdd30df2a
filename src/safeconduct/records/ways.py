"""The ways to the writer: its socket in this home, and on several machines the addresses where one may answer.

Only the holder of the sequencer answers. So the ways are tried in turn, the one that was good last first and the others
in any order; what has been sent over a way that breaks is not sent again over another.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from safeconduct.records import hello
from safeconduct.records.door_tls import Stranger, client_context, shown
from safeconduct.records.home import Home
from safeconduct.records.machines import Address, doors

LINE_LIMIT = 128 * 1024 * 1024
TIMEOUT = 60.0
CONNECT_SECONDS = 2.0
"""A machine whose cable is cut answers nothing: soon the next one is tried."""
HELLO_SECONDS = 20.0
BETWEEN = 0.2
"""Seconds at most before the next address is tried, so that not all come to a new holder in one moment."""
KEEPALIVE = (2, 1, 4)
"""Seconds of silence, seconds between probes and their number, after which the other machine is gone."""
_last: dict[Path, Address] = {}


class NoWay(OSError):
    """No writer could be reached; in words."""


def keep_alive(connection: socket.socket) -> None:
    """Notice within some six seconds that the other machine is gone, whether anything is under way or not."""
    idle, pause, count = KEEPALIVE
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, pause)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, (idle + pause * count) * 1000)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def process_here() -> str:
    """Which process of a node this is; "" for a command."""
    said = os.environ.get("SAFECONDUCT_PROCESS", "")
    return "" if said == "cli" else said


def listening(path: Path) -> bool:
    """Whether a writer answers on its socket here."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def connect(home: Home) -> socket.socket:
    """A connection to the writer. Raises OSError, NoWay in words."""
    far = doors(home)
    try:
        return _here(home)
    except OSError:
        if not far:
            raise
    context = _context(home)
    why: OSError = NoWay("no writer answers")
    for at in _in_turn(home, far):
        try:
            connection = _there(at, context)
        except OSError as fault:
            why = _worse(why, fault)
            time.sleep(random.uniform(0, BETWEEN))  # noqa: S311
            continue
        _last[home.path] = at
        return connection
    raise why


async def connect_async(home: Home) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The same for an event loop."""
    far = doors(home)
    try:
        return await asyncio.open_unix_connection(home.socket, limit=LINE_LIMIT)
    except OSError:
        if not far:
            raise
    context = _context(home)
    why: OSError = NoWay("no writer answers")
    for at in _in_turn(home, far):
        try:
            streams = await _there_async(at, context)
        except (OSError, TimeoutError) as fault:
            why = _worse(why, fault)
            await asyncio.sleep(random.uniform(0, BETWEEN))  # noqa: S311
            continue
        _last[home.path] = at
        return streams
    raise why


def _in_turn(home: Home, far: tuple[Address, ...]) -> Iterator[Address]:
    last = _last.get(home.path)
    if last in far:
        yield last
    yield from random.sample([at for at in far if at != last], len(far) - (last in far))


def _worse(before: OSError, fault: Exception) -> OSError:
    """What to tell when no way is left: that an end does not fit says more than that another does not answer."""
    return NoWay(str(fault)) if isinstance(fault, hello.Unfitting | Stranger) else before


def _context(home: Home) -> ssl.SSLContext:
    process = process_here()
    try:
        return client_context(home, process or "command")
    except (FileNotFoundError, PermissionError):
        who = f"the {process} of this machine has" if process else "commands have"
        raise NoWay(
            f"the sequencer is not on this machine, and {who} no certificate for the door of another"
        ) from None


def _here(home: Home) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.settimeout(TIMEOUT)
        client.connect(str(home.socket))
    except BaseException:
        client.close()
        raise
    return client


def _there(at: Address, context: ssl.SSLContext) -> socket.socket:
    plain = socket.create_connection(at, CONNECT_SECONDS)
    try:
        keep_alive(plain)
        plain.settimeout(HELLO_SECONDS)
        secured = context.wrap_socket(plain)
    except BaseException:
        plain.close()
        raise
    try:
        _expect_writer(secured)
        secured.sendall(hello.said())
        line = bytearray()
        while not line.endswith(b"\n") and len(line) <= hello.LIMIT:
            if not (piece := secured.recv(hello.LIMIT)):
                raise OSError("closed")
            line += piece
        hello.heard(bytes(line), "writer")
        secured.settimeout(TIMEOUT)
    except BaseException:
        secured.close()
        raise
    return secured


async def _there_async(
    at: Address, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    plain = await asyncio.to_thread(socket.create_connection, at, CONNECT_SECONDS)
    keep_alive(plain)
    plain.setblocking(False)
    reader, out = await asyncio.open_connection(
        sock=plain,
        ssl=context,
        server_hostname="",
        limit=LINE_LIMIT,
        ssl_handshake_timeout=HELLO_SECONDS,
        ssl_shutdown_timeout=HELLO_SECONDS,
    )
    try:
        _expect_writer(out.get_extra_info("ssl_object"))
        out.write(hello.said())
        hello.heard(await asyncio.wait_for(reader.readline(), HELLO_SECONDS), "writer")
    except BaseException:
        out.transport.abort()
        raise
    return reader, out


def _expect_writer(tls: ssl.SSLObject | ssl.SSLSocket) -> None:
    if shown(tls).process != "writer":
        raise Stranger("what answers at the door of another machine is no writer")
