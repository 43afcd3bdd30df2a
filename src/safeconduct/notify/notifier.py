"""The notifier: takes messages that are due from the writer, sends them, reports. It opens no database.

It is the only process of a node that reads channels.toml. What it holds and how far it came with each message lies in
its journal, so that after a kill it can say which never left, which did, and of which nobody knows (`handing`).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from safeconduct.notify.channels import FILE, Channel, ChannelsRefused, load
from safeconduct.notify.journal import Journal
from safeconduct.notify.sending import Rate, send
from safeconduct.records.bus import hear
from safeconduct.records.bus_link import let_go
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.refusals import Malformed, Unavailable
from safeconduct.records.started import settle
from safeconduct.records.stopping import stop_signal
from safeconduct.records.supervised import supervised

Send = Callable[[Channel, dict[str, Any]], tuple[str, str]]
AT_A_TIME = 24
"""Messages that are on their way at one time; each has a thread of its own, so that none waits once it was begun."""
OF_ONE_CHANNEL = 16
"""Of these, those of one channel: a provider that hangs stands in no other's way."""
KEPT = 4
"""Of all, and of each channel's, those that are kept for calls for help."""
GRACE = 5.0
"""Seconds that what is on its way gets to end when the notifier is stopped."""
LONGEST = 60.0
"""Seconds after which a message that is still on its way counts as uncertain."""
EVERY = 5.0
"""Seconds between two looks at what is due, while nothing is announced."""
PAUSE = 0.5


