"""The processes of a node, and the one that watches over them.

Each has what it needs and no more: the writer (ledger, tables, keys), the web server (tables for reading,
accounts), the feed (the outgoing feeds, mutual TLS), the courier and the notifier (no database at all; the notifier
alone reads channels.toml), and, where node.toml opens a port for devices, the field process (as the web server).
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from safeconduct.ledger.database import Database
from safeconduct.ledger.keys import KeyRefused
from safeconduct.node import logs
from safeconduct.node.following import FOLLOWING, until_upgraded, with_sequencer
from safeconduct.node.health import FIELD_PORTS, answers, connects, pages_answer, writer_works
from safeconduct.records import commons, users
from safeconduct.records.bus_link import check as check_line
from safeconduct.records.databases import KEYS_FEED
from safeconduct.records.events import log_event
from safeconduct.records.home import Home, HomeError
from safeconduct.records.machines import several
from safeconduct.records.users import SHOWING, permit_all, user_of

ORDER = users.PROCESSES
_KEYS = ("keys_database", KEYS_FEED)
_NODES_OWN = ("database", "database_web", "keys_database")
WITHHELD = {
    "feed": _NODES_OWN,
    "web": _KEYS,
    "field": _KEYS,
    "courier": (*_NODES_OWN, KEYS_FEED, "feeds_database"),
    "notifier": (*_NODES_OWN, KEYS_FEED, "feeds_database"),
}
"""What of node.toml a process that speaks to strangers forgets at once: the way to databases that are not its own."""
STOP_SECONDS = 10.0
SCREENS = 20_000
"""Connections that the web process takes. Granian's own limit is what its backlog is: 1,024 and no more."""
FILES = 65_536
"""Open files that a process asks for: every screen and every device is one."""
MOST_WEB_PROCESSES = 32
RESPAWN_PAUSE = 0.5
"""Seconds before a web process that ended is started again beside the others."""
LET_END = 6
"""Seconds that answers under way have, once the web process is to stop: less than those after which it is killed."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a process that ended is started again; doubled each time until it has run for a minute."""


def writer(home: Home) -> None:
    from safeconduct.exchange.identity import Keys
    from safeconduct.node.django_start import migrate, start_django
    from safeconduct.records.service import serve

    start_django(home, "writer")
    if several(home):  # until it holds the sequencer the databases, and what signs, are another machine's
        serve(home, lambda ledger: _take_over(home, ledger))
        return
    Keys.of(home)
    if home.users:  # nobody else may touch its databases, so it brings them up to date itself
        migrate()
        permit_all(home)
    serve(home)


def _take_over(home: Home, ledger: Database) -> None:
    """What the machine does that has got the sequencer: the databases are brought up to date by nobody else, and only
    where something is to be done, since the pages of all machines read them meanwhile."""
    from safeconduct.exchange.identity import Keys
    from safeconduct.node.django_start import migrate, pending
    from safeconduct.records.copied import told
    from safeconduct.records.hello import version

    Keys.of(home)
    if told(ledger).get("version") != version() or pending():
        migrate()
    permit_all(home)


def web(home: Home) -> None:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    os.environ["SAFECONDUCT_HOME"] = str(home.path)
    os.environ["SAFECONDUCT_PROCESS"] = "web"
    workers = web_processes(home)
    if workers > 1:
        commons.begin()
        multiprocessing.set_start_method("fork", force=True)  # who is forked has what they share
        from safeconduct.node.asgi import load

        load()  # once for all: each begins at once, and what was loaded is one piece of memory
    certificate, key = home.settings.get("tls_certificate"), home.settings.get("tls_key")
    Granian(
        "safeconduct.node.asgi:application",
        address=str(home.settings.get("address", "127.0.0.1")),
        port=int(home.settings.get("port", 8001)),
        interface=Interfaces.ASGI,
        workers=workers,
        respawn_failed_workers=workers > 1,
        respawn_interval=RESPAWN_PAUSE,
        workers_kill_timeout=LET_END,
        backlog=8192,
        backpressure=SCREENS,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=logs.configuration(),
        log_access=False,
        ssl_cert=home.path / certificate if certificate else None,
        ssl_key=home.path / key if key else None,
    ).serve()


