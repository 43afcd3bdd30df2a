"""How a process hears that it is to stop: SIGINT and SIGTERM, also while its event loop has more to do than it can.

asyncio's own handlers write the signal into a small pipe by which threads wake the loop, too. While that is full the
signal is lost, and the process goes on for ever. Here the loop is given the call itself, and the pipe only wakes it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def when_stopped(function: Callable[[], object]) -> None:
    """Call the function in the running loop when one of the signals comes. For the main thread alone."""
    loop = asyncio.get_running_loop()

    def come(number: int, frame: FrameType | None) -> None:
        if loop.is_closed():
            sys.exit(128 + number)
        loop.call_soon_threadsafe(function)

    for each in SIGNALS:
        loop.remove_signal_handler(each)
        signal.signal(each, come)


def stop_signal() -> asyncio.Event:
    """An event that one of the signals sets."""
    stop = asyncio.Event()
    when_stopped(stop.set)
    return stop
