"""What one input costs, counted and not timed: function calls, and the memory that was held at once."""

from __future__ import annotations

import sys
import tracemalloc
from types import FrameType
from typing import Any

from fuzz.target import Finding, Target, try_one

CALLS = 60_000
"""Calls that any input may cost, however short."""


class _TooManyError(BaseException):
    """Ends the parser in the middle: no `except Exception` of its own holds it up."""


class _Calls:
    """Counts calls in this thread; stops what has made too many."""

    def __init__(self, most: int) -> None:
        self.count, self.most = 0, most

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            self.count += 1
            if self.count > self.most:
                sys.setprofile(None)
                raise _TooManyError


def try_bounded(target: Target, data: bytes) -> bool:
    """`try_one` within the calls that an input of this length may cost. Raises Finding."""
    most = CALLS + target.calls * len(data)
    before = sys.getprofile()
    sys.setprofile(_Calls(most))
    try:
        return try_one(target, data)
    except _TooManyError:
        raise Finding(f"{target.name}: more than {most:,} calls for {len(data):,} bytes") from None
    except Finding as found:
        if isinstance(found.__cause__, _TooManyError):
            raise Finding(f"{target.name}: more than {most:,} calls for {len(data):,} bytes") from None
        raise
    finally:
        sys.setprofile(before)


def try_weighed(target: Target, data: bytes) -> bool:
    """`try_one` within the memory that an input of this length may take. Raises Finding."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        accepted = try_one(target, data)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    most = target.memory + 32 * len(data)
    if peak > most:
        raise Finding(f"{target.name}: {peak:,} bytes held at once for {len(data):,} bytes of input")
    return accepted
