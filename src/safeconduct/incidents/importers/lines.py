"""A row of a file about incidents, once it was read: the draft of an incident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """A row as the draft of an incident: its parts and the level each part is to bear."""

    line: int
    external: str
    parts: dict[str, dict[str, Any]]
    levels: dict[str, int]
    state: str = "closed"

    @property
    def draft(self) -> dict[str, Any]:
        return {
            "kind": "incident",
            "state": self.state,
            "external": self.external,
            "parts": self.parts,
            "levels": self.levels,
        }