class Notifier:
    """Takes, sends and reports for as long as it runs."""

    def __init__(self, home: Home, sender: Send = send) -> None:
        self.home = home
        self.sender = sender
        self.door = AsyncDoor(home)
        self.journal = Journal(home.notifying)
        self.session = secrets.token_hex(8)
        self.turn = 0
        self.channels: Mapping[str, Channel] = {}
        self.fault = ""
        self.rates: dict[str, Rate] = {}
        self.stamp: object = ()
        self.on_its_way: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self.busy: Counter[str] = Counter()
        """Threads that are sending, by channel; also those of which nobody waits for the end any more."""
        self.wake = asyncio.Event()
        self.threads = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="send")
        self._told = ""

    async def run(self) -> None:
        """Send until cancelled."""
        for delivery in sorted(self.journal.began):
            # The run before this one was cut off while it was sending them.
            self.journal.end({"delivery": delivery, "outcome": "uncertain", "fault": "interrupted"})
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                try:
                    self.wake.clear()
                    await self._report()
                    more = await self._take()
                except (Unavailable, Malformed):
                    self._say("writer_silent")
                    await asyncio.sleep(PAUSE)
                    continue
                if not more and not self.journal.ended:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.wake.wait(), self._pause())
        finally:
            listening.cancel()
            await self._end()
            await let_go(self.home)
            self.threads.shutdown(wait=False, cancel_futures=True)
            await self.door.close()
            self.journal.close()

    async def _end(self) -> None:
        """Let what is on its way arrive, and report it; what does not in time is in the journal."""
        tasks = [task for _, task in self.on_its_way.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        with contextlib.suppress(Unavailable, Malformed):
            await self._report()
        for task in tasks:
            task.cancel()

    async def _listen(self) -> None:
        """Wake as soon as a message is queued: the bus says so."""
        while True:
            with contextlib.suppress(OSError, ValueError):
                async for event in hear(self.home):
                    if event.get("kind") == "delivery" or event.get("topic") == "subscribed":
                        self.wake.set()
            await asyncio.sleep(PAUSE)

    async def _report(self) -> None:
        # What a run before this one left in doubt may go again only over a channel that is known to take it once.
        self._look()
        results = list(self.journal.ended.values())[:500]
        if results:
            await self.door.call("notify_done", {"results": results, "channels": self._standing()})
            self.journal.reported([each["delivery"] for each in results])

    async def _take(self) -> bool:
        """Ask for what is due and begin with it; True when there may be more."""
        self.turn += 1
        payload = {
            "worker": self.journal.worker,
            "session": self.session,
            "turn": self.turn,
            "holding": [*self.journal.began, *self.journal.ended],
            "channels": None if self.fault else self._standing(),
            "free": AT_A_TIME - max(len(self.on_its_way), self.busy.total()),
            "kept": KEPT,
            "fault": self.fault,
        }
        answer = await self.door.call("notify_take", payload)
        messages: list[dict[str, Any]] = answer["messages"]
        if messages:
            self.journal.begin([each["delivery"] for each in messages])
        for message in messages:
            self.rates[message["channel"]].spend()
            channel = self.channels[message["channel"]]
            task = asyncio.create_task(self._send(channel, message))
            self.on_its_way[message["delivery"]] = (channel.name, task)
        return bool(messages)

    async def _send(self, channel: Channel, message: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        sending = loop.run_in_executor(self.threads, self.sender, channel, message)
        self.busy[channel.name] += 1
        sending.add_done_callback(lambda done: self._let_go(channel.name, done))
        try:
            outcome, fault = await asyncio.wait_for(asyncio.shield(sending), LONGEST)
        except TimeoutError:
            outcome, fault = "uncertain", "timed_out"
        except Exception as broke:
            log_event("channel_broke", fault=broke, channel=channel.name)
            outcome, fault = "uncertain", "broken"
        self.journal.end({"delivery": message["delivery"], "outcome": outcome, "fault": fault})
        del self.on_its_way[message["delivery"]]
        self.wake.set()

    def _let_go(self, channel: str, done: asyncio.Future[tuple[str, str]]) -> None:
        """A thread is free again, in time or long after its message was given up."""
        self.busy[channel] -= 1
        if not done.cancelled():
            done.exception()
        self.wake.set()

    def _standing(self) -> dict[str, dict[str, Any]]:
        """What each channel takes now."""
        begun = Counter(name for name, _ in self.on_its_way.values())
        found: dict[str, dict[str, Any]] = {}
        for name, channel in sorted(self.channels.items()):
            room, rate = OF_ONE_CHANNEL - max(begun[name], self.busy[name]), self.rates[name]
            usual, urgent = min(room - KEPT, rate.allow()), min(room, rate.allow(urgent=True))
            found[name] = {"allow": max(0, usual), "urgent": max(0, urgent), "once": channel.once}
        return found

    def _look(self) -> None:
        """Read channels.toml again when it has changed."""
        path = self.home.notifying / FILE
        try:
            found = path.lstat()
            stamp: object = (found.st_mtime_ns, found.st_mode, found.st_ino, found.st_size)
        except OSError:
            stamp = None
        if stamp == self.stamp:
            return
        self.stamp = stamp
        try:
            self.channels, self.fault = load(self.home.notifying), ""
        except ChannelsRefused as fault:
            self.channels, self.fault = {}, fault.code
            if fault.code != "channels_missing":
                self._say(fault.code)
        rates = {name: self.rates.get(name) for name in self.channels}
        self.rates = {
            name: held
            if held and held.per_minute == self.channels[name].per_minute
            else Rate(self.channels[name].per_minute)
            for name, held in rates.items()
        }

    def _pause(self) -> float:
        """Sooner where a channel is at its rate: something may wait for it."""
        return 0.2 if any(rate.allow() < 1 for rate in self.rates.values()) else EVERY

    def _say(self, code: str) -> None:
        if code != self._told:
            self._told = code
            log_event("channels_wrong", code=code)


async def run_until(home: Home, stop: asyncio.Event, sender: Send = send) -> None:
    """Send what is due until `stop` is set. Raises Unavailable when another notifier is at work in this home."""
    with (home.notifying / "notifier.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            raise Unavailable(f"a notifier is at work in {home.path}") from fault
        running = asyncio.create_task(Notifier(home, sender).run())
        ended = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([running, ended], return_when=asyncio.FIRST_COMPLETED)
            if running in done:
                running.result()
        finally:
            ended.cancel()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def run(home: Home) -> None:
    """Run the notifier of a home until SIGINT or SIGTERM."""

    async def main() -> None:
        stop = stop_signal()
        settle()
        async with supervised():
            await run_until(home, stop)

    asyncio.run(main())