def web_processes(home: Home) -> int:
    """How many processes answer for the pages, at one port. Raises HomeError."""
    given = home.settings.get("web_processes", 1)
    if not isinstance(given, int) or not 1 <= given <= MOST_WEB_PROCESSES:
        raise HomeError(f"node.toml: web_processes is a number from 1 to {MOST_WEB_PROCESSES}")
    return given


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
    """Whether a node has this process on this machine: every one but `field`, which needs a port that node.toml opens,
    unless node.toml says which."""
    if name not in home.settings.get("processes", ORDER):
        return False
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

    def start(self, names: Sequence[str] = ORDER, timeout: float = 180.0) -> None:
        """Start the processes in order; the writer must answer before the others begin. Raises TimeoutError."""
        for name in filter(lambda name: has(self.home, name), names):
            self._spawn(name)
            if name == "writer":
                self._until(lambda: writer_works(self.home), "the writer", timeout)
        self._watch.start()

    def ready(self, timeout: float = 180.0) -> None:
        """Wait until the web server takes connections. Raises TimeoutError."""
        port = self.home.settings.get("port", 8001)
        self._until(lambda: pages_answer(self.home), f"the web server on port {port}", timeout)

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
                log_event("process_killed", process=name)
                child.kill()
                child.wait()

    def _spawn(self, name: str) -> None:
        command = [sys.executable, "-m", "safeconduct.node.processes", name, str(self.home.path)]
        own = as_user(self.home, name) if self.home.users else {}
        self.children[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, **own)
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
                    log_event("process_ended", process=name, exit=code, seconds=pauses[name])
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
            if connects(str(home.settings.get("address", "127.0.0.1")), port):
                raise HomeError(f"port {port} is taken by another program; set `{setting}` of {home.path}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    nodes = [Node(home) for home in homes]
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            if has(node.home, "web"):
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


def as_user(home: Home, name: str) -> dict[str, Any]:
    """How subprocess starts something as the user of a process. Raises HomeError where that is not for this user."""
    found = user_of(home, name)
    if os.geteuid() == found.pw_uid:
        return {}
    if os.geteuid() != 0:
        raise HomeError(f"{name} runs as {found.pw_name}: start it as that user, or all of them as root")
    groups = os.getgrouplist(found.pw_name, found.pw_gid)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": groups, "umask": 0o077}


def run_alone(home: Home, name: str) -> None:
    """Be one process of a node, for whoever watches over processes in this node's place; returns when it has ended.

    All but the writer and the feed wait until the writer answers. Raises HomeError when this is another user.
    """
    if home.users and os.geteuid() != user_of(home, name).pw_uid:
        raise HomeError(f"{name} runs as {user_of(home, name).pw_name}, and not as this user")
    if not has(home, name):
        return
    if name == "writer" and not home.users and not several(home):
        from safeconduct.node.setting_up import prepare_databases

        prepare_databases(home)
    while name not in ("writer", "feed") and not several(home) and not answers(home):
        time.sleep(0.2)
    _become(home, name)


def _become(home: Home, name: str) -> None:
    logs.begin(name)
    os.umask(0o077)
    allow_files()
    check_line(home, name)
    gc.disable()  # until it has started: records.started
    os.environ["SAFECONDUCT_PROCESS"] = name
    theirs = own(home, name)
    if not several(home):
        PROCESSES[name](theirs)
    elif name in FOLLOWING:
        with_sequencer(home, name, lambda: PROCESSES[name](theirs))
    else:
        if name in SHOWING:
            until_upgraded(
                home, lambda missing: print(f"the {name} waits: {missing}", file=sys.stderr, flush=True)
            )
        PROCESSES[name](theirs)


def own(home: Home, name: str) -> Home:
    """A home as a process of it knows it. Where nobody gave the feed a role for reading keys, it has the writer's."""
    if name == "feed" and home.keys_database is not None:
        home = replace(home, settings={KEYS_FEED: home.keys_database, **home.settings})
    return home.without(*WITHHELD.get(name, ()))


def allow_files() -> int:
    """Let this process open as many files as the system lets it, at most FILES; how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description="Run one process of a node.")
    parser.add_argument("process", choices=ORDER)
    parser.add_argument("home")
    given = parser.parse_args()
    # Ctrl-C reaches the whole group; the node decides in which order its processes stop.
    os.setpgid(0, 0)
    try:
        _become(Home.load(given.home), given.process)
    except (HomeError, KeyRefused) as fault:
        log_event("not_started", process=given.process, fault=fault)
        print(f"the {given.process} does not start: {fault}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
