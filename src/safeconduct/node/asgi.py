"""The web process: raw ASGI routes first, Django for everything else."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safeconduct.node.settings")
os.environ.setdefault("SAFECONDUCT_PROCESS", "web")

from django.core.asgi import get_asgi_application
from django.urls import get_resolver

_plain = get_asgi_application()

from safeconduct.field.route import PATHS as DEVICE_PATHS  # noqa: E402  (needs Django's settings)
from safeconduct.field.route import Devices  # noqa: E402
from safeconduct.node.logs import catch_uncaught  # noqa: E402
from safeconduct.positions.route import PATHS, Positions  # noqa: E402
from safeconduct.positions.waiting import Keeping  # noqa: E402
from safeconduct.records import events, here  # noqa: E402
from safeconduct.records.bus_link import let_go  # noqa: E402
from safeconduct.records.commons import all_work, keep_beating  # noqa: E402
from safeconduct.records.started import settle  # noqa: E402
from safeconduct.records.stopping import SIGNALS, when_stopped  # noqa: E402
from safeconduct.records.supervised import keep_telling  # noqa: E402
from safeconduct.shell.body_limit import BodyLimit  # noqa: E402
from safeconduct.shell.live import Live  # noqa: E402
from safeconduct.watch.muster_route import PREFIX as MUSTER_ANSWERS  # noqa: E402
from safeconduct.watch.muster_route import MusterAnswers  # noqa: E402

LOOK_AT_PARENT = 0.25
"""Seconds between two looks whether the server that started this worker is there."""

_django = BodyLimit(_plain)
_live = Live()
_positions = Positions()
_devices = Devices(_positions.following.moved)
_answers = MusterAnswers(_django)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        _join_cookies(scope)
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    number = secrets.token_hex(8)
    with events.request(number):
        await _answer(scope, receive, _numbered(send, number))


def _numbered(send: Any, number: str) -> Any:
    """Every answer bears the number under which the log speaks of its request."""
    header = (b"x-request-id", number.encode())

    async def inner(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), header]
        await send(message)

    return inner


async def _answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http" and scope["path"] == "/live":
        await _live(scope, receive, send)
    elif scope["type"] == "http" and scope["path"] in PATHS:
        await _positions(scope, receive, send)
    elif scope["type"] == "http" and scope["path"] in DEVICE_PATHS:
        await _devices(scope, receive, send)
    elif scope["type"] == "http" and scope["path"].startswith(MUSTER_ANSWERS):
        await _answers(scope, receive, send)
    else:
        await _django(scope, receive, send)


def _join_cookies(scope: dict[str, Any]) -> None:
    """Over HTTP/2 a browser sends each cookie in a header of its own, and they are one (RFC 9113, 8.2.3): Django would
    join them with commas, and find none."""
    cookies = [value for name, value in scope["headers"] if name == b"cookie"]
    if len(cookies) > 1:
        others = [header for header in scope["headers"] if header[0] != b"cookie"]
        scope["headers"] = [*others, (b"cookie", b"; ".join(cookies))]


def load() -> None:
    """Every room's pages, so that the first request need not wait for them."""
    get_resolver().url_patterns  # noqa: B018
    settle()


async def _lifespan(receive: Any, send: Any) -> None:
    tasks: list[asyncio.Task[None]] = []
    keeping: Keeping | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            threading.Thread(target=_end_with, args=(_server(),), name="parent", daemon=True).start()
            _before_stopping(_live.end_all, _positions.following.end_all)
            catch_uncaught()
            load()
            keeping = Keeping(here.home(), _positions.following.moved)
            keeping.start()
            tasks = [asyncio.create_task(keep_telling(_all_work)), asyncio.create_task(keep_beating())]
        if message["type"] == "lifespan.shutdown":
            for task in tasks:
                task.cancel()
            await _live.close()
            await _positions.close()
            await _devices.close()
            await _answers.close()
            if keeping is not None:
                await keeping.close()
            await let_go(here.home())
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _all_work() -> None:
    """Wait while one of the node's web processes is silent: the service manager then starts all of them again."""
    while not all_work():
        await asyncio.sleep(1.0)


def _server() -> int:
    """The process that started this worker, as it said itself: it may be gone by the time this is asked."""
    started_by = multiprocessing.parent_process()
    return os.getppid() if started_by is None or started_by.pid is None else started_by.pid


def _end_with(parent: int) -> None:
    """End this worker when the server that started it is gone: killed, it could tell nobody, and its port would go on
    being answered beside that of the server that takes its place."""
    while os.getppid() == parent:
        time.sleep(LOOK_AT_PARENT)
    os._exit(1)


def _before_stopping(*functions: Callable[[], object]) -> None:
    """Call the functions on SIGINT and SIGTERM before the server hears of them.

    The server waits for every answer to end before it tells the application to stop, and a live stream ends
    only when it is told to. asyncio has no public way to add to a signal's handler.
    """
    handlers = getattr(asyncio.get_running_loop(), "_signal_handlers", {})
    server = [handlers[number] for number in SIGNALS if number in handlers][:1]
    if not server:
        return

    def stop() -> None:
        try:
            for function in functions:
                function()
        finally:
            for handle in server:
                handle._run()

    when_stopped(stop)
