"""The writer as a process: jobs come in over the home's socket, events go out on it.

One JSON object a line. `{"id", "job", "payload"}` is answered by `{"id", ...answer}` once it is durable,
`{"id", "job", "payloads": [...]}`, which is one transaction, by `{"id", "answers": [...]}`;
`{"subscribe": true}` turns the connection into the bus: one event a line; with `"after": [run, number]` each has its
number, and what came after that one is told first (`records.bus_numbers`). The socket is the home's owner's alone;
where each process has a user of its own it is also theirs, and the kernel says whose a connection is: each may ask for
its own jobs and for no others. To processes on other machines of the party a certificate says it (`records.far_door`).
Where several machines may hold the sequencer, a writer stands by until the claim is free, and opens its doors then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Sequence

from safeconduct.records.bus_numbers import Numbers
from safeconduct.records.bus_telling import Telling
from safeconduct.records.door_certificates import TOPIC
from safeconduct.records.events import log_event
from safeconduct.records.far_door import FarDoor, ReadLine
from safeconduct.records.home import Home, HomeError
from safeconduct.records.hooks import DOORS, HOOKS
from safeconduct.records.listening import Subscriber, gone
from safeconduct.records.machines import listens, several
from safeconduct.records.refusals import Malformed, Unavailable, from_wire, to_wire
from safeconduct.records.spelling import dictionary
from safeconduct.records.started import settle
from safeconduct.records.stopping import stop_signal
from safeconduct.records.supervised import supervised
from safeconduct.records.users import callers, permit
from safeconduct.records.ways import LINE_LIMIT
from safeconduct.records.writer import Answer
from safeconduct.records.writer_thread import Prepare, WriterThread

_CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid of a connection's other end, as Linux gives them."""
UNKNOWN = Unavailable("the writer is of another version and does not know how to do this")
"""Nothing is wrong with what was asked, and after the upgrade it can be asked again."""
AT_ONCE = 1000
"""Requests of one connection that may wait for their answers; then no more is read from it."""
TAKING_SECONDS = 60.0
"""Within which an answer must have been taken."""
BACKLOG = 1000
"""Events a slow subscriber may lag behind before it is cut off and has to look again."""


