"""Who listens to the writer: a connection that asked for its events, and what of them it is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from safeconduct.records.users import HEARS

Answer = dict[str, Any]


@dataclass(frozen=True)
class Subscriber:
    """`numbered`: each event comes in an envelope with its number."""

    process: str
    numbered: bool

    def hears(self, event: Answer) -> bool:
        return self.process not in HEARS or event.get("kind") in HEARS[self.process]


async def gone(reader: asyncio.StreamReader) -> None:
    """Until the other end has closed. What it says meanwhile is not kept: nobody asked it."""
    while await reader.read(65_536):
        pass
