"""The announcements of one writer's life, each with its number; the last of them are kept for who missed some."""

from __future__ import annotations

import secrets
from collections import deque
from typing import Any

Answer = dict[str, Any]
KEPT = 20_000
"""Announcements that can be told again."""


class Numbers:
    """`run` names this life of the writer: numbers of another one say nothing here."""

    def __init__(self, most: int = KEPT) -> None:
        self.run = secrets.token_hex(8)
        self.last = 0
        self._kept: deque[Answer] = deque(maxlen=most)

    def add(self, event: Answer) -> int:
        """Number the next announcement."""
        self.last += 1
        self._kept.append(event)
        return self.last

    def after(self, run: str, number: int) -> list[tuple[int, Answer]] | None:
        """What came after this number; None where that is not known: of another run, or no longer kept."""
        missed = self.last - number
        if run != self.run or not 0 <= missed <= len(self._kept):
            return None
        first = len(self._kept) - missed
        return [(number + 1 + i, self._kept[first + i]) for i in range(missed)]
