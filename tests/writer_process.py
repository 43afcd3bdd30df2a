"""A node's writer as a process of its own, without the second and a half that Python takes to load one.

One process for each worker loads what a writer needs, and every writer is forked from it: a process with its own
memory, its own number and its own end, as when a node serves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import ready
import safeconduct
from safeconduct.records.door import Door
from safeconduct.records.home import Home

PATIENCE = 240.0
SOURCE = Path(safeconduct.__file__).parent.parent
"""Where this process has the program from: a writer is of the same, also in another working copy."""
_loaded = get_context("forkserver")


def start_writer(home: Home) -> BaseProcess:
    """The writer of a home, once it answers. Raises AssertionError when it does not."""
    _load()
    writer = _loaded.Process(target=_write, args=(str(home.path),), daemon=True)
    writer.start()
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with Door(home) as door:
                door.call("timers", {})
            return writer
        except Exception as fault:
            assert writer.is_alive(), "the writer ended"
            assert time.monotonic() < end, f"the writer does not answer: {fault}"
            time.sleep(0.01)


def start_apart(what: Callable[..., None], *given: Any) -> tuple[Connection, BaseProcess]:
    """Run a function in a process of its own that has what a writer needs loaded; it gets these and, last, a pipe whose
    other end is returned."""
    _load()
    heard, told = _loaded.Pipe(duplex=False)
    child = _loaded.Process(target=what, args=(*given, told), daemon=True)
    child.start()
    told.close()
    return heard, child


def stop_writer(writer: BaseProcess) -> None:
    """Let it end as a service manager does. Raises AssertionError when it does not end, or not well."""
    writer.terminate()
    writer.join(PATIENCE)
    assert writer.exitcode == 0, f"the writer ended with {writer.exitcode}"


def _load() -> None:
    """Start the process that the writers are forked from; what it finds in the environment stays with it."""
    given = {
        "SAFECONDUCT_HOME": str(ready.OWN / "home"),
        "SAFECONDUCT_PROCESS": "writer",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(SOURCE)]),
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        _loaded.set_forkserver_preload(["writer_loaded"])
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _write(path: str) -> None:
    from safeconduct.records.service import serve

    home = Home.load(Path(path))
    os.environ["SAFECONDUCT_HOME"] = path
    ready.point(home)
    serve(home)