class WriterService:
    """Serves a WriterThread on the home's socket, and to other machines."""

    def __init__(self, home: Home, prepare: Prepare = lambda _: None) -> None:
        self.home = home
        self.writer = WriterThread(home, prepare)
        self.subscribers: dict[asyncio.Queue[bytes | None], Subscriber] = {}
        self.callers = callers(home)
        self.numbers = Numbers()
        self.telling = Telling.of(home, self.numbers)
        self.far = self._far_door()

    async def run(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        def heard(events: Sequence[Answer]) -> None:
            loop.call_soon_threadsafe(self._publish, list(events))

        self.writer.listeners.append(heard)
        dictionary()
        if several(self.home):
            async with supervised(self.writer.works):
                if await self._begun(stop):
                    await self._open(stop)
        elif await self._begun(stop):
            async with supervised(self.writer.works):
                await self._open(stop)
        await loop.run_in_executor(None, self.writer.stop)

    async def _begun(self, stop: asyncio.Event) -> bool:
        """Whether this process has become the writer; False when it was stopped before."""
        self.writer.thread.start()
        began = asyncio.wrap_future(self.writer.ready)
        ended: asyncio.Future[bool] = asyncio.ensure_future(stop.wait())
        await asyncio.wait({began, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if self.writer.standing is not None:
            self.writer.standing.stop.set()
        return await began

    async def _open(self, stop: asyncio.Event) -> None:
        settle()
        self.home.socket.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._serve, self.home.socket, limit=LINE_LIMIT)
        finally:
            os.umask(mask)
        permit(self.home, self.home.socket)
        telling = asyncio.create_task(self.telling.run(self._ask)) if self.telling is not None else None
        async with server, self.far or contextlib.nullcontext():
            await stop.wait()
        self._publish([None])
        if telling is not None:
            telling.cancel()
            await asyncio.wait({telling})
        self.home.socket.unlink(missing_ok=True)

    async def _ask(self, job: str, payload: Answer) -> Answer:
        (answer,) = await asyncio.wrap_future(self.writer.submit(job, [payload]))
        if "error" in answer:
            raise from_wire(answer)
        return answer

    def _far_door(self) -> FarDoor | None:
        """The door for other machines, not open yet. Raises HomeError where this machine cannot have one."""
        at = listens(self.home)
        try:
            return FarDoor(self.home, at, self._converse, self._certificates) if at is not None else None
        except (OSError, ValueError) as fault:
            raise HomeError(
                "this machine's writer has no certificate for its door: `machine first` makes it, or `machine add`"
            ) from fault

    async def _certificates(self) -> frozenset[str]:
        """The serial numbers of those that the door takes."""
        answer = await self._ask("machines", {})
        return frozenset(each["serial"] for each in answer.get("certificates", ()))

    def _publish(self, events: Sequence[Answer | None]) -> None:
        if self.far is not None and any(event and event.get("topic") == TOPIC for event in events):
            self.far.look_again()
        for event in events:
            number = self.numbers.add(event) if event is not None else 0
            if event is not None and self.telling is not None:
                self.telling.tell(number, event)
            lines: dict[bool, bytes] = {}
            for waiting, subscriber in list(self.subscribers.items()):
                if event is not None and not subscriber.hears(event):
                    continue
                if event is None or waiting.qsize() > BACKLOG:
                    self.subscribers.pop(waiting)
                    waiting.put_nowait(None)
                    continue
                if subscriber.numbered not in lines:
                    lines[subscriber.numbered] = self._line(number, event, subscriber)
                waiting.put_nowait(lines[subscriber.numbered])

    def _line(self, number: int, event: Answer, to: Subscriber) -> bytes:
        told = {"run": self.numbers.run, "number": number, "event": event} if to.numbered else event
        return json.dumps(told).encode() + b"\n"

    def _welcome(self, to: Subscriber, after: object) -> bytes:
        """What a subscriber reads first: that it is one, and what came after what it heard last."""
        if not to.numbered:
            return b'{"topic":"subscribed"}\n'
        known = isinstance(after, list) and [type(each) for each in after] == [str, int]
        missed = self.numbers.after(*after) if known and isinstance(after, list) else None
        told = {"topic": "subscribed", "run": self.numbers.run, "last": self.numbers.last}
        lines = [json.dumps({**told, "complete": missed is not None}).encode() + b"\n"]
        lines += [self._line(number, event, to) for number, event in missed or () if to.hears(event)]
        return b"".join(lines)

    async def _serve(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        try:
            process = self._process(out)
        except PermissionError:
            out.close()
            return
        await self._converse(reader.readline, reader, out, process)

    async def _converse(
        self, read: ReadLine, reader: asyncio.StreamReader, out: asyncio.StreamWriter, process: str
    ) -> None:
        """Answer one connection until it ends; `read` gives its next line, b"" at the end."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            while line := await read():
                try:
                    request = json.loads(line)
                    subscribing = bool(request.get("subscribe"))
                except (ValueError, AttributeError, RecursionError):
                    break
                if subscribing:
                    await self._stream(reader, out, process, request.get("after"))
                    break
                task = asyncio.create_task(self._answer(request, out, process))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                if len(tasks) >= AT_ONCE:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, ValueError):
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
        elif process and name not in HOOKS.jobs:
            answers = [to_wire(UNKNOWN)] * len(payloads)
        else:
            answers = await asyncio.wrap_future(self.writer.submit(name, payloads))
        answer = {"answers": answers} if isinstance(many, list) else answers[0]
        if out.is_closing():
            return
        try:
            out.write(json.dumps({"id": request.get("id"), **answer}).encode() + b"\n")
            await asyncio.wait_for(out.drain(), TAKING_SECONDS)
        except TimeoutError:  # it goes on asking, and takes no answer
            out.transport.abort()
        except OSError:
            pass

    async def _stream(
        self, reader: asyncio.StreamReader, out: asyncio.StreamWriter, process: str, after: object
    ) -> None:
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        subscriber = self.subscribers[waiting] = Subscriber(process, after is not None)
        out.write(self._welcome(subscriber, after))
        ended = asyncio.create_task(gone(reader))
        try:
            while True:
                taking = asyncio.create_task(waiting.get())
                await asyncio.wait({taking, ended}, return_when=asyncio.FIRST_COMPLETED)
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
            ended.cancel()
            self.subscribers.pop(waiting, None)


def serve(home: Home, prepare: Prepare = lambda _: None) -> None:
    """Run the writer of a home until SIGINT or SIGTERM. `prepare` is done once it has the claim, where machines
    share one."""

    async def main() -> None:
        stop = stop_signal()
        await WriterService(home, prepare).run(stop)

    asyncio.run(main())
