"""One entry of a partner's feed, verified by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arrival:
    """One verified feed entry: its index and leaf, the header in it, its disclosures by part position, and the
    values that they were opened to. `unpermitted` are parts that came without a clause for them and were let go.
    `later`: only a later version of the program understands it."""

    index: int
    leaf: bytes
    header: dict[str, Any]
    texts: dict[int, str]
    values: dict[int, Any]
    unpermitted: tuple[str, ...] = ()
    later: bool = False
