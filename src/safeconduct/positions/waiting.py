"""Reports that could not be kept because the database was away for a moment: left, sealed, in a stream of NATS.

A report that waits there is on the server's disk before its sender is answered; whichever process has the database back
first writes it and takes it out of the stream. A report that is left or written twice counts once: the stream knows its
number, the store its key. NATS sees neither where nor whose it is: the journey's id alone, under which the writer takes
out what has come to its end. No message outlives the term that held for its oldest position.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import math
import os
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import DatabaseError, close_old_connections, connections

from safeconduct.ledger.database import FAULTS
from safeconduct.positions.bell import Bell
from safeconduct.positions.keeping import DEFAULT_DAYS, keep_days
from safeconduct.positions.kinds import MOVEMENT
from safeconduct.positions.store import Position, Store
from safeconduct.positions.telling import Telling
from safeconduct.records import here
from safeconduct.records.bus_link import addresses, bus_key, link_of
from safeconduct.records.bus_messages import NotOurs
from safeconduct.records.door import AsyncDoor
from safeconduct.records.events import log_event
from safeconduct.records.home import Home
from safeconduct.records.release import heading

T = TypeVar("T")

STREAM, CONSUMER = "WAITING", "keep"
MOST_BYTES = 256 * 1024 * 1024
"""Of the stream: when it is full nothing more is taken, and the sender is told to come again."""
MOST_MESSAGE = 512 * 1024
SPAN = 3_600.0
"""Seconds between the oldest and the newest position of a message."""
LEFT_SECONDS = 5.0
"""Within which NATS must say that a report is on its disk."""
AT_ONCE = 64
LOOK = 20.0
"""Seconds for which a process waits for a report that waits, before it asks again."""
AGAIN = (0.5, 2.0)
"""Seconds until it is tried again while the database or NATS is away; drawn anew each time."""
UNREAD_AGAIN = 60.0
"""Seconds until another process is given what this one could not read."""
_NONCE = 12
_row = attrgetter("movement", "person", "at", "latitude", "longitude", "accuracy_m", "speed", "heading")


def waiting_of(party: str) -> str:
    return f"{party}.waiting"


class Sealing:
    """Seals reports under a key that is derived from the node's key for NATS."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"safeconduct reports that wait", hashlib.sha256)
        self._number = hmac.digest(key, b"safeconduct numbers of reports", hashlib.sha256)
        self._cipher = AESGCM(self._key)

    def close(self, subject: str, positions: Sequence[Position]) -> tuple[bytes, str]:
        """What is left under this subject, and the number by which the stream knows it again."""
        said = json.dumps([_row(each) for each in positions], separators=(",", ":")).encode()
        nonce = os.urandom(_NONCE)
        number = hmac.digest(self._number, subject.encode() + said, hashlib.sha256).hex()
        return nonce + self._cipher.encrypt(nonce, said, subject.encode()), number

    def open(self, subject: str, message: bytes) -> list[Position]:
        """Raises NotOurs."""
        try:
            said = self._cipher.decrypt(message[:_NONCE], message[_NONCE:], subject.encode())
        except (InvalidTag, ValueError):
            raise NotOurs("forged") from None
        try:
            return [_read(*row) for row in json.loads(said)]
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise NotOurs("malformed") from None


def _read(
    movement: object, person: object, at: float, latitude: float, longitude: float, *others: float | None
) -> Position:
    """Raises ValueError, TypeError or OverflowError for what `_row` has not written."""
    if not (isinstance(movement, str) and isinstance(person, str) and (movement + person).isascii()):
        raise ValueError("no ids")
    accuracy, speed, heading = (None if each is None else _finite(each) for each in others)
    return Position(
        movement, person, _finite(at), _finite(latitude), _finite(longitude), accuracy, speed, heading
    )


def _finite(number: float) -> float:
    found = float(number)
    if not math.isfinite(found):
        raise ValueError("no number")
    return found


