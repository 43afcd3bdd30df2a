"""A process of a node as it is started in service, for homes on PostgreSQL: a forked writer would know SQLite alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from safeconduct.node.health import answers
from safeconduct.records.home import Home

PATIENCE = 300.0


@contextmanager
def own_process(home: Home, name: str, ready: Callable[[], bool] | None = None) -> Iterator[None]:
    """Until it is ready (a writer: until it answers), and as long as the block lasts."""
    known = ("SAFECONDUCT_PROCESS", "SAFECONDUCT_HOME")
    environment = {key: value for key, value in os.environ.items() if key not in known}
    command = [sys.executable, "-m", "safeconduct.node.processes", name, str(home.path)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
    try:
        end = time.monotonic() + PATIENCE
        while not (ready or (lambda: answers(home)))():
            assert process.poll() is None, f"the {name} ended"
            assert time.monotonic() < end, f"the {name} does not start"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
