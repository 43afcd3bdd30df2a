"""What the web processes of one node share: a piece of memory that the server makes and each of them inherits.

In it: how much of an allowance each has left, what one of them has made that another may be asked for next, and a sign
of life of each. No file has a name for it, and it is gone with the last of them. Each takes turns by locks that end
with whoever holds them, so that one that is killed keeps nobody waiting. Where a node has one web process, or for any
other process, it is plain memory.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import math
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MOST_PROCESSES = 64
SILENT_SECONDS = 30.0
"""A process whose loop did not go round for so long answers nobody."""

_LEVEL = struct.Struct("<8sdd")
_LEVELS = 1 << 16
_NEAR = 8
"""Places in which a level may stand: of those that are taken the one that was asked for least lately makes room."""
_BEAT = struct.Struct("<d")
_HELD = struct.Struct("<32sdQ")
_HELD_PLACES, _HELD_BYTES = 8, 33 * 1024 * 1024

_BEATS_AT = _LEVELS * _LEVEL.size
_HEADS_AT = _BEATS_AT + MOST_PROCESSES * _BEAT.size
_HELD_AT = (_HEADS_AT + _HELD_PLACES * _HELD.size + mmap.PAGESIZE - 1) // mmap.PAGESIZE * mmap.PAGESIZE
_SIZE = _HELD_AT + _HELD_PLACES * _HELD_BYTES


class Commons:
    """For a process and those that it forks. Memory that nobody has written to takes no room."""

    def __init__(self) -> None:
        self._file = os.memfd_create("safeconduct-web", os.MFD_CLOEXEC)
        os.ftruncate(self._file, _SIZE)
        self._memory = mmap.mmap(self._file, _SIZE)
        self._mine = -1
        self._threads = threading.Lock()
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._threads, self._mine = threading.Lock(), -1

    @contextmanager
    def _turn(self, at: int, length: int) -> Iterator[None]:
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX, length, at)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, length, at)

    # --- allowances ----------------------------------------------------------------------------------------

    def level(self, who: str, count: float, most: float, a_second: float, now: float) -> float:
        """Take so many of an allowance; 0 when they may pass, else the seconds after which they may."""
        name = hashlib.blake2b(who.encode(errors="replace"), digest_size=8).digest()
        first = int.from_bytes(name[:2], "little") // _NEAR * _NEAR
        size, memory = _LEVEL.size, self._memory
        with self._turn(first * size, _NEAR * size):
            places = [_LEVEL.unpack_from(memory, (first + n) * size) for n in range(_NEAR)]
            found = [n for n, place in enumerate(places) if place[0] == name]
            place = found[0] if found else min(range(_NEAR), key=lambda n: places[n][2])
            _, left, since = places[place] if found else (name, most, now)
            left, wait = _taken(left, since, count, most, a_second, now)
            _LEVEL.pack_into(memory, (first + place) * size, name, left, now)
        return wait

    # --- what is kept for a while --------------------------------------------------------------------------

    def held(self, key: str, now: float) -> bytes | None:
        """What one of the processes holds under this key."""
        name = hashlib.sha256(key.encode()).digest()
        with self._turn(_HEADS_AT, _SIZE - _HEADS_AT):
            for place in range(_HELD_PLACES):
                other, until, length = _HELD.unpack_from(self._memory, _HEADS_AT + place * _HELD.size)
                if other == name and now < until:
                    at = _HELD_AT + place * _HELD_BYTES
                    return self._memory[at : at + length]
        return None

    def hold(self, key: str, raw: bytes, until: float) -> bool:
        """Hold this until then (monotonic seconds), in the place that ends first; False for what is too large."""
        if len(raw) > _HELD_BYTES:
            return False
        name = hashlib.sha256(key.encode()).digest()
        with self._turn(_HEADS_AT, _SIZE - _HEADS_AT):
            heads = [_HELD.unpack_from(self._memory, _HEADS_AT + n * _HELD.size) for n in range(_HELD_PLACES)]
            same = [n for n, head in enumerate(heads) if head[0] == name]
            place = same[0] if same else min(range(_HELD_PLACES), key=lambda n: heads[n][1])
            self._drop(place)
            at = _HELD_AT + place * _HELD_BYTES
            self._memory[at : at + len(raw)] = raw
            _HELD.pack_into(self._memory, _HEADS_AT + place * _HELD.size, name, until, len(raw))
        return True

    def let_go(self, now: float) -> None:
        """Forget what has had its time, and give its memory back."""
        with self._turn(_HEADS_AT, _SIZE - _HEADS_AT):
            for place in range(_HELD_PLACES):
                _, until, length = _HELD.unpack_from(self._memory, _HEADS_AT + place * _HELD.size)
                if length and until <= now:
                    self._drop(place)

    def _drop(self, place: int) -> None:
        _HELD.pack_into(self._memory, _HEADS_AT + place * _HELD.size, b"", 0.0, 0)
        self._memory.madvise(mmap.MADV_REMOVE, _HELD_AT + place * _HELD_BYTES, _HELD_BYTES)

    # --- signs of life -------------------------------------------------------------------------------------

    def beat(self, now: float) -> None:
        """Say that this process works. Its place is a lock that ends with it."""
        if self._mine < 0:
            self._mine = next(n for n in range(MOST_PROCESSES) if self._claims(n))
        _BEAT.pack_into(self._memory, _BEATS_AT + self._mine * _BEAT.size, now)

    def _claims(self, place: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, _BEAT.size, _BEATS_AT + place * _BEAT.size)
        except OSError:
            return False
        return True

    def alive(self, now: float) -> tuple[int, int]:
        """How many processes there are, and how many of them are silent."""
        there = silent = 0
        for place in range(MOST_PROCESSES):
            if place != self._mine:
                with self._threads:
                    if self._claims(place):
                        at = _BEATS_AT + place * _BEAT.size
                        fcntl.lockf(self._file, fcntl.LOCK_UN, _BEAT.size, at)
                        continue
            (last,) = _BEAT.unpack_from(self._memory, _BEATS_AT + place * _BEAT.size)
            there += 1
            silent += now - last > SILENT_SECONDS
        return there, silent


class Alone:
    """The same for a process that shares with nobody."""

    MOST = 10_000

    def __init__(self) -> None:
        self._threads = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}

    def level(self, who: str, count: float, most: float, a_second: float, now: float) -> float:
        with self._threads:
            left, since = self._levels.get(who, (most, now))
            left, wait = _taken(left, since, count, most, a_second, now)
            if who not in self._levels and len(self._levels) >= self.MOST:
                self._levels.clear()
            self._levels[who] = (left, now)
        return wait


def _taken(
    left: float, since: float, count: float, most: float, a_second: float, now: float
) -> tuple[float, float]:
    """(what is left, seconds to wait) after taking `count` of a bucket that has filled up since then."""
    left = min(most, max(0.0, left) + max(0.0, now - since) * a_second)
    return (left - count, 0.0) if left >= count else (left, math.ceil((count - left) / a_second))


_shared: Commons | None = None


def begin() -> Commons:
    """Called by the server before it forks its processes."""
    global _shared
    _shared = Commons()
    return _shared


def shared() -> Commons | None:
    """What this process shares with others; None where it is alone."""
    return _shared


def levels() -> Commons | Alone:
    """Where a process keeps how much of an allowance is left."""
    return _shared or Alone()


async def keep_beating(pause: float = 1.0) -> None:
    """Say once a second that this process works, and let go of what has had its time, until cancelled."""
    while _shared is not None:
        now = time.monotonic()
        _shared.beat(now)
        _shared.let_go(now)
        await asyncio.sleep(pause)


def all_work() -> bool:
    """Whether none of the processes that share is silent."""
    return _shared is None or _shared.alive(time.monotonic())[1] == 0
