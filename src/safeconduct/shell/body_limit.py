"""A limit on what a request may bring, before anything of it is written anywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

MAX_BODY = 24 * 1024 * 1024
"""Bytes: the largest attachment with room for its form."""

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]


class _TooLargeError(Exception):
    pass


class BodyLimit:
    """ASGI: answers 413 to a body above the limit, whether it says its length or not."""

    def __init__(self, application: Application, limit: int = MAX_BODY) -> None:
        self.application = application
        self.limit = limit

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        length = dict(scope.get("headers", ())).get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 15 or int(length) > self.limit:
            await _refuse(send)
            return
        taken = 0
        answered = False

        async def counted() -> Any:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.limit:
                raise _TooLargeError
            return message

        async def noted(message: Any) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.application(scope, counted, noted)
        except _TooLargeError:
            if not answered:
                await _refuse(send)


async def _refuse(send: Any) -> None:
    await send({"type": "http.response.start", "status": 413, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b"The request is too large.\n"})
