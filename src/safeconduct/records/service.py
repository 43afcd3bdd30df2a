"""The writer as a process: jobs come in over the home's socket, events go out on it.

One JSON object a line. `{"id", "job", "payload"}` is answered by `{"id", ...answer}` once it is durable,
`{"id", "job", "payloads": [...]}`, which is one transaction, by `{"id", "answers": [...]}`;
`{"subscribe": true}` turns the connection into the bus: one event a line. The socket is the home's owner's alone; where
each process has a user of its own it is also theirs, and the kernel says whose a connection is: each may ask for its
own jobs and for no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice

from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.hooks import DOORS, HOOKS, Tick
from safeconduct.records.refusals import Malformed, to_wire
from safeconduct.records.spelling import dictionary
from safeconduct.records.started import settle
from safeconduct.records.supervised import supervised
from safeconduct.records.users import HEARS, callers, permit
from safeconduct.records.writer import Answer, Writer

_CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid of a connection's other end, as Linux gives them."""
BATCH = 500
LINE_LIMIT = 128 * 1024 * 1024
BACKLOG = 1000
"""Events a slow subscriber may lag behind before it is cut off and has to look again."""


class _Timer:
    def __init__(self, seconds: float, function: Tick) -> None:
        self.seconds = seconds
        self.function = function
        self.due = time.monotonic() + seconds

    def rest(self) -> float:
        return self.due - time.monotonic()

    def done(self, more: bool) -> None:
        self.due = time.monotonic() + (0.0 if more else self.seconds)


@dataclass(frozen=True)
class _Order:
    """Jobs that belong into one transaction, and who waits for their answers."""

    jobs: Sequence[tuple[str, Answer]]
    answers: Future[list[Answer]]


