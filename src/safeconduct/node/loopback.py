"""What stands for the providers outside: a web server on this machine, as an SMS or mail gateway is one.

It keeps all that it is sent, and takes a number only once. Nothing leaves the machine.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

CHANNELS = ("sms", "email", "webhook")


class Message(NamedTuple):
    channel: str
    to: str
    number: str
    text: str


class Gateway:
    """Runs until `close`. `sent` is each message that was taken, once, and `note` is called with it; the provider of
    the channel `broken` is out of order."""

    def __init__(self, broken: str = "", note: Callable[[Message], object] | None = None) -> None:
        self.broken, self.note = broken, note
        self.sent: dict[tuple[str, str], Message] = {}
        self.refused: list[Message] = []
        self.again = 0
        """How often a number came that was taken already."""
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
                self.send_response(200 if gateway.take(self.path, dict(self.headers), body) else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._lock = threading.Lock()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> bool:
        """Keep one message; False for the channel that is out of order."""
        given = json.loads(body)
        channel = path.strip("/").split("?")[0]
        number, to = headers.get("Idempotency-Key", ""), str(given.get("to", ""))
        message = Message(channel, to, number, str(given.get("message", "")))
        with self._lock:
            if channel == self.broken:
                self.refused.append(message)
                return False
            known = (to, number) in self.sent
            self.again += known
            self.sent.setdefault((to, number), message)
            if self.note is not None and not known:
                self.note(message)
        return True

    def to(self, address: str) -> list[Message]:
        with self._lock:
            return [message for message in self.sent.values() if message.to == address]

    def lay_channels(self, home: Path) -> None:
        """Write a channels.toml that leads here; each of its channels takes a number only once."""
        port = self._server.server_address[1]
        lines = []
        for name in CHANNELS:
            url = f"json://127.0.0.1:{port}/{name}?:to={{address}}&+Idempotency-Key={{number}}"
            lines += [f"[{name}]", f'url = "{url}"', "per_minute = 6000", "once = true", ""]
        path = home / "channels.toml"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write("\n".join(lines))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
