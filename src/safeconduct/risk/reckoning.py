"""What takes longer than a page may: the other forecast and the backtest, in a process of its own.

`python -m safeconduct.risk.reckoning` reads incidents and settings from its standard input and writes JSON to its
standard output. Nothing is put on a disk, and the process that asked goes on with its work.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from safeconduct.risk.backtest import SCALES, STANDARD, WEEK, Refused, Setting, backtest
from safeconduct.risk.events import Events
from safeconduct.risk.grid import Grid
from safeconduct.risk.scales import ManyScales, TooFew

TESTED_WEEKS = 208
METHODS = ("uniform", "count90", "count365", "ever", STANDARD, SCALES)
SECONDS = 300.0


class Failed(RuntimeError):
    """The process did not answer, or not with what was asked."""


def reckon(
    events: Events,
    outlines: Sequence[Any],
    origin: int,
    horizon: int,
    lag: int,
    seed: int = 0,
    weeks: int = TESTED_WEEKS,
) -> dict[str, Any]:
    """The other forecast of an origin, and a backtest of so many weeks before it, from incidents before
    `origin - lag` alone.

    "expected": cells (decimal text) and numbers, None where there are too few incidents; "backtest": as
    `Backtest.plain`, None where there is nothing to test, with the reason in "refused".
    """
    known = events.where(events.sure & (events.day < origin - lag))
    told: dict[str, Any] = {"expected": None, "backtest": None, "refused": ""}
    if not len(known):
        return {**told, "refused": "no incident is known"}
    grid = Grid.over(outlines, known.lat, known.lon) if outlines else Grid.around(known.lat, known.lon)
    try:
        scales = ManyScales(grid, grid.number(known.lat, known.lon), known.day, horizon, lag, seed)
        found = scales.expected(origin)
        told["expected"] = {"cells": [str(cell) for cell in grid.cells.tolist()], "numbers": found.tolist()}
    except TooFew:
        pass
    until = origin - lag
    setting = Setting(until - horizon - weeks * WEEK + 1, until, horizon, lag, seed)
    try:
        told["backtest"] = backtest(known, outlines, setting, METHODS).plain()
    except Refused as fault:
        told["refused"] = str(fault)
    return told


def apart(
    events: Events,
    outlines: Sequence[Any],
    origin: int,
    horizon: int,
    lag: int,
    seed: int = 0,
    weeks: int = TESTED_WEEKS,
) -> dict[str, Any]:
    """The same, by a process of its own with less of a claim to the processor. Raises Failed."""
    asked = {"outlines": list(outlines), "origin": origin, "horizon": horizon, "lag": lag}
    asked |= {"seed": seed, "weeks": weeks}
    packed = io.BytesIO()
    np.savez(
        packed,
        asked=np.frombuffer(json.dumps(asked).encode(), np.uint8),
        province=events.names.get("province", np.full(len(events), "")),
        **{name: getattr(events, name) for name in ("day", "lat", "lon", "place", "time")},
    )
    # -P: nothing is imported from the folder in which the node was started.
    command = [sys.executable, "-P", "-m", "safeconduct.risk.reckoning"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("SAFECONDUCT_")}
    alone |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, input=packed.getvalue(), capture_output=True, env=alone, timeout=SECONDS, check=True
        )
        told: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as fault:
        raise Failed(str(fault)) from fault
    return told


def _unpacked(content: bytes) -> tuple[Events, dict[str, Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as held:
        asked = json.loads(held["asked"].tobytes())
        arrays = {name: held[name] for name in ("day", "lat", "lon", "place", "time")}
        return Events(**arrays, names={"province": held["province"]}), asked


def main() -> None:
    os.nice(10)
    # Whoever asked may be gone, killed: then nobody ends this process but itself.
    resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS), int(SECONDS)))
    events, asked = _unpacked(sys.stdin.buffer.read())
    json.dump(reckon(events, **asked), sys.stdout)


if __name__ == "__main__":
    main()
