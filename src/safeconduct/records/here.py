"""The node this process belongs to: its home, its door to the writer, its agreements as they stand now."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.projection import Tables
from safeconduct.records.standing import AgreementState, load_state, policy_index

_lock = threading.Lock()
_home: Home | None = None
_door: Door | None = None
_state: AgreementState | None = None


def home() -> Home:
    """The home that SAFECONDUCT_HOME names. Raises HomeError without one."""
    global _home
    if _home is None:
        path = os.environ.get("SAFECONDUCT_HOME")
        if not path:
            raise HomeError("SAFECONDUCT_HOME names no home; give --home DIR")
        _home = Home.load(path)
    return _home


def door() -> Door:
    """The door to this home's writer, opened at first use and kept. A web process never becomes the writer."""
    global _door
    with _lock:
        if _door is None:
            web = os.environ.get("SAFECONDUCT_PROCESS") in ("web", "field")
            _door = Door(home()) if web else Door.open(home())
        return _door


def tables() -> Tables:
    """The tables, for reading: a cursor of this thread's own connection."""
    return Tables(connections["tables"])


def state() -> AgreementState:
    """The agreements and the policy as of the last clause or status act that the tables hold."""
    global _state
    found = tables()
    current = _state
    if current is None or current.index != policy_index(found):
        current = load_state(found, home())
        _state = current
    return current


def reload_home() -> Home:
    """Read node.toml again, after a partner was accepted."""
    global _home, _state
    _home = _state = None
    return home()


@contextmanager
def at(where: Home, way_in: Door) -> Iterator[None]:
    """Let this process be the node of another home for a while (set-up and tests)."""
    global _home, _door, _state
    before = (_home, _door, _state)
    _home, _door, _state = where, way_in, None
    try:
        yield
    finally:
        _home, _door, _state = before
