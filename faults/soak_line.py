"""The line between two nodes as a proxy that can be spoiled: cut, silent, or slow. What goes through stays TLS."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Literal

State = Literal["well", "cut", "silent", "slow"]
SPOILED: tuple[State, ...] = ("cut", "silent", "slow")
SLOW_SECONDS = 0.3
"""How much later each piece arrives over a slow line."""


class Line(threading.Thread):
    """Listens at `port` and speaks to whoever listens at `behind`, on this machine."""

    def __init__(self, port: int, behind: int) -> None:
        super().__init__(daemon=True)
        self.port, self.behind = port, behind
        self.state: State = "well"
        self.carried = 0
        """Bytes that went through."""
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()

    def begin(self) -> None:
        self.start()
        if not self._listening.wait(60):
            raise TimeoutError("the line between the nodes is not there")

    def become(self, state: State) -> None:
        """Spoil the line, or mend it; a line that is cut drops what is on its way."""
        self.state = state
        if state in ("cut", "well"):
            self._loop.call_soon_threadsafe(self._drop)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join(10)

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self._listening.set()
        self._loop.run_forever()
        server.close()

    def _drop(self) -> None:
        for out in self._open:
            out.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.state == "cut":
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.behind)
        except OSError:
            self._open.discard(writer)
            writer.transport.abort()
            return
        self._open.add(back)
        try:
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        finally:
            for out in (writer, back):
                self._open.discard(out)
                out.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                if self.state == "slow":
                    await asyncio.sleep(SLOW_SECONDS)
                if self.state == "silent":
                    continue
                writer.write(piece)
                await writer.drain()
                self.carried += len(piece)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()
