"""A client that costs little: kept-open connections, one request in flight on each, the bytes made beforehand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Answers:
    """How long each answer took, in seconds, and how many there were of each status."""

    took: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    def rate(self) -> float:
        return self.well() / self.seconds

    def well(self) -> int:
        """How many were answered with 200, 201 or 202."""
        return sum(self.statuses.get(status, 0) for status in (200, 201, 202))

    def at(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        ordered = sorted(self.took)
        return 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0

    def faults(self) -> str:
        wrong = {status: count for status, count in self.statuses.items() if not 200 <= status < 400}
        return "".join(f"   {count:,} answered {status}" for status, count in sorted(wrong.items()))


class Connection(asyncio.Protocol):
    """Sends the next request when the last was answered."""

    def __init__(self, requests: Iterator[bytes], answers: Answers, done: asyncio.Future[None]) -> None:
        self._requests, self._answers, self._done = requests, answers, done
        self._seen = bytearray()
        self._begun = 0.0
        self._out: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._out = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head = self._seen.find(b"\r\n\r\n")
        if head < 0:
            return
        said = bytes(self._seen[:head]).lower()
        mark = said.find(b"content-length:")
        size = int(said[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
        if len(self._seen) < head + 4 + size:
            return
        status = int(said[9:12])
        self._answers.statuses[status] = self._answers.statuses.get(status, 0) + 1
        self._answers.took.append(time.perf_counter() - self._begun)
        self._seen.clear()
        self._next()

    def connection_lost(self, fault: Exception | None) -> None:
        if not self._done.done():
            self._answers.statuses[599] = self._answers.statuses.get(599, 0) + 1
            self._done.set_result(None)

    def _next(self) -> None:
        request = next(self._requests, None)
        assert self._out is not None
        if request is None:
            self._done.set_result(None)
            self._out.close()
            return
        self._begun = time.perf_counter()
        self._out.write(request)


async def ask_all(port: int, streams: list[Iterator[bytes]]) -> Answers:
    """Send each stream of requests over a connection of its own, all at once."""
    answers, loop = Answers(), asyncio.get_running_loop()
    ends: list[asyncio.Future[None]] = []
    begun = time.perf_counter()
    for requests in streams:
        ends.append(loop.create_future())
        done = ends[-1]
        await loop.create_connection(
            lambda r=requests, d=done: Connection(r, answers, d),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
    await asyncio.gather(*ends)
    answers.seconds = time.perf_counter() - begun
    return answers


def request(
    path: str, body: bytes, *headers: str, media: str = "application/json", method: str = "POST"
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Type: {media}", *headers]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
