"""The API behind the server's own interface: bodies that come in pieces or not at all, answers that stream."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.core.asgi import get_asgi_application

from safeconduct.api import geojson
from safeconduct.api.gate import JSON_LIMIT

from .conftest import INCIDENT, MakeProgram, Program

Message = dict[str, Any]


def ask(
    program: Program, method: str, path: str, body: list[bytes], length: str = ""
) -> tuple[int, list[bytes]]:
    """Status and the pieces of the answer, as a server would send them on."""
    pieces = [
        {"type": "http.request", "body": piece, "more_body": n + 1 < len(body)}
        for n, piece in enumerate(body)
    ]
    headers = [
        (b"host", b"localhost"),
        (b"authorization", f"Bearer {program.secret}".encode()),
        (b"content-type", b"application/json"),
        *([(b"content-length", length.encode())] if length else []),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": f"/api/v1{path}",
        "raw_path": f"/api/v1{path}".encode(),
        "query_string": b"",
        "headers": headers,
        "server": ("localhost", 80),
    }
    sent: list[Message] = []

    async def run() -> None:
        async def receive() -> Message:
            if pieces:
                return pieces.pop(0)
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await get_asgi_application()(scope, receive, send)

    asyncio.run(run())
    status = next(m["status"] for m in sent if m["type"] == "http.response.start")
    return status, [m["body"] for m in sent if m["type"] == "http.response.body" and m.get("body")]


def test_a_body_that_ends_too_early(officer: Program) -> None:
    body = json.dumps({"parts": INCIDENT}).encode()
    status, answer = ask(officer, "POST", "/incidents", [body], length=str(len(body) + 10))
    assert status == 400 and b"before the announced length" in b"".join(answer)


def test_a_body_without_a_length_is_read_to_the_limit(officer: Program) -> None:
    status, answer = ask(officer, "POST", "/incidents", [b" " * 65536] * (JSON_LIMIT // 65536 + 1))
    assert status == 413 and b":too-large" in b"".join(answer)


def test_an_export_leaves_page_by_page(
    officer: Program, program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geojson, "BATCH", 2)
    for _ in range(5):
        officer.post("/incidents", {"parts": INCIDENT})
    status, answer = ask(program("analyst"), "GET", "/incidents.geojson", [b""])
    assert status == 200 and len(answer) == 5  # opening, three pages, closing
    assert len(json.loads(b"".join(answer))["features"]) == 5
