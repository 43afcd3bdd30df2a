"""The way to the writer: over its socket when it runs, in this process when it does not; on several machines also over
the door of the one that holds the sequencer (`records.ways`)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from safeconduct.records import refusals
from safeconduct.records.home import Home
from safeconduct.records.machines import listens, several
from safeconduct.records.stand_by import AlreadyRunning, standing
from safeconduct.records.under import under
from safeconduct.records.ways import LINE_LIMIT, TIMEOUT, NoWay, connect, connect_async, listening

if TYPE_CHECKING:
    from safeconduct.records.writer import Writer

Answer = dict[str, Any]
MANY = 500
"""Jobs that are asked for with one line, which is one transaction."""
NO_WAY_SECONDS = 0.5
"""For so long those who waited for the same connection are told that there is none, and do not try again in turn."""
STARTING = 15.0
"""Seconds that a starting writer may take until it answers."""


class Door:
    """Calls jobs of the writer and waits for the durable answer. One connection for each thread."""

    def __init__(self, home: Home, writer: Writer | None = None) -> None:
        self.home = home
        self.writer = writer
        self._local = threading.local()

    @classmethod
    def open(cls, home: Home, begins: bool = True) -> Door:
        """A door to the running writer; where none runs, this process becomes the writer until `close`, as a node that
        starts unless told that it does not begin.

        Waits for a writer that is just starting. Raises refusals.Unavailable when one holds the lock but
        does not answer, or where another machine holds the sequencer.
        """
        end = time.monotonic() + STARTING
        while not listening(home.socket):
            if several(home) and listens(home) is None:
                raise refusals.Unavailable(
                    "this machine holds no sequencer: give the command on one that does"
                )
            if (found := standing(home)) is not None:
                raise refusals.Unavailable(f"the writer of this machine stands by: {found.words}")
            from safeconduct.records.writer import Writer

            try:
                return cls(home, Writer(home, begins=begins))
            except AlreadyRunning as fault:
                if time.monotonic() > end:
                    raise refusals.Unavailable(str(fault)) from fault
                time.sleep(0.1)
        return cls(home)

    def call(self, job: str, payload: Answer) -> Answer:
        """Run a job. Raises what it refused with, or refusals.Unavailable when the writer went away."""
        answer = self.call_many(job, [payload])[0]
        if "error" in answer:
            raise refusals.from_wire(answer)
        return answer

    def call_many(self, job: str, payloads: Sequence[Answer]) -> list[Answer]:
        """Run a job for each payload, in order, in as few transactions as can be; answers may be errors."""
        if agreement := under():
            payloads = [{**payload, "under": agreement} for payload in payloads]
        if self.writer is not None:
            return self.writer.execute([(job, p) for p in payloads])
        try:
            return self._over_socket(job, payloads)
        except (OSError, ValueError) as fault:
            self._drop()
            raise _silent(fault) from fault

    def _over_socket(self, job: str, payloads: Sequence[Answer]) -> list[Answer]:
        stream = self._stream()
        answers: list[Answer] = []
        for first in range(0, len(payloads), MANY):
            request = {"id": first, "job": job, "payloads": list(payloads)[first : first + MANY]}
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            line = stream.readline(LINE_LIMIT)
            if not line:
                raise OSError("closed")
            answers += json.loads(line)["answers"]
        return answers

    def _stream(self) -> Any:
        stream = getattr(self._local, "stream", None)
        if stream is None:
            client = connect(self.home)
            stream = self._local.stream = client.makefile("rwb")
            client.close()
        return stream

    def _drop(self) -> None:
        stream = getattr(self._local, "stream", None)
        self._local.stream = None
        if stream is not None:
            # What could not be sent is still in its buffer, and closing tries to send it once more.
            with contextlib.suppress(OSError):
                stream.close()

    def close(self) -> None:
        self._drop()
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncDoor:
    """The same over one connection that many tasks share."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._asked: dict[int, asyncio.StreamWriter] = {}
        """Over which connection what waits for its answer was asked."""
        self._out: asyncio.StreamWriter | None = None
        self._connecting = asyncio.Lock()
        self._no_way: tuple[float, str] = (0.0, "")
        self._task: asyncio.Task[None] | None = None

    async def call(self, job: str, payload: Answer) -> Answer:
        """Run a job. Raises what it refused with, or refusals.Unavailable when the writer went away."""
        answer = await self._ask({"job": job, "payload": payload})
        if "error" in answer:
            raise refusals.from_wire(answer)
        return answer

    async def call_many(self, job: str, payloads: Sequence[Answer]) -> list[Answer]:
        """Run a job for each payload (at most MANY), in order and in one transaction; answers may be errors. Raises
        refusals.Unavailable."""
        answers: list[Answer] = (await self._ask({"job": job, "payloads": list(payloads)}))["answers"]
        return answers

    async def _ask(self, request: Answer) -> Answer:
        number = next(self._numbers)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            out = self._asked[number] = await self._connection()
            out.write(json.dumps({"id": number, **request}).encode() + b"\n")
            await out.drain()
            return await asyncio.wait_for(future, TIMEOUT)
        except (OSError, TimeoutError) as fault:
            raise _silent(fault) from fault
        finally:
            self._waiting.pop(number, None)
            self._asked.pop(number, None)

    async def _connection(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._out is None or self._out.is_closing():
                at, why = self._no_way
                if time.monotonic() - at < NO_WAY_SECONDS:
                    raise NoWay(why)
                try:
                    reader, self._out = await connect_async(self.home)
                except NoWay as fault:
                    self._no_way = (time.monotonic(), str(fault))
                    raise
                self._task = asyncio.create_task(self._listen(reader, self._out))
            return self._out

    async def _listen(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                answer = json.loads(line)
                future = self._waiting.pop(answer.pop("id"), None)
                if future is not None and not future.done():
                    future.set_result(answer)
        except (OSError, ValueError):
            pass
        out.close()
        for number, future in self._waiting.items():
            if self._asked.get(number) is out and not future.done():
                future.set_exception(OSError("closed"))

    async def close(self) -> None:
        if self._out is not None:
            self._out.close()
        if self._task is not None:
            await self._task


async def subscribe(home: Home, after: tuple[str, int] | None = None) -> AsyncIterator[Answer]:
    """The writer's bus: events as they become durable. Ends when the writer stops or the listener lags too far.

    `after` is the number of an announcement and whose it was (`records.bus_numbers`): what came since is told first,
    and each event in an envelope with its number. A room listens by `records.bus`, which knows both ways.
    """
    reader, out = await connect_async(home)
    try:
        asked = {"subscribe": True} if after is None else {"subscribe": True, "after": after}
        out.write(json.dumps(asked).encode() + b"\n")
        await out.drain()
        while line := await reader.readline():
            yield json.loads(line)
    finally:
        out.close()


def _silent(fault: Exception) -> refusals.Unavailable:
    return refusals.Unavailable(str(fault) if isinstance(fault, NoWay) else "the writer does not answer")
