"""Keys for sealed parts, apart from the database of what they seal and from its backups.

Erasing a key erases what was sealed under it, everywhere. Keys are written ahead of use in durable
blocks, so that taking one costs no disk flush. A slot is handed out once, ever: its number may be in
a ledger that cannot be changed. The slots lie in one flat file (`slots_file`), or in a PostgreSQL database that has
nothing else (`slots_postgres`).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from safeconduct.ledger.database import DatabaseFault
from safeconduct.ledger.slots import ERASED as _ERASED
from safeconduct.ledger.slots import HELD as _HELD
from safeconduct.ledger.slots import KEY_SIZE, SLOT_SIZE, KeyStoreRefused, Medium, read_slot, slot_bytes
from safeconduct.ledger.slots_file import SlotsFile

BLOCK = 4096
"""Keys made at a time; after a crash at most this many slots stay unused for ever."""

__all__ = ["BLOCK", "KeyStore", "KeyStoreRefused"]


class KeyStore:
    """An open key store. One writer; any number of readers, who see an erasure at their next read.

    Counted are the slots that are `filled` (durable) and `reserved` (perhaps handed out). While
    keys are being taken the whole filled part is reserved; only a clean `close()` gives the rest back.
    """

    def __init__(self, medium: Medium, write: bool) -> None:
        """Raises KeyStoreRefused when the medium is damaged."""
        self.medium = medium
        self._write = write
        self._open = True
        self._lock = threading.Lock()
        self._failed = False
        self._filled, self._reserved = medium.counts()
        self._next = self._reserved
        self._pool: list[bytes] = []
        if write and not medium.whole():
            self._count(self._filled, self._reserved)

    @classmethod
    def open(
        cls, path: Path | str, *, write: bool = True, create: bool = False, readers: bool = False
    ) -> KeyStore:
        """Open the store in a file; with `create` an absent one is made, mode 0600. With `readers` it may be another
        user's who lets this one's group read it.

        Raises KeyRefused when others may touch the file, KeyStoreRefused when it is damaged or
        another writer has it open.
        """
        medium = SlotsFile(Path(path), write, create, readers)
        try:
            return cls(medium, write)
        except BaseException:
            medium.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close; a writer gives back the slots that it reserved and did not hand out, unless the way to them is cut."""
        with self._lock:
            if not self._open:
                return
            try:
                if self._write and not self._failed and self._next != self._reserved:
                    with contextlib.suppress(DatabaseFault):
                        self._count(self._filled, self._next)
            finally:
                self._pool.clear()
                self._open = False
                self.medium.close()

    @property
    def next_slot(self) -> int:
        """The lowest slot that this store may still hand out."""
        return self._next

    def take(self) -> tuple[int, bytes]:
        """A slot never handed out before, and its key (32 bytes). Durable before it returns."""
        with self._lock:
            if not self._pool:
                self._refill()
            slot = self._next
            self._next = slot + 1
            return slot, self._pool.pop()

    def key(self, slot: int) -> bytes | None:
        """The key in a slot, read anew each time; None when it was erased or lies beyond the store.

        Raises KeyStoreRefused when the slot is damaged.
        """
        if slot < 0:
            raise IndexError("slots count from 0")
        raw = self.medium.read(slot, 1)
        if not raw:
            return None
        state, key = read_slot(raw, slot)
        return key if state == _HELD else None

    def erase(self, slots: Iterable[int]) -> None:
        """Overwrite the keys in these slots; all are gone from the store when it returns.

        Repeat it after a failure. What a disk keeps of overwritten blocks is beyond its reach.
        """
        wanted = sorted(set(slots))
        with self._lock:
            self._check_writer()
            if wanted and not 0 <= wanted[0] <= wanted[-1] < self._next:
                raise IndexError("only a slot that was handed out can be erased")
            with _Failing(self):
                self.medium.overwrite(wanted)

    def advance_past(self, slot: int) -> None:
        """Never hand out `slot` or one before it: for a store older than the ledger that names it.

        What the store never had keys of reads as erased: nothing is tried on it with a key made later.
        """
        with self._lock:
            self._check_writer()
            had = self._filled
            while self._next <= slot:
                if not self._pool:
                    self._refill()
                if self._next > slot:
                    break
                step = min(len(self._pool), slot + 1 - self._next)
                del self._pool[-step:]
                self._next += step
            with _Failing(self):
                self.medium.overwrite(range(had, self._next))

    def _refill(self) -> None:
        self._check_writer()
        with _Failing(self):
            if self._next == self._filled:
                fresh = os.urandom(BLOCK * KEY_SIZE)
                keys = [fresh[at : at + KEY_SIZE] for at in range(0, len(fresh), KEY_SIZE)]
                self.medium.write(self._filled, b"".join([slot_bytes(_HELD, key) for key in keys]))
                self._count(self._filled + BLOCK, self._filled + BLOCK)
            else:
                keys = self._read_keys(self._next, self._filled)
                self._next = self._filled - len(keys)
                self._count(self._filled, self._filled)
        if not keys:
            self._refill()
            return
        keys.reverse()
        self._pool = keys

    def _read_keys(self, start: int, end: int) -> list[bytes]:
        """The keys of the last slots before `end`: those up to a damaged one are never handed out."""
        raw = self.medium.read(start, end - start)
        keys: list[bytes] = []
        for slot in range(start, end):
            at = (slot - start) * SLOT_SIZE
            try:
                state, key = read_slot(raw[at : at + SLOT_SIZE], slot)
            except KeyStoreRefused:
                state, key = _ERASED, b""
            if state == _HELD:
                keys.append(key)
            else:
                keys.clear()
        return keys

    def damage(self, first: int, count: int) -> str:
        """What is damaged among the headers and `count` slots from `first` on, in words; "" for nothing."""
        if not first and not self.medium.whole():
            return "a header of the key store is damaged"
        raw = self.medium.read(first, count)
        for at in range(0, len(raw) - SLOT_SIZE + 1, SLOT_SIZE):
            try:
                read_slot(raw[at : at + SLOT_SIZE], first + at // SLOT_SIZE)
            except KeyStoreRefused as fault:
                return str(fault)
        return ""

    def slots(self) -> int:
        """How many slots were made, handed out or not."""
        return self._filled

    def reaches(self, slot: int) -> bool:
        """Whether there is, or was, a key in this slot."""
        return slot < self.medium.extent()

    def _count(self, filled: int, reserved: int) -> None:
        self.medium.count(filled, reserved)
        self._filled, self._reserved = filled, reserved

    def _check_writer(self) -> None:
        if not self._write or not self._open:
            raise KeyStoreRefused(f"{self.medium.name} is not open for writing")
        if self._failed:
            raise KeyStoreRefused(f"{self.medium.name} failed to write; open it again")


class _Failing:
    """After a failed write the state on disk is unknown, so the store takes no more orders."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._store._failed = True
