"""Measuring two things side by side: pairs in turn, medians, and the machine they were measured on.

A machine that others use is faster now and slower then; the two halves of a pair feel the same weather, so
the ratio holds where the figures do not.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Work = Callable[[], int]
"""Does some work and returns how many things it did."""


@dataclass(frozen=True)
class Compared:
    """Things per second of one way and of the bare limit, and the median of their ratios, pair by pair."""

    rate: float
    limit: float
    ratio: float
    pairs: int

    def line(self, name: str, limit: str, aim: str = "") -> str:
        goal = f"   aim {aim}" if aim else ""
        return (
            f"{name:<46} {self.rate:>11,.0f}/s   {limit} {self.limit:>11,.0f}/s   "
            f"ratio {self.ratio:.3g}{goal}   ({self.pairs} pairs)"
        )


def rate(work: Work) -> float:
    """Things per second of one run."""
    begun = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - begun)


def side_by_side(work: Work, limit: Work, pairs: int = 7) -> Compared:
    """Run both in turn, the other one first in every second pair."""
    found: list[tuple[float, float]] = []
    for number in range(pairs):
        if number % 2:
            bare = rate(limit)
            found.append((rate(work), bare))
        else:
            own = rate(work)
            found.append((own, rate(limit)))
    return Compared(
        median(own for own, _ in found),
        median(bare for _, bare in found),
        median(own / bare for own, bare in found),
        pairs,
    )


def machine() -> str:
    """The machine, as a line for the head of a report."""
    return (
        f"{os.cpu_count()} x {_processor()}, load {os.getloadavg()[0]:.1f}, {platform.system()} "
        f"{platform.release().partition('-')[0]}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def memory(process: int) -> float:
    """Proportional set size in KB of a process and its children."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    own = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return own + sum(map(memory, _children(process)))


def used(process: int) -> float:
    """Processor seconds that a process and its children have used: what hardly depends on who else is at work."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(used, _children(process)))


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def heading(title: str) -> None:
    print(f"\n## {title}\n{machine()}", flush=True)