async def leave(home: Home, positions: Iterable[Position], days: float = DEFAULT_DAYS) -> bool:
    """Leave positions that are decided on until the database is back; whether they are on NATS's disk now, all of them.

    `days` is for how long the clause lets a position be kept.
    """
    if not addresses(home):
        return False
    link = link_of(home)
    if not link.connected or link.client is None:
        return False
    sealing, now = Sealing(bus_key(home)), time.time()
    stream = link.client.jetstream(timeout=LEFT_SECONDS)
    for some in _together(positions):
        left = some[0].at + 86_400.0 * days - now
        if left < 1:
            continue
        subject = f"{waiting_of(home.party)}.{some[0].movement}"
        message, number = sealing.close(subject, some)
        try:
            await stream.publish(
                subject, message, stream=STREAM, headers={"Nats-Msg-Id": number}, msg_ttl=int(left)
            )
        except Exception as fault:
            log_event("bus_faulty", process=link.process, fault=fault)
            return False
    log_event("reports_wait", process=link.process)
    return True


def _together(positions: Iterable[Position]) -> Iterator[list[Position]]:
    """Those of one journey and about one hour, oldest first."""
    found: dict[tuple[str, int], list[Position]] = {}
    for each in sorted(positions, key=attrgetter("at")):
        found.setdefault((each.movement, int(each.at // SPAN)), []).append(each)
    yield from found.values()


class Keeping:
    """Writes what waits; one for each process that takes positions. `moved` is told of each journey that it is of."""

    def __init__(self, home: Home, moved: Callable[[str], None] = lambda _movement: None) -> None:
        self.home, self._moved = home, moved
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="waiting")
        self._store: Store | None = None
        self._door = AsyncDoor(home)
        self._telling = Telling(self._hop, self._open, lambda: self._door, Bell(lambda: home))
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, where the node has NATS."""
        if addresses(self.home) and self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._telling.done()
        await self._door.close()
        if self._store is not None:
            self._thread.submit(self._store.close)
        self._thread.submit(connections.close_all)
        self._thread.shutdown()

    async def _run(self) -> None:
        link = link_of(self.home)
        sealing = Sealing(bus_key(self.home))
        while True:
            try:
                if link.connected and link.client is not None:
                    held = await link.client.jetstream().pull_subscribe_bind(CONSUMER, STREAM)
                    try:
                        while link.connected:
                            await self._take(sealing, await _fetch(held))
                    finally:
                        await held.unsubscribe()
            except (*FAULTS, DatabaseError, OSError) as fault:
                log_event("positions_unread", fault=fault)
            except Exception as fault:
                if link.connected:
                    log_event("bus_faulty", process=link.process, fault=fault)
            await asyncio.sleep(random.uniform(*AGAIN))  # noqa: S311

    async def _take(self, sealing: Sealing, messages: Sequence[Any]) -> None:
        """Write what some messages hold and take them out of the stream. Raises what the database fails with."""
        if not messages:
            return
        opened: list[list[Position]] = []
        ours: list[Any] = []
        for message in messages:
            try:
                opened.append(sealing.open(message.subject, message.data))
                ours.append(message)
            except NotOurs as fault:
                # Perhaps another process has its key, or is of its version; its term takes it away else.
                link_of(self.home).refused(fault)
                await message.nak(delay=UNREAD_AGAIN)
        messages = ours
        try:
            movements = await self._hop(lambda: self._keep(opened))
        except BaseException:
            for message in messages:
                await message.nak(delay=random.uniform(*AGAIN))  # noqa: S311
            raise
        for message in messages:
            await message.ack()
        for movement in movements:
            self._moved(movement)
        self._telling.moved(movements)

    def _keep(self, opened: Sequence[Sequence[Position]]) -> Collection[str]:
        """Keep what may still be kept; the movements of which something was new."""
        given = [each for some in opened for each in some]
        known = {movement: _since(movement) for movement in {each.movement for each in given}}
        batches = [
            [each for each in given if each.movement == name and each.at >= since]
            for name, since in known.items()
        ]
        new = self._open().put_each(batches)
        return [movement for movement, count in zip(known, new, strict=True) if count]

    def _open(self) -> Store:
        if self._store is None:
            self._store = Store(self.home)
            self._store.wait_for_disk()
        return self._store

    async def _hop(self, question: Callable[[], T]) -> T:
        def asked() -> T:
            close_old_connections()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)


def _since(movement: str) -> float:
    """The moment before which nothing of a movement is kept; all of one that is none any more."""
    found = heading(movement)
    if found is None or found[0].kind != MOVEMENT:
        return float("inf")
    return time.time() - 86_400.0 * keep_days(here.state().policy, found[0].originator)


async def _fetch(held: Any) -> list[Any]:
    try:
        return list(await held.fetch(AT_ONCE, timeout=LOOK))
    except TimeoutError:
        return []
