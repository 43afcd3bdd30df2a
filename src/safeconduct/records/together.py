"""One hop for many: questions that come while others are answered are answered together, in the order they came."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")
MOST = 500


class Together(Generic[Q, A]):
    """`answer` gets the questions that wait and returns as many answers; one that is an exception is raised to who
    asked. `hop` runs it where a database may be waited for."""

    def __init__(
        self,
        answer: Callable[[Sequence[Q]], Sequence[A | Exception]],
        hop: Callable[[Callable[[], Any]], Awaitable[Any]],
        most: int = MOST,
    ) -> None:
        self._answer, self._hop, self._most = answer, hop, most
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._running: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer to one question. Raises what it was answered with, or what the whole group failed with."""
        answered: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answered))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await answered

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            questions = [question for question, _ in group]
            try:
                answers = await self._hop(lambda asked=questions: self._answer(asked))  # type: ignore[misc]
            except Exception as fault:
                answers = [fault] * len(group)
            for (_, answered), answer in zip(group, answers, strict=True):
                if answered.done():
                    continue
                if isinstance(answer, Exception):
                    answered.set_exception(answer)
                else:
                    answered.set_result(answer)
