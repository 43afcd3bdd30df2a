"""The thread that owns the writer: jobs come to it from wherever, and go into the ledger in batches."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice

from safeconduct.ledger.database import Database
from safeconduct.records.claiming import StandBy
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.hooks import HOOKS, Tick
from safeconduct.records.machines import several
from safeconduct.records.writer import Answer, Writer

BATCH = 500
STALLED_SECONDS = 60.0

Prepare = Callable[[Database], None]


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

    def __init__(self, home: Home, prepare: Prepare = lambda _: None) -> None:
        """`prepare` is done by whoever has got the claim, before it looks at the tables."""
        self.home = home
        self.prepare = prepare
        self.orders: queue.Queue[_Order | None] = queue.Queue()
        self.listeners: list[Callable[[Sequence[Answer]], None]] = []
        self._events: list[Answer] = []
        self.ready: Future[bool] = Future()
        """Whether it is the writer now; False when it was stopped while it stood by."""
        self.standing = StandBy(home) if several(home) else None
        self.thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        self.thread.start()
        self.ready.result()

    def stop(self) -> None:
        if self.standing is not None:
            self.standing.stop.set()
        self.orders.put(None)
        self.thread.join(30)

    async def works(self) -> None:
        """Returns once it has shown that it works: that it tries for the claim, or an empty transaction, through its
        own thread and to the disk."""
        if self.ready.done():
            await asyncio.wrap_future(self.submit("", []))
        while self.standing is not None and time.monotonic() - self.standing.looked > STALLED_SECONDS:
            if self.ready.done():
                return
            await asyncio.sleep(1.0)

    def submit(self, job: str, payloads: Sequence[Answer]) -> Future[list[Answer]]:
        order = _Order([(job, payload) for payload in payloads], Future())
        self.orders.put(order)
        return order.answers

    def _run(self) -> None:
        try:
            claimed = self.standing.wait() if self.standing is not None else None
            if self.standing is not None and claimed is None:
                self.ready.set_result(False)
                return
            if claimed is not None:
                self.prepare(claimed.db)
            writer = Writer(self.home, claimed=claimed)
        except BaseException as fault:
            self.ready.set_exception(fault)
            return
        writer.listeners.append(self._events.append)
        if claimed is not None:
            log_event("took_over")
        self.ready.set_result(True)
        try:
            self._loop(writer)
        except SystemExit:
            os._exit(70)  # the writer has said why
        except BaseException as fault:
            writer.tell_stopped(fault, unforeseen=True)
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
