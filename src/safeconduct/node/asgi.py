"""The web process: raw ASGI routes first, Django for everything else."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safeconduct.node.settings")
os.environ.setdefault("SAFECONDUCT_PROCESS", "web")

from django.core.asgi import get_asgi_application

_plain = get_asgi_application()

from safeconduct.field.route import PATHS as DEVICE_PATHS  # noqa: E402  (needs Django's settings)
from safeconduct.field.route import Devices  # noqa: E402
from safeconduct.positions.route import PATHS, Positions  # noqa: E402
from safeconduct.shell.body_limit import BodyLimit  # noqa: E402
from safeconduct.shell.live import Live  # noqa: E402

_django = BodyLimit(_plain)
_live = Live()
_positions = Positions()
_devices = Devices(_positions.following.moved)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and scope["path"] == "/live":
        await _live(scope, receive, send)
    elif scope["type"] == "http" and scope["path"] in PATHS:
        await _positions(scope, receive, send)
    elif scope["type"] == "http" and scope["path"] in DEVICE_PATHS:
        await _devices(scope, receive, send)
    else:
        await _django(scope, receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _before_stopping(_live.end_all)
            _before_stopping(_positions.following.end_all)
        if message["type"] == "lifespan.shutdown":
            await _live.close()
            await _positions.close()
            await _devices.close()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _before_stopping(function: Callable[[], object]) -> None:
    """Call the function on SIGINT and SIGTERM before the server hears of them.

    The server waits for every answer to end before it tells the application to stop, and a live stream ends
    only when it is told to. asyncio has no public way to add to a signal's handler.
    """
    loop = asyncio.get_running_loop()

    def first(handle: asyncio.Handle) -> None:
        function()
        handle._run()

    for number, handle in list(getattr(loop, "_signal_handlers", {}).items()):
        if number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, first, handle)
