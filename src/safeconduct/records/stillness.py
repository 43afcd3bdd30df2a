"""Holding a home still, for what is done to its files while no writer is at work."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from safeconduct.records.home import Home, HomeError


@contextmanager
def standing_still(home: Home) -> Iterator[None]:
    """No writer begins meanwhile. Raises HomeError while one is at work; the socket of a killed one says nothing."""
    with home.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            raise HomeError("the node is running; stop it first") from fault
        yield
