"""The node this process belongs to: its home, its door to the writer, its agreements as they stand now."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from safeconduct.agreement.policy import Subject
from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.projection import Tables
from safeconduct.records.standing import AgreementState, load_state, policy_index
from safeconduct.records.users import SHOWING
from safeconduct.records.wall import NODE, declared

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
    """The door to this home's writer, opened at first use and kept. A process of SHOWING never becomes the writer."""
    global _door
    with _lock:
        if _door is None:
            shows = os.environ.get("SAFECONDUCT_PROCESS") in SHOWING
            _door = Door(home()) if shows else Door.open(home())
        return _door


def tables(reader: Subject | None = None) -> Tables:
    """The tables, for reading: a cursor of this thread's own connection. Where `records.wall` stands, records are read
    for this reader, and none for nobody."""
    return Tables(_connection(), declared(reader) if reader is not None else "")


def headers() -> Tables:
    """The tables, for what the node must know before it decides: where `records.wall` stands, the headers of records,
    and the parts of those that policy is made of."""
    return Tables(_connection(), NODE)


def _connection() -> Any:
    return connections["tables"]


def written_last() -> float:
    """When the newest record here was written, in seconds since 1970 by the clock of whoever wrote; 0.0 for none."""
    found = headers().one("SELECT at FROM records_row ORDER BY born DESC LIMIT 1", [])
    return float(found[0]) if found else 0.0


def state() -> AgreementState:
    """The agreements and the policy as of the last clause or status act that the tables hold."""
    global _state
    found = headers()
    current = _state
    if current is None or current.index != policy_index(found):
        current = load_state(found, home())
        _state = current
    return current


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
