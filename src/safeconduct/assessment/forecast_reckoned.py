"""What takes seconds, kept by what it is made from: the other forecast and the backtest behind a page.

The key is the digest of exactly the incidents that the reader may see, so that nobody gets figures that were made
from more. One at a time is made, in a process of its own; few may wait.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from safeconduct.assessment.forecast_made import SEED, Made
from safeconduct.risk.events import Floats
from safeconduct.risk.reckoning import Failed, apart

MOST_KEPT, MOST_WAITING, MOST_OF_ONE = 24, 6, 2
"""How many are kept, how many may wait, and how many of these for one person: nobody fills the queue alone."""
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
    with _lock:
        found = _kept.get(made.digest)
        if found is not None and found.state != FAILED:
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
        with _one:
            told = apart(made.known, made.outlines, made.origin, made.asked.days, made.asked.lag, SEED)
        found = Reckoned(DONE, _numbers(told, made), told["backtest"], told["refused"])
    except Failed as fault:
        found = Reckoned(FAILED, refused=str(fault))
    finally:
        with _lock:
            _kept[made.digest] = found


def _numbers(told: Mapping[str, Any], made: Made) -> Floats | None:
    """The other forecast in the order of this grid, which is made of the same incidents and outlines."""
    expected = told["expected"]
    if expected is None:
        return None
    at = made.grid.find(np.array([int(cell) for cell in expected["cells"]], np.uint64))
    numbers = np.zeros(len(made.grid))
    numbers[at[at >= 0]] = np.array(expected["numbers"], np.float64)[at >= 0]
    return numbers
