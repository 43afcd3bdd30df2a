"""More live streams on one web process than its server would take by itself: real connections, real processes."""

from __future__ import annotations

import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import override_settings

from safeconduct.node.secret import secret_key
from safeconduct.people.principal import principal_of
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home

from .conftest import MakeAccount, SignIn
from .live_node import PARTS, serving

SCREENS = 1_300
"""Granian stops at 1,024 connections a worker unless told otherwise."""
LONG = 90.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@pytest.fixture
def node(host_home: Home) -> Iterator[Home]:
    with serving(host_home) as home:
        yield home


@pytest.fixture
def web(node: Home) -> Iterator[int]:
    """The port of the node's web process, which is started with room for few files, as many systems do."""
    node.settings.update(port=free_port(), second_factor="optional")  # type: ignore[attr-defined]
    node.save()
    start = (
        "import resource, sys; from safeconduct.node.processes import main;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (256, {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}));"
        f"sys.argv = ['', 'web', {str(node.path)!r}]; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", start])
    port, end = int(node.settings["port"]), time.monotonic() + LONG
    with socket.socket() as probe:
        while probe.connect_ex(("127.0.0.1", port)) and time.monotonic() < end:
            time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(LONG)


def read_until(screens: list[socket.socket], token: bytes, heard: dict[socket.socket, bytes]) -> int:
    """How many of the screens have the token in what they were sent, once all have or it takes too long."""
    with selectors.DefaultSelector() as waiting:
        for screen in screens:
            if token not in heard.setdefault(screen, b""):
                waiting.register(screen, selectors.EVENT_READ)
        end = time.monotonic() + LONG
        while waiting.get_map() and time.monotonic() < end:
            for key, _ in waiting.select(1.0):
                screen = key.fileobj
                assert isinstance(screen, socket.socket)
                data = screen.recv(65536)
                heard[screen] += data
                if not data or token in heard[screen]:
                    waiting.unregister(screen)
    return sum(token in heard[screen] for screen in screens)


def test_more_than_a_thousand_screens_hear_of_an_incident(
    node: Home,
    web: int,
    person: MakeAccount,
    sign_in: SignIn,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * SCREENS:
        pytest.skip("this machine allows too few open files")
    officer, stranger = person("officer", "watch_officer"), person("admin", "administrator")
    with override_settings(SECRET_KEY=secret_key(node)):
        keys = [sign_in(each).cookies[settings.SESSION_COOKIE_NAME].value for each in (officer, stranger)]
    name = f"sc_{node.party}_{web}_session"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    screens: list[socket.socket] = []
    heard: dict[socket.socket, bytes] = {}
    try:
        for number in range(SCREENS):
            screens.append(socket.create_connection(("127.0.0.1", web), timeout=LONG))
            ask = f"GET /live HTTP/1.1\r\nHost: localhost\r\nCookie: {name}={keys[number % 10 == 0]}\r\n\r\n"
            screens[-1].sendall(ask.encode())
        assert read_until(screens, b"event: beat", heard) == SCREENS
        record = commit(principal_of(officer), Draft("incident", PARTS)).record.encode()
        may = [screen for number, screen in enumerate(screens) if number % 10]
        assert read_until(may, record, heard) == len(may)
        assert not any(record in heard[screen] for screen in set(screens) - set(may))
    finally:
        for screen in screens:
            screen.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
