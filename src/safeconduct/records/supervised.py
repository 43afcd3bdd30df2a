"""What a process tells the service manager that started it (sd_notify(3)): that it is ready, and that it still works.

Without `NOTIFY_SOCKET` nothing is told. The watchdog's sign goes out only after the process has shown that it works:
its event loop goes round, and where it has work of its own to try (`proof`) that is done, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

READY, ALIVE = "READY=1", "WATCHDOG=1"


def tell(state: str) -> bool:
    """Whether there is somebody to tell, and it was told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        contextlib.suppress(OSError),
    ):
        out.setblocking(False)  # a manager that reads nothing must not hold up the work
        out.connect("\0" + address[1:] if address[0] == "@" else address)
        out.sendall(state.encode())
        return True
    return False


def every() -> float | None:
    """Seconds between two signs of life, half of what the service manager waits for; None where it waits for none."""
    given = os.environ.get("WATCHDOG_USEC", "")
    return int(given) / 2_000_000 if given.isascii() and given.isdigit() and 0 < len(given) < 16 else None


async def keep_telling(proof: Callable[[], Awaitable[object]] | None = None) -> None:
    """Say that this process is ready, and go on saying that it works, until cancelled."""
    tell(READY)
    pause = every()
    while pause is not None:
        if proof is not None:
            await proof()
        tell(ALIVE)
        await asyncio.sleep(pause)


@contextlib.asynccontextmanager
async def supervised(proof: Callable[[], Awaitable[object]] | None = None) -> AsyncIterator[None]:
    """Tell it for as long as the block lasts."""
    telling = asyncio.create_task(keep_telling(proof))
    try:
        yield
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
