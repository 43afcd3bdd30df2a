"""Keys for sealed parts, in one flat file apart from the database and its backups.

Erasing a key erases what was sealed under it, everywhere. Keys are written ahead of use in durable
blocks, so that taking one costs no disk flush. A slot is handed out once, ever: its number may be in
a ledger that cannot be changed.

File: two header copies (at 0 and 4096; the valid one with the higher sequence counts), then slots of
40 bytes from 8192 on: state, three zero bytes, 32 key bytes, CRC-32 of what precedes. With one copy damaged
nobody knows how far the other one is behind: every slot that the file has counts as handed out, and the copy is
written anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from safeconduct.ledger.keys import check_private, create_private

KEY_SIZE = 32
SLOT_SIZE = 40
BLOCK = 4096
"""Keys made at a time; after a crash at most this many slots stay unused for ever."""

_START = 8192
_COPIES = (0, 4096)
_HEADER = struct.Struct(">8sQQQ")
_MAGIC = b"sc-keys1"
_SLOT = struct.Struct(">B3x32s")
_HELD, _ERASED = 1, 2


class KeyStoreRefused(ValueError):
    """The file is damaged, in use by another writer, or has failed to write."""


def _slot_bytes(state: int, key: bytes) -> bytes:
    body = _SLOT.pack(state, key)
    return body + zlib.crc32(body).to_bytes(4, "big")


def _header_bytes(sequence: int, filled: int, reserved: int) -> bytes:
    body = _HEADER.pack(_MAGIC, sequence, filled, reserved)
    return body + zlib.crc32(body).to_bytes(4, "big")


_ERASED_SLOT = _slot_bytes(_ERASED, bytes(KEY_SIZE))


class KeyStore:
    """An open key store. One writer; any number of readers, who see an erasure at their next read.

    The header counts the slots that are `filled` (durable) and `reserved` (perhaps handed out). While
    keys are being taken the whole filled part is reserved; only a clean `close()` gives the rest back.
    """

    def __init__(self, descriptor: int, path: Path, write: bool) -> None:
        self.path = path
        self._descriptor = descriptor
        self._write = write
        self._lock = threading.Lock()
        self._failed = False
        self._sequence, self._filled, self._reserved = self._read_header()
        self._next = self._reserved
        self._pool: list[bytes] = []
        if write and len(self._headers()) < len(_COPIES):
            self._write_header(self._filled, self._reserved)

    @classmethod
    def open(
        cls, path: Path | str, *, write: bool = True, create: bool = False, readers: bool = False
    ) -> KeyStore:
        """Open the store; with `create` an absent file is made, mode 0600. With `readers` it may be another user's who
        lets this one's group read it.

        Raises KeyRefused when others may touch the file, KeyStoreRefused when it is damaged or
        another writer has it open.
        """
        location = Path(path)
        if create and not location.exists():
            with contextlib.suppress(FileExistsError):
                create_private(
                    location, b"".join(_header_bytes(n, 0, 0).ljust(4096, b"\x00") for n in (0, 1))
                )
        mode = os.O_RDWR if write else os.O_RDONLY
        descriptor = os.open(location, mode | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            check_private(descriptor, location, readers=readers)
            if write:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise KeyStoreRefused(f"{location} is open in another writer") from None
            return cls(descriptor, location, write)
        except BaseException:
            os.close(descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close; a writer gives back the slots that it reserved and did not hand out."""
        with self._lock:
            if self._descriptor < 0:
                return
            try:
                if self._write and not self._failed and self._next != self._reserved:
                    self._write_header(self._filled, self._next)
            finally:
                self._pool.clear()
                os.close(self._descriptor)
                self._descriptor = -1

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
        raw = os.pread(self._descriptor, SLOT_SIZE, _START + slot * SLOT_SIZE)
        if len(raw) < SLOT_SIZE:
            return None
        state, key = _read_slot(raw, slot)
        return key if state == _HELD else None

    def erase(self, slots: Iterable[int]) -> None:
        """Overwrite the keys in these slots; all are gone from the file when it returns.

        Repeat it after a failure. What a disk keeps of overwritten blocks is beyond its reach.
        """
        wanted = sorted(set(slots))
        with self._lock:
            self._check_writer()
            if wanted and not 0 <= wanted[0] <= wanted[-1] < self._next:
                raise IndexError("only a slot that was handed out can be erased")
            with _Failing(self):
                for slot in wanted:
                    _write_all(self._descriptor, _ERASED_SLOT, _START + slot * SLOT_SIZE)
                if wanted:
                    os.fsync(self._descriptor)

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
                for made in range(had, self._next):
                    _write_all(self._descriptor, _ERASED_SLOT, _START + made * SLOT_SIZE)
                os.fsync(self._descriptor)

    def _refill(self) -> None:
        self._check_writer()
        with _Failing(self):
            if self._next == self._filled:
                fresh = os.urandom(BLOCK * KEY_SIZE)
                keys = [fresh[at : at + KEY_SIZE] for at in range(0, len(fresh), KEY_SIZE)]
                block = b"".join([_slot_bytes(_HELD, key) for key in keys])
                _write_all(self._descriptor, block, _START + self._filled * SLOT_SIZE)
                os.fsync(self._descriptor)
                self._write_header(self._filled + BLOCK, self._filled + BLOCK)
            else:
                keys = self._read_keys(self._next, self._filled)
                self._next = self._filled - len(keys)
                self._write_header(self._filled, self._filled)
        if not keys:
            self._refill()
            return
        keys.reverse()
        self._pool = keys

    def _read_keys(self, start: int, end: int) -> list[bytes]:
        """The keys of the last slots before `end`: those up to a damaged one are never handed out."""
        raw = os.pread(self._descriptor, (end - start) * SLOT_SIZE, _START + start * SLOT_SIZE)
        keys: list[bytes] = []
        for slot in range(start, end):
            at = (slot - start) * SLOT_SIZE
            try:
                state, key = _read_slot(raw[at : at + SLOT_SIZE], slot)
            except KeyStoreRefused:
                state, key = _ERASED, b""
            if state == _HELD:
                keys.append(key)
            else:
                keys.clear()
        return keys

    def damage(self, first: int, count: int) -> str:
        """What is damaged among the headers and `count` slots from `first` on, in words; "" for nothing."""
        if not first and len(self._headers()) < len(_COPIES):
            return "a header of the key store is damaged"
        raw = os.pread(self._descriptor, count * SLOT_SIZE, _START + first * SLOT_SIZE)
        for at in range(0, len(raw) - SLOT_SIZE + 1, SLOT_SIZE):
            try:
                _read_slot(raw[at : at + SLOT_SIZE], first + at // SLOT_SIZE)
            except KeyStoreRefused as fault:
                return str(fault)
        return ""

    def slots(self) -> int:
        """How many slots were made, handed out or not."""
        return self._filled

    def reaches(self, slot: int) -> bool:
        """Whether there is, or was, a key in this slot."""
        return slot < self._in_file()

    def _in_file(self) -> int:
        return max(0, os.fstat(self._descriptor).st_size - _START) // SLOT_SIZE

    def _read_header(self) -> tuple[int, int, int]:
        found = self._headers()
        if not found:
            raise KeyStoreRefused(f"{self.path} is not a key store, or is damaged")
        sequence, filled, reserved = max(found)
        if len(found) < len(_COPIES):
            filled = reserved = max(filled, self._in_file())
        return sequence, filled, reserved

    def _headers(self) -> list[tuple[int, int, int]]:
        """(sequence, filled, reserved) of each header copy that is whole."""
        found = []
        for at in _COPIES:
            raw = os.pread(self._descriptor, _HEADER.size + 4, at)
            if len(raw) == _HEADER.size + 4 and zlib.crc32(raw[:-4]) == int.from_bytes(raw[-4:], "big"):
                magic, sequence, filled, reserved = _HEADER.unpack(raw[:-4])
                if magic == _MAGIC and reserved <= filled:
                    found.append((sequence, filled, reserved))
        return found

    def _write_header(self, filled: int, reserved: int) -> None:
        sequence = self._sequence + 1
        copy = _COPIES[sequence % len(_COPIES)]
        _write_all(self._descriptor, _header_bytes(sequence, filled, reserved), copy)
        os.fsync(self._descriptor)
        self._sequence, self._filled, self._reserved = sequence, filled, reserved

    def _check_writer(self) -> None:
        if not self._write or self._descriptor < 0:
            raise KeyStoreRefused(f"{self.path} is not open for writing")
        if self._failed:
            raise KeyStoreRefused(f"{self.path} failed to write; open it again")


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


def _read_slot(raw: bytes, slot: int) -> tuple[int, bytes]:
    if len(raw) < SLOT_SIZE or zlib.crc32(raw[:-4]) != int.from_bytes(raw[-4:], "big"):
        raise KeyStoreRefused(f"slot {slot} is damaged")
    state, key = _SLOT.unpack(raw[:-4])
    return state, key


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
