"""A process that is told to stop does, also in a moment in which its event loop has far too much to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

BUSY = """
import asyncio, os, signal, sys
from safeconduct.records.stopping import stop_signal

async def main():
    stop = stop_signal()
    loop = asyncio.get_running_loop()
    print("hears", flush=True)
    for _ in range(100_000):
        loop.call_soon_threadsafe(int)  # as threads do while the loop is at other work
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    await asyncio.wait_for(stop.wait(), 10)
    print("stops")

asyncio.run(main())
"""
IDLE = """
import asyncio
from safeconduct.records.stopping import stop_signal

async def main():
    stop = stop_signal()
    print("hears", flush=True)
    await stop.wait()
    print("stops")

asyncio.run(main())
print("ended", flush=True)
import time
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_process_whose_loop_is_too_busy_to_be_told_stops(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", BUSY, name], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["hears", "stops"], "")


def test_a_process_that_waits_stops_at_once_and_one_that_is_at_its_end_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", IDLE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "hears\n"
            process.terminate()
            assert [process.stdout.readline() for _ in range(2)] == ["stops\n", "ended\n"]
            process.terminate()
            assert process.wait(10) == 143
        finally:
            process.kill()
