"""A slot of a key store: 40 bytes, and where slots may lie.

State, three zero bytes, 32 key bytes, CRC-32 of what precedes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Protocol

KEY_SIZE = 32
SLOT_SIZE = 40
HELD, ERASED = 1, 2
_SLOT = struct.Struct(">B3x32s")


class KeyStoreRefused(ValueError):
    """The store is damaged, in use by another writer, or has failed to write."""


class Medium(Protocol):
    """What holds the slots of one store, numbered from 0. Whatever is written is durable on return."""

    name: str

    def counts(self) -> tuple[int, int]:
        """How many slots are filled and reserved. Raises KeyStoreRefused when nobody can know."""

    def whole(self) -> bool:
        """Whether nothing of what tells the counts is damaged."""

    def count(self, filled: int, reserved: int) -> None: ...

    def extent(self) -> int:
        """How many slots there are, counted or not."""

    def write(self, first: int, slots: bytes) -> None:
        """Put whole slots one after the other from `first` on."""

    def read(self, first: int, count: int) -> bytes:
        """As many whole slots, or fewer where the store ends before."""

    def overwrite(self, slots: Sequence[int]) -> None:
        """Put an erased slot in the place of each; of what was there nothing is left that this medium reaches."""

    def close(self) -> None: ...


def slot_bytes(state: int, key: bytes) -> bytes:
    body = _SLOT.pack(state, key)
    return body + zlib.crc32(body).to_bytes(4, "big")


def read_slot(raw: bytes, slot: int) -> tuple[int, bytes]:
    """(state, key). Raises KeyStoreRefused when the slot is damaged."""
    if len(raw) < SLOT_SIZE or zlib.crc32(raw[:-4]) != int.from_bytes(raw[-4:], "big"):
        raise KeyStoreRefused(f"slot {slot} is damaged")
    state, key = _SLOT.unpack(raw[:-4])
    return state, key


ERASED_SLOT = slot_bytes(ERASED, bytes(KEY_SIZE))
