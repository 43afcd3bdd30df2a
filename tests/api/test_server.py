"""The API behind the server's own interface: bodies that come in pieces or not at all, answers that stream."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.core.asgi import get_asgi_application

from safeconduct.api import geojson
from safeconduct.api.gate import JSON_LIMIT
from safeconduct.api.snapshots import MAX_KEPT, Snapshots
from safeconduct.people import tokens

from .conftest import INCIDENT, MakeProgram, Program, readings

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


def test_a_map_program_reads_a_file_in_pieces(officer: Program, program: MakeProgram) -> None:
    """As GDAL does: the length first, then ranges, all of one export that the ledger has once."""
    for _ in range(3):
        officer.post("/incidents", {"parts": INCIDENT})
    coordinator = program("coordinator")
    before = len(readings())
    head = coordinator.send("HEAD", "/incidents.geojson", b"")
    size = int(head["Content-Length"])
    assert head.status_code == 200 and head.content == b"" and head["Accept-Ranges"] == "bytes"
    first = coordinator.get("/incidents.geojson", Range="bytes=0-99")
    rest = coordinator.get("/incidents.geojson", Range="bytes=100-", If_Range=head["ETag"])
    assert first.status_code == rest.status_code == 206
    assert (
        first["Content-Range"] == f"bytes 0-99/{size}"
        and rest["Content-Range"] == f"bytes 100-{size - 1}/{size}"
    )
    whole = first.content + rest.content
    assert len(whole) == size and len(json.loads(whole)["features"]) == 3
    end = coordinator.get("/incidents.geojson", Range="bytes=-10")
    assert end.status_code == 206 and whole.endswith(end.content) and len(end.content) == 10
    assert len(readings()) == before + 1
    outside = coordinator.get("/incidents.geojson", Range=f"bytes={size}-")
    assert outside.status_code == 416 and outside["Content-Range"] == f"bytes */{size}"
    for odd in ("bytes=9-2", "bytes=" + "9" * 15 + "-"):
        assert coordinator.get("/incidents.geojson", Range=odd).status_code == 416
    for ignored in ("bytes=-", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b", "bytes=" + "9" * 99 + "-"):
        answer = coordinator.get("/incidents.geojson", Range=ignored)
        assert answer.status_code == 200 and answer.content == whole
    other = coordinator.get("/incidents.geojson", Range="bytes=0-9", If_Range='"another"')
    assert other.status_code == 200 and other.content == whole


def test_an_export_is_kept_for_nobody_else(officer: Program, program: MakeProgram) -> None:
    officer.post("/incidents", {"parts": INCIDENT})
    coordinator, analyst = program("coordinator"), program("analyst")
    mine = coordinator.get("/incidents.geojson", Range="bytes=0-").content
    theirs = analyst.get("/incidents.geojson", Range="bytes=0-").content
    assert b"people.killed_best" in mine and b"people.killed_best" not in theirs
    assert officer.get("/incidents.geojson", Range="bytes=0-").status_code == 403
    tokens.revoke(coordinator.token)
    assert coordinator.get("/incidents.geojson", Range="bytes=0-9").status_code == 401


def test_an_export_is_not_kept_past_a_change_of_the_rules(officer: Program, program: MakeProgram) -> None:
    from conftest import SIGNATORY_KEY
    from safeconduct.node.signing_here import act
    from safeconduct.records import here

    officer.post("/incidents", {"parts": INCIDENT})
    analyst = program("analyst")
    assert analyst.get("/incidents.geojson", Range="bytes=0-9").status_code == 206
    act("house", "H1", "suspended", SIGNATORY_KEY, None, here.door())
    assert analyst.get("/incidents.geojson", Range="bytes=0-9").status_code == 403


def test_exports_kept_make_room_and_end() -> None:
    kept = Snapshots()
    for number in range(MAX_KEPT + 1):
        assert kept.take(number, lambda: [b"x"]) is not None
    made: list[int] = []

    def again() -> list[bytes]:
        made.append(1)
        return [b"y"]

    assert kept.take(MAX_KEPT, again).raw == b"x" and not made  # type: ignore[union-attr]
    assert kept.take(0, again).raw == b"y" and made  # type: ignore[union-attr]
    kept.drop(0)
    assert kept.take(0, lambda: [b"z"]).raw == b"z"  # type: ignore[union-attr]
    assert kept.take("large", lambda: [b"x" * 1024 * 1024] * 33) is None


def test_head_says_what_get_would(officer: Program) -> None:
    got, head = officer.get("/me"), officer.send("HEAD", "/me", b"")
    assert head.status_code == 200 and head.content == b""
    assert head["Content-Length"] == str(len(got.content)) and head["Content-Type"] == "application/json"
    assert officer.send("HEAD", "/nowhere", b"").status_code == 404
