"""The slots of a key store in one flat file.

Two header copies (at 0 and 4096; the valid one with the higher sequence counts), then the slots from 8192 on. With one
copy damaged nobody knows how far the other one is behind: every slot that the file has counts as handed out, and the
copy is written anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from safeconduct.ledger.keys import check_private, create_private
from safeconduct.ledger.slots import ERASED_SLOT, SLOT_SIZE, KeyStoreRefused

_START = 8192
_COPIES = (0, 4096)
_HEADER = struct.Struct(">8sQQQ")
_MAGIC = b"sc-keys1"


def _header_bytes(sequence: int, filled: int, reserved: int) -> bytes:
    body = _HEADER.pack(_MAGIC, sequence, filled, reserved)
    return body + zlib.crc32(body).to_bytes(4, "big")


class SlotsFile:
    """An open file of slots; its lock is held while it is open for writing."""

    def __init__(self, path: Path, write: bool, create: bool, readers: bool) -> None:
        """Raises KeyRefused when others may touch the file, KeyStoreRefused when another writer has it open."""
        self.name = str(path)
        self._sequence = 0
        if create and not path.exists():
            with contextlib.suppress(FileExistsError):
                create_private(path, b"".join(_header_bytes(n, 0, 0).ljust(4096, b"\x00") for n in (0, 1)))
        mode = os.O_RDWR if write else os.O_RDONLY
        self.descriptor = os.open(path, mode | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            check_private(self.descriptor, path, readers=readers)
            if write:
                try:
                    fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise KeyStoreRefused(f"{path} is open in another writer") from None
        except BaseException:
            self.close()
            raise

    def counts(self) -> tuple[int, int]:
        found = self._headers()
        if not found:
            raise KeyStoreRefused(f"{self.name} is not a key store, or is damaged")
        self._sequence, filled, reserved = max(found)
        if len(found) < len(_COPIES):
            filled = reserved = max(filled, self.extent())
        return filled, reserved

    def whole(self) -> bool:
        return len(self._headers()) == len(_COPIES)

    def count(self, filled: int, reserved: int) -> None:
        sequence = self._sequence + 1
        self._put(_header_bytes(sequence, filled, reserved), _COPIES[sequence % len(_COPIES)])
        os.fsync(self.descriptor)
        self._sequence = sequence

    def extent(self) -> int:
        return max(0, os.fstat(self.descriptor).st_size - _START) // SLOT_SIZE

    def write(self, first: int, slots: bytes) -> None:
        self._put(slots, _START + first * SLOT_SIZE)
        os.fsync(self.descriptor)

    def read(self, first: int, count: int) -> bytes:
        raw = os.pread(self.descriptor, count * SLOT_SIZE, _START + first * SLOT_SIZE)
        return raw[: len(raw) // SLOT_SIZE * SLOT_SIZE]

    def overwrite(self, slots: Sequence[int]) -> None:
        for slot in slots:
            self._put(ERASED_SLOT, _START + slot * SLOT_SIZE)
        if slots:
            os.fsync(self.descriptor)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _headers(self) -> list[tuple[int, int, int]]:
        """(sequence, filled, reserved) of each header copy that is whole."""
        found = []
        for at in _COPIES:
            raw = os.pread(self.descriptor, _HEADER.size + 4, at)
            if len(raw) == _HEADER.size + 4 and zlib.crc32(raw[:-4]) == int.from_bytes(raw[-4:], "big"):
                magic, sequence, filled, reserved = _HEADER.unpack(raw[:-4])
                if magic == _MAGIC and reserved <= filled:
                    found.append((sequence, filled, reserved))
        return found

    def _put(self, data: bytes, offset: int) -> None:
        while data:
            written = os.pwrite(self.descriptor, data, offset)
            data, offset = data[written:], offset + written
