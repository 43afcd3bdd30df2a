"""The doors that people and devices use: a browser that signs in, the stream of an open screen, a TAK client.

Each asks again when a process has just been killed, as a phone, a browser and a device do.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from typing import Any, NamedTuple

PATIENCE = 120.0
"""Seconds: whoever killed a node waits until it is there again, on a machine that is busy, too."""
PAUSE = 0.3
AWAY = (urllib.error.URLError, http.client.HTTPException, OSError)
_SINCE = re.compile(r'data-since="(\d+)"')
"""As of which ledger entry a page was made: its stream begins there."""
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Answer(NamedTuple):
    status: int
    text: str


class Browser:
    """One person's browser, signed in with a password."""

    def __init__(self, base: str, name: str, password: str) -> None:
        self.base = base
        self._jar = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._jar)
        )
        self._token = ""
        self.get("/accounts/login/")
        self.post("/accounts/login/", {"login": name, "password": password})
        if "/accounts/login/" in self.get("/account/").text:
            raise PermissionError(f"{name} could not sign in")

    def get(self, path: str) -> Answer:
        answer = self._ask(urllib.request.Request(self.base + path))  # noqa: S310  (always this machine)
        found = _TOKEN.search(answer.text)
        self._token = found[1] if found else self._token
        return answer

    def post(self, path: str, form: Mapping[str, Any]) -> Answer:
        """A form, as a page sends it."""
        return self._send(path, urllib.parse.urlencode(form, doseq=True).encode(), "")

    def tell(self, path: str, word: Mapping[str, Any]) -> Answer:
        """A word, as a phone sends it from its outbox: again until it is answered."""
        return self._send(path, json.dumps(word).encode(), "application/json")

    def cookies(self) -> str:
        return "; ".join(f"{each.name}={each.value}" for each in self._jar)

    def _send(self, path: str, body: bytes, what: str) -> Answer:
        headers = {"X-CSRFToken": self._token, **({"Content-Type": what} if what else {})}
        return self._ask(urllib.request.Request(self.base + path, body, headers))  # noqa: S310

    def _ask(self, request: urllib.request.Request) -> Answer:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with self._opener.open(request, timeout=20) as answer:
                    return Answer(answer.status, answer.read().decode())
            except urllib.error.HTTPError as refused:
                answer = Answer(refused.code, refused.read().decode(errors="replace"))
                if refused.code != 503 or time.monotonic() > end:
                    return answer
            except AWAY:
                if time.monotonic() > end:
                    raise
            time.sleep(PAUSE)


class Screen:
    """An open page and its live stream. It comes back by itself and says what it saw last, as a browser does; told to
    look at everything again, it fetches its page."""

    def __init__(self, browser: Browser, topics: str, page: str = "/watch/") -> None:
        self.seen: list[tuple[str, str]] = []
        """(kind, record) of each change, in the order in which it came."""
        self._page, self._looked, self._reset = page, "", False
        self.opened = 0
        self._browser, self._topics = browser, topics
        since = _SINCE.search(browser.get(page).text)
        self._last = since[1] if since else ""
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def shows(self, kind: str, record: str) -> bool:
        if self._reset:
            self._reset = False
            self._looked = self._browser.get(self._page).text
        return (kind, record) in self.seen or record in self._looked

    def _watch(self) -> None:
        while not self._closed.is_set():
            headers = {"Cookie": self._browser.cookies()}
            if self._last:
                headers["Last-Event-ID"] = self._last
            url = f"{self._browser.base}/live?topics={self._topics}"
            with (
                suppress(*AWAY, ValueError),
                urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as stream,  # noqa: S310
            ):
                self.opened += 1
                for line in stream:
                    self._hear(line.decode().rstrip("\n"))
                    if self._closed.is_set():
                        return
            self._closed.wait(PAUSE)

    def _hear(self, line: str) -> None:
        if line.startswith("id: "):
            self._last = line[4:]
        elif line == "event: reset":
            self._reset = True
        elif line.startswith("data: {"):
            told = json.loads(line[6:])
            if told.get("record"):
                self.seen.append((told["kind"], told["record"]))


class Tak:
    """A TAK client on the plain port of this machine; a new connection for each thing that it says."""

    def __init__(self, port: int, token: str, callsign: str) -> None:
        self.port, self.token, self.callsign = port, token, callsign

    def say(self, type_: str, latitude: float = 24.85, longitude: float = 67.2, detail: str = "") -> bool:
        """Send one event; False when nobody was there. An answer to the ping after it shows that it was read."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
            ping = self._event("ping", "t-x-c-t", latitude, longitude, f'<safeconduct token="{self.token}"/>')
            line.sendall(ping + self._event(self.callsign, type_, latitude, longitude, detail) + ping)
            heard, end = b"", time.monotonic() + 5
            while heard.count(b"t-x-c-t-r") < 2 and time.monotonic() < end:
                piece = line.recv(65_536)
                if not piece:
                    return False
                heard += piece
            return heard.count(b"t-x-c-t-r") >= 2
        return False

    def _event(self, uid: str, type_: str, latitude: float, longitude: float, detail: str) -> bytes:
        now = datetime.now(UTC)
        at, stale = (
            f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
            for moment in (now, now + timedelta(seconds=60))
        )
        return (
            f'<event version="2.0" uid="{uid}" type="{type_}" how="m-g" time="{at}" start="{at}" stale="{stale}">'
            f'<point lat="{latitude}" lon="{longitude}" hae="0" ce="10" le="9999999.0"/><detail>'
            f'<contact callsign="{self.callsign}"/>{detail}</detail></event>'
        ).encode()
