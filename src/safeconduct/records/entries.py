"""How a ledger entry's parts lie beside its leaf: empty, in the open, sealed under a key slot, or erased."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

EMPTY, PLAIN, SEALED, ERASED = range(4)
_HEAD = struct.Struct(">BQI")


class BodyRefused(ValueError):
    """Bytes beside a leaf that are not a packed body."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One part beside its leaf. `slot` is the key's place in the key store; `data` plain or sealed bytes."""

    state: int
    slot: int = 0
    data: bytes = b""


def pack(parts: Sequence[StoredPart]) -> bytes:
    return b"".join(_HEAD.pack(p.state, p.slot, len(p.data)) + p.data for p in parts)


def unpack(body: bytes) -> list[StoredPart]:
    """The parts of a packed body. Raises BodyRefused on truncation or an unknown state."""
    parts: list[StoredPart] = []
    at = 0
    while at < len(body):
        if at + _HEAD.size > len(body):
            raise BodyRefused("truncated part")
        state, slot, length = _HEAD.unpack_from(body, at)
        at += _HEAD.size
        data = bytes(body[at : at + length])
        at += length
        if state > ERASED or len(data) != length:
            raise BodyRefused("truncated part or unknown state")
        parts.append(StoredPart(state, slot, data))
    return parts
