"""A node with people, contact points and a clock that the test turns; and receivers that messages go to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from journeys.journey_node import Clock, Journeys
from safeconduct.notify.ladder import escalate
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import iso
from safeconduct.records.writer import Writer


class Telling(Journeys):
    """What a test does to the node; `take` and `done` are what a notifier would ask and report."""

    turn = 0

    def contact(self, person: str, channel: str, address: str, order: int = 1, language: str = "en") -> str:
        part = {"channel": channel, "address": address, "order": order, "language": language}
        draft = Draft("contact_point", {"address": part}, assigned=[person], releasable=())
        return commit(self.system, draft).record

    def shift(self, person: str, since: float, until: float, state: str = "planned", **more: Any) -> str:
        part = {"person": person, "since": iso(since), "until": iso(until), **more}
        return commit(self.system, Draft("on_call", {"shift": part}, state=state, releasable=())).record

    def ladder(self, steps: list[dict[str, Any]], **scope: str) -> str:
        draft = Draft("ladder", {"scope": scope, "steps": {"steps": steps}}, releasable=())
        return commit(self.system, draft).record

    def sos(self, **call: Any) -> str:
        part = {"at": iso(self.clock.now), "received": iso(self.clock.now), "headline": "Shots", **call}
        return commit(self.system, Draft("sos", {"call": part})).record

    def raise_about(self, record: str, reason: str = "sos", **more: Any) -> str:
        return self.read(lambda tx: escalate(tx, tx.row(record), reason, tx.now, **more))

    def take(
        self,
        *names: str,
        once: bool = False,
        holding: tuple[str, ...] = (),
        worker: str = "one",
        session: str = "first",
        allow: int = 50,
        turn: int | None = None,
    ) -> list[dict[str, Any]]:
        self.turn += 1
        channels = {name: {"allow": allow, "once": once} for name in names}
        payload = {
            "worker": worker,
            "session": session,
            "turn": self.turn if turn is None else turn,
            "holding": list(holding),
            "channels": channels,
        }
        found: list[dict[str, Any]] = self.writer.call("notify_take", payload)["messages"]
        return found

    def done(self, delivery: str, outcome: str, fault: str = "", once: bool = False) -> None:
        channels = {name: {"allow": 1, "once": once} for name in ("email", "sms", "webhook")}
        result = {"delivery": delivery, "outcome": outcome, "fault": fault}
        self.writer.call("notify_done", {"results": [result], "channels": channels})

    def deliveries(self, about: str) -> list[tuple[str, str, str, int, str]]:
        """(person, channel, state, rung, fault) of each."""
        found = []
        for row in self.about(about, "delivery"):
            values = row.values()
            to, outcome = values["to"], values.get("outcome") or {}
            found.append((to["person"], to["channel"], row.state, to["rung"], outcome.get("fault", "")))
        return found

    def delivery(self, record: str) -> RowView:
        return self.row(record)


@contextmanager
def telling(home: Home) -> Iterator[Telling]:
    clock = Clock()
    writer = Writer(home, clock)
    with Door(home, writer) as door, here.at(home, door):
        yield Telling(home, writer, clock)


class Gateway:
    """A web server as an SMS gateway is one: it keeps what it gets, and takes a number only once.

    With a `delay` it answers so many seconds later, or when it is let go.
    """

    def __init__(self, status: int = 200, delay: float = 0.0) -> None:
        self.status, self.delay = status, delay
        self.got: list[dict[str, Any]] = []
        self.taken: dict[tuple[str, str], int] = {}
        self._let_go = threading.Event()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                number, path = self.headers.get("Idempotency-Key", ""), self.path
                if gateway.delay:
                    gateway._let_go.wait(gateway.delay)
                entry = {"path": path, "number": number, **json.loads(body)}
                gateway.got.append(entry)
                if gateway.status == 200:
                    key = (number, str(entry.get("to", path)))
                    gateway.taken[key] = gateway.taken.get(key, 0) + 1
                self.send_response(gateway.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def url(self, path: str = "") -> str:
        return f"json://127.0.0.1:{self.port}/{path}?:to={{address}}&+Idempotency-Key={{number}}"

    def let_go(self) -> None:
        """Answer what waits for its answer, and what comes from now on, at once."""
        self._let_go.set()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self.server.shutdown()
        self.server.server_close()
