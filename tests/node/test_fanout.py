"""Two web processes of one node on PostgreSQL, as on two machines, hear each other through NATS."""

from __future__ import annotations

import http.client
import json
import queue
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from nats_server import Nats, with_nats
from own_process import own_process
from people.live_node import PARTS
from safeconduct.node.health import connects
from safeconduct.node.secret import secret_key
from safeconduct.people.models import Account
from safeconduct.people.tokens import issue
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from signed_in import signed_in

PATIENCE = 300.0
HOST = {"Host": "localhost"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web(home: Home, folder: Path) -> Iterator[int]:
    """A web process with a home of its own, as on another machine; its port. The door to the writer is shared."""
    shutil.copytree(home.path, folder, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
    (folder / "writer.sock").symlink_to(home.socket)
    port = free_port()
    own = replace(Home.load(folder), settings={**home.settings, "port": port})
    own.save()
    with own_process(own, "web", lambda: connects("127.0.0.1", port)):
        yield port


class Screen:
    """An event stream that is open in a thread of its own."""

    def __init__(self, port: int, cookie: str) -> None:
        name, _, value = cookie.partition("=")
        name = name.replace("8001", str(port))
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.line.request("GET", "/live?topics=incident", headers={**HOST, "Cookie": f"{name}={value}"})
        self.answer = self.line.getresponse()
        assert self.answer.status == 200
        self.told: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while line := self.answer.readline():
            if line.startswith(b'data: {"kind"'):
                self.told.put(json.loads(line[6:]))

    def next(self) -> str:
        return str(self.told.get(timeout=PATIENCE)["record"])


def report(port: int, token: str) -> str:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {**HOST, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    line.request("POST", "/api/v1/incidents", json.dumps({"parts": PARTS}), headers)
    answer = line.getresponse()
    body = answer.read()
    assert answer.status == 201, body
    return str(json.loads(body)["record"])


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_is_committed_through_one_is_heard_on_the_other(host_home: Home, tmp_path: Path) -> None:
    (tmp_path / "nats").mkdir()
    with ExitStack() as stack:
        nats = stack.enter_context(Nats(tmp_path / "nats", [host_home]))
        home = with_nats(host_home, nats.address)
        stack.enter_context(own_process(home, "writer"))
        stack.enter_context(here.at(home, Door(home)))
        stack.enter_context(override_settings(SECRET_KEY=secret_key(home)))
        client, _ = signed_in("watch_officer")
        account = Account.objects.get(username="watch-officer")
        token = issue(account, "t", ["watch_officer"], "write", timezone.now() + timedelta(days=1))[1]
        name = settings.SESSION_COOKIE_NAME
        cookie = f"{name}={client.cookies[name].value}"
        one, other = (stack.enter_context(web(home, tmp_path / name)) for name in ("one", "other"))
        screens = [Screen(port, cookie) for port in (one, other)]

        def heard_everywhere(record: str) -> None:
            assert [screen.next() for screen in screens] == [record, record]

        heard_everywhere(report(one, token))
        heard_everywhere(report(other, token))
        nats.kill()
        heard_everywhere(report(one, token))
        nats.start()
        heard_everywhere(report(other, token))
        for screen in screens:
            assert screen.told.empty()
