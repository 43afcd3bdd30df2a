"""A body above the limit is refused before the application has it, whether or not it says its length."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from safeconduct.shell.body_limit import BodyLimit


def ask(headers: list[tuple[bytes, bytes]], pieces: list[bytes], limit: int = 10) -> tuple[int, int]:
    """(status, bytes the application got)."""
    got = 0
    sent: list[dict[str, Any]] = []
    waiting = [
        {"type": "http.request", "body": piece, "more_body": n + 1 < len(pieces)}
        for n, piece in enumerate(pieces)
    ]

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        nonlocal got
        more = True
        while more:
            message = await receive()
            got += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(BodyLimit(application, limit)({"type": "http", "headers": headers}, receive, send))
    return sent[0]["status"], got


def test_what_fits_passes_untouched() -> None:
    assert ask([(b"content-length", b"10")], [b"x" * 4, b"x" * 6]) == (200, 10)


@pytest.mark.parametrize("length", [b"11", b"9" * 9999, b"999999999999", b"-1", b"1e3", b"\xb2"])
def test_a_length_above_the_limit_or_none_is_refused_at_once(length: bytes) -> None:
    assert ask([(b"content-length", length)], [b""]) == (413, 0)


def test_a_body_that_hides_its_length_is_counted() -> None:
    status, got = ask([], [b"x" * 6] * 50)
    assert status == 413 and got <= 10
