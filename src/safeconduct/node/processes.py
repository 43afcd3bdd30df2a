"""The processes of a node, and the one that watches over them.

Each has what it needs and no more: the writer (ledger, tables, keys), the web server (tables for reading,
accounts), the feed (the outgoing feeds, mutual TLS), the courier and the notifier (no database at all; the notifier
alone reads channels.toml).
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from safeconduct.records.home import Home, HomeError

log = logging.getLogger(__name__)

ORDER = ("writer", "feed", "web", "courier", "notifier", "field")
STOP_SECONDS = 10.0
FIELD_PORTS = ("mqtt_port", "cot_port", "cot_plain_port")
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a process that ended is started again; doubled each time until it has run for a minute."""


def writer(home: Home) -> None:
    from safeconduct.node.django_start import start_django
    from safeconduct.records.service import serve

    start_django(home, "writer")
    serve(home)


def web(home: Home) -> None:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    os.environ["SAFECONDUCT_HOME"] = str(home.path)
    os.environ["SAFECONDUCT_PROCESS"] = "web"
    certificate, key = home.settings.get("tls_certificate"), home.settings.get("tls_key")
    Granian(
        "safeconduct.node.asgi:application",
        address=str(home.settings.get("address", "127.0.0.1")),
        port=int(home.settings.get("port", 8001)),
        interface=Interfaces.ASGI,
        workers=1,
        backlog=8192,
        backpressure=20_000,
        websockets=False,
        log_level=LogLevels.warning,
        log_access=False,
        ssl_cert=home.path / certificate if certificate else None,
        ssl_key=home.path / key if key else None,
    ).serve()


def feed(home: Home) -> None:
    from safeconduct.exchange.server import serve

    serve(home)


def courier(home: Home) -> None:
    from safeconduct.exchange.courier import run

    run(home)


def notifier(home: Home) -> None:
    from safeconduct.notify.notifier import run

    run(home)


def field(home: Home) -> None:
    from safeconduct.node.django_start import start_django

    start_django(home, "field")
    from safeconduct.field.process import run

    run(home)


def has(home: Home, name: str) -> bool:
    """Whether a node has this process: every one but `field`, which needs a port that node.toml opens."""
    if name != "field":
        return True
    return any(home.settings.get(port) for port in FIELD_PORTS)


PROCESSES: dict[str, Callable[[Home], None]] = {
    "writer": writer,
    "feed": feed,
    "web": web,
    "courier": courier,
    "notifier": notifier,
    "field": field,
}


class Node:
    """A home's processes. A process that ends by itself is started again; the writer rebuilds from disk."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.started: dict[str, float] = {}
        self.stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_over, name="watch", daemon=True)

    def start(self, names: Sequence[str] = ORDER, timeout: float = 30.0) -> None:
        """Start the processes in order; the writer must answer before the others begin. Raises TimeoutError."""
        for name in filter(lambda name: has(self.home, name), names):
            self._spawn(name)
            if name == "writer":
                self._until(lambda: _answers(self.home), "the writer", timeout)
        self._watch.start()

    def ready(self, timeout: float = 30.0) -> None:
        """Wait until the web server takes connections. Raises TimeoutError."""
        address = str(self.home.settings.get("address", "127.0.0.1"))
        port = int(self.home.settings.get("port", 8001))
        self._until(lambda: _connects(address, port), f"the web server on port {port}", timeout)

    def stop(self) -> None:
        """Stop in the reverse order, so that nothing is asked of a writer that is gone."""
        self.stopping.set()
        for name in reversed(ORDER):
            child = self.children.get(name)
            if child is None or child.poll() is not None:
                continue
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                log.warning("%s did not stop and was killed", name)
                child.kill()
                child.wait()

    def _spawn(self, name: str) -> None:
        command = [sys.executable, "-m", "safeconduct.node.processes", name, str(self.home.path)]
        self.children[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.started[name] = time.monotonic()

    def _watch_over(self) -> None:
        pauses = dict.fromkeys(self.children, FIRST_PAUSE)
        due: dict[str, float] = {}
        while not self.stopping.wait(0.2):
            now = time.monotonic()
            for name, child in list(self.children.items()):
                code = child.poll()
                if code is None:
                    if now - self.started[name] > LONGEST_PAUSE:
                        pauses[name] = FIRST_PAUSE
                elif name not in due:
                    log.error("%s ended with %s; started again in %.0f s", name, code, pauses[name])
                    due[name] = now + pauses[name]
                    pauses[name] = min(2 * pauses[name], LONGEST_PAUSE)
                elif now >= due[name]:
                    del due[name]
                    self._spawn(name)

    def _until(self, condition: Callable[[], bool], what: str, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{what} did not start")
            time.sleep(0.02)


def serve(homes: Sequence[Home], on_ready: Callable[[], None]) -> None:
    """Run these nodes until SIGINT or SIGTERM. Raises HomeError when another program has a node's port."""
    for home in homes:
        for setting, usual in (("port", 8001), ("exchange_port", 9001)):
            port = int(home.settings.get(setting, usual))
            # The web server shares its port with whoever asks, and would not notice another one on it.
            if _connects(str(home.settings.get("address", "127.0.0.1")), port):
                raise HomeError(f"port {port} is taken by another program; set `{setting}` of {home.path}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    nodes = [Node(home) for home in homes]
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            node.ready()
        on_ready()
        while not stop.wait(1.0):
            pass
    finally:
        stoppers = [threading.Thread(target=node.stop) for node in nodes]
        for thread in stoppers:
            thread.start()
        for thread in stoppers:
            thread.join()


def _answers(home: Home) -> bool:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
        probe.connect(str(home.socket))
        return True
    return False


def _connects(address: str, port: int) -> bool:
    import socket

    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description="Run one process of a node.")
    parser.add_argument("process", choices=ORDER)
    parser.add_argument("home")
    given = parser.parse_args()
    # Ctrl-C reaches the whole group; the node decides in which order its processes stop.
    os.setpgid(0, 0)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    PROCESSES[given.process](Home.load(given.home))


if __name__ == "__main__":
    main()
