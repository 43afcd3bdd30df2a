"""What takes seconds, kept by what it is made from: the other forecast and the backtest behind a page.

The key is the digest of exactly the incidents that the reader may see, so that nobody gets figures that were made
from more. One at a time is made, in a process of its own; few may wait.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from safeconduct.assessment.forecast_made import SEED, Made
from safeconduct.records import commons
from safeconduct.risk.events import Floats
from safeconduct.risk.reckoning import SECONDS, Failed, apart

MOST_KEPT, MOST_WAITING, MOST_OF_ONE = 24, 6, 2
"""How many are kept, how many may wait, and how many of these for one person: nobody fills the queue alone."""
KEPT_SECONDS = 3_600.0
"""How long the other web processes may have what one of them made."""
WAITS, DONE, BUSY, FAILED = "waits", "done", "busy", "failed"


@dataclass(frozen=True, eq=False)
class Reckoned:
    """`state`: "waits" (being reckoned), "done", "busy" (too many wait already), "failed"."""

    state: str
    option: Floats | None = None
    backtest: Mapping[str, Any] | None = None
    refused: str = ""
    asker: str = ""


_kept: OrderedDict[str, Reckoned] = OrderedDict()
_lock = threading.Lock()
_one = threading.Semaphore(1)


def reckoned(made: Made, asker: str = "") -> Reckoned:
    """What there is by now; the first to ask has it made. `asker` is the person who asks."""
    if not len(made.known):
        return Reckoned(DONE, refused="no incident is known")
    elsewhere = _of_another(made)
    with _lock:
        found = _kept.get(made.digest, elsewhere)
        if found is not None and found.state != FAILED:
            if made.digest in _kept:
                _kept.move_to_end(made.digest)
            return found
        waiting = [each.asker for each in _kept.values() if each.state == WAITS]
        if len(waiting) >= MOST_WAITING or waiting.count(asker) >= MOST_OF_ONE:
            return Reckoned(BUSY)
        _kept[made.digest] = Reckoned(WAITS, asker=asker)
        _trim()
    # A daemon: a server that stops does not wait for figures that nobody will see.
    threading.Thread(target=_make, args=(made,), daemon=True, name="forecast").start()
    return found or Reckoned(WAITS)


def _trim() -> None:
    for key in list(_kept):
        if len(_kept) <= MOST_KEPT:
            return
        if _kept[key].state != WAITS:
            del _kept[key]


def _make(made: Made) -> None:
    found = Reckoned(FAILED)
    try:
        _tell_others(made, b"", SECONDS)
        with _one:
            told = apart(made.known, made.outlines, made.origin, made.asked.days, made.asked.lag, SEED)
        found = _done(told, made)
        _tell_others(made, json.dumps(told).encode(), KEPT_SECONDS)
    except Failed as fault:
        _tell_others(made, b"", 0.0)
        found = Reckoned(FAILED, refused=str(fault))
    finally:
        with _lock:
            _kept[made.digest] = found


def _done(told: Mapping[str, Any], made: Made) -> Reckoned:
    return Reckoned(DONE, _numbers(told, made), told["backtest"], told["refused"])


def _tell_others(made: Made, raw: bytes, seconds: float) -> None:
    """Let the other web processes have this for so long; nothing, while it is being made."""
    if (shared := commons.shared()) is not None:
        shared.hold(f"forecast\n{made.digest}", raw, time.monotonic() + seconds)


def _of_another(made: Made) -> Reckoned | None:
    """What another web process has made, or makes."""
    shared = commons.shared()
    raw = shared.held(f"forecast\n{made.digest}", time.monotonic()) if shared is not None else None
    if raw is None:
        return None
    return _done(json.loads(raw), made) if raw else Reckoned(WAITS)


def _numbers(told: Mapping[str, Any], made: Made) -> Floats | None:
    """The other forecast in the order of this grid, which is made of the same incidents and outlines."""
    expected = told["expected"]
    if expected is None:
        return None
    at = made.grid.find(np.array([int(cell) for cell in expected["cells"]], np.uint64))
    numbers = np.zeros(len(made.grid))
    numbers[at[at >= 0]] = np.array(expected["numbers"], np.float64)[at >= 0]
    return numbers