class WriterThread:
    """The thread that owns the Writer: takes what is waiting, about 500 jobs, and runs it as one batch.

    A listener is told the events of a batch together.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.orders: queue.Queue[_Order | None] = queue.Queue()
        self.listeners: list[Callable[[Sequence[Answer]], None]] = []
        self._events: list[Answer] = []
        self.ready: Future[None] = Future()
        self.thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        self.thread.start()
        self.ready.result()

    def stop(self) -> None:
        self.orders.put(None)
        self.thread.join(30)

    def submit(self, job: str, payloads: Sequence[Answer]) -> Future[list[Answer]]:
        order = _Order([(job, payload) for payload in payloads], Future())
        self.orders.put(order)
        return order.answers

    def _run(self) -> None:
        try:
            writer = Writer(self.home)
        except BaseException as fault:
            self.ready.set_exception(fault)
            return
        writer.listeners.append(self._events.append)
        self.ready.set_result(None)
        try:
            self._loop(writer)
        except BaseException as fault:
            log_event("writer_stopped", fault=fault, unforeseen=True)
            os._exit(70)
        writer.close()

    def _announce(self) -> None:
        if self._events:
            for listener in self.listeners:
                listener(self._events)
            self._events.clear()

    def _loop(self, writer: Writer) -> None:
        timers = [
            _Timer(float(self.home.settings.get(setting, seconds)), function)
            for setting, seconds, function in HOOKS.ticks
        ]
        while True:
            for timer in timers:
                if timer.rest() <= 0:
                    timer.done(writer.tick(timer.function))
                    self._announce()
            wait = max(0.0, min((t.rest() for t in timers), default=60.0))
            try:
                order = self.orders.get(timeout=wait)
            except queue.Empty:
                continue
            taken: list[_Order] = []
            count = 0
            with contextlib.suppress(queue.Empty):
                while order is not None:
                    taken.append(order)
                    count += len(order.jobs)
                    if count >= BATCH:
                        break
                    order = self.orders.get_nowait()
            if taken:
                self._run_batch(writer, taken)
            if order is None:
                return

    def _run_batch(self, writer: Writer, orders: Sequence[_Order]) -> None:
        def answered(answers: list[Answer]) -> None:
            waiting = iter(answers)
            for order in orders:
                order.answers.set_result(list(islice(waiting, len(order.jobs))))

        writer.execute([job for order in orders for job in order.jobs], answered)
        self._announce()


class WriterService:
    """Serves a WriterThread on the home's socket."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.writer = WriterThread(home)
        self.subscribers: dict[asyncio.Queue[bytes | None], str] = {}
        self.callers = callers(home)

    async def run(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        def heard(events: Sequence[Answer]) -> None:
            loop.call_soon_threadsafe(self._publish, list(events))

        self.writer.listeners.append(heard)
        dictionary()
        await loop.run_in_executor(None, self.writer.start)
        settle()
        self.home.socket.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._serve, self.home.socket, limit=LINE_LIMIT)
        finally:
            os.umask(mask)
        permit(self.home, self.home.socket)
        async with server, supervised(self._works):
            await stop.wait()
        self._publish([None])
        self.home.socket.unlink(missing_ok=True)
        await loop.run_in_executor(None, self.writer.stop)

    async def _works(self) -> None:
        """An empty transaction, through the writer's own thread and to the disk."""
        await asyncio.wrap_future(self.writer.submit("", []))

    def _publish(self, events: Sequence[Answer | None]) -> None:
        if not self.subscribers:
            return
        for event in events:
            line = None if event is None else json.dumps(event).encode() + b"\n"
            for waiting, process in list(self.subscribers.items()):
                if event is not None and process in HEARS and event.get("kind") not in HEARS[process]:
                    continue
                if waiting.qsize() > BACKLOG:
                    del self.subscribers[waiting]
                    waiting.put_nowait(None)
                else:
                    waiting.put_nowait(line)

    async def _serve(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        tasks: set[asyncio.Task[None]] = set()
        try:
            process = self._process(out)
            while line := await reader.readline():
                try:
                    request = json.loads(line)
                    subscribing = bool(request.get("subscribe"))
                except (ValueError, AttributeError):
                    break
                if subscribing:
                    await self._stream(reader, out, process)
                    break
                task = asyncio.create_task(self._answer(request, out, process))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        except (ConnectionError, PermissionError, ValueError):
            pass
        except asyncio.CancelledError:
            # The service ends while somebody is still connected: nothing more is read from them.
            pass
        finally:
            if tasks:
                await asyncio.gather(*tasks, return_exceptions=True)
            out.close()

    def _process(self, out: asyncio.StreamWriter) -> str:
        """Whose connection this is: a process of this node, or "" for its owner. Raises PermissionError for others."""
        given = out.get_extra_info("socket").getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        _, uid, _ = _CREDENTIALS.unpack(given)
        if uid in (0, os.geteuid()):
            return ""
        if uid not in self.callers:
            raise PermissionError(uid)
        return self.callers[uid]

    async def _answer(self, request: Answer, out: asyncio.StreamWriter, process: str) -> None:
        many, name = request.get("payloads"), str(request.get("job"))
        payloads = many if isinstance(many, list) else [request.get("payload") or {}]
        if process and process not in HOOKS.callers.get(name, DOORS):
            log_event("job_not_theirs", process=process, code=name)
            answers = [to_wire(Malformed(f"this job is not for {process}"))] * len(payloads)
        else:
            answers = await asyncio.wrap_future(self.writer.submit(name, payloads))
        answer = {"answers": answers} if isinstance(many, list) else answers[0]
        with contextlib.suppress(ConnectionError):
            out.write(json.dumps({"id": request.get("id"), **answer}).encode() + b"\n")
            await out.drain()

    async def _stream(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter, process: str) -> None:
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.subscribers[waiting] = process
        out.write(b'{"topic":"subscribed"}\n')
        gone = asyncio.create_task(reader.read())
        try:
            while True:
                taking = asyncio.create_task(waiting.get())
                await asyncio.wait({taking, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    taking.cancel()
                    return
                line = taking.result()
                if line is None:
                    return
                out.write(line)
                await out.drain()
        except ConnectionError:
            return
        finally:
            gone.cancel()
            self.subscribers.pop(waiting, None)


def serve(home: Home) -> None:
    """Run the writer of a home until SIGINT or SIGTERM."""

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await WriterService(home).run(stop)

    asyncio.run(main())
