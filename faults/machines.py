"""Nodes as they run: each process of its own, in a network of its own if wanted, with a clock that can be moved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from faults.ground import PARTIES
from safeconduct.exchange.cadence import cosigned
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.records.refusals import Unavailable
from safeconduct.records.ways import listening

PATIENCE = 400.0


def moved_clocks() -> str:
    """The library that moves a process's clock. Raises RuntimeError where it is missing."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise RuntimeError("libfaketime is missing: install the package faketime")
    return str(found[0])


class Machine:
    """A home's processes, each started again as soon as it has ended. `prefix` goes before each command."""

    def __init__(self, home: Home, prefix: Sequence[str] = (), clock: Path | None = None) -> None:
        self.home = home
        self.prefix = list(prefix)
        self.clock = clock
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.log = home.path.parent / f"{home.party}.log"
        self._ending = threading.Event()
        self._watch = threading.Thread(target=self._watch_over, daemon=True)

    def start(self, names: Sequence[str]) -> None:
        for name in names:
            self._spawn(name)
        self._watch.start()

    def answers(self) -> None:
        """Wait until the writer answers. Raises TimeoutError with the end of the log."""
        self.until(lambda: listening(self.home.socket), f"the writer of {self.home.party}")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: {self.log.read_text()[-2000:] if self.log.exists() else ''}")
            time.sleep(0.05)

    def kill(self, name: str) -> bool:
        """kill -9; whether it was running."""
        child = self.children[name]
        if child.poll() is not None:
            return False
        os.kill(child.pid, signal.SIGKILL)
        child.wait(PATIENCE)
        return True

    def stop(self) -> None:
        """Let all end as a service manager does; what does not is killed."""
        self._ending.set()
        if self._watch.is_alive():
            self._watch.join(PATIENCE)
        for name in sorted(self.children, key=lambda name: name == "writer"):
            child = self.children[name]
            if child.poll() is None:
                os.kill(child.pid, signal.SIGTERM)
        for child in self.children.values():
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.kill(child.pid, signal.SIGKILL)
                child.wait()

    def _spawn(self, name: str) -> None:
        command = [
            *self.prefix,
            sys.executable,
            "-m",
            "safeconduct.node.processes",
            name,
            str(self.home.path),
        ]
        environment = {**os.environ}
        if self.clock is not None:
            environment |= {
                "LD_PRELOAD": moved_clocks(),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            }
        with self.log.open("ab") as log:
            self.children[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def _watch_over(self) -> None:
        while not self._ending.wait(0.02):
            for name, child in list(self.children.items()):
                if child.poll() is not None and not self._ending.is_set():
                    self._spawn(name)


class Clerk(threading.Thread):
    """Somebody who commits one incident after another, and writes down outside the node what was answered for."""

    def __init__(self, home: Home, parts: dict[str, object], pause: float = 0.0) -> None:
        super().__init__(daemon=True)
        self.home, self.parts, self.pause = home, parts, pause
        self.answered: dict[str, int] = {}
        self.unanswered = 0
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            self.commit()
            self.ending.wait(self.pause)

    def commit(self) -> None:
        """One incident; returns when it is answered for, or has failed because the writer went away."""
        try:
            with Door(self.home) as door:
                made = commit(system_subject(self.home.party), Draft("incident", self.parts), door=door)
            self.answered[made.record] = made.version
        except Unavailable:
            self.unanswered += 1
            time.sleep(0.02)

    def finish(self) -> None:
        self.ending.set()
        self.join(PATIENCE)


def meet(machines: dict[str, Machine]) -> None:
    """Wait until each has acknowledged all of the other's feed over the line."""
    for party, other in PARTIES.items():
        home = machines[party].home

        def whole(home=home, other=other) -> bool:
            reached = cosigned(home, other)
            return reached.feed_size == reached.feed_entries

        machines[party].until(whole, f"{other} has not taken the feed of {party}")


def stop(machines: dict[str, Machine]) -> None:
    """Stop all of them at once."""
    stopping = [threading.Thread(target=machine.stop) for machine in machines.values()]
    for each in stopping:
        each.start()
    for each in stopping:
        each.join()


def set_clock(clock: Path, seconds: float) -> None:
    """Set a machine's clock so many seconds off the true time; by a rename, since a process may be reading."""
    draft = clock.with_suffix(".new")
    draft.write_text(f"{seconds:+.0f}\n")
    draft.replace(clock)
