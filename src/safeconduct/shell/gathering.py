"""Questions that come while others are being answered are answered together: five thousand are twenty rounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

AT_ONCE = 250


class Gathering(Generic[Q, A]):
    """Answers questions with a function of many, one round after the other, each of at most `at_once`."""

    def __init__(self, answer: Callable[[list[Q]], Awaitable[Sequence[A]]], at_once: int = AT_ONCE) -> None:
        self._answer, self._at_once = answer, at_once
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer to one question. Raises what the round that it was in raised."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._rounds())
        return await future

    async def _rounds(self) -> None:
        while self._waiting:
            taken = self._waiting[: self._at_once]
            del self._waiting[: self._at_once]
            await self._round([(question, future) for question, future in taken if not future.done()])

    async def _round(self, taken: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        if not taken:
            return
        try:
            answers = await self._answer([question for question, _ in taken])
            paired = list(zip(taken, answers, strict=True))
        except Exception as fault:
            for _, future in taken:
                if not future.done():
                    future.set_exception(fault)
            return
        for (_, future), answer in paired:
            if not future.done():
                future.set_result(answer)
